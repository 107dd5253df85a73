"""Whole runs: real training and scoring of all cells, once; interruption, resumption and failure around it.

The digits at 4 x 4 pixels, 4 channels, 1 cell a stage and 20 scoring images make a real unit small, but all its cells
still take half a minute. One unit has them all; where it matters how a run goes, every sixth cell is scored. Units
whose numbers do not matter are ranked by a strategy of this file that counts FLOPs.
"""

from __future__ import annotations

import errno
import json
import os
import shutil
from collections import namedtuple
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass
from pathlib import Path
from signal import SIGTERM, getsignal
from types import ModuleType
from typing import Any, ClassVar

import numpy as np
import polars as pl
import pytest

from nasbench_harness.engines import Shard
from nasbench_harness.errors import RunError, SuspendedError, UsageError
from nasbench_harness.evaluation import unit as unit_judge
from nasbench_harness.evaluation.columns import judge_column
from nasbench_harness.experiment import load_experiment
from nasbench_harness.experiment.status import read_status
from nasbench_harness.records import Record, read_record, read_run, read_scores, write_record
from nasbench_harness.records.light import light
from nasbench_harness.runner import Sources, processes_a_unit, run_experiment, summary
from nasbench_harness.space import N_ARCHITECTURES, all_strings, connected, flops, live_cell_of
from nasbench_harness.strategies import Context, Leaf, Scorer, Strategy, strategies
from nasbench_harness.system import files
from nasbench_harness.system.progress import Silent
from nasbench_harness.truth import TruthPolicy, TruthTable, open_table
from tests import tiny

pytestmark = pytest.mark.slow
REAL = '[strategies.real]\nkind = "few-shot"\npartitioner = "efs-group"\nparent_fraction = 0.5\n'
COUNT = '[strategies.count]\nkind = "count-flops"\n'
COUNTING = '''
from dataclasses import dataclass
from nasbench_harness.strategies import strategies
from tests.test_runner import CountFlops

@strategies.register("counts")
@dataclass(frozen=True)
class Counts(CountFlops):
    """Ranks by live FLOPs."""
'''
PIECES = '[strategies.pieces]\nkind = "pieces"\n'
BROKEN = '[strategies.broken]\nkind = "broken"\n'
Run = Callable[..., list[Record]]
FewCells = Callable[[], AbstractContextManager[Any]]


class CountingScorer(Scorer):
    def score(self, architectures: np.ndarray) -> dict[str, np.ndarray]:
        count = flops(live=True)[architectures] / 1e6
        return {"accuracy": count, "negative_loss": -1 / count}


@dataclass(frozen=True)
class CountFlops(Strategy):
    """Ranks by live FLOPs, without training."""

    def train(self, context: Context) -> Scorer:
        return CountingScorer((Leaf(context.space, context.new_network("supernet"), 0),), (), context)


@dataclass(frozen=True)
class Pieces(CountFlops):
    """Measures five pieces; at the third it is asked to stop, the first time."""

    done: ClassVar[list[int]] = []

    def train(self, context: Context) -> Scorer:
        for piece in range(5):
            context.measure(f"piece {piece}", lambda piece=piece: self.measured(piece))
        return super().train(context)

    def measured(self, piece: int) -> dict[str, np.ndarray]:
        self.done.append(piece)
        if self.done == [0, 1, 2]:
            os.kill(os.getpid(), SIGTERM)
        return {"piece": np.array([piece])}


@dataclass(frozen=True)
class Broken(Strategy):
    """Fails as a diverged training does."""

    def train(self, context: Context) -> Scorer:
        raise RunError(f"stage 'supernet' diverged with seed {context.seed_axes[1]}")


