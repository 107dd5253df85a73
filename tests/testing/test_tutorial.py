"""docs/extending.md does what it says: its files are written and its commands run, in order."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

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


def test_the_tutorial_works(tmp_path: Path) -> None:
    programs = {"nasbench-harness": [sys.executable, "-m", "nasbench_harness"], "python": [sys.executable]}
    for kind, text in steps():
        if kind != "$":
            (tmp_path / kind).write_text(text)
            continue
        program, *arguments = text.split()
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
