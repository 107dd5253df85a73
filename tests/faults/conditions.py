"""Runs under conditions that no run can finish in, and that end; then the same command finishes as if nothing had been.

``python -m tests.faults.conditions [NAME ...]`` tries them, or those, and prints a JSON line for each.
"""

from __future__ import annotations

import json
import os
import random
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

from tests.faults import children, kinds
from tests.faults.children import Child, command
from tests.faults.kills import Bench, Plan, differing, science_of

NOBODY = 65534
NOT_FINITE = ("diverged", "not finite")


def diverging(bench: Bench, kind: str) -> list[str]:
    """A learning rate at which losses are no numbers: the unit fails, now and by the checkpoints that it left."""
    out = bench.folder / f"diverging-{kind}"
    rates = ["training.learning_rate=1e6", "training.learning_rate_end=1e6", "training.momentum=0.999"]
    doing = command([*bench.arguments(Plan(kind, 1, 1, ()), out), *rates])
    return [*_ends(out, doing, 4, NOT_FINITE), *_ends(out, doing, 4, NOT_FINITE), *_records(out)]


def no_numbers(bench: Bench, kind: str) -> list[str]:
    """Pixels that are NaN: the unit fails."""
    out = bench.folder / f"nan-{kind}"
    arguments = bench.arguments(Plan(kind, 1, 1, ()), out)

    def doing() -> int:
        from nasbench_harness.images import sets

        digits_set = sets.digits_set
        vars(sets)["digits_set"] = lambda spec: replace(digits_set(spec), std=np.full(1, np.nan))
        return command(arguments)()

    return [*_ends(out, doing, 4, NOT_FINITE), *_records(out)]


def _records(out: Path) -> list[str]:
    return [f"{path} is there" for path in out.rglob("record.json")]


def without_memory(bench: Bench, workers: int) -> list[str]:
    """Address space for little more than the imports; then enough of it."""
    out = bench.folder / f"memory-{workers}"
    plan = Plan("few-shot", 2, workers, ())

    def doing() -> int:
        pages = int(Path("/proc/self/statm").read_text().split()[0])
        most = pages * resource.getpagesize() + (24 << 20)
        resource.setrlimit(resource.RLIMIT_AS, (most, most))
        return command([*bench.arguments(plan, out), "training.batch_size=900", "network.channels=64"])()

    return _ends(out, doing, 4, ("out of memory", "lack of memory"))


def read_only(bench: Bench, changes: int | None) -> list[str]:
    """A folder that cannot be written, from the start (None) or after so many changes; then it can."""
    if os.getuid() != 0:
        return []  # who is not root cannot be somebody else
    place = Path(tempfile.mkdtemp(dir=bench.folder))
    out, plan = place / "out", Plan("random", 1, 1, ())
    place.chmod(0o555 if changes is None else 0o777)
    arguments = command(bench.arguments(plan, out))

    def doing() -> int:
        os.setgroups([])
        os.setuid(NOBODY)
        return arguments()

    child = Child(doing, bench.folder / f"{place.name}.log", out)
    while not child.poll():
        if changes is not None and child.changes >= changes:
            for path in [out, *(path for path in out.rglob("*") if path.is_dir())]:
                path.chmod(0o555)
        time.sleep(0.002)
    wrong = _said(
        child, {2, 4} if changes is None else {0, 2, 4}, ("cannot write", "cannot claim", "Permission denied")
    )
    for path in [place, out, *out.rglob("*")]:
        if path.exists():
            path.chmod(0o777)
    return wrong + _finishes(bench, plan, out)


def _ends(out: Path, doing: children.Doing, code: int, said: tuple[str, ...]) -> list[str]:
    child = Child(doing, out.with_suffix(".log"), out)
    child.run()
    return _said(child, {code}, said)


def _said(child: Child, codes: set[int], said: tuple[str, ...]) -> list[str]:
    """What is wrong with an end that should be one of ``codes`` and a line that says one of ``said``."""
    text = child.log.read_text()
    wrong = ["a process stayed behind"] * child.left()
    if child.code not in codes:
        wrong.append(f"it ended with {child.code}")
    elif child.code and not any(words in text for words in said):
        wrong.append("it did not say why")
    if "Traceback" in text:
        wrong.append("a traceback")
    return wrong and [*wrong, text[-3000:]]


def _finishes(bench: Bench, plan: Plan, out: Path) -> list[str]:
    child = bench.start(plan, out)
    if child.run() != 0:
        return [f"afterwards it ended with {child.code}: {child.log.read_text()[-3000:]}"]
    difference = differing(bench.science(plan.kind, plan.seeds), science_of(out))
    return [difference] if difference else []


CONDITIONS: dict[str, Callable[[Bench], list[str]]] = {
    **{f"diverging {kind}": (lambda bench, kind=kind: diverging(bench, kind)) for kind in kinds.KINDS},
    **{f"NaN {kind}": (lambda bench, kind=kind: no_numbers(bench, kind)) for kind in kinds.KINDS},
    "without memory": lambda bench: without_memory(bench, 1),
    "workers without memory": lambda bench: without_memory(bench, 2),
    "read-only": lambda bench: read_only(bench, None),
    **{f"read-only after {n} changes": (lambda bench, n=n: read_only(bench, n)) for n in (6, 30, 60, 90, 120)},
}


def main() -> int:
    """The command line; 1 where something was wrong."""
    children.prepare()
    broken = 0
    with tempfile.TemporaryDirectory(prefix="conditions-") as folder:
        Path(folder).chmod(0o755)
        bench = Bench(Path(folder), random.Random(0))
        for name in sys.argv[1:] or CONDITIONS:
            wrong = CONDITIONS[name](bench)
            broken += bool(wrong)
            print(json.dumps({name: wrong}), flush=True)
    return min(1, broken)


if __name__ == "__main__":
    sys.exit(main())
