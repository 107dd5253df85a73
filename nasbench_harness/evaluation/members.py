"""Members of a fusion by name: score files, stored units, counts, and training-free predictors whose scores are stored.

A member is ``SOURCE[:COLUMN,...][:WEIGHT]``, and a source is the name of a count (``COUNTS``), the name of a predictor
whose scores ``predict --out`` has stored, a score file, or the folder of a finished unit. Without a column, every score
column of a file is a member of its own.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from nasbench_harness.errors import DataError, UsageError
from nasbench_harness.evaluation.score_files import ScoreFile, read_score_file
from nasbench_harness.records import SCORES_FILE, image_set_of
from nasbench_harness.space import N_ARCHITECTURES, flops, nonlinearity_count, parameters

FloatArray = npt.NDArray[np.float64]

COUNTS: dict[str, Callable[[], npt.NDArray[Any]]] = {
    "live_flops": lambda: flops(live=True),
    "flops": flops,
    "parameters": parameters,
    "nonlinearity_count": nonlinearity_count,
}
"""Counts that can be members: they need neither training nor images."""

PREDICTORS = Path("results") / "predictors"
"""Where stored scores of predictors are looked for: the folder that ``predict --out`` was given."""


@dataclass(frozen=True, eq=False)
class Member:
    """One ranking of a fusion.

    ``score_A``: float64 ``[15625]`` by our index, higher is better, NaN where an architecture has no score. ``weight``:
    above 0. ``source``: where the scores come from, plain JSON. ``images``: the image set of the experiment that gave
    them, None where it is not known or does not matter. ``everywhere``: a count or predictor, which may be cut to the
    architectures of the others.
    """

    name: str
    score_A: FloatArray
    weight: float = 1.0
    source: dict[str, Any] = field(default_factory=dict)
    images: str | None = None
    everywhere: bool = False

    def __post_init__(self) -> None:
        if not (math.isfinite(self.weight) and self.weight > 0):
            raise UsageError(f"member '{self.name}': a weight is above 0, found {self.weight:g}; leave the member out")


def members_of(texts: Sequence[str], predictors: Path | str = PREDICTORS, allow_missing: bool = False) -> list[Member]:
    """The members that the texts name, in their order.

    ``predictors``: folder (or score file) of the stored scores of predictors. Raises ``UsageError`` for a name that is
    nothing known and for a member that is named twice, ``DataError`` as ``read_score_file``.
    """
    members: list[Member] = []
    for text in texts:
        found = _members(text, Path(predictors), allow_missing)
        for member in found:
            if any(member.source == other.source for other in members):
                raise UsageError(f"member '{member.name}' is named twice; give it a weight instead, {member.name}:2")
            alike = any(member.name == other.name for other in members)
            # the same strategy and seed of two runs: their files tell them apart
            name = f"{member.source['file']}:{member.source['column']}" if alike else member.name
            members.append(replace(member, name=name))
    return members


def members_of_file(scores: ScoreFile, weight: float = 1.0) -> list[Member]:
    """Every column of scores that are already read, as a member of its own under the column's name."""
    return [_of_column(scores, column, column, weight) for column in scores.names]


def images_of(members: Sequence[Member]) -> list[str | None]:
    """The image sets of the members' experiments, for the choice of a truth; counts and predictors have none to say."""
    trained = [member.images for member in members if not member.everywhere]
    return trained or [None]


def _members(text: str, predictors: Path, allow_missing: bool) -> list[Member]:
    named, weight = _weight(text)
    source, columns = _columns(named)
    if columns is None and not Path(source).exists():
        if (count := source.replace("-", "_")) in COUNTS:
            values = np.asarray(COUNTS[count](), dtype=np.float64)
            return [Member(count, values, weight, {"count": count}, everywhere=True)]
        return [_predictor(source, predictors, weight)]
    path, label = Path(source), Path(source).stem
    if path.is_dir():
        path, label = path / SCORES_FILE, f"{path.resolve().parent.name}/{path.resolve().name}"
    scores = read_score_file(path, allow_missing)
    images = image_set_of(path)
    members = []
    for column in columns or scores.names:
        member = _of_column(scores, column, f"{label}:{column}", weight)
        members.append(replace(member, images=images, source={**member.source, "file": str(path)}))
    return members


def _of_column(scores: ScoreFile, column: str, name: str, weight: float) -> Member:
    score_A = np.full(N_ARCHITECTURES, np.nan)
    score_A[scores.index_A] = scores.score(column)
    return Member(name, score_A, weight, {"file": scores.source, "column": column, "sha256": scores.sha256})


def _predictor(name: str, folder: Path, weight: float) -> Member:
    """Stored scores of a predictor; the error for an unknown member lists what there is."""
    file = folder / SCORES_FILE if folder.is_dir() else folder
    stored = read_score_file(file) if file.is_file() else None
    if stored is None or name not in stored.names:
        known = (
            f"a predictor stored in {folder} ({', '.join(stored.names)})"
            if stored
            else (f"a predictor whose scores 'nasbench-harness predict {name} --out {folder}' has stored")
        )
        raise UsageError(
            f"unknown member '{name}': it is no file, no folder of a finished unit, no count ({', '.join(COUNTS)}) and "
            f"not {known}; check the name"
        )
    member = _of_column(stored, name, name, weight)
    return replace(member, source={**member.source, "file": str(file)}, everywhere=True)


def _weight(text: str) -> tuple[str, float]:
    """A text without its weight, and the weight; 1 where none is given."""
    head, colon, tail = text.rpartition(":")
    if colon and not Path(text).exists():
        try:
            return head, float(tail)
        except ValueError:
            pass
    return text, 1.0


def _columns(text: str) -> tuple[str, list[str] | None]:
    """The source, and the columns that are named behind it."""
    head, colon, tail = text.rpartition(":")
    if not colon or Path(text).exists():
        return text, None
    if not Path(head).exists():
        raise DataError(f"no scores at {head}; give a score file or the folder of a finished unit")
    return head, [column for column in tail.split(",") if column]
