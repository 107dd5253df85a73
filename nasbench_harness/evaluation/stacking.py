"""A supervised fusion: a ridge regression from ranks to true ranks, fitted on a few known architectures.

It sees labels, so its numbers never stand among those of label-free fusions.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from nasbench_harness.errors import UsageError
from nasbench_harness.evaluation.ruler import Ruler
from nasbench_harness.metrics import TAUS

FloatArray = npt.NDArray[np.float64]

PENALTIES = tuple(float(10.0**power) for power in range(-4, 3))
"""Ridge penalties for ranks between 0 and 1; leave-one-out on the known architectures chooses one of them."""


def stacked(rank_SA: FloatArray, ruler: Ruler, known: Sequence[int], draws: int, seed: int = 0) -> list[dict[str, Any]]:
    """For each number in ``known``, the measures of the fitted fusion over random draws of so many architectures.

    ``rank_SA``: ranks of S members over n, row for row with the ruler's architectures. Each draw fits on the known
    architectures alone and is judged on all others. Mean and sample standard deviation over draws; a measure that is
    undefined in some draw is None. Raises ``UsageError`` for fewer than 3 known architectures, or so many that fewer
    than 2 are left.
    """
    for number in known:
        if not 3 <= number <= ruler.n - 2:
            raise UsageError(
                f"stacking by {number} known architectures: give at least 3, and at most {ruler.n - 2:,} of the "
                f"{ruler.n:,} judged"
            )
    rows = []
    for number in known:
        rng = np.random.default_rng([seed, number])
        found = [_one_draw(rank_SA, ruler, rng.permutation(ruler.n), number) for _ in range(draws)]
        rows.append(
            {
                "known": number,
                "draws": draws,
                "n": ruler.n - number,
                **{name: _spread([one[name] for one in found]) for name in TAUS},
            }
        )
    return rows


def _one_draw(
    rank_SA: FloatArray, ruler: Ruler, shuffled_A: npt.NDArray[np.int64], number: int
) -> dict[str, float | None]:
    from sklearn.linear_model import RidgeCV

    from nasbench_harness.evaluation.combine import ranks

    fitted, others = shuffled_A[:number], np.sort(shuffled_A[number:])
    model = RidgeCV(alphas=PENALTIES).fit(rank_SA[:, fitted].T, ranks(ruler.true_A[fitted]) / number)
    return ruler.at(model.predict(rank_SA[:, others].T), others)


def _spread(values: list[float | None]) -> dict[str, float | None] | None:
    if any(value is None for value in values):
        return None
    value_R = np.array(values, dtype=np.float64)
    return {"mean": float(value_R.mean()), "sd": float(value_R.std(ddof=1)) if len(value_R) > 1 else None}
