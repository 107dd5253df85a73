"""What many units cost beside their training: units that do nothing, through claims, records, status and leaderboard.

    python benchmarks/many_units.py --units 1000 10000 --out benchmarks/results/scale
    python benchmarks/many_units.py --units 100000 --architectures 500 --stages fill status leaderboard

Every stage is a process of its own, or several; its seconds, processor seconds and peak memory are those that the
system counts. This process stays small, for a peak is inherited from it. Units are stored under ``--folder`` (190 kB
each with all architectures, 43 kB with a sample of 500) and removed at the end; with ``--keep`` they stay, and
another call with it goes on with other ``--stages``. ``--most-seconds`` ends a stage that takes longer.
"""

from __future__ import annotations

import argparse
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from nasbench_harness.system.files import write_json

CODE = Path(__file__).resolve()
VERBS = {
    "status": ["status", "{run}"],
    "leaderboard": ["leaderboard", "{run}"],
    "results ls": ["results", "ls", "{run}"],
    "results verify (one strategy)": ["results", "verify", "{run}/method-0000"],
    "figures": ["figures", "{run}", "--out", "{run}-plots"],
    "report": ["report", "{run}", "--out", "{run}.html"],
    "results rm (one strategy)": ["results", "rm", "{run}/method-0001", "--yes"],
}
"""Each with ``--json``; the last changes the folder."""

STAGES = ("claims", "run", "fill", "run again", "a shard again", *VERBS)


def finish(processes: Sequence[subprocess.Popen[bytes]], most: float) -> dict[str, Any]:
    """Wait for processes: seconds from now on, processor seconds and the largest peak memory of one, in MB."""
    started, used, peak, codes = time.perf_counter(), 0.0, 0.0, []
    for process in processes:
        while True:
            pid, status, usage = os.wait4(process.pid, os.WNOHANG)
            if pid:
                break
            if time.perf_counter() - started > most:
                process.kill()
            time.sleep(0.02)
        process.returncode = os.waitstatus_to_exitcode(status)
        used += usage.ru_utime + usage.ru_stime
        peak = max(peak, usage.ru_maxrss / 1e3)
        codes.append(process.returncode)
    seconds = time.perf_counter() - started
    return {"seconds": seconds, "processor_seconds": used, "peak_mb": peak, "exit_codes": sorted(set(codes))}


def begin(arguments: Sequence[str], log: Path) -> subprocess.Popen[bytes]:
    """Start Python with ``arguments``; what it prints goes into ``log``."""
    with open(log, "ab") as stream:
        return subprocess.Popen([sys.executable, *arguments], stdout=stream, stderr=stream)


def run_units(folder: Path, made: Path, units: int, options: argparse.Namespace) -> dict[str, Any]:
    """All units by several processes at a time: they share them, or each takes one shard after the other."""
    one = [str(CODE), "--worker", *asked_of(folder, made, units, options)]
    log, count = folder.with_suffix(".log"), options.shards
    total: dict[str, Any] = {}
    shares = [f"{number}/{count}" for number in range(1, count + 1)] if count else [""] * options.processes
    for first in range(0, len(shares), options.processes):
        group = [begin([*one, share], log) for share in shares[first : first + options.processes]]
        found = finish(group, options.most_seconds)
        for name in ("seconds", "processor_seconds"):
            total[name] = total.get(name, 0.0) + found[name]
        total["peak_mb"] = max(total.get("peak_mb", 0.0), found["peak_mb"])
        total["exit_codes"] = sorted({*total.get("exit_codes", []), *found["exit_codes"]})
    return total


