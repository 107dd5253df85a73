"""Whether a change of the code left every number alone: small units of all methods, before and after.

    python benchmarks/same_scores.py record before.json      # at the old commit
    python benchmarks/same_scores.py compare before.json     # at the new one, on the same machine

Every method, and settings that take other paths through the code, trains a tiny network on the digits and scores all
architectures: some ten seconds each. Compared to the last bit are the unit's identity, leaves, scores, loss curves,
budget and all that its record derives from them. ``compare`` stops at the first unit that differs and ends with 1.

Bits depend on the processor, the compiler of the kernels and the version of torch, so a recorded file is good on the
machine that made it and is not part of the repository. Everything runs with one thread. Only names that outlive a
reorganisation of the package are imported, so the script of a new commit can record an old one: ``PYTHONPATH=CHECKOUT``
chooses the package, and the first line says which one it is.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

HERE = Path(__file__).resolve().parent
sys.path.append(str(HERE.parent))  # last: an installed package goes before the checkout's

import nasbench_harness  # noqa: E402
from nasbench_harness.errors import HarnessError, RunError, UsageError  # noqa: E402
from nasbench_harness.experiment import load_experiments  # noqa: E402
from nasbench_harness.records import read_run, read_scores, unit_dir  # noqa: E402
from nasbench_harness.runner import Sources, run_experiment  # noqa: E402

FORMAT = "nasbench-harness same scores 1"
MACHINE = ("processor", "torch", "numpy", "kernels")
"""What a record says about its environment that bits depend on."""

SHARED = """
name = "same-scores"
[images]
name = "digits"
[network]
channels = 4
cells = 1
[training]
batch_size = 20
learning_rate = 0.05
flip = false
[budget]
epochs = 12
[scoring]
images = 50
batch_size = 50
[truth]
policy = "digits_test_5"
[strategies]
"""

SMALL_SEARCH = ("population=10", "generations=2", "images=40", "paired=40")
LENGTHS: dict[str, tuple[str, ...]] = {
    "gm-nas": ('partitioner={name = "gradient-matching", repeats = 1}',),
    "worst-cut": ("partitioner.repeats=1",),
    "hep-rank": ("repeats=1",),
    "split-without-smd": ("repeats=1",),
    "hep-search": ("repeats=1", "max_peers=1", "validation_architectures=5", "validation_images=20"),
    "pad-nas": SMALL_SEARCH,
}
"""Options with which a method fits into so small a budget."""

RECALIBRATED = ("scoring.batch_norm=recalibrated", "scoring.recalibration_batches=2")

Fields = dict[str, Any]


@dataclass(frozen=True)
class Case:
    """A unit: its strategy as an inline TOML table; its options and the experiment's settings as overrides.

    With an ``environment`` it runs in a process of its own.
    """

    strategy: str
    options: tuple[str, ...] = ()
    settings: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)


def cases() -> dict[str, Case]:
    """Every method, then the variants."""
    methods = {name: Case(settings, LENGTHS.get(name, ())) for name, settings in method_settings()}
    one_shot = '{kind = "one-shot"}'
    copies = '{kind = "few-shot", partitioner = "efs-accum", sampler = "balanced"}'
    variants = {
        "few-shot-parent": Case('{kind = "few-shot", partitioner = "single-edge"}', ("parent_fraction=0.5",)),
        "clipped": Case(one_shot, (), ("training.clip_norm=0.5",)),
        "augmented": Case(one_shot, (), ("training.flip=true", "training.crop_padding=1")),
        "released-rules": Case(
            one_shot,
            (),
            (
                "training.unsampled_weights=decay",
                "training.last_batch=keep",
                "training.rate_changes=epoch",
                "training.crop_padding=1",
                "training.crop_fill=black",
                "training.batch_size=23",  # so that a pass ends with an incomplete batch
            ),
        ),
        "efs-accum-narrower": Case(copies, ("channels=3",)),
        # at the usual rate no mask would be closed after so few steps
        "hm-nas-weight-masks": Case('{kind = "hm-nas"}', ("weight_masks=true", "mask_rate=0.002")),
        "hm-nas-without-masks": Case('{kind = "hm-nas"}', ("masking=false",)),
        "pad-nas-window": Case('{kind = "pad-nas"}', ("cost=flops", "window=[60, 130]", *SMALL_SEARCH)),
        "close-fixed-gate": Case('{kind = "close"}', ("gate=random",)),
        "native-budget": Case('{kind = "one-shot", sampler = "fair"}', (), ("budget.rule=native", "budget.epochs=4")),
        "two-cells": Case(one_shot, (), ("network.cells=2",)),
        # the slow ones last: they score without the kernels
        "without-kernels": Case(one_shot, environment={"NASBENCH_HARNESS_KERNELS": "0"}),
        "bfloat16": Case(one_shot, (), ("network.precision=bfloat16",)),
        "recalibrated": Case(one_shot, (), RECALIBRATED),
        "recalibrated-copies": Case(copies, (), RECALIBRATED),
        "recalibrated-close": Case('{kind = "close"}', (), RECALIBRATED),
    }
    return methods | variants


def method_settings() -> Iterator[tuple[str, str]]:
    """Name and settings of every method, from wherever this version of the package keeps them."""
    for place in ("nasbench_harness.experiment.methods", "nasbench_harness.methods"):
        try:
            module = importlib.import_module(place)
        except ModuleNotFoundError:
            continue
        yield from ((name, method.settings) for name, method in module.METHODS.items())
        return
    raise RunError("the package has no table of methods where this script looks; tell method_settings its new place")


class Quiet:
    """Progress that goes nowhere; the package has one too, but not always in the same place."""

    def start(self, phase: str, total: float, unit: str) -> None:
        """Ignore the phase."""

    def advance(self, amount: float) -> None:
        """Ignore the work."""

    def fork(self, title: str) -> Quiet:
        """The same silence."""
        return self

    def close(self) -> None:
        """Nothing was shown."""


def measure(name: str, case: Case) -> Fields:
    """Run a case and describe what it left, in another process where its environment differs."""
    if not case.environment:
        return run_here(name, case)
    done = subprocess.run(
        [sys.executable, __file__, "unit", name],
        env={**os.environ, **case.environment},
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise RunError(f"{name}: its process ended with {done.returncode}")
    return dict(json.loads(done.stdout))


def run_here(name: str, case: Case) -> Fields:
    """Run a case in this process; ``digests`` are compared, ``seconds`` and ``machine`` are not."""
    overrides = [*(f"strategies.{name}.{option}" for option in case.options), *case.settings]
    began = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        file, out = Path(folder, "same-scores.toml"), Path(folder, "out")
        file.write_text(f"{SHARED}{name} = {case.strategy}\n", encoding="utf-8")
        [experiment] = load_experiments(str(file), overrides).values()
        run_experiment(experiment, Sources(threads=1), out, Quiet(), lambda line: None)
        digests, environment = read_digests(out)
    machine = {key: environment.get(key) for key in MACHINE}
    return {"digests": digests, "seconds": round(time.perf_counter() - began, 1), "machine": machine}


def read_digests(out: Path) -> tuple[Fields, Fields]:
    """What the only unit of a run came to, large things by their digests, and the environment it ran in."""
    [record] = read_run(out).records
    table = read_scores(unit_dir(out, record.strategy, record.seed))
    return {
        "identity": record.identity,
        "updates": record.cost["architecture_updates"]["used"],
        "index": of_array(table.index),
        "leaf": of_array(table.leaf),
        **{f"scores.{signal}": of_array(column) for signal, column in sorted(table.scores.items())},
        "loss": of_json(record.training["loss"]),
        **{f"tau.{signal}": record.column(signal)["kendall_tau"] for signal in sorted(record.metrics)},
        "metrics": of_json([record.metrics, record.references, record.top_k_curve]),
        "leaves": of_json(record.leaves),
        "details": of_json(record.training["details"]),
        "analysis": of_json(record.analysis),
        "parameters": record.cost["parameters"],
    }, record.environment


def of_array(values: np.ndarray) -> str:
    """SHA-256 of an array's bytes and their type."""
    return hashlib.sha256(str(values.dtype).encode() + np.ascontiguousarray(values).tobytes()).hexdigest()