class Listener(Silent):
    """Remembers phases, and interrupts after ``patience`` reports of progress in the phase of that ending."""

    def __init__(self, stop_in: str | None = None, patience: int = 3) -> None:
        self.phases: list[str] = []
        self.stop_in, self.patience, self.title = stop_in, patience, ""

    def fork(self, title: str) -> Listener:
        forked = Listener(self.stop_in, self.patience)
        forked.phases, forked.title = self.phases, f"{title} · "
        return forked

    def start(self, phase: str, total: float, unit: str) -> None:
        self.phases.append(self.title + phase)

    def advance(self, amount: float) -> None:
        if self.stop_in and self.phases[-1].endswith(self.stop_in):
            self.patience -= 1
            if self.patience == 0:
                raise KeyboardInterrupt


@pytest.fixture(autouse=True, scope="module")
def plug_in() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as monkeypatch:
        for members in ("_members", "_origins"):  # what a plug-in file registers is gone after the tests
            monkeypatch.setattr(strategies, members, dict(getattr(strategies, members)))
        monkeypatch.setitem(strategies._members, "count-flops", CountFlops)
        monkeypatch.setitem(strategies._members, "broken", Broken)
        monkeypatch.setitem(strategies._members, "pieces", Pieces)
        monkeypatch.setattr(unit_judge, "judge_column", lambda *column: judge_column(*column[:3], resamples=20))
        yield


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> Sources:
    noise = np.random.default_rng(0).normal(size=N_ARCHITECTURES)
    columns = {"digits_test_30": 50 + flops(live=True) / 1e7 + noise, "digits_valid_30": 50 + flops() / 1e7 - noise}
    path = tmp_path_factory.mktemp("truth") / "made-up.npz"
    TruthTable("made-up", columns, None, {}).save(path)
    return Sources(truth=path, threads=1)


