"""Strategies: one file each, found by name in ``strategies``."""

from nasbench_harness.strategies.base import Leaf, Scorer, Strategy, strategies
from nasbench_harness.strategies.close.strategy import Close
from nasbench_harness.strategies.context import Context
from nasbench_harness.strategies.ensemble import Ensemble
from nasbench_harness.strategies.few_shot.strategy import FewShot
from nasbench_harness.strategies.gm_nas.strategy import TreeFewShot
from nasbench_harness.strategies.hep_nas.search import HepSearch
from nasbench_harness.strategies.hep_nas.strategy import HepRank, SmdWithoutSplit
from nasbench_harness.strategies.hm_nas.strategy import HmNas
from nasbench_harness.strategies.one_shot import OneShot
from nasbench_harness.strategies.pad_nas.strategy import PadNas
from nasbench_harness.strategies.parallel import Measurement

__all__ = [
    "Close",
    "Context",
    "Ensemble",
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
