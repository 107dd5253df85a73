"""The evaluation of one score column: names, values, intervals, and published golden numbers."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from nasbench_harness import metrics
from nasbench_harness.errors import DataError, UsageError

KEYS = [
    "n",
    "kendall_tau",
    "tau_within_flops",
    "tau_with_flops",
    "flops_groups",
    "spearman",
    "pearson",
    "tau_in_true_top_10_percent",
    "tau_in_predicted_top_10_percent",
    "pairwise_accuracy",
    "precision_at",
    "precision_at_worst",
    "best_rank_at",
    "worst_rank_at",
    "top_k_accuracy",
    "regret_at",
    "n_distinct_scores",
    "intervals",
    "interval_method",
]
CORRELATIONS = ["kendall_tau", "tau_within_flops", "tau_with_flops", *KEYS[5:9]]
FLOPS = np.repeat(np.arange(10.0), 40)
EXTREMES = ("best_rank_at", "worst_rank_at", "top_k_accuracy", "regret_at")


def noisy(n: int = 400) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    rng = np.random.default_rng(0)
    truth = rng.normal(90, 2, size=n).round(2)
    return (truth + rng.normal(0, 2, size=n)).round(1), truth


def flat(value: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, inner in value.items():
        found |= (
            {f"{name}.{key}": number for key, number in inner.items()} if isinstance(inner, dict) else {name: inner}
        )
    return found


def test_json_has_the_agreed_names_and_the_values_of_the_single_functions() -> None:
    score, truth = noisy()
    found = metrics.evaluate(score, truth, flops=FLOPS, resamples=20).to_json()
    assert list(found) == KEYS
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    assert found["n"] == 400
    assert found["kendall_tau"] == metrics.kendall_tau(score, truth)
    assert found["spearman"] == metrics.spearman(score, truth)
    assert found["pearson"] == metrics.pearson(score, truth)
    assert found["tau_in_true_top_10_percent"] == metrics.tau_in_true_top(score, truth, 0.1)
    assert found["precision_at"] == {str(f): metrics.precision_at(score, truth, f) for f in (0.01, 0.05, 0.1)}
    within = metrics.tau_within(score, truth, FLOPS)
    assert found["tau_within_flops"] == within.tau
    assert found["flops_groups"] == {"groups": 10, "n": 400} == {"groups": within.groups, "n": within.n}
    assert found["tau_with_flops"] == metrics.tau_with(score, truth, FLOPS)
    assert found["tau_in_predicted_top_10_percent"] == metrics.tau_in_predicted_top(score, truth, 0.1)
    assert found["pairwise_accuracy"] == {str(m): metrics.pairwise_accuracy(score, truth, m) for m in (0, 1)}
    assert found["precision_at_worst"] == {
        str(f): metrics.precision_at_worst(score, truth, f) for f in (0.01, 0.05, 0.1)
    }
    for name in EXTREMES:
        measure = getattr(metrics, name)
        assert found[name] == {str(k): measure(score, truth, k) for k in (1, 10, 100)}
    assert found["n_distinct_scores"] == len(set(score.tolist()))


def test_every_number_but_extremes_has_an_interval_around_it() -> None:
    score, truth = noisy()
    found = metrics.evaluate(score, truth, flops=FLOPS, resamples=100).to_json()
    intervals = found.pop("intervals")
    shares = ("pairwise_accuracy", "precision_at", "precision_at_worst")
    numbers = flat({name: found[name] for name in (*CORRELATIONS, *shares)})
    assert set(intervals) == set(numbers)
    for name, (low, high) in intervals.items():
        assert low < high, name
        if not name.startswith("precision_at"):
            assert low < numbers[name] < high, name
    assert "100 resamples" in found["interval_method"]
    assert "seed 0" in found["interval_method"]


def test_without_flops_nothing_is_said_of_them() -> None:
    score, truth = noisy()
    found = metrics.evaluate(score, truth, resamples=5)
    assert (found.tau_within_flops, found.tau_with_flops) == (None, None)
    assert found.flops_groups == {"groups": 0, "n": 0}
    assert not {"tau_within_flops", "tau_with_flops"} & set(found.intervals)
    with pytest.raises(DataError, match=r"flops has 3 rows and score has 400"):
        metrics.evaluate(score, truth, flops=[1.0, 2.0, 3.0])


def test_intervals_repeat_with_their_seed_and_can_be_left_out() -> None:
    score, truth = noisy(100)
    first, again, other = (metrics.evaluate(score, truth, resamples=30, seed=s).intervals for s in (1, 1, 2))
    assert first == again
    assert first != other
    without = metrics.evaluate(score, truth, resamples=0)
    assert (without.intervals, without.interval_method) == ({}, "none")


def test_constant_scores_have_no_correlation_but_a_top() -> None:
    truth = np.arange(50.0)
    found = metrics.evaluate(np.zeros(50), truth, flops=np.zeros(50), resamples=10).to_json()
    assert [found[name] for name in CORRELATIONS] == [None] * 7
    assert found["pairwise_accuracy"] == {"0": 0.5, "1": 0.5}
    assert found["n_distinct_scores"] == 1
    assert found["top_k_accuracy"]["10"] == 9.0
    assert "kendall_tau" not in found["intervals"]
    assert "precision_at.0.1" in found["intervals"]
    json.dumps(found, allow_nan=False)


def test_two_rows_are_enough() -> None:
    found = metrics.evaluate([1.0, 2.0], [1.0, 3.0], resamples=10)
    assert (found.kendall_tau, found.regret_at["100"], found.best_rank_at["1"]) == (1.0, 0.0, 1)


def test_a_hole_in_the_scores_is_named_by_row() -> None:
    score, truth = noisy()
    score[17] = np.nan
    with pytest.raises(DataError, match="row 17"):
        metrics.evaluate(score, truth)


def test_a_negative_number_of_resamples_is_refused() -> None:
    with pytest.raises(UsageError, match="-1"):
        metrics.evaluate([1.0, 2.0], [1.0, 2.0], resamples=-1)


def test_importing_metrics_does_not_import_scipy_or_torch() -> None:
    code = "import sys, nasbench_harness.metrics; print([m for m in ('scipy', 'torch', 'polars') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


# Computed with SciPy from the scores released with few-shot NAS: tau-b, Spearman, Pearson, precision at 1, 5, 10 %;
# best rank at 10 and 100, best accuracy at 1, 10 and 100.
GOLDEN = {
    "one_shot": (0.4849, 0.6771, 0.4993, (0.0, 0.0141, 0.1005), (6415, 1646), (91.01, 91.39, 92.89)),
    "few_shot": (0.5508, 0.7410, 0.5054, (0.0064, 0.1293, 0.2855), (724, 139), (92.70, 93.30, 93.79)),
}


@pytest.mark.parametrize("column", GOLDEN)
def test_golden_numbers_of_the_released_few_shot_tables(shared_data: Path, column: str) -> None:
    path = shared_data / "published-scores" / "few_shot_nas.csv"
    table = np.genfromtxt(path, delimiter=",", names=True)
    found = metrics.evaluate(table[column], table["truth_single_run"], resamples=3)
    tau, rho, r, precision, best_rank, accuracy = GOLDEN[column]
    assert found.n == 15625
    assert found.kendall_tau == pytest.approx(tau, abs=5e-5)
    assert found.spearman == pytest.approx(rho, abs=5e-5)
    assert found.pearson == pytest.approx(r, abs=5e-5)
    assert tuple(found.precision_at.values()) == pytest.approx(precision, abs=5e-5)
    assert (found.best_rank_at["10"], found.best_rank_at["100"]) == best_rank
    assert tuple(found.top_k_accuracy.values()) == pytest.approx(accuracy, abs=5e-5)
    best = table["truth_single_run"].max()
    assert tuple(found.regret_at.values()) == pytest.approx(tuple(best - a for a in accuracy), abs=5e-5)
