"""How a search goes: its options, and the types of what it is given."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from nasbench_harness.errors import UsageError

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

Evaluate = Callable[[IntArray], FloatArray]
"""Our indices int64 ``[n]`` to scores ``[n]``, higher is better."""


@dataclass(frozen=True)
class SearchSettings:
    """Options of the evolution. Population and generations are those of PAD-NAS, the rest is our choice.

    ``mutation_probability``: of each gene, drawn again uniformly from the operations of its edge. ``tries``: how often
    children are redrawn when too few of a generation are new and inside the window. Raises ``UsageError``.
    """

    population: int = 64
    generations: int = 40
    crossover_probability: float = 0.9
    mutation_probability: float = 1 / 6
    tries: int = 50

    def __post_init__(self) -> None:
        """Refuse impossible options."""
        for name in ("population", "generations", "tries"):
            if getattr(self, name) < 1:
                raise UsageError(f"search: {name} must be at least 1, found {getattr(self, name)}")
        for name in ("crossover_probability", "mutation_probability"):
            if not 0 < getattr(self, name) <= 1:
                raise UsageError(f"search: {name} must be above 0 and at most 1, found {getattr(self, name)}")

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        return asdict(self)
