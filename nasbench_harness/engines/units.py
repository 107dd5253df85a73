"""The units that an experiment asks for, with the data they run on, and which of them are finished."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from nasbench_harness.errors import UsageError
from nasbench_harness.experiment import Experiment
from nasbench_harness.experiment.folder import first_difference
from nasbench_harness.images import ImageSpec, load_image_set
from nasbench_harness.records import Record, read_record, unit_dir
from nasbench_harness.records.light import light
from nasbench_harness.records.scores import RECORD_FILE
from nasbench_harness.truth import TruthPolicy, noise_ceiling_of, open_table, proxy_ceiling_of

if TYPE_CHECKING:
    from nasbench_harness.pipeline import Unit


@dataclass(frozen=True)
class Sources:
    """Where the data of a run lies: nothing in here changes the numbers, checksums of the data do."""

    images: Path | str | None = None
    split_file: Path | str | None = None
    truth: Path | str | None = None
    device: str = "cpu"
    threads: int | None = None


def units_of(experiment: Experiment, sources: Sources) -> list[Unit]:
    """Every (strategy, seed) in their order; raises the errors of opening images and truth."""
    from nasbench_harness.pipeline import Unit

    table = open_table(sources.truth)
    policy = TruthPolicy(experiment.truth.policy)
    truth = policy.apply(table)
    section = experiment.images
    path = sources.images if section.name != "digits" else None
    spec = ImageSpec(section.name, path, sources.split_file, section.split_seed, section.size, section.normalisation)
    images = load_image_set(spec)
    ceiling = noise_ceiling_of(table, policy) or proxy_ceiling_of(table, policy)
    return [
        Unit(experiment, strategy, seed, images, truth, ceiling, sources.device)
        for strategy in experiment.strategies
        for seed in experiment.seeds
    ]


def folder_of(unit: Unit, out: Path) -> Path:
    """The unit's own folder in that of the run."""
    return unit_dir(out, unit.strategy, unit.seed)


def stamp_of(unit: Unit, out: Path) -> tuple[int, int] | None:
    """What changes when the record of a unit is written anew; None where there is none."""
    try:
        status = (folder_of(unit, out) / RECORD_FILE).stat()
    except OSError:
        return None
    return status.st_ino, status.st_mtime_ns


def finished_record(unit: Unit, out: Path) -> Record | None:
    """The stored record of this very unit, checked and then ``light``: there may be very many.

    One of another protocol is a ``UsageError`` that names the difference.
    """
    record = read_record(out, unit.strategy, unit.seed)
    if record is None:
        return None
    if record.identity == unit.identity:
        return light(record)
    difference = first_difference(record.experiment, unit.description) or "the version of the code's numbers"
    raise UsageError(
        f"{out / unit.strategy}: seed {unit.seed} is stored under another protocol ({difference}); "
        "choose another --out, or give --replace to run it again"
    )
