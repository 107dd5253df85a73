"""A part held against a baseline: its checks first, then the runs that are missing, then the verdict."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock

from nasbench_harness.api.compare import Gate, compare
from nasbench_harness.api.runs import run_experiment
from nasbench_harness.catalogue import families
from nasbench_harness.errors import UsageError
from nasbench_harness.experiment import Experiment, load_experiment
from nasbench_harness.records import read_record, stored_units, unit_dir
from nasbench_harness.records.removal import removal_of
from nasbench_harness.registry import near_names
from nasbench_harness.system.engine_version import engine_version
from nasbench_harness.testing.conformance import check_part
from nasbench_harness.testing.find import parsed_option
from nasbench_harness.testing.outcome import ChecksFailedError

PARENT_SHARE = 0.5
"""Of the budget, for the supernet whose weights the leaves inherit; the controls of the preset have the same."""

DEFAULT_BASELINE = {
    "partitioners": "random-partition",
    "strategies": "one-shot-uniform",
    "samplers": "one-shot-uniform",
}
"""Strategies of the preset, by the family of the part."""


@dataclass(frozen=True)
class Candidate:
    """The strategy of an experiment by which a part is judged; ``checked``: family and part with promises to keep."""

    strategy: str
    checked: tuple[str, Mapping[str, Any]]
    section: Mapping[str, Any]


def gate_part(
    part: str | Mapping[str, Any],
    folder: Path,
    *,
    seeds: int = 5,
    experiment: Path | str = "regress",
    overrides: Sequence[str] = (),
    baseline: Path | str | None = None,
    baseline_seeds: int = 10,
    margin: float = 0.03,
    metric: str = "kendall_tau",
    signal: str | None = None,
    workers: int = 1,
) -> Gate:
    """The verdict on a part; see ``pytest_plugin.regression_gate`` for what is asked.

    Units are trained with one thread and kept in ``folder``; those of an older version of the part, its options or the
    engine are removed and trained again. Raises ``ChecksFailedError`` before any training where a promise is broken,
    ``UsageError`` for unknown names and impossible settings, and the errors of ``run_experiment`` and ``compare``.
    """
    if min(seeds, baseline_seeds) < 1:
        raise UsageError(f"seeds: expected 1 or more, found {min(seeds, baseline_seeds)}")
    described = load_experiment(experiment, overrides)
    candidate = candidate_of(part, described)
    family, checked = candidate.checked
    baseline = DEFAULT_BASELINE[family] if baseline is None else baseline
    stored = str(baseline) not in described.strategies
    if stored and not Path(baseline).exists():
        known = near_names(str(baseline), list(described.strategies))
        raise UsageError(f"baseline {str(baseline)!r}: no strategy of {described.name}, {known}; and no such path")
    _check(family, checked)
    whole = load_experiment(experiment, _settings(overrides, described, candidate))
    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(folder / ".lock"):  # several processes may test at the same time
        _remove_outdated(whole, folder)
        wanted = {candidate.strategy: seeds} | ({} if stored else {str(baseline): baseline_seeds})
        for name, count in wanted.items():
            run_experiment(
                whole, folder, strategies=[name], seeds=range(count), threads=1, workers=workers, progress=None
            )
    other = baseline if stored else folder / str(baseline)
    return compare(folder / candidate.strategy, other, metric=metric, margin=margin, signal=signal, looks=(seeds,))


def run_name(part: str | Mapping[str, Any], experiment: Path | str = "regress", **_: Any) -> str:
    """Name of the folder of a part's units, for who names none."""
    return f"{Path(experiment).stem}-{_strategy_name(part)}"


def candidate_of(part: str | Mapping[str, Any], experiment: Experiment) -> Candidate:
    """A strategy of the experiment, or one around a partitioner, sampler or strategy; ``UsageError`` for others."""
    table: dict[str, Any] = {"name": part} if isinstance(part, str) else dict(part)
    name = str(table.get("name"))
    known = families()
    if isinstance(part, str) and name in experiment.strategies:
        section = experiment.strategies[name].canonical()
        if "partitioner" in section:
            return Candidate(name, ("partitioners", section["partitioner"]), {})
        return Candidate(name, ("strategies", {**section, "name": section["kind"]}), {})
    strategy = _strategy_name(part)
    if name in known["partitioners"]:
        if known["partitioners"].build(table).needs_probe:
            around: dict[str, Any] = {"kind": "tree-few-shot", "partitioner": table}
        else:
            around = {"kind": "few-shot", "partitioner": table, "parent_fraction": PARENT_SHARE}
        return Candidate(strategy, ("partitioners", table), around)
    if name in known["strategies"]:
        options = {option: value for option, value in table.items() if option != "name"}
        return Candidate(strategy, ("strategies", table), {"kind": name, **options})
    if name in known["samplers"]:
        return Candidate(strategy, ("samplers", table), {"kind": "one-shot", "sampler": table})
    everything = [*known["partitioners"], *known["samplers"], *known["strategies"], *experiment.strategies]
    raise UsageError(f"nothing is called {name!r}; {near_names(name, everything)}, or load its file with load_file")


def _strategy_name(part: str | Mapping[str, Any]) -> str:
    if isinstance(part, str):
        return part
    options = [f"{option}-{value}" for option, value in part.items() if option != "name"]
    return "-".join([str(part.get("name")), *options]).lower().replace(".", "_")


def _check(family: str, part: Mapping[str, Any]) -> None:
    table = {option: value for option, value in part.items() if option != "kind"}
    failed = [outcome for outcome in check_part(family, table) if not outcome.passed]
    if failed:
        lines = "\n".join(f"- {outcome.check}: {outcome.reason}" for outcome in failed)
        raise ChecksFailedError(f"{failed[0].family} {failed[0].part} breaks promises, nothing was trained:\n{lines}")


def _settings(overrides: Sequence[str], described: Experiment, candidate: Candidate) -> dict[str, Any]:
    """The overrides with the candidate's strategy, and the file that its part is from."""
    settings: dict[str, Any] = dict(map(parsed_option, overrides))
    settings |= {f"strategies.{candidate.strategy}.{key}": value for key, value in candidate.section.items()}
    family, part = candidate.checked
    file = Path(families()[family].origin(str(part["name"])))
    plugins = [plugin.path for plugin in described.plugins]
    if file.suffix == ".py" and file.is_file() and file.resolve() not in [path.resolve() for path in plugins]:
        plugins.append(file)
    if plugins:
        settings["plugins"] = [str(path.resolve()) for path in plugins]
    return settings


def _remove_outdated(experiment: Experiment, folder: Path) -> None:
    """Remove units of the experiment's strategies that were run under another description or by another engine."""
    for strategy, seed in stored_units(folder):
        record = read_record(folder, strategy, seed)
        if record is None or strategy not in experiment.strategies:
            continue
        told = {key: value for key, value in record.experiment.items() if key != "data"}
        wanted = json.loads(json.dumps(experiment.unit(strategy, seed)))
        if told != wanted or record.environment.get("engine") != engine_version():
            removal_of(unit_dir(folder, strategy, seed)).carry_out()
