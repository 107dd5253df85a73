"""``import nasbench_harness as nh``: every public name is there, and nothing is loaded before it is used."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import nasbench_harness as nh

HEAVY = ("numpy", "torch", "polars", "matplotlib", "pydantic", "rich", "scipy", "sklearn")


def loaded_after(statement: str) -> list[str]:
    program = f"import sys; {statement}; print(' '.join(name for name in {HEAVY!r} if name in sys.modules))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return done.stdout.split()


def test_importing_the_package_loads_nothing_else() -> None:
    assert loaded_after("import nasbench_harness as nh; dir(nh)") == []


def test_naming_everything_needs_no_torch_nor_matplotlib() -> None:
    used = loaded_after("import nasbench_harness as nh; [getattr(nh, name) for name in nh.__all__]")
    assert not {"torch", "polars", "matplotlib", "sklearn"} & set(used)


@pytest.mark.parametrize("name", nh.__all__)
def test_every_public_name_is_there_and_says_what_it_does(name: str) -> None:
    assert name in dir(nh)
    value = getattr(nh, name)
    assert name == "__version__" or value.__doc__


def test_type_checkers_see_the_names_that_are_loaded() -> None:
    tree = ast.parse(Path(nh.__file__).read_text(encoding="utf-8"))
    [block] = [node for node in tree.body if isinstance(node, ast.If)]
    shown = {alias.name for node in block.body if isinstance(node, ast.ImportFrom) for alias in node.names}
    assert shown | {"__version__"} == set(nh.__all__)


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="leaderbord"):
        nh.leaderbord  # type: ignore[attr-defined]  # noqa: B018
