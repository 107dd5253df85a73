"""Writing baselines: what would change is said before anything is written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nasbench_harness.errors import UsageError
from nasbench_harness.evidence.baseline import SUFFIX, Baseline, read_baseline
from nasbench_harness.evidence.judging import BASELINE_SEEDS
from nasbench_harness.evidence.protocol import protocol_differences, strategy_differences
from nasbench_harness.metrics import seed_summary
from nasbench_harness.records import Run
from nasbench_harness.system.files import write_json


@dataclass(frozen=True)
class Change:
    """One file: ``what`` changes in it, a line each; empty where nothing does."""

    path: Path
    new: Baseline
    what: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {"file": str(self.path), "strategy": self.new.strategy, "changes": list(self.what)}


def changes(run: Run, folder: Path, strategies: Sequence[str] | None, force: bool) -> list[Change]:
    """What the baselines in ``folder`` would become by the stored seeds of a run; nothing is written.

    Raises ``UsageError`` for a strategy that the run has not and, unless ``force``, for one with fewer seeds than a
    baseline needs; ``DataError`` for damaged files.
    """
    chosen = run.strategies if strategies is None else tuple(strategies)
    if missing := [name for name in chosen if name not in run.strategies]:
        raise UsageError(f"{run.folder}: no strategy {missing[0]!r}; there are {', '.join(run.strategies)}")
    few = [name for name in chosen if len(run.of(name)) < BASELINE_SEEDS]
    if few and not force:
        raise UsageError(
            f"{', '.join(few)}: a baseline needs {BASELINE_SEEDS} seeds, for all verdicts share its luck; run more "
            "(--seeds), name others by --strategies, or give --force"
        )
    found = []
    for name in chosen:
        new = Baseline.of(run, name)
        path = folder / new.experiment / f"{name}{SUFFIX}"
        found.append(Change(path, new, tuple(_differences(read_baseline(path) if path.exists() else None, new))))
    return found


def write(found: Sequence[Change]) -> list[Path]:
    """Write the files that change, each whole or not at all."""
    written = [change for change in found if change.what]
    for change in written:
        write_json(change.path, change.new.to_json())
    return [change.path for change in written]


def _differences(old: Baseline | None, new: Baseline) -> list[str]:
    if old is None:
        return [f"new: {_summary(new)}"]
    lines = [str(one) for one in protocol_differences(new.protocol, old.protocol)]
    lines += [str(one) for one in strategy_differences(new.protocol, old.protocol)]
    before, after = ({unit.seed: unit for unit in each.units} for each in (old, new))
    for words, seeds in (("added", after.keys() - before.keys()), ("dropped", before.keys() - after.keys())):
        if seeds:
            lines.append(f"{words} seeds: {', '.join(map(str, sorted(seeds)))}")
    common = sorted(before.keys() & after.keys())
    scores = [seed for seed in common if before[seed].fingerprint.scores != after[seed].fingerprint.scores]
    metrics = [seed for seed in common if before[seed].metrics != after[seed].metrics and seed not in scores]
    other = [seed for seed in common if before[seed] != after[seed] and seed not in scores + metrics]
    for words, changed in (("other scores", scores), ("other metrics of equal scores", metrics)):
        if changed:
            lines.append(f"{words}: seeds {', '.join(map(str, changed))}")
    if other:
        lines.append(f"other environment, date or identity alone: seeds {', '.join(map(str, other))}")
    if lines:
        lines.append(f"{_summary(old)} -> {_summary(new)}")
    return lines


def _summary(baseline: Baseline) -> str:
    values = [unit.metrics[baseline.signal]["kendall_tau"] for unit in baseline.units]
    known = [value for value in values if value is not None]
    if not known:
        return f"{len(values)} seeds, tau undefined"
    summary = seed_summary(known)
    spread = "" if summary.sd is None else f" ± {summary.sd:.3f}"
    return f"{len(values)} seeds, tau {summary.mean:.3f}{spread}"
