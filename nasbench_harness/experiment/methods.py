"""Methods by the names that presets use: which strategy, partitioner and sampler each is, whence, and how faithful.

A strategy and a partitioner have names of their own; what a paper calls a method is mostly a combination of them. The
settings are TOML as in an experiment file, and only those that make the method what it is: shares, lengths and costs
are the experiment's.
"""

from __future__ import annotations

from dataclasses import dataclass

SPOS = "Guo et al., SPOS, ECCV 2020, arXiv 1904.00420"
FAIR_NAS = "Chu et al., FairNAS, arXiv 1907.01845"
FEW_SHOT = "Zhao et al., Few-shot NAS, ICML 2021"
GM_NAS = "Hu, Wang et al., GM-NAS, ICLR 2022"
HEP_NAS = "Li, Zhang, Wang, Ma, HEP-NAS, AAAI 2025, arXiv 2412.10723"
EFS_NAS = "Oh, Lee, Ham, EFS-NAS, arXiv 2412.14678"
HM_NAS = "Yan et al., HM-NAS, ICCV Workshops 2019, arXiv 1909.00122"
CLOSE = "Zhou, Ning et al., CLOSE, ECCV 2022, arXiv 2207.07868"
PAD_NAS = "Xia, Xiao, Wang, Zheng, PAD-NAS, WACV 2022, arXiv 2005.11014"


@dataclass(frozen=True)
class Method:
    """A named combination: ``settings`` is an inline TOML table, ``status`` as that of a strategy."""

    summary: str
    settings: str
    status: str
    source: str

    def described(self) -> dict[str, str]:
        """The fields as texts, for ``ls``."""
        return {"summary": self.summary, "settings": self.settings, "status": self.status, "source": self.source}


