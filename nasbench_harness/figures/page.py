"""The page that a figure is printed on: widths in inches, letters in points, so that nothing is scaled afterwards."""

from __future__ import annotations

import math
from dataclasses import dataclass

from nasbench_harness.errors import UsageError

SMALLEST = 6.0
"""Points below which no letter of a figure is set."""

_INCHES = (2.0, 20.0)
_TUEPLOTS = {
    "neurips": ("neurips2024", "neurips2024", "neurips2024"),
    "icml": ("icml2024_half", "icml2024_full", "icml2024"),
    "cvpr": ("cvpr2024_half", "cvpr2024_full", "cvpr2024"),
    "lncs": ("eccv2024", "eccv2024", "eccv2024"),
}
"""Venue -> names in tueplots: sizes at the width of a column and of the text, and letters."""


@dataclass(frozen=True)
class Page:
    """``column`` and ``text``: widths of a column and of the text block, inches; equal where there is one column.

    ``label`` and ``small``: letters of axis labels, and of ticks, legends and notes, points. ``font``: a family that
    ships with matplotlib, so that a figure does not depend on the fonts of the machine.
    """

    name: str
    column: float
    text: float
    label: float
    small: float
    font: str

    def panels(self, count: int, least: float = 1.6) -> int:
        """How many of ``count`` panels stand side by side across the text, each at least that many inches wide."""
        return max(1, min(count, int(self.text / least)))

    @property
    def line(self) -> float:
        """Height of a line of small letters, inches."""
        return 1.3 * self.small / 72


PLAIN = Page("plain", 3.4, 7.0, 7.5, 7.0, "DejaVu Sans")
"""Two columns without a venue: what figures were drawn for before there was a choice."""


def page_of(width: str) -> Page:
    """The page of a venue, or one column of that many inches.

    Raises ``UsageError`` for what is neither, or a number outside 2 to 20.
    """
    name = width.strip().lower()
    if name == "ieee":  # the template of IEEE Transactions and conferences; tueplots has none
        return Page(name, 3.5, 7.16, 8.0, 7.0, "STIXGeneral")
    if name in _TUEPLOTS:
        return _from_tueplots(name)
    try:
        inches = float(name)
    except ValueError:
        inches = math.nan
    if not _INCHES[0] <= inches <= _INCHES[1]:
        known = ", ".join([*_TUEPLOTS, "ieee"])
        raise UsageError(f"width {width!r}: give one of {known}, or inches from {_INCHES[0]:g} to {_INCHES[1]:g}")
    return Page(f"{inches:g} in", inches, inches, PLAIN.label, PLAIN.small, PLAIN.font)


def _from_tueplots(venue: str) -> Page:
    from tueplots import figsizes, fontsizes

    column, text, letters = _TUEPLOTS[venue]
    across, whole = (float(getattr(figsizes, name)()["figure.figsize"][0]) for name in (column, text))
    sizes = getattr(fontsizes, letters)()
    small = min(sizes["xtick.labelsize"], sizes["legend.fontsize"])
    # all of these set their text in Times, which STIX goes with
    return Page(venue, across, whole, float(sizes["axes.labelsize"]), max(SMALLEST, float(small)), "STIXGeneral")
