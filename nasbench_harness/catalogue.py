"""What can be named on the command line and in experiment files, a line for each."""

from __future__ import annotations

import tomllib
from importlib import resources
from typing import TYPE_CHECKING

from nasbench_harness.errors import UsageError
from nasbench_harness.experiment import preset_names
from nasbench_harness.experiment.methods import METHODS
from nasbench_harness.plugins import families as extensible
from nasbench_harness.registry import near_names

if TYPE_CHECKING:
    from rich.console import Console


def catalogue(family: str | None = None) -> dict[str, dict[str, dict[str, str]]]:
    """Family -> name -> ``summary``, ``source``, ``status``, of methods ``settings`` too; empty where none is stated.

    Strategies come with the methods that are made of them. Raises ``UsageError`` for a family that does not exist.
    """
    folder = resources.files("nasbench_harness.experiment") / "presets"
    presets = {n: str(tomllib.loads((folder / f"{n}.toml").read_text())["description"]) for n in preset_names()}
    families = {"presets": {name: {"summary": text, "source": "", "status": ""} for name, text in presets.items()}}
    families["methods"] = {name: method.described() for name, method in METHODS.items()}
    families |= {plural: {name: one.described(name) for name in one} for plural, one in extensible().items()}
    if family is None:
        return families
    if family not in families:
        raise UsageError(f"unknown family {family!r}; {near_names(family, list(families))}")
    shown = ("strategies", "methods") if family == "strategies" else (family,)
    return {name: families[name] for name in shown}


def broken_plugins() -> list[str]:
    """A line for each part of another distribution that cannot be used."""
    return [line for one in extensible().values() for line in one.broken]


def print_catalogue(found: dict[str, dict[str, dict[str, str]]], console: Console) -> None:
    """One table a family; columns that no member fills are left out."""
    from rich.table import Table
    from rich.text import Text

    for family, members in found.items():
        table = Table(title=family, title_justify="left", box=None, show_header=False, pad_edge=False)
        keys = ("summary", "status", "source", "settings")
        shown = [key for key in keys if any(member.get(key) for member in members.values())]
        for name, member in members.items():
            table.add_row(f"  {name}", *(Text(member[key]) for key in shown))
        console.print(table)
        console.print()
