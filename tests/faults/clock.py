"""Runs whose clock is set, years ahead and back, while they train, wait and resume: they never notice.

``python -m tests.faults.clock 10`` tries so many, under libfaketime (Debian's package ``faketime``). The monotonic
clock goes on, as it does when a real clock is set; times of files are those of the disk, another machine's.
"""

from __future__ import annotations

import json
import os
import random
import select
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.faults import children, kinds
from tests.faults.children import Child, Moment, command
from tests.faults.kills import Bench, Found, Plan, Stored, differing, science_of

LIBRARIES = [Path(f"/usr/lib/{place}/faketime/libfaketime.so.1") for place in ("x86_64-linux-gnu", "aarch64-linux-gnu")]
JUMPS = ("+0", "+365d", "-365d", "+2h", "-2h", "+30s", "-30s")
LONGEST = 3600.0
"""Seconds that no phase of these runs can have taken."""


def library() -> Path | None:
    """Where libfaketime is."""
    return next((path for path in LIBRARIES if path.exists()), None)


def environment(clock: Path) -> dict[str, str]:
    """Of a process whose clock is off by what the file says."""
    return {
        "LD_PRELOAD": str(library()),
        "FAKETIME_TIMESTAMP_FILE": str(clock),
        "FAKETIME_NO_CACHE": "1",
        "DONT_FAKE_MONOTONIC": "1",
        "NO_FAKE_STAT": "1",
        "FAKE_UTIME": "0",
    }


def trial(bench: Bench, clock: Path, kind: str) -> list[str]:
    """A run that is killed once and run again, while the clock jumps."""
    out, rng = Path(tempfile.mkdtemp(dir=bench.folder)) / "out", bench.rng
    plan, found, stored = Plan(kind, 2, rng.choice([1, 2]), ()), Found(2), Stored(out)
    wrong: list[str] = []
    _, changes = bench.span(plan)
    for moment in (Moment("group", rng.randrange(20, changes)), None):
        child = bench.start(plan, out, moment)
        jumps = sorted(rng.randrange(changes) for _ in range(3))
        while not child.poll():
            if jumps and child.changes >= jumps[0]:
                jumps.pop(0)
                _set(clock, rng.choice(JUMPS))
            wrong += _implausible(out)
            time.sleep(0.003)
        stored.look(found)
        wrong += ["a process stayed behind"] * child.left()
        if moment is None and child.code != 0:
            wrong.append(f"it ended with {child.code}: {child.log.read_text()[-2000:]}")
    status = Child(command(["status", str(out), "--json"]), out.with_suffix(".status"), out)
    if status.run() != 0 or "-" in "".join(map(str, _numbers(json.loads(status.log.read_text())))):
        wrong.append(f"status: {status.log.read_text()[-2000:]}")
    status.left()
    if difference := differing(bench.science(kind, 2), science_of(out)):
        wrong.append(difference)
    for path in out.rglob("record.json"):
        cost = json.loads(path.read_bytes())["cost"]
        if not 0 < cost["training_seconds"] + cost["scoring_seconds"] < LONGEST:
            wrong.append(f"{path}: {cost}")
    _set(clock, "+0")
    return [*wrong, *found.wrong, *[f"lost {found.lost}, doubled {found.doubled}"] * bool(found.lost + found.doubled)]


def _set(clock: Path, offset: str) -> None:
    clock.with_suffix(".new").write_text(offset + "\n")
    clock.with_suffix(".new").replace(clock)


def _implausible(out: Path) -> Iterator[str]:
    """Heartbeats that tell of seconds that cannot be."""
    for path in out.glob("*/seed-*/checkpoints/progress.json"):
        try:
            beat = json.loads(path.read_bytes())
        except (OSError, ValueError):
            continue
        told = {name: beat.get(name) for name in ("seconds", "seconds_left", "rate", "share")}
        if any(value is not None and not 0 <= value < 1e6 for value in told.values()) or beat["seconds"] > LONGEST:
            yield f"heartbeat: {told}"


def _numbers(value: Any) -> Iterator[float]:
    if isinstance(value, dict | list):
        for one in value.values() if isinstance(value, dict) else value:
            yield from _numbers(one)
    elif isinstance(value, int | float):
        yield value


def main() -> int:
    """The command line; 1 where something was wrong."""
    if library() is None:
        print(json.dumps({"skipped": "no libfaketime here; install the package faketime"}))
        return 0
    if "LD_PRELOAD" not in os.environ:
        clock = Path(tempfile.mkdtemp(prefix="clock-")) / "offset"
        _set(clock, "+0")
        os.execve(sys.executable, [sys.executable, "-m", __spec__.name, *sys.argv[1:]], os.environ | environment(clock))
    clock = Path(os.environ["FAKETIME_TIMESTAMP_FILE"])
    # the library takes the time that a sleep on the monotonic clock ends at for one of the clock that it moves
    vars(time)["sleep"] = lambda seconds: select.select([], [], [], seconds)
    children.prepare()
    broken, names = 0, [kind for kind in kinds.KINDS if kind not in ("gm-nas", "hep-search", "pad-nas", "close")]
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    _set(clock, "+365d")
    ahead = time.time()
    _set(clock, "+0")
    assert ahead - time.time() > 364 * 86400, "libfaketime does not work here"
    with tempfile.TemporaryDirectory(prefix="clock-") as folder:
        bench = Bench(Path(folder), random.Random(0))
        for number in range(count):
            wrong = trial(bench, clock, names[number % len(names)])
            broken += bool(wrong)
            print(json.dumps({names[number % len(names)]: wrong[:3]}), flush=True)
    print(json.dumps({"trials": count, "broken": broken}))
    return min(1, broken)


if __name__ == "__main__":
    sys.exit(main())
