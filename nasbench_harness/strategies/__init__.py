"""Strategies: one file each, found by name in ``strategies``."""

from nasbench_harness.strategies.base import Context, Leaf, Scorer, Strategy, strategies
from nasbench_harness.strategies.few_shot import FewShot
from nasbench_harness.strategies.one_shot import OneShot

__all__ = ["Context", "FewShot", "Leaf", "OneShot", "Scorer", "Strategy", "strategies"]
