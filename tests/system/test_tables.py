"""Tables in a terminal of any width: nothing is cut, what does not fit is named or becomes a list."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from nasbench_harness.system.tables import Column, print_table

NAMES = ("one-shot", "few-shot-depth-2")
SUMMARY = "Few-shot NAS on two edges, 25 sub-supernets."


def shown(columns, width: int, terminal: bool = True, notes=()) -> str:
    stream = io.StringIO()
    print_table(
        "made", columns, notes, 1, Console(file=stream, width=width, force_terminal=terminal, color_system=None)
    )
    return stream.getvalue()


def lines(text: str) -> list[str]:
    return [line.rstrip() for line in text.splitlines()]


def test_a_table_that_fits_has_a_line_for_each_row():
    columns = [Column("name", NAMES), Column("tau", ("0.5 [0.4, 0.6]", "-"))]
    assert lines(shown(columns, 40)) == [
        "made",
        "name                         tau",
        "────────────────────────────────",
        "one-shot          0.5 [0.4, 0.6]",
        "",
        "few-shot-depth-2               -",
    ]


def test_intervals_go_beneath_their_numbers_and_titles_break_before_columns_are_left_out():
    columns = [
        Column("name", NAMES),
        Column("tau within FLOPs", ("0.5 [0.4, 0.6]", "-")),
        Column("memory", ("1", "2"), 1),
    ]
    assert lines(shown(columns, 38)) == [
        "made",
        "                  tau within",
        "name                   FLOPs  memory",
        "────────────────────────────────────",
        "one-shot                 0.5       1",
        "                  [0.4, 0.6]",
        "",
        "few-shot-depth-2           -       2",
    ]
    assert lines(shown(columns, 30))[-1].endswith("--wide shows all.")
    assert "left out for want of width: memory;" in " ".join(lines(shown(columns, 30)))


def test_where_no_table_fits_rows_are_lists():
    columns = [
        Column("name", NAMES),
        Column("device", ("gpu", "cpu"), kind="label"),
        Column("seen", ("12", "-")),
        Column("regret of the best", ("0.12 ± 0.01", "1.00")),
        Column("what", ("", SUMMARY), kind="text"),
    ]
    assert lines(shown(columns, 32)) == [
        "made",
        "one-shot, gpu",
        "  seen 12;",
        "  regret of the best 0.12 ± 0.01",
        "few-shot-depth-2, cpu",
        "  regret of the best 1.00",
        "  what  Few-shot NAS on two",
        "        edges, 25 sub-supernets.",
    ]


def test_texts_are_broken_at_spaces_while_they_have_room():
    text = shown([Column("name", NAMES), Column("what", ("", SUMMARY), kind="text")], 48)
    assert "few-shot-depth-2  Few-shot NAS on two edges, 25" in text
    assert max(map(len, lines(text))) <= 48


@pytest.mark.parametrize("width", [20, 33, 50, 80, 120])
def test_no_line_is_wider_than_the_terminal_and_no_cell_is_cut(width):
    cells = ("0.485 ± 0.012 [0.455, 0.515]", "-0.485 ± 0.012 [-0.455, -0.515]")
    columns = [Column("name", NAMES), *(Column(f"tau by truth_{place}", cells, place) for place in range(4))]
    text = shown(columns, width)
    assert max(map(len, text.splitlines())) <= width
    assert "…" not in text
    assert "0.485" in text
    for name in NAMES:
        assert name in text


def test_a_pipe_gets_a_line_for_each_row_and_unbroken_notes():
    note = "a note that is longer than eighty columns " * 3
    columns = [Column("name", NAMES), Column("tau", ("0.5 [0.4, 0.6]", "-"), 5), Column("what", ("", SUMMARY * 5))]
    text = shown(columns, 30, terminal=False, notes=[note])
    assert [line for line in text.splitlines() if line.startswith("one-shot") and "0.5 [0.4, 0.6]" in line]
    assert SUMMARY * 5 in text
    assert note in text