METHODS = {
    "one-shot-uniform": Method(
        "One supernet, one architecture a step, all equally likely (SPOS): the baseline.",
        '{kind = "one-shot", sampler = "uniform"}',
        "reproduction",
        SPOS,
    ),
    "one-shot-uniform-8": Method(
        "The same with 8 channels where others are narrower: as wide as efs-accum-k2, without its copies.",
        '{kind = "one-shot", sampler = "uniform", channels = 8}',
        "control",
        "control for EFS-NAS",
    ),
    "one-shot-balanced": Method(
        "One supernet, groups of nonlinearity count equally often: EFS-NAS's sampler without its partition.",
        '{kind = "one-shot", sampler = "balanced"}',
        "control",
        f"{EFS_NAS}, its baseline with balanced sampling",
    ),
    "one-shot-balanced-multi": Method(
        "The same with an architecture of every group at each step, as in the paper.",
        '{kind = "one-shot", sampler = {name = "balanced", form = "multi"}}',
        "control",
        f"{EFS_NAS}, its sampler without its partition",
    ),
    "one-shot-convolutions": Method(
        "One supernet, each number of live convolutions equally often: does tau follow how they are weighed? Ours.",
        '{kind = "one-shot", sampler = {name = "balanced", by = "convolutions"}}',
        "control",
        "a test of the sampler's share in the gain of EFS-NAS",
    ),
    "one-shot-fair": Method(
        "One supernet, each operation of every edge once a step (FairNAS).",
        '{kind = "one-shot", sampler = "fair"}',
        "adaptation",
        f"{FAIR_NAS}, strict fairness",
    ),
    "ensemble": Method(
        "Several supernets over the whole space, an equal part of the budget each, ranks averaged.",
        '{kind = "ensemble"}',
        "control",
        "control for methods with several networks",
    ),
    "single-edge": Method(
        "Few-shot NAS: one edge split exhaustively, five sub-supernets.",
        '{kind = "few-shot", partitioner = "single-edge"}',
        "adaptation",
        FEW_SHOT,
    ),
    "few-shot-depth-2": Method(
        "Few-shot NAS on two edges, 25 sub-supernets.",
        '{kind = "few-shot", partitioner = {name = "single-edge", edges = [0, 3]}}',
        "adaptation",
        FEW_SHOT,
    ),
    "random-partition": Method(
        "As many equal leaves as few-shot NAS, dealt at random.",
        '{kind = "few-shot", partitioner = {name = "random", leaves = 5}}',
        "control",
        "control for few-shot NAS",
    ),
    "efs-group": Method(
        "EFS-NAS as in the paper's text: a network for each group of nonlinearity counts.",
        '{kind = "few-shot", partitioner = "efs-group"}',
        "adaptation",
        EFS_NAS,
    ),
    "efs-accum": Method(
        "EFS-NAS as in the released code: cell copies by accumulated nonlinearities, balanced sampling.",
        '{kind = "few-shot", partitioner = "efs-accum", sampler = "balanced"}',
        "reproduction",
        f"{EFS_NAS}, released code",
    ),
    "efs-accum-k2": Method(
        "EFS-NAS with two copies of a cell and uniform sampling, as in some released logs.",
        '{kind = "few-shot", partitioner = {name = "efs-accum", thresholds = [15]}, sampler = "uniform"}',
        "reproduction",
        f"{EFS_NAS}, released logs",
    ),
    "random-routing": Method(
        "The network of efs-accum, its cell copies dealt to architectures at random.",
        '{kind = "few-shot", partitioner = "efs-accum-random", sampler = "balanced"}',
        "control",
        "control for EFS-NAS",
    ),
    "gm-nas": Method(
        "GM-NAS: divided where the gradients of operations differ most, level by level.",
        '{kind = "tree-few-shot", partitioner = "gradient-matching"}',
        "adaptation",
        GM_NAS,
    ),
    "random-tree": Method(
        "The tree of GM-NAS with random edges and random groups.",
        '{kind = "tree-few-shot", partitioner = "random-edge"}',
        "control",
        "control for GM-NAS",
    ),
    "worst-cut": Method(
        "The tree of GM-NAS with the grouping that cuts least.",
        '{kind = "tree-few-shot", partitioner = {name = "gradient-matching", objective = "worst"}}',
        "control",
        "control for GM-NAS",
    ),
    "hep-rank": Method(
        "HEP-NAS as a ranking: edges of a node divided jointly, all children kept, mutual distillation.",
        '{kind = "hep-rank", groups = "gradient", smd = "both"}',
        "adaptation",
        HEP_NAS,
    ),
    "hep-search": Method(
        "HEP-NAS as a search: node after node, the best child kept.",
        '{kind = "hep-search", groups = "gradient", smd = "both"}',
        "adaptation",
        HEP_NAS,
    ),
    "split-without-smd": Method(
        "hep-rank without distillation.",
        '{kind = "hep-rank", groups = "gradient", smd = "none"}',
        "control",
        "control for HEP-NAS",
    ),
    "hep-rank-operations": Method(
        "hep-rank with a child for each pair of operations; as many peers a step as four children have.",
        '{kind = "hep-rank", groups = "operations", smd = "both", max_peers = 3}',
        "control",
        "control for HEP-NAS",
    ),
    "smd-without-split": Method(
        "Mutual distillation between copies of one supernet, no partition.",
        '{kind = "smd-without-split"}',
        "control",
        "control for HEP-NAS",
    ),
    "hm-nas": Method(
        "HM-NAS: a mixture of all operations under masks of edges, operations and weights.",
        '{kind = "hm-nas", masking = true}',
        "adaptation",
        HM_NAS,
    ),
    "hm-nas-structure": Method(
        "HM-NAS with a rate and a pressure of their own for the masks of operations and edges, so that some close.",
        '{kind = "hm-nas", structure_rate = 1e-3, structure_pressure = 0.01}',
        "adaptation",
        HM_NAS,
    ),
    "pad-nas": Method(
        "PAD-NAS: search, prune, fine-tune, inside a window of cost.",
        '{kind = "pad-nas"}',
        "adaptation",
        PAD_NAS,
    ),
    "close": Method(
        "CLOSE: blocks of operations shared by all edges, a gate that picks one for each, a curriculum of blocks.",
        '{kind = "close", curriculum = true}',
        "adaptation",
        CLOSE,
    ),
}
"""By name; a preset's strategy of that name has these settings."""
