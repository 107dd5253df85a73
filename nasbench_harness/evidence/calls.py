"""From differences to claims, for one gate or for many simulated ones at once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from nasbench_harness.errors import UsageError
from nasbench_harness.evidence.difference import Difference
from nasbench_harness.evidence.holm import holm
from nasbench_harness.evidence.looks import LOOKS, check_looks, inflation

FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Rules:
    """What a gate asks: losses up to ``margin`` are accepted, ``alpha`` bounds the false alarms of the whole gate.

    ``looks``: numbers of the candidate's seeds at which it is looked. ``UsageError`` for a margin below zero, an alpha
    outside 0 to 0.5, or impossible looks.
    """

    margin: float = 0.03
    alpha: float = 0.05
    looks: tuple[int, ...] = LOOKS

    def __post_init__(self) -> None:
        if not 0 <= self.margin <= 1:
            raise UsageError(f"margin: expected a loss of correlation that you accept, 0 to 1, found {self.margin:g}")
        if not 0 < self.alpha < 0.5:
            raise UsageError(f"alpha: expected a rate of false alarms between 0 and 0.5, found {self.alpha:g}")
        object.__setattr__(self, "looks", check_looks(self.looks))

    @property
    def level(self) -> float:
        """Of one end of the interval of one strategy at one look."""
        return self.alpha / inflation(self.looks)


@dataclass(frozen=True)
class Calls:
    """What may be claimed of M strategies, arrays ``[..., M]``; no two claims of one strategy are true.

    ``p_worse`` and ``p_better`` are corrected for looks and, by Holm, for the number of strategies. ``p_not_worse`` is
    corrected for looks alone: a gate passes when every strategy is not worse, and the chance of that is not above the
    level of each.
    """

    p_worse: FloatArray
    p_better: FloatArray
    p_not_worse: FloatArray
    worse: BoolArray
    better: BoolArray
    not_worse: BoolArray


def calls(difference: Difference, rules: Rules) -> Calls:
    """The claims that the differences of a gate's strategies, along the last axis, allow.

    Without degrees of freedom nothing may be claimed.
    """
    factor = inflation(rules.looks)

    def corrected(p: FloatArray) -> FloatArray:
        return np.minimum(np.where(difference.degrees > 0, p, 1.0) * factor, 1.0)

    p_worse, p_better = (holm(corrected(p)) for p in (difference.p_below(), difference.p_above()))
    p_not_worse = corrected(difference.p_above(-rules.margin))
    worse = (p_worse < rules.alpha) & (difference.estimate < -rules.margin / 2)
    better = p_better < rules.alpha
    not_worse = (p_not_worse < rules.alpha) & ~worse & ~better
    return Calls(p_worse, p_better, p_not_worse, worse, better, not_worse)
