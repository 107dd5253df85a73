"""Scores along training and a truth in, what a record says of the trajectory out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from nasbench_harness.evaluation.sample import cells_of, spread
from nasbench_harness.metrics import TAUS, evaluate, kendall_tau
from nasbench_harness.space import flops
from nasbench_harness.truth import Truth

FloatArray = npt.NDArray[np.float64]
Scores = Mapping[str, FloatArray]
"""Signal -> scores of the live cells, ``[points, cells]``."""


@dataclass(frozen=True, eq=False)
class Followed:
    """What a trajectory follows: ``architectures`` (our indices, ascending, ``[n]``) at ``fractions`` of ``budget``."""

    architectures: npt.NDArray[np.int64]
    fractions: tuple[float, ...]
    budget: int

    @property
    def cells(self) -> npt.NDArray[np.int64]:
        """The live cells that have to be scored, ascending."""
        return cells_of(self.architectures)

    def judge(self, score_PC: Scores, chance: Mapping[str, float], truth: Truth) -> dict[str, Any]:
        """The record's ``trajectory``: three numbers by point and signal, with an interval where it has one.

        ``references``: the same numbers of live FLOPs, whose first is what a supernet has to beat.
        """
        known = truth.among(self.architectures)
        scores_PN = self._known(score_PC, chance, known)
        count_N = flops(live=True)[known.index_A].astype(np.float64)
        return {
            "architectures": len(self.architectures),
            "n": known.n,
            "references": {"live_flops": _judged(count_N, known.accuracy_A, count_N)},
            "points": [
                {
                    "fraction": fraction,
                    "updates": round(fraction * self.budget),
                    "signals": {
                        name: _judged(values[point], known.accuracy_A, count_N) for name, values in scores_PN.items()
                    },
                }
                for point, fraction in enumerate(self.fractions)
            ],
        }

    def tau(self, score_C: FloatArray, chance: float, truth: Truth) -> float | None:
        """Tau-b of the scores of one signal at one point; None where it is undefined."""
        known = truth.among(self.architectures)
        return kendall_tau(self._known({"": score_C}, {"": chance}, known)[""], known.accuracy_A)

    def _known(self, scores: Scores, chance: Mapping[str, float], known: Truth) -> dict[str, npt.NDArray[np.float32]]:
        """Scores ``[..., n]`` of the architectures that the truth knows, in its order."""
        rows = np.searchsorted(self.architectures, known.index_A)
        found = spread(scores, self.cells, self.architectures, chance)
        return {name: values[..., rows] for name, values in found.items()}


def _judged(score_N: npt.NDArray[Any], true_N: FloatArray, count_N: FloatArray) -> dict[str, Any]:
    found = evaluate(score_N, true_N, flops=count_N).to_json()
    intervals = {name: found["intervals"][name] for name in TAUS if name in found["intervals"]}
    return {**{name: found[name] for name in TAUS}, "intervals": intervals}
