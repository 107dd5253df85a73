"""Scoring of many architectures with trained weights: live cells and held-out images in, accuracy and loss out.

Architectures that compute the same function share every score, so only one of each is run (``canonical``). They are
visited in the order of their codes: the stem is computed once a batch, and the first cell keeps every edge output until
the node it starts from changes, so that of its up to six operations mostly only the last addition is new.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from nasbench_harness.errors import RunError
from nasbench_harness.images.batches import DeviceImages
from nasbench_harness.supernet.native_engine.autograd import kernels_for
from nasbench_harness.supernet.native_engine.scoring import LanedBatch, LanedScoring
from nasbench_harness.supernet.network import Supernet, live_codes
from nasbench_harness.supernet.scoring.functions import representative_of
from nasbench_harness.supernet.scoring.torch_engine import FastBatch, FastNetwork
from nasbench_harness.system.progress import Progress


@dataclass(frozen=True)
class Scores:
    """Both scoring signals of ``n`` architectures; higher is better.

    ``accuracy`` in percent and ``negative_loss`` (minus the mean cross-entropy in nats), float64 ``[n]``.
    """

    accuracy: np.ndarray
    negative_loss: np.ndarray


def distinct_runs(cells: np.ndarray, route_NP: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """What must be run to score ``cells`` ``[n]`` along their routes ``[n, positions]``.

    Returns live cells ``[r]`` in the order of their codes, their routes ``[r, positions]``, and for each of ``cells``
    the position of its run ``[n]``. Which cell stands for another does not depend on what else is scored.
    """
    wanted = np.column_stack([representative_of()[cells], route_NP])
    runs, position = np.unique(wanted, axis=0, return_inverse=True)
    return runs[:, 0], runs[:, 1:], position.reshape(-1)


def _engine(network: Supernet) -> Callable[[Tensor], LanedBatch | FastBatch]:
    """What makes a batch ready for architectures: on native kernels where they can run it."""
    made: dict[bool, LanedScoring | FastNetwork] = {}

    def on_batch(x_NCHW: Tensor) -> LanedBatch | FastBatch:
        native = kernels_for(network, x_NCHW)
        if (native is None) not in made:
            made[native is None] = FastNetwork(network) if native is None else LanedScoring(network, native)
        return made[native is None].on_batch(x_NCHW)

    return on_batch


def counted(correct_N: Tensor, loss_N: Tensor, images: int, cells: np.ndarray) -> Scores:
    """Scores of live cells ``[n]`` from correct answers and losses summed over so many images.

    Raises ``RunError`` naming the first architecture whose loss is not finite.
    """
    accuracy = 100.0 * correct_N.cpu().numpy() / images
    negative_loss = -loss_N.cpu().numpy() / images
    if not np.isfinite(negative_loss).all():
        bad = live_codes(cells)[int(np.argmin(np.isfinite(negative_loss)))]
        raise RunError(f"architecture {bad} scores a loss that is not finite; the supernet diverged, lower the rate")
    return Scores(accuracy, negative_loss)


@torch.inference_mode()
def score_live_cells(
    network: Supernet,
    cells: np.ndarray,
    images: DeviceImages,
    batch_size: int,
    progress: Progress,
    route_A: np.ndarray | None = None,
) -> Scores:
    """Score live cells (our indices ``[n]``) on all ``images`` with the batch statistics of each batch.

    ``route_A`` ``[15625, cells]`` names the cell copies of each architecture. Computes in ``network.precision``.
    Reports one unit of progress for each cell. Raises ``RunError`` naming the first architecture whose loss is not
    finite.
    """
    network.eval()
    engine = _engine(network)
    default = np.tile(np.array(network.first_route, dtype=np.int64), (len(cells), 1))
    run_cells, run_routes, position_of = distinct_runs(cells, default if route_A is None else route_A[cells])
    codes = live_codes(run_cells)
    routes = [tuple(route) for route in run_routes.tolist()]
    device = images.labels.device
    correct = torch.zeros(len(codes), dtype=torch.int64, device=device)
    loss = torch.zeros(len(codes), dtype=torch.float64, device=device)
    batches = -(-len(images) // batch_size)
    for x_NCHW, labels in images.equal_batches(batch_size):
        run = engine(x_NCHW)
        for position, (code, route) in enumerate(zip(codes, routes, strict=True)):
            logits = run(code, route)
            correct[position] += (logits.argmax(1) == labels).sum()
            loss[position] += F.cross_entropy(logits, labels, reduction="sum")
            progress.advance(len(cells) / len(codes) / batches)
    return counted(correct[position_of], loss[position_of], len(images), cells)
