"""All figures of a run, and their files."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from nasbench_harness.errors import DataError, HarnessError, UsageError
from nasbench_harness.figures import (
    fusion,
    improvement,
    leaf_panels,
    partition,
    rank_error,
    score_against_truth,
    seed_agreement,
    tau_against_cost,
    tau_along_training,
    tau_by_strategy,
    three_truths,
    top_k_curve,
    training_loss,
)
from nasbench_harness.figures.caption import CannotDrawError, Drawn
from nasbench_harness.figures.page import page_of
from nasbench_harness.figures.sheet import Sheet, TruthOf, check_names, no_truth, selected
from nasbench_harness.figures.style import paper_style
from nasbench_harness.records import Run
from nasbench_harness.system.files import write_atomically

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FIGURES: dict[str, Callable[[Sheet], Drawn]] = {
    "tau_by_strategy": tau_by_strategy.draw,
    "score_against_truth": score_against_truth.draw,
    "tau_along_training": tau_along_training.draw,
    "training_loss": training_loss.draw,
    "tau_against_cost": tau_against_cost.draw,
    "top_k_curve": top_k_curve.draw,
    "fusion": fusion.draw,
    "rank_error": rank_error.draw,
    "three_truths": three_truths.draw,
    "improvement": improvement.draw,
    "seed_agreement": seed_agreement.draw,
    "partition": partition.draw,
    "leaf_panels": leaf_panels.draw,
}
"""The figures of a run by file name."""

EACH: dict[str, Callable[[Sheet, str], Drawn]] = {
    "score_against_truth": score_against_truth.draw_one,
    "partition": partition.draw_one,
}
"""Figures that ``each`` draws for every strategy too, as ``<name>_<strategy>``."""

# No date and no version of matplotlib: the same record gives the same bytes.
_METADATA: dict[str, dict[str, Any]] = {
    "png": {"Software": None},
    "pdf": {"CreationDate": None, "Creator": None, "Producer": None},
}


@dataclass
class Gallery:
    """``drawn``: figures with captions by name. ``skipped``: by name, why a figure cannot be drawn of these records."""

    drawn: dict[str, Drawn] = field(default_factory=dict)
    skipped: dict[str, str] = field(default_factory=dict)


def draw_run(
    run: Run,
    signal: str | None = None,
    *,
    width: str = "neurips",
    strategies: Sequence[str] = (),
    highlight: Sequence[str] = (),
    only: Sequence[str] = (),
    each: bool = False,
    truth_of: TruthOf = no_truth,
) -> Gallery:
    """The figures of a run, and which of them cannot be drawn.

    ``signal`` None takes each record's headline signal. ``width``: see ``page.page_of``. ``strategies``: these alone.
    ``highlight``: those that stand out where not all can. ``only``: names of figures. ``each``: one a strategy too.
    ``truth_of``: accuracies by policy, for what records do not hold. Raises ``DataError`` when a record lacks the
    signal, or nothing can be drawn, and ``UsageError`` for unknown names.
    """
    page = page_of(width)
    if unknown := [name for name in only if name not in FIGURES]:
        raise UsageError(f"no figure {unknown[0]!r}; there are: {', '.join(FIGURES)}")
    run = selected(run, strategies)
    check_names(run, highlight)
    for record in run.records:
        record.column(signal)
    sheet, gallery = Sheet(run, page, signal, tuple(highlight), truth_of), Gallery()
    with paper_style(page):
        for name, draw in _wanted(sheet, only, each):
            try:
                gallery.drawn[name] = draw()
            except (CannotDrawError, HarnessError) as error:
                gallery.skipped[name] = str(error)
    if not gallery.drawn:
        name, why = next(iter(gallery.skipped.items()))
        raise DataError(f"no figure can be drawn: {name}: {why}")
    return gallery


def _wanted(sheet: Sheet, only: Sequence[str], each: bool) -> Iterator[tuple[str, Callable[[], Drawn]]]:
    for name, draw in FIGURES.items():
        if only and name not in only:
            continue
        yield name, partial(draw, sheet)
        if each and name in EACH:
            yield from ((f"{name}_{one}", partial(EACH[name], sheet, one)) for one in sheet.run.strategies)


def save_figures(figures: Mapping[str, Figure | Drawn], folder: Path | str) -> list[Path]:
    """Write each figure as PNG (200 dpi) and PDF, and its caption as ``NAME.tex`` where it has one; returns the paths.

    The bytes depend on the records and the version of matplotlib alone. All figures are rendered before the first file
    is written. Raises ``UsageError`` and ``RunError`` as ``write_atomically``.
    """
    files: dict[Path, bytes] = {}
    with paper_style():
        for name, drawn in figures.items():
            figure = drawn.figure if isinstance(drawn, Drawn) else drawn
            for kind, metadata in _METADATA.items():
                stream = io.BytesIO()
                figure.savefig(stream, format=kind, metadata=metadata)
                files[Path(folder) / f"{name}.{kind}"] = stream.getvalue()
            if isinstance(drawn, Drawn):
                files[Path(folder) / f"{name}.tex"] = drawn.tex.encode()
    for path, data in files.items():
        write_atomically(path, partial(_write, data))
    return list(files)


def _write(data: bytes, stream: BinaryIO) -> None:
    stream.write(data)
