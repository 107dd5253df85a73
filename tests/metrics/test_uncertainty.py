"""Intervals over seeds and over architectures."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nasbench_harness.errors import DataError
from nasbench_harness.metrics import seed_summary


def test_seeds_are_summed_up_with_students_t() -> None:
    summary = seed_summary([0.50, 0.55, 0.60])
    assert (summary.mean, summary.sd, summary.n) == pytest.approx((0.55, 0.05, 3))
    half = 4.302653 * 0.05 / math.sqrt(3)  # the 97.5 % point of t with 2 degrees of freedom, from a printed table
    assert summary.interval == pytest.approx((0.55 - half, 0.55 + half), abs=1e-6)
    assert json.loads(json.dumps(summary.to_json()))["n"] == 3


@given(st.lists(st.floats(-1e3, 1e3), min_size=2, max_size=12))
def test_the_interval_agrees_with_scipy(values: list[float]) -> None:
    import scipy.stats

    summary = seed_summary(values)
    assert summary.interval is not None
    assert summary.sd is not None
    scale = summary.sd / math.sqrt(len(values))
    if scale == 0:
        assert summary.interval == (summary.mean, summary.mean)
        return
    expected = scipy.stats.t.interval(0.95, len(values) - 1, loc=np.mean(values), scale=scale)
    assert summary.interval == pytest.approx(expected, abs=1e-6)


def test_one_seed_has_no_spread() -> None:
    summary = seed_summary([0.4])
    assert (summary.mean, summary.sd, summary.n, summary.interval) == (0.4, None, 1, None)


@pytest.mark.parametrize(("values", "words"), [([], "at least one"), ([0.5, math.nan], "nan in row 1")])
def test_missing_seeds_are_named(values: list[float], words: str) -> None:
    with pytest.raises(DataError, match=words):
        seed_summary(values)
