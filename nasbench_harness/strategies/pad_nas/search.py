"""The search of PAD-NAS on a live supernet: metered, and remembered across interruptions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from nasbench_harness.search.constraint import Window
from nasbench_harness.search.evolution import SearchResult, constrained_search
from nasbench_harness.search.settings import SearchSettings
from nasbench_harness.seeding import derive_rng
from nasbench_harness.space import Subspace, live_cell_of
from nasbench_harness.strategies.context import Context
from nasbench_harness.system.progress import Silent
from nasbench_harness.training.budget import FORWARDS_AN_UPDATE

if TYPE_CHECKING:
    from nasbench_harness.images.batches import DeviceImages
    from nasbench_harness.supernet.network import Supernet


def updates_of_search(settings: SearchSettings, images: int) -> int:
    """Architecture-updates that one search takes at most: every child new, and none the twin of another."""
    forwards = settings.population * (settings.generations + 1) * images
    return -(-forwards // FORWARDS_AN_UPDATE)


def first_images(images: DeviceImages, number: int) -> DeviceImages:
    """The first ``number`` of the images (0, or more than there are: all)."""
    return images.part(slice(number)) if 0 < number < len(images) else images


@dataclass(frozen=True, eq=False)
class LiveSearch:
    """A search under ``name`` whose scores are the accuracy of ``network`` on ``images``."""

    name: str
    context: Context
    network: Supernet
    images: DeviceImages

    def run(
        self, cost_A: np.ndarray, space: Subspace, window: Window, settings: SearchSettings, unit: str
    ) -> SearchResult:
        """``constrained_search`` in ``space``; an interrupted one is done again, a finished one is remembered."""

        def compute() -> dict[str, np.ndarray]:
            rng = derive_rng(*self.context.seed_axes, self.name)
            found = constrained_search(
                self._accuracies, cost_A, space, window, rng, settings, self.context.progress, unit=unit
            )
            counts = [found.candidates, found.evaluations, found.generations, found.discarded]
            return {
                "index": found.index_N,
                "score": found.score_N,
                "population": found.population_P,
                "counts": np.array(counts, dtype=np.int64),
            }

        kept = self.context.measure(self.name, compute)
        index_N = kept["index"]
        return SearchResult(index_N, kept["score"], cost_A[index_N], kept["population"], *kept["counts"].tolist())

    def _accuracies(self, index_N: np.ndarray) -> np.ndarray:
        """Accuracy of architectures of distinct live cells, ``[N]``; costs a forward pass an image each."""
        from nasbench_harness.supernet.scoring.scores import score_live_cells

        cell_N = live_cell_of()[index_N]
        order = np.argsort(cell_N)
        batch = self.context.scoring_batch
        found = score_live_cells(self.network, cell_N[order], self.images, batch, Silent()).accuracy
        self.context.budget.spend(0, len(index_N) * len(self.images))
        accuracy_N = np.empty(len(index_N))
        accuracy_N[order] = found
        return accuracy_N
