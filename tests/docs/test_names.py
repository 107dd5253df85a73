"""Every page, file, module, verb, option and setting that the documentation names exists.

Looked at: README.md, the pages under docs/, and the docstrings of the package and of benchmarks/. A name counts when it
is written as code or as the target of a link. Names of a reader's own files are not ours: a file is looked for when it
is source or a page (``.py``, ``.md``, ``.c``, ``.h``), or when its first folder is one of ours.
"""

from __future__ import annotations

import ast
import importlib
import importlib.util
import inspect
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from nasbench_harness.cli.app import GROUPS, VERBS, app
from nasbench_harness.experiment import preset_names
from nasbench_harness.experiment.description import Experiment

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "nasbench_harness"
NAME = "nasbench_harness"
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
SOURCES = [path for folder in ("nasbench_harness", "benchmarks") for path in sorted((ROOT / folder).rglob("*.py"))]

TOP = ("nasbench_harness", "tests", "docs", "benchmarks", "results", "plots")
"""Folders of the repository whose files are looked for."""

OF_READERS = {
    "by_pooling.py": "written by the reader of docs/extending.md",
    "test_by_pooling.py": "written by the reader of docs/extending.md",
    "few_convolutions.py": "written by the reader of docs/tutorial-partitioner.md",
    "test_few_convolutions.py": "written by the reader of docs/tutorial-partitioner.md",
    "few-convolutions.toml": "written by the reader of docs/tutorial-partitioner.md",
    "test_few_convolutions_gate.py": "written by the reader of docs/tutorial-partitioner.md",
    ".github/workflows/gate.yml": "written by the reader of docs/tutorial-partitioner.md",
    "results/baselines/regress/few-convolutions.json": "written by the reader of docs/tutorial-partitioner.md",
    "results/predictors": "where a command of a page writes",
}
"""Names that look like ours and are not, each with the reason."""

OF_OTHER_PROGRAMS = {"--numprocesses", "--dist"}
"""Options of pytest and its like that pages name by themselves."""

LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
SPAN = re.compile(r"(?<!`)(`{1,2})(?!`)(.+?)(?<!`)\1(?!`)", re.DOTALL)
FILE = re.compile(r"[\w.\-]+(/[\w.\-]+)*/?")
DOTTED = re.compile(r"[a-z_]\w*(\.[A-Za-z_]\w*)+")
PLACEHOLDER = re.compile(r"(^|[/.])[A-Z]+([/.]|$)")
SOURCE = (".py", ".md", ".c", ".h")
DATA = (".json", ".npz", ".toml", ".csv", ".parquet", ".txt", ".png", ".pdf", ".html", ".jsonl", ".pickle", ".ipynb")


# --- what exists


@cache
def files() -> frozenset[str]:
    """Files and folders of the repository by their paths from its root, and source files by their bare names too."""
    found = {path.name for path in ROOT.iterdir()}
    for top in TOP:
        for path in (ROOT / top).rglob("*"):
            if "__pycache__" not in path.parts:
                found.add(path.relative_to(ROOT).as_posix())
                if path.suffix in SOURCE:
                    found.add(path.name)
    return frozenset(found | set(TOP))


@cache
def rooms() -> frozenset[str]:
    """Packages and modules directly inside the package."""
    return frozenset(
        path.stem for path in PACKAGE.iterdir() if path.suffix == ".py" or (path / "__init__.py").is_file()
    )


@cache
def settings() -> dict[str, frozenset[str]]:
    """Keys of an experiment file by section."""
    sections = {name: field.annotation for name, field in Experiment.model_fields.items()}
    return {name: frozenset(model.model_fields) for name, model in sections.items() if hasattr(model, "model_fields")}


@cache
def options(*verbs: str) -> frozenset[str]:
    """Long options of a verb."""
    place = app
    for verb in verbs:
        place = place[verb]
    given = {name for argument in place.assemble_argument_collection() for name in argument.names}
    return frozenset(name for name in given if name.startswith("--")) | {"--help", "--version"}


@cache
def all_options() -> frozenset[str]:
    """Long options of all verbs, and of the scripts in benchmarks/."""
    ours = [options(verb) for verb in VERBS] + [
        options(name, verb) for name, (_, verbs) in GROUPS.items() for verb in verbs
    ]
    scripts = [path.read_text(encoding="utf-8") for path in (ROOT / "benchmarks").glob("*.py")]
    return frozenset().union(*ours, *(re.findall(r'"(--[a-z-]+)"', text) for text in scripts)) | OF_OTHER_PROGRAMS


@cache
def headings(page: Path) -> frozenset[str]:
    """Anchors of a page's headings, as GitHub makes them."""
    text = FENCE.sub("", page.read_text(encoding="utf-8"))
    titles = re.findall(r"^#+ +(.*?) *$", text, re.MULTILINE)
    return frozenset(re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles)


