"""Real units on a Ray cluster and in shards, whose processes are killed: ``python -m tests.cluster.trial --help``.

A trial runs an experiment undisturbed and again with kills, and compares: units without a record are lost, units that
were begun when they had one are doubled. What the same command finds after a kill goes on from its checkpoint.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nasbench_harness.records import unit_dir
from nasbench_harness.system.claims import living
from tests import tiny
from tests.cluster.nodes import harness, kill_session, ray_nodes, session_of

LOG = "NASBENCH_HARNESS_TEST_LOG"
PLUGIN = f'''
import os
import time
from dataclasses import dataclass
from nasbench_harness.strategies import Context, Scorer, strategies
from nasbench_harness.strategies.one_shot import OneShot

def note(word, context):
    with open(os.environ["{LOG}"], "a") as log:
        log.write(f"{{word}} {{context.seed_axes[1]}} {{os.getpid()}} {{time.time()}}\\n")

@strategies.register("noted")
@dataclass(frozen=True)
class Noted(OneShot):
    """One-shot training that tells when it begins and ends, and waits ``pause`` seconds in the middle."""

    pause: float = 0.0

    def train(self, context: Context) -> Scorer:
        note("begun", context)
        time.sleep(self.pause)
        scorer = super().train(context)
        note("trained", context)
        return scorer
'''
SETTINGS = tiny.runnable("architectures = 20", updates=200)


@dataclass(frozen=True)
class Experiment:
    """A folder with the description of ``units`` units, each a real training of ten steps and ``pause`` seconds."""

    folder: Path
    units: int
    pause: float

    def write(self) -> None:
        """The description and its plug-in."""
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / "noted.py").write_text(PLUGIN)
        seeds = f'seeds = {[*range(self.units)]}\nplugins = ["noted.py"]\n'
        part = f'[strategies.noted]\nkind = "noted"\npause = {self.pause}\n'
        (self.folder / "tiny.toml").write_text(seeds + SETTINGS + part)

    def start(self, name: str, *words: str) -> subprocess.Popen[bytes]:
        """A run into the folder ``name``."""
        command = ["run", str(self.folder / "tiny.toml"), "--threads", "1", "--out", str(self.folder / name), *words]
        return harness(command, self.folder / f"{name}.txt", {LOG: str(self.folder / f"{name}.log")})

    def run(self, name: str, *words: str) -> float:
        """The same to its end; seconds."""
        began = time.monotonic()
        self.expect(self.start(name, *words), 0, name)
        return time.monotonic() - began

    def expect(self, run: subprocess.Popen[bytes], code: int, name: str) -> None:
        """The run ends with that exit code."""
        if run.wait() != code:
            raise AssertionError(f"exit code {run.returncode}:\n{(self.folder / f'{name}.txt').read_text()[-3000:]}")

    def noted(self, name: str) -> list[tuple[str, int, int, float]]:
        """Word, seed, process and time of each line that the units of a run have told."""
        path = self.folder / f"{name}.log"
        lines = path.read_text().splitlines() if path.exists() else []
        return [(w, int(s), int(p), float(t)) for w, s, p, t in (line.split() for line in lines)]

    def records(self, name: str) -> dict[int, Path]:
        """Files of the records of a run, by seed."""
        paths = {seed: unit_dir(self.folder / name, "noted", seed) / "record.json" for seed in range(self.units)}
        return {seed: path for seed, path in paths.items() if path.exists()}

    def wait(self, name: str, share: float) -> None:
        """Until that share of the units has a record."""
        _wait(lambda: len(self.records(name)) >= share * self.units)

    def working(self, name: str) -> dict[int, int]:
        """Seeds that are trained at the moment, with their processes."""
        last = {seed: (word, process) for word, seed, process, _ in self.noted(name)}
        return {seed: process for seed, (word, process) in last.items() if word == "begun"}

    def judge(self, name: str, reference: str) -> dict[str, Any]:
        """Counts of a run that had been disturbed against one that had not."""
        records, noted = self.records(name), self.noted(name)
        written = {seed: path.stat().st_mtime for seed, path in records.items()}
        begun = Counter(seed for word, seed, _, _ in noted if word == "begun")
        doubled = [seed for word, seed, _, at in noted if word == "begun" and at > written.get(seed, at)]
        folders = self.folder / name, self.folder / reference
        return {
            "units": self.units,
            "stored": len(records),
            "lost": self.units - len(records),
            "begun": begun.total(),
            "trained twice": sum(
                n > 1 for n in Counter(seed for word, seed, *_ in noted if word == "trained").values()
            ),
            "begun again after a kill": begun.total() - self.units,
            "doubled": len(doubled),
            "claims left": sum(living(path) is not None for path in folders[0].rglob("claim.json")),
            "scores equal": _equal([_scores(folder) for folder in folders]),
            "leaderboard equal": _equal([_leaderboard(folder) for folder in folders]),
        }


def ray_trial(experiment: Experiment, nodes: int, head_too: bool) -> dict[str, Any]:
    """Kill a node that works at a third of the units; then, if asked, the head at two thirds, and start all again."""
    told: dict[str, Any] = {"nodes": nodes, "processes killed": 0}
    began = time.monotonic()
    with ray_nodes(nodes) as cluster:
        told["cluster started, s"] = round(time.monotonic() - began, 1)
        asked = ["--engine", "ray", "--ray-address", cluster.address]
        began, run = time.monotonic(), experiment.start("ray", *asked)
        experiment.wait("ray", 1 / 3)
        victims = set(cluster.sessions[1:])
        _wait(lambda: bool(victims & {session_of(process) for process in experiment.working("ray").values()}))
        sessions = {session_of(process) for process in experiment.working("ray").values()}
        session = next(each for each in victims if each in sessions)
        told["processes killed"] += kill_session(session)
        if head_too:
            experiment.wait("ray", 2 / 3)
            told["processes killed"] += cluster.kill(0)
            experiment.expect(run, 4, "ray")
            told["records when the head was gone"] = len(experiment.records("ray"))
            cluster.stop()
            cluster.start()
            run = experiment.start("ray", "--engine", "ray", "--ray-address", cluster.address)
        experiment.expect(run, 0, "ray")
        told["seconds"] = round(time.monotonic() - began, 1)
    return told | experiment.judge("ray", "inline")


def shard_trial(experiment: Experiment, shards: int) -> dict[str, Any]:
    """Kill a shard that works at a third of the units, and start it again."""
    began = time.monotonic()
    words = [("--shard", f"{number}/{shards}") for number in range(1, shards + 1)]
    runs = [experiment.start("shards", *each) for each in words]
    experiment.wait("shards", 1 / 3)
    pids = {run.pid: number for number, run in enumerate(runs)}
    _wait(lambda: bool(pids.keys() & experiment.working("shards").values()))
    victim = next(pid for pid in experiment.working("shards").values() if pid in pids)
    os.kill(victim, signal.SIGKILL)
    experiment.expect(runs[pids[victim]], -9, "shards")
    runs[pids[victim]] = experiment.start("shards", *words[pids[victim]])
    for run in runs:
        experiment.expect(run, 0, "shards")
    told = {"shards": shards, "processes killed": 1, "seconds": round(time.monotonic() - began, 1)}
    # the leaderboard of the one that ended last knows all
    return told | experiment.judge("shards", "inline")


def _wait(until: Callable[[], bool], seconds: float = 600.0) -> None:
    ends = time.monotonic() + seconds
    while not until():
        if time.monotonic() > ends:
            raise AssertionError("nothing came in time")
        time.sleep(0.05)


def _scores(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("scores.parquet"))}


def _leaderboard(folder: Path) -> Any:
    board = json.loads((folder / "leaderboard.json").read_text())
    for row in board["rows"]:
        row.pop("costs")
    return board


def _equal(values: list[Any]) -> bool:
    return all(value == values[0] for value in values)


def main() -> int:
    """All of it, told as JSON; exit code 0 where nothing was lost, doubled or different."""
    line = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0].split(":")[0])
    line.add_argument("trials", nargs="*", default=["ray", "shards"], help="ray, shards; both without a name")
    line.add_argument("--units", type=int, default=60)
    line.add_argument("--nodes", type=int, default=3, help="of the Ray cluster, with a core each")
    line.add_argument("--shards", type=int, default=8)
    line.add_argument("--without-head", action="store_true", help="the head of the Ray cluster is not killed")
    line.add_argument("--folder", type=Path, help="where to work and leave what was done; none: a temporary one")
    asked = line.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        experiment = Experiment((asked.folder or Path(temporary)).resolve(), asked.units, 0.3)
        experiment.write()
        told: dict[str, Any] = {"inline": {"seconds": round(experiment.run("inline"), 1)}}
        if "ray" in asked.trials:
            told["ray"] = ray_trial(experiment, asked.nodes, head_too=not asked.without_head)
        if "shards" in asked.trials:
            told["shards"] = shard_trial(experiment, asked.shards)
    print(json.dumps(told, indent=1))
    good = [each["lost"] + each["doubled"] + each["claims left"] == 0 for each in told.values() if "lost" in each]
    same = [each["scores equal"] and each["leaderboard equal"] for each in told.values() if "lost" in each]
    return 0 if all(good + same) else 1


if __name__ == "__main__":
    sys.exit(main())
