"""Judgement of fronts: against exhaustive answers, with predicted costs, and for the sources of scores."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from nasbench_harness.errors import DataError, UsageError
from nasbench_harness.latency import LatencyTable
from nasbench_harness.records import write_record
from nasbench_harness.search.constraint import Window
from nasbench_harness.search.evolution import SearchResult
from nasbench_harness.search.inputs import Cost, costs_from, oracle_of, scores_from, truth_from
from nasbench_harness.search.judge import Judge, spread_of
from nasbench_harness.search.judge_latency import device_matrix, residuals
from nasbench_harness.search.search import search_tables
from nasbench_harness.search.settings import SearchSettings
from nasbench_harness.search.tables import prune_tables
from nasbench_harness.space import N_ARCHITECTURES, Subspace, all_strings, connected, flops
from nasbench_harness.truth import Truth, open_table, truth_of

FULL = Subspace.full()
COST_A = flops() / 1e6
TRUTH_A = np.random.default_rng(1).uniform(10, 70, N_ARCHITECTURES) + COST_A / 10
TRUTH = Truth(TRUTH_A, np.arange(N_ARCHITECTURES), "cifar10_test_200", "made up", "0" * 64, 10.0)
FLOPS = Cost("flops", "M", COST_A, COST_A, {})
WINDOW = Window(50, 80)


def whole(cost: Cost, window: Window, score_A: np.ndarray) -> SearchResult:
    """A search that saw the whole window."""
    index = np.flatnonzero(window.holds(cost.value_A) & connected())
    return SearchResult(index, score_A[index], cost.value_A[index], index[:9], len(index), len(index), 0, 0)


def test_a_perfect_search_has_no_regret_and_the_whole_volume() -> None:
    judged = Judge(FLOPS, WINDOW, FULL, TRUTH_A).result(whole(FLOPS, WINDOW, TRUTH_A))
    assert judged["regret"] == 0
    assert judged["hypervolume_ratio"] == pytest.approx(1)
    assert "violations" not in judged


def test_the_front_goes_on_above_the_window() -> None:
    told = Judge(FLOPS, WINDOW, FULL, TRUTH_A).to_json()["front_beyond"]
    everyone = np.flatnonzero(connected())
    front = [i for i in everyone if not ((COST_A[i] > COST_A[everyone]) & (TRUTH_A[everyone] >= TRUTH_A[i])).any()]
    ties = [i for i in front if not ((COST_A[everyone] == COST_A[i]) & (TRUTH_A[everyone] > TRUTH_A[i])).any()]
    assert {row["index"] for row in told} == {i for i in ties if COST_A[i] > 80}
    assert [row["cost"] for row in told] == sorted(row["cost"] for row in told)
    assert Judge(FLOPS, Window(50, None), FULL, TRUTH_A).to_json()["front_beyond"] == []


def test_the_true_best_and_the_regret_by_hand() -> None:
    judge = Judge(FLOPS, WINDOW, FULL, TRUTH_A)
    inside = np.flatnonzero(WINDOW.holds(COST_A) & connected())
    assert judge.best == inside[np.argmax(TRUTH_A[inside])]
    worst = inside[np.argmin(TRUTH_A[inside])]
    found = SearchResult(inside[[worst == inside][0]], np.ones(1), COST_A[[worst]], np.array([worst]), 1, 1, 0, 0)
    judged = judge.result(found)
    assert judged["regret"] == pytest.approx(TRUTH_A[inside].max() - TRUTH_A[inside].min())
    assert judged["hypervolume_ratio"] == 0.0
    told = judge.to_json()
    assert told["hypervolume_reference"]["truth"] == pytest.approx(np.median(TRUTH_A[inside]))
    assert told["counts"]["candidates"] == len(inside)
    json.dumps([told, judged], allow_nan=False)


def test_a_predicted_cost_is_checked_by_the_measured_one() -> None:
    measured_A = COST_A * np.where(np.arange(N_ARCHITECTURES) % 2, 1.5, 1.0)
    measured_A[::10] = np.nan
    cost = Cost("device", "ms", COST_A, measured_A, {})
    judge = Judge(cost, WINDOW, FULL, TRUTH_A)
    found = whole(cost, WINDOW, TRUTH_A)
    judged = judge.result(found)
    outside = [not 50 <= measured_A[index] <= 80 for index in found.front]
    assert judged["violations"] == pytest.approx(np.mean(outside))
    assert 0 < judged["violations"] < 1
    within = judged["best_within"]
    assert within["truth"] == max(TRUTH_A[i] for i, out in zip(found.front, outside, strict=True) if not out)
    assert judged["regret_within"] == pytest.approx(TRUTH_A[judge.best] - within["truth"])
    assert {row["predicted_cost"] for row in judged["front"]} <= set(COST_A)
    json.dumps(judged, allow_nan=False)


def test_truth_that_is_not_known_everywhere() -> None:
    holes_A = TRUTH_A.copy()
    holes_A[::2] = np.nan
    judge = Judge(FLOPS, WINDOW, FULL, holes_A)
    assert judge.best is not None
    assert judge.best % 2 == 1
    judged = judge.result(whole(FLOPS, WINDOW, TRUTH_A))
    assert any(row["truth"] is None for row in judged["front"])
    assert Judge(FLOPS, WINDOW, FULL, None).result(whole(FLOPS, WINDOW, TRUTH_A))["regret"] is None


def test_search_over_tables_gives_a_row_for_each_problem_and_a_run_for_each_seed() -> None:
    scores = [oracle_of(TRUTH), scores_from("live_flops")]
    settings = SearchSettings(20, 5)
    windows = [WINDOW, Window(None, 60)]
    result = search_tables(scores, [FLOPS], windows, TRUTH, [0, 1], settings)
    told = [(p["scores"], p["constraint"]) for p in result["problems"]]
    assert told == [
        ("oracle", "50 to 80 M"),
        ("live_flops", "50 to 80 M"),
        ("oracle", "at most 60 M"),
        ("live_flops", "at most 60 M"),
    ]
    for problem in result["problems"]:
        assert [run["seed"] for run in problem["runs"]] == [0, 1]
        regrets = [run["regret"] for run in problem["runs"]]
        assert problem["summary"]["regret"]["mean"] == pytest.approx(np.mean(regrets))
        assert min(regrets) >= 0
    again = search_tables(scores, [FLOPS], windows, TRUTH, [1], settings)
    assert again["problems"][2]["runs"] == result["problems"][2]["runs"][1:]


def test_pruning_over_tables_accounts_for_what_it_loses() -> None:
    settings = SearchSettings(24, 6)
    result = prune_tables([scores_from("flops")], [FLOPS], [WINDOW], TRUTH, [0], (0.0, 0.1), settings=settings)
    [problem] = result["problems"]
    assert [run["threshold"] for run in problem["runs"]] == [0.0, 0.1]
    for run in problem["runs"]:
        sizes = [space["size"] for space in run["spaces"]]
        assert sizes == [run["stages"][0]["size_before"], *(stage["size_after"] for stage in run["stages"])]
        best = [space["best_truth_in_window"] for space in run["spaces"]]
        assert run["loss_of_optimum"] == pytest.approx(best[0] - best[-1])
        assert run["loss_of_optimum"] >= 0
        assert sum(stage["loss_of_optimum"] for stage in run["stages"]) == pytest.approx(run["loss_of_optimum"])
        assert run["regret"] >= run["loss_of_optimum"] - 1e-9
    first, second = (run["stages"][0] for run in problem["runs"])
    assert first["frequency"] == second["frequency"]  # thresholds share their first search: a paired comparison
    json.dumps(result, allow_nan=False)


def test_spread() -> None:
    assert spread_of([1.0, 3.0]) == {"n": 2, "mean": 2.0, "std": pytest.approx(2**0.5), "min": 1.0, "max": 3.0}
    assert spread_of([1.0])["std"] == 0
    assert spread_of([1.0, None]) is None


def test_scores_of_files_records_and_counts(tmp_path: Path, fake) -> None:
    file = tmp_path / "scores.json"
    file.write_text(json.dumps({name: {"a": i, "b": -i} for i, name in enumerate(all_strings())}))
    assert scores_from(f"{file}:b").score_A[7] == -7
    with pytest.raises(UsageError, match=r"several score columns; add one, as .*scores.json:a"):
        scores_from(str(file))
    with pytest.raises(DataError, match="no score column 'c'; it has a, b"):
        scores_from(f"{file}:c")
    with pytest.raises(DataError, match="no scores at nowhere"):
        scores_from("nowhere:x")
    few = tmp_path / "few.json"
    few.write_text(json.dumps(dict.fromkeys(all_strings()[:5000], 1.5)))
    with pytest.raises(DataError, match="allow"):
        scores_from(str(few))
    assert scores_from(str(few), allow_missing=True).space.size == 5000
    assert scores_from("parameters").space.size == N_ARCHITECTURES
    record = fake.make_record()
    unit = write_record(tmp_path / "run", record, fake.make_scores(record))
    found = scores_from(str(unit), allow_missing=True)
    assert found.name == f"one-shot/seed-0:{record.signal}"
    with pytest.raises(DataError, match="no folder of a finished unit"):
        scores_from(str(tmp_path))


def test_costs_of_tables_and_counts(tmp_path: Path) -> None:
    table, other = tmp_path / "t.npz", tmp_path / "u.npz"
    LatencyTable("t", {"one": COST_A, "two": 2 * COST_A}).save(table)
    LatencyTable("u", {"two": 3 * COST_A}).save(other)
    assert [cost.device for cost in costs_from(table, ["two", "one"])] == ["two", "one"]
    [checked] = costs_from(table, ["two"], other)
    assert checked.predicted
    np.testing.assert_array_equal(checked.checked_A, 3 * COST_A)
    assert not costs_from(other, [])[0].predicted
    assert costs_from(None, [], count="flops")[0].unit == "M"
    with pytest.raises(UsageError, match="name one of one, two"):
        costs_from(table, [])
    with pytest.raises(DataError, match="no device column 'onr'; did you mean one"):
        costs_from(table, ["onr"])
    with pytest.raises(UsageError, match="name one cost"):
        costs_from(None, [])
    with pytest.raises(UsageError, match="no count is called 'luck'"):
        costs_from(None, [], count="luck")
    with pytest.raises(UsageError, match="belong to --latency"):
        costs_from(None, ["one"], count="flops")


def test_the_oracle_of_the_embedded_truth() -> None:
    truth = truth_from(None, "digits_test_5_seed0")
    oracle = oracle_of(truth)
    assert oracle.name == "oracle"
    assert oracle.source == {"truth": "digits_test_5_seed0", "sha256": truth.sha256}
    expected_A = truth_of(open_table(None), "digits_test_5_seed0")
    np.testing.assert_array_equal(oracle.score_A[expected_A.index_A], expected_A.accuracy_A)
    assert np.isnan(oracle.score_A).sum() == N_ARCHITECTURES - expected_A.n


def test_residuals_count_every_architecture_once() -> None:
    predicted_A = COST_A * np.random.default_rng(0).uniform(0.9, 1.1, N_ARCHITECTURES)
    measured_A = np.where(np.arange(N_ARCHITECTURES) % 5, COST_A, np.nan)
    told = residuals(measured_A, predicted_A, "device")
    assert np.sum(told["joint"]) == np.sum(told["relative"]) == told["n"] == 12500
    assert told["left_out"] == 3125
    assert told["mape_percent"] == pytest.approx(5, abs=0.1)
    assert -9.2 < told["residual_percentiles"]["5"] < -8.8
    with pytest.raises(DataError, match="0 architectures are both"):
        residuals(np.full(N_ARCHITECTURES, np.nan), predicted_A, "device")


def test_the_matrix_of_devices() -> None:
    table = LatencyTable("t", {"up": COST_A, "again": COST_A * 2, "down": 300 - COST_A})
    told = device_matrix(table)
    np.testing.assert_allclose(told["tau"], [[1, 1, -1], [1, 1, -1], [-1, -1, 1]])
    assert device_matrix(table, ["down", "up"])["devices"] == ["down", "up"]
