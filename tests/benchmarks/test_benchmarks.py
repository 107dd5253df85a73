"""The benchmark compares like with like, alternates, and leaves whole files; how fast anything is, no test says."""

from __future__ import annotations

import copy
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import plain
import pytest
import report
import torch
from agreement import compare_networks, compare_scores, copy_weights, pairs
from cases import Case, Effort, Work, measure, select
from network_cases import distinct_cells, draw_windows, members_of
from small_cases import IMAGE_SETS, QueryPattern, write_tables
from timing import WARM_UP, Spread, interleave, paired_ratio

from nasbench_harness.errors import DataError, RunError, UsageError
from nasbench_harness.images.batches import DeviceImages
from nasbench_harness.images.sets import ImageSet
from nasbench_harness.space import all_codes, all_strings, code_to_index, live_cell_of, live_cells
from nasbench_harness.supernet.network import NetworkShape, Supernet, parameter_count
from nasbench_harness.supernet.scoring.functions import representative_of
from nasbench_harness.supernet.scoring.scores import score_live_cells
from nasbench_harness.system.progress import Silent
from nasbench_harness.truth import TruthTable

RUN = Path(__file__).resolve().parents[2] / "benchmarks" / "run.py"
# A dead edge behind a `none`, one before it, no path at all, and every operation at least once.
CODES = ([1, 2, 3, 4, 3, 2], [0, 3, 2, 4, 3, 1], [3, 3, 0, 4, 0, 0], [0, 0, 0, 0, 0, 0], [2, 0, 4, 0, 1, 3])
EFFORT = Effort(repeats=3, steps=1, windows=1, window=2, batches=1, compared=1)


@pytest.fixture
def twins() -> tuple[Supernet, plain.PlainSupernet]:
    torch.manual_seed(1)
    engine, reference = Supernet(NetworkShape(3, 1, 3, 10)), plain.PlainSupernet(3, 1)
    copy_weights(engine, reference)
    return engine, reference


def images(count: int, side: int = 8) -> ImageSet:
    rng = np.random.default_rng(2)
    pixels = rng.integers(0, 256, (count, 3, side, side), dtype=np.uint8)
    labels, every = rng.integers(0, 10, count), np.arange(count)
    return ImageSet("random", pixels, labels, 10, every, every[:0], every[:0], np.full(3, 0.4), np.full(3, 0.2), {})


def test_every_weight_of_both_networks_has_a_counterpart(twins):
    engine, reference = twins
    found = list(pairs(engine, reference))
    assert len({id(weight) for weight, _ in found}) == len({id(twin) for _, twin in found}) == len(found)
    assert sum(weight.numel() for weight, _ in found) == parameter_count(engine) == parameter_count(reference)
    assert all(torch.equal(weight, twin) for weight, twin in found)


def test_reference_and_engine_agree_on_outputs_and_gradients(twins):
    x = torch.randn(6, 3, 8, 8)
    indices = code_to_index(np.array(CODES))
    agreement = compare_networks(*twins, indices, x, torch.arange(6))
    assert agreement.architectures == len(CODES)
    assert agreement.errors["outputs"] < 1e-4
    assert agreement.errors["outputs_float64"] < 1e-12
    assert agreement.errors["gradients_float64"] < 1e-12


def test_a_difference_is_found_and_named(twins):
    engine, reference = twins
    with torch.no_grad():
        reference.classifier.bias += 0.01
    with pytest.raises(RunError, match=r"disagree on architecture \[1, 2, 3, 4, 3, 2\]"):
        compare_networks(engine, reference, code_to_index(np.array(CODES)), torch.randn(4, 3, 8, 8), torch.arange(4))


def test_the_reference_computes_dead_edges_and_the_engine_does_not(twins):
    engine, reference = twins
    choice, x = [0, 3, 2, 4, 3, 1], torch.randn(4, 3, 8, 8)  # edge 4 hangs on a `none`
    reference(x, choice).sum().backward()
    dead = reference.get_parameter("layers.0.edges.4.3.operation.1.weight")
    assert dead.grad is not None
    assert not dead.grad.any()
    engine(x, (0, 3, 0, 4, 0, 1)).sum().backward()
    assert engine.get_parameter("cells.0.0.conv_3x3.4").grad is None


def test_whole_scoring_runs_agree(twins):
    engine, reference = twins
    cells = np.sort(live_cell_of()[code_to_index(np.array(CODES[:3]))])
    resident = DeviceImages(images(20), np.arange(20))
    batches = [(x.contiguous(), labels) for x, labels in resident.equal_batches(10)]
    ours = score_live_cells(engine, cells, resident, 10, Silent())
    theirs = plain.score(reference, all_codes()[cells].tolist(), batches)
    assert compare_scores(ours, theirs).errors["losses"] < 1e-5
    with pytest.raises(RunError, match="losses of 3"):
        compare_scores(ours, [(accuracy, loss + 0.01) for accuracy, loss in theirs])


def test_a_training_step_lowers_the_loss_of_its_architecture(twins):
    _, reference = twins
    optimiser = torch.optim.SGD(reference.parameters(), lr=0.1)
    before = copy.deepcopy(reference.state_dict())
    x, labels = torch.randn(16, 3, 8, 8), torch.arange(16) % 10
    losses = [float(plain.training_step(reference, optimiser, x, labels, CODES[0])) for _ in range(10)]
    assert losses[-1] < losses[0]
    changed = {name for name, value in reference.state_dict().items() if not torch.equal(value, before[name])}
    used = {f"layers.0.edges.{edge}.{op}.operation.1.weight" for edge, op in enumerate(CODES[0]) if op in (2, 3)}
    assert {name for name in changed if name.startswith("layers.0.")} == used


