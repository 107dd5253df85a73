"""Scoring of many architectures with a trained supernet: live cells and held-out images in, accuracy and loss out.

Architectures that compute the same function share every score, so only one of each is run (``functions``). They are
visited in the order of their codes: the stem is computed once a batch, and the first cell keeps every edge output until
the node it starts from changes, so that of its up to six operations mostly only the last addition is new.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from torch import Tensor

from nasbench_harness.images.batches import DeviceImages
from nasbench_harness.space import CONV_1X1, N_EDGES
from nasbench_harness.supernet.layers import Code
from nasbench_harness.supernet.native_engine.scoring import blocked_batches
from nasbench_harness.supernet.network import Supernet, live_codes
from nasbench_harness.supernet.scoring.edge_cache import Step, steps_of
from nasbench_harness.supernet.scoring.functions import representative_of
from nasbench_harness.supernet.scoring.group_engine import Sharing
from nasbench_harness.supernet.scoring.scorable import Answer, IntArray, Scores, score
from nasbench_harness.supernet.scoring.torch_engine import FastNetwork
from nasbench_harness.system.progress import Progress

__all__ = ["Scores", "SupernetScorable", "distinct_runs", "score_live_cells"]

Run = tuple[Code, tuple[int, ...]]
"""Code of a live cell, and the copy of each cell that it uses."""


@dataclass(frozen=True, eq=False)
class SupernetScorable:
    """A supernet; ``route_A`` ``[15625, cells]`` names the cell copies of each architecture (``None``: the first)."""

    network: Supernet
    route_A: np.ndarray | None = None

    def functions(self, cells: IntArray) -> IntArray:
        """See ``Scorable``."""
        return representative_of()[cells]

    def runs(self, cells: IntArray) -> tuple[Sequence[Run], IntArray]:
        """Distinct functions with their routes."""
        run_cells, run_routes, position_of = distinct_runs(cells, self._routes(cells))
        routes = [tuple(route) for route in run_routes.tolist()]
        return list(zip(live_codes(run_cells), routes, strict=True)), position_of

    def engine(self) -> Callable[[Tensor], Answer]:
        """On native kernels where they can run a batch, else on torch."""
        blocked, fast = blocked_batches(self.network), cache(lambda: FastNetwork(self.network))

        def on_batch(x_NCHW: Tensor) -> Answer:
            ready = blocked(x_NCHW) or fast().on_batch(x_NCHW)
            return lambda run: ready(*run)

        return on_batch

    def sharing(self) -> Sharing:
        """See ``Groupable``."""
        return sharing_of(self.network)

    def logits(self, x_NCHW: Tensor, cell: int) -> Tensor:
        """See ``Scorable``."""
        [code], [route] = live_codes(np.array([cell])), self._routes(np.array([cell])).tolist()
        logits: Tensor = self.network(x_NCHW, code, tuple(route))
        return logits

    def _routes(self, cells: IntArray) -> IntArray:
        if self.route_A is not None:
            return np.asarray(self.route_A[cells])
        return np.tile(np.array(self.network.first_route, dtype=np.int64), (len(cells), 1))


def sharing_of(network: Supernet, edge_weight_E: Sequence[float] = (1.0,) * N_EDGES) -> Sharing:
    """How codes and routes share a supernet: each edge has its weights, and counts with its ``edge_weight_E``."""
    copies = network.copies

    def member(run: Run) -> tuple[tuple[Step, ...], tuple[int, ...]]:
        return steps_of(run[0]), run[1]

    def weight(position: int, copy: int, op: int, edge: int) -> Tensor:
        cell = copies[position][copy]
        found: Tensor = (cell.conv_1x1 if op == CONV_1X1 else cell.conv_3x3)[edge]
        return found

    return Sharing(network, member, weight, edge_weight_E)


def distinct_runs(cells: np.ndarray, route_NP: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """What must be run to score ``cells`` ``[n]`` along their routes ``[n, positions]``.

    Returns live cells ``[r]`` in the order of their codes, their routes ``[r, positions]``, and for each of ``cells``
    the position of its run ``[n]``. Which cell stands for another does not depend on what else is scored.
    """
    wanted = np.column_stack([representative_of()[cells], route_NP])
    runs, position = np.unique(wanted, axis=0, return_inverse=True)
    return runs[:, 0], runs[:, 1:], position.reshape(-1)


def score_live_cells(
    network: Supernet,
    cells: np.ndarray,
    images: DeviceImages,
    batch_size: int,
    progress: Progress,
    route_A: np.ndarray | None = None,
) -> Scores:
    """``score`` of a supernet, in ``network.precision``."""
    return score(SupernetScorable(network, route_A), cells, images, batch_size, progress)
