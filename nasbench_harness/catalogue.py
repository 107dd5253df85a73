"""What can be named on the command line and in experiment files, a line for each."""

from __future__ import annotations

import tomllib
from importlib import resources
from typing import TYPE_CHECKING

from nasbench_harness.errors import UsageError
from nasbench_harness.experiment import preset_names
from nasbench_harness.partitioners import partitioners
from nasbench_harness.registry import near_names
from nasbench_harness.strategies import strategies
from nasbench_harness.training.samplers import samplers

if TYPE_CHECKING:
    from rich.console import Console


def catalogue(family: str | None = None) -> dict[str, dict[str, str]]:
    """Family -> name -> summary; raises ``UsageError`` for a family that does not exist."""
    folder = resources.files("nasbench_harness") / "presets"
    presets = {n: str(tomllib.loads((folder / f"{n}.toml").read_text())["description"]) for n in preset_names()}
    families = {
        "presets": presets,
        "strategies": {name: strategies.summary(name) for name in strategies},
        "partitioners": {name: partitioners.summary(name) for name in partitioners},
        "samplers": {name: samplers.summary(name) for name in samplers},
    }
    if family is None:
        return families
    if family not in families:
        raise UsageError(f"unknown family {family!r}; {near_names(family, list(families))}")
    return {family: families[family]}


def print_catalogue(found: dict[str, dict[str, str]], console: Console) -> None:
    """One table a family."""
    from rich.table import Table

    for family, members in found.items():
        table = Table(title=family, title_justify="left", box=None, show_header=False, pad_edge=False)
        for name, summary in members.items():
            table.add_row(f"  {name}", summary)
        console.print(table)
        console.print()
