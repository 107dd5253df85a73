"""All latencies of one GPU in one call: batch 1, 32 and 256, in float32 and bfloat16, as tables with a summary.

    python benchmarks/gpu_latency.py --out results/latency

Each setting is a table of its own (``<device>_<batch>_<precision>.npz`` with its operations beside it); the summary is
one table of all columns, ``<device>.npz``. An interrupted call goes on with what is left.
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
from nasbench_harness.latency.measure.sample import architectures_from
from nasbench_harness.latency.measure.work import PRECISIONS, Conditions


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure every setting that is not there yet; 0 when all are."""
    options = _options(arguments)
    out = Path(options.out)
    tables = []
    try:
        wanted = architectures_from(options.architectures)
        for batch in options.batches:
            for precision in options.precisions:
                target = out / f"{options.device}_{batch}_{precision}.npz"
                conditions = Conditions(
                    options.device, batch, precision, options.channels, options.cells, options.image_size,
                    repeats=options.repeats, warm_up=options.warm_up,
                )  # fmt: skip
                started = time.monotonic()
                if not target.exists():
                    measure_latency(conditions, wanted, target)
                tables.append(LatencyTable.load(target))
                print(f"{target.name}: {time.monotonic() - started:.1f} s", file=sys.stderr, flush=True)
        together(options.device, tables).save(out / f"{options.device}.npz")
    except HarnessError as error:
        print(f"gpu_latency: {error}", file=sys.stderr)
        return error.exit_code
    return 0


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
    parser.add_argument("--warm-up", type=int, default=3)
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
