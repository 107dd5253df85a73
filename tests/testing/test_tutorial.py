"""The pages for authors do what they say: their files are written and their commands run, in order."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest

from nasbench_harness.cli import main
from nasbench_harness.experiment import load_experiment
from nasbench_harness.partitioners import partitioners

PAGE = Path(__file__).parents[2] / "docs" / "extending.md"
GATED = PAGE.with_name("tutorial-partitioner.md")
TINY = ["images.size=4", "network.channels=4", "budget.epochs=2", "scoring.images=20", "scoring.architectures=60"]
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def steps(page: Path = PAGE) -> list[tuple[str, str]]:
    """Commands as ``("$", command)`` and files as ``(name, text)``, in the order of the page."""
    found = []
    for language, text in BLOCK.findall(page.read_text(encoding="utf-8")):
        if language == "text":
            continue
        if language == "bash":
            found += [("$", line) for line in text.splitlines()]
        else:
            name = re.match(r"# (\S+)\n", text)
            assert name, f"a block of {language} does not begin with the name of its file"
            found.append((name[1], text))
    return found


def test_the_page_shows_every_verb_for_authors() -> None:
    commands = [text for kind, text in steps() if kind == "$"]
    for wanted in ("new partitioner", "check", "pytest", "run"):
        assert any(wanted in command for command in commands)


def test_its_comparisons_give_parents_the_same_share() -> None:
    """A new method without a parent beside controls with one would differ in more than its partition."""
    experiment = tomllib.loads(dict(steps())["by-pooling.toml"])
    assert {section["parent_fraction"] for section in experiment["strategies"].values()} == {0.5}
    [command] = re.findall(r"`(nasbench-harness run cifar10-fast [^`]*)`", PAGE.read_text(encoding="utf-8"))
    overrides = [word.replace("by-pooling", "random") for word in shlex.split(command)[3:] if "plugins" not in word]
    strategies = load_experiment("cifar10-fast", overrides).strategies
    shares = {name: strategies[name].canonical()["parent_fraction"] for name in ("mine", "random-partition")}
    assert shares == {"mine": 0.5, "random-partition": 0.5}


@pytest.fixture
def run_step(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, few_cells: Callable[..., AbstractContextManager[Any]]
) -> Callable[[str], None]:
    """Runs a command in an empty folder, as a process, except ``run``: it scores a part of the cells, in this one."""
    monkeypatch.chdir(tmp_path)
    for members in ("_members", "_origins"):  # what the plug-in file registers is gone after the test
        monkeypatch.setattr(partitioners, members, dict(getattr(partitioners, members)))
    programs = {"nasbench-harness": [sys.executable, "-m", "nasbench_harness"], "python": [sys.executable]}

    def run(text: str) -> None:
        program, *arguments = text.split()
        if arguments[0] == "run":
            with few_cells():
                assert main(arguments) == 0
            return
        done = subprocess.run(
            [*programs[program], *arguments],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, "OMP_NUM_THREADS": "1", "PYTEST_PLUGINS": "nasbench_harness.testing.pytest_plugin"},
        )
        assert done.returncode == 0, f"{text}\n{done.stdout}\n{done.stderr}"

    return run


@pytest.mark.slow
def test_the_tutorial_works(tmp_path: Path, run_step: Callable[[str], None]) -> None:
    for kind, text in steps():
        if kind == "$":
            run_step(text)
        else:
            (tmp_path / kind).write_text(text)
    record = json.loads((tmp_path / "results/by-pooling/by-pooling/seed-0/record.json").read_text())
    assert [leaf["name"] for leaf in record["leaves"]] == ["at most 0 poolings", "more than 0 poolings"]
    assert record["experiment"]["strategy"]["partitioner"] == {"name": "by-pooling", "most": 0}
    assert len(record["experiment"]["plugins"]) == 1


@pytest.mark.slow
def test_the_way_to_a_gated_pull_request_works(tmp_path: Path, run_step: Callable[[str], None]) -> None:
    gate = tmp_path / "test_few_convolutions_gate.py"
    for kind, text in steps(GATED):
        assert kind == "$"
        run_step(text)
        if "new partitioner" in text:  # the same with fewer seeds of a smaller experiment, and a margin that it keeps
            whole = gate.read_text()
            few = whole.replace("seeds=5", f"seeds=2, margin=1.0, overrides={TINY}").replace("seeds=10", "seeds=2")
            assert few.count("seeds=2") == 2 + whole.count("(`seeds=10`)")
            gate.write_text(few)
    page = GATED.read_text(encoding="utf-8")
    written = [path.relative_to(tmp_path) for path in tmp_path.rglob("*") if path.is_file() and ".git" in str(path)]
    assert all(f"| `{path.as_posix()}` |" in page for path in written if ".github" in path.parts)
    assert "few-convolutions v random-partition" in (tmp_path / "verdict.md").read_text()
    assert (tmp_path / "results/baselines/regress/few-convolutions.json").is_file()