@cache
def is_python_name(dotted: str) -> bool:
    """Whether a dotted name of the package is a module, or something inside one: a member, a field, an attribute."""
    parts = dotted.split(".")
    for end in range(len(parts), 0, -1):
        module = ".".join(parts[:end])
        try:
            if importlib.util.find_spec(module) is None:
                continue
        except ModuleNotFoundError:
            continue
        value = importlib.import_module(module)
        for attribute in parts[end:]:
            fields = {**getattr(value, "__dataclass_fields__", {}), **getattr(value, "model_fields", {})}
            if attribute in fields or attribute in getattr(value, "__annotations__", {}):
                return True  # what is inside a field has the field's type, which is not followed
            if not hasattr(value, attribute):
                return False
            value = getattr(value, attribute)
        return True
    return False


# --- what is wrong with a text


def wrong_links(text: str, page: Path) -> Iterator[str]:
    for target in LINK.findall(FENCE.sub("", text)):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        found = (page.parent / path).resolve() if path else page
        if not found.exists():
            yield f"link to {target}"
        elif anchor and anchor not in headings(found):
            yield f"link to {target}: no such heading"


def wrong_names(text: str, place: Path) -> Iterator[str]:
    """Faults of a page or docstring: ``place`` is its file, from which short names of files are looked for too."""
    yield from wrong_front_door(text)
    for _, block in FENCE.findall(text):
        for line in block.replace("\\\n", " ").splitlines():
            yield from wrong_command(line)
    prose = FENCE.sub("", text)
    for line in re.findall(r"^ {4,}((?:python|nasbench-harness) .*)$", prose, re.MULTILINE):
        yield from wrong_command(line)
    for _, span in SPAN.findall(prose):
        yield from wrong_span(" ".join(span.split()), place)


def wrong_front_door(text: str) -> Iterator[str]:
    """Names of ``import nasbench_harness as nh`` that do not exist."""
    for name in sorted(set(re.findall(r"\bnh\.([A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*)", text))):
        if not is_python_name(f"{NAME}.{name}"):
            yield f"name nh.{name}"


def wrong_span(span: str, place: Path) -> Iterator[str]:
    first, *others = span.split(" ")
    setting = re.fullmatch(r"(\w+)\.(\w+)", first.partition("=")[0])
    if PLACEHOLDER.search(first) and not is_file(first, place):
        return
    if re.fullmatch(r"--[a-z][a-z-]*", first):
        if first not in all_options():
            yield f"option {first}"
    elif setting and setting[1] in settings() and (not others or others[0] == "="):
        if setting[2] not in settings()[setting[1]] and not is_python_name(f"{NAME}.{setting[0]}"):
            yield f"setting {setting[0]}"
    elif others:
        yield from wrong_command(span if first == "nasbench-harness" else f"nasbench-harness {span}", strict=False)
        yield from wrong_command(span)
    elif first.startswith(f"{NAME}.") or (DOTTED.fullmatch(first) and first.split(".")[0] in rooms()):
        dotted = first if first.startswith(f"{NAME}.") else f"{NAME}.{first}"
        if not first.endswith((*SOURCE, *DATA)) and not is_python_name(dotted):
            yield f"name {first}"
        elif first.endswith(SOURCE) and not is_file(first, place):
            yield f"file {first}"
    elif FILE.fullmatch(first) and (first.endswith(SOURCE) or is_of_ours(first)) and not is_file(first, place):
        yield f"file {first}"


def is_of_ours(path: str) -> bool:
    head, slash, _ = path.partition("/")
    return bool(slash) and (head in TOP or head in rooms())


def is_file(path: str, place: Path) -> bool:
    """From the root, from the package, from the folder of the text; a bare name is that of any source file."""
    if path in OF_READERS or path in files():
        return True
    bases = [ROOT, PACKAGE, *place.parents[: len(place.relative_to(ROOT).parts)]]
    return any((base / path).exists() for base in bases)


def wrong_command(line: str, strict: bool = True) -> Iterator[str]:
    """Faults of a command line; not ``strict``: words that begin with no verb are no command."""
    for script in re.findall(r"(?<!\S)((?:benchmarks|tests|docs)/\S+\.\w+)", line):
        if not is_file(script, ROOT / "README.md"):
            yield f"file {script}"
    command = re.search(r"(?:^|[\s$;(])(?:python -m nasbench_harness|nasbench-harness) +([a-z].*)", line)
    if not command:
        return
    verb, *rest = re.split(r"[|>;#]|&&", command[1])[0].replace(",", " , ").split()
    if verb in VERBS:
        yield from wrong_options(verb, rest, options(verb))
    elif verb in GROUPS:
        yield from wrong_below(verb, rest)
    elif strict:
        yield f"verb {verb}"
    if verb == "run" and rest and re.fullmatch(r"[a-z][a-z0-9-]*", rest[0]) and rest[0] not in preset_names():
        yield f"preset {rest[0]}"


