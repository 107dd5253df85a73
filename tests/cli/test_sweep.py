"""``sweep``: the settings in front of the numbers, as table, JSON, CSV and figures."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest

import nasbench_harness as nh
from nasbench_harness.cli import main


@pytest.fixture(scope="module")
def grid(fake: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "grid"
    for epochs, taus in ((60, [0.3, 0.5]), (180, [0.6, 0.7]), (360, [0.7])):
        fake.write_run(folder / f"epochs-{epochs}", {"one": taus}, budget={"epochs": epochs})
    return folder


def test_a_row_a_protocol_with_its_settings(grid: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sweep", str(grid), "--columns", "tau,seeds"]) == 0
    heading, header, _, *rows = capsys.readouterr().out.splitlines()
    assert heading.strip() == "fake"
    assert header.split()[:2] == ["epochs", "tau"]
    assert [row.split()[0] for row in rows[:3]] == ["60", "180", "360"]
    assert [row.split()[1] for row in rows[:3]] == ["0.400", "0.650", "0.700"]
    assert "in the order of the settings" in " ".join(rows)
    assert main(["sweep", str(grid), "--columns", "tau", "--sort", "tau"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [row.split()[0] for row in lines[3:6]] == ["360", "180", "60"]
    assert "sorted by tau" in " ".join(lines)
    assert "in the order of the settings" not in " ".join(lines)


def test_json_and_csv_have_the_settings_and_every_number(grid: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sweep", str(grid), "--signal", "accuracy", "--json"]) == 0
    value = json.loads(capsys.readouterr().out)
    assert value["varied"] == ["budget.epochs"]
    assert [row["settings"] for row in value["rows"]] == [{"budget.epochs": n} for n in (60, 180, 360)]
    assert [row["folder"] for row in value["rows"]] == [str(grid / f"epochs-{n}") for n in (60, 180, 360)]
    assert value["rows"][1]["metrics"]["kendall_tau"]["values"] == [0.6, 0.7]
    assert main(["sweep", *map(str, sorted(grid.iterdir())), "--csv"]) == 0
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert [row["budget.epochs"] for row in rows] == ["60", "180", "360", "", ""]
    assert float(rows[1]["tau"]) == pytest.approx(0.65)


def test_chosen_strategies_alone(fake: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    fake.write_run(tmp_path / "a", {"one": [0.3], "two": [0.4]}, budget={"epochs": 60})
    fake.write_run(tmp_path / "b", {"one": [0.5]}, budget={"epochs": 180})
    fake.write_run(tmp_path / "c", {"two": [0.6]}, budget={"epochs": 180})
    folders = [str(tmp_path / name) for name in "abc"]
    assert main(["sweep", *folders, "--strategies", "one", "--json"]) == 0
    value = json.loads(capsys.readouterr().out)
    assert value["varied"] == ["budget.epochs"]
    assert [row["folder"] for row in value["rows"]] == folders[:2]
    assert [row["folder"] for row in nh.sweep(folders, strategies=["two"]).to_json()["rows"]] == folders[::2]
    assert main(["sweep", *folders, "--strategies", "one,three"]) == 2
    assert "no strategy 'three' in these runs; there are: one, two" in capsys.readouterr().err


def test_figures_are_written_and_python_gives_the_same(grid: Path, tmp_path: Path) -> None:
    assert main(["sweep", str(grid), "--figures", str(tmp_path / "cli"), "--width", "icml"]) == 0
    names = {path.name for path in (tmp_path / "cli").iterdir()}
    assert names == {f"{name}.{kind}" for name in ("sweep", "sweep_training_loss") for kind in ("pdf", "png", "tex")}
    found = nh.sweep(grid)
    found.draw(tmp_path / "python", width="icml")
    assert (tmp_path / "cli" / "sweep.png").read_bytes() == (tmp_path / "python" / "sweep.png").read_bytes()
    assert found.sweep.varied == ("budget.epochs",)
    assert found.to_markdown().splitlines()[2].startswith("| epochs | seeds | tau")
    assert "budget.epochs" in found.to_csv()
    assert r"\begin{tabular}" in found.to_latex()
    assert "<caption>fake</caption>" in found._repr_html_()


@pytest.mark.parametrize(
    ("options", "code", "words"),
    [
        (["--width", "wide"], 2, "width 'wide': give one of"),
        (["--signal", "luck"], 3, "no score column 'luck'"),
        (["--columns", "colour"], 2, "no column 'colour' in fake; the columns are budget.epochs, seeds,"),
    ],
)
def test_what_cannot_be_is_one_line(
    grid: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], options: list[str], code: int, words: str
) -> None:
    assert main(["sweep", str(grid), "--figures", str(tmp_path / "figures"), *options]) == code
    out, err = capsys.readouterr()
    assert words in err
    assert len(err.splitlines()) == 1
    assert not out
    assert not (tmp_path / "figures").exists()


def test_one_protocol_is_no_sweep(grid: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sweep", str(grid / "epochs-60")]) == 2
    assert "no setting differs" in capsys.readouterr().err
    assert main(["sweep", str(grid / "epochs-61")]) == 3
    assert "no such run folder" in capsys.readouterr().err


def test_a_damaged_record_is_named_and_the_others_are_shown(
    fake: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for epochs in (60, 180):
        fake.write_run(tmp_path / f"epochs-{epochs}", {"one": [0.4, 0.5]}, budget={"epochs": epochs})
    (tmp_path / "epochs-60" / "one" / "seed-1" / "record.json").write_text("{")
    assert main(["sweep", str(tmp_path), "--columns", "seeds"]) == 3
    out, err = capsys.readouterr()
    assert [line.split()[:2] for line in out.splitlines()[3:5]] == [["60", "1"], ["180", "2"]]
    assert "not shown: " in err