def asked_of(folder: Path, made: Path, units: int, options: argparse.Namespace) -> list[str]:
    """The arguments of ``work`` and ``fill``."""
    return [
        str(folder),
        str(made),
        *map(str, (options.strategies, units // options.strategies, options.architectures or 0)),
    ]


def fill(folder: str, made: str, strategies: str, seeds: str, architectures: str) -> None:
    """The folder of a run that was not run."""
    import no_op_units

    described = no_op_units.experiment(int(strategies), int(seeds), int(architectures) or None)
    no_op_units.fill(Path(made), described, Path(folder))


def work(folder: str, made: str, strategies: str, seeds: str, architectures: str, share: str) -> None:
    """One process that runs units, or one shard of them, to the end, as the verb ``run`` does."""
    import no_op_units

    from nasbench_harness.api.runs import run_experiment

    no_op_units.without_training(Path(made))
    described = no_op_units.experiment(int(strategies), int(seeds), int(architectures) or None)
    run_experiment(described, folder, threads=1, progress=None, shard=share or None)


def prepare(made: str, architectures: str) -> None:
    """Make what the units take in the place of training."""
    import no_op_units

    no_op_units.prepare(Path(made), int(architectures) or None)


def claim_all(folder: str, count: str) -> None:
    """Claim and give up so many units."""
    from nasbench_harness.system.claims import Claims

    with Claims() as claims:
        for number in range(int(count)):
            path = Path(folder) / "claims" / f"seed-{os.getpid()}-{number}" / "claim.json"
            claims.claim(path)
            claims.release(path)


def contents(folder: Path) -> dict[str, Any]:
    """Files, folders, bytes, blocks of the disk, and how many entries the largest folder has."""
    found = {"files": 0, "folders": 0, "bytes": 0, "bytes_on_disk": 0, "largest_folder": 0}
    for _, folders, files, descriptor in os.fwalk(folder):
        found["folders"] += 1
        found["files"] += len(files)
        found["largest_folder"] = max(found["largest_folder"], len(folders) + len(files))
        for name in files:
            status = os.stat(name, dir_fd=descriptor)
            found["bytes"] += status.st_size
            found["bytes_on_disk"] += status.st_blocks * 512
    return found


def measure(units: int, options: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """Every stage of one number of units."""
    run, made, log = folder / f"run-{units}", folder / f"outcomes-{options.architectures}", folder / "log"
    if not made.exists():
        asked = ["--prepare", str(made), str(options.architectures or 0)]
        finish([begin([str(CODE), *asked], log)], options.most_seconds)
    result: dict[str, Any] = {
        "units": units,
        "processor": platform.processor() or platform.machine(),
        "cores": len(os.sched_getaffinity(0)),
        **{name: getattr(options, name) for name in ("strategies", "processes", "shards", "architectures")},
        "stages": {},
    }
    for stage in options.stages:
        if stage == "claims":
            each = min(options.claims, units) // options.processes
            claiming = [[str(CODE), "--claims", str(folder), str(each)] for _ in range(options.processes)]
            found = finish([begin(one, log) for one in claiming], options.most_seconds)
            found["claims"] = each * options.processes
            shutil.rmtree(folder / "claims")
        elif stage == "run":
            found = run_units(run, made, units, options)
            result["contents"] = contents(run)
        elif stage == "fill":
            found = finish(
                [begin([str(CODE), "--fill", *asked_of(run, made, units, options)], log)], options.most_seconds
            )
            result["contents"] = contents(run)
        elif stage in ("run again", "a shard again"):
            share = f"1/{units // 100}" if stage == "a shard again" else ""
            words = [str(CODE), "--worker", *asked_of(run, made, units, options), share]
            found = finish([begin(words, log)], options.most_seconds)
        else:
            words = [word.format(run=run) for word in VERBS[stage]]
            found = finish([begin(["-m", "nasbench_harness", *words, "--json"], log)], options.most_seconds)
        found["ended"] = -9 not in found["exit_codes"]
        result["stages"][stage] = found
        print(f"{units:>7} {stage:<30}", *(f"{name} {value}" for name, value in _rounded(found).items()), flush=True)
    return result


def _rounded(found: dict[str, Any]) -> dict[str, Any]:
    return {name: round(value, 2) if isinstance(value, float) else value for name, value in found.items()}


def main() -> None:
    """Measure, print and store."""
    parts: dict[str, Callable[..., None]] = {
        "--worker": work,
        "--claims": claim_all,
        "--prepare": prepare,
        "--fill": fill,
    }
    if sys.argv[1:] and (part := parts.get(sys.argv[1])):
        part(*sys.argv[2:])
        return
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--units", type=int, nargs="+", default=[1000], help="numbers of units, each a run of its own")
    parser.add_argument("--strategies", type=int, default=20, help="of which each has units / strategies seeds")
    parser.add_argument("--architectures", type=int, help="scored and ranked; none: all 15,625")
    parser.add_argument("--processes", type=int, default=2, help="that run units at the same time")
    parser.add_argument("--claims", type=int, default=1000, help="made and given up, by all processes together")
    parser.add_argument("--shards", type=int, default=0, help="to run the units in; 0: processes share them")
    parser.add_argument("--stages", nargs="+", default=[one for one in STAGES if one != "fill"], choices=STAGES)
    parser.add_argument("--most-seconds", type=float, default=900.0, help="of one stage, or one group of shards")
    parser.add_argument("--folder", type=Path, help="where units are stored; none: with temporary files")
    parser.add_argument("--keep", action="store_true", help="do not remove what was stored")
    parser.add_argument("--out", type=Path, help="folder for a JSON file of each number of units")
    options = parser.parse_args()
    if options.keep and not options.folder:
        parser.error("--keep needs a --folder")
    if options.folder:
        options.folder.mkdir(parents=True, exist_ok=True)
    folder = options.folder if options.keep else Path(tempfile.mkdtemp(prefix="many-units-", dir=options.folder))
    try:
        for units in options.units:
            result = measure(units, options, folder)
            if options.out:
                name = f"many-units-{units}-{options.architectures or 'all'}.json"
                write_json(options.out / name, result)
    finally:
        if not options.keep:
            shutil.rmtree(folder)


if __name__ == "__main__":
    main()
