"""Losses that are read a stretch later are the same losses."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from nasbench_harness.errors import RunError
from nasbench_harness.images import ImageSet
from nasbench_harness.images.batches import DeviceImages
from nasbench_harness.images.placing import placed
from nasbench_harness.space import Subspace
from nasbench_harness.supernet.network import NetworkShape, Supernet
from nasbench_harness.system.progress import Silent
from nasbench_harness.training.budget import Budget
from nasbench_harness.training.checkpoints import Checkpoints
from nasbench_harness.training.readings import Reading
from nasbench_harness.training.samplers import UniformSampler
from nasbench_harness.training.settings import Stage, TrainingSettings
from nasbench_harness.training.trainer import StageRun, train

BATCH, STEPS = 4, 110


class Told(Silent):
    def __init__(self) -> None:
        self.done = 0.0

    def advance(self, amount: float) -> None:
        self.done += amount


def run(digits: ImageSet, later: bool, rate: float = 0.05) -> StageRun:
    torch.manual_seed(0)
    network = Supernet(NetworkShape(2, 1, 1, 10))
    images = DeviceImages(digits, digits.train[:20])
    stage = Stage("supernet", Subspace.full(), STEPS * BATCH, UniformSampler())
    settings = TrainingSettings(batch_size=BATCH, learning_rate=rate)
    started = StageRun(network, stage, images, settings, Budget(STEPS * BATCH), ("readings",))
    assert not started.reads_later, "a processor has nothing to wait for"
    started.reads_later = later
    return started


def test_a_reading_is_of_the_moment_it_was_begun() -> None:
    total = torch.tensor([1.5, 2.0])
    reading = Reading(total)
    total.zero_()
    assert reading.values() == [1.5, 2.0]


def test_placed_is_the_tensor_itself_where_it_is_there_already() -> None:
    tensor = torch.arange(3)
    assert placed(tensor, torch.device("cpu")) is tensor
    assert placed(tensor, torch.device("meta")).device.type == "meta"


@pytest.mark.slow
def test_the_curve_is_the_same_when_it_is_read_later(digits: ImageSet) -> None:
    now, later = run(digits, False), run(digits, True)
    [expected], [found] = (train([one], Silent(), Checkpoints()) for one in (now, later))
    assert found == expected
    assert len(found.loss) == STEPS // 2


def test_a_stretch_is_told_when_the_next_one_ends_and_the_last_at_once(digits: ImageSet) -> None:
    progress, started = Told(), run(digits, True)
    started.advance(5, progress)
    assert progress.done == 2 * BATCH  # stretches of 2 steps: of two that ended, the second is on its way
    assert started.curve.updates == (2 * BATCH, 4 * BATCH), "asked for, it is read"
    started.advance(STEPS, progress)
    assert progress.done == STEPS * BATCH


@pytest.mark.parametrize("done", [4, 5])
def test_a_checkpoint_holds_what_is_on_its_way(digits: ImageSet, tmp_path: Path, done: int) -> None:
    whole = run(digits, False)
    whole.advance(20, Silent())
    first = run(digits, True)
    first.advance(done, Silent())
    second = run(digits, True)
    second.restore(*first.state())
    second.advance(20 - done, Silent())
    assert second.curve.loss == whole.curve.loss


def test_a_loss_that_is_no_number_names_the_step_where_its_stretch_ended(digits: ImageSet) -> None:
    started = run(digits, True)
    started.advance(2, Silent())
    with torch.no_grad():
        started.network.classifier.bias.fill_(torch.nan)
    with pytest.raises(RunError, match=r"diverged by step 4 of 110"):
        started.advance(4, Silent())
