"""Tau along training, of whole units: it changes nothing, survives interruptions, and ends what ranks too badly."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from nasbench_harness import pipeline
from nasbench_harness.api.runs import read_run
from nasbench_harness.errors import StoppedEarlyError, UsageError
from nasbench_harness.evaluation.sample import architectures_of, cells_of
from nasbench_harness.experiment import load_experiment, select_strategies
from nasbench_harness.images import ImageSpec, load_image_set
from nasbench_harness.images.batches import DeviceImages
from nasbench_harness.pipeline import Unit, check_ready, run_unit
from nasbench_harness.records import Record, ScoreTable
from nasbench_harness.runner import Sources, run_experiment
from nasbench_harness.seeding import derive_rng
from nasbench_harness.space import connected
from nasbench_harness.strategies import Context
from nasbench_harness.supernet.network import Supernet
from nasbench_harness.system.progress import Silent
from nasbench_harness.truth import TruthPolicy, open_table
from tests import tiny

TREE = 'kind = "tree-few-shot"\nlevels = 1\npartitioner = {name = "gradient-matching", edge = 0, repeats = 1}\n'
STRATEGIES = (
    tiny.ONE
    + '[strategies.copies]\nkind = "few-shot"\npartitioner = {name = "efs-accum", thresholds = [10]}\n'
    + '[strategies.leaves]\nkind = "few-shot"\npartitioner = {name = "random", leaves = 2}\nparent_fraction = 0.5\n'
    + f"[strategies.tree]\n{TREE}"
    + f"[strategies.hot-tree]\n{TREE}probe_at = 0.5\n"
    + '[strategies.hep]\nkind = "hep-rank"\nmax_peers = 1\nrepeats = 1\n'
    + '[strategies.alike]\nkind = "smd-without-split"\ncopies = 2\n'
    + '[strategies.ensemble]\nkind = "ensemble"\nnetworks = 2\n'
    + '[strategies.close]\nkind = "close"\nblocks = 3\nstarts = [0.0, 0.25, 0.75]\nrestart = 0.5\n'
    + '[strategies.masks]\nkind = "hm-nas"\n'
)
SAMPLED = "scoring.architectures=40"
FOLLOWED = "scoring.trajectory={points = [0.3, 0.5, 0.7, 1.0], architectures = 40}"


def unit_of(folder: Path, strategy: str, *overrides: str) -> Unit:
    source = folder / "tiny.toml"
    source.write_text(tiny.runnable("") + STRATEGIES)
    experiment = load_experiment(str(source), [SAMPLED, *overrides])
    images = load_image_set(ImageSpec("digits", size=4))
    return Unit(experiment, strategy, 0, images, TruthPolicy("digits_test_5").apply(open_table(None)), None)


def run(unit: Unit, work: Path | None = None, **options: Any) -> tuple[Record, ScoreTable, list[torch.Tensor]]:
    """The unit's record, its scores, and the weights that it ends with."""
    found: list[Supernet] = []
    keep = Context.new_network

    def remembered(self: Context, *arguments: Any, **others: Any) -> Supernet:
        found.append(keep(self, *arguments, **others))
        return found[-1]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Context, "new_network", remembered)
        record, table = run_unit(unit, Silent(), work, **options)
    return record, table, [weight for network in found for weight in network.state_dict().values()]


def trajectory_of(record: Record) -> dict[str, Any]:
    return dict(json.loads(json.dumps(record.training["trajectory"])))


@pytest.mark.slow
@pytest.mark.parametrize(
    "strategy", ["one", "copies", "leaves", "tree", "hot-tree", "hep", "alike", "ensemble", "close"]
)
def test_it_changes_neither_weights_nor_scores_nor_budget(tmp_path: Path, strategy: str) -> None:
    plain, plain_scores, plain_weights = run(unit_of(tmp_path, strategy))
    record, scores, weights = run(unit_of(tmp_path, strategy, FOLLOWED))
    assert all(torch.equal(one, other) for one, other in zip(plain_weights, weights, strict=True))
    for name, values in plain_scores.scores.items():
        np.testing.assert_array_equal(values, scores.scores[name])
    assert plain.cost["architecture_updates"] == record.cost["architecture_updates"]
    assert plain.training["loss"] == record.training["loss"]
    assert "trajectory" not in plain.training
    assert plain.identity != record.identity
    found = trajectory_of(record)
    assert [point["fraction"] for point in found["points"]] == [0.3, 0.5, 0.7, 1.0]
    assert [point["updates"] for point in found["points"]] == [300, 500, 700, 1000]
    assert found["architectures"] == found["n"] == 40
    # the end of training is what the final scoring sees, and the sample is the same
    for signal, numbers in found["points"][-1]["signals"].items():
        for name in ("kendall_tau", "tau_within_flops", "tau_with_flops"):
            assert numbers[name] == record.metrics[signal][name]
            assert numbers["intervals"].get(name) == record.metrics[signal]["intervals"].get(name)
    taus = [point["signals"]["negative_loss"]["kendall_tau"] for point in found["points"]]
    assert len(set(taus)) > 1
    assert record.cost["trajectory_seconds"] > 0


