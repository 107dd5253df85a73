"""All figures of a run, and their files."""

from __future__ import annotations

import io
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from nasbench_harness.figures import leaf_panels, rank_hexbin, tau_along_training, tau_by_strategy, top_k_curve
from nasbench_harness.figures.style import paper_style
from nasbench_harness.records import Run
from nasbench_harness.system.files import write_atomically

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# No date and no version of matplotlib: the same record gives the same bytes.
_METADATA: dict[str, dict[str, Any]] = {
    "png": {"Software": None},
    "pdf": {"CreationDate": None, "Creator": None, "Producer": None},
}


def draw_run(run: Run, signal: str | None = None) -> dict[str, Figure]:
    """Every figure of a run by file name: the grid of rank hexagons and one panel a strategy, tau, top-k, leaves, and
    tau along training where records have it.

    ``signal`` None takes each record's headline signal. Raises ``DataError`` when a record lacks it.
    """
    with paper_style():
        figures = {
            "rank_hexbin": rank_hexbin.draw_grid(run, signal),
            "tau_by_strategy": tau_by_strategy.draw(run, signal),
            "top_k_curve": top_k_curve.draw(run, signal),
        }
        leaves = leaf_panels.draw(run, signal)
        if leaves is not None:  # some strategy divides the space
            figures["leaf_panels"] = leaves
        along = tau_along_training.draw(run)
        if along is not None:  # some record has a trajectory
            figures["tau_along_training"] = along
        for name in run.strategies:
            figures[f"rank_hexbin_{name}"] = rank_hexbin.draw_unit(
                rank_hexbin.median_unit(run.of(name), signal), signal
            )
    return figures


def save_figures(figures: Mapping[str, Figure], folder: Path | str) -> list[Path]:
    """Write each figure as PNG (200 dpi) and PDF; returns the paths.

    The bytes depend on the records and the version of matplotlib alone. All figures are rendered before the first file
    is written. Raises ``UsageError`` and ``RunError`` as ``write_atomically``.
    """
    files: dict[Path, bytes] = {}
    with paper_style():
        for name, figure in figures.items():
            for kind, metadata in _METADATA.items():
                stream = io.BytesIO()
                figure.savefig(stream, format=kind, metadata=metadata)
                files[Path(folder) / f"{name}.{kind}"] = stream.getvalue()
    for path, data in files.items():
        write_atomically(path, partial(_write, data))
    return list(files)


def _write(data: bytes, stream: BinaryIO) -> None:
    stream.write(data)
