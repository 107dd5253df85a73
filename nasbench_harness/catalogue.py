"""What can be named on the command line and in experiment files, a line for each."""

from __future__ import annotations

import tomllib
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nasbench_harness.errors import UsageError
from nasbench_harness.experiment import preset_names
from nasbench_harness.experiment.methods import METHODS
from nasbench_harness.registry import Registry, near_names
from nasbench_harness.system.tables import print_rows

if TYPE_CHECKING:
    from rich.console import Console


def families() -> dict[str, Registry[Any]]:
    """Every family that can be extended, by the plural that ``ls`` and the entry-point groups use."""
    from nasbench_harness.partitioners import partitioners
    from nasbench_harness.predictors import predictors
    from nasbench_harness.strategies import strategies
    from nasbench_harness.training.samplers import samplers

    registries: list[Registry[Any]] = [strategies, partitioners, samplers, predictors]
    return {registry.plural: registry for registry in registries}


def parts_of_file(path: Path) -> list[tuple[Registry[Any], str]]:
    """Family and name of every part that a loaded file registered."""
    wanted = str(path.resolve())
    return [(family, name) for family in families().values() for name in family if family.origin(name) == wanted]


def catalogue(family: str | None = None) -> dict[str, dict[str, dict[str, str]]]:
    """Family -> name -> ``summary``, ``source``, ``status``, of methods ``settings`` too; empty where none is stated.

    Strategies come with the methods that are made of them. Raises ``UsageError`` for a family that does not exist.
    """
    folder = resources.files("nasbench_harness.experiment") / "presets"
    presets = {n: str(tomllib.loads((folder / f"{n}.toml").read_text())["description"]) for n in preset_names()}
    found = {"presets": {name: {"summary": text, "source": "", "status": ""} for name, text in presets.items()}}
    found["methods"] = {name: method.described() for name, method in METHODS.items()}
    found |= {plural: {name: one.described(name) for name in one} for plural, one in families().items()}
    if family is None:
        return found
    if family not in found:
        raise UsageError(f"unknown family {family!r}; {near_names(family, list(found))}")
    shown = ("strategies", "methods") if family == "strategies" else (family,)
    return {name: found[name] for name in shown}


def broken_plugins() -> list[str]:
    """A line for each part of another distribution that cannot be used."""
    return [line for one in families().values() for line in one.broken]


def print_catalogue(found: dict[str, dict[str, dict[str, str]]], console: Console) -> None:
    """One table a family; columns that no member fills are left out."""
    for family, members in found.items():
        keys = ("summary", "status", "source", "settings")
        shown = [key for key in keys if any(member.get(key) for member in members.values())]
        rows = [[name, *(member[key] for key in shown)] for name, member in members.items()]
        texts = ["summary", "source", "settings"]
        print_rows(family, ["name", *shown], rows, console, labels=["status"], texts=texts)
        console.print()
