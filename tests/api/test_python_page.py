"""docs/python.md does what it says: its blocks run in order, and every name of the package that it uses is public."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import nasbench_harness as nh

PAGE = (Path(__file__).parents[2] / "docs" / "python.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```python\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


@pytest.mark.slow
def test_the_page_works(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    few_cells: Callable[..., Any],
) -> None:
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    with few_cells():
        for number, block in enumerate(BLOCKS, 1):
            exec(compile(block, f"block {number} of docs/python.md", "exec"), names)
    assert set(names["taus"]) == set(names["run"].strategies) == {"efs-group"}
    assert "found shape (2,)" in capsys.readouterr().out
    assert names["scores"].columns == re.findall(r"scores\.columns +# (.*)", PAGE)[0].split(", ")
    assert (tmp_path / "scratch/python/figures/score_against_truth.png").is_file()


def test_every_name_is_public() -> None:
    used = set(re.findall(r"\bnh\.(\w+)", PAGE))
    assert used <= set(nh.__all__)
    assert {"evaluate", "run_experiment", "read_run", "leaderboard", "draw", "best_architectures"} <= used
