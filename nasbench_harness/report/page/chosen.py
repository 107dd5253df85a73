"""Which scores the page holds: those of every unit where there is room, else one seed of each strategy first."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from nasbench_harness.errors import DataError
from nasbench_harness.records import Record, Run, ScoreTable, read_scores
from nasbench_harness.records.schema import lookup
from nasbench_harness.report.page.markup import script_json
from nasbench_harness.report.page.pack import Packed, pack
from nasbench_harness.space import N_ARCHITECTURES

Index = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Held:
    """Packed scores of one unit by signal, and its leaves by number plus 1 (0: of no leaf); None with one leaf."""

    record: Record
    scores: dict[str, Packed] = field(default_factory=dict)
    leaf: Packed | None = None


@dataclass(frozen=True)
class Chosen:
    """``index``: architectures that the columns are of, by our index. ``left_out``: units without scores here.

    ``damaged``: a line on each score file that cannot be read; its unit is among the former.
    """

    index: Index
    held: tuple[Held, ...]
    left_out: tuple[Record, ...]
    damaged: tuple[str, ...] = ()


def choose(run: Run, signal: str | None, room: int) -> Chosen:
    """Scores that fit into ``room`` bytes, the judged signal of each strategy's median seed first.

    Units of other architectures than the first one's are left out, and those with damaged scores.
    """
    index: Index | None = None
    held: dict[tuple[str, int], Held] = {}
    tables: dict[tuple[str, int], ScoreTable | None] = {}
    damaged: list[str] = []
    for record, name in _in_order(run, signal):
        unit = (record.strategy, record.seed)
        if unit not in tables:
            try:
                tables[unit] = read_scores(run.unit_dir(*unit))
            except DataError as error:
                tables[unit] = None
                damaged.append(str(error))
        table = tables[unit]
        if table is None:
            continue
        index = table.index.astype(np.int64) if index is None else index
        if not np.array_equal(index, table.index) or name not in table.scores:
            continue
        before = held.get(unit)
        one = before or Held(record, leaf=pack(table.leaf.astype(np.int64) + 1) if len(record.leaves) > 1 else None)
        more = replace(one, scores={**one.scores, name: pack(table.scores[name])})
        room -= _size(more, signal) - (_size(before, signal) if before else 0)
        if room < 0:
            break
        held[unit] = more
    chosen = tuple(held[unit] for unit in sorted(held))
    without = (record for record in run.records if (record.strategy, record.seed) not in held)
    known = np.arange(N_ARCHITECTURES) if index is None else index
    return Chosen(known, chosen, tuple(without), tuple(damaged))


def median_record(records: tuple[Record, ...], signal: str | None) -> Record:
    """The record with the median tau, the lower of two."""

    def tau(record: Record) -> float:
        found = lookup(record.column(signal), "kendall_tau")
        return -2.0 if found is None else found

    return sorted(records, key=tau)[(len(records) - 1) // 2]


def _size(held: Held, signal: str | None) -> int:
    """Bytes that the unit takes on the page, with a comma and digits of its strategy's number."""
    return len(script_json(unit_json(held, 0, signal))) + 4


def _in_order(run: Run, signal: str | None) -> Iterator[tuple[Record, str]]:
    medians = [median_record(run.of(name), signal) for name in run.strategies]
    others = [record for record in run.records if record not in medians]
    for records, headline in ((medians, True), (medians, False), (others, True), (others, False)):
        for record in records:
            judged = signal or record.signal
            names = [judged] if headline else [name for name in record.signals if name != judged]
            yield from ((record, name) for name in names)


def unit_json(held: Held, strategy: int, signal: str | None) -> dict[str, Any]:
    """A unit for the page: its scores, and its leaves with what the record says of each by the judged signal."""
    record = held.record
    analysis = record.analysis["leaves"].get(signal or record.signal, {})
    found = {leaf["name"]: leaf for leaf in analysis.get("leaves", ())}
    leaves = [
        {
            "name": leaf["name"],
            **{key: found.get(leaf["name"], {}).get(key) for key in ("n", "kendall_tau", "rank_offset")},
        }
        for leaf in record.leaves
    ]
    return {
        "strategy": strategy,
        "seed": record.seed,
        "tau": {name: record.metrics[name]["kendall_tau"] for name in held.scores},
        "scores": held.scores,
        "leaf": held.leaf,
        "leaves": leaves,
    }
