"""Groups of architectures against one plain forward pass for each: every kind of network, any size of a group."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from nasbench_harness.errors import RunError, UsageError
from nasbench_harness.images import ImageSet
from nasbench_harness.images.batches import DeviceImages
from nasbench_harness.space import N_ARCHITECTURES, connected_live_cells, live_cells
from nasbench_harness.strategies.close.network import CloseNetwork
from nasbench_harness.strategies.close.scoring import CloseScorable
from nasbench_harness.strategies.hm_nas.network import WeightedScorable
from nasbench_harness.supernet.network import NetworkShape, Supernet
from nasbench_harness.supernet.operations import EPSILON
from nasbench_harness.supernet.scoring import grouping
from nasbench_harness.supernet.scoring.group_engine import GroupBatch, GroupNetwork
from nasbench_harness.supernet.scoring.group_rows import Form, one_sweep, two_sweeps
from nasbench_harness.supernet.scoring.scorable import Groupable, score
from nasbench_harness.supernet.scoring.scores import SupernetScorable
from nasbench_harness.system.progress import Silent
from nasbench_harness.system.variables import SCORING_GROUP_VARIABLE

CELLS = np.sort(np.random.default_rng(6).choice(connected_live_cells(), 24, replace=False))
Sweep = Callable[[Tensor, int], tuple[Tensor, Tensor]]
EDGE_WEIGHTS = np.array([1.0, 0.5, 0.0, 2.0, 1.0, 0.25])


def supernet(copies: tuple[int, ...] = (), channels: int = 4, cells: int = 1) -> Supernet:
    torch.manual_seed(0)
    return Supernet(NetworkShape(channels, cells, 1, 10, copies))


def plain() -> Groupable:
    return SupernetScorable(supernet(cells=2, channels=5))


def routed() -> Groupable:
    """Cell copies chosen at random, differently at each position: more than any partitioner asks for."""
    route_A = np.random.default_rng(1).integers(0, (3, 2, 2), (N_ARCHITECTURES, 3))
    return SupernetScorable(supernet((3, 2, 2)), route_A)


def masked() -> Groupable:
    return WeightedScorable(supernet(), EDGE_WEIGHTS)


def close() -> Groupable:
    torch.manual_seed(0)
    block_AE = np.random.default_rng(2).integers(0, 3, (N_ARCHITECTURES, 6))
    return CloseScorable.of(CloseNetwork(NetworkShape(4, 1, 1, 10), 3), block_AE)


KINDS: Sequence[Callable[[], Groupable]] = (plain, routed, masked, close)


def grouped_logits(scorable: Groupable, x_NCHW: Tensor, size: int) -> Tensor:
    """Logits of ``CELLS`` ``[n, N, classes]``, in groups of ``size``."""
    runs, position_of = scorable.runs(CELLS)
    with torch.inference_mode():
        batch = GroupNetwork(scorable.sharing()).on_batch(x_NCHW)
        parts = [batch(runs[start : start + size]) for start in range(0, len(runs), size)]
    return torch.cat(parts)[torch.from_numpy(position_of)]


@pytest.mark.parametrize("size", [1, 7, 24])
@pytest.mark.parametrize("kind", KINDS)
def test_logits_in_float64_equal_those_of_plain_passes(kind: Callable[[], Groupable], size: int) -> None:
    scorable = kind()
    scorable.network.double()
    x_NCHW = torch.randn(9, 1, 8, 12, generator=torch.Generator().manual_seed(1)).double()
    found = grouped_logits(scorable, x_NCHW, size)
    with torch.inference_mode():
        expected = torch.stack([scorable.logits(x_NCHW, cell) for cell in CELLS.tolist()])
    assert float((found - expected).abs().max()) < 1e-10
    assert float(expected.std()) > 0.01


@pytest.mark.parametrize("kind", KINDS)
def test_scores_in_float32_are_those_of_the_engine(
    kind: Callable[[], Groupable], digits: ImageSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two batches of unequal size, so that sums over batches are seen too."""
    scorable, images = kind(), DeviceImages(digits, digits.valid[:45])
    expected = score(scorable, CELLS, images, 24, Silent())
    monkeypatch.setenv(SCORING_GROUP_VARIABLE, "10")
    progress = Counter()
    found = score(scorable, CELLS, images, 24, progress)
    np.testing.assert_allclose(found.negative_loss, expected.negative_loss, rtol=1e-5)
    assert np.abs(found.accuracy - expected.accuracy).max() <= 100 / 45 + 1e-9  # one image whose two best are equal
    assert progress.done == pytest.approx(len(CELLS))


