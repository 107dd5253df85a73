"""The verbs for authors: what they print and write, and how they answer mistakes."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from nasbench_harness.catalogue import families
from nasbench_harness.cli import main
from nasbench_harness.space import live_cells

BROKEN = '''
from dataclasses import dataclass
from nasbench_harness.partitioners import Partitioner, partitioners

@partitioners.register("with-a-gap")
@dataclass(frozen=True)
class Gap(Partitioner):
    """Leaves some out [sic]."""

    def split(self, subspace, probe, rng):
        return [type(subspace)("most", subspace.members[1:])]
'''


@pytest.fixture(autouse=True)
def clean(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty working folder; what a test registers is gone after it."""
    monkeypatch.chdir(tmp_path)
    for family in families().values():
        for members in ("_members", "_origins"):
            monkeypatch.setattr(family, members, dict(getattr(family, members)))


def test_check_prints_a_line_for_each_promise(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "random", "leaves=3"]) == 0
    out = capsys.readouterr().out
    assert "partitioner random" in out
    assert "3 leaves of the whole space" in out
    assert main(["check", "random", "leaves=3", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert all(row["passed"] and row["part"] == "random" and row["family"] == "partitioner" for row in rows)
    assert {"check", "reason"} <= set(rows[0])
    assert len(rows) > 8


def test_check_of_a_part_that_breaks_a_promise_ends_with_1(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "gap.py").write_text(BROKEN)
    assert main(["check", "gap.py"]) == 1
    captured = capsys.readouterr()
    assert "FAIL" in captured.out
    assert "no leaf holds 1 architecture(s)" in captured.out
    assert captured.err.startswith("nasbench-harness: ")
    assert "with-a-gap: routing is total and disjoint" in captured.err
    assert captured.err.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["check", "rndom"], "no strategy, partitioner, sampler is called 'rndom'; did you mean random"),
        (["check", "flops"], "is called 'flops'"),
        (["check", "random", "leafs=3"], "partitioner 'random' has no option 'leafs'; did you mean leaves"),
        (["check", "random", "leaves"], "'leaves' is not of the form option=value"),
        (["check", "random", "leaves=0"], "at least 1"),
        (["check", "few-shot"], "partitioner"),
        (["check", "absent.py"], "no plug-in file"),
        (["check", "empty.py"], "registers no part that has checks"),
        (
            ["new", "sampler", "mine"],
            "no template for a new 'sampler'; known: partitioner, strategy, slurm, kubernetes",
        ),
        (["new", "partitioner", "My Way"], "words of a-z and 0-9 joined by hyphens"),
        (["new", "partitioner", "../x"], "words of a-z"),
        (["new", "partitioner", "random"], "partitioner 'random' exists already"),
    ],
)
def test_wrong_requests_end_with_2(
    arguments: list[str], named: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "empty.py").write_text("x = 1\n")
    assert main(arguments) == 2
    captured = capsys.readouterr()
    assert named in captured.err
    assert captured.out == ""
    assert captured.err.count("\n") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["empty.py"]


def test_new_overwrites_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "my-way.toml").write_text("precious")
    assert main(["new", "partitioner", "my-way"]) == 2
    assert "my-way.toml exists and is not overwritten" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["my-way.toml"]
    assert (tmp_path / "my-way.toml").read_text() == "precious"


def test_new_leaves_the_workflow_of_an_earlier_part(tmp_path: Path) -> None:
    assert main(["new", "partitioner", "my-way"]) == 0
    workflow = tmp_path / ".github/workflows/gate.yml"
    workflow.write_text("mine")
    assert main(["new", "partitioner", "other-way"]) == 0
    assert workflow.read_text() == "mine"
    assert (tmp_path / "test_other_way_gate.py").exists()