def wrong_below(group: str, rest: list[str]) -> Iterator[str]:
    """What follows ``truth``, ``latency`` or ``data``: one verb with its options, or a list of verbs with commas."""
    verbs = GROUPS[group][1]
    listed = [rest[0]] if rest else []
    while len(rest) > 2 * len(listed) and rest[2 * len(listed) - 1] == ",":
        listed.append(rest[2 * len(listed)])
    wrong = [name for name in listed if re.fullmatch(r"[a-z-]+", name) and name not in verbs]
    yield from (f"verb {group} {name}" for name in wrong)
    if len(listed) == 1 and listed[0] in verbs:
        yield from wrong_options(group, rest, options(group, listed[0]))


def wrong_options(verb: str, words: list[str], known: frozenset[str]) -> Iterator[str]:
    given = re.findall(r"(?<!\S)\[?(--[a-z][a-z-]*)", " ".join(words))
    yield from (f"option {option} of {verb}" for option in given if option not in known)


def docstrings(path: Path) -> Iterator[str]:
    """Docstrings of a module, its classes and functions, and the strings that explain constants."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            yield inspect.cleandoc(node.value.value)


# --- the tests


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_a_page_names_what_exists(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert [*wrong_links(text, page), *wrong_names(text, page)] == []


def test_docstrings_name_what_exists() -> None:
    wrong = [
        f"{path.relative_to(ROOT)}: {fault}"
        for path in SOURCES
        for text in docstrings(path)
        for fault in wrong_names(text, path)
    ]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("ending", ["py", "toml", "c", "h", "ini"])
def test_pages_that_comments_name_exist(ending: str) -> None:
    places = [path for top in TOP for path in (ROOT / top).rglob(f"*.{ending}")] + list(ROOT.glob(f"*.{ending}"))
    named = {page for path in places for page in re.findall(r"\bdocs/[\w./-]+\.md\b", path.read_text(encoding="utf-8"))}
    assert {page for page in named if not (ROOT / page).is_file()} == set()


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("[Data](data.md#no-such-part)", "link to data.md#no-such-part: no such heading"),
        ("[Data](no-such-page.md)", "link to no-such-page.md"),
        ("![Figure](../plots/cifar10-cpu/no_such.png)", "link to ../plots/cifar10-cpu/no_such.png"),
        ("see `supernet/no_such/`", "file supernet/no_such/"),
        ("see `no_such.py`", "file no_such.py"),
        ("see ``nasbench_harness.no_such``", "name nasbench_harness.no_such"),
        ("see ``nasbench_harness.space.Subspace.no_such``", "name nasbench_harness.space.Subspace.no_such"),
        ("call `nh.no_such()`", "name nh.no_such"),
        ("see ``metrics.leaves.no_such``", "name metrics.leaves.no_such"),
        ("set `training.no_such = 1`", "setting training.no_such"),
        ("set `training.no_such=1`", "setting training.no_such"),
        ("with `--no-such`", "option --no-such"),
        ("with `run quickstart --no-such 3`", "option --no-such of run"),
        ("with `truth no-such`", "verb truth no-such"),
        ("with `truth info, no-such`", "verb truth no-such"),
        ("```sh\nnasbench-harness no-such\n```", "verb no-such"),
        ("```sh\nnasbench-harness run no-such\n```", "preset no-such"),
        ("```sh\nnasbench-harness truth info \\\n    --no-such\n```", "option --no-such of truth"),
        ("As in\n\n    python benchmarks/no_such.py --out DIR\n", "file benchmarks/no_such.py"),
        ("```sh\npython benchmarks/no_such.py\n```", "file benchmarks/no_such.py"),
    ],
)
def test_a_wrong_name_is_found(text: str, fault: str) -> None:
    page = ROOT / "docs" / "index.md"
    assert [*wrong_links(text, page), *wrong_names(text, page)] == [fault]


@pytest.mark.parametrize(
    "text",
    [
        "[Data](data.md#official-files), [code](../nasbench_harness/pipeline.py), [home](https://example.org/no)",
        "`space/live.py`, `nasbench_harness/space`, `live.py`, `my/own/file.csv`, `accuracy.csv`, `record.json`",
        "``nasbench_harness.space.Subspace.full``, ``metrics.leaves.analyse_leaves``, ``search.json``, ``torch.no``",
        "`training.batch_size = 64`, `budget.epochs=2`, `truth.policy`, `a == b`, `run`, `truth`",
        "`--workers N`, `run FILE.toml --seeds 0,1`, `truth import, info, ...`, `score me softly`",
        "```sh\nnasbench-harness run quickstart --out DIR budget.epochs=2 | less --no\nnasbench-harness --help\n```",
    ],
)
def test_right_names_pass(text: str) -> None:
    page = ROOT / "docs" / "index.md"
    assert [*wrong_links(text, page), *wrong_names(text, page)] == []
