"""One step of an untrained network: what the code that trains makes of equal weights, on any machine.

Trained weights of two machines differ by more than rounding (``first_steps`` says why), and a loss of gradients of one
operation stays below that for a long time. Initial weights derive from the seed alone, and all operations take part
in this step.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
import torch

from nasbench_harness.images.batches import DeviceImages
from nasbench_harness.space import N_EDGES, N_OPERATIONS, Subspace, code_to_index
from nasbench_harness.supernet.network import Supernet
from nasbench_harness.system.progress import Silent
from nasbench_harness.training.budget import Budget
from nasbench_harness.training.samplers import IntArray, Sampler
from nasbench_harness.training.settings import Stage, TrainingSettings
from nasbench_harness.training.stage_run import StageRun

_OPERATION = re.compile(r"cells\.\d+\.\d+\.(\w+\.\d)")

NAME = "reference step"


@dataclass(frozen=True)
class EveryOperation(Sampler):
    """Four architectures without dead edges, in which each operation but ``none`` is once on each edge."""

    def per_step(self, subspace: Subspace) -> int:
        """Four, whatever the subspace."""
        return N_OPERATIONS - 1

    def draw(self, subspace: Subspace, steps: int, rng: np.random.Generator) -> IntArray:
        """Our indices ``[steps, 4]``, the same at each step."""
        turn = np.arange(N_OPERATIONS - 1)[:, None] + np.arange(N_EDGES)
        drawn: IntArray = np.tile(code_to_index(1 + turn % (N_OPERATIONS - 1)), (steps, 1))
        return drawn


def reference_moves(
    network: Supernet, images: DeviceImages, settings: TrainingSettings, seed_axes: tuple[object, ...]
) -> dict[str, float]:
    """How far one step moves the weights of each operation on each edge, and of the rest: Euclidean lengths.

    Trains ``network`` in place.
    """
    before = {name: weight.detach().clone() for name, weight in network.named_parameters()}
    sampler, space = EveryOperation(), Subspace.full()
    updates = settings.batch_size * sampler.per_step(space)
    run = StageRun(network, Stage(NAME, space, updates, sampler), images, settings, Budget(updates), seed_axes)
    run.advance(1, Silent())
    squares: dict[str, float] = {}
    for name, weight in network.named_parameters():
        found = _OPERATION.match(name)
        part = found[1] if found else name.split(".")[0]
        moved = torch.linalg.vector_norm((weight.detach() - before[name]).double())
        squares[part] = squares.get(part, 0.0) + float(moved) ** 2
    return {part: square**0.5 for part, square in squares.items()}
