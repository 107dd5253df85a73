"""From what is named on the command line to the parts that are to be checked."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from nasbench_harness.catalogue import families, parts_of_file
from nasbench_harness.errors import UsageError
from nasbench_harness.plugins import load_file
from nasbench_harness.registry import Registry, near_names
from nasbench_harness.system.reading import parse_toml
from nasbench_harness.testing.conformance import CHECKS, check_part
from nasbench_harness.testing.outcome import Outcome


def check_named(named: str, options: Sequence[str] = ()) -> Iterator[Outcome]:
    """Outcomes for every part of a file ``NAME.py``, or for the parts of any family that have the name.

    ``options`` such as ``leaves=3`` go to the parts that have them. Raises ``UsageError`` for unknown names and
    options.
    """
    found = _of_file(Path(named)) if named.endswith(".py") else _of_name(named)
    given = dict(map(parsed_option, options))
    for option in given:
        if not any(option in family.options(name) for family, name in found):
            family, name = found[0]
            hint = near_names(option, family.options(name)) if family.options(name) else "it takes none"
            raise UsageError(f"{family.family} {name!r} has no option {option!r}; {hint}")
    checks = []
    for family, name in found:
        own = {option: value for option, value in given.items() if option in family.options(name)}
        checks.append(check_part(family.plural, {"name": name, **own}))
    return (outcome for outcomes in checks for outcome in outcomes)


def _of_file(path: Path) -> list[tuple[Registry[Any], str]]:
    load_file(path)
    found = [(family, name) for family, name in parts_of_file(path) if family.plural in CHECKS]
    if not found:
        raise UsageError(
            f"{path} registers no part that has checks; decorate its class, such as @partitioners.register('my-name')"
        )
    return found


def _of_name(named: str) -> list[tuple[Registry[Any], str]]:
    checked = [family for plural, family in families().items() if plural in CHECKS]
    found = [(family, named) for family in checked if named in family]
    if found:
        return found
    broken = [line for family in checked for line in family.broken if f"{family.family} {named!r} of" in line]
    if broken:
        raise UsageError(broken[0])
    known = sorted({name for family in checked for name in family})
    raise UsageError(
        f"no {', '.join(family.family for family in checked)} is called {named!r}; "
        f"{near_names(named, known)}, or give a Python file"
    )


def parsed_option(text: str) -> tuple[str, Any]:
    """Name and value of ``leaves=3``; a value that is no TOML is a text. ``UsageError`` without a name or ``=``."""
    name, separator, value = text.partition("=")
    if not separator or not name:
        raise UsageError(f"{text!r} is not of the form option=value, such as leaves=3")
    try:
        return name, parse_toml(f"value = {value}")["value"]
    except ValueError:
        return name, value
