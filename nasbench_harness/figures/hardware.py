"""The figures of a stored hardware result, chosen by its kind."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nasbench_harness.errors import DataError
from nasbench_harness.figures import device_matrix, kept_operations, latency_residuals, pareto_front
from nasbench_harness.figures.style import paper_style

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def draw_hardware(result: dict[str, Any]) -> dict[str, Figure]:
    """Figures by file name of a result of ``search``, ``prune``, residuals or the device matrix (their JSON).

    Raises ``DataError`` for an object of no such kind.
    """
    kind = result.get("kind")
    with paper_style():
        if kind == "search":
            return pareto_front.draw_all(result)
        if kind == "prune":
            return kept_operations.draw_all(result)
        if kind == "residuals":
            return {f"latency_residuals_{result['device']}": latency_residuals.draw(result)}
        if kind == "device-matrix":
            return {"device_matrix": device_matrix.draw(result)}
    raise DataError(f"a result of kind {kind!r} has no figure; give the JSON that search, prune or latency stored")