def of_json(value: object) -> str:
    """SHA-256 of plain JSON values; floats count to the last digit."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()


def record(file: Path, only: Sequence[str]) -> int:
    """Run the cases and store what they came to, after each of them; with ``only`` the file keeps its others."""
    units = stored_units(file) if only and file.exists() else {}
    for name in checked(only, cases()) or cases():
        units[name] = measure(name, cases()[name])
        print_row(name, "recorded", units[name])
        file.write_text(json.dumps({"format": FORMAT, "units": units}, indent=1) + "\n", encoding="utf-8")
    print(f"{len(units)} units in {file}")
    return 0


def compare(file: Path, only: Sequence[str], keep_going: bool) -> int:
    """Run the cases that ``file`` knows again; 1 at the first that differs, or after all where it shall keep going."""
    recorded, known = stored_units(file), cases()
    both = [name for name in known if name in recorded]
    chosen = checked(only or list(recorded), both)
    if new := sorted(known.keys() - recorded.keys()):
        print(f"not recorded, so not compared: {', '.join(new)}")
    changed = []
    for name in chosen:
        before, after = recorded[name], measure(name, known[name])
        differences = list(differing(before["digests"], after["digests"]))
        print_row(name, "DIFFERS" if differences else "same", after)
        for line in differences:
            print(f"    {line}")
        if differences:
            changed.append(name)
            for line in differing(before["machine"], after["machine"]):
                print(f"    another machine: {line}")
            if not keep_going:
                break
    print(f"units that differ: {', '.join(changed)}" if changed else "all units are the same")
    return 1 if changed else 0


def checked(names: Sequence[str], known: Collection[str]) -> list[str]:
    """The names, if all are known."""
    for name in names:
        if name not in known:
            raise UsageError(f"unit {name!r} is not at hand; choose among {', '.join(known)}")
    return list(names)


def stored_units(file: Path) -> dict[str, Fields]:
    """Units of a recorded file; ``UsageError`` for anything else."""
    try:
        stored = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UsageError(f"{file} cannot be read ({error}); make it with `record`") from error
    if not isinstance(stored, dict) or stored.get("format") != FORMAT:
        raise UsageError(f"{file} was not recorded by this version of the script; record it again")
    return dict(stored["units"])


def differing(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[str]:
    """A line for each field that is not the same."""
    for name in [*before, *(name for name in after if name not in before)]:
        if name not in before or name not in after or before[name] != after[name]:
            yield f"{name}: {before.get(name, 'absent')} before, {after.get(name, 'absent')} now"


def print_row(name: str, verdict: str, unit: Fields) -> None:
    """One line of the table."""
    digests = unit["digests"]
    tau = digests["tau.negative_loss"]
    shown = "undefined" if tau is None else f"{tau:9.5f}"
    print(
        f"{name:<24} {verdict:<9} {unit['seconds']:6.1f} s  tau {shown}  {digests['updates']:>6} updates  "
        f"scores {digests['scores.negative_loss'][:12]}",
        flush=True,
    )


def parser() -> argparse.ArgumentParser:
    """The command line."""
    line = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    actions = line.add_subparsers(dest="action", required=True)
    recording = actions.add_parser("record", help="run units and store their digests")
    comparing = actions.add_parser("compare", help="run them again; 1 at the first that differs")
    for action in (recording, comparing):
        action.add_argument("file", type=Path)
        action.add_argument("--only", metavar="NAME,...", default="", help="these units alone")
    comparing.add_argument("--keep-going", action="store_true", help="go on after a unit that differs")
    actions.add_parser("unit", help="run one unit and print it as JSON").add_argument("name", choices=list(cases()))
    return line


def main(words: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code."""
    arguments = parser().parse_args(words)
    try:
        if arguments.action == "unit":
            print(json.dumps(run_here(arguments.name, cases()[arguments.name])))
            return 0
        print(f"package: {Path(nasbench_harness.__file__).parent}")
        only = [name for name in arguments.only.split(",") if name]
        if arguments.action == "record":
            return record(arguments.file, only)
        return compare(arguments.file, only, arguments.keep_going)
    except HarnessError as error:
        print(f"same_scores: {error}", file=sys.stderr)
        return error.exit_code


if __name__ == "__main__":
    sys.exit(main())
