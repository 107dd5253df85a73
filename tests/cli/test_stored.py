"""The verbs on stored records: a line each, one in full, numbers computed again, removal of what the harness wrote."""

from __future__ import annotations

import io
import json
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nasbench_harness.cli import main
from nasbench_harness.evaluation.unit import analyse, judge_unit
from nasbench_harness.experiment import identity
from nasbench_harness.records import RECORD_FILE, ScoreTable, read_run, write_record
from nasbench_harness.system.claims import Claims
from nasbench_harness.system.owners import Owner
from nasbench_harness.truth import embedded_table, truth_of

POLICY = "digits_test_5"
NAMES = ("one half", "the other")


@pytest.fixture(scope="module")
def judged() -> tuple[ScoreTable, dict[str, Any]]:
    """Scores of 300 architectures, and all that a record says of them."""
    truth = truth_of(embedded_table(), POLICY)
    index = np.sort(np.random.default_rng(0).choice(15625, 300, replace=False)).astype(np.int32)
    true = truth.vector[index]
    rng = np.random.default_rng(1)
    scores = {name: (true + 8 * rng.normal(size=300)).astype(np.float32) for name in ("accuracy", "negative_loss")}
    table = ScoreTable(index, (np.arange(300) % 2).astype(np.int16), scores)
    among = truth.among(table.index)
    stated = {**truth.to_json(), "n": among.n, "best": among.best, "noise_ceiling": None}
    analysis = analyse(table, truth, list(NAMES), [0], {}, resamples=2)
    return table, {**judge_unit(table, truth, resamples=2), "truth": stated, "analysis": analysis}


@pytest.fixture
def results(fake: Any, judged: Any, tmp_path: Path) -> Path:
    """A folder with a run of two units that say what their scores say."""
    table, found = judged
    for seed in (0, 1):
        described = {"name": "made", "strategy": {"name": "one-shot"}, "seed": seed}
        record = fake.make_record(
            "one-shot",
            seed,
            experiment=described,
            experiment_name="made",
            identity=identity(described),
            environment={"processor": "a CPU", "threads": 1, "lanes": 8, "commit": "c" * 40},
            **found,
        )
        write_record(tmp_path / "results" / "made", record, table)
    (tmp_path / "results" / "made" / "experiment.json").write_text("{}")
    return tmp_path / "results"


def unit(results: Path, seed: int = 0) -> Path:
    return results / "made" / "one-shot" / f"seed-{seed}"


def answer(arguments: list[str], capsys: pytest.CaptureFixture[str], code: int = 0) -> Any:
    assert main(["results", *arguments, "--json"]) == code
    return json.loads(capsys.readouterr().out)


def change(path: Path, edit: Callable[[dict[str, Any]], None]) -> None:
    value = json.loads((path / RECORD_FILE).read_text())
    edit(value)
    (path / RECORD_FILE).write_text(json.dumps(value))


