"""How strategies are called and coloured on the page: as in the figures, with a lighter colour on a dark page."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from nasbench_harness.figures.style import CONTROL_GREY, marks, name_of

REFERENCES = {"flops": "FLOPs", "live_flops": "live FLOPs"}


@dataclass(frozen=True)
class Look:
    """``number``: of the strategy, by name. ``label``: the name in papers. ``colour``: number of the colour's class.
    ``kind``: method or control."""

    number: int
    label: str
    colour: int
    kind: str


def looks(strategies: Iterable[str]) -> tuple[dict[str, Look], tuple[str, ...]]:
    """The look of each strategy, and the colours by number."""
    found = marks(strategies)
    colours = tuple(dict.fromkeys(mark.colour for mark in found.values()))
    numbers = {colour: number for number, colour in enumerate(colours)}
    return {
        name: Look(number, name_of(name), numbers[mark.colour], "control" if mark.colour == CONTROL_GREY else "method")
        for number, (name, mark) in enumerate(sorted(found.items()))
    }, colours


def colour_rules(colours: Iterable[str]) -> str:
    """Style rules: class ``c<number>`` gives an element, and what is in it, the colour of that number."""
    return "\n".join(
        f".c{number}{{--c:light-dark({colour},{lighter(colour)})}}" for number, colour in enumerate(colours)
    )


def lighter(colour: str, share: float = 0.4) -> str:
    """``#rrggbb`` mixed with that share of white."""
    parts = (int(colour[place : place + 2], 16) for place in (1, 3, 5))
    return "#" + "".join(f"{round(part + (255 - part) * share):02x}" for part in parts)
