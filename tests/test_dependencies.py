"""What pyproject.toml declares is what the package imports, no more and no less."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import nasbench_harness

PACKAGE = Path(nasbench_harness.__file__).parent
ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
EXTRAS = PROJECT["optional-dependencies"]
IMPORTS_US = {"pytest"}  # it loads the module that imports it, see ``pytest_plugin``
GIVEN_AS_OBJECTS = {"nas-bench-201", "nats-bench"}  # by design: `truth_from` takes their objects, users open them


def normal(requirement: str) -> str:
    """The distribution of a requirement, spelled in one way."""
    return re.split(r"[^A-Za-z0-9._-]", requirement)[0].lower().replace("_", "-").replace(".", "-")


def imported() -> set[str]:
    """Distributions that some module of the package imports."""
    modules = set()
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"), str(path))):
            if isinstance(node, ast.Import):
                modules |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and not node.level and node.module:
                modules.add(node.module.split(".")[0])
    known = packages_distributions()
    foreign = modules - set(sys.stdlib_module_names) - {"nasbench_harness"}
    return {normal(distribution) for module in foreign for distribution in known.get(module, [module])}


def test_every_declared_package_is_imported_and_every_imported_one_is_declared() -> None:
    optional = {line for lines in EXTRAS.values() for line in lines}
    declared = {normal(line) for line in [*PROJECT["dependencies"], *optional]}
    assert declared >= GIVEN_AS_OBJECTS
    assert imported() - IMPORTS_US == declared - GIVEN_AS_OBJECTS


def test_an_extra_repeats_no_dependency() -> None:
    needed = {normal(line) for line in PROJECT["dependencies"]}
    assert not needed & {normal(line) for lines in EXTRAS.values() for line in lines}


def test_the_lowest_versions_of_tox_are_those_declared() -> None:
    declared = [*PROJECT["dependencies"], *(line for lines in EXTRAS.values() for line in lines)]
    listed = (ROOT / "constraints-lowest.txt").read_text(encoding="utf-8").splitlines()
    assert {line for line in listed if not line.startswith("#")} == {line.replace(">=", "==") for line in declared}
