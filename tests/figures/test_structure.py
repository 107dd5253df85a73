"""Every figure of a run against a small reference: axes, limits, words, letters and drawn data, not pixels.

Where the reference is missing it is written anew: delete ``structure.json``, run this, look at the figures, commit it.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.figure import Figure

from nasbench_harness.figures import FIGURES, style
from nasbench_harness.figures.caption import Drawn
from nasbench_harness.figures.sheet import Sheet

REFERENCE = Path(__file__).with_name("structure.json")
STRATEGIES = {"one-shot-uniform": 0.7, "gm-nas": 0.5, "random-partition": 0.9}


def structure_of(figure: Figure) -> list[dict[str, Any]]:
    """What one sees of each axes: limits, words, and the mean of what is drawn."""
    found = []
    for axis in (each for each in figure.axes if each.get_visible()):
        lines = [line for line in axis.lines if len(line.get_xdata())]
        found.append(
            {
                "limits": [float(f"{value:.4g}") for value in (*axis.get_xlim(), *axis.get_ylim())],
                "labels": [axis.get_xlabel(), axis.get_ylabel(), axis.get_title(loc="left")],
                "drawn": [len(axis.lines), len(axis.patches), len(axis.collections), len(axis.images), len(axis.texts)],
                "data": [float(f"{np.nanmean(np.asarray(line.get_ydata(), float)):.4g}") for line in lines],
            }
        )
    legend = [text.get_text() for each in figure.legends for text in each.get_texts()]
    sizes = [float(value) for value in figure.get_size_inches()]
    return [*found, {"legend": legend, "inches": [round(value, 2) for value in sizes]}]


@pytest.fixture(scope="module")
def sheet(fake: Any, sheet_of: Callable[..., Sheet]) -> Sheet:
    """Three strategies of two seeds; one divides the space by two edges, and all have trajectories."""
    run = fake.make_run(STRATEGIES, 2)
    names = [
        f"edge 0 = {first} > edge 3 = {last}"
        for first in ("none", "skip_connect")
        for last in ("none|avg_pool_3x3", "nor_conv_1x1")
    ]
    for record in run.records:
        point = {"kendall_tau": 0.4, "intervals": {"kendall_tau": [0.35, 0.45]}}
        signals = dict.fromkeys(fake.SIGNALS, point)
        points = [{"updates": updates, "signals": signals} for updates in (100, 200)]
        references = {"live_flops": {"kendall_tau": 0.6}}
        record.training["trajectory"] = {"n": 99, "references": references, "points": points}
        if record.strategy == "gm-nas":
            record.leaves[:] = [{"name": name, "size": 100} for name in names]
    return sheet_of(run)


@pytest.fixture(scope="module")
def drawn(sheet: Sheet) -> Callable[[str], Drawn]:
    known: dict[str, Drawn] = {}

    def draw(name: str) -> Drawn:
        if name not in known:
            with style.paper_style(sheet.page):
                known[name] = FIGURES[name](sheet)
        return known[name]

    return draw


@pytest.mark.parametrize("name", FIGURES)
def test_a_figure_is_legible_and_says_what_it_shows(
    name: str, drawn: Callable[[str], Drawn], faults_of: Callable[[Figure], list[str]]
) -> None:
    figure, caption = drawn(name).figure, drawn(name).caption
    assert faults_of(figure) == []
    assert figure.get_figwidth() == 5.5
    assert "Truth: column cifar10_test_200 of table fake, n = 400 architectures." in caption
    assert "2 seeds a strategy (0, 1)." in caption or "One seed a strategy" in caption
    assert "cifar10\\_test\\_200" in drawn(name).tex
    assert "τ" not in drawn(name).tex


@pytest.mark.slow
@pytest.mark.parametrize("name", FIGURES)
def test_a_narrow_figure_is_legible_too(
    name: str, fake: Any, sheet: Sheet, sheet_of: Callable[..., Sheet], faults_of: Callable[[Figure], list[str]]
) -> None:
    narrow = sheet_of(sheet.run, "3.4")
    with style.paper_style(narrow.page):
        assert faults_of(FIGURES[name](narrow).figure) == []


def test_figures_are_as_the_reference_has_them(drawn: Callable[[str], Drawn]) -> None:
    found = {name: structure_of(drawn(name).figure) for name in FIGURES}
    if not REFERENCE.exists():
        REFERENCE.write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        pytest.fail("the reference was written anew: look at the figures, and commit it")
    wanted = json.loads(REFERENCE.read_text(encoding="utf-8"))
    assert set(found) == set(wanted)
    for name, axes in found.items():
        for one, other in zip(axes, wanted[name], strict=True):
            assert set(one) == set(other), name
            for key, value in one.items():
                near = key in ("limits", "data", "inches")
                assert value == (pytest.approx(other[key], rel=2e-3, abs=1e-6, nan_ok=True) if near else other[key]), (
                    name
                )
