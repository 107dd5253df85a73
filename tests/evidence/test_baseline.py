"""Baselines on disk: what is kept, what a change says, what is refused; and a comparison that finds them."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import pytest

from nasbench_harness.api.compare import compare
from nasbench_harness.cli import main
from nasbench_harness.errors import DataError, UsageError
from nasbench_harness.evidence.baseline import Baseline, experiments_in, read_baseline
from nasbench_harness.evidence.sample import METRICS
from nasbench_harness.evidence.update import changes, write
from nasbench_harness.records import Run, read_record, read_run, read_scores, write_record

TAUS = [0.5, 0.52, 0.48, 0.51, 0.49, 0.53, 0.47, 0.5, 0.51, 0.5]


@pytest.fixture
def run(fake: ModuleType, tmp_path: Path) -> Run:
    return read_run(fake.write_run(tmp_path / "run", {"a": TAUS, "b": [tau - 0.1 for tau in TAUS]}))


@pytest.fixture
def folder(run: Run, tmp_path: Path) -> Path:
    write(changes(run, tmp_path / "baselines", None, False))
    return tmp_path / "baselines"


def test_it_comes_back_from_its_file(run: Run, folder: Path) -> None:
    found = read_baseline(folder / "fake" / "a.json")
    assert found == Baseline.of(run, "a")
    assert [unit.seed for unit in found.units] == list(range(10))
    for unit, record in zip(found.units, run.of("a"), strict=True):
        assert unit.identity == record.identity
        assert set(unit.metrics["accuracy"]) == set(METRICS)
    assert [unit.metrics["accuracy"]["kendall_tau"] for unit in found.units] == TAUS
    assert "seed" not in found.protocol


def test_environments_that_seeds_share_stand_once(folder: Path) -> None:
    value = json.loads((folder / "fake" / "a.json").read_text())
    assert len(value["environments"]) == 1
    assert {unit["environment"] for unit in value["units"]} == {0}


@pytest.mark.parametrize("place", ["", "fake", "fake/a.json"])
def test_the_run_itself_is_identical(run: Run, folder: Path, place: str) -> None:
    candidate = run.folder / "a" if place.endswith(".json") else run.folder
    gate = compare(candidate, folder / place)
    assert {one.verdict.word for one in gate.comparisons} == {"identical"}
    assert [one.pair.name for one in gate.comparisons] == (["a"] if place.endswith(".json") else ["a", "b"])


def test_other_scores_are_judged_by_their_seeds(fake: ModuleType, folder: Path, tmp_path: Path) -> None:
    taus = {"a": [tau - 0.2 for tau in TAUS[:5]], "b": [tau - 0.1 for tau in TAUS[:5]]}
    gate = compare(fake.write_run(tmp_path / "candidate", taus), folder)
    words = {one.pair.name: one.verdict.word for one in gate.comparisons}
    assert words == {"a": "worse", "b": "not worse"}
    assert all("not identical: seed 0" in " ".join(one.notes) for one in gate.comparisons)


def test_other_experiments_are_chosen_by_the_candidate_or_refused(
    fake: ModuleType, folder: Path, run: Run, tmp_path: Path
) -> None:
    (folder / "another").mkdir()
    (folder / "another" / "a.json").write_text((folder / "fake" / "a.json").read_text())
    assert sorted(experiments_in(folder)) == ["another", "fake"]
    assert compare(run.folder, folder).baseline.endswith("fake")
    (folder / "fake").rename(folder / "third")
    with pytest.raises(UsageError, match="baselines of another, third, none of fake"):
        compare(run.folder, folder)


def test_nothing_changes_where_nothing_did(run: Run, folder: Path) -> None:
    before = (folder / "fake" / "a.json").stat().st_mtime_ns
    found = changes(run, folder, None, False)
    assert [change.what for change in found] == [(), ()]
    assert write(found) == []
    assert (folder / "fake" / "a.json").stat().st_mtime_ns == before


def test_a_change_is_told_before_it_is_written(run: Run, folder: Path) -> None:
    record = read_record(run.folder, "a", 3)
    assert record is not None
    scores = read_scores(run.folder / "a/seed-3")
    accuracy = scores.scores["accuracy"].copy()
    accuracy[0] += 1
    metrics = {name: {**column, "kendall_tau": 0.9} for name, column in record.metrics.items()}
    changed = replace(scores, scores={**scores.scores, "accuracy": accuracy})
    write_record(run.folder, replace(record, metrics=metrics), changed)
    found = changes(read_run(run.folder), folder, ["a"], False)
    assert found[0].what == ("other scores: seeds 3", "10 seeds, tau 0.501 ± 0.018 -> 10 seeds, tau 0.540 ± 0.128")
    assert read_baseline(folder / "fake" / "a.json").units[3].metrics["accuracy"]["kendall_tau"] == 0.51


def test_too_few_seeds_and_unknown_strategies_are_refused(fake: ModuleType, tmp_path: Path) -> None:
    run = read_run(fake.write_run(tmp_path / "run", {"a": TAUS[:9]}))
    with pytest.raises(UsageError, match="a: a baseline needs 10 seeds"):
        changes(run, tmp_path / "baselines", None, False)
    with pytest.raises(UsageError, match="no strategy 'c'"):
        changes(run, tmp_path / "baselines", ["c"], True)
    assert len(changes(run, tmp_path / "baselines", None, True)) == 1
    assert not (tmp_path / "baselines").exists()


@pytest.mark.parametrize(
    "value", ['{"schema": 1, "n": NaN, "sha256": ""}', "{", "[]", '{"schema": 9}', '{"schema": 1, "units": []}']
)
def test_a_damaged_baseline_is_named(folder: Path, value: str) -> None:
    path = folder / "fake" / "a.json"
    path.write_text(value)
    with pytest.raises(DataError, match=r"a\.json: "):
        read_baseline(path)


def test_an_undefined_metric_is_refused(folder: Path) -> None:
    found = read_baseline(folder / "fake" / "a.json")
    unit = replace(found.units[2], metrics={"accuracy": dict.fromkeys(METRICS)})
    broken = replace(found, units=(*found.units[:2], unit), signal="accuracy")
    with pytest.raises(DataError, match="kendall_tau is undefined for seed 2"):
        broken.sample("kendall_tau", None, "here")
    with pytest.raises(DataError, match="no signal 'other'"):
        found.sample("kendall_tau", "other", "here")


def test_power_and_the_self_test_take_baselines(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compare", "--self-test", str(folder / "fake"), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["seeds"] == {"a": 10, "b": 10}
    assert 0 <= found["rate"] < 0.2
    assert main(["compare", str(folder / "fake"), "--power", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)


def test_other_machines_than_the_baselines_are_mentioned(run: Run, folder: Path) -> None:
    record = run.of("a")[0]
    moved = replace(record, environment={**record.environment, "torch": "9.9", "engine": "x"})
    kept = {unit.seed: unit.fingerprint for unit in read_baseline(folder / "fake" / "a.json").units}
    assert all("torch" not in found.environment for found in kept.values())
    write_record(run.folder, moved, read_scores(run.folder / "a/seed-0"))
    path = folder / "fake" / "a.json"
    value = json.loads(path.read_text())
    value["environments"][0]["torch"] = "2.13"
    path.write_text(json.dumps(value))
    with pytest.raises(DataError, match=r"a\.json: its content is not what was written"):
        read_baseline(path)
    del value["sha256"]  # as an earlier version wrote it
    path.write_text(json.dumps(value))
    [found] = compare(run.folder / "a", path).comparisons
    assert any("torch 2.13, 9.9" in note for note in found.notes)
