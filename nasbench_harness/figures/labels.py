"""Names beside points, where they cover neither points nor one another."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from nasbench_harness.figures import style
from nasbench_harness.figures.sheet import FloatArray

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Box = tuple[float, float, float, float]

_GAP = 4.0
"""Points between a mark and its name."""
_PLACES = (("left", "center"), ("right", "center"), ("center", "bottom"), ("center", "top"))


def name_points(figure: Figure, axis: Axes, point_N2: FloatArray, names: Sequence[str], points: float) -> list[int]:
    """Write names beside points ``[N, 2]`` (data), in their order of importance; the places of those without room.

    Call it when all else is drawn: the layout is settled first.
    """
    figure.draw_without_rendering()
    scale = 72 / figure.dpi
    place_N2 = axis.transData.transform(point_N2) * scale
    extent = axis.get_window_extent()
    inside: Box = (extent.x0 * scale, extent.y0 * scale, extent.x1 * scale, extent.y1 * scale)
    taken: list[Box] = [(x - 2.5, y - 2.5, x + 2.5, y + 2.5) for x, y in place_N2]
    left_out = []
    for number, (name, (x, y)) in enumerate(zip(names, place_N2, strict=True)):
        width, height = 72 * style.text_width(name, points), points
        for across, up in _PLACES:
            box = _box(float(x), float(y), width, height, across, up)
            others = [one for place, one in enumerate(taken) if place != number]
            if _within(box, inside) and not any(_meet(box, other) for other in others):
                _write(axis, point_N2[number], name, points, across, up)
                taken.append(box)
                break
        else:
            left_out.append(number)
    return left_out


def _write(axis: Axes, point_2: FloatArray, name: str, points: float, across: str, up: str) -> None:
    offset = {"left": (_GAP, 0), "right": (-_GAP, 0)}.get(across, (0, _GAP if up == "bottom" else -_GAP))
    text = axis.annotate(
        name,
        tuple(point_2.tolist()),
        offset,
        textcoords="offset points",
        ha=across,
        va=up,
        fontsize=points,
        bbox={"boxstyle": "square,pad=0.05", "facecolor": "white", "edgecolor": "none", "alpha": 0.8},
        zorder=2.5,
    )
    text.set_in_layout(False)  # it has its place, and must not move the axes


def _box(x: float, y: float, width: float, height: float, across: str, up: str) -> Box:
    width += 3
    left = {"left": x + _GAP, "right": x - _GAP - width}.get(across, x - width / 2)
    low = {"bottom": y + _GAP, "top": y - _GAP - height}.get(up, y - height / 2)
    return left, low, left + width, low + height


def _within(box: Box, other: Box) -> bool:
    return box[0] >= other[0] and box[1] >= other[1] and box[2] <= other[2] and box[3] <= other[3]


def _meet(one: Box, other: Box) -> bool:
    return bool(np.all([one[0] < other[2], other[0] < one[2], one[1] < other[3], other[1] < one[3]]))
