"""Options: the same in every verb that takes them, written in one module."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from pathlib import Path

import pytest
from cyclopts import App
from cyclopts.argument import Argument

from nasbench_harness import cli
from nasbench_harness.cli.app import GROUPS, VERBS, command_line
from nasbench_harness.cli.options import items
from nasbench_harness.system.variables import IMAGES_VARIABLE, RAY_VARIABLE, TRUTH_VARIABLE

VARIABLES = {"--truth": TRUTH_VARIABLE, "--images": IMAGES_VARIABLE, "--ray-address": RAY_VARIABLE}


def verbs(app: App) -> Iterator[tuple[str, App]]:
    for name in sorted([*VERBS, *GROUPS]):
        for below in GROUPS.get(name, ("", {"": None}))[1]:
            yield f"{name} {below}".strip(), app[name][below] if below else app[name]


VERBS_BY_NAME = dict(verbs(command_line()))


def options(verb: App) -> dict[str, Argument]:
    return {
        argument.name: argument for argument in verb.assemble_argument_collection(parse_docstring=True) if argument.show
    }


@pytest.mark.parametrize("name", VERBS_BY_NAME)
def test_every_verb_has_json_and_a_help_for_each_option(name: str) -> None:
    found = options(VERBS_BY_NAME[name])
    assert "--json" in found
    for option, argument in found.items():
        assert argument.parameter.help, f"{name} {option}"
        assert argument.parameter.env_var == ((VARIABLES[option],) if option in VARIABLES else ()), f"{name} {option}"


def test_environment_variables_are_named_in_one_module() -> None:
    folder = Path(inspect.getfile(cli)).parents[1]
    for variable in VARIABLES.values():
        assert [path.name for path in folder.rglob("*.py") if f'"{variable}"' in path.read_text()] == ["variables.py"]


@pytest.mark.parametrize(("text", "parts"), [(None, []), ("", []), ("a", ["a"]), (" a, b,,", ["a", "b"])])
def test_lists_with_commas(text: str | None, parts: list[str]) -> None:
    assert items(text) == parts
