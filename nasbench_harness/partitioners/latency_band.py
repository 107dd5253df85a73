"""Leaves by what architectures cost: bands of latency, or of a count such as FLOPs, of equal population."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from nasbench_harness.errors import DataError, UsageError
from nasbench_harness.partitioners.base import Partitioner, Probe, partitioners
from nasbench_harness.space import N_ARCHITECTURES, Subspace, live_cell_of


@partitioners.register("latency-band")
@dataclass(frozen=True)
class LatencyBand(Partitioner):
    """Bands of equal population by latency or another cost, cheapest first.

    ``cost``: ``flops``, ``live_flops``, ``parameters``, or the path of a latency table with ``device`` its column
    (needed where it has several). Live cells stay whole, since dead-edge variants share their weights; a cell costs the
    mean of its members in the subspace. Cells of equal cost are cut in random order.
    """

    status: ClassVar[str] = "adaptation"
    source: ClassVar[str] = "this project"

    cost: str = "flops"
    device: str | None = None
    bands: int = 3

    def __post_init__(self) -> None:
        """Refuse a number of bands that is not a partition."""
        if self.bands < 1:
            raise UsageError(f"latency-band: bands must be at least 1, found {self.bands}")

    def split(self, subspace: Subspace, probe: Probe | None, rng: np.random.Generator) -> list[Subspace]:
        """``bands`` leaves, as equal in size as whole live cells allow.

        Raises ``UsageError`` when the subspace has fewer live cells than bands, ``DataError`` when a live cell of it
        has no cost.
        """
        members = subspace.members
        cells, cell_of_M = np.unique(live_cell_of()[members], return_inverse=True)
        if len(cells) < self.bands:
            raise UsageError(f"{subspace.name!r} has {len(cells)} live cells, too few for {self.bands} bands")
        cost_M = self._costs()[members]
        known_M = ~np.isnan(cost_M)
        known_C = np.bincount(cell_of_M[known_M], minlength=len(cells))
        if (known_C == 0).any():
            raise DataError(
                f"latency-band: {int((known_C == 0).sum())} live cells of {subspace.name!r} have no cost by "
                f"{self.device or self.cost}; choose another column, or flops"
            )
        cost_C = np.bincount(cell_of_M[known_M], cost_M[known_M], len(cells)) / known_C
        order = np.lexsort((rng.permutation(len(cells)), cost_C))
        band_C = np.empty(len(cells), dtype=np.int64)
        band_C[order] = _equal_parts(np.bincount(cell_of_M)[order], self.bands)
        band_A = np.full(N_ARCHITECTURES, -1)
        band_A[members] = band_C[cell_of_M]
        return [Subspace.where(band_A == band, self._name(band, cost_C[band_C == band])) for band in range(self.bands)]

    def _costs(self) -> npt.NDArray[np.float64]:
        from nasbench_harness.search.inputs import COUNTS, costs_from

        if self.cost in COUNTS:
            if self.device is not None:
                raise UsageError(f"latency-band: cost {self.cost!r} has no device; name a latency table as the cost")
            return costs_from(None, [], count=self.cost)[0].value_A
        return costs_from(Path(self.cost), [self.device] if self.device else [])[0].value_A

    def _name(self, band: int, cost_C: npt.NDArray[np.float64]) -> str:
        return f"band {band}: {self.device or Path(self.cost).stem} {cost_C.min():.4g} to {cost_C.max():.4g}"


def _equal_parts(size_C: npt.NDArray[np.int64], parts: int) -> npt.NDArray[np.int64]:
    """Number of the part of each item: in order, none empty, cut as near to equal sums as whole items allow."""
    edge_C = np.concatenate([[0], np.cumsum(size_C)])  # sum before each item, and of all
    cuts = [0]
    for part in range(1, parts):
        nearest = int(np.abs(edge_C - edge_C[-1] * part / parts).argmin())
        cuts.append(min(max(nearest, cuts[-1] + 1), len(size_C) - parts + part))
    return np.searchsorted(cuts, np.arange(len(size_C)), side="right") - 1
