"""Widths and letters of venues, and what is no width."""

from __future__ import annotations

import pytest

from nasbench_harness.errors import UsageError
from nasbench_harness.figures.page import SMALLEST, page_of


@pytest.mark.parametrize(
    ("width", "column", "text"),
    [  # inches, as the authors' kits state them
        ("neurips", 5.5, 5.5),
        ("icml", 3.25, 6.75),
        ("cvpr", 3.25, 6.875),
        ("ieee", 3.5, 7.16),
        ("lncs", 4.8, 4.8),
        (" NeurIPS ", 5.5, 5.5),
        ("4.25", 4.25, 4.25),
    ],
)
def test_pages_of_venues(width: str, column: float, text: float) -> None:
    page = page_of(width)
    assert (page.column, page.text) == (column, text)
    assert SMALLEST <= page.small <= page.label <= 10


@pytest.mark.parametrize("width", ["wide", "", "nan", "inf", "-3", "0.5", "99"])
def test_what_is_no_width_is_refused(width: str) -> None:
    with pytest.raises(UsageError, match="give one of neurips, icml, cvpr, lncs, ieee, or inches from 2 to 20"):
        page_of(width)


def test_panels_stand_side_by_side_as_far_as_they_fit() -> None:
    page = page_of("5.5")
    assert [page.panels(count, 1.3) for count in (1, 3, 4, 9)] == [1, 3, 4, 4]
    assert page_of("2").panels(4, 3) == 1
