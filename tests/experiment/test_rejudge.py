"""Stored scores judged again: by another truth, by today's metrics, and refused where they are not what was stored."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from nasbench_harness.cli import main
from nasbench_harness.errors import DataError, UsageError
from nasbench_harness.evaluation.columns import judge_column
from nasbench_harness.evaluation.unit import analyse, judge_unit
from nasbench_harness.experiment.rejudge import rejudge, rejudge_by_each, update_records
from nasbench_harness.records import Record, Run, ScoreTable, read_record, read_run, unit_dir, write_record
from nasbench_harness.records.schema import ADDED
from nasbench_harness.report import SideBySide, leaderboard
from nasbench_harness.truth import TruthTable, open_table, truth_of

POLICY, OTHER = "digits_test_5", "digits_valid_5"
NAMES = ["one half", "the other"]


@pytest.fixture(scope="module")
def table() -> TruthTable:
    return open_table()


@pytest.fixture(scope="module")
def folder(fake: ModuleType, table: TruthTable, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two units that rank 400 architectures; one of them still ranks the second of its two leaves only."""
    folder = tmp_path_factory.mktemp("run")
    truth = truth_of(table, POLICY)
    index = np.arange(0, 400 * 37, 37)
    true_A = truth.vector[index]
    for strategy, noise, ranked in (("close to it", 0.5, None), ("far from it", 5.0, [1])):
        rng = np.random.default_rng(len(strategy))
        noises = {name: rng.normal(0, noise, 400) for name in ("accuracy", "negative_loss")}
        scores = {name: (true_A + each).astype(np.float32) for name, each in noises.items()}
        made = ScoreTable(index.astype(np.int32), (np.arange(400) % 2).astype(np.int16), scores)
        among = truth.among(index)
        record = fake.make_record(
            strategy.replace(" ", "-"),
            **judge_unit(made, truth),
            truth={**among.to_json(), "noise_ceiling": None},
            analysis=analyse(made, truth, NAMES, ranked, {"hit": 1}),
        )
        write_record(folder, record, made)
    return folder


@pytest.fixture
def run(folder: Path) -> Run:
    return read_run(folder)


def earlier(record: Record) -> Record:
    """The record as an earlier version would have judged it."""

    def without(column: dict[str, Any]) -> dict[str, Any]:
        return {name: value for name, value in column.items() if name not in ADDED}

    ranked = record.analysis["ranked"]
    if ranked:
        ranked = ranked | {"metrics": {name: without(column) for name, column in ranked["metrics"].items()}}
    return replace(
        record,
        metrics={name: without(column) for name, column in record.metrics.items()},
        references={name: without(column) for name, column in record.references.items()},
        analysis=record.analysis | {"ranked": ranked},
    )


def store(record: Record, run: Run) -> None:
    path = unit_dir(run.folder, record.strategy, record.seed) / "record.json"
    path.write_text(json.dumps(record.to_json()))


def test_by_the_same_truth_everything_comes_out_again(run: Run, table: TruthTable) -> None:
    again = rejudge(run, table, POLICY)
    for old, new in zip(run.records, again.records, strict=True):
        assert replace(new, truth=old.truth).to_json() == json.loads(json.dumps(old.to_json()))
        assert new.truth["noise_ceiling"]["kind"] == "halves of the seeds"


def test_by_another_truth_scores_and_costs_stay_and_numbers_are_of_that_truth(run: Run, table: TruthTable) -> None:
    again = rejudge(run, table, OTHER)
    truth = truth_of(table, OTHER).among(np.arange(0, 400 * 37, 37))
    for old, new in zip(run.records, again.records, strict=True):
        assert (new.identity, new.cost, new.created) == (old.identity, old.cost, old.created)
        assert (new.truth["policy"], new.truth["n"], new.truth["best"]) == (OTHER, 400, truth.best)
        assert new.metrics["accuracy"]["kendall_tau"] != old.metrics["accuracy"]["kendall_tau"]
        assert new.analysis["strategy"] == {}
        assert new.analysis["leaves"]["accuracy"]["leaves"][1]["name"] == "the other"
    ranked = again.records[1].analysis["ranked"]
    assert (ranked["leaves"], ranked["n"]) == ([1], 200)
    assert ranked["metrics"]["accuracy"]["n"] == 200


def test_a_trajectory_holds_for_its_own_truth_alone(run: Run, table: TruthTable) -> None:
    first, *_ = run.records
    followed = replace(first, training={**first.training, "trajectory": {"points": []}})
    [same] = rejudge(replace(run, records=(followed,)), table, POLICY).records
    [other] = rejudge(replace(run, records=(followed,)), table, OTHER).records
    assert same.training == followed.training
    assert other.training == first.training