@pytest.fixture
def hundred_cells(monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs score a few live cells; all others get the score of chance."""
    monkeypatch.setattr("nasbench_harness.pipeline.connected_live_cells", lambda: live_cells()[-100:])


@pytest.mark.slow
@pytest.mark.usefixtures("hundred_cells")
@pytest.mark.parametrize(("family", "name"), [("partitioner", "my-own-way"), ("strategy", "two-halves")])
def test_what_new_writes_passes_its_checks_and_tests_and_runs(
    family: str, name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "mine"
    assert main(["new", family, name, "--to", str(folder), "--json"]) == 0
    files = [Path(file) for file in json.loads(capsys.readouterr().out)["files"]]
    assert [file.parent for file in files] == [*[folder] * 4, folder / ".github/workflows"]
    assert not any(re.search(r"\$[A-Z]", file.read_text()) for file in files)
    assert f"gate/{name} gate/" in files[4].read_text()
    assert main(["check", str(files[0]), "--json"]) == 0
    assert all(row["part"] == name for row in json.loads(capsys.readouterr().out))
    # all of them are what `check` has just run; for a strategy each takes seconds
    some = ["-k", "budget or summary"] if family == "strategy" else []
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(files[1]), *some]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.returncode == 0, done.stdout
    tiny = ["budget.epochs=1", "scoring.images=10", "images.size=4"]
    arguments = ["run", str(files[2]), *tiny, "--strategies", name, "--out", str(tmp_path / "out"), "--threads", "1"]
    assert main([*arguments, "--json"]) == 0
    board = json.loads(capsys.readouterr().out)
    assert board["folder"] == str(tmp_path / "out")
    assert (tmp_path / "out" / name / "seed-0" / "record.json").exists()


@pytest.mark.slow
def test_check_works_without_pytest_and_new_says_how_to_get_it(tmp_path: Path) -> None:
    program = (
        "import sys; sys.modules['pytest'] = None\n"  # an import of it fails
        "import importlib.util as util; util.find_spec = lambda name: None\n"
        "from nasbench_harness.cli import main\n"
        "print(main(['new', 'partitioner', 'without']), main(['check', 'without.py', '--json']), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=tmp_path)
    assert done.stderr.splitlines()[-1] == "0 0"
    assert "pytest is not installed: pip install pytest" in done.stderr
    assert "pip install pytest" in (tmp_path / "test_without.py").read_text()


GRID = """
name = "tiny"
images = {name = "digits", size = 4}
network = {channels = 2, cells = 1}
training = {batch_size = 50, learning_rate = 0.05, flip = false}
budget = {architecture_updates = 100}
scoring = {images = 10}
truth = {policy = "digits_test_5"}
strategies.one.kind = "one-shot"
grid.budget.architecture_updates = [100, 50]
"""


def test_a_point_of_a_grid_that_cannot_be_run_is_refused_before_the_first_is(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "tiny.toml").write_text(GRID)
    followed = "scoring.trajectory={points = [60], architectures = 10}"
    assert main(["run", "tiny.toml", followed, "--threads", "1"]) == 2
    said = capsys.readouterr().err
    assert "grid point architecture_updates-50: scoring.trajectory.points: 60 architecture-updates lie beyond" in said
    assert not (tmp_path / "results").exists()


@pytest.mark.slow
@pytest.mark.usefixtures("hundred_cells")
def test_a_grid_of_experiments_runs_each_in_its_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "tiny.toml").write_text(GRID)
    assert main(["run", "tiny.toml", "--threads", "1", "--json"]) == 0
    captured = capsys.readouterr()
    found = json.loads(captured.out)["experiments"]
    folders = ["results/tiny/architecture_updates-100", "results/tiny/architecture_updates-50"]
    assert [one["folder"] for one in found] == folders
    for folder, updates in zip(folders, (100, 50), strict=True):
        record = json.loads((tmp_path / folder / "one" / "seed-0" / "record.json").read_text())
        assert record["cost"]["architecture_updates"]["used"] == updates
        assert (tmp_path / folder / "leaderboard.md").exists()
    assert "grid point 2 of 2: architecture_updates-50" in captured.err
