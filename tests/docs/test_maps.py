"""The maps of the documentation are complete: pages, rooms, shape suffixes, and the table of the stored results."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_every_page_is_on_the_map() -> None:
    """From docs/index.md every page is one step away."""
    index = ROOT / "docs" / "index.md"
    linked = {
        (index.parent / target).resolve() for target in re.findall(r"\]\(([^)#\s]+)", index.read_text(encoding="utf-8"))
    }
    assert [page.name for page in (ROOT / "docs").rglob("*.md") if page != index and page not in linked] == []


def test_the_legend_has_every_letter_of_every_suffix() -> None:
    """Names in code such as ``mask_EO``: each letter is an axis that docs/architecture.md explains."""
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    legend = page.split("\n## Shape suffixes\n")[1].split("\n## ")[0]
    known = set(re.findall(r"`([A-Z])`", "".join(re.findall(r"^\|([^|]*)\|", legend, re.MULTILINE))))
    found = {
        letter
        for path in (ROOT / "nasbench_harness").rglob("*.py")
        for name in names_in(ast.parse(path.read_text(encoding="utf-8")))
        for letter in re.sub(r"\d", "", (re.fullmatch(r"_*[a-z]\w*_([A-Z0-9]*[A-Z])[0-9]*", name) or ["", ""])[1])
    }
    assert len(found) > 10
    assert found <= known


def names_in(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Name):
            yield node.id
        elif isinstance(node, ast.arg):
            yield node.arg


def test_the_map_has_every_room_in_its_order() -> None:
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    shown = re.findall(r"^\| `(\w+)` \|", page.split("\n## Rooms\n")[1].split("\n### ")[0], re.MULTILINE)
    layering = (ROOT / "tests" / "test_layering.py").read_text(encoding="utf-8")
    order = layering.split('ORDER = """')[1].split('"""')[0].split()
    assert shown == [room for room in order if not room.startswith("_")]


def test_the_table_of_results_is_the_stored_one() -> None:
    page = (ROOT / "docs" / "results" / "cifar10-cpu.md").read_text(encoding="utf-8")
    shown = re.findall(r"^\| ([a-z0-9-]+) \| (-?\d\.\d{3}) \[", page, re.MULTILINE)
    rows = json.loads((ROOT / "results" / "cifar10-cpu" / "leaderboard.json").read_text(encoding="utf-8"))["rows"]
    assert shown == [(row["name"], f"{row['tau']['accuracy']['mean']:.3f}") for row in rows]
