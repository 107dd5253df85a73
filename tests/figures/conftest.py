"""What the tests of figures share: sheets of made-up runs, and a reader who sees small, cut and overlapping text."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.axis import Tick
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from nasbench_harness.figures.page import SMALLEST, page_of
from nasbench_harness.figures.sheet import Sheet
from nasbench_harness.records import Run


def _texts_of(figure: Figure) -> list[tuple[str, Any, float]]:
    """Every visible text with its box in pixels and its size in points."""
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    renderer = canvas.get_renderer()
    axes = [axis for each in figure.axes if each.get_visible() and each.axison for axis in (each.xaxis, each.yaxis)]
    drawn = {id(label) for axis in axes for tick in axis._update_ticks() for label in (tick.label1, tick.label2)}
    ticks = {id(label) for tick in figure.findobj(Tick) for label in (tick.label1, tick.label2)}
    return [
        (text.get_text(), text.get_window_extent(renderer), text.get_fontsize())
        for text in figure.findobj(mpl.text.Text)
        if text.get_visible() and text.get_text().strip() and (id(text) in drawn or id(text) not in ticks)
    ]


def _faults_of(figure: Figure) -> list[str]:
    found, faults = _texts_of(figure), []
    for text, box, points in found:
        if points < SMALLEST:
            faults.append(f"{text!r} has {points:g} points")
        if box.x0 < -0.5 or box.y0 < -0.5 or box.x1 > figure.bbox.x1 + 0.5 or box.y1 > figure.bbox.y1 + 0.5:
            faults.append(f"{text!r} is cut")
    for (one, a, _), (other, b, _) in itertools.combinations(found, 2):
        if min(a.x1, b.x1) - max(a.x0, b.x0) > 1 and min(a.y1, b.y1) - max(a.y0, b.y0) > 1:
            faults.append(f"{one!r} overlaps {other!r}")
    return faults


@pytest.fixture(scope="session")
def texts_of() -> Callable[[Figure], list[tuple[str, Any, float]]]:
    """Text, box in pixels and size in points of all that can be read in a figure."""
    return _texts_of


@pytest.fixture(scope="session")
def faults_of() -> Callable[[Figure], list[str]]:
    """What a reader cannot read: letters below six points, texts that are cut or lie on one another."""
    return _faults_of


@pytest.fixture(scope="session")
def sheet_of(fake: Any) -> Callable[..., Sheet]:
    """``sheet_of(run, width, **fields)``: a sheet with scores as ``fake.make_record`` makes them, of noise 0.3."""

    def make(run: Run, width: str = "neurips", **fields: Any) -> Sheet:
        truth = fake.truth_of()
        scores = {}
        for record in run.records:
            table = fake.make_scores(record)
            for number, name in enumerate(fake.SIGNALS):
                noise = 0.3 * (1.2 - 0.2 * number)
                table.scores[name][:] = fake.scores_of(truth, noise, 1000 * record.seed + number)
            scores[record.strategy, record.seed] = table

        def truth_of(policy: str) -> Any:
            values_A = np.full(15625, np.nan)
            values_A[np.arange(fake.N) * 3] = truth
            return values_A

        return Sheet(run, page_of(width), **({"truth_of": truth_of, "_scores": scores} | fields))

    return make
