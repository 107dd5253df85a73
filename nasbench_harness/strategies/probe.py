"""What partitioners and searches may ask of a trained supernet, metered and remembered."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from nasbench_harness.space import N_OPERATIONS, Subspace, code_to_index, connected, index_to_code, live_cell_of
from nasbench_harness.system.progress import Silent

if TYPE_CHECKING:
    from torch import Tensor

    from nasbench_harness.strategies.context import Context
    from nasbench_harness.supernet.network import Supernet


@dataclass
class SupernetProbe:
    """The ``Probe`` of one trained network; ``name`` is unique within the strategy.

    Validation runs on the first ``validation_images`` of the context's scoring images, which are held out from
    training: the strategy decides by images of the set that its result is scored on. ``distances`` keeps what was
    measured, by edge, for the record.
    """

    context: Context
    network: Supernet
    name: str
    validation_images: int = 500
    distances: dict[int, np.ndarray] = field(default_factory=dict)
    asked: int = 0

    def validation_score(self, architectures: np.ndarray) -> np.ndarray:
        """Accuracy in percent ``[n]`` of our indices ``[n]``; a forward pass for each image and distinct live cell."""
        from nasbench_harness.supernet.scoring.scores import score_live_cells

        cells, position = np.unique(live_cell_of()[architectures], return_inverse=True)
        images = self.context.scoring_images.part(slice(self.validation_images))

        def measure() -> dict[str, np.ndarray]:
            self.context.budget.spend(0, len(cells) * len(images))
            found = score_live_cells(self.network, cells, images, self.context.scoring_batch, Silent())
            return {"accuracy": found.accuracy}

        found = self.context.measure(self._next(f"validation of {self.name}"), measure)["accuracy"]
        self.context.progress.advance(len(cells))
        return np.asarray(found[position])

    def gradient_distances(self, subspace: Subspace, edge: int, repeats: int, rng: np.random.Generator) -> np.ndarray:
        """Mean cosine distance ``[5, 5]`` of the gradients of the operations on ``edge``, as released for GM-NAS.

        Each repeat takes a training batch without augmentation and a random path for the other edges, drawn from those
        members of ``subspace`` that keep a path from input to output whatever stands on ``edge``: without one, all
        gradients would be zero. Gradients are those of the shared weights: of cells and reductions, except the
        convolutions of ``edge`` itself; a weight that a path does not use has gradient zero there. One
        architecture-update for each image, operation and repeat.
        """
        seed = int(rng.integers(2**63))  # taken in any case, so that a remembered answer leaves the generator alike
        allowed = np.flatnonzero(subspace.used_EO[edge])

        def measure() -> dict[str, np.ndarray]:
            return {"distances": self._measure_distances(subspace, edge, allowed, repeats, np.random.default_rng(seed))}

        found = self.context.measure(self._next(f"gradients of {self.name} on edge {edge}"), measure)["distances"]
        self.context.progress.advance(repeats * len(allowed))
        self.distances[edge] = found
        return found

    def to_json(self) -> dict[str, Any]:
        """The distances measured, by edge, rounded for the record."""
        return {str(edge): np.round(distance_OO, 6).tolist() for edge, distance_OO in self.distances.items()}

    def _next(self, what: str) -> str:
        self.asked += 1
        return f"{what}, question {self.asked}"

    def _measure_distances(
        self, subspace: Subspace, edge: int, allowed: np.ndarray, repeats: int, rng: np.random.Generator
    ) -> np.ndarray:
        import torch

        from nasbench_harness.supernet.network import live_codes

        shared = shared_parameters(self.network, edge)
        candidates = robust_members(subspace, edge, allowed)
        images, size = self.context.train_images, probe_batch(self.context)
        distance_OO = np.zeros((N_OPERATIONS, N_OPERATIONS))
        for _ in range(repeats):
            rows = torch.from_numpy(rng.choice(len(images), size, replace=False)).to(images.labels.device)
            x_NCHW = images.normalised(rows).contiguous(memory_format=torch.channels_last)
            codes = live_codes(_with_operations(int(rng.choice(candidates)), edge, allowed))
            gradients = [self._gradient(shared, x_NCHW, images.labels[rows], code) for code in codes]
            distance_OO[np.ix_(allowed, allowed)] += cosine_distances(torch.stack(gradients))
            self.context.budget.spend(len(allowed) * size)
        return distance_OO / repeats

    def _gradient(self, shared: list[Tensor], x_NCHW: Tensor, labels: Tensor, code: tuple[int, ...]) -> Tensor:
        import torch
        from torch.nn import functional as F

        loss = F.cross_entropy(self.network(x_NCHW, code), labels)
        gradients = torch.autograd.grad(loss, shared, allow_unused=True)
        parts = [torch.zeros_like(w) if g is None else g for w, g in zip(shared, gradients, strict=True)]
        return torch.cat([part.reshape(-1) for part in parts])


def probe_batch(context: Context) -> int:
    """Images of one gradient pass: a training batch."""
    return min(context.training.batch_size, len(context.train_images))


def shared_parameters(network: Supernet, edge: int) -> list[Tensor]:
    """Weights of cells and reductions except the convolutions that live on ``edge``."""
    own = re.compile(rf"cells\..*\.conv_[13]x[13]\.{edge}")
    return [
        weight
        for name, weight in network.named_parameters()
        if name.startswith(("cells.", "reductions.")) and not own.fullmatch(name)
    ]


def robust_members(subspace: Subspace, edge: int, allowed: np.ndarray) -> np.ndarray:
    """Members that stay connected with every allowed operation on ``edge``; all members where there is none."""
    robust_M = np.ones(subspace.size, dtype=bool)
    code_ME = index_to_code(subspace.members).copy()
    for op in allowed:
        code_ME[:, edge] = op
        robust_M &= connected()[code_to_index(code_ME)]
    return subspace.members[robust_M] if robust_M.any() else subspace.members


def cosine_distances(gradient_OP: Tensor) -> np.ndarray:
    """``1 - <g, h> / (|g| |h| + 1e-6)`` of all pairs of rows, float64, zero on the diagonal (as released)."""
    import torch

    gradient_OP = gradient_OP.double()
    norm_O = gradient_OP.norm(dim=1)
    distance_OO = 1 - gradient_OP @ gradient_OP.T / (torch.outer(norm_O, norm_O) + 1e-6)
    symmetric_OO = (distance_OO + distance_OO.T) / 2  # the product is so only to rounding
    return np.asarray(symmetric_OO.fill_diagonal_(0.0).cpu().numpy())


def _with_operations(architecture: int, edge: int, operations: np.ndarray) -> np.ndarray:
    """Indices of ``architecture`` with each of ``operations`` on ``edge``."""
    codes = np.tile(index_to_code(np.array([architecture])), (len(operations), 1))
    codes[:, edge] = operations
    return np.asarray(code_to_index(codes))
