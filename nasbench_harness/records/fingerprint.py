"""What two runs of the same description must have in common: to the last bit on one machine, up to rounding on others.

A fingerprint stands for a record and its scores where those are too large to keep, as in baselines.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from nasbench_harness.errors import DataError
from nasbench_harness.records.schema import Record
from nasbench_harness.records.scores import ScoreTable


@dataclass(frozen=True)
class StagePrint:
    """One training loop: ``updates`` it was given, the digest of its ``draws``, losses of its first steps.

    ``curve``: digest of its whole loss curve. Equal curves to the last bit mean equal weights. ``first_rates``:
    learning rates of its first steps. ``follows``: the stage with whose last weights it began, empty for none of
    them. Older records have None for both.
    """

    name: str
    updates: int
    draws: str
    first_losses: tuple[float, ...]
    curve: str
    first_rates: tuple[float, ...] | None = None
    follows: str | None = None

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> StagePrint:
        """From plain JSON values."""
        rates = value.get("first_rates")
        losses = tuple(map(float, value["first_losses"]))
        own = {**value, "first_losses": losses, "first_rates": None if rates is None else tuple(map(float, rates))}
        return cls(**own)


@dataclass(frozen=True)
class Fingerprint:
    """Of one unit: digests of the leaves and of every signal's scores, its stages, and its environment.

    ``reference_scores``: negative losses in nats that an untrained network gave some cells. Records from before these
    were kept have none, and stages without draws. ``leaf_scores``: such losses by untrained networks in the place of
    each leaf's; ``moves``: how far one step moved the weights of each operation. Empty where they were not kept.
    """

    leaves: str
    scores: Mapping[str, str]
    stages: tuple[StagePrint, ...]
    reference_scores: tuple[float, ...]
    environment: Mapping[str, Any]
    leaf_scores: tuple[float, ...] = ()
    moves: Mapping[str, float] = field(default_factory=dict)

    @classmethod
    def of(cls, record: Record, table: ScoreTable) -> Fingerprint:
        """The fingerprint of a stored unit."""
        curves = record.training.get("loss", [])
        reference = record.training.get("reference_scores", {})
        other = record.training.get("reference", {})
        return cls(
            leaves=_digest(table.index, table.leaf),
            scores={name: _digest(table.index, score_A) for name, score_A in sorted(table.scores.items())},
            stages=tuple(_stage(curve, curves[:place]) for place, curve in enumerate(curves)),
            reference_scores=tuple(reference.get("negative_loss", ())),
            # without the node: it changes no bit, and baselines are published
            environment={name: value for name, value in record.environment.items() if name != "node"},
            leaf_scores=tuple(other.get("leaf_scores", ())),
            moves=dict(other.get("moves", {})),
        )

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {
            "leaves": self.leaves,
            "scores": dict(self.scores),
            "stages": [_plain(stage) for stage in self.stages],
            "reference_scores": list(self.reference_scores),
            "environment": dict(self.environment),
            "leaf_scores": list(self.leaf_scores),
            "moves": dict(self.moves),
        }

    @classmethod
    def from_json(cls, value: Any, source: str) -> Fingerprint:
        """What ``to_json`` gave; ``DataError`` naming ``source`` for anything else."""
        try:
            stages = tuple(map(StagePrint.from_json, value["stages"]))
            reference = tuple(map(float, value["reference_scores"]))
            scores, environment = dict(value["scores"]), dict(value["environment"])
            leaf_scores = tuple(map(float, value.get("leaf_scores", ())))
            moves = {str(part): float(length) for part, length in value.get("moves", {}).items()}
            return cls(str(value["leaves"]), scores, stages, reference, environment, leaf_scores, moves)
        except (KeyError, TypeError, ValueError) as error:
            raise DataError(f"{source}: not a fingerprint of a unit ({error!r}); write the baseline again") from error


def _plain(stage: StagePrint) -> dict[str, Any]:
    return {name: list(value) if isinstance(value, tuple) else value for name, value in vars(stage).items()}


def _stage(curve: Mapping[str, Any], earlier: Sequence[Mapping[str, Any]]) -> StagePrint:
    losses = np.asarray(curve["loss"], np.float64)
    return StagePrint(
        name=str(curve["stage"]),
        updates=int(curve["updates"][-1]) if curve["updates"] else 0,
        draws=str(curve.get("draws", "")),
        first_losses=tuple(curve.get("first_losses", ())),
        curve=_digest(losses),
        first_rates=tuple(curve["first_rates"]) if "first_rates" in curve else None,
        follows=_follows(curve, earlier),
    )


def _follows(curve: Mapping[str, Any], earlier: Sequence[Mapping[str, Any]]) -> str | None:
    """The name of the stage after which its weights were as it found them; None where the record does not tell."""
    if not all(all(one.get("weights") or [""]) for one in (curve, *earlier)):
        return None
    before = curve["weights"][0]
    return next((str(one["stage"]) for one in reversed(earlier) if one["weights"][1] == before), "")


def _digest(*arrays: npt.NDArray[Any]) -> str:
    digest = hashlib.sha256()
    for array in arrays:
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()[:16]
