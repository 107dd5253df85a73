"""Runs that are killed at random moments, run again, and compared with runs that nobody disturbed.

``python -m tests.faults.kills 500 [--seed 0] [--share 0.15] [--log FILE] [--seconds 3600]`` tries so many and prints
what came of them. A trial starts the smallest run of one strategy kind, kills the main process, one worker or the whole
group, once to three times, and lets the same command finish. A share of the trials starts two or three runs in one
folder at once, some of another protocol. Afterwards every unit has the scores, and the science of the record, that an
undisturbed run gives, to the last bit; no unit that was stored is gone or was run again; nothing else is left behind.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import random
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.faults import children, kinds
from tests.faults.children import Child, Moment, command

COSTLY = ("gm-nas", "hep-search", "pad-nas", "close")
"""Every third time: one of their units takes as long as four of others."""

IN_PARTS = ("few-shot", "random", "efs-group", "ensemble", "random-tree", "hep-rank")
"""Units whose parts have processes of their own."""

Science = dict[tuple[str, int], Any]
"""By strategy and seed what a stored unit says, but for when, and in what time, it came about."""


@dataclass(frozen=True)
class Plan:
    """One trial. ``moments``: of the kills of one run after the other. ``server``: workers start as they do in earnest.

    ``others``: runs that start beside the first kill, with how many seconds of delay, and whether of another protocol.
    """

    kind: str
    seeds: int
    workers: int
    moments: tuple[Moment, ...]
    server: bool = False
    others: tuple[tuple[float, bool, Moment | None], ...] = ()

    def to_json(self) -> dict[str, Any]:
        """For the log."""
        others = [(round(delay, 3), other, str(moment)) for delay, other, moment in self.others]
        return {**vars(self), "moments": [str(one) for one in self.moments], "others": others}


@dataclass
class Found:
    """What came of a trial; ``wrong`` is empty where all promises were kept."""

    units: int
    kills: int = 0
    missed: int = 0
    lost: int = 0
    doubled: int = 0
    differ: int = 0
    failed_and_named: int = 0
    refused: int = 0
    dropped: int = 0
    wrong: list[str] = field(default_factory=list)


class Bench:
    """Makes trials in a folder; undisturbed runs are made once for each kind."""

    def __init__(self, folder: Path, rng: random.Random) -> None:
        self.folder, self.rng = folder, rng
        self._science: dict[tuple[str, int], Science] = {}
        self._spans: dict[tuple[str, int, int, bool], tuple[float, int]] = {}

    def arguments(self, plan: Plan, out: Path, other: bool = False) -> list[str]:
        """The command line of a run; ``other``: of another protocol."""
        path = self.folder / f"{plan.kind}-{plan.seeds}{'-other' if other else ''}.toml"
        if not path.exists():  # others may read it at this moment
            path.write_text(kinds.experiment(plan.kind, plan.seeds, 40 * other))
        workers = ["--workers", str(plan.workers)] if plan.workers > 1 else []
        return ["run", str(path), "--out", str(out), "--threads", "1", "--json", *workers]

    def start(self, plan: Plan, out: Path, moment: Moment | None = None, other: bool = False) -> Child:
        """A run of the trial."""
        doing = command(self.arguments(plan, out, other), not plan.server)
        return Child(doing, out.with_suffix(".log"), out, moment)

    def science(self, kind: str, seeds: int, other: bool = False) -> Science:
        """Of an undisturbed run."""
        key = f"{kind}{' other' if other else ''}", seeds
        if key not in self._science:
            self._undisturbed(Plan(kind, seeds, 1, ()), other, key)
        return self._science[key]

    def span(self, plan: Plan) -> tuple[float, int]:
        """Seconds and changes of the disk of an undisturbed run."""
        key = plan.kind, plan.seeds, plan.workers, plan.server
        if key not in self._spans:
            self._undisturbed(plan, False, None)
        return self._spans[key]

    def _undisturbed(self, plan: Plan, other: bool, key: tuple[str, int] | None) -> None:
        out = Path(tempfile.mkdtemp(dir=self.folder)) / "out"
        child = self.start(plan, out, other=other)
        if child.run() != 0 or child.left():
            raise AssertionError(f"undisturbed {plan}: {child.code}: {out.with_suffix('.log').read_text()[-2000:]}")
        if not other:
            self._spans[plan.kind, plan.seeds, plan.workers, plan.server] = (
                time.monotonic() - child.started,
                child.changes,
            )
        found = science_of(out)
        assert len(found) == plan.seeds
        self._science.setdefault(key or (plan.kind, plan.seeds), found)

    def moment(self, plan: Plan) -> Moment:
        """A random one within the time that an undisturbed run takes, or within its changes."""
        seconds, changes = self.span(plan)
        whom = self.rng.choice(["main", "worker", "group"] if plan.workers > 1 else ["main", "group"])
        if plan.server:  # its processes count no changes
            return Moment(whom, seconds=self.rng.uniform(0, seconds))
        after = self.rng.choice([None, self.rng.expovariate(changes / seconds)])
        return Moment(whom, self.rng.randrange(changes * 9 // 10), after)

    def plan(self, number: int, share: float) -> Plan:
        """A trial: kinds come in turn, everything else by chance."""
        turn = [kind for kind in kinds.KINDS if kind not in COSTLY or number // len(kinds.KINDS) % 3 == 0]
        kind = turn[number % len(turn)]
        together = self.rng.random() < share
        workers = self.rng.choice([1, 2])
        alone = [1] if workers == 1 else [2, 2, 1] if kind in IN_PARTS else [2]
        seeds = self.rng.choice([2, 3] if together else alone)
        server = workers > 1 and not together and self.rng.random() < 0.06
        plan = Plan(kind, seeds, workers, (), server)
        if not together:
            kills = self.rng.choice([1, 1, 2, 3])
            return Plan(kind, seeds, workers, tuple(self.moment(plan) for _ in range(kills)), server)
        others = []
        for _ in range(self.rng.choice([1, 2])):
            killed = self.moment(plan) if self.rng.random() < 0.4 else None
            others.append((self.rng.uniform(0, 0.3), self.rng.random() < 0.3, killed))
        moments = (self.moment(plan),) if self.rng.random() < 0.7 else ()
        return Plan(kind, seeds, workers, moments, False, tuple(others))

    def trial(self, plan: Plan) -> Found:
        """Do it."""
        out = Path(tempfile.mkdtemp(dir=self.folder)) / "out"
        log, found, stored = out.with_suffix(".log"), Found(plan.seeds), Stored(out)
        other_too = any(other for _, other, _ in plan.others)
        if plan.others:
            self._together(plan, out, found)
            stored.look(found)
        else:
            for moment in plan.moments:
                child = self.start(plan, out, moment)
                code = child.run()
                _check_end(code, [moment], child, found)
                stored.look(found)
        mine = out.exists() and any(
            science == self.science(plan.kind, plan.seeds)[unit] for unit, science in _sound(out)
        )
        theirs = other_too and not mine and out.exists() and any(True for _ in _sound(out))
        for _ in range(3):
            child = self.start(plan, out, other=theirs)
            code = child.run()
            found.wrong += ["a process stayed behind"] * child.left()
            if code == 0:
                break
            found.wrong.append(f"undisturbed, it ended with {code}: {_lines(log)}")
        stored.look(found)
        expected = self.science(plan.kind, plan.seeds, theirs)
        final = science_of(out)
        found.differ = sum(final.get(unit) != science for unit, science in expected.items())
        if found.differ or set(final) != set(expected):
            found.wrong.append(f"units differ: {differing(expected, final)}")
        if other_too:
            child = self.start(plan, out, other=not theirs)
            if child.run() != 2 or "another protocol" not in log.read_text():
                found.wrong.append(f"another protocol was not refused: {child.code}")
            child.left()
            stored.look(found)
        if left := sorted(_left_behind(out)):
            found.wrong.append(f"left behind: {left}")
        if "Traceback" in (text := log.read_text()):
            found.wrong.append(f"a traceback: {text[text.index('Traceback') :][:3000]}")
        found.dropped += text.count("was taken over by another run")
        found.wrong += [f"lost {found.lost}"] * bool(found.lost) + [f"doubled {found.doubled}"] * bool(found.doubled)
        return found

    def _together(self, plan: Plan, out: Path, found: Found) -> None:
        """Several runs at once, to their ends."""
        journal = out.with_suffix(".journal")
        began = time.monotonic()
        waiting = [(0.0, False, plan.moments[0] if plan.moments else None), *plan.others]
        runs: list[tuple[Child, bool, Moment | None]] = []
        while waiting or sum(child.poll() for child, _, _ in runs) < len(runs):
            if waiting and time.monotonic() - began >= waiting[0][0]:
                _, other, moment = waiting.pop(0)
                doing = journalled(command(self.arguments(plan, out, other)), journal)
                runs.append((Child(doing, out.with_suffix(".log"), out, moment), other, moment))
            time.sleep(0.003)
        refused = [child.code for child, _, _ in runs].count(2)
        found.refused += refused
        if refused and len({other for _, other, _ in runs}) == 1:
            found.wrong.append(f"a run of the same protocol was refused: {_lines(out.with_suffix('.log'))}")
        for child, _, moment in runs:
            if child.code != 2:
                _check_end(child.code or 0, [one for _, _, one in runs if one], child, found, moment)
            else:
                found.wrong += ["a process stayed behind"] * child.left()
        lines = journal.read_text().splitlines() if journal.exists() else []
        times = Counter(line for line in lines if line.startswith("stored"))
        found.doubled += sum(count - 1 for count in times.values())
        found.wrong += [f"at the same time: {line}" for line in lines if line.startswith("overlap")]


class Stored:
    """The records of a folder as they were seen first: none may go, none may change."""

    def __init__(self, out: Path) -> None:
        self.out = out
        self.seen: dict[Path, tuple[int, int, bytes]] = {}

    def look(self, found: Found) -> None:
        """Compare, and take in what is new."""
        now = {path: _stamp(path) for path in self.out.glob("*/seed-*/record.json")}
        found.lost += len(self.seen.keys() - now.keys())
        found.doubled += sum(now[path] != stamp for path, stamp in self.seen.items() if path in now)
        for path in now.keys() - self.seen.keys():
            if not _is_sound(path):
                found.wrong.append(f"{path} is no whole record")
        self.seen |= now


def science_of(out: Path) -> Science:
    """Of every stored unit of a run. No Parquet reader: its threads must not run in a process that forks."""
    return dict(_sound(out))


def _sound(out: Path) -> Iterator[tuple[tuple[str, int], Any]]:
    from nasbench_harness.records import read_record, stored_units

    for strategy, seed in stored_units(out):
        record = read_record(out, strategy, seed)
        assert record is not None
        value = record.to_json()
        scores = (out / strategy / f"seed-{seed}" / "scores.parquet").read_bytes()
        cost = value.pop("cost")
        for name in ("created", "digests"):
            value.pop(name, None)
        kept = {name: cost[name] for name in ("architecture_updates", "scored_cells", "parameters", "scored_images")}
        if min(cost["training_seconds"], cost["scoring_seconds"]) < 0:
            kept["negative seconds"] = cost
        yield (strategy, seed), {**value, "kept": kept, "scores": hashlib.sha256(scores).hexdigest()}


def _is_sound(path: Path) -> bool:
    from nasbench_harness.errors import HarnessError
    from nasbench_harness.records.digests import check_scores

    try:
        scores = path.with_name("scores.parquet")
        check_scores(scores.read_bytes(), json.loads(path.read_bytes()), scores)
        return bool(science_of(path.parents[2]))
    except (OSError, ValueError, HarnessError):
        return False


def _stamp(path: Path) -> tuple[int, int, bytes]:
    status = path.stat()
    return status.st_ino, status.st_mtime_ns, path.read_bytes()


def differing(expected: Mapping[Any, Any], found: Mapping[Any, Any], path: str = "") -> str:
    """The first place in which two values differ."""
    for key in [*expected, *(key for key in found if key not in expected)]:
        one, other, here = expected.get(key), found.get(key), f"{path}/{key}"
        if isinstance(one, Mapping) and isinstance(other, Mapping):
            if text := differing(one, other, here):
                return text
        elif one != other:
            return f"{here}: {str(one)[:200]} expected, {str(other)[:200]} found"
    return ""


def _check_end(code: int, moments: list[Moment], child: Child, found: Found, own: Moment | None = None) -> None:
    """An end that is right for a run that was killed at ``own``, or the only one of ``moments``."""
    own = own or (moments[0] if len(moments) == 1 else None)
    if code == -9:
        found.kills += 1
    elif code == 4 and any(moment.whom == "worker" for moment in moments):
        found.kills += own is not None and own.whom == "worker"
        found.failed_and_named += 1
        if "failed" not in child.log.read_text():
            found.wrong.append("a unit failed and was not named")
    elif code == 0:
        found.missed += own is not None
    else:
        found.wrong.append(f"{own} ended with {code}: {_lines(child.log)}")
    found.wrong += ["a process stayed behind"] * child.left()


def _lines(log: Path) -> list[str]:
    """The last lines of the harness itself, such as its errors."""
    return [line for line in log.read_text().splitlines() if line.startswith("nasbench-harness: ")][-3:]


def _left_behind(out: Path) -> Iterator[str]:
    for path in out.rglob("*"):
        name = path.name
        if path.is_dir():
            if name == "checkpoints":
                yield str(path.relative_to(out))
        elif name not in ("record.json", "scores.parquet", "experiment.json", "leaderboard.json", "leaderboard.md"):
            yield str(path.relative_to(out))


def journalled(doing: children.Doing, journal: Path) -> children.Doing:
    """Have every unit that is begun and stored told in a file that the runs share, and units that two have at once."""
    import os

    def told() -> int:
        from nasbench_harness import runner
        from nasbench_harness.engines import run_job
        from nasbench_harness.system.owners import runs

        main = os.getpid()

        def note(line: str) -> None:
            place = os.open(journal, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
            os.write(place, f"{line}\n".encode())
            os.close(place)

        def work(job: Any, progress: Any) -> Any:
            unit, me = f"{job.unit.strategy} {job.unit.seed}", os.getpid()
            lines = journal.read_text().splitlines() if journal.exists() else []
            for line in lines:
                if line.startswith(f"began {unit} "):
                    pid, of = map(int, line.split()[-2:])
                    if pid != me and f"ended {unit} {pid}" not in lines and runs(pid) and runs(of):
                        note(f"overlap {unit} of {pid} and {me}")
            note(f"began {unit} {me} {main}")
            try:
                record = run_job(job, progress)
                note(f"stored {unit}")
                return record
            finally:
                note(f"ended {unit} {me}")

        runner.run_job = work
        return doing()

    return told


def main() -> int:
    """The command line; 1 where a promise was broken."""
    line = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    line.add_argument("trials", type=int, nargs="?", default=100)
    line.add_argument("--seed", type=int, default=0)
    line.add_argument("--share", type=float, default=0.15, help="trials with several runs in one folder")
    line.add_argument("--seconds", type=float, default=1e9, help="begin no trial after so long")
    line.add_argument("--first", type=int, default=0, help="number of the first trial")
    line.add_argument("--log", type=Path, help="a JSON line for each trial is added to this file")
    asked = line.parse_args()
    children.prepare()
    began = time.monotonic()
    total: Counter[str] = Counter()
    with tempfile.TemporaryDirectory(prefix="kills-") as folder:
        for number in range(asked.first, asked.first + asked.trials):
            if time.monotonic() - began > asked.seconds:
                break
            rng = random.Random(f"{asked.seed} {number}")
            bench = _bench(Path(folder), rng)
            plan, found = Plan("none", 0, 0, ()), Found(0)
            try:
                plan = bench.plan(number, asked.share)
                found = bench.trial(plan)
            except Exception:  # the trials go on
                found.wrong.append(traceback.format_exc())
            total.update({name: value for name, value in vars(found).items() if isinstance(value, int)})
            total.update(trials=1, together=bool(plan.others), broken=bool(found.wrong))
            text = json.dumps({"trial": number, "seed": asked.seed, "plan": plan.to_json(), **vars(found)})
            if asked.log is not None:
                with asked.log.open("a") as log:
                    log.write(text + "\n")
            if found.wrong:
                print(text, flush=True)
    print(json.dumps(dict(total)))
    return 1 if total["broken"] else 0


_benches: list[Bench] = []


def _bench(folder: Path, rng: random.Random) -> Bench:
    """One for all trials, whose chance is that of the trial."""
    if not _benches:
        _benches.append(Bench(folder, rng))
    _benches[0].rng = rng
    return _benches[0]


if __name__ == "__main__":
    sys.exit(main())
if __name__ == "__mp_main__":  # a worker of a server
    children.quicken()
