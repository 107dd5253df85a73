"""The drawing of a cell, by known pictures and by what every picture has to show."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nasbench_harness import space
from nasbench_harness.errors import UsageError
from nasbench_harness.space import drawing
from nasbench_harness.space.drawing import DEAD_NOTE, draw_cell

EVERY_EDGE = "|nor_conv_3x3~0|+|nor_conv_1x1~0|nor_conv_3x3~1|+|skip_connect~0|nor_conv_1x1~1|avg_pool_3x3~2|"
DEAD_EDGES = "|none~0|+|skip_connect~0|nor_conv_3x3~1|+|none~0|nor_conv_1x1~1|avg_pool_3x3~2|"
WORDS = {space.SKIP: "skip", space.CONV_1X1: "conv 1x1", space.CONV_3X3: "conv 3x3", space.POOL: "avg pool"}


def test_a_cell_with_every_edge() -> None:
    drawn = [
        "  ┌────────────────────────── skip ─────────────────────────┐",
        "  ├────────────── conv 1x1 ─────────────┐                   │",
        "  │                                     ▼                   ▼",
        "input ── conv 3x3 ──▶ A ── conv 3x3 ──▶ B ── avg pool ──▶ output",
        "                      │                                     ▲",
        "                      └────────────── conv 1x1 ─────────────┘",
    ]
    assert draw_cell(space.parse_architecture(EVERY_EDGE)).splitlines() == drawn
    assert "\n".join(drawn) in str(drawing.__doc__)


def test_dead_edges_in_ascii() -> None:
    assert draw_cell(space.parse_architecture(DEAD_EDGES), ascii_only=True).splitlines() == [
        "  +---------------- skip ---------------+",
        "  |                                     v",
        "input                 A . (conv 3x3) .> B -- avg pool --> output",
        "                      |                                     ^",
        "                      +............. (conv 1x1) ............+",
        DEAD_NOTE,
    ]


@settings(max_examples=200)
@given(st.integers(0, space.N_ARCHITECTURES - 1), st.booleans())
def test_every_operation_is_drawn_once_and_the_dead_in_brackets(index: int, ascii_only: bool) -> None:
    drawn = draw_cell(index, ascii_only)
    code, live = space.index_to_code(index).tolist(), space.live_edges()[index].tolist()
    for operation, word in WORDS.items():
        assert drawn.count(f" {word} ") == sum(o == operation and alive for o, alive in zip(code, live, strict=True))
        assert drawn.count(f"({word})") == sum(o == operation and not a for o, a in zip(code, live, strict=True))
    assert max(map(len, drawn.splitlines())) <= 64
    assert drawn.isascii() or not ascii_only


def test_a_cell_is_named_by_its_index() -> None:
    with pytest.raises(UsageError, match="15625"):
        draw_cell(15625)
