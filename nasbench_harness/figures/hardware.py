"""The figures of a stored hardware result, chosen by its kind."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from nasbench_harness.errors import DataError, UsageError
from nasbench_harness.figures import device_matrix, kept_operations, latency_residuals, pareto_front
from nasbench_harness.figures.caption import Drawn
from nasbench_harness.figures.page import page_of
from nasbench_harness.figures.style import paper_style

_REMEDY = "give the JSON that search, prune, latency residuals or latency matrix stored with --out"


def draw_stored(file: Path, width: str = "neurips", only: Sequence[str] = ()) -> dict[str, Drawn]:
    """The figures of a result in a JSON file, those named by ``only`` or all.

    Raises ``DataError`` for a file that holds no such result, or nothing to draw, ``UsageError`` for unknown names.
    """
    try:
        result = json.loads(file.read_bytes())
    except (OSError, ValueError) as error:
        raise DataError(f"{file} cannot be read as JSON ({error}); {_REMEDY}") from error
    if not isinstance(result, dict):
        raise DataError(f"{file} holds a {type(result).__name__} and no result; {_REMEDY}")
    try:
        found = draw_hardware(result, width)
    except (KeyError, TypeError, IndexError) as error:
        raise DataError(
            f"{file} holds no whole result of kind {result.get('kind')!r} ({error!r}); {_REMEDY}"
        ) from error
    if unknown := [name for name in only if name not in found]:
        raise UsageError(f"no figure {unknown[0]!r} of {file}; there are: {', '.join(found) or 'none'}")
    if not found:
        raise DataError(f"{file}: a search without a truth has no figure; search again with --truth")
    return {name: drawn for name, drawn in found.items() if not only or name in only}


def draw_hardware(result: dict[str, Any], width: str = "neurips") -> dict[str, Drawn]:
    """Figures with captions by file name, of a result of ``search``, ``prune``, residuals or the matrix (their JSON).

    ``width``: see ``page.page_of``. Raises ``DataError`` for an object of no such kind, ``UsageError`` for a width.
    """
    kind, page = result.get("kind"), page_of(width)
    with paper_style(page):
        if kind == "search":
            return pareto_front.draw_all(result, page)
        if kind == "prune":
            return kept_operations.draw_all(result, page)
        if kind == "residuals":
            return {f"latency_residuals_{result['device']}": latency_residuals.draw(result, page)}
        if kind == "device-matrix":
            return {"device_matrix": device_matrix.draw(result, page)}
    raise DataError(f"a result of kind {kind!r} has no figure; {_REMEDY}")
