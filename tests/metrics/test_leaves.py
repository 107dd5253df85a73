"""The analysis of leaves against counting all pairs, and at its edges."""

from __future__ import annotations

import itertools
import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nasbench_harness.errors import DataError
from nasbench_harness.metrics.leaves import analyse_leaves

NAMES = ("a", "b", "c")
values = st.integers(-4, 4).map(float)
tables = st.lists(st.tuples(values, values, st.integers(-1, 2)), min_size=2, max_size=24).filter(
    lambda rows: sum(leaf >= 0 for _, _, leaf in rows) >= 2
)


def tau(rows: list[tuple[float, float]]) -> float | None:
    """Tau-b from its definition, pair by pair."""
    balance = scores = truths = 0
    for (s, t), (u, v) in itertools.combinations(rows, 2):
        up, right = (s > u) - (s < u), (t > v) - (t < v)
        balance, scores, truths = balance + up * right, scores + abs(up), truths + abs(right)
    return balance / math.sqrt(scores * truths) if scores and truths else None


def rank(value: float, among: list[float]) -> float:
    """(rank - 0.5) / n from 1 for the highest, equal values sharing the mean."""
    above, equal = sum(v > value for v in among), sum(v == value for v in among)
    return (above + (equal + 1) / 2 - 0.5) / len(among)


def close(found: float | None, expected: float | None) -> bool:
    return found is None if expected is None else found == pytest.approx(expected, abs=1e-12)


@settings(deadline=None)
@given(tables)
def test_it_is_what_counting_gives(table: list[tuple[float, float, int]]) -> None:
    score, truth, leaf = (list(column) for column in zip(*table, strict=True))
    found = analyse_leaves(score, truth, leaf, NAMES)
    json.dumps(found, allow_nan=False)
    kept = [(s, t, number) for s, t, number in table if number >= 0]
    everything = [(s, t) for s, t, _ in kept]
    assert found["n"] == len(kept)
    assert close(found["kendall_tau"], tau(everything))
    weighted, weight, means = 0.0, 0, []
    for number, row in enumerate(found["leaves"]):
        members = [(s, t) for s, t, where in kept if where == number]
        assert (row["name"], row["n"]) == (NAMES[number], len(members))
        inside = tau(members)
        assert close(row["kendall_tau"], inside)
        if inside is not None:
            weighted, weight = weighted + inside * len(members), weight + len(members)
        if not members:
            assert row["mean_score"] is row["rank_offset"] is None
            continue
        means.append((sum(s for s, _ in members) / len(members), sum(t for _, t in members) / len(members)))
        assert close(row["mean_score"], means[-1][0])
        assert close(row["mean_truth"], means[-1][1])
        by_score = sum(rank(s, [u for u, _ in everything]) for s, _ in members) / len(members)
        by_truth = sum(rank(t, [v for _, v in everything]) for _, t in members) / len(members)
        assert close(row["mean_score_rank"], by_score)
        assert close(row["mean_true_rank"], by_truth)
        assert close(row["rank_offset"], by_score - by_truth)
    within = weighted / weight if weight else None
    assert close(found["kendall_tau_within"], within)
    assert found["n_within"] == weight
    # means are floats: those equal on paper may differ in the last digit, so compare where they are clearly apart
    gaps = [abs(x - y) for pair in itertools.combinations(means, 2) for x, y in zip(*pair, strict=True)]
    if all(gap > 1e-9 for gap in gaps):
        assert close(found["kendall_tau_of_means"], tau(means) if len(means) > 1 else None)
    total = found["kendall_tau"]
    assert close(found["calibration_error"], None if total is None or within is None else total - within)


def test_leaves_that_are_right_inside_and_offset_against_each_other() -> None:
    truth = np.arange(20.0)
    leaf = np.repeat([0, 1], 10)
    found = analyse_leaves(np.where(leaf == 0, truth + 100, truth), truth, leaf, ["worse", "better"])
    assert found["kendall_tau_within"] == pytest.approx(1)
    assert found["kendall_tau_of_means"] == -1
    assert found["calibration_error"] == pytest.approx(found["kendall_tau"] - 1)
    assert found["calibration_error"] < -1
    worse, better = found["leaves"]
    assert worse["rank_offset"] == pytest.approx(-0.5)  # rated half the field too high
    assert better["rank_offset"] == pytest.approx(0.5)


def test_a_constant_leaf_has_no_tau_and_no_weight() -> None:
    found = analyse_leaves([1, 2, 3, 7, 7], [1, 2, 3, 4, 5], [0, 0, 0, 1, 1], ["a", "b"])
    assert found["leaves"][1]["kendall_tau"] is None
    assert (found["kendall_tau_within"], found["n_within"]) == (pytest.approx(1), 3)


@pytest.mark.parametrize(
    ("leaf", "names", "named"),
    [
        ([0, 1, 2], ["a", "b"], "leaf 2 has no name"),
        ([0, 1], ["a", "b"], "3 rows"),
        ([0.0, 1.0, 1.0], ["a", "b"], "whole number"),
        ([-1, -1, 0], ["a"], "fewer than 2"),
    ],
)
def test_bad_leaves_are_told(leaf: list[float], names: list[str], named: str) -> None:
    with pytest.raises(DataError, match=named):
        analyse_leaves([1, 2, 3], [3, 2, 1], leaf, names)
