"""Units that train nothing: what they store has the form and the size of real ones, and agrees with its own scores.

A process that calls ``without_training`` runs units through the real runner: claims, heartbeats, records with their
digests, every sync of the disk. In the place of training and scoring stands a choice among outcomes made beforehand.
"""

from __future__ import annotations

import hashlib
import json
import pickle
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from nasbench_harness import pipeline
from nasbench_harness.engines.units import Sources, folder_of, units_of
from nasbench_harness.evaluation.sample import architectures_of
from nasbench_harness.evaluation.unit import analyse, judge_unit
from nasbench_harness.experiment import Experiment
from nasbench_harness.experiment.folder import DESCRIPTION_FILE
from nasbench_harness.records import RECORD_FILE, SCORES_FILE, Record, ScoreTable
from nasbench_harness.records.digests import DIGESTS, OF_RECORD, OF_SCORES
from nasbench_harness.system.environment import environment_record
from nasbench_harness.system.files import write_atomically, write_json
from nasbench_harness.truth import TruthPolicy, noise_ceiling_of, open_table

NAME, POLICY = "many-units", "digits_test_5"
TRAINED = "results/cifar10-cpu/efs-accum/seed-0/record.json"
"""A stored record of the repository, whose loss curves and draws every unit repeats."""

OUTCOMES = 8
NOISE = 0.4
"""Of scores against ranks of the truth, each from 0 to 1."""


@dataclass(frozen=True)
class Outcome:
    """Scores, and what a record says of them."""

    table: ScoreTable
    judged: dict[str, Any]


def experiment(strategies: int, seeds: int, architectures: int | None) -> Experiment:
    """The digits with so many one-shot strategies and seeds; ``architectures`` None: all 15,625."""
    return Experiment.model_validate(
        {
            "name": NAME,
            "seeds": list(range(seeds)),
            "images": {"name": "digits"},
            "network": {"channels": 8, "cells": 1},
            "budget": {"epochs": 80},
            "scoring": {"images": 200, "signal": "negative_loss", "architectures": architectures},
            "truth": {"policy": POLICY},
            "strategies": {f"method-{number:04d}": {"kind": "one-shot"} for number in range(strategies)},
        }
    )


def prepare(path: Path, architectures: int | None, outcomes: int = OUTCOMES) -> None:
    """Make the outcomes and store them: some seconds each, because of their intervals."""
    source = open_table(None)
    truth = TruthPolicy(POLICY).apply(source)
    index_A = architectures_of(NAME, architectures)
    among, rank_A = truth.among(index_A), np.full(len(index_A), 0.5)
    rows = np.searchsorted(index_A, among.index_A)
    rank_A[rows] = among.accuracy_A.argsort(kind="stable").argsort(kind="stable") / len(rows)
    made = []
    for number in range(outcomes):
        rng = np.random.default_rng(number)
        scores = {
            name: (rank_A + (NOISE + 0.02 * number) * rng.normal(size=len(rank_A))).astype(np.float32)
            for name in ("accuracy", "negative_loss")
        }
        scores["accuracy"] = np.round(scores["accuracy"] * 40) / np.float32(40)  # few values, as of few images
        table = ScoreTable(index_A.astype(np.int32), np.zeros(len(index_A), np.int16), scores)
        described = {
            **judge_unit(table, truth),
            "truth": {**truth.among(index_A).to_json(), "noise_ceiling": noise_ceiling_of(source, TruthPolicy(POLICY))},
            "analysis": analyse(table, truth, ["whole space"], None, {}),
        }
        made.append(Outcome(table, described))
    trained = json.loads((Path(__file__).resolve().parents[1] / TRAINED).read_text())
    write_atomically(path, lambda stream: stream.write(pickle.dumps((made, trained["training"]))))


def without_training(path: Path) -> None:
    """From now on the units of this process take what ``prepare`` stored at ``path``."""
    made, training = pickle.loads(path.read_bytes())
    environment = environment_record("cpu")

    def run_unit(unit: pipeline.Unit, *_: object) -> tuple[Record, ScoreTable]:
        outcome = made[_choice(len(made), unit.strategy, unit.seed)]
        return _record(unit, outcome, training, environment), outcome.table

    vars(pipeline)["run_unit"] = run_unit


def fill(path: Path, described: Experiment, out: Path) -> None:
    """Store all units of an experiment as a run would leave them, without claims, heartbeats and syncs of the disk.

    For what reads a folder that would take hours to run. Parts of records that units share are made into text once.
    """
    made, training = pickle.loads(path.read_bytes())
    environment = environment_record("cpu")
    out.mkdir(parents=True)
    write_json(out / DESCRIPTION_FILE, described.model_dump(mode="json"))
    units = units_of(described, Sources())
    records = [_record(units[0], outcome, training, environment).to_json() for outcome in made]
    texts = [{name: _text(value) for name, value in record.items()} for record in records]
    scores = [outcome.table.to_parquet() for outcome in made]
    digests = [hashlib.sha256(data).hexdigest() for data in scores]
    for unit in units:
        chosen = _choice(len(made), unit.strategy, unit.seed)
        own = {"identity": unit.identity, "experiment": unit.description, "strategy": unit.strategy, "seed": unit.seed}
        text = texts[chosen] | {name: _text(value) for name, value in own.items()}
        of_scores = {OF_SCORES: digests[chosen]}
        content = ",".join(f'"{name}":{value}' for name, value in sorted((text | {DIGESTS: _text(of_scores)}).items()))
        of_record = hashlib.sha256(f"{{{content}}}".encode()).hexdigest()
        text[DIGESTS] = _text(of_scores | {OF_RECORD: of_record})
        folder = folder_of(unit, out)
        folder.mkdir(parents=True)
        (folder / SCORES_FILE).write_bytes(scores[chosen])
        lines = ",\n".join(f' "{name}": {value}' for name, value in text.items())
        (folder / RECORD_FILE).write_text(f"{{\n{lines}\n}}\n")


def _text(value: object) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"))


def _record(unit: pipeline.Unit, outcome: Outcome, training: dict[str, Any], environment: dict[str, Any]) -> Record:
    used = unit.experiment.updates(unit.strategy, len(unit.images.train))
    return Record(
        identity=unit.identity,
        experiment=unit.description,
        experiment_name=NAME,
        strategy=unit.strategy,
        seed=unit.seed,
        signal="negative_loss",
        **outcome.judged,
        leaves=[{"name": "whole space", "size": 15625, "updates": used, "channels": 8}],
        cost={
            "architecture_updates": {"planned": used, "used": used},
            "training_seconds": 100.0,
            "scoring_seconds": 10.0,
            "peak_memory_mb": 500.0,
        },
        training=training,
        environment=environment,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
    )


def _choice(count: int, strategy: str, seed: int) -> int:
    """Which of so many outcomes; some strategies draw from the better ones more often, so there are tiers."""
    drawn = hashlib.sha256(f"{strategy} {seed}".encode()).digest()
    better = int(hashlib.sha256(strategy.encode()).hexdigest(), 16) % 3
    return min(drawn[place] % count for place in range(1 + better))
