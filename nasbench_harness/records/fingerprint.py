"""What two runs of the same description must have in common: to the last bit on one machine, up to rounding on others.

A fingerprint stands for a record and its scores where those are too large to keep, as in baselines.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from nasbench_harness.errors import DataError
from nasbench_harness.records.schema import Record
from nasbench_harness.records.scores import ScoreTable


@dataclass(frozen=True)
class StagePrint:
    """One training loop: ``updates`` it was given, the digest of its ``draws``, losses of its first steps.

    ``curve``: digest of its whole loss curve. Equal curves to the last bit mean equal weights.
    """

    name: str
    updates: int
    draws: str
    first_losses: tuple[float, ...]
    curve: str


@dataclass(frozen=True)
class Fingerprint:
    """Of one unit: digests of the leaves and of every signal's scores, its stages, and its environment.

    ``reference_scores``: negative losses in nats that an untrained network gave some cells. Records from before these
    were kept have none, and stages without draws.
    """

    leaves: str
    scores: Mapping[str, str]
    stages: tuple[StagePrint, ...]
    reference_scores: tuple[float, ...]
    environment: Mapping[str, Any]

    @classmethod
    def of(cls, record: Record, table: ScoreTable) -> Fingerprint:
        """The fingerprint of a stored unit."""
        curves = record.training.get("loss", [])
        reference = record.training.get("reference_scores", {})
        return cls(
            leaves=_digest(table.index, table.leaf),
            scores={name: _digest(table.index, score_A) for name, score_A in sorted(table.scores.items())},
            stages=tuple(_stage(curve) for curve in curves),
            reference_scores=tuple(reference.get("negative_loss", ())),
            environment=dict(record.environment),
        )

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {
            "leaves": self.leaves,
            "scores": dict(self.scores),
            "stages": [{**vars(stage), "first_losses": list(stage.first_losses)} for stage in self.stages],
            "reference_scores": list(self.reference_scores),
            "environment": dict(self.environment),
        }

    @classmethod
    def from_json(cls, value: Any, source: str) -> Fingerprint:
        """What ``to_json`` gave; ``DataError`` naming ``source`` for anything else."""
        try:
            stages = tuple(
                StagePrint(**{**stage, "first_losses": tuple(map(float, stage["first_losses"]))})
                for stage in value["stages"]
            )
            reference = tuple(map(float, value["reference_scores"]))
            return cls(str(value["leaves"]), dict(value["scores"]), stages, reference, dict(value["environment"]))
        except (KeyError, TypeError, ValueError) as error:
            raise DataError(f"{source}: not a fingerprint of a unit ({error!r}); write the baseline again") from error


def _stage(curve: Mapping[str, Any]) -> StagePrint:
    losses = np.asarray(curve["loss"], np.float64)
    return StagePrint(
        name=str(curve["stage"]),
        updates=int(curve["updates"][-1]) if curve["updates"] else 0,
        draws=str(curve.get("draws", "")),
        first_losses=tuple(curve.get("first_losses", ())),
        curve=_digest(losses),
    )


def _digest(*arrays: npt.NDArray[Any]) -> str:
    digest = hashlib.sha256()
    for array in arrays:
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()[:16]