def test_ls_tells_each_unit_in_a_line(results: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = answer(["ls", str(results)], capsys)
    assert [(line["strategy"], line["seed"], line["n"]) for line in lines] == [
        ("one-shot", 0, 300),
        ("one-shot", 1, 300),
    ]
    stored = read_run(results / "made").records[0]
    assert lines[0]["kendall_tau"] == stored.metrics["negative_loss"]["kendall_tau"]
    assert lines[0]["machine"] == "a CPU, 1 thread, 8 lanes"
    assert lines[0]["run"] == str(results / "made")
    assert answer(["ls", str(results / "made")], capsys) == lines
    assert answer(["ls", str(unit(results))], capsys) == lines[:1]
    assert main(["results", "ls", str(results)]) == 0
    assert "ccccccc" in capsys.readouterr().out


def test_ls_lists_a_damaged_record_too(results: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (unit(results) / RECORD_FILE).write_text("{")
    damaged, whole = answer(["ls", str(results)], capsys)
    assert "not valid JSON" in damaged["fault"]
    assert whole["fault"] is None
    assert main(["results", "ls", str(results)]) == 0
    assert "cannot be read" in capsys.readouterr().out


def test_units_are_found_from_inside_their_folder(
    results: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(unit(results))
    assert [line["seed"] for line in answer(["ls", "."], capsys)] == [0]


def test_show_is_the_whole_record(results: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert answer(["show", str(unit(results))], capsys) == json.loads((unit(results) / RECORD_FILE).read_text())
    assert main(["results", "show", str(unit(results))]) == 0
    out = capsys.readouterr().out
    for text in ("made: one-shot, seed 0", "kendall_tau", "live_flops", "strategy.name", "environment.threads"):
        assert text in out


def test_a_sound_record_agrees(results: Path, capsys: pytest.CaptureFixture[str]) -> None:
    outcomes = answer(["verify", str(results)], capsys)
    assert [outcome["faults"] for outcome in outcomes] == [[], []]
    assert outcomes[0]["agreed"] > 200


@pytest.mark.parametrize(
    ("field", "edit"),
    [
        ("metrics.accuracy.kendall_tau", lambda v: v["metrics"]["accuracy"].update(kendall_tau=0.9)),
        (
            "metrics.negative_loss.regret_at.10",
            lambda v: v["metrics"]["negative_loss"]["regret_at"].update({"10": 9.5}),
        ),
        ("references.flops.spearman", lambda v: v["references"]["flops"].update(spearman=None)),
        ("top_k_curve.accuracy.accuracy[0]", lambda v: v["top_k_curve"]["accuracy"]["accuracy"].__setitem__(0, 99.0)),
        ("analysis.ranked.n", lambda v: v["analysis"]["ranked"].update(n=7)),
        ("truth.best", lambda v: v["truth"].update(best=100.0)),
        ("truth.sha256", lambda v: v["truth"].update(sha256="0" * 64)),
        ("identity", lambda v: v["experiment"].update(budget={"epochs": 900})),
        ("seed", lambda v: v["experiment"].update(seed=5)),
        (
            "metrics.accuracy.precision_at.0.05",
            lambda v: v["metrics"]["accuracy"]["precision_at"].update({"0.05": 0.31}),
        ),
    ],
)
def test_a_changed_field_is_found_and_named(
    field: str, edit: Callable[[dict[str, Any]], None], results: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    change(unit(results, 1), edit)
    assert main(["results", "verify", str(results), "--json"]) == 3
    captured = capsys.readouterr()
    sound, changed = json.loads(captured.out)
    assert sound["faults"] == []
    assert field in [fault["field"] for fault in changed["faults"]]
    assert f"{unit(results, 1)}: {changed['faults'][0]['field']} is" in captured.err
    assert captured.err.count("\n") == 1


def test_changed_scores_are_found(results: Path, judged: Any, capsys: pytest.CaptureFixture[str]) -> None:
    scores = {name: values.copy() for name, values in judged[0].scores.items()}
    scores["accuracy"][[3, 40]] = scores["accuracy"][[40, 3]]
    changed = ScoreTable(judged[0].index, judged[0].leaf, scores)
    (unit(results) / "scores.parquet").write_bytes(changed.to_parquet())
    found, _ = answer(["verify", str(results)], capsys, 3)
    assert "metrics.accuracy.kendall_tau" in [fault["field"] for fault in found["faults"]]
    assert found["faults"][-1]["field"] == "digests.scores"
    assert not [fault for fault in found["faults"] if "negative_loss" in fault["field"]]


def test_what_cannot_be_read_is_a_fault(results: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (unit(results, 0) / "scores.parquet").write_bytes(b"half")
    (unit(results, 1) / RECORD_FILE).write_text("[]")
    first, second = answer(["verify", str(results)], capsys, 3)
    assert [fault["field"] for fault in first["faults"]] == ["scores or truth", "digests.scores"]
    assert [fault["field"] for fault in second["faults"]] == ["record"]
    assert main(["results", "verify", str(results)]) == 3
    assert "1 field changed" in capsys.readouterr().out


def test_a_change_that_no_score_tells_of_is_found_by_the_digest(
    results: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    change(unit(results), lambda value: value["cost"].update(training_seconds=1.0))
    found, _ = answer(["verify", str(results)], capsys, 3)
    assert [fault["field"] for fault in found["faults"]] == ["digests.record"]


def test_records_of_earlier_versions_are_told_and_can_be_protected(
    results: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    change(unit(results), lambda value: value.pop("digests"))
    assert main(["results", "verify", str(results), "--json"]) == 0
    captured = capsys.readouterr()
    assert [outcome["protected"] for outcome in json.loads(captured.out)] == [False, True]
    assert "1 of 2 records are unprotected" in captured.err
    assert answer(["protect", str(results)], capsys) == {"protected": [str(unit(results))], "records": 2}
    assert [outcome["protected"] for outcome in answer(["verify", str(results)], capsys)] == [True, True]
    change(unit(results), lambda value: value["cost"].update(training_seconds=1.0))
    assert main(["results", "protect", str(results)]) == 3
    assert "nothing was written" in capsys.readouterr().err


def test_damaged_checkpoints_and_weights_are_told(results: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = unit(results, 2) / "checkpoints"
    folder.mkdir(parents=True)
    (folder / "stage.safetensors").write_bytes(b"half")
    (unit(results) / "weights.safetensors").write_bytes(b"half")
    assert main(["results", "verify", str(results), "--json"]) == 3
    captured = capsys.readouterr()
    first, second = json.loads(captured.out)
    assert [fault["field"] for fault in first["faults"]] == [str(unit(results) / "weights.safetensors")]
    assert second["faults"] == []
    assert "stage.safetensors: it ends before its header; the run makes" in captured.err


def test_the_committed_records_say_what_their_scores_say(shared_data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = Path(__file__).resolve().parents[2] / "results" / "cifar10-study" / "one-shot-balanced" / "seed-0"
    truth = str(shared_data / "nas-bench-201" / "accuracy.csv")
    [outcome] = answer(["verify", str(folder), "--truth", truth], capsys)
    assert outcome["faults"] == []
    assert outcome["agreed"] > 400


def test_numbers_of_earlier_versions_are_passed_over(results: Path, capsys: pytest.CaptureFixture[str]) -> None:
    change(unit(results), lambda value: value.pop("digests"))
    change(unit(results), lambda value: value["metrics"]["accuracy"].pop("tau_within_flops"))
    change(unit(results), lambda value: value["metrics"]["accuracy"].update(former_metric=3.0))
    assert answer(["verify", str(unit(results))], capsys)[0]["faults"] == []


def test_rm_removes_a_unit_and_nothing_else(results: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (unit(results) / "checkpoints" / "deep").mkdir(parents=True)
    (unit(results) / "checkpoints" / "deep" / "weights").write_text("")
    (unit(results, 1) / "notes.txt").write_text("mine")
    removed = answer(["rm", str(unit(results)), "--yes"], capsys)["removed"]
    assert [Path(path).name for path in removed] == ["record.json", "scores.parquet", "checkpoints"]
    assert not unit(results).exists()
    assert main(["results", "rm", str(unit(results, 1)), "--yes"]) == 0
    assert "left, for the harness did not write it" in capsys.readouterr().err
    assert [path.name for path in unit(results, 1).iterdir()] == ["notes.txt"]
    assert (results / "made" / "experiment.json").exists()


def test_rm_refuses_a_unit_that_is_being_run(results: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with Claims(beat=None) as claims:
        claims.claim(unit(results) / "claim.json")
        for folder in (unit(results), results / "made"):
            assert main(["results", "rm", str(folder), "--yes"]) == 2
            assert f"is being run by process {os.getpid()} on " in capsys.readouterr().err
    assert (unit(results) / "record.json").exists()
    left = replace(Owner.me(), started="1").to_json()
    (unit(results) / "claim.json").write_text(json.dumps(left))
    assert main(["results", "rm", str(unit(results)), "--yes"]) == 0
    assert not unit(results).exists()


def test_rm_removes_a_run_with_its_description(results: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["results", "rm", str(results / "made"), "--yes"]) == 0
    assert "removed 2 units of made" in capsys.readouterr().out
    assert list(results.iterdir()) == []


def test_rm_asks(results: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setattr("sys.stdin", Terminal("n\n"))
    assert main(["results", "rm", str(unit(results))]) == 0
    assert "remove one-shot, seed 0 for good (2 files)? [y/N]" in capsys.readouterr().err
    assert unit(results).exists()
    monkeypatch.setattr("sys.stdin", Terminal("y\n"))
    assert main(["results", "rm", str(unit(results))]) == 0
    assert not unit(results).exists()


def test_rm_refuses_what_is_no_unit_and_no_run(
    results: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("y\n"))
    link = tmp_path / "link"
    link.symlink_to(results / "made")
    other = tmp_path / "photos" / "seed-0"
    other.mkdir(parents=True)
    (other / "picture.png").write_text("")
    before = sorted(tmp_path.rglob("*"))
    for arguments, said in (
        ([str(results), "--yes"], "neither a run"),
        ([str(results / "made" / "one-shot"), "--yes"], "neither a run"),
        ([str(tmp_path / "photos"), "--yes"], "neither a run"),
        ([str(other), "--yes"], "neither a run"),
        ([str(tmp_path / "nowhere"), "--yes"], "neither a run"),
        ([str(link), "--yes"], "is a link"),
        ([str(unit(results))], "add --yes"),
        ([str(unit(results)), "--json"], "add --yes"),
    ):
        assert main(["results", "rm", *arguments]) == 2
        assert said in capsys.readouterr().err
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize("verb", ["ls", "show", "verify"])
def test_a_folder_without_records_is_an_error(verb: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for folder, said in ((tmp_path, "no record"), (tmp_path / "nowhere", "no such folder")):
        assert main(["results", verb, str(folder)]) == 3
        assert said in capsys.readouterr().err


def test_show_is_of_one_record(results: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["results", "show", str(results)]) == 2
    assert "holds 2 records; name one" in capsys.readouterr().err
