"""The kind of pickles that the official archives are, and what in them is one architecture."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from nasbench_harness.system.pickles import Admitted, Kind
from nasbench_harness.system.pickles.instructions import RARE
from nasbench_harness.system.pickles.kinds import PLAIN, SCALARS
from nasbench_harness.system.pickles.values import new_mapping

BUDGET_KEYS = (("12", "200"), ("less", "full"))  # keys of an architecture's results: NATS-Bench, NAS-Bench-201

_RESULTS = {"ArchResults", "ResultsCount"}
_PACKAGES = {"nats_bench", "nas_201_api"}


def _result_class(module: str, name: str) -> Admitted | None:
    """Objects of the official result classes become dictionaries of their attributes."""
    ours = name in _RESULTS and module.split(".", maxsplit=1)[0] in _PACKAGES
    return Admitted(new_mapping) if ours else None


# an architecture has some 11,000 objects in 300 kB, the longest text below 100 bytes
OFFICIAL = Kind("", {**PLAIN, **SCALARS}, _result_class, RARE)


def architectures(
    visit: Callable[[dict[Any, Any]], dict[Any, Any]],
) -> Callable[[dict[Any, Any]], dict[Any, Any] | None]:
    """``visit`` for the mappings that hold an architecture's results, nothing for all others."""

    def seen(target: dict[Any, Any]) -> dict[Any, Any] | None:
        whole = any(first in target and second in target for first, second in BUDGET_KEYS)
        return visit(target) if whole else None

    return seen