@pytest.mark.slow
@pytest.mark.parametrize(("strategy", "looks"), [("one", 3 + 2), ("leaves", 3 + 4), ("close", 3 + 3)])
def test_an_interrupted_unit_ends_with_the_same_trajectory(tmp_path: Path, strategy: str, looks: int) -> None:
    """Killed at its fourth look: one network has a checkpoint after its second, leaves after their parent, CLOSE after
    its first stretch."""
    unit = unit_of(tmp_path, strategy, FOLLOWED)
    whole = trajectory_of(run(unit)[0])
    done: list[int] = []
    look = Context._look

    def killed(self: Context, *arguments: Any) -> Any:
        if len(done) == 3:
            raise KeyboardInterrupt
        done.append(1)
        return look(self, *arguments)

    def counted(self: Context, *arguments: Any) -> Any:
        done.append(1)
        return look(self, *arguments)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("nasbench_harness.training.trainer.SECONDS_BETWEEN_CHECKPOINTS", 0.0)
        patch.setattr(Context, "_look", killed)
        with pytest.raises(KeyboardInterrupt):
            run_unit(unit, Silent(), tmp_path / "work")
        patch.setattr(Context, "_look", counted)
        record, _ = run_unit(unit, Silent(), tmp_path / "work")
    assert trajectory_of(record) == whole
    assert len(done) == looks  # what a checkpoint holds is not done again


@pytest.mark.slow
@pytest.mark.parametrize("strategy", ["leaves", "ensemble"])
def test_several_processes_give_the_same_trajectory(tmp_path: Path, strategy: str) -> None:
    unit = unit_of(tmp_path, strategy, FOLLOWED)
    record, _ = run_unit(unit, Silent(), tmp_path / "work", processes=2)
    assert trajectory_of(record) == trajectory_of(run(unit)[0])


@pytest.mark.slow
def test_a_hopeless_unit_is_stopped_and_can_be_finished(tmp_path: Path) -> None:
    unit = unit_of(tmp_path, "one", FOLLOWED)
    out, experiment = tmp_path / "out", select_strategies(unit.experiment, ["one"])
    said: list[str] = []
    for _ in range(2):  # the second time it stops without training
        with pytest.raises(StoppedEarlyError, match="every unit was stopped early"):
            run_experiment(experiment, Sources(), out, Silent(), said.append, stop_below=0.99)
    assert "stopped at 0.3 of its budget: tau by accuracy of 40 architectures is" in said[0]
    assert said[0] == said[1]
    assert not list(out.rglob("record.json"))
    assert list(out.rglob("checkpoints/*.safetensors"))
    run_experiment(experiment, Sources(), out, Silent(), said.append, stop_below=-1)
    assert trajectory_of(read_run(out).record()) == trajectory_of(run(unit)[0])
    assert not list(out.rglob("checkpoints"))


def test_strategies_without_networks_for_the_whole_space_are_refused(tmp_path: Path) -> None:
    check_ready(unit_of(tmp_path, "masks"))
    for strategy in ("one", "copies", "leaves", "tree", "ensemble"):
        check_ready(unit_of(tmp_path, strategy, FOLLOWED))
    names = "one,copies,leaves,tree,hot-tree,hep,alike,ensemble,close"
    with pytest.raises(
        UsageError, match=rf"masks has no networks that cover the space.* --strategies {names}, or leave"
    ):
        check_ready(unit_of(tmp_path, "masks", FOLLOWED))


def test_points_may_be_updates_and_not_beyond_the_budget(tmp_path: Path) -> None:
    unit = unit_of(tmp_path, "one", "scoring.trajectory={points = [250, 1000], architectures = 40}")
    followed = pipeline._followed(unit)
    assert followed is not None
    assert followed.fractions == (0.25, 1.0)
    np.testing.assert_array_equal(followed.cells, cells_of(architectures_of("tiny", 40)))
    with pytest.raises(UsageError, match=r"1,001 architecture-updates lie beyond the budget of 1,000"):
        check_ready(unit_of(tmp_path, "one", "scoring.trajectory={points = [250, 1001], architectures = 40}"))


