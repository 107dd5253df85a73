"""A mixture of all operations, which HM-NAS trains, and parts of it: on the kernels in C, and on torch's operations."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from unittest.mock import patch

import numpy as np
import torch
from agreement import TOLERANCE_FLOAT64, Agreement, compare_scores
from cases import ENGINE, REFERENCE, Case, Effort, Work
from network_cases import CLASSES, SCORED_IMAGES, TRAIN_BATCH, cells_to_score, one_batch
from timing import WARM_UP
from torch import Tensor
from torch.nn import functional as F

from nasbench_harness.errors import RunError
from nasbench_harness.seeding import derive_rng
from nasbench_harness.space import N_EDGES
from nasbench_harness.strategies.hm_nas import network as hm_nas
from nasbench_harness.strategies.hm_nas.edges import MIXED
from nasbench_harness.supernet.network import NetworkShape, Supernet
from nasbench_harness.supernet.scoring.scorable import Scores, score
from nasbench_harness.system.progress import Silent

SHAPE = (5, 3, 16)
"""Channels, cells a stage, side of the images: those of ``cifar10-fast``."""

EDGE_WEIGHTS = np.array([1.0, 0.9, 1.1, 0.8, 1.05, 1.15])
"""What masks and mixing leave of the edges of a trained mixture is of this size."""


def cases() -> Iterator[Case]:
    """Gradients of the weights on a batch, then those of mixing, as a step of its first stage takes them; and scores
    of architectures whose edges count with their masked weights."""
    label = "{} channels, {} cells a stage, {} pixels".format(*SHAPE)
    name = "mixture-{}-{}-{}".format(*SHAPE)
    yield Case(name, f"gradients of a mixture, {label}", f"two batches of {TRAIN_BATCH} images", _mixture)
    name = "mixture-parts-{}-{}-{}".format(*SHAPE)
    yield Case(name, f"scores of a masked mixture's parts, {label}", f"a live cell on {SCORED_IMAGES} images", _parts)


@dataclass(frozen=True)
class _Sides:
    """A mixture of both sides with one batch; ``weight_EM`` ``[6, 4]``."""

    network: Supernet
    weight_EM: Tensor
    x_NCHW: Tensor
    labels: Tensor

    def double(self) -> _Sides:
        """The same numbers in float64."""
        network = Supernet(self.network.shape).double()
        network.load_state_dict(self.network.state_dict())
        weight_EM = self.weight_EM.detach().double().requires_grad_()
        return _Sides(network, weight_EM, self.x_NCHW.double(), self.labels)

    def gradients(self, of_weights: bool, kernels: bool) -> list[Tensor]:
        """The loss, then the gradient of every weight, or of mixing alone."""
        weight_EM = self.weight_EM.detach() if of_weights else self.weight_EM
        off: AbstractContextManager[object] = patch.object(hm_nas, "mixing_kernels", lambda *_: None)
        with nullcontext() if kernels else off:
            logits = hm_nas.Mixture(self.network)(self.x_NCHW, weight_EM, of_weights)
        loss = F.cross_entropy(logits, self.labels)
        asked = list(self.network.parameters()) if of_weights else [weight_EM]
        return [loss.detach(), *torch.autograd.grad(loss, asked)]


def _mixture(effort: Effort, folder: Path) -> Work:
    channels, cells, side = SHAPE
    torch.manual_seed(0)
    network = Supernet(NetworkShape(channels, cells, 3, CLASSES))
    weight_EM = torch.rand(N_EDGES, len(MIXED)).requires_grad_()
    _, x_NCHW, labels = one_batch(TRAIN_BATCH, side)
    sides = _Sides(network, weight_EM, x_NCHW.contiguous(memory_format=torch.channels_last), labels)

    def run(kernels: bool, repeat: int) -> None:
        for _ in range(effort.steps):
            sides.gradients(True, kernels)
            sides.gradients(False, kernels)

    facts = {"batch": TRAIN_BATCH, "reference": "the same mixture on torch's operations"}
    candidates = {REFERENCE: partial(run, False), ENGINE: partial(run, True)}
    return Work(candidates, effort.steps, facts, _agreement(sides))


def _parts(effort: Effort, folder: Path) -> Work:
    channels, cells, side = SHAPE
    torch.manual_seed(0)
    network = Supernet(NetworkShape(channels, cells, 3, CLASSES))
    resident, _, _ = one_batch(SCORED_IMAGES, side)
    cells_R = cells_to_score(effort, derive_rng("benchmark", "parts"))

    def run(kernels: bool, repeat: int) -> Scores:
        off: AbstractContextManager[object] = patch.object(hm_nas, "blocked_batches", lambda *_: lambda _: None)
        with nullcontext() if kernels else off:
            parts = hm_nas.WeightedScorable(network, EDGE_WEIGHTS)
            return score(parts, cells_R[max(repeat, 0)], resident, SCORED_IMAGES, Silent())

    theirs = run(False, WARM_UP)
    agreement = compare_scores(run(True, WARM_UP), [*zip(theirs.accuracy, -theirs.negative_loss, strict=True)])
    facts = {"images": SCORED_IMAGES, "batch": SCORED_IMAGES, "reference": "the same parts on torch's operations"}
    candidates = {REFERENCE: partial(run, False), ENGINE: partial(run, True)}
    return Work(candidates, effort.windows * effort.window, facts, agreement)


def _agreement(sides: _Sides) -> Agreement:
    """Loss and gradients of both in float64; ``RunError`` where they differ by more than rounding."""
    double, errors = sides.double(), {}
    for name, of_weights in (("weights_float64", True), ("mixing_float64", False)):
        pairs = zip(double.gradients(of_weights, True), double.gradients(of_weights, False), strict=True)
        errors[name] = max(float((ours - theirs).abs().max() / theirs.abs().max()) for ours, theirs in pairs)
    if max(errors.values()) > TOLERANCE_FLOAT64:
        raise RunError(f"the mixtures differ: {errors}; expected {TOLERANCE_FLOAT64:g} at most")
    return Agreement(errors, 1, TOLERANCE_FLOAT64)
