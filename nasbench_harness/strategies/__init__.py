"""Strategies: one file each, found by name in ``strategies``."""

from nasbench_harness.strategies.apart import Measurement
from nasbench_harness.strategies.base import Context, Leaf, Scorer, Strategy, strategies
from nasbench_harness.strategies.close import Close
from nasbench_harness.strategies.few_shot import FewShot
from nasbench_harness.strategies.hep import HepRank, SmdWithoutSplit
from nasbench_harness.strategies.hep_search import HepSearch
from nasbench_harness.strategies.hm_nas import HmNas
from nasbench_harness.strategies.one_shot import OneShot
from nasbench_harness.strategies.pad_nas import PadNas
from nasbench_harness.strategies.tree import TreeFewShot

__all__ = [
    "Close",
    "Context",
    "FewShot",
    "HepRank",
    "HepSearch",
    "HmNas",
    "Leaf",
    "Measurement",
    "OneShot",
    "PadNas",
    "Scorer",
    "SmdWithoutSplit",
    "Strategy",
    "TreeFewShot",
    "strategies",
]