def test_the_references_images_are_normalised_windows_of_the_padded_originals():
    source = images(4)
    dataset = plain.AugmentedImages(source.images, source.labels, source.mean, source.std, padding=2, seed=0)
    for position in range(len(dataset)):
        image, label = dataset[position]
        assert label == source.labels[position]
        padded = np.pad(source.images[position] / 255.0, ((0, 0), (2, 2), (2, 2)))
        wanted = [
            (candidate[:, top : top + 8, left : left + 8] - 0.4) / 0.2
            for candidate in (padded, padded[:, :, ::-1])
            for top in range(5)
            for left in range(5)
        ]
        assert min(float(np.abs(image - window).max()) for window in wanted) < 1e-5


def test_windows_are_runs_of_live_cells_and_members_stand_for_them():
    rng = np.random.default_rng(0)
    windows = draw_windows(5, 4, rng)
    order = {cell: place for place, cell in enumerate(distinct_cells().tolist())}
    assert set(order) < set(live_cells().tolist())
    for window in windows:
        places = [order[cell] for cell in window.tolist()]
        assert places == list(range(places[0], places[0] + 4))
        assert places[0] > 0  # the cell without a path is never run
    drawn = members_of(windows[0], rng)
    assert np.array_equal(representative_of()[drawn], windows[0])


def test_candidates_take_turns_and_the_order_turns_round():
    calls: list[tuple[str, int]] = []
    ticks = iter(range(100))
    seconds = interleave(
        {name: lambda repeat, name=name: calls.append((name, repeat)) for name in ("a", "b")},
        repeats=3,
        clock=lambda: float(next(ticks)),
    )
    warm_up = [("a", WARM_UP), ("b", WARM_UP)]
    assert calls == [*warm_up, ("a", 0), ("b", 0), ("b", 1), ("a", 1), ("a", 2), ("b", 2)]
    assert seconds == {"a": Spread((1.0,) * 3), "b": Spread((1.0,) * 3)}


def test_ratios_are_taken_repeat_by_repeat():
    ratio = paired_ratio(Spread((2.0, 9.0, 4.0)), Spread((1.0, 3.0, 1.0)))
    assert ratio.to_json() == {"median": 3.0, "min": 2.0, "max": 4.0, "values": [2.0, 3.0, 4.0]}


def test_seconds_are_for_one_unit_of_work():
    case = Case(
        "x",
        "nothing",
        "thing",
        lambda effort, folder: Work({"engine": lambda repeat: None}, 4, {"folder": str(folder)}),
    )
    result = measure(case, EFFORT)
    assert result["ratio"] is None
    assert len(result["seconds"]["engine"]["values"]) == EFFORT.repeats
    assert result["settings"]["units_per_repeat"] == 4
    assert not Path(result["settings"]["folder"]).exists()


def test_cases_are_chosen_by_name_or_beginning():
    made = [Case(name, "", "", lambda effort, folder: Work({}, 1, {})) for name in ("training-a", "training-b", "cli")]
    assert select(made, None) == made
    assert select(made, "cli, training-b") == made[1:]
    assert select(made, "training") == made[:2]
    with pytest.raises(UsageError, match=r"'gpu'; choose among training-a, training-b, cli"):
        select(made, "cli,gpu")


def test_both_tables_hold_the_same_values(tmp_path):
    listing, compact = write_tables(tmp_path)
    pattern, table = QueryPattern(listing), TruthTable.open(compact)
    for image_set in IMAGE_SETS:
        column = table.column(f"{image_set}_test_200")
        for index in (0, 1, 7777, 15624):
            assert pattern.query(all_strings()[index], image_set)["test-accuracy"] == pytest.approx(column[index])
    with pytest.raises(ValueError, match="unknown architecture"):
        pattern.query("|none~0|", "cifar10")


def test_a_file_that_is_no_result_is_named(tmp_path):
    (tmp_path / "other.json").write_text('{"schema": 99}')
    with pytest.raises(DataError, match=r"other\.json"):
        report.stored(tmp_path)


@pytest.mark.parametrize(
    ("seconds", "text"), [(2.0, "2.00 s"), (0.0123, "12.3 ms"), (0.25, "250 ms"), (4.2e-6, "4.20 µs"), (123.4, "123 s")]
)
def test_seconds_have_three_digits(seconds, text):
    assert report.seconds_text(seconds) == text


@pytest.mark.slow
def test_a_quick_run_leaves_valid_json_and_a_figure(tmp_path):
    words = ["--quick", "--cases", "training-8-1-16", "--threads", "1", "--out", str(tmp_path), "--json"]
    done = subprocess.run([sys.executable, str(RUN), *words], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    (path,) = tmp_path.glob("*.json")
    assert path.name == "training-8-1-16.json"
    result = json.loads(path.read_text())
    assert json.loads(done.stdout) == [{key: value for key, value in result.items() if key != "schema"}]
    assert result["quick"] is True
    assert result["environment"]["threads"] == 1
    assert result["agreement"]["errors"]["outputs"] < result["agreement"]["tolerance"] == 1e-4
    ratio, seconds = result["ratio"], result["seconds"]
    assert ratio["min"] <= ratio["median"] <= ratio["max"]
    assert ratio["values"] == pytest.approx(np.divide(seconds["reference"]["values"], seconds["engine"]["values"]))
    assert (tmp_path / "ratios.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.slow
def test_a_wrong_case_is_a_wrong_usage(tmp_path):
    done = subprocess.run(
        [sys.executable, str(RUN), "--cases", "nothing", "--out", str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "no benchmark case 'nothing'" in done.stderr
    assert not list(tmp_path.iterdir())
