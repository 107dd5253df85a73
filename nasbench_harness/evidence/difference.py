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


def difference(
    candidate: npt.ArrayLike, baseline: npt.ArrayLike, prior: Prior, *, one_spread: bool = True
) -> Difference:
    """Means over the last axes, one value a seed, with variances drawn towards ``prior``.

    ``one_spread``: both sides have the same true variance, as a method and its unchanged copy do. False: each has its
    own, and the fewer degrees of freedom of both count, which is on the safe side (Hsu 1938). The seeds are not paired:
    a seed's number gives two strategies no draw in common. Without degrees of freedom, as for one seed a side and no
    prior, nothing may be asked of the result.
    """
    sides = [np.asarray(side, float) for side in (candidate, baseline)]
    n_one, n_other = (side.shape[-1] for side in sides)
    one, other = (((side - side.mean(-1, keepdims=True)) ** 2).sum(-1) for side in sides)
    if one_spread:
        variance, degrees = _squeezed(one + other, n_one + n_other - 2, prior)
        squared = variance * (1 / n_one + 1 / n_other)
    else:
        (variance_one, df_one), (variance_other, df_other) = (
            _squeezed(squares, n - 1, prior) for squares, n in ((one, n_one), (other, n_other))
        )
        squared, degrees = variance_one / n_one + variance_other / n_other, np.minimum(df_one, df_other)
    estimate = sides[0].mean(-1) - sides[1].mean(-1)
    return Difference(np.asarray(estimate, float), np.asarray(np.sqrt(squared), float), degrees)


def _squeezed(squares: npt.ArrayLike, own: int, prior: Prior) -> tuple[FloatArray, FloatArray]:
    squares = np.asarray(squares, float)
    return prior.squeeze(squares / max(own, 1), np.full(squares.shape, float(own)))
