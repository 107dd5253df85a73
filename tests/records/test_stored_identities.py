"""Stored results stay valid: from the preset and a record's data description the identity comes out as it was stored.

Records of what is no preset any more have its file beside them.

A setting that is added, renamed or given another default changes identities without a sound, and the next ``run`` would
refuse the records or measure them again; here it is told.
"""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest

from nasbench_harness.experiment import identity, load_experiments
from nasbench_harness.latency import LatencyTable
from nasbench_harness.pipeline import Unit
from nasbench_harness.records import RECORD_FILE, Record, read_record
from nasbench_harness.space import N_ARCHITECTURES

RESULTS = Path(__file__).resolve().parents[2] / "results"
STORED = sorted(RESULTS.rglob(RECORD_FILE))

TABLE = "the latency table"
OVERRIDES = {
    "cifar10-cpu/pad-nas-gpu/seed-0": (
        "strategies.pad-nas-gpu.kind=pad-nas",
        f"strategies.pad-nas-gpu.cost={TABLE}",
        "strategies.pad-nas-gpu.device=titan_rtx_256",
        "strategies.pad-nas-gpu.window=[15, 21]",
    ),
    **{
        f"{preset}-{rule}/one-shot-balanced/seed-{seed}": (f"training.unsampled_weights={rule}",)
        for preset, rule in (
            ("cifar10-fast", "freeze"),
            ("cifar10-fast", "decay-only"),
            ("cifar10-fast", "momentum-only"),
            ("cifar10-study", "freeze"),
        )
        for seed in range(3)
    },
    **{
        f"{preset}-{epochs}/one-shot-balanced/seed-{seed}": (f"budget.epochs={epochs}",)
        for preset, epochs, seeds in (("cifar10-fast", 60, 2), ("cifar10-fast", 360, 2), ("cifar10-wide", 500, 1))
        for seed in range(seeds)
    },
    **{f"cifar10-fast-60-hm-nas/{name}/seed-0": ("budget.epochs=60",) for name in ("hm-nas", "hm-nas-structure")},
    **{f"cifar10-fast-crop-mean/one-shot-balanced/seed-{seed}": ("training.crop_fill=mean",) for seed in range(3)},
    **{f"cifar10-study-clip/one-shot-balanced/seed-{seed}": ("training.clip_norm=5",) for seed in range(3)},
    "literature-c5-freeze/one-shot-balanced/seed-1": (
        "training.unsampled_weights=freeze",
        "scoring.architectures=2000",
    ),
    "literature-c5-sample/efs-accum-k2/seed-0": ("scoring.architectures=2000",),
    "literature-c5-sample/one-shot-balanced/seed-1": ("scoring.architectures=2000",),
    **{f"literature-c5-sample/one-shot-uniform/seed-{seed}": ("scoring.architectures=2000",) for seed in range(2)},
    "literature-c5-cells-3/one-shot-balanced/seed-1": ("network.cells=3", "scoring.architectures=2000"),
    "literature-c5/one-shot-balanced/seed-0": ("scoring.images=1000",),
    "literature-c5-decay/one-shot-balanced/seed-0": (
        "scoring.images=1000",
        "training.crop_fill=mean",
        "training.last_batch=drop",
        "training.rate_changes=step",
        "images.normalisation=measured",
    ),
}
"""By folder, what the command line changed in the preset; all other records have the preset's settings as they are."""


def folder_of(path: Path) -> str:
    return path.parent.relative_to(RESULTS).as_posix()


def record_in(path: Path) -> Record:
    unit = path.parent
    record = read_record(unit.parents[1], unit.parent.name, int(unit.name.removeprefix("seed-")))
    assert record is not None
    return record


def point_of(path: Path) -> str:
    """The point of a grid that the record is of; empty where it is of none."""
    _, *points, _, _ = folder_of(path).split("/")
    return "".join(points)


def rebuilt(record: Record, overrides: tuple[str, ...], table: Path, point: str) -> dict[str, Any]:
    """The description that the unit would have today.

    Checksums of data come from the record: of images and truth, and of a latency column that a strategy reads.
    """
    beside = RESULTS / record.experiment_name / "experiment.toml"  # of what is no preset any more
    source = beside if beside.is_file() else record.experiment_name
    experiment = load_experiments(source, [text.replace(TABLE, str(table)) for text in overrides])[point]
    data = record.experiment["data"]
    images, truth = SimpleNamespace(provenance=data["images"]), SimpleNamespace(sha256=data["truth_sha256"])
    unit = Unit(experiment, record.strategy, record.seed, cast(Any, images), cast(Any, truth), None, data["device"])
    description = dict(unit.description)
    if "column_sha256" in description["strategy"]:
        column = record.experiment["strategy"]["column_sha256"]
        description["strategy"] = {**description["strategy"], "column_sha256": column}
    else:
        assert unit.identity == identity(description)
    return dict(json.loads(json.dumps(description)))  # with lists for tuples, as it is stored


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Stands for the latency table of a record: it has the devices that overrides name, and made-up values."""
    path = tmp_path_factory.mktemp("latency") / "table.npz"
    LatencyTable("made up", {"titan_rtx_256": np.linspace(5.0, 30.0, N_ARCHITECTURES)}).save(path)
    return path


def test_there_are_records() -> None:
    assert STORED, f"no {RECORD_FILE} under {RESULTS}"
    assert set(OVERRIDES) <= set(map(folder_of, STORED))


@pytest.mark.parametrize("path", STORED, ids=folder_of)
def test_a_stored_identity_comes_out_again(path: Path, table: Path) -> None:
    """Where it fails: keep old descriptions as they were, or name in ``OVERRIDES`` what a new record was run with."""
    record = record_in(path)
    assert identity(record.experiment) == record.identity
    description = rebuilt(record, OVERRIDES.get(folder_of(path), ()), table, point_of(path))
    assert description == record.experiment
    assert identity(description) == record.identity
