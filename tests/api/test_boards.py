"""Leaderboards of several folders, and with score files of others as rows."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nasbench_harness as nh
from nasbench_harness.api.boards import named_files
from nasbench_harness.cli import main
from nasbench_harness.records import write_record
from nasbench_harness.truth import embedded_table, truth_of

POLICY = "digits_test_5"


@pytest.fixture
def runs(fake: Any, tmp_path: Path) -> list[Path]:
    """Two folders of one protocol, judged by the embedded truth: seeds 0 and 1."""
    truth = truth_of(embedded_table(), POLICY).to_json()
    folders = []
    for seed, name in enumerate(("here", "there")):
        record = fake.make_record("one-shot", seed, truth=truth | {"noise_ceiling": None})
        write_record(tmp_path / name, record, fake.make_scores(record))
        folders.append(tmp_path / name)
    return folders


@pytest.fixture(scope="module")
def theirs() -> list[np.ndarray]:
    truth = nh.truth_vector(POLICY)
    return [truth + 5 * np.random.default_rng(seed).normal(size=len(truth)) for seed in (0, 1)]


@pytest.mark.slow
def test_scores_of_others_are_rows_by_the_truth_of_the_run(runs: list[Path], theirs: list[np.ndarray]) -> None:
    board = nh.leaderboard(runs[0], join=runs[1:], scores={"theirs": theirs, "count": nh.space.flops()})
    rows = {row.name: row for row in board.rows}
    assert set(rows) == {"one-shot", "theirs (scores)", "count (scores)"}
    assert rows["one-shot"].seeds == (0, 1)
    row = rows["theirs (scores)"]
    taus = [nh.evaluate(scores, POLICY, resamples=0).value() for scores in theirs]
    tau = row.metrics["kendall_tau"]
    assert tau is not None
    assert tau.values == pytest.approx(taus)
    assert (tau.mean, tau.n, tau.basis) == (pytest.approx(np.mean(taus)), 2, "seeds")
    assert row.tau == dict.fromkeys(board.signals, tau)
    assert row.external
    assert not rows["one-shot"].external
    one = rows["count (scores)"].metrics["kendall_tau"]
    assert one is not None
    assert one.basis == "architectures"
    means = [row.metrics["kendall_tau"].mean for row in board.rows if row.metrics["kendall_tau"] is not None]
    assert means == sorted(means, reverse=True)
    assert "from a score file" in board.to_markdown()


def test_rows_beside_a_ranked_sample_are_of_the_sample(
    runs: list[Path], theirs: list[np.ndarray], fake: Any, tmp_path: Path
) -> None:
    record = fake.make_record("one-shot", 0, truth=nh.read_run(runs[0]).record("one-shot", 0).truth | {"n": fake.N})
    scores = fake.make_scores(record)
    write_record(tmp_path / "sample", record, scores)
    board = nh.leaderboard(tmp_path / "sample", scores={"theirs": theirs[0]})
    [row] = [row for row in board.rows if row.external]
    tau = row.metrics["kendall_tau"]
    assert tau is not None
    known = dict(zip(nh.space.all_strings(), theirs[0].tolist(), strict=True))
    some = {nh.format_architecture(index): known[nh.format_architecture(index)] for index in scores.index.tolist()}
    judged = nh.evaluate(some, POLICY, allow_missing=True, resamples=0)
    assert judged.truth["n"] == 15625
    assert judged.scores["score"]["n"] == fake.N
    assert tau.mean == pytest.approx(judged.value())


@pytest.mark.slow
def test_the_verb_joins_folders_and_files(
    runs: list[Path], theirs: list[np.ndarray], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "two.json"
    columns = zip(nh.space.all_strings(), *(scores.tolist() for scores in theirs), strict=True)
    file.write_text(json.dumps({arch: {"a": one, "b": other} for arch, one, other in columns}))
    arguments = ["leaderboard", str(runs[0]), "--and", str(runs[1]), "--scores", f"x={file}"]
    assert main([*arguments, "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)["rows"]
    assert {(row["name"], row["n_seeds"], row["external"]) for row in rows} == {
        ("one-shot", 2, False),
        ("x:a (scores)", 1, True),
        ("x:b (scores)", 1, True),
    }
    [one_shot] = [row for row in rows if row["name"] == "one-shot"]
    assert len(one_shot["metrics"]["regret_at.10"]["values"]) == 2


def test_wrong_rows_are_refused(
    runs: list[Path], theirs: list[np.ndarray], fake: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(nh.HarnessError, match="one-shot is a strategy"):
        nh.leaderboard(runs[0], scores={"one-shot": theirs})
    with pytest.raises(nh.HarnessError, match="seeds have the same columns"):
        nh.leaderboard(runs[0], scores={"x": [{"a": theirs[0]}, {"b": theirs[1]}]})
    other = dataclasses.replace(
        fake.make_record("one-shot", 0), truth=nh.read_run(runs[0]).record("one-shot", 0).truth | {"sha256": "0" * 64}
    )
    write_record(tmp_path / "other", other, fake.make_scores(other))
    with pytest.raises(nh.HarnessError, match="is another; name that one by --truth"):
        nh.leaderboard(tmp_path / "other", scores={"x": theirs[0]})
    assert main(["leaderboard", str(runs[0]), "--and", str(tmp_path / "other")]) == 2
    assert "is of another protocol" in capsys.readouterr().err
    assert main(["leaderboard", str(runs[0]), "--scores", "theirs.csv"]) == 2
    assert "scores are named as NAME=FILE, found 'theirs.csv'" in capsys.readouterr().err


def test_files_of_one_name_are_its_seeds() -> None:
    assert named_files(["a=x.csv", "b=y=z.csv", "a=w.csv"]) == {"a": ["x.csv", "w.csv"], "b": ["y=z.csv"]}
