"""Tiers: right on clear cases, and no false differences in 95 % of tables."""

from __future__ import annotations

import math

import numpy as np
import pytest

from nasbench_harness.evidence.difference import difference
from nasbench_harness.evidence.holm import holm
from nasbench_harness.evidence.prior import PUBLISHED, fit_prior
from nasbench_harness.evidence.sample import Sample, sample_difference
from nasbench_harness.evidence.tiers import Place, places

SPREAD = np.array([-0.01, -0.005, 0.0, 0.005, 0.01])


def table(**means: float) -> list[Sample]:
    return [Sample(name, (0, 1, 2, 3, 4), SPREAD + mean, name) for name, mean in means.items()]


def test_clear_groups_are_tiers_and_ranks() -> None:
    found = places(table(a=0.60, b=0.601, c=0.50, d=0.30, e=0.302, f=0.299))
    assert found == {
        "b": Place(1, (1, 2)),
        "a": Place(1, (1, 2)),
        "c": Place(2, (3, 3)),
        "e": Place(3, (4, 6)),
        "d": Place(3, (4, 6)),
        "f": Place(3, (4, 6)),
    }


def test_a_chain_is_cut_at_what_differs_from_the_best() -> None:
    """b is like a and like c, but a and c differ: b is of the first tier, and c may still be second."""
    found = places(table(a=0.524, b=0.512, c=0.500))
    assert [found[name].tier for name in "abc"] == [1, 1, 2]
    assert [found[name].ranks for name in "abc"] == [(1, 2), (1, 3), (2, 3)]


def test_single_seeds_have_no_place() -> None:
    alone = Sample("alone", (0,), np.array([0.9]), "alone")
    assert set(places([*table(a=0.5, b=0.4), alone])) == {"a", "b"}
    assert places([*table(a=0.5), alone]) == {}
    assert places([]) == {}


def test_strategies_of_unequal_seeds_keep_their_own_spread() -> None:
    one, other = np.array([0.5, 0.56, 0.44]), 0.4 + np.tile(SPREAD, 2)
    found = sample_difference(Sample("a", (0, 1, 2), one, ""), Sample("b", tuple(range(10)), other, ""), PUBLISHED)
    expected = difference(one, other, PUBLISHED, one_spread=False)
    assert (found.error, found.degrees) == (expected.error, expected.degrees)
    assert float(found.degrees) == pytest.approx(1.8 + 2)
    variances = [(1.8 * 0.0135**2 + (n - 1) * side.var(ddof=1)) / (1.8 + n - 1) for n, side in ((3, one), (10, other))]
    assert float(found.error) == pytest.approx(math.sqrt(variances[0] / 3 + variances[1] / 10))
    same = sample_difference(Sample("a", (0, 1, 2), one, ""), Sample("a", tuple(range(10)), other, ""), PUBLISHED)
    assert float(same.degrees) == pytest.approx(1.8 + 11)


@pytest.mark.parametrize("seeds", [(5,) * 21, (3,) * 6, (3,) * 3 + (10,) * 3])
def test_equal_strategies_are_told_apart_in_5_percent_of_tables(seeds: tuple[int, ...]) -> None:
    """Deviations as in published runs, so unequal; the same pairs and corrections as in ``places``, all at once."""
    tables, rng = 400, np.random.default_rng(6)
    sigma = np.sqrt(PUBLISHED.degrees * PUBLISHED.sd**2 / rng.chisquare(PUBLISHED.degrees, (tables, len(seeds))))
    pairs = [(one, other) for other in range(len(seeds)) for one in range(other)]
    alarms = 0
    for deviations in sigma:
        values = [rng.normal(size=n) * sd for n, sd in zip(seeds, deviations, strict=True)]
        prior = fit_prior([value.var(ddof=1) for value in values], [n - 1 for n in seeds])
        p = np.empty(len(pairs))
        for kind in {(seeds[one], seeds[other]) for one, other in pairs}:
            rows = [row for row, (one, other) in enumerate(pairs) if (seeds[one], seeds[other]) == kind]
            ones, others = (np.array([values[pairs[row][side]] for row in rows]) for side in (0, 1))
            found = difference(ones, others, prior, one_spread=kind[0] == kind[1])
            p[rows] = 2 * np.minimum(found.p_above(), found.p_below())
        alarms += bool((holm(np.minimum(p, 1)) < 0.05).any())
    assert alarms / tables < 0.05 + 3 * math.sqrt(0.05 * 0.95 / tables)
