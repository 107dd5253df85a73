"""What an engine costs for a unit: ``python benchmarks/engines.py --help``.

Units that train nothing are run by each engine, few and many of them. The difference of the two, for each further unit,
is what a unit costs there; what few cost beyond that is the start of the engine. Seconds of the processor are summed
over all processes of the command, so that a busy machine can tell them too; seconds of the clock stand beside them.
With ``--sleep`` units wait, so that two side by side show in seconds of the clock on one core too.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path.append(str(HERE.parent))  # last: an installed package goes before the checkout's

from nasbench_harness.system.environment import environment_record  # noqa: E402

SAMPLED_EVERY = 0.2
TICKS = os.sysconf("SC_CLK_TCK")
UNIT_SECONDS = "BENCHMARK_UNIT_SECONDS"
PLUGIN = f'''
import os
import time
from dataclasses import dataclass
from nasbench_harness.space import flops
from nasbench_harness.strategies import Context, Leaf, Scorer, Strategy, strategies

class ByFlops(Scorer):
    def score(self, architectures):
        count = flops(live=True)[architectures] / 1e6
        return {{"accuracy": count, "negative_loss": -1 / count}}

@strategies.register("untrained")
@dataclass(frozen=True)
class Untrained(Strategy):
    """Trains nothing."""

    def train(self, context: Context) -> Scorer:
        time.sleep(float(os.environ.get("{UNIT_SECONDS}", 0)))
        return ByFlops((Leaf(context.space, context.new_network("supernet"), 0),), (), context)
'''
SETTINGS = """
plugins = ["untrained.py"]
name = "untrained"
[images]
name = "digits"
size = 4
[network]
channels = 4
cells = 1
[budget]
architecture_updates = 1000
[scoring]
images = 20
architectures = 20
[truth]
policy = "digits_test_5"
[strategies.untrained]
kind = "untrained"
"""
ENGINES: dict[str, list[list[str]]] = {
    "inline": [[]],
    "processes": [["--workers", "2"]],
    "shard": [["--shard", "1/2"], ["--shard", "2/2"]],
    "ray": [["--engine", "ray", "--workers", "2"]],
    "ray-1": [["--engine", "ray", "--workers", "1"]],
}
"""The commands of each engine, all but the first and the last with two processes for units."""


def measure(engine: str, units: int, folder: Path) -> dict[str, float]:
    """Seconds of the processor and of the clock for so many units."""
    shell = ["run", str(folder / "untrained.toml"), "--threads", "1", "--seeds", f"0..{units - 1}"]
    began = time.monotonic()
    runs = [
        subprocess.Popen(
            [sys.executable, "-m", "nasbench_harness", *shell, "--out", str(folder / f"{engine}-{units}"), *words],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        for words in ENGINES[engine]
    ]
    sessions, ticks = {run.pid for run in runs}, dict[int, int]()
    while any(run.poll() is None for run in runs):
        ticks |= _ticks(sessions)
        time.sleep(SAMPLED_EVERY)
    if any(run.returncode for run in runs):
        raise SystemExit(f"{engine}: exit codes {[run.returncode for run in runs]}")
    return {"processor": sum(ticks.values()) / TICKS, "clock": time.monotonic() - began}


def _ticks(sessions: set[int]) -> dict[int, int]:
    """Ticks of the processor that each process of these sessions has had."""
    found = {}
    for name in os.listdir("/proc"):
        if not name.isdigit():
            continue
        try:
            fields = Path(f"/proc/{name}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[3]) in sessions:
            found[int(name)] = int(fields[11]) + int(fields[12])
    return found


def main(words: Sequence[str] | None = None) -> int:
    """Measure the chosen engines; the result is stored and printed as JSON."""
    line = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0].split(":")[0])
    line.add_argument("engines", nargs="*", metavar="ENGINE", help=f"{', '.join(ENGINES)}; all without a name")
    line.add_argument("--few", type=int, default=4, help="units of the short run")
    line.add_argument("--many", type=int, default=24, help="units of the long run")
    line.add_argument("--sleep", type=float, default=0, help="seconds that each unit waits, in the place of training")
    line.add_argument("--out", type=Path, default=HERE / "results" / "cluster" / "engines.json", metavar="FILE")
    asked = line.parse_args(words)
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ[UNIT_SECONDS] = str(asked.sleep)
    result: dict[str, Any] = {"few": asked.few, "many": asked.many, "sleep": asked.sleep, "engines": {}}
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        (folder / "untrained.py").write_text(PLUGIN)
        (folder / "untrained.toml").write_text(SETTINGS)
        for engine in asked.engines or ENGINES:
            few, many = (measure(engine, units, folder) for units in (asked.few, asked.many))
            unit = {name: (many[name] - few[name]) / (asked.many - asked.few) for name in few}
            start = {name: few[name] - asked.few * unit[name] for name in few}
            told = {"few": few, "many": many, "unit": unit, "start": start}
            result["engines"][engine] = {
                part: {name: round(seconds, 3) for name, seconds in each.items()} for part, each in told.items()
            }
            told_as = (
                f"{unit['processor']:.2f} s a unit ({unit['clock']:.2f} by the clock), start {start['processor']:.1f} s"
            )
            print(f"{engine}: {told_as}", file=sys.stderr)
    result |= {"created": datetime.now(UTC).isoformat(timespec="seconds"), "environment": environment_record()}
    text = json.dumps(result, indent=1) + "\n"
    asked.out.parent.mkdir(parents=True, exist_ok=True)
    asked.out.write_text(text, encoding="utf-8")
    print(text, end="")
    return 0


if __name__ == "__main__":
    sys.exit(main())
