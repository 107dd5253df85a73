"""How two tables differ, against counts done by hand and the known relation of the published truths."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from nasbench_harness.errors import DataError
from nasbench_harness.space import N_ARCHITECTURES, format_architecture
from nasbench_harness.truth import TruthTable, benchmark_index, open_table
from nasbench_harness.truth.compare import compare_tables


def table(name: str = "t", **columns: np.ndarray) -> TruthTable:
    return TruthTable(name, columns, None, {"partial": True})


@pytest.fixture(scope="module")
def base() -> np.ndarray:
    return np.round(np.random.default_rng(4).uniform(20, 90, N_ARCHITECTURES), 2)


def test_equal_tables_differ_in_nothing(base: np.ndarray) -> None:
    found = compare_tables(table(x_test_1=base), table(x_test_1=base))
    assert (found["n_equal"], found["n_different"], found["largest"]) == (N_ARCHITECTURES, 0, [])
    assert found["kendall_tau"] == pytest.approx(1)
    assert found["difference"] == {"mean": 0, "median": 0, "max": 0, "bias": 0, "of_different": None}
    assert found["a"]["best"]["rank_in_the_other"] == 1


def test_every_number_is_that_of_a_count_by_hand(base: np.ndarray) -> None:
    first, second = base.copy(), base.copy()
    second[[3, 70, 500]] += [1.0, -2.5, 0.25]
    first[10], second[11] = np.nan, np.nan
    second[12] += 0.004  # within the rounding of two decimals
    found = compare_tables(table("one", x_test_1=first), table("two", x_test_1=second))
    common = ~(np.isnan(first) | np.isnan(second))
    apart = np.abs(first - second)[common]
    assert found["n_common"] == N_ARCHITECTURES - 2
    assert (found["n_only_a"], found["n_only_b"]) == (1, 1)
    assert (found["n_equal"], found["n_equal_as_rounded"], found["n_different"]) == (15619, 15620, 3)
    assert found["rounding"] == 0.005
    assert found["difference"]["mean"] == pytest.approx(apart.mean())
    assert found["difference"]["max"] == pytest.approx(2.5)
    assert found["difference"]["bias"] == pytest.approx((1.0 - 2.5 + 0.25 + 0.004) / len(apart))
    assert found["difference"]["of_different"]["median"] == pytest.approx(1.0)
    assert [row["index"] for row in found["largest"]] == [70, 3, 500, 12]
    worst = found["largest"][0]
    assert worst["arch"] == format_architecture(70)
    assert worst["benchmark_index"] == benchmark_index()[70]
    assert worst["difference"] == pytest.approx(-2.5)
    assert found["kendall_tau"] == pytest.approx(stats.kendalltau(first[common], second[common]).statistic)
    assert found["spearman"] == pytest.approx(stats.spearmanr(first[common], second[common]).statistic)
    assert (found["a"]["decimals"], found["b"]["decimals"]) == (2, 3)


def test_the_best_of_one_is_found_in_the_other(base: np.ndarray) -> None:
    first, second = base.copy(), base.copy()
    first[100] = 95.0
    found = compare_tables(table(x_test_1=first), table(x_test_1=second))
    best = found["a"]["best"]
    assert (best["index"], best["value"], best["value_in_the_other"]) == (100, 95.0, base[100])
    assert best["rank_in_the_other"] == (base > base[100]).sum() + 1


def test_columns_are_chosen_and_listed(base: np.ndarray) -> None:
    a, b = table("a", x_test_1=base, y_test_1=base), table("b", y_test_1=base, z=base)
    found = compare_tables(a, b)
    assert (found["a"]["column"], found["b"]["column"]) == ("x_test_1", "y_test_1")
    assert found["columns"] == {"both": ["y_test_1"], "only_a": ["x_test_1"], "only_b": ["z"]}
    assert compare_tables(a, b, "y_test_1")["b"]["column"] == "y_test_1"
    assert compare_tables(a, a, "x_test_1", "y_test_1")["b"]["column"] == "y_test_1"
    with pytest.raises(DataError, match=r"no column 'x_test_1'; .*--policy-b: y_test_1, z"):
        compare_tables(a, b, "x_test_1")
    with pytest.raises(DataError, match="did you mean x_test_1"):
        compare_tables(a, b, "x_test_2")


def test_tables_that_share_too_little_are_refused(base: np.ndarray) -> None:
    first, second = np.full(N_ARCHITECTURES, np.nan), base.copy()
    first[:3], second[1:3] = base[:3], np.nan
    with pytest.raises(DataError, match="share 1 architectures"):
        compare_tables(table(x_test_1=first), table(x_test_1=second))


def test_the_published_truth_is_the_shared_one_rounded_for_most(shared_data: Path) -> None:
    """Tau-b 0.990 between the table of means over all seeds and the one released in aoiang/few-shot-NAS."""
    ours = open_table(shared_data / "nas-bench-201" / "accuracy.csv")
    theirs = open_table(shared_data / "published-scores" / "few_shot_nas.csv")
    found = compare_tables(ours, theirs, "cifar10_test_200", "truth_single_run")
    assert found["n_common"] == N_ARCHITECTURES
    assert (found["n_equal"], found["n_equal_as_rounded"], found["n_different"]) == (5462, 13266, 2359)
    assert found["kendall_tau"] == pytest.approx(0.9898, abs=5e-5)
    assert found["spearman"] == pytest.approx(0.9994, abs=5e-5)
    assert found["difference"]["max"] == pytest.approx(2.225)
    assert found["largest"][0]["benchmark_index"] == 4164
    assert (found["a"]["distinct"], found["b"]["distinct"]) == (4522, 1917)
