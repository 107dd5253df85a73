"""Lines in columns."""

from __future__ import annotations

from nasbench_harness.system.lines import aligned

ROWS = [["strategy", "seed", "stage"], ["few", "10", "5 sub-supernets"], ["a-long-name", "0", "parent"]]


def test_columns_are_aligned_and_nothing_is_cut_where_there_is_room() -> None:
    assert aligned(ROWS, [0, 2], 80) == [
        "strategy     seed  stage",
        "few            10  5 sub-supernets",
        "a-long-name     0  parent",
    ]


def test_the_last_text_is_cut_first_and_numbers_never() -> None:
    lines = aligned(ROWS, [0, 2], 30)
    assert max(map(len, lines)) <= 30
    assert lines[1] == "few            10  5 sub-supe…"
    assert max(map(len, aligned(ROWS, [0, 2], 1))) == 8 + 2 + 4 + 2 + 8
