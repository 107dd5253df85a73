"""Several run folders of one protocol as one run: seeds from two machines, or strategies run in two places."""

from __future__ import annotations

from collections.abc import Sequence

from nasbench_harness.errors import UsageError
from nasbench_harness.evidence.protocol import FieldDifference, protocol_differences, strategy_differences
from nasbench_harness.records import Record, Run


def join(runs: Sequence[Run]) -> Run:
    """One run with the records of all (a single one as it is), in the first one's folder, sorted by strategy and seed.

    A unit that two folders hold with the same record counts once. Raises ``UsageError`` for protocols that differ,
    naming every field with both values; for strategies of one name with other options; and for a unit that two folders
    hold with different records, which nobody could tell apart in a table.
    """
    first = runs[0]
    if len(runs) == 1:
        return first
    kept: dict[tuple[str, int], tuple[Record, Run]] = {}
    for run in runs:
        for record in run.records:
            _check_protocol(record, run, first)
            stored = kept.setdefault((record.strategy, record.seed), (record, run))
            if stored[0] != record:
                raise UsageError(
                    f"{run.folder} and {stored[1].folder} both hold {record.strategy}, seed {record.seed}, with other "
                    "numbers; a seed counts once: leave one of the folders out, or remove one of the units"
                )
    alike: dict[str, tuple[Record, Run]] = {}
    for (strategy, _), (record, run) in kept.items():
        other, place = alike.setdefault(strategy, (record, run))
        if differences := strategy_differences(record.experiment, other.experiment):
            raise UsageError(
                f"strategy {strategy} has other options in {run.folder} than in {place.folder} "
                f"({_listed(differences)}); join runs in which one name means one thing"
            )
    places = {unit: run.unit_dir(*unit) for unit, (_, run) in kept.items() if run is not first}
    unreadable = tuple(line for run in runs for line in run.unreadable)
    return Run(first.folder, tuple(kept[unit][0] for unit in sorted(kept)), places, unreadable)


def _check_protocol(record: Record, run: Run, first: Run) -> None:
    model = first.records[0]
    differences = [
        *protocol_differences(record.experiment, model.experiment),
        *(
            FieldDifference(f"truth {key}", record.truth[key], model.truth[key])
            for key in ("policy", "sha256")
            if record.truth[key] != model.truth[key]
        ),
    ]
    if differences:
        raise UsageError(
            f"{run.folder} is of another protocol than {first.folder} ({_listed(differences)}); "
            "only runs of one protocol are joined: compare them instead, by --across"
        )


def _listed(differences: Sequence[FieldDifference]) -> str:
    return "; ".join(f"{one.field}: {one.candidate!r}, there {one.baseline!r}" for one in differences)
