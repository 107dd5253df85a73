"""docs/notebooks/tour.ipynb: made of tour.py, with its outputs, and its cells run in order."""

from __future__ import annotations

import importlib.util
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import matplotlib as mpl
import pytest
from matplotlib.figure import Figure

FOLDER = Path(__file__).parents[2] / "docs" / "notebooks"
TEXT = (FOLDER / "tour.ipynb").read_text(encoding="utf-8")
CELLS: list[dict[str, Any]] = json.loads(TEXT)["cells"]
CODE = [cell for cell in CELLS if cell["cell_type"] == "code"]


def cells_of_script() -> list[tuple[str, str]]:
    """The cells of tour.py, as the script that builds the notebook reads them."""
    spec = importlib.util.spec_from_file_location("cells", FOLDER / "cells.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    cells: list[tuple[str, str]] = module.cells_of((FOLDER / "tour.py").read_text(encoding="utf-8"))
    return cells


def test_the_notebook_is_that_of_its_script() -> None:
    assert [(cell["cell_type"], "".join(cell["source"])) for cell in CELLS] == cells_of_script()


def test_it_was_executed_in_order_and_shows_what_it_should() -> None:
    assert [cell["execution_count"] for cell in CODE] == list(range(1, len(CODE) + 1))
    outputs = [output for cell in CODE for output in cell["outputs"]]
    assert not [output for output in outputs if output["output_type"] == "error"]
    kinds = [kind for output in outputs for kind in output.get("data", {})]
    assert kinds.count("image/png") == 2
    assert kinds.count("text/html") == 4


def test_it_is_small_and_names_no_machine() -> None:
    assert len(TEXT) < 300_000
    assert not re.search(r'[ "\']/(?:home|root|tmp|work|Users)/|[A-Z]:\\\\', TEXT)


@pytest.mark.slow
def test_its_cells_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, few_cells: Callable[..., Any]) -> None:
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    with mpl.rc_context({"backend": "agg"}), few_cells():
        for number, cell in enumerate(CODE, 1):
            exec(compile("".join(cell["source"]), f"code cell {number} of tour.ipynb", "exec"), names)
    assert names["run"].strategies == ("efs-group", "one-shot-uniform")
    assert isinstance(names["figures"]["score_against_truth"], Figure)
