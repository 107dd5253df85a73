"""PAD-NAS in full: search, prune, search again in what is left, and so on.

Works on any evaluator: where the scores come from, and whether a network is trained further between the stages, is the
caller's affair.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from nasbench_harness.errors import UsageError
from nasbench_harness.search.constraint import Window, candidates_of
from nasbench_harness.search.evolution import SearchResult, constrained_search
from nasbench_harness.search.prune import Pruning, counted, prune
from nasbench_harness.search.settings import Evaluate, SearchSettings
from nasbench_harness.space import OPERATIONS, Subspace, connected
from nasbench_harness.system.progress import Progress

FloatArray = npt.NDArray[np.float64]

AfterPruning = Callable[[int, Pruning], None]


@dataclass(frozen=True, eq=False)
class PruneStage:
    """One stage of PAD-NAS: the search, and the pruning after it (None after the last)."""

    search: SearchResult
    pruning: Pruning | None


@dataclass(frozen=True, eq=False)
class PruneRun:
    """All stages of a PAD-NAS from one evaluator. ``spaces``: the space of each stage, the first one included."""

    stages: tuple[PruneStage, ...]
    window: Window

    @property
    def final(self) -> SearchResult:
        """The search in the last space."""
        return self.stages[-1].search

    @property
    def spaces(self) -> tuple[Subspace, ...]:
        """The space before any pruning, then after each."""
        prunings = [stage.pruning for stage in self.stages if stage.pruning is not None]
        return (prunings[0].before, *(pruning.after for pruning in prunings)) if prunings else ()


def pad_nas(
    evaluate: Evaluate,
    cost_A: FloatArray,
    subspace: Subspace,
    window: Window,
    rng: np.random.Generator,
    threshold: float = 0.01,
    prunings: int = 2,
    settings: SearchSettings | None = None,
    progress: Progress | None = None,
    *,
    counting: str = "archive",
    share_live_cells: bool = True,
    after_pruning: AfterPruning | None = None,
    unit: str = "ms",
) -> PruneRun:
    """Search and prune ``prunings`` times (the paper: 2), then search once more.

    ``after_pruning``: called with the number of the pruning and its result, before the next search; a live supernet
    is trained further in it. The rest as ``constrained_search`` and ``prune``.
    """
    if prunings < 1:
        raise UsageError(f"at least one stage of pruning is needed, found {prunings}; to search alone use search")
    stages = []
    space = subspace
    for number in range(prunings + 1):
        found = constrained_search(
            evaluate, cost_A, space, window, rng, settings, progress, share_live_cells=share_live_cells, unit=unit
        )
        if number == prunings:
            stages.append(PruneStage(found, None))
            break
        inside_A = candidates_of(cost_A, window, space, unit).mask_A
        pruning = prune(space, counted(found, counting), threshold, inside_A)
        stages.append(PruneStage(found, pruning))
        space = pruning.after
        if after_pruning is not None:
            after_pruning(number, pruning)
    return PruneRun(tuple(stages), window)


def describe_space(
    space: Subspace, cost_A: FloatArray, window: Window, truth_A: FloatArray | None = None
) -> dict[str, Any]:
    """Size of a space and of the window in it, and by the truth (``[15625]``, NaN = unknown) the best and the mean.

    "In the window" means: a known cost inside it and a path from input to output.
    """
    inside_A = space.mask_A & connected() & window.holds(cost_A)
    described: dict[str, Any] = {
        "size": space.size,
        "log10_size": round(float(np.log10(space.size)), 4) if space.size else None,
        "in_window": int(inside_A.sum()),
        "operations": [[OPERATIONS[op] for op in np.flatnonzero(used_O)] for used_O in space.used_EO],
    }
    if truth_A is not None:
        known = truth_A[inside_A & ~np.isnan(truth_A)]
        described |= {
            "best_truth_in_window": float(known.max()) if known.size else None,
            "mean_truth_in_window": float(known.mean()) if known.size else None,
        }
    return described
