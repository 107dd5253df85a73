"""Whether a change of the code left every number alone: digests of small units of all methods, before and after.

    python benchmarks/same_scores.py record before.json     # at the old commit
    python benchmarks/same_scores.py compare before.json    # at the new one, on the same machine

A unit of every method, and of settings that take other paths through the code, trains on the digits for a few seconds.
Compared are identity, scores, leaves, loss curves and metrics to the last bit. Bits depend on the processor and on the
number of threads, so the recorded file belongs to one machine and is not part of the repository.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from nasbench_harness.experiment import load_experiment
from nasbench_harness.runner import Sources, run_experiment

try:
    from nasbench_harness.experiment.methods import METHODS
except ModuleNotFoundError:  # where an older commit has them
    from nasbench_harness.methods import METHODS  # type: ignore[import-not-found, no-redef]

HEAD = """
name = "same"
seeds = [3]
[images]
name = "digits"
size = 4
[network]
channels = {channels}
cells = {cells}
[training]
batch_size = 40
learning_rate = 0.05
crop_padding = 1
{training}
[budget]
epochs = {epochs}
[scoring]
images = 40
batch_size = 40
{scoring}
[truth]
policy = "digits_test_5"
[strategies]
"""

OPTIONS = {
    "hep-rank": ", repeats = 1, max_peers = 1",
    "split-without-smd": ", repeats = 1",
    "smd-without-split": ", max_peers = 1",
    "hep-search": ", parent_epochs = [2, 1, 1], child_epochs = 1, max_peers = 1, repeats = 1, validation_images = 40",
    "pad-nas": ', cost = "flops", window = [60, 130], images = 40, population = 8, generations = 2, paired = 40',
}
"""What a method needs to fit into so small a budget."""

TREES = {
    "gm-nas": '{kind = "tree-few-shot", partitioner = {name = "gradient-matching", repeats = 1}, levels = 1}',
    "worst-cut": (
        '{kind = "tree-few-shot", partitioner = {name = "gradient-matching", objective = "worst", repeats = 1}}'
    ),
}
"""Methods whose parts need other options."""

Case = tuple[str, dict[str, Any]]


def cases() -> dict[str, Case]:
    """Name -> strategy as an inline table, and what differs from the usual head."""
    methods: dict[str, Case] = {}
    for name, method in METHODS.items():
        settings = TREES.get(name, method.settings).removesuffix("}") + OPTIONS.get(name, "") + "}"
        methods[name] = (settings, {"epochs": 40} if name in {*OPTIONS, *TREES, "random-tree"} else {})
    one_shot = '{kind = "one-shot"}'
    variants: dict[str, Case] = {
        "parent": ('{kind = "few-shot", partitioner = "single-edge", parent_fraction = 0.5}', {}),
        "narrower": ('{kind = "few-shot", partitioner = "efs-accum", sampler = "balanced", channels = 3}', {}),
        "two-cells": (one_shot, {"cells": 2}),
        "recalibrated": (one_shot, {"scoring": 'batch_norm = "recalibrated"\nrecalibration_batches = 2'}),
        "recalibrated-copies": (
            '{kind = "few-shot", partitioner = "efs-accum"}',
            {"scoring": 'batch_norm = "recalibrated"\nrecalibration_batches = 2'},
        ),
        "clipped": (one_shot, {"training": "clip_norm = 1.0"}),
        "wide": (one_shot, {"channels": 16, "epochs": 2}),
        "close-fixed": ('{kind = "close", gate = "fixed", curriculum = true}', {}),
        "close-recalibrated": (
            '{kind = "close"}',
            {"scoring": 'batch_norm = "recalibrated"\nrecalibration_batches = 2'},
        ),
        "hm-nas-without-masks": ('{kind = "hm-nas", masking = false}', {}),
    }
    return methods | variants


def outcome(name: str, case: Case) -> dict[str, Any]:
    """Run one case and digest all that it left."""
    settings, changes = case
    head = {"channels": 4, "cells": 1, "training": "", "epochs": 6, "scoring": "", **changes}
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder, "same.toml")
        source.write_text(f"{HEAD.format(**head)}unit = {settings}\n", encoding="utf-8")
        began = time.perf_counter()
        run_experiment(load_experiment(str(source)), Sources(threads=1), Path(folder, "out"), _Quiet(), lambda _: None)
        seconds = time.perf_counter() - began
        stored = json.loads(next(Path(folder, "out").rglob("record.json")).read_text(encoding="utf-8"))
        scores = next(Path(folder, "out").rglob("scores.parquet"))
        table = _columns(scores)
    return {
        "identity": stored["identity"],
        "updates": stored["cost"]["architecture_updates"]["used"],
        "leaves": digest(stored["leaves"]),
        "losses": digest(stored["training"]["loss"]),
        "details": digest(stored["training"]["details"]),
        "tau": {signal: found["kendall_tau"] for signal, found in stored["metrics"].items()},
        **{f"column {column}": value for column, value in table.items()},
        "seconds": round(seconds, 1),
    }


def different(known: dict[str, Any], found: dict[str, Any]) -> list[str]:
    """Fields whose values changed."""
    return [field for field, value in known.items() if field != "seconds" and value != found.get(field)]


def digest(value: object) -> str:
    """Of plain JSON values."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:16]


def _columns(path: Path) -> dict[str, str]:
    import polars

    table = polars.read_parquet(path)
    # texts by their content: the bytes of an array of objects are addresses
    return {
        name: digest(column.to_list())
        if column.dtype == polars.String
        else hashlib.sha256(column.to_numpy().tobytes()).hexdigest()[:16]
        for name, column in zip(table.columns, table.iter_columns(), strict=True)
    }


class _Quiet:
    def start(self, phase: str, total: float, unit: str) -> None:
        """Nothing is shown."""

    def advance(self, amount: float) -> None:
        """Nothing is shown."""

    def fork(self, title: str) -> _Quiet:
        """Nothing is shown."""
        return self

    def close(self) -> None:
        """Nothing is shown."""


def main() -> int:
    """``record`` or ``compare``; exit code 1 where a number changed."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0] if __doc__ else None)
    parser.add_argument("action", choices=["record", "compare"])
    parser.add_argument("file", type=Path)
    parser.add_argument("--only", default="", help="some of the cases, separated by commas")
    arguments = parser.parse_args()
    only = [name for name in arguments.only.split(",") if name]
    before = json.loads(arguments.file.read_text()) if arguments.action == "compare" else {}
    found: dict[str, Any] = {}
    changed = []
    for name, case in cases().items():
        if only and name not in only:
            continue
        found[name] = outcome(name, case)
        if arguments.action == "record":
            print(f"{name}: {found[name]['seconds']} s", flush=True)
            continue
        known = before.get(name)
        differing = ["nothing recorded"] if known is None else different(known, found[name])
        print(f"{name}: {'same' if not differing else 'DIFFERS in ' + ', '.join(differing)}", flush=True)
        if differing:
            changed.append(name)
    if arguments.action == "record":
        arguments.file.write_text(json.dumps(found, indent=1))
    return 1 if changed else 0


if __name__ == "__main__":
    sys.exit(main())
