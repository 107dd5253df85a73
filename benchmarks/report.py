"""Results as files, as a table on the terminal and as a figure."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cases import REFERENCE

from nasbench_harness.errors import DataError
from nasbench_harness.figures import style
from nasbench_harness.system.files import write_atomically, write_json

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from rich.console import Console

SCHEMA = 1
FIGURE = "ratios.png"

Result = Mapping[str, Any]


def store(result: Result, folder: Path) -> Path:
    """Write one result as ``<case>.json``, replacing an earlier one."""
    path = folder / f"{result['case']}.json"
    write_json(path, {"schema": SCHEMA, **result})
    return path


def stored(folder: Path) -> list[dict[str, Any]]:
    """Every result in a folder, in order of name; ``DataError`` for a file that is none."""
    results = []
    for path in sorted(folder.glob("*.json")):
        try:
            result = json.loads(path.read_text(encoding="utf-8"))
        except ValueError as error:
            raise DataError(f"{path} is not JSON ({error}); remove it or run the benchmark again") from error
        if not isinstance(result, dict) or result.get("schema") != SCHEMA:
            raise DataError(f"{path} is not a benchmark result of schema {SCHEMA}; remove it")
        results.append(result)
    return results


def seconds_text(seconds: float) -> str:
    """Three significant digits with a fitting unit."""
    for factor, unit in ((1, "s"), (1e3, "ms"), (1e6, "µs")):
        if seconds * factor >= 1 or unit == "µs":
            break
    value = seconds * factor
    digits = max(0, 2 - len(str(int(value))) + 1)
    return f"{value:.{digits}f} {unit}"


def ratio_text(ratio: Result) -> str:
    """Median with the extremes of the paired ratios."""
    return f"{ratio['median']:.2f} ({ratio['min']:.2f}..{ratio['max']:.2f})"


def error_text(agreement: Result | None) -> str:
    """The error that was judged, and what it is of."""
    if agreement is None:
        return ""
    name, error = next(iter(agreement["errors"].items()))
    return f"{error:.0e} of {name}"


def rows(results: Sequence[Result]) -> list[tuple[str, ...]]:
    """Cells of the table: a row for a comparison, and one for each of several times without a reference."""
    table: list[tuple[str, ...]] = []
    for result in results:
        medians = {name: seconds_text(spread["median"]) for name, spread in result["seconds"].items()}
        head = (result["case"], result["unit"])
        if result["ratio"] is not None:
            ratio, error = ratio_text(result["ratio"]), error_text(result["agreement"])
            table.append((*head, medians[REFERENCE], medians["engine"], ratio, error))
        else:
            table.extend(
                (f"{result['case']}: {name}", result["unit"], "", text, "", "") for name, text in medians.items()
            )
    return table


def notes(results: Sequence[Result]) -> list[str]:
    """What follows from the medians, a line each."""
    lines = []
    for result in results:
        derived = result["derived"]
        if "whole_space_ratio" in derived:
            theirs, ours = (
                derived[f"whole_space_{side}_seconds_per_1000_images"] / 3600 for side in ("reference", "engine")
            )
            lines.append(
                f"{result['case']}: all 15,625 architectures on 1,000 images {theirs:.2f} h, engine {ours:.2f} h: "
                f"{derived['whole_space_ratio']:.1f} times"
            )
        elif derived:
            shown = {key: value for key, value in derived.items() if "share" in key} or derived
            lines.append(f"{result['case']}: " + ", ".join(f"{key} {value:.4g}" for key, value in shown.items()))
    return lines


def print_results(results: Sequence[Result], console: Console) -> None:
    """The table, then the notes."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    first = results[0]["environment"]
    table = Table(
        box=box.SIMPLE_HEAD,
        title=f"{first['processor']}, {first['threads']} threads, torch {first['torch']}"
        + (", QUICK: not a measurement" if results[0]["quick"] else ""),
        title_justify="left",
        pad_edge=False,
    )
    for number, title in enumerate(("case", "time for a", "reference", "engine", "ratio (min..max)", "largest error")):
        table.add_column(title, justify="left" if number in (0, 1) else "right")
    for cells in rows(results):
        table.add_row(*map(Text, cells))
    console.print(table)
    for line in notes(results):
        console.print(Text(line))


def draw(results: Sequence[Result]) -> Figure:
    """Ratio of every comparison on a logarithmic axis, a bar for the median and a line from least to largest."""
    compared = [result for result in results if result["ratio"] is not None]
    if not compared:
        raise DataError("no result with a ratio to draw; run a case that has a reference")
    figure = style.new_figure(style.SINGLE_COLUMN * 1.5, 0.3 * len(compared) + 0.9)
    axis = figure.subplots()
    for height, result in enumerate(reversed(compared)):
        ratio = result["ratio"]
        axis.barh(height, ratio["median"] - 1, left=1, height=0.6, color="#0072B2", alpha=0.75)
        axis.plot([ratio["min"], ratio["max"]], [height] * 2, color="black", linewidth=1)
        axis.annotate(
            f"{ratio['median']:.3g}", (max(ratio["max"], 1), height), (4, 0), textcoords="offset points", va="center"
        )
    axis.set_xscale("log")
    axis.set_xlim(right=axis.get_xlim()[1] * 1.6)  # room for the last number
    axis.axvline(1, color="black", linewidth=0.8)
    axis.set_yticks(range(len(compared)), [result["case"] for result in reversed(compared)])
    axis.tick_params(axis="y", length=0)
    axis.set_xlabel("times faster than the reference")
    return figure


def save_figure(results: Sequence[Result], folder: Path) -> Path:
    """Draw into ``ratios.png``; equal results give equal bytes with the same matplotlib."""
    stream = io.BytesIO()
    with style.paper_style():
        draw(results).savefig(stream, format="png", metadata={"Software": None})
    path = folder / FIGURE
    write_atomically(path, lambda out: out.write(stream.getvalue()))
    return path
