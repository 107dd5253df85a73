"""The verb ``ls``: what can be named in experiments and on the command line."""

from __future__ import annotations

from nasbench_harness.cli.options import Json
from nasbench_harness.cli.output import emit, note


def ls(family: str | None = None, /, *, json: Json = False) -> None:
    """List what can be named: presets, methods, strategies, partitioners, samplers, predictors.

    Parameters
    ----------
    family
        One of the families only.
    """
    from nasbench_harness.catalogue import broken_plugins, catalogue, print_catalogue

    found = catalogue(family)
    emit(found, json, lambda console: print_catalogue(found, console))
    for line in broken_plugins():
        note(line)
