"""The documentation site: every page has its place, every link leads somewhere, the references are complete.

The look is made by ``tox -e docs``; here its pages are written and looked at, without the generator of sites.
"""

from __future__ import annotations

import importlib.util
import json
import re
import tomllib
from os.path import normpath
from pathlib import Path
from types import ModuleType

import pytest

import nasbench_harness as nh
from nasbench_harness.cli.app import GROUPS, VERBS, app
from nasbench_harness.cli.examples import EXAMPLES

ROOT = Path(__file__).parents[2]


def load() -> ModuleType:
    spec = importlib.util.spec_from_file_location("site_build", ROOT / "docs" / "site" / "build.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


BUILD = load()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    BUILD.main(folder)
    return folder


def prose(page: Path) -> str:
    return BUILD.site_links.FENCE.sub("", page.read_text(encoding="utf-8"))


def test_every_page_has_one_place_in_the_navigation(folder: Path) -> None:
    project = tomllib.loads((folder / "zensical.toml").read_text(encoding="utf-8"))["project"]
    placed = [
        page for section in project["nav"] for pages in section.values() for each in pages for page in each.values()
    ]
    written = {path.relative_to(folder / "pages").as_posix() for path in (folder / "pages").rglob("*.md")}
    assert sorted(placed) == sorted(written)
    assert len(written) > len(list((ROOT / "docs").rglob("*.md")))


def test_every_link_leads_to_a_page_or_a_picture_of_the_site(folder: Path) -> None:
    broken = []
    for page in (folder / "pages").rglob("*.md"):
        for _, _, address in BUILD.site_links.LINK.findall(prose(page)):
            target = Path(normpath(page.parent / address.partition("#")[0]))
            if not re.match(r"[a-z]+:|#", address) and not target.is_file():
                broken.append(f"{page.relative_to(folder)}: {address}")
    assert broken == []
    assert (folder / "pages" / "pictures" / "plots" / "cifar10-cpu" / "tau_by_strategy.png").is_file()
    assert list((folder / "pages" / "notebooks").glob("tour-*.png"))


def test_the_reference_has_every_verb_with_every_option(folder: Path) -> None:
    for verb in [(name,) for name in VERBS] + [(name, below) for name, (_, verbs) in GROUPS.items() for below in verbs]:
        text = (folder / "pages" / "reference" / "cli" / f"{verb[0]}.md").read_text(encoding="utf-8")
        section = text.split(f"# {' '.join(verb)}\n")[1].split("\n## ")[0]
        place = app
        for name in verb:
            place = place[name]
        names = {name for argument in place.assemble_argument_collection() for name in argument.names}
        options = {name for name in names if name.startswith("--") and not name.startswith("--no-")}
        assert {option for option in options if f"`{option}" not in section} == set(), verb
        assert [line for line in EXAMPLES[" ".join(verb)] if f"\nnasbench-harness {line}\n" not in section] == []


def test_the_reference_has_every_public_name(folder: Path) -> None:
    text = (folder / "pages" / "reference" / "python-api.md").read_text(encoding="utf-8")
    names = [f"nh.{name}" for name in nh.__all__ if name not in ("__version__", "space")]
    assert [name for name in names if f"\n### `{name}`\n" not in text] == []
    functions = [name for name in nh.space.__all__ if hasattr(getattr(nh.space, name), "__doc__") and name.islower()]
    assert [name for name in functions if f"\n### `nh.space.{name}`\n" not in text] == []
    assert "nh.truth_vector(\n    policy: str,\n" in text
    assert str(nh.best_architectures.__doc__).splitlines()[0] in text
    assert "#### `LatencyTable.vector`" in text


def moved(text: str) -> str:
    docs = Path("docs")
    homes = {docs / "a.md": Path("a.md"), Path("README.md"): Path("index.md"), docs / "b/c.md": Path("b/c.md")}
    titles = {docs / "a.md": "A page", Path("README.md"): "Home", docs / "b/c.md": "C"}
    return BUILD.site_links.moved(text, docs / "b/c.md", Path("b/c.md"), homes, titles)[0]


@pytest.mark.parametrize(
    ("here", "there"),
    [
        ("see [that](../a.md#part)", "see [that](../a.md#part)"),
        ("see [a.md](../a.md)", "see [A page](../a.md)"),
        ("[home](../../README.md), [web](https://example.org/x.md), [below](#x)",
         "[home](../index.md), [web](https://example.org/x.md), [below](#x)"),
        ("see [`run.py`](../../nasbench_harness/run.py)", "see `run.py`"),
        ("![a figure](../../plots/x.png)", "![a figure](../pictures/plots/x.png)"),
        ("```\n[that](../../setup.py)\n```", "```\n[that](../../setup.py)\n```"),
        ("text\n* one\n* two", "text\n\n* one\n* two"),
        ("text\n| a |\n|---|", "text\n\n| a |\n|---|"),
        (r"| `a\|b` | c \| d |", r"| `a|b` | c \| d |"),
        (r"`a\|b`", r"`a\|b`"),
        ("1. one:\n   - inside\n   - more\n2. two", "1. one:\n\n    - inside\n    - more\n2. two"),
    ],
)  # fmt: skip
def test_a_page_moves_with_its_links(here: str, there: str) -> None:
    assert moved(here) == there


def test_a_notebook_becomes_a_page() -> None:
    cells = [
        {"cell_type": "markdown", "source": ["# Title\n", "text"]},
        {"cell_type": "code", "source": ["1 + 1"], "outputs": [{"data": {"text/plain": ["2"]}}]},
        {"cell_type": "code", "source": ["x"], "outputs": [{"data": {"image/png": "AAAA", "text/plain": ["<F>"]}}]},
    ]
    page, figures = BUILD.site_notebook.page_of(json.dumps({"cells": cells}), "tour")
    assert page.split("\n\n") == [
        "# Title\ntext", "```python\n1 + 1\n```", "```text\n2\n```", "```python\nx\n```",
        '<img alt="figure" src="tour-1.png">\n',
    ]  # fmt: skip
    assert figures == {"tour-1.png": b"\0\0\0"}


def test_nothing_is_loaded_from_elsewhere() -> None:
    project = tomllib.loads((ROOT / "zensical.toml").read_text(encoding="utf-8"))["project"]
    assert project["theme"]["font"] is False
    assert not re.findall(r"https?://|@import|url\(", (ROOT / "docs" / "site" / "look.css").read_text(encoding="utf-8"))
