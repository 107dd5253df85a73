"""A stand-in for a trained supernet, so that partitioners that ask one can be tested in milliseconds."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from nasbench_harness.seeding import derive_rng
from nasbench_harness.space import N_OPERATIONS, Subspace, flops

FloatArray = npt.NDArray[np.float64]


@dataclass
class FakeProbe:
    """Answers that depend on ``seed`` and the question alone.

    ``passes`` counts the batches that a real probe would have sent forward and backward, ``scored`` the architectures.
    Scores grow with the multiply-adds on live edges, between 10 and 90 percent, with some noise. The gradients of two
    operations are the closer the closer their numbers are, on every edge a little differently.
    """

    seed: int = 0
    passes: int = 0
    scored: int = 0

    def validation_score(self, architectures: np.ndarray) -> FloatArray:
        """Accuracy in percent ``[n]`` of architectures (our indices ``[n]``)."""
        self.scored += len(architectures)
        count_A = flops(live=True)
        noise_A = derive_rng(self.seed, "fake validation").normal(0, 2, len(count_A))
        scores: FloatArray = np.clip(15 + 70 * count_A / count_A.max() + noise_A, 10, 90)[architectures]
        return scores

    def gradient_distances(
        self, subspace: Subspace, edge: int, repeats: int, rng: np.random.Generator
    ) -> npt.NDArray[np.float64]:
        """Symmetric distances ``[5, 5]`` between the operations of ``edge``; zero where the subspace lacks one."""
        allowed_O = subspace.used_EO[edge]
        self.passes += repeats * int(allowed_O.sum())
        place_O = np.arange(N_OPERATIONS) + derive_rng(self.seed, "fake gradients", edge).normal(0, 0.5, N_OPERATIONS)
        distance_OO: FloatArray = np.abs(place_O[:, None] - place_O) / N_OPERATIONS * np.outer(allowed_O, allowed_O)
        return distance_OO