def test_a_column_is_judged_beside_live_flops_and_by_its_composition(table: TruthTable) -> None:
    truth = truth_of(table, POLICY)
    found = judge_column(truth.accuracy_A, truth.accuracy_A, truth.index_A, resamples=0)
    assert found["flops_groups"] == {"groups": 19, "n": 15_529}
    assert (found["kendall_tau"], found["tau_within_flops"]) == pytest.approx((1.0, 1.0))
    assert [group["n"] for group in found["breakdown"]["rank_error"]["nonlinearities"]] == [1983, 7122, 5520, 1000]
    assert {group["error"] for group in found["breakdown"]["rank_error"]["convolutions"]} == {0.0}


def test_records_of_an_earlier_version_get_what_they_lack_and_nothing_else_changes(
    run: Run, table: TruthTable, folder: Path
) -> None:
    present = run.records
    for record in present:
        store(earlier(record), run)
    old = read_run(folder)
    assert all(record.lacks_added_metrics for record in old.records)
    written = update_records(old, table)
    assert [path.parent.parent.name for path in written] == ["close-to-it", "far-from-it"]
    assert read_run(folder).records == present
    assert update_records(read_run(folder), table) == []


def test_a_record_whose_numbers_are_not_its_scores_is_not_touched(run: Run, table: TruthTable) -> None:
    good, bad = (earlier(record) for record in run.records)
    wrong = bad.metrics["accuracy"] | {"spearman": 0.123}
    store(good, run)
    store(replace(bad, metrics=bad.metrics | {"accuracy": wrong}), run)
    with pytest.raises(DataError, match=r"far-from-it, seed 0: metrics\.accuracy\.spearman is not what"):
        update_records(read_run(run.folder), table)
    left = read_record(run.folder, good.strategy, 0)
    assert left is not None
    assert left.lacks_added_metrics  # the good one is not written either
    for record in run.records:
        store(record, run)


def test_another_table_than_the_records_is_refused(run: Run, table: TruthTable) -> None:
    first = run.records[0]
    other = replace(earlier(first), truth=first.truth | {"sha256": "0" * 64})
    with pytest.raises(DataError, match=r"close-to-it, seed 0: table \w+ is not the one that it was judged by"):
        update_records(replace(run, records=(other,)), table)


def test_policies_are_named_once_and_known(run: Run, table: TruthTable) -> None:
    with pytest.raises(UsageError, match="name each policy once, found a, a"):
        rejudge_by_each(run, table, ["a", "a"])
    with pytest.raises(DataError, match="digits_test_6"):
        rejudge_by_each(run, table, [POLICY, "digits_test_6"])


def test_several_truths_stand_side_by_side(run: Run, table: TruthTable) -> None:
    judged = rejudge_by_each(run, table, [POLICY, OTHER])
    boards = SideBySide(tuple(leaderboard(each) for each in judged.values()))
    text = boards.to_markdown()
    header, row = (line.split(" | ") for line in (text.splitlines()[2], text.splitlines()[4]))
    assert header[2:5] == [f"{name} ({POLICY})" for name in ("tau", "within FLOPs", "with FLOPs")]
    assert header[5] == f"tau ({OTHER})"
    taus = [each.of("close-to-it")[0].column()["kendall_tau"] for each in judged.values()]
    assert [row[place].split(" ")[0] for place in (2, 5)] == [f"{tau:.3f}" for tau in taus]
    assert len(boards.to_json()["boards"]) == 2


@pytest.mark.slow
def test_the_verbs_judge_again(run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = str(run.folder)
    assert main(["leaderboard", folder, "--policy", OTHER, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["truth"]["policy"] == OTHER
    assert main(["leaderboard", folder, "--policy", f"{POLICY},{OTHER}", "--json"]) == 0
    boards = json.loads(capsys.readouterr().out)["boards"]
    assert [board["truth"]["policy"] for board in boards] == [POLICY, OTHER]
    assert main(["leaderboard", folder, "--policy", f"{POLICY},{OTHER}"]) == 0
    assert "sorted by tau of the first" in capsys.readouterr().out
    assert main(["figures", folder, "--policy", OTHER, "--out", str(tmp_path), "--json"]) == 0
    files = json.loads(capsys.readouterr().out)["files"]
    assert str(tmp_path / "tau_by_strategy.png") in files
    assert main(["leaderboard", folder, "--policy", "digits_test_6"]) == 3
    assert "digits_test_6" in capsys.readouterr().err


def test_a_table_is_the_same_without_the_intervals_that_it_does_not_show(run: Run, table: TruthTable) -> None:
    several = replace(run.records[0], seed=1), replace(run.records[1], seed=0, strategy=run.records[0].strategy)
    placed = {(run.records[0].strategy, seed): run.unit_dir(run.records[seed].strategy, 0) for seed in (0, 1)}
    mixed = replace(run, records=(replace(several[0], seed=0), replace(several[1], seed=1), run.records[1]))
    mixed = replace(mixed, elsewhere=placed)
    whole, short = (rejudge_by_each(mixed, table, [OTHER], for_table)[OTHER] for for_table in (False, True))
    assert leaderboard(short).to_json() == leaderboard(whole).to_json()
    assert not short.records[0].column()["intervals"], "there is nothing to save"
    assert short.records[2] == whole.records[2]