@pytest.mark.parametrize(
    ("value", "fault"),
    [
        ("{points = 0, architectures = 40}", "1 to 1000"),
        ("{points = [], architectures = 40}", "1 to 1000"),
        ("{points = [0.5, 0.5], architectures = 40}", "increase"),
        ("{points = [0.0, 0.5], architectures = 40}", "above 0"),
        ("{points = [0.5, 1.5], architectures = 40}", "all fractions"),
        ("{points = [1.5], architectures = 40}", "1.5 is neither a fraction"),
        ("{points = [2, 2.5], architectures = 40}", "2.5 is neither a fraction"),
        ("{points = 4, architectures = 1}", "greater than or equal to 2"),
        ("{points = 4, architectures = 15626}", "less than or equal to 15625"),
        ("{points = 4}", "required"),
        ("{points = 4, architectures = 40, images = 1}", "greater than 1"),
    ],
)
def test_impossible_settings_are_refused_in_a_line(tmp_path: Path, value: str, fault: str) -> None:
    with pytest.raises(UsageError, match=rf"scoring\.trajectory.*{fault}"):
        unit_of(tmp_path, "one", f"scoring.trajectory={value}")


def test_a_number_of_points_means_equal_stretches(tmp_path: Path) -> None:
    one = unit_of(tmp_path, "one", "scoring.trajectory={points = 4, architectures = 40}")
    other = unit_of(tmp_path, "one", "scoring.trajectory={points = [0.25, 0.5, 0.75, 1.0], architectures = 40}")
    assert one.identity == other.identity


def test_stopping_needs_a_trajectory_and_a_tau(tmp_path: Path) -> None:
    plain, followed = unit_of(tmp_path, "one").experiment, unit_of(tmp_path, "one", FOLLOWED).experiment
    with pytest.raises(UsageError, match=r"set scoring\.trajectory"):
        run_experiment(plain, Sources(), tmp_path / "out", Silent(), print, stop_below=0.5)
    with pytest.raises(UsageError, match="between -1 and 1"):
        run_experiment(followed, Sources(), tmp_path / "out", Silent(), print, stop_below=1.5)


@pytest.mark.slow
@pytest.mark.parametrize("strategy", ["copies", "leaves"])
def test_weights_that_are_kept_give_the_stored_scores(tmp_path: Path, strategy: str) -> None:
    unit = unit_of(tmp_path, strategy)
    experiment, out = select_strategies(unit.experiment, [strategy]), tmp_path / "out"
    [record] = run_experiment(experiment, Sources(), out, Silent(), print, keep_weights=True)
    assert record.identity == unit.identity
    run = read_run(out)
    table = run.score_table()
    index = table.index[connected()[table.index]]
    held_out = derive_rng("tiny", "scoring images").permutation(unit.images.valid)[:20]
    again = run.weights().score(index, DeviceImages(unit.images, held_out), 512)
    for name, values in again.items():
        np.testing.assert_array_equal(values.astype(np.float32), table.scores[name][connected()[table.index]])


def test_weights_that_do_not_score_alone_are_refused(tmp_path: Path) -> None:
    check_ready(unit_of(tmp_path, "one"), keep_weights=True)
    unit = unit_of(tmp_path, "many", "strategies.many={kind = 'ensemble'}")
    with pytest.raises(UsageError, match="without --keep-weights"):
        check_ready(unit, keep_weights=True)


@pytest.mark.slow
def test_fewer_images_may_look(tmp_path: Path) -> None:
    """Half of the scoring images: what a final scoring by these alone says."""
    half = "{points = 1, architectures = 40, images = 10}"
    record = run(unit_of(tmp_path, "one", f"scoring.trajectory={half}"))[0]
    fewer = run(unit_of(tmp_path, "one", "scoring.images=10"))[0]
    [point] = trajectory_of(record)["points"]
    assert point["signals"]["negative_loss"]["kendall_tau"] == fewer.metrics["negative_loss"]["kendall_tau"]
    assert point["signals"]["negative_loss"]["kendall_tau"] != record.metrics["negative_loss"]["kendall_tau"]
    with pytest.raises(UsageError, match=r"images 21: scoring\.images gives 20"):
        check_ready(unit_of(tmp_path, "one", f"scoring.trajectory={half.replace('10', '21')}"))
    assert "images" not in unit_of(tmp_path, "one", FOLLOWED).description["scoring"]["trajectory"]
