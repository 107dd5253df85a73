"""Imports point one way: the rules below, read off the syntax trees of the package."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import nasbench_harness

PACKAGE = Path(nasbench_harness.__file__).parent
MODULES = sorted(PACKAGE.rglob("*.py"))
NAME = "nasbench_harness"

# What a folder may import of the rest of the package, its own modules aside.
ALLOWED = {
    "space": {"errors"},
    "metrics": {"errors"},
    "figures": {"records", "metrics", "errors", "files"},
    "report": {"records", "metrics", "errors", "files"},
    "records": {"space", "metrics", "errors", "files"},
}
# Where torch may be imported at the top of a module; elsewhere a function that needs it imports it.
# What registers parts is not among it: listing them needs no torch.
TORCH_AT_TOP = (
    "native/",
    "supernet/",
    "training/distillation.py",
    "training/stage_run.py",
    "training/trainer.py",
    "strategies/close_",
    "strategies/hm_nas_",
    "images/batches.py",
    "truth/standalone",
)


def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


def targets(node: ast.stmt, path: Path) -> list[str]:
    """Full dotted names that an import statement may load; relative imports are resolved."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    assert isinstance(node, ast.ImportFrom)
    base = node.module or ""
    if node.level:
        parts = [NAME, *path.relative_to(PACKAGE).with_suffix("").parts]
        base = ".".join([*parts[: len(parts) - node.level], *([node.module] if node.module else [])])
    return [base, *(f"{base}.{alias.name}" for alias in node.names)]


def imports(nodes: Iterator[ast.AST], path: Path) -> Iterator[str]:
    for node in nodes:
        if isinstance(node, ast.Import | ast.ImportFrom):
            yield from targets(node, path)


def at_import_time(node: ast.AST) -> Iterator[ast.AST]:
    """Statements that run when the module is loaded: not those in functions, nor those for type checkers only."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            continue
        if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
            yield from (statement for branch in child.orelse for statement in (branch, *at_import_time(branch)))
            continue
        yield child
        yield from at_import_time(child)


def parts_of_package(names: Iterator[str]) -> set[str]:
    """The second component of every name inside the package: ``nasbench_harness.space.live`` gives ``space``."""
    found = {name.split(".")[1] for name in names if name.startswith(f"{NAME}.")}
    return {name for name in found if (PACKAGE / name).is_dir() or (PACKAGE / f"{name}.py").is_file()}


def is_torch(name: str) -> bool:
    return name.partition(".")[0] == "torch"


def relative(path: Path) -> str:
    return path.relative_to(PACKAGE).as_posix()


def test_the_helpers_see_what_they_should(tmp_path):
    path = PACKAGE / "figures" / "made_up.py"
    tree = ast.parse(
        "import numpy\nfrom nasbench_harness import truth\nfrom ..space import live\nif TYPE_CHECKING:\n import torch\n"
        "def f():\n import torch.nn\nclass C:\n import scipy\n"
    )
    assert parts_of_package(imports(ast.walk(tree), path)) == {"truth", "space"}
    assert sum(map(is_torch, imports(ast.walk(tree), path))) == 2
    loaded = set(imports(at_import_time(tree), path))
    assert "scipy" in loaded
    assert not any(map(is_torch, loaded))


def test_the_package_is_found():
    assert len(MODULES) > 20


@pytest.mark.parametrize("path", MODULES, ids=relative)
def test_imports_point_one_way(path):
    folder = relative(path).split("/")[0]
    used = parts_of_package(imports(ast.walk(tree_of(path)), path))
    if folder in ALLOWED:
        assert used - {folder} <= ALLOWED[folder]
    if folder == "partitioners":
        assert "supernet" not in used


@pytest.mark.parametrize("path", MODULES, ids=relative)
def test_torch_is_imported_where_it_may_be(path):
    tree, place = tree_of(path), relative(path)
    if place.startswith(("partitioners/", "space/", "metrics/", "records/", "figures/", "report/")):
        assert not any(map(is_torch, imports(ast.walk(tree), path)))
    if not place.startswith(TORCH_AT_TOP):
        assert not any(map(is_torch, imports(at_import_time(tree), path)))


@pytest.mark.parametrize(
    "folder", ["space", "metrics", "records", "figures", "report", "truth", "images", "environment"]
)
def test_importing_a_light_part_loads_nothing_heavy(folder):
    heavy = ("torch", "polars", "matplotlib", "sklearn", "scipy.stats", "rich", "pymoo")
    program = f"import sys, {NAME}.{folder}; print([name for name in {heavy!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_listing_all_parts_loads_nothing_heavy():
    heavy = ("torch", "polars", "matplotlib", "sklearn", "scipy.stats", "pymoo")
    program = (
        f"import sys; from {NAME}.cli import main; main(['ls', '--json']); "
        f"print([name for name in {heavy!r} if name in sys.modules], file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stderr.strip() == "[]"
    assert '"hm-nas"' in done.stdout
