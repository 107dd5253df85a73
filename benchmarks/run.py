"""Time the harness against a plain reference: ``python benchmarks/run.py --help``.

Reference and engine run alternately in one process, after a check that they give the same answer. Each case is stored
as JSON when it is done; the figure beside them is drawn from all that the folder holds.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
if str(HERE) not in sys.path:
    sys.path.insert(0, str(HERE))  # absent with PYTHONSAFEPATH, which tox sets
sys.path.append(str(HERE.parent))  # last: an installed package goes before the checkout's

import cases  # noqa: E402
import memory_case  # noqa: E402
import mixture_case  # noqa: E402
import network_cases  # noqa: E402
import precision  # noqa: E402
import processes_case  # noqa: E402
import ranking_case  # noqa: E402
import report  # noqa: E402
import roofline  # noqa: E402
import small_cases  # noqa: E402

from nasbench_harness.errors import HarnessError, UsageError  # noqa: E402
from nasbench_harness.system.environment import environment_record, usable_cores  # noqa: E402
from nasbench_harness.system.memory import keep_freed_memory  # noqa: E402

CASES = (
    *network_cases.cases(),
    *ranking_case.cases(),
    *small_cases.cases(),
    *mixture_case.cases(),
    *memory_case.cases(),
    *processes_case.cases(),
    *precision.cases(),
    *roofline.cases(),
)


def parser() -> argparse.ArgumentParser:
    """The command line."""
    line = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0].split(":")[0])
    line.add_argument("--cases", metavar="NAMES", help="comma-separated names or beginnings of names; all without it")
    line.add_argument("--quick", action="store_true", help="a second or two for each case, to see that it works")
    line.add_argument("--repeats", type=int, metavar="R", help="measurements of each side")
    line.add_argument("--threads", type=int, metavar="T", help="threads of torch; all usable cores without it")
    line.add_argument("--out", type=Path, metavar="DIR", help="benchmarks/results; scratch/benchmarks with --quick")
    line.add_argument("--json", action="store_true", help="print the results as JSON")
    line.add_argument("--list", action="store_true", help="name the cases and stop")
    return line


def run(arguments: argparse.Namespace) -> list[dict[str, Any]]:
    """Measure and store the chosen cases; returns their results."""
    import torch

    chosen = cases.select(CASES, arguments.cases)
    effort = cases.QUICK if arguments.quick else cases.FULL
    if arguments.repeats is not None:
        effort = replace(effort, repeats=_positive(arguments.repeats, "--repeats"))
    cores = usable_cores()
    threads = cores if arguments.threads is None else _positive(arguments.threads, "--threads")
    torch.set_num_threads(threads)
    keep_freed_memory()  # as a run of the harness does; the reference gets it too
    default = HERE.parent / "scratch" / "benchmarks" if arguments.quick else HERE / "results"
    folder: Path = arguments.out or default
    results = []
    for case in chosen:
        print(f"{case.name}: {case.title} ...", file=sys.stderr, flush=True)
        result = cases.measure(case, effort)
        result |= {
            "quick": bool(arguments.quick),
            "created": datetime.now(UTC).isoformat(timespec="seconds"),
            "environment": environment_record(),
        }
        report.store(result, folder)
        results.append(result)
    drawn = [result for result in report.stored(folder) if result["quick"] == arguments.quick]
    if any(result["ratio"] for result in drawn):
        report.save_figure(drawn, folder)
    print(f"results in {folder}", file=sys.stderr)
    return results


def _positive(number: int, option: str) -> int:
    if number < 1:
        raise UsageError(f"{option} {number} is not positive; give 1 or more")
    return number


def main(words: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code, as the harness's own commands give it."""
    arguments = parser().parse_args(words)
    try:
        if arguments.list:
            print("\n".join(f"{case.name:<18} {case.title}" for case in CASES))
            return 0
        results = run(arguments)
    except HarnessError as error:
        print(f"benchmark: {error}", file=sys.stderr)
        return error.exit_code
    if arguments.json:
        print(json.dumps(results, indent=1, allow_nan=False))
        return 0
    from rich.console import Console

    console = Console()
    report.print_results(results, console if console.is_terminal else Console(width=160))
    return 0


if __name__ == "__main__":
    sys.exit(main())
