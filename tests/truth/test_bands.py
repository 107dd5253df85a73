"""The ceiling inside bands of accuracy, against a slow count and where it must fall or vanish."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nasbench_harness.errors import DataError, UsageError
from nasbench_harness.space import N_ARCHITECTURES
from nasbench_harness.truth import TruthPolicy, TruthTable, open_table
from nasbench_harness.truth.bands import bands_of, bands_of_table, ceiling_by_band

POLICY = TruthPolicy("x_test_1")


def slow_tau(a: list[float], b: list[float]) -> float | None:
    """Tau-b by counting every pair."""
    signs = [
        (np.sign(a[i] - a[j]), np.sign(b[i] - b[j])) for i, j in itertools.combinations(range(len(a)), 2)
    ]  # fmt: skip
    first, second = sum(s != 0 for s, _ in signs), sum(t != 0 for _, t in signs)
    return float(sum(s * t for s, t in signs) / np.sqrt(first * second)) if first and second else None


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(*[st.integers(0, 9)] * 3), min_size=2, max_size=40))
def test_a_band_is_the_best_by_truth_in_row_order(rows: list[tuple[int, int, int]]) -> None:
    first, second, truth = (list(map(float, column)) for column in zip(*rows, strict=True))
    for band in ceiling_by_band(first, second, truth, (0.25, 0.5, 1.0)):
        chosen = sorted(range(len(rows)), key=lambda row: -truth[row])[: int(band["fraction"] * len(rows))]
        assert band["n"] == len(chosen)
        if not chosen:
            assert band["lowest"] is None
            continue
        a, b = [first[row] for row in chosen], [second[row] for row in chosen]
        expected = slow_tau(a, b) if len(chosen) > 1 else None
        assert band["kendall_tau"] == (None if expected is None else pytest.approx(expected))
        assert (band["lowest"], band["highest"]) == (truth[chosen[-1]], truth[chosen[0]])
        assert band["n_identical"] == sum(x == y for x, y in zip(a, b, strict=True))
        assert band["mean_absolute_difference"] == pytest.approx(np.abs(np.subtract(a, b)).mean())


def noisy_table(*endings: str) -> TruthTable:
    rng = np.random.default_rng(8)
    base = rng.uniform(20, 80, N_ARCHITECTURES)
    halves = [base + rng.normal(0, 3, N_ARCHITECTURES) for _ in range(2)]
    values = {"": sum(halves) / 2, "_halfA": halves[0], "_halfB": halves[1], "_seed7": halves[0]}
    return TruthTable("t", {POLICY.column + ending: values[ending] for ending in endings}, None, {})


def test_the_ceiling_falls_towards_the_top() -> None:
    found = bands_of(noisy_table("", "_halfA", "_halfB"), POLICY)
    assert found is not None
    assert (found["kind"], found["independent"], found["by"]) == ("halves of the seeds", True, "x_test_1")
    assert [band["n"] for band in found["bands"]] == [156, 1562, 7812, N_ARCHITECTURES]
    taus = [band["kendall_tau"] for band in found["bands"]]
    assert taus == sorted(taus)
    assert taus[0] < 0.3
    assert taus[-1] > 0.8


def test_one_measurement_has_no_bands() -> None:
    assert bands_of(noisy_table(""), POLICY) is None
    assert bands_of_table(noisy_table("")) == {}


def test_a_proxy_is_named_and_orders_by_its_own_mean() -> None:
    columns = dict(noisy_table("", "_seed7").columns)
    columns["x_valid_1"] = columns["x_test_1"][::-1].copy()
    table = TruthTable("t", columns, None, {})
    found = bands_of_table(table)
    assert set(found) == {"x_test_1", "x_valid_1"}
    assert "proxy_for" not in found["x_test_1"]
    assert (found["x_valid_1"]["proxy_for"], found["x_valid_1"]["by"]) == ("x_valid_1", "x_test_1")
    assert not found["x_valid_1"]["independent"]
    assert found["x_valid_1"]["bands"] == found["x_test_1"]["bands"]


def test_only_architectures_with_all_measurements_count() -> None:
    columns = {name: values.copy() for name, values in noisy_table("", "_halfA", "_halfB").columns.items()}
    columns["x_test_1_halfA"][:5000] = np.nan
    found = bands_of(TruthTable("t", columns, None, {"partial": True}), POLICY)
    assert found is not None
    assert found["n"] == found["bands"][-1]["n"] == N_ARCHITECTURES - 5000


@pytest.mark.parametrize("fraction", [0, -0.1, 1.1])
def test_a_senseless_band_is_wrong_usage(fraction: float) -> None:
    with pytest.raises(UsageError, match="fraction over 0"):
        ceiling_by_band([1, 2], [1, 2], [1, 2], [fraction])


def test_vectors_that_do_not_fit_are_refused() -> None:
    with pytest.raises(DataError, match="one length"):
        ceiling_by_band([1, 2], [1, 2, 3], [1, 2])
    with pytest.raises(DataError, match="finite"):
        ceiling_by_band([1, 2], [1, np.nan], [1, 2])


def test_the_real_truth_is_far_noisier_at_the_top(shared_data: Path) -> None:
    found = bands_of_table(open_table(shared_data / "nas-bench-201" / "accuracy.csv"))
    taus = [band["kendall_tau"] for band in found["cifar10_valid_test_200"]["bands"]]
    assert taus == pytest.approx([0.516, 0.747, 0.856, 0.946], abs=1e-3)
    assert found["cifar10_test_200"]["proxy_for"] == "cifar10_test_200"