@pytest.fixture(scope="module")
def run(sources: Sources, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Runs the tiny experiment with the named strategies; ``lines`` takes the reports."""

    def run_tiny(out: Path, *parts: str, overrides: tuple[str, ...] = (), **options: Any) -> list[Record]:
        source = tmp_path_factory.mktemp("experiment") / "tiny.toml"
        source.write_text(tiny.RUNNABLE + "".join(parts))
        lines: list[str] = options.pop("lines", [])
        chosen, progress = options.pop("sources", sources), options.pop("progress", Silent())
        return run_experiment(load_experiment(str(source), overrides), chosen, out, progress, lines.append, **options)

    return run_tiny


@pytest.fixture(scope="module")
def whole(run: Run, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The real unit with all its cells, run by itself."""
    out = tmp_path_factory.mktemp("whole")
    run(out, REAL)
    return out


@dataclass(frozen=True)
class Story:
    """A run that was interrupted in its second unit and taken up again, and the second unit run by itself."""

    out: Path
    first_after_interruption: bytes
    files_after_interruption: list[str]
    lines: list[str]
    phases: list[str]
    records: list[Record]
    alone: Path


def below(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def record_bytes(out: Path, strategy: str, seed: int = 0) -> bytes:
    return (out / strategy / f"seed-{seed}" / "record.json").read_bytes()


@pytest.fixture(scope="module")
def story(run: Run, few_cells: FewCells, tmp_path_factory: pytest.TempPathFactory) -> Story:
    out, alone = tmp_path_factory.mktemp("interrupted"), tmp_path_factory.mktemp("alone")
    with few_cells():
        with pytest.raises(KeyboardInterrupt):
            run(out, COUNT, REAL, progress=Listener("scoring", 800))
        first, left = record_bytes(out, "count"), below(out)
        lines: list[str] = []
        listener = Listener()
        records = run(out, COUNT, REAL, progress=listener, lines=lines)
        run(alone, REAL)
    return Story(out, first, left, lines, listener.phases, records, alone)


def plain(records: Sequence[Record | None]) -> list[Any]:
    """What a run returns of records, as files have it: what was just computed may be a tuple, what was read a list."""
    return [json.loads(json.dumps(asdict(light(record)) if record else None)) for record in records]


def scores_of(out: Path, strategy: str, seed: int = 0) -> pl.DataFrame:
    return pl.read_parquet(out / strategy / f"seed-{seed}" / "scores.parquet")


class Looking(Listener):
    """Looks at the status of the run folder, as somebody else would, when each phase begins."""

    def __init__(self, out: Path) -> None:
        super().__init__()
        self.out, self.seen = out, list[tuple[list[str], dict[str, Any]]]()

    def fork(self, title: str) -> Looking:
        return self

    def start(self, phase: str, total: float, unit: str) -> None:
        (status,) = read_status(self.out)
        units = status.to_json()["each"]
        self.seen.append(([each["state"] for each in units], units[0]))


def test_a_budget_that_the_last_strategy_cannot_divide_is_refused_before_the_first_trains(
    run: Run, tmp_path: Path
) -> None:
    tree = '[strategies.tree]\nkind = "tree-few-shot"\n'
    said = r"strategy tree cannot be trained as asked: tree-few-shot: .* less than one step of 20; raise the budget"
    with pytest.raises(UsageError, match=said):
        run(tmp_path, tiny.ONE, tree)
    assert not list(tmp_path.rglob("record.json"))
    assert not list(tmp_path.rglob("checkpoints"))


def test_a_unit_is_seen_to_run_from_elsewhere_and_its_heartbeat_goes_with_it(run: Run, tmp_path: Path) -> None:
    looking = Looking(tmp_path)
    small = ("seeds=[0, 1]", "budget.architecture_updates=100", "scoring.architectures=100")
    run(tmp_path, tiny.ONE, overrides=small, progress=looking)
    assert [states for states, _ in looking.seen] == [["running", "waiting"]] * 2 + [["finished", "running"]] * 2
    assert looking.seen[0][1].items() >= {"strategy": "one", "seed": 0, "pid": os.getpid()}.items()
    assert not list(tmp_path.rglob("progress.json"))
    (status,) = read_status(tmp_path)
    assert (len(status.of("finished")), status.seconds_left) == (2, 0.0)


def test_an_interruption_leaves_finished_units_and_checkpoints_of_the_other(story: Story) -> None:
    checkpoints = [name for name in story.files_after_interruption if name.startswith("real/seed-0/checkpoints/")]
    assert sorted(set(story.files_after_interruption) - set(checkpoints)) == [
        "count/seed-0/record.json",
        "count/seed-0/scores.parquet",
        "experiment.json",
    ]
    held = [name.removeprefix("real/seed-0/checkpoints/").rpartition("-")[0] for name in checkpoints]
    assert [name for name in held if name.startswith("training")] == [
        "training-of-leaf-1-3-nonlinearities-0-1",
        "training-of-leaf-2-3-nonlinearities-2",
        "training-of-leaf-3-3-nonlinearities-3",
        "training-of-parent",
    ]
    assert "measurement-of-scores-of-network-0-from-0" in held


def test_taken_up_again_finished_units_are_kept_and_the_others_run(story: Story) -> None:
    assert record_bytes(story.out, "count") == story.first_after_interruption
    assert story.lines[0] == "[1/2] count seed 0: finished earlier, kept"
    assert story.lines[1].startswith("[2/2] real seed 0: tau-b ")
    assert len(story.lines) == 2
    assert {phase.split(" · ")[0] for phase in story.phases} == {"[2/2] real seed 0"}
    assert [record.strategy for record in story.records] == ["count", "real"]
    assert plain(story.records) == plain([read_record(story.out, name, 0) for name in ("count", "real")])


def test_an_interrupted_and_repeated_unit_equals_an_uninterrupted_one(story: Story) -> None:
    one, other = (json.loads(record_bytes(out, "real")) for out in (story.out, story.alone))
    for varying in ("created", "cost"):
        one_cost, other_cost = one.pop(varying), other.pop(varying)
        if varying == "cost":
            assert one_cost["architecture_updates"] == other_cost["architecture_updates"]
    for record in (one, other):
        del record["digests"]["record"]  # of what varies too
    assert one == other
    assert scores_of(story.out, "real").equals(scores_of(story.alone, "real"))
    assert not any("checkpoints" in name for name in below(story.out))


def test_workers_give_the_same_records(whole: Path, run: Run, tmp_path: Path) -> None:
    """Two units in processes of their own, where a strategy of this file is that of a plug-in file."""
    lines: list[str] = []
    file = tmp_path / "counting.py"
    file.write_text(COUNTING)
    second = '[strategies.second]\nkind = "counts"\n'
    records = run(tmp_path, REAL, second, lines=lines, workers=2, overrides=(f'plugins=["{file}"]',))
    assert [record.strategy for record in records] == ["real", "second"]
    assert sorted(line[:6] for line in lines) == ["[1/2] ", "[2/2] "]
    assert scores_of(tmp_path, "real").equals(scores_of(whole, "real"))
    assert not any("checkpoints" in name for name in below(tmp_path))


def same_but_for_the_cost(one: Path, other: Path) -> bool:
    """Scores to the byte, and all of the record except when and in what time it came about."""
    records = [json.loads(record_bytes(out, "real")) for out in (one, other)]
    for record in records:
        record.pop("created")
        del record["digests"]["record"]
        record["cost"] = record["cost"]["architecture_updates"]
    scores = [(out / "real" / "seed-0" / "scores.parquet").read_bytes() for out in (one, other)]
    return bool(records[0] == records[1]) and scores[0] == scores[1]


def test_a_single_unit_uses_the_workers_for_its_parts_and_gives_the_same_record(
    story: Story, run: Run, few_cells: FewCells, tmp_path: Path
) -> None:
    listener = Listener()
    with few_cells():
        [record] = run(tmp_path, REAL, workers=2, progress=listener)
    assert listener.phases == [f"[1/1] real seed 0 · {phase}" for phase in ("parent", "3 sub-supernets", "scoring")]
    assert record.cost["processes"] == 2
    assert story.records[1].cost["processes"] == 1
    assert same_but_for_the_cost(tmp_path, story.alone)
    assert not any("checkpoints" in name for name in below(tmp_path))


@pytest.mark.parametrize("workers", [1, 2])
def test_a_unit_interrupted_with_several_processes_goes_on_with_as_many_as_there_are(
    story: Story, run: Run, few_cells: FewCells, tmp_path: Path, workers: int
) -> None:
    with few_cells(), pytest.raises(KeyboardInterrupt):
        run(tmp_path, REAL, workers=2, progress=Listener("sub-supernets" if workers == 2 else "scoring", 1))
    assert any("training-of-parent" in name for name in below(tmp_path))
    with few_cells():
        run(tmp_path, REAL, workers=workers)
    assert same_but_for_the_cost(tmp_path, story.alone)


def test_a_sub_supernet_that_fails_in_its_process_fails_the_unit(run: Run, tmp_path: Path) -> None:
    diverging = ("training.learning_rate=1e6", "training.learning_rate_end=1e6")
    orphans = REAL.replace("parent_fraction = 0.5", "")
    with pytest.raises(RunError, match=r"1 of 1 units failed \(real seed 0: stage 'leaf .*/3.*' diverged"):
        run(tmp_path, orphans, workers=2, overrides=diverging)


@pytest.mark.parametrize(
    ("workers", "units", "processes"), [(1, 1, 1), (1, 9, 1), (2, 1, 2), (4, 3, 1), (4, 2, 2), (9, 2, 4), (3, 0, 3)]
)
def test_units_come_first_and_share_the_workers_that_are_left(workers: int, units: int, processes: int) -> None:
    assert processes_a_unit(workers, units) == processes


def test_a_real_unit_ranks_every_architecture_by_what_lives_in_it(whole: Path) -> None:
    scores = scores_of(whole, "real")
    assert scores["index"].to_list() == list(range(N_ARCHITECTURES))
    assert scores["arch"].to_list() == list(all_strings())
    for signal, chance in (("accuracy", 10.0), ("negative_loss", -np.log(10))):
        column = scores[signal].to_numpy()
        assert (column[~connected()] == np.float32(chance)).all()
        np.testing.assert_array_equal(column, column[live_cell_of()])
    assert len(np.unique(scores["negative_loss"].to_numpy())) > 5000
    accuracy = scores["accuracy"].to_numpy()
    np.testing.assert_allclose(accuracy / 5, np.round(accuracy / 5), atol=1e-5)  # of 20 images


def test_metrics_can_be_computed_again_from_the_stored_scores(story: Story, sources: Sources) -> None:
    assert sources.truth is not None
    truth = TruthPolicy("digits_test_30").apply(TruthTable.open(sources.truth))
    for record in story.records:
        scores = scores_of(story.out, record.strategy)
        for signal in ("accuracy", "negative_loss"):
            again = judge_column(scores[signal].to_numpy()[truth.index_A], truth.accuracy_A, truth.index_A, 20)
            assert record.metrics[signal] == json.loads(json.dumps(again))


def test_the_budget_of_a_real_unit_is_metered(story: Story) -> None:
    record = read_record(story.out, "real", 0)
    assert record is not None
    # 25 steps for the parent, then (1000 - 500) // 3 = 166 updates or 8 steps for each of three leaves
    assert record.cost["architecture_updates"] == {"planned": 1000, "used": 500 + 3 * 160}
    assert [leaf["updates"] for leaf in record.leaves] == [160] * 3
    assert [curve["stage"].split(":")[0] for curve in record.training["loss"]] == [
        "parent",
        "leaf 1/3",
        "leaf 2/3",
        "leaf 3/3",
    ]


def test_some_strategies_leave_the_description_of_the_others(run: Run, counted: Path) -> None:
    run(counted, COUNT.replace("strategies.count", "strategies.second"))
    assert list(json.loads((counted / "experiment.json").read_text())["strategies"]) == ["count", "second"]
    with pytest.raises(UsageError, match=r"count: seed 0 is stored under another protocol \(scoring\.images"):
        run(counted, COUNT.replace("strategies.count", "strategies.third"), overrides=("scoring.images=10",))


def test_paths_may_be_text(run: Run, sources: Sources, counted: Path, tmp_path: Path) -> None:
    text = Sources(truth=str(sources.truth))
    [told] = run(str(counted), COUNT, sources=text)
    [again] = read_run(str(counted)).records
    assert light(again) == told
    assert read_record(str(counted), "count", 0) == again
    scores = read_scores(str(counted / "count" / "seed-0"))
    assert write_record(str(tmp_path / "copy"), again, scores) == tmp_path / "copy" / "count" / "seed-0"
    assert open_table(str(sources.truth)).sha256 == open_table(sources.truth).sha256


def test_a_finished_run_is_left_exactly_as_it_is(story: Story, run: Run) -> None:
    before = {name: (story.out / name).read_bytes() for name in below(story.out)}
    lines: list[str] = []
    listener = Listener()
    records = run(story.out, COUNT, REAL, progress=listener, lines=lines)
    assert {name: (story.out / name).read_bytes() for name in below(story.out)} == before
    assert plain(records) == plain(story.records)
    assert listener.phases == []
    assert all(line.endswith("finished earlier, kept") for line in lines)


def test_a_unit_that_fails_leaves_the_others_stored(run: Run, tmp_path: Path) -> None:
    lines: list[str] = []
    with pytest.raises(RunError, match="2 of 4 units failed") as raised:
        run(tmp_path, BROKEN, COUNT, overrides=("seeds=[0, 1]",), lines=lines)
    assert "broken seed 0: stage 'supernet' diverged with seed 0" in str(raised.value)
    assert "broken seed 1: stage 'supernet' diverged with seed 1" in str(raised.value)
    assert "\n" not in str(raised.value)
    assert [name for name in below(tmp_path) if name.endswith("record.json")] == [
        "count/seed-0/record.json",
        "count/seed-1/record.json",
    ]
    assert lines[0] == "[1/4] broken seed 0: failed: stage 'supernet' diverged with seed 0"
    with pytest.raises(RunError, match="2 of 4 units failed"):  # failed units are tried again, not taken for finished
        run(tmp_path, BROKEN, COUNT, overrides=("seeds=[0, 1]",), lines=lines)


@pytest.fixture(scope="module")
def counted_once(run: Run, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("once") / "counted"
    run(out, COUNT)
    return out


@pytest.fixture
def counted(counted_once: Path, tmp_path: Path) -> Path:
    """A folder with the finished unit of the counting strategy; a copy of its own for each test."""
    return Path(shutil.copytree(counted_once, tmp_path / "counted"))


def test_another_protocol_is_refused_by_name_of_the_setting_unless_replaced(run: Run, counted: Path) -> None:
    before = record_bytes(counted, "count")
    with pytest.raises(UsageError, match=r"scoring\.images: 20 there, 10 asked.*--replace") as raised:
        run(counted, COUNT, overrides=("scoring.images=10",))
    assert "\n" not in str(raised.value)
    assert record_bytes(counted, "count") == before
    [record] = run(counted, COUNT, overrides=("scoring.images=10",), replace=True)
    assert plain([read_record(counted, "count", 0)]) == plain([record])
    assert record.experiment["scoring"]["images"] == 10
    assert record.identity != json.loads(before)["identity"]


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("training.momentum=0.5", r"training\.momentum: 0\.9 there, 0\.5 asked"),
        ("truth.policy=digits_valid_30", r"truth\.policy: 'digits_test_30' there, 'digits_valid_30' asked"),
        ("images.split_seed=9", r"data\.images\.split"),
    ],
)
def test_the_refusal_names_what_differs(run: Run, counted: Path, override: str, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        run(counted, COUNT, overrides=(override,))


def test_other_truth_values_are_another_protocol(run: Run, counted: Path, tmp_path: Path) -> None:
    TruthTable("made-up", {"digits_test_30": flops() / 1e7}, None, {}).save(tmp_path / "other.npz")
    with pytest.raises(UsageError, match=r"data\.truth_sha256"):
        run(counted, COUNT, sources=Sources(truth=tmp_path / "other.npz"))


def test_a_conflict_is_found_before_anything_is_run(run: Run, counted: Path) -> None:
    listener, before = Listener(), below(counted)
    first = COUNT.replace("strategies.count", "strategies.a-first")
    with pytest.raises(UsageError, match="stored under another protocol"):
        run(counted, first, COUNT, overrides=("scoring.images=10",), progress=listener)
    assert listener.phases == []
    assert below(counted) == before


def test_more_seeds_join_the_finished_ones(run: Run, counted: Path) -> None:
    before = record_bytes(counted, "count")
    records = run(counted, COUNT, overrides=("seeds=[0, 1]",))
    assert [record.seed for record in records] == [0, 1]
    assert record_bytes(counted, "count") == before


def test_asked_to_stop_a_run_ends_at_the_next_checkpoint_and_the_same_command_resumes(run: Run, tmp_path: Path) -> None:
    Pieces.done.clear()
    before = getsignal(SIGTERM)
    with pytest.raises(SuspendedError, match=r"stopped by SIGTERM; 2 of 3 units are unfinished, .* resumes") as stopped:
        run(tmp_path, COUNT, PIECES, COUNT.replace("count]", "later]"))
    assert stopped.value.exit_code == 75
    assert Pieces.done == [0, 1, 2]
    assert getsignal(SIGTERM) == before
    assert not list(tmp_path.rglob("claim.json"))
    assert len(run(tmp_path, COUNT, PIECES, COUNT.replace("count]", "later]"))) == 3
    assert Pieces.done == [0, 1, 2, 3, 4]


def test_time_that_is_up_stops_a_run_before_another_unit(run: Run, tmp_path: Path) -> None:
    with pytest.raises(SuspendedError, match="stopped after 0 s, as asked; 1 of 1 units"):
        run(tmp_path, COUNT, stop_after=0.0)
    assert len(run(tmp_path, COUNT, stop_after=3600.0)) == 1


def test_shards_are_together_the_whole(run: Run, tmp_path: Path) -> None:
    parts, seeds = (COUNT, COUNT.replace("count]", "other]")), ("seeds=[0, 1, 2]",)
    whole = run(tmp_path / "whole", *parts, overrides=seeds)
    for number in (2, 1):  # the order does not matter, nor that one is run again
        run(tmp_path / "shards", *parts, overrides=seeds, shard=Shard(number, 2))
        assert len(run(tmp_path / "shards", *parts, overrides=seeds, shard=Shard(number, 2))) == 3
    description = (tmp_path / "shards" / "experiment.json").read_bytes()
    assert description == (tmp_path / "whole" / "experiment.json").read_bytes()
    for record in whole:
        unit = Path(record.strategy) / f"seed-{record.seed}" / "scores.parquet"
        assert (tmp_path / "shards" / unit).read_bytes() == (tmp_path / "whole" / unit).read_bytes()
        there = read_record(tmp_path / "shards", record.strategy, record.seed)
        assert there is not None
        assert plain([there])[0]["metrics"] == plain([record])[0]["metrics"]
    assert len(read_run(tmp_path / "shards").records) == 6


def test_a_folder_that_cannot_be_written_is_an_error_before_anything_is_run(run: Run, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    listener = Listener()
    with pytest.raises(UsageError, match=r"cannot write .*; choose a folder that can be written") as raised:
        run(tmp_path / "file" / "out", COUNT, progress=listener)
    assert "\n" not in str(raised.value)
    assert listener.phases == []


def test_a_disk_that_is_nearly_full_is_an_error_before_anything_is_run(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(10**9, 10**9 - 10**6, 10**6))
    listener = Listener()
    with pytest.raises(RunError, match=r"1 MB of disk space left for .*, 50 needed"):
        run(tmp_path, COUNT, progress=listener)
    assert listener.phases == []
    assert below(tmp_path) == []


@pytest.mark.parametrize("name", ["scores.parquet", "record.json"])
def test_a_disk_that_fills_up_fails_the_unit_and_leaves_no_half_record(
    run: Run, counted: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    move = files.os.replace
    kept = {path: (counted / path).read_bytes() for path in below(counted)}

    def filled_up(source: Any, target: Any) -> None:
        if Path(target).match(f"*/seed-1/{name}"):
            raise OSError(errno.ENOSPC, "No space left on device")
        move(source, target)

    monkeypatch.setattr(files.os, "replace", filled_up)
    with pytest.raises(RunError, match=r"1 of 2 units failed .*no disk space left to write"):
        run(counted, COUNT, overrides=("seeds=[0, 1]",))
    monkeypatch.undo()
    assert read_record(counted, "count", 1) is None
    new = set(below(counted)) - set(kept)
    assert new <= {"count/seed-1/scores.parquet", "count/seed-1/checkpoints/progress.json"}
    assert record_bytes(counted, "count") == kept["count/seed-0/record.json"]
    assert len(run(counted, COUNT, overrides=("seeds=[0, 1]",))) == 2
    assert read_record(counted, "count", 1) is not None


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"device": "warp-drive"}, "device 'warp-drive' cannot be used here .*; try cpu"),
        ({"device": "cuda:99"}, "device 'cuda:99' cannot be used here"),
        ({"threads": 0}, "threads must be at least 1, found 0"),
    ],
)
def test_impossible_devices_and_threads(
    run: Run, sources: Sources, tmp_path: Path, options: dict[str, Any], said: str
) -> None:
    with pytest.raises(UsageError, match=said) as raised:
        run(tmp_path / "out", COUNT, sources=Sources(truth=sources.truth, **options))
    assert "\n" not in str(raised.value)
    assert not (tmp_path / "out").exists()


def test_the_experiment_is_stored_beside_its_records(story: Story) -> None:
    stored = json.loads((story.out / "experiment.json").read_text())
    assert stored["name"] == "tiny"
    assert set(stored["strategies"]) == {"count", "real"}


def test_the_line_on_a_unit_says_when_its_tau_is_undefined(fake: ModuleType) -> None:
    record = fake.make_record()
    record.metrics["accuracy"]["kendall_tau"] = None
    line = summary(record)
    assert "tau-b undefined (accuracy)" in line
    assert f"tau-b {record.metrics['negative_loss']['kendall_tau']:.3f} (negative loss)" in line
