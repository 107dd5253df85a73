"""An experiment from Python: run, read, look at; the records are those of the command line."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nasbench_harness as nh
from nasbench_harness import runner
from nasbench_harness.cli import main
from nasbench_harness.errors import DataError, UsageError
from nasbench_harness.records import Record
from nasbench_harness.system.variables import IMAGES_VARIABLE, TRUTH_VARIABLE

pytestmark = pytest.mark.slow

TINY = {
    "images.size": 4,
    "network.channels": 4,
    "training.batch_size": 20,
    "budget": {"architecture_updates": 400},
    "scoring.images": 20,
    "strategies": {
        "plain": {"kind": "one-shot", "sampler": "uniform"},
        "groups": {"kind": "few-shot", "partitioner": "efs-group"},
    },
}


@pytest.fixture(scope="module")
def seen() -> list[tuple[str, int]]:
    """Units that the callback of ``run`` was told of."""
    return []


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory, seen: list[tuple[str, int]], few_cells: Callable[..., Any]) -> nh.Run:
    folder = tmp_path_factory.mktemp("run")

    def callback(record: Record) -> None:
        assert (folder / record.strategy / f"seed-{record.seed}" / "record.json").is_file()
        seen.append((record.strategy, record.seed))

    with few_cells():
        return nh.run_experiment(
            nh.load_experiment("quickstart", TINY), str(folder), progress=None, callbacks=[callback]
        )


def test_a_run_gives_its_records(run: nh.Run, seen: list[tuple[str, int]]) -> None:
    assert run.strategies == ("groups", "plain")
    assert seen == [("plain", 0), ("groups", 0)]
    assert run.record("plain").cost["architecture_updates"]["used"] <= 400
    assert json.loads((run.folder / "leaderboard.json").read_text())["experiment"] == "quickstart"
    assert "plain" in repr(run)
    with pytest.raises(DataError, match="groups seed 0, plain seed 0"):
        run.record()
    with pytest.raises(DataError, match="no such unit"):
        run.scores("plain", 1)


def test_the_same_call_keeps_what_is_finished(run: nh.Run, capsys: pytest.CaptureFixture[str]) -> None:
    called: list[Record] = []
    again = nh.run_experiment(
        nh.load_experiment("quickstart", {**TINY, "seeds": [0, 1]}), run.folder, seeds=[0], callbacks=[called.append]
    )
    assert again.records == run.records
    assert called == []
    assert capsys.readouterr().err.count("finished earlier, kept") == 2


def test_silence_is_silent(run: nh.Run, capsys: pytest.CaptureFixture[str]) -> None:
    nh.run_experiment(nh.load_experiment("quickstart", TINY), run.folder, strategies=["plain"], progress=None)
    assert capsys.readouterr() == ("", "")


def test_the_command_line_knows_the_units(run: nh.Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["leaderboard", str(run.folder), "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == run.leaderboard().to_json()


def test_scores_are_a_data_frame(run: nh.Run) -> None:
    frame = run.scores("groups", 0, truth="digits_test_5")
    assert frame.columns[:4] == ["index", "arch", "benchmark_index", "leaf"]
    assert set(frame.columns[4:]) == {"accuracy", "negative_loss", "truth"}
    assert frame.height == 15625
    assert frame["leaf"].n_unique() == len(run.record("groups").leaves) > 1
    np.testing.assert_array_equal(frame["truth"].to_numpy(), nh.truth_vector("digits_test_5"))
    np.testing.assert_array_equal(frame["index"].to_numpy(), np.arange(15625))
    assert frame["arch"].to_list() == list(nh.space.all_strings())
    table = run.score_table("groups")
    np.testing.assert_array_equal(frame["accuracy"].to_numpy(), table.scores["accuracy"])
    judged = nh.evaluate(frame, "digits_test_5")
    assert judged.scores == run.record("groups").metrics
    assert "truth" not in run.scores("plain").columns


def test_the_leaderboard_is_a_table(run: nh.Run) -> None:
    board = nh.leaderboard(str(run.folder))
    assert board == run.leaderboard()
    frame = board.to_frame()
    assert frame["strategy"].to_list()[2:] == [row.name for row in board.references]
    assert frame["reference"].to_list() == [False, False, True, True]
    plain = run.record("plain").metrics["accuracy"]
    assert frame.filter(strategy="plain")["kendall_tau"].item() == plain["kendall_tau"]
    assert "| plain" in board.to_markdown()
    assert run._repr_html_() == board._repr_html_()
    assert board._repr_html_().count("<tr") == 5


def test_a_leaderboard_shows_names_as_they_are(run: nh.Run) -> None:
    board = nh.Leaderboard(**{**vars(run.leaderboard()), "experiment": "<script>alert(1)</script>"})
    assert "<script>" not in board._repr_html_()
    assert "&lt;script&gt;" in board._repr_html_()


def test_figures_are_drawn_and_written(run: nh.Run, tmp_path: Path) -> None:
    figures = nh.draw(run, folder=str(tmp_path))
    assert {"score_against_truth", "tau_by_strategy", "top_k_curve", "leaf_panels"} <= set(figures)
    written = {path.name for path in tmp_path.iterdir()}
    assert written == {f"{name}.{kind}" for name in figures for kind in ("png", "pdf", "tex")}
    assert set(run.figures("negative_loss")) == set(figures)


def test_what_a_callback_raises_ends_the_run(run: nh.Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    done = []

    def job(job: runner.Job, progress: object) -> Record:
        done.append(job.unit.strategy)
        return run.record(job.unit.strategy)

    def stop(record: Record) -> None:
        raise KeyError(record.strategy)

    monkeypatch.setattr(runner, "run_job", job)

    with pytest.raises(KeyError, match="plain"):
        nh.run_experiment(nh.load_experiment("quickstart", TINY), tmp_path, progress=None, callbacks=[stop])
    assert done == ["plain"]


def test_data_are_found_as_on_the_command_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(TRUTH_VARIABLE, "missing.npz")
    with pytest.raises(DataError, match=r"missing\.npz"):
        nh.run_experiment("quickstart", tmp_path, progress=None)
    monkeypatch.delenv(TRUTH_VARIABLE)
    monkeypatch.setenv(IMAGES_VARIABLE, str(tmp_path / "no-images"))
    table = tmp_path / "table.npz"
    nh.TruthTable("made", {"cifar10_test_200": nh.truth_vector("digits_test_5")}, None, {}).save(table)
    with pytest.raises(DataError, match="no-images"):
        nh.run_experiment("cifar10-fast", tmp_path / "out", truth=str(table), progress=None)


def test_overrides_are_texts_or_a_mapping(tmp_path: Path) -> None:
    by_text = nh.load_experiment("quickstart", ["budget.epochs=2", "images.name=digits"])
    assert nh.load_experiment("quickstart", {"budget.epochs": 2, "images.name": "digits"}) == by_text
    assert nh.load_experiment("quickstart", "budget.epochs=2") == by_text
    with pytest.raises(UsageError, match="epoch"):
        nh.load_experiment("quickstart", {"budget.epoch": 2})
    with pytest.raises(UsageError, match="value, not a section"):
        nh.load_experiment("quickstart", {"name.first": 2})
    with pytest.raises(UsageError, match=r"none\.toml"):
        nh.load_experiment(tmp_path / "none.toml")


def test_a_folder_without_records_is_named(tmp_path: Path) -> None:
    readers: list[Callable[[str], object]] = [nh.read_run, nh.leaderboard, nh.draw]
    for read in readers:
        with pytest.raises(DataError, match=str(tmp_path)):
            read(str(tmp_path))
