"""Records under a folder: found at any depth, and told in a line each."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nasbench_harness.errors import DataError
from nasbench_harness.records.light import light
from nasbench_harness.records.schema import Record, lookup
from nasbench_harness.records.scores import RECORD_FILE
from nasbench_harness.records.store import read_record, unit_of


@dataclass(frozen=True)
class FoundUnit:
    """A stored unit. ``run``: folder of the run. ``record``: None where it cannot be read; ``fault`` says why."""

    run: Path
    strategy: str
    seed: int
    record: Record | None
    fault: str | None = None

    @property
    def folder(self) -> Path:
        """Folder of the unit."""
        return self.run / self.strategy / f"seed-{self.seed}"

    def whole(self) -> FoundUnit:
        """The same with its record as it is stored."""
        return _found(self.run, self.strategy, self.seed, True)

    def to_json(self) -> dict[str, Any]:
        """A line on the unit as plain JSON values: what it is, its headline tau, where and when it was made."""
        line: dict[str, Any] = {"run": str(self.run), "strategy": self.strategy, "seed": self.seed, "fault": self.fault}
        if self.record is None:
            return line
        record, environment = self.record, self.record.environment
        column = record.column()
        return line | {
            "experiment": record.experiment_name,
            "signal": record.signal,
            "kendall_tau": lookup(column, "kendall_tau"),
            "n": column["n"],
            "policy": record.truth["policy"],
            "identity": record.identity,
            "commit": environment.get("commit"),
            "engine": environment.get("engine"),
            "machine": machine_of(environment),
            "created": record.created,
        }


def machine_of(environment: dict[str, Any]) -> str:
    """Device, threads and lanes in a few words."""
    threads, kernels = environment.get("threads"), environment.get("kernels")
    device = environment.get("device_name") or environment.get("processor") or "unknown"
    words = [str(device)]
    if threads is not None:
        words.append(f"{threads} thread{'' if threads == 1 else 's'}")
    lanes = environment.get("lanes") or (str(kernels).partition(" ")[0] if kernels else None)
    if lanes is not None:
        words.append("no kernels" if str(lanes).startswith("none") else f"{lanes} lanes")
    return ", ".join(words)


def find_units(folder: Path | str, curves: bool = True) -> list[FoundUnit]:
    """Every stored unit in a folder and those inside it, sorted; the folder may be that of one unit.

    With ``curves`` false their records are ``light``; ``FoundUnit.whole`` reads one again as it is.
    A record that cannot be read is among them with its fault. Raises ``DataError`` where there is no such folder, or no
    record in it.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise DataError(f"{folder}: no such folder; give one that holds runs, such as results")
    units = []
    for path in sorted(folder.rglob(RECORD_FILE)):
        place = path.parent if len(path.parts) > 3 else path.parent.resolve()  # names above it are needed
        named = unit_of(place)
        if named is not None:
            units.append(_found(place.parents[1], *named, curves))
    if not units:
        raise DataError(f"{folder}: no record (<run>/<strategy>/seed-<s>/{RECORD_FILE}) in it; give a folder of runs")
    return sorted(units, key=lambda unit: (str(unit.run), unit.strategy, unit.seed))


def _found(run: Path, strategy: str, seed: int, curves: bool) -> FoundUnit:
    try:
        record = read_record(run, strategy, seed)
        return FoundUnit(run, strategy, seed, record if curves or record is None else light(record))
    except DataError as error:
        return FoundUnit(run, strategy, seed, None, str(error))
