"""Imports point one way: a total order of the rooms, no cycle anywhere, and torch only where networks are.

Everything that an import statement names counts, in functions and for type checkers too: a late import is an arrow.
"""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

import nasbench_harness

PACKAGE = Path(nasbench_harness.__file__).parent
NAME = "nasbench_harness"

ORDER = """
_version errors seeding registry plugins
space metrics
native system
images records
truth evaluation
supernet latency search
training partitioners strategies
predictors experiment data catalogue
evidence figures report
pipeline engines runner
api testing
cli
__init__ __main__
"""
ROOMS = ORDER.split()
"""From the lowest to the highest; a module imports from its own room and from lower ones (docs/architecture.md)."""

ONLY = {
    "space": {"errors"},
    "metrics": {"errors"},
    "records": {"errors", "space", "metrics", "system"},
    "figures": {"errors", "metrics", "records", "space", "system", "experiment", "evidence"},
    "evidence": {"errors", "metrics", "records", "space", "system", "experiment"},
    "report": {"errors", "metrics", "records", "space", "system", "experiment", "evidence", "figures", "_version"},
}
"""Rooms that may import less than the order allows: drawing and tables see records alone, not what made them."""

TORCH_AT_TOP = (
    "images/batches",
    "images/placing",
    "native/",
    "supernet/",
    "training/first_steps",
    "training/loop",
    "training/native_steps",
    "training/readings",
    "training/reference",
    "training/stage_run",
    "training/trainer",
    "training/unsampled",
    "truth/build/standalone/",
    "strategies/close/",
    "strategies/hep_nas/distillation",
    "strategies/hm_nas/",
)
"""Where torch is imported at the top of a module; elsewhere a function that needs it imports it."""

TORCH_NEVER = (
    "partitioners",
    "space",
    "metrics",
    "records",
    "figures",
    "evidence",
    "report",
    "evaluation",
    "system/files",
)


def name_of(path: Path) -> str:
    parts = (NAME, *path.relative_to(PACKAGE).with_suffix("").parts)
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {name_of(path): path for path in sorted(PACKAGE.rglob("*.py"))}


def statements(path: Path) -> Iterator[ast.Import | ast.ImportFrom]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"), str(path))):
        if isinstance(node, ast.Import | ast.ImportFrom):
            yield node


def targets(node: ast.Import | ast.ImportFrom, known: dict[str, Path]) -> Iterator[str]:
    """Modules of ``known`` that a statement imports: the submodule where a name is one, else the package itself."""
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names if alias.name in known)
        return
    assert not node.level, "relative imports are not used"
    for alias in node.names:
        whole = f"{node.module}.{alias.name}"
        # a function may have the name of the module that defines it, and be what the package exports
        if whole in known and not exports(known[node.module or ""], alias.name):
            yield whole
        elif node.module in known:
            yield str(node.module)


def exports(package: Path, name: str) -> bool:
    """Whether a package's ``__init__`` binds ``name`` to a member of its module of the same name."""
    return any(
        isinstance(node, ast.ImportFrom)
        and (node.module or "").endswith(f".{name}")
        and any((alias.asname or alias.name) == name for alias in node.names)
        for node in statements(package)
    )


def packages_of(module: str) -> set[str]:
    """The packages around a module: importing it runs their ``__init__`` first."""
    parts = module.split(".")
    return {".".join(parts[:length]) for length in range(2, len(parts))}


def arrows_of(name: str, path: Path) -> set[str]:
    direct = {target for node in statements(path) for target in targets(node, MODULES)}
    around = {package for target in direct for package in packages_of(target)}
    return (direct | around) - {name} - packages_of(name)


ARROWS = {name: arrows_of(name, path) for name, path in MODULES.items()}


def room_of(module: str) -> str:
    return module.split(".")[1] if "." in module else "__init__"


def cycle_in(graph: dict[str, set[str]]) -> list[str]:
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        found: list[str] = error.args[1]
        return found
    return []


