"""All latencies of one GPU in one call: batch 1, 32 and 256, in float32 and bfloat16, as tables with a summary.

    python benchmarks/gpu_latency.py --out results/latency

Each setting is a table of its own (``<device>_<batch>_<precision>.npz`` with its operations beside it); the summary is
one table of all columns, ``<device>.npz``. An interrupted call goes on with what is left. With ``--minutes`` each
setting measures as many of the architectures, in their order, as its share of the time allows.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from nasbench_harness.errors import HarnessError
from nasbench_harness.latency import LatencyTable
from nasbench_harness.latency.measure.measure import measure_latency
from nasbench_harness.latency.measure.sample import IntArray, architectures_from
from nasbench_harness.latency.measure.work import PRECISIONS, REFERENCE, Bench, Conditions


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure every setting that is not there yet; 0 when all are."""
    options = _options(arguments)
    out = Path(options.out)
    tables: list[LatencyTable] = []
    try:
        wanted = architectures_from(options.architectures)
        end = None if options.minutes is None else time.monotonic() + 60 * options.minutes
        settings = len(options.batches) * len(options.precisions)
        for batch in options.batches:
            for precision in options.precisions:
                target = out / f"{options.device}_{batch}_{precision}.npz"
                conditions = Conditions(
                    options.device, batch, precision, options.channels, options.cells, options.image_size,
                    repeats=options.repeats, warm_up=options.warm_up,
                )  # fmt: skip
                started = time.monotonic()
                if not target.exists():
                    seconds = None if end is None else (end - started) / (settings - len(tables))
                    measure_latency(conditions, fitting(conditions, wanted, seconds), target)
                tables.append(LatencyTable.load(target))
                print(f"{target.name}: {time.monotonic() - started:.1f} s", file=sys.stderr, flush=True)
        together(options.device, tables).save(out / f"{options.device}.npz")
    except HarnessError as error:
        print(f"gpu_latency: {error}", file=sys.stderr)
        return error.exit_code
    return 0


def fitting(conditions: Conditions, wanted: IntArray, seconds: float | None) -> IntArray:
    """The first of ``wanted`` that can be measured in so many seconds (None: all), at least one; from trial passes."""
    if seconds is None:
        return wanted
    bench = Bench(conditions)
    work = bench.architecture(REFERENCE)
    with bench.timing():
        bench.clock(work)
        start = time.monotonic()
        for _ in range(3):
            bench.clock(work)
        passes = conditions.repeats + conditions.warm_up
        each = (time.monotonic() - start) / 3 * passes
    # single operations, and the reference between architectures, take some of it
    return wanted[: max(1, int(0.7 * (seconds - (time.monotonic() - start)) / each))]


def together(name: str, tables: Sequence[LatencyTable]) -> LatencyTable:
    """One table of all columns; facts of the single tables stand under their columns' names."""
    columns = {column: table.vector(column) for table in tables for column in table.columns}
    devices = {column: table.devices[column] for table in tables for column in table.columns}
    facts = {column: table.meta for table in tables for column in table.columns}
    return LatencyTable(name, columns, devices, {"executed": "live", "measurements": facts, "excluded": {}})


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", default=os.environ.get("OUT", "results/latency"), help="folder of the tables")
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--architectures", default="plan+500", help="as `latency measure --architectures`")
    parser.add_argument("--batches", type=int, nargs="+", default=[1, 32, 256])
    parser.add_argument("--precisions", nargs="+", default=list(PRECISIONS), choices=PRECISIONS)
    parser.add_argument("--channels", type=int, default=16)
    parser.add_argument("--cells", type=int, default=5)
    parser.add_argument("--image-size", type=int, default=32)
    parser.add_argument("--repeats", type=int, default=20)
    parser.add_argument("--minutes", type=float, help="time for all settings (default: as long as it takes)")
    parser.add_argument("--warm-up", type=int, default=3)
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
