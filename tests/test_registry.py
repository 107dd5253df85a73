"""Families of parts: found by name, built from options, and every mistake answered in one line."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from nasbench_harness.errors import UsageError
from nasbench_harness.partitioners import partitioners
from nasbench_harness.registry import Registry, near_names
from nasbench_harness.strategies import strategies
from nasbench_harness.training.samplers import samplers


class Shape:
    """What the family is about."""


@pytest.fixture
def shapes() -> Registry[Shape]:
    family: Registry[Shape] = Registry("shape")

    @family.register("square")
    @dataclass(frozen=True)
    class Square(Shape):
        """Four equal sides.

        More about it.
        """

        side: int = 1
        holes: tuple[int, ...] = (2, 3)

    @family.register("circle")
    @dataclass(frozen=True)
    class Circle(Shape):
        """No side."""

        radius: float

        def __post_init__(self) -> None:
            if self.radius <= 0:
                raise UsageError(f"circle: radius must be positive, found {self.radius}")
            if self.radius > 100:
                raise ValueError("too wide for the page")

    @family.register("point")
    @dataclass(frozen=True)
    class Point(Shape):
        """No option."""

    return family


def test_names_are_sorted_and_summarised(shapes: Registry[Shape]) -> None:
    assert list(shapes) == ["circle", "point", "square"]
    assert shapes.summary("square") == "Four equal sides."


def test_building_by_name_by_table_and_by_options(shapes: Registry[Shape]) -> None:
    square = shapes["square"]
    assert shapes.build("square") == square()
    assert shapes.build({"name": "square"}) == square()
    assert shapes.build({"name": "square", "side": 4, "holes": [7]}) == shapes.create(
        "square", {"side": 4, "holes": [7]}
    )
    built: Any = shapes.build({"name": "square", "side": 4, "holes": [7]})
    assert (built.side, built.holes) == (4, (7,))


def test_building_leaves_the_options_as_they_were(shapes: Registry[Shape]) -> None:
    options = {"name": "square", "side": 4}
    shapes.build(options)
    assert options == {"name": "square", "side": 4}


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda f: f.build("sqare"), "unknown shape 'sqare'; did you mean square"),
        (lambda f: f.build("xyz"), "unknown shape 'xyz'; known: circle, point, square"),
        (lambda f: f["cirle"], "did you mean circle"),
        (lambda f: f.build({"side": 4}), "a shape needs a name; known: circle, point, square"),
        (lambda f: f.build({"name": 5}), "shape"),
        (lambda f: f.create("square", {"sides": 4}), "shape 'square' has no option 'sides'; did you mean side"),
        (lambda f: f.create("point", {"side": 4}), "shape 'point' has no option 'side'; it takes none"),
        (lambda f: f.create("square", {"side": "wide"}), "shape 'square': side: .*integer.*, found 'wide'"),
        (lambda f: f.create("square", {"holes": [1, "x"]}), r"shape 'square': holes\.1: .*, found 'x'"),
        (lambda f: f.create("circle", {}), "shape 'circle': radius"),
        (lambda f: f.create("circle", {"radius": -1}), "radius must be positive, found -1"),
        (lambda f: f.create("circle", {"radius": 101}), "shape 'circle': .*too wide for the page"),
    ],
)
def test_mistakes_are_one_line_with_a_hint(
    shapes: Registry[Shape], call: Callable[[Registry[Shape]], object], said: str
) -> None:
    with pytest.raises(UsageError, match=said) as raised:
        call(shapes)
    assert "\n" not in str(raised.value)


def test_a_name_can_be_claimed_once(shapes: Registry[Shape]) -> None:
    with pytest.raises(UsageError, match="shape 'square' is registered twice"):
        shapes.register("square")(Shape)
    assert shapes["square"] is not Shape


def test_near_names() -> None:
    known = ["single-edge", "random", "none"]
    assert near_names("single_edge", known) == "did you mean single-edge?"
    assert near_names("zzz", known) == "known: single-edge, random, none"


@pytest.mark.parametrize("family", [partitioners, samplers, strategies], ids=lambda family: family.family)
def test_every_member_has_a_summary_and_is_a_frozen_dataclass(family: Registry[Any]) -> None:
    assert len(list(family)) >= 2
    for name in family:
        assert family.summary(name).endswith((".", ")."))
        assert family[name].__dataclass_params__.frozen


def test_the_parts_of_the_first_release() -> None:
    assert {"none", "single-edge", "random", "efs-group", "efs-accum"} <= set(partitioners)
    assert {"uniform", "balanced"} <= set(samplers)
    assert {"one-shot", "few-shot"} <= set(strategies)
