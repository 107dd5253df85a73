"""The difference of two means over seeds, with its error: a t-test whose variance is drawn towards a prior.

Everything takes one comparison or many at once, the seeds along the last axis; so a simulation of a million comparisons
runs the code that judges one.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from nasbench_harness.evidence.prior import Prior

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Difference:
    """Candidate less baseline. ``estimate``, its standard ``error`` and ``degrees`` of freedom; arrays of one shape."""

    estimate: FloatArray
    error: FloatArray
    degrees: FloatArray

    def p_below(self, bound: float = 0.0) -> FloatArray:
        """One-sided p of "the true difference is ``bound`` or more": small where it is below."""
        from scipy.special import stdtr

        return np.asarray(stdtr(self.degrees, self._t(bound)), float)

    def p_above(self, bound: float = 0.0) -> FloatArray:
        """One-sided p of "the true difference is ``bound`` or less": small where it is above."""
        from scipy.special import stdtr

        return np.asarray(stdtr(self.degrees, -self._t(bound)), float)

    def ends(self, level: float) -> tuple[FloatArray, FloatArray]:
        """Lower and upper end of the interval that misses the true difference with ``level`` on each side."""
        from scipy.special import stdtrit

        half = stdtrit(self.degrees, 1 - level) * self.error
        return np.asarray(self.estimate - half, float), np.asarray(self.estimate + half, float)

    def _t(self, bound: float) -> FloatArray:
        distance = self.estimate - bound
        # without any spread every distance is certain, and none says nothing
        with np.errstate(divide="ignore", invalid="ignore"):
            certain = np.where(distance == 0, 0.0, np.sign(distance) * np.inf)
            return np.where(self.error > 0, distance / self.error, certain)


def difference(candidate: npt.ArrayLike, baseline: npt.ArrayLike, prior: Prior) -> Difference:
    """Means over the last axes, one value a seed; the variance of both sides is one, and drawn towards ``prior``.

    The seeds are not paired: a seed's number gives two strategies no draw in common. With one seed on each side and no
    prior there are no degrees of freedom, and nothing may be asked of the result.
    """
    one, other = np.asarray(candidate, float), np.asarray(baseline, float)
    n_one, n_other = one.shape[-1], other.shape[-1]
    squares = ((one - one.mean(-1, keepdims=True)) ** 2).sum(-1) + ((other - other.mean(-1, keepdims=True)) ** 2).sum(
        -1
    )
    own = n_one + n_other - 2
    variance, degrees = prior.squeeze(squares / max(own, 1), np.full(squares.shape, float(own)))
    error = np.sqrt(variance * (1 / n_one + 1 / n_other))
    return Difference(np.asarray(one.mean(-1) - other.mean(-1), float), np.asarray(error, float), degrees)