def test_the_helpers_see_what_they_should() -> None:
    made_up = {f"{NAME}.space": PACKAGE / "space/__init__.py", f"{NAME}.space.live": PACKAGE / "space/live.py"}
    [one, other] = ast.parse(f"from {NAME}.space import live, N_EDGES\nimport {NAME}.space.live").body
    assert isinstance(one, ast.ImportFrom)
    assert isinstance(other, ast.Import)
    assert list(targets(one, made_up)) == [f"{NAME}.space.live", f"{NAME}.space"]
    assert list(targets(other, made_up)) == [f"{NAME}.space.live"]
    assert cycle_in({"a": {"b"}, "b": {"a"}}) in (["a", "b", "a"], ["b", "a", "b"])
    assert f"{NAME}.supernet.network" in ARROWS[f"{NAME}.training.stage_run"]


def test_every_module_has_a_room_in_the_order() -> None:
    assert len(MODULES) > 200
    assert {room_of(module) for module in MODULES} <= set(ROOMS)


def test_rooms_import_from_lower_rooms_only() -> None:
    height = {room: place for place, room in enumerate(ROOMS)}
    wrong = [
        f"{module} imports {target}"
        for module, found in ARROWS.items()
        for target in found
        if height[room_of(target)] > height[room_of(module)]
    ]
    assert not wrong, "\n".join(wrong)


def test_no_module_imports_itself_by_a_detour() -> None:
    assert cycle_in(ARROWS) == []


@pytest.mark.parametrize("room", ONLY)
def test_a_narrow_room_imports_little(room: str) -> None:
    used = {room_of(target) for module, found in ARROWS.items() if room_of(module) == room for target in found}
    assert used - {room} <= ONLY[room]


def test_at_most_ten_modules_at_the_top() -> None:
    assert len(list(PACKAGE.glob("*.py"))) <= 10


def test_partitioners_see_no_network() -> None:
    reached, waiting = set(), [module for module in MODULES if room_of(module) == "partitioners"]
    while waiting:
        module = waiting.pop()
        if module not in reached:
            reached.add(module)
            waiting += ARROWS[module]
    assert not {module for module in reached if room_of(module) == "supernet"} & {f"{NAME}.supernet.network"}


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


def imports_torch(nodes: Iterator[ast.AST]) -> bool:
    return any(
        (isinstance(node, ast.Import) and any(alias.name.partition(".")[0] == "torch" for alias in node.names))
        or (isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] == "torch")
        for node in nodes
    )


def test_torch_is_imported_where_it_may_be() -> None:
    at_top, anywhere = set(), set()
    for path in MODULES.values():
        tree, place = ast.parse(path.read_text(encoding="utf-8")), path.relative_to(PACKAGE).as_posix()
        if imports_torch(at_import_time(tree)):
            at_top.add(place)
        if imports_torch(ast.walk(tree)):
            anywhere.add(place)
    assert {place for place in at_top if not place.startswith(TORCH_AT_TOP)} == set()
    assert {place for place in at_top if place.endswith(("/strategy.py", "/options.py"))} == set()
    assert {place for place in anywhere if place.startswith(TORCH_NEVER)} == set()
    assert all(any(place.startswith(start) for place in at_top) for start in TORCH_AT_TOP)


@pytest.mark.parametrize(
    "folder",
    ["space", "metrics", "records", "figures", "evidence", "report", "truth", "images", "system.environment", "search"],
)
def test_importing_a_light_part_loads_nothing_heavy(folder: str) -> None:
    heavy = ("torch", "polars", "matplotlib", "sklearn", "scipy.stats", "rich", "pymoo")
    program = f"import sys, {NAME}.{folder}; print([name for name in {heavy!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_listing_all_parts_loads_nothing_heavy() -> None:
    heavy = ("torch", "polars", "matplotlib", "sklearn", "scipy.stats", "pymoo")
    program = (
        f"import sys; from {NAME}.cli import main; main(['ls', '--json']); "
        f"print([name for name in {heavy!r} if name in sys.modules], file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stderr.strip() == "[]"
    assert '"hm-nas"' in done.stdout
