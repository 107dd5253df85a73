"""What a benchmark case is, and the table of all cases."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from agreement import Agreement
from timing import Candidate, interleave, paired_ratio, per_unit

from nasbench_harness.errors import UsageError

REFERENCE, ENGINE = "reference", "engine"


@dataclass(frozen=True)
class Effort:
    """How long to measure: repeats, and the work in each repeat."""

    repeats: int
    steps: int
    """Training steps in a repeat."""
    windows: int
    """Runs of consecutive live cells scored in a repeat."""
    window: int
    """Live cells in a run."""
    batches: int
    """Batches of images loaded in a repeat."""
    compared: int
    """Architectures on which outputs and gradients are compared."""


FULL = Effort(repeats=7, steps=12, windows=2, window=8, batches=30, compared=6)
QUICK = Effort(repeats=2, steps=2, windows=1, window=3, batches=3, compared=2)


@dataclass(frozen=True)
class Work:
    """A prepared case: the candidates, how many units of work each does in a repeat, and the evidence of agreement.

    With candidates ``reference`` and ``engine`` a ratio is formed; with others seconds stand alone. ``derive`` adds
    numbers that follow from the median seconds of a unit.
    """

    candidates: Mapping[str, Candidate]
    units: float
    settings: dict[str, Any]
    agreement: Agreement | None = None
    derive: Callable[[Mapping[str, float]], dict[str, float]] = field(default=lambda seconds: {})


@dataclass(frozen=True)
class Case:
    """A named measurement; ``unit`` says what the seconds are for."""

    name: str
    title: str
    unit: str
    prepare: Callable[[Effort, Path], Work]
    """Gets a folder that lives as long as the measurement."""


def measure(case: Case, effort: Effort) -> dict[str, Any]:
    """Prepare, compare, then time one case; the result as plain JSON values, seconds for one unit of work.

    Network cases run other architectures in every repeat, so the spread of their ratios is that over architectures as
    well as that of the clock.
    """
    with tempfile.TemporaryDirectory() as folder:
        work = case.prepare(effort, Path(folder))
        times = interleave(work.candidates, effort.repeats)
    seconds = {name: per_unit(spread, work.units) for name, spread in times.items()}
    ratio = paired_ratio(seconds[REFERENCE], seconds[ENGINE]).to_json() if REFERENCE in seconds else None
    return {
        "case": case.name,
        "title": case.title,
        "unit": case.unit,
        "settings": work.settings | {"repeats": effort.repeats, "units_per_repeat": work.units},
        "agreement": None if work.agreement is None else work.agreement.to_json(),
        "seconds": {name: spread.to_json() for name, spread in seconds.items()},
        "ratio": ratio,
        "derived": work.derive({name: spread.median for name, spread in seconds.items()}),
    }


def select(cases: Iterable[Case], wanted: str | None) -> list[Case]:
    """Cases whose name is, or begins with, one of the comma-separated names; all without any.

    Raises ``UsageError`` for a name that meets no case.
    """
    every = list(cases)
    names = [name.strip() for name in (wanted or "").split(",") if name.strip()]
    for name in names:
        if not any(case.name.startswith(name) for case in every):
            raise UsageError(f"no benchmark case '{name}'; choose among {', '.join(case.name for case in every)}")
    return [case for case in every if not names or case.name.startswith(tuple(names))]
