"""A cell drawn with characters: its nodes in a line, the edges that skip a node as arcs above and below, none crossing.

  ┌────────────────────────── skip ─────────────────────────┐
  ├────────────── conv 1x1 ─────────────┐                   │
  │                                     ▼                   ▼
input ── conv 3x3 ──▶ A ── conv 3x3 ──▶ B ── avg pool ──▶ output
                      │                                     ▲
                      └────────────── conv 1x1 ─────────────┘
"""

from __future__ import annotations

from dataclasses import dataclass

from nasbench_harness.space.architecture import NONE, checked_indices, index_to_code
from nasbench_harness.space.live import live_edges

DEAD_NOTE = "(dashed): on no path from input to output"

_LABELS = ("", "skip", "conv 1x1", "conv 3x3", "avg pool")
_NODES = ("input", "A", "B", "output")
_PLACES = (0, 22, 40, 58)
_JOINTS = (2, 22, 40, 60)  # where arcs leave and reach a node
_WIDTH = 64
_ALONG, _OUTER, _INNER, _BELOW = (0, 2, 5), 3, 1, 4  # edges by their numbers: in the line, 0-3, 0-2, 1-3


@dataclass(frozen=True)
class _Pen:
    line: str
    dead: str
    upright: str
    right: str
    down: str
    up: str
    corners: str  # above left, above right, below left, below right, and where a second arc leaves


_BOX = _Pen("─", "╌", "│", "▶", "▼", "▲", "┌┐└┘├")
_ASCII = _Pen("-", ".", "|", ">", "v", "^", "+++++")


def draw_cell(index: int, ascii_only: bool = False) -> str:
    """An architecture as lines of text, at most 64 characters wide; edges with ``none`` are not drawn.

    ``index``: ours. Edges on no path from input to output, which add nothing to the result, are dashed and their
    operation stands in brackets; a line below says so. ``ascii_only``: for terminals without box characters.
    Raises ``UsageError`` for an index outside 0..15624.
    """
    place = int(checked_indices(index))
    code, live = index_to_code(place).tolist(), live_edges()[place].tolist()
    pen = _ASCII if ascii_only else _BOX
    labels = [
        _LABELS[operation] if alive else f"({_LABELS[operation]})" for operation, alive in zip(code, live, strict=True)
    ]
    lines = [pen.line if alive else pen.dead for alive in live]
    has = [operation != NONE for operation in code]

    middle = [" "] * _WIDTH
    for name, start in zip(_NODES, _PLACES, strict=True):
        _write(middle, start, name)
    for edge, source, target in zip(_ALONG, (0, 1, 2), (1, 2, 3), strict=True):
        if has[edge]:
            start, end = _PLACES[source] + len(_NODES[source]) + 1, _PLACES[target] - 2
            _write(middle, start, _labelled(labels[edge], lines[edge], end - start) + pen.right)
    rows = [*_above(labels, lines, has, pen), middle, *_beneath(labels, lines, has, pen)]
    drawn = ["".join(row).rstrip() for row in rows]
    if any(present and not alive for present, alive in zip(has, live, strict=True)):
        drawn.append(DEAD_NOTE)
    return "\n".join(drawn)


def _above(labels: list[str], lines: list[str], has: list[bool], pen: _Pen) -> list[list[str]]:
    rows = []
    start = _JOINTS[0]
    for edge, end in ((_OUTER, _JOINTS[3]), (_INNER, _JOINTS[2])):
        if has[edge]:
            row = [" "] * _WIDTH
            corner = pen.corners[4] if edge == _INNER and has[_OUTER] else pen.corners[0]
            _write(row, start, corner + _labelled(labels[edge], lines[edge], end - start - 1) + pen.corners[1])
            if edge == _INNER and has[_OUTER]:
                row[_JOINTS[3]] = pen.upright
            rows.append(row)
    if rows:
        arrows = [" "] * _WIDTH
        arrows[start] = pen.upright
        for edge, end in ((_OUTER, _JOINTS[3]), (_INNER, _JOINTS[2])):
            if has[edge]:
                arrows[end] = pen.down
        rows.append(arrows)
    return rows


def _beneath(labels: list[str], lines: list[str], has: list[bool], pen: _Pen) -> list[list[str]]:
    if not has[_BELOW]:
        return []
    start, end = _JOINTS[1], _JOINTS[3]
    arrows, arc = [" "] * _WIDTH, [" "] * _WIDTH
    arrows[start], arrows[end] = pen.upright, pen.up
    line = _labelled(labels[_BELOW], lines[_BELOW], end - start - 1)
    _write(arc, start, pen.corners[2] + line + pen.corners[3])
    return [arrows, arc]


def _labelled(label: str, line: str, length: int) -> str:
    return f" {label} ".center(length, "\0").replace("\0", line)


def _write(row: list[str], start: int, text: str) -> None:
    row[start : start + len(text)] = text
