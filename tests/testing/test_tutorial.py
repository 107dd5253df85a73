"""docs/extending.md does what it says: its files are written and its commands run, in order."""

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
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def steps() -> list[tuple[str, str]]:
    """Commands as ``("$", command)`` and files as ``(name, text)``, in the order of the page."""
    found = []
    for language, text in BLOCK.findall(PAGE.read_text(encoding="utf-8")):
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
    [command] = re.findall(r"`(nasbench-harness run cifar10-cpu [^`]*)`", PAGE.read_text(encoding="utf-8"))
    overrides = [word.replace("by-pooling", "random") for word in shlex.split(command)[3:] if "plugins" not in word]
    strategies = load_experiment("cifar10-cpu", overrides).strategies
    shares = {name: strategies[name].canonical()["parent_fraction"] for name in ("mine", "random-partition")}
    assert shares == {"mine": 0.5, "random-partition": 0.5}


@pytest.mark.slow
def test_the_tutorial_works(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, few_cells: Callable[..., AbstractContextManager[Any]]
) -> None:
    """Each command is a process, except the run: it scores a part of the cells, in this one."""
    monkeypatch.chdir(tmp_path)
    for members in ("_members", "_origins"):  # what the plug-in file registers is gone after the test
        monkeypatch.setattr(partitioners, members, dict(getattr(partitioners, members)))
    programs = {"nasbench-harness": [sys.executable, "-m", "nasbench_harness"], "python": [sys.executable]}
    for kind, text in steps():
        if kind != "$":
            (tmp_path / kind).write_text(text)
            continue
        program, *arguments = text.split()
        if arguments[0] == "run":
            with few_cells():
                assert main(arguments) == 0
            continue
        done = subprocess.run(
            [*programs[program], *arguments],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
        )
        assert done.returncode == 0, f"{text}\n{done.stdout}\n{done.stderr}"
    record = json.loads((tmp_path / "results/by-pooling/by-pooling/seed-0/record.json").read_text())
    assert [leaf["name"] for leaf in record["leaves"]] == ["at most 0 poolings", "more than 0 poolings"]
    assert record["experiment"]["strategy"]["partitioner"] == {"name": "by-pooling", "most": 0}
    assert len(record["experiment"]["plugins"]) == 1