class Counter(Silent):
    def __init__(self) -> None:
        self.done = 0.0

    def advance(self, amount: float) -> None:
        self.done += amount


def test_groups_are_used_where_they_are_asked_for(digits: ImageSet, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []

    def noted(self: object, x_NCHW: Tensor) -> Any:
        asked.append(len(x_NCHW))
        raise NotImplementedError

    monkeypatch.setattr(GroupNetwork, "on_batch", noted)
    scorable, images = plain(), DeviceImages(digits, digits.valid[:20])
    score(scorable, CELLS[:3], images, 20, Silent())
    monkeypatch.setenv(SCORING_GROUP_VARIABLE, "1")
    score(scorable, CELLS[:3], images, 20, Silent())
    assert not asked
    monkeypatch.setenv(SCORING_GROUP_VARIABLE, "2")
    with pytest.raises(NotImplementedError):
        score(scorable, CELLS[:3], images, 20, Silent())
    assert asked == [20]


def test_a_group_for_which_memory_does_not_last_is_halved(digits: ImageSet, monkeypatch: pytest.MonkeyPatch) -> None:
    scorable, images = SupernetScorable(supernet()), DeviceImages(digits, digits.valid[:20])
    monkeypatch.setenv(SCORING_GROUP_VARIABLE, "24")
    expected = score(scorable, CELLS, images, 20, Silent())
    whole, asked = GroupBatch.__call__, []

    def narrow(self: GroupBatch, runs: Sequence[Any]) -> Tensor:
        asked.append(len(runs))
        if len(runs) > limit:
            raise torch.OutOfMemoryError
        return whole(self, runs)

    monkeypatch.setattr(GroupBatch, "__call__", narrow)
    limit = 7
    found = score(scorable, CELLS, images, 20, Silent())
    np.testing.assert_allclose(found.negative_loss, expected.negative_loss, rtol=1e-5)
    assert asked[:3] == [len(CELLS), 12, 6]
    assert set(asked[3:]) <= {6, len(CELLS) % 6}
    limit = 0
    with pytest.raises(torch.OutOfMemoryError):
        score(scorable, CELLS, images, 20, Silent())
    assert asked[-1] == 1


def test_an_architecture_without_a_path_gets_the_logits_of_zeros() -> None:
    network = supernet()
    nothing = SupernetScorable(network)
    x_NCHW = torch.randn(4, 1, 8, 8)
    run = ((0,) * 6, network.first_route)
    with torch.inference_mode():
        found = GroupNetwork(nothing.sharing()).on_batch(x_NCHW)([run, run])
        torch.testing.assert_close(found[1], network(x_NCHW, run[0]))


def test_weights_that_are_not_numbers_are_an_error_that_names_the_architecture(
    digits: ImageSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    """NaN in one member stays with that member: the others of its group are scored as without it."""
    scorable = SupernetScorable(supernet())
    images = DeviceImages(digits, digits.valid[:20])
    healthy = score(scorable, CELLS, images, 20, Silent())
    with torch.no_grad():
        scorable.network.cells[1][0].conv_1x1[3].fill_(torch.nan)  # type: ignore[index]
    monkeypatch.setenv(SCORING_GROUP_VARIABLE, "24")
    with pytest.raises(RunError, match="not finite"):
        score(scorable, CELLS, images, 20, Silent())
    x_NCHW, labels = next(images.equal_batches(20))
    logits = grouped_logits(scorable, x_NCHW, 24)
    loss = F.cross_entropy(logits.flatten(0, 1), labels.repeat(len(CELLS)), reduction="none").view(len(CELLS), -1)
    fine = torch.isfinite(loss).all(1).numpy()
    assert 0 < fine.sum() < len(CELLS)
    np.testing.assert_allclose(-loss.mean(1)[fine], healthy.negative_loss[fine], rtol=1e-5)


def test_bfloat16_ranks_nearly_as_one_by_one(digits: ImageSet, monkeypatch: pytest.MonkeyPatch) -> None:
    scorable, images = SupernetScorable(supernet(channels=8)), DeviceImages(digits, digits.valid[:60])
    scorable.network.precision = "bfloat16"
    expected = score(scorable, CELLS, images, 60, Silent()).negative_loss
    monkeypatch.setenv(SCORING_GROUP_VARIABLE, "12")
    found = score(scorable, CELLS, images, 60, Silent()).negative_loss
    assert np.corrcoef(found, expected)[0, 1] > 0.99


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("width", [1, 6])
@pytest.mark.parametrize("sweep", [one_sweep, two_sweeps])
def test_both_ways_to_statistics_are_those_of_batch_norm(sweep: Sweep, width: int, dtype: torch.dtype) -> None:
    """The way of other devices is gone here on the processor; a mean far from zero shows cancellation."""
    form = Form(images=3, channels=5, height=4, width=6)
    y_NCHW = (torch.randn(2 * 3, 5, 4, 6, dtype=dtype) * 0.1 + 30).contiguous(memory_format=torch.channels_last)
    expected = torch.cat([F.batch_norm(y.double(), None, None, training=True, eps=EPSILON) for y in y_NCHW.split(3)])
    y_RPL = form.as_lines(y_NCHW, width)
    variance, mean = sweep(y_RPL, width)
    found = (y_RPL.double() - mean.double()) / (variance.double() + EPSILON).sqrt()
    tolerance = 1e-3 if dtype == torch.float32 else 1e-10
    torch.testing.assert_close(found, form.as_lines(expected, width), rtol=0, atol=tolerance)
    torch.testing.assert_close(form.normalised(y_NCHW).double(), form.as_rows(expected), rtol=0, atol=tolerance)


def test_the_first_cell_that_is_remembered_is_left_alone() -> None:
    """Sums are written in place; neither the stem's rows nor a weight may be what is written to."""
    scorable = plain()
    before = [weight.detach().clone() for weight in scorable.network.parameters()]
    x_NCHW = torch.randn(6, 1, 8, 8)
    runs, _ = scorable.runs(live_cells()[5000:5060])
    with torch.inference_mode():
        batch = GroupNetwork(scorable.sharing()).on_batch(x_NCHW)
        stem = batch.stem_1D.clone()
        first = batch(runs)
        assert torch.equal(batch(runs), first)
    assert torch.equal(batch.stem_1D, stem)
    assert all(torch.equal(w, old) for w, old in zip(scorable.network.parameters(), before, strict=True))


@pytest.mark.parametrize("value", ["0", "257", "-3", "many", "1e3", "٣"])
def test_another_size_is_an_error(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(SCORING_GROUP_VARIABLE, value)
    with pytest.raises(UsageError, match="give auto or a number from 1 to 256"):
        grouping.asked_for()


@pytest.mark.parametrize(
    ("row", "free", "size"),
    [
        (4 << 20, 70 << 30, 80),  # 500 images of 16 pixels at 8 channels
        (65 << 20, 70 << 30, 1),  # 1,000 images of 32 pixels at 16 channels: long operations as they are
        (1 << 10, 70 << 30, 256),
        (4 << 20, 1 << 30, 9),
        (4 << 20, 0, 1),
    ],
)
def test_the_size_follows_from_activations_and_free_memory(row: int, free: int, size: int) -> None:
    assert grouping.by_rule(row, free) == size
