"""Training that is killed and goes on ends with the same bits as training that is not."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from nasbench_harness.space import Subspace
from nasbench_harness.strategies import Context
from nasbench_harness.training import trainer
from nasbench_harness.training.budget import Budget
from nasbench_harness.training.checkpoints import Checkpoints
from nasbench_harness.training.samplers import UniformSampler
from nasbench_harness.training.trainer import Stage
from tests.kills import KilledAt, KilledError

BATCH, STEPS = 20, 43
FULL = Subspace.full()


@pytest.fixture(autouse=True)
def every_epoch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trainer, "SECONDS_BETWEEN_CHECKPOINTS", 0.0)


@pytest.fixture
def make(small_context: Callable[..., Context]) -> Callable[..., Context]:
    budget = 2 * STEPS * BATCH + 1000
    return lambda kept, **others: small_context(
        0, ("checkpoints", 0), budget=Budget(budget), checkpoints=kept, **others
    )


def work(context: Context) -> tuple[Any, ...]:
    """Two networks in turns, then a measurement that costs 7 forward passes and a bit."""
    networks = [context.new_network(name) for name in ("one", "other")]
    stages = [Stage(name, FULL, steps * BATCH, UniformSampler()) for name, steps in (("one", STEPS), ("other", 11))]
    runs = [context.stage_run(n, s) for n, s in zip(networks, stages, strict=True)]
    curves = context.train_together(runs, "both")

    def measure() -> dict[str, np.ndarray]:
        context.budget.spend(2, 1)
        return {"found": np.array([1.5, 2.5])}

    found = context.measure("probe", measure)
    weights = [weight.clone() for network in networks for weight in network.state_dict().values()]
    return weights, curves, found["found"].tolist(), context.budget.forwards


@pytest.mark.parametrize("killed_at", [1, 5 * BATCH + 1, 30 * BATCH, 53 * BATCH])
def test_a_killed_training_ends_with_the_same_bits(make: Any, tmp_path: Path, killed_at: int) -> None:
    weights, *others = work(make(Checkpoints()))
    kept = Checkpoints(tmp_path, "unit")
    with pytest.raises(KilledError):
        work(make(kept, progress=KilledAt(killed_at)))
    if killed_at > 10 * BATCH:
        assert kept.load("training of both") is not None
    weights_again, *others_again = work(make(kept))
    assert others_again == others
    assert all(torch.equal(one, other) for one, other in zip(weights, weights_again, strict=True))


def test_a_finished_stage_is_taken_up_without_training(
    make: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = Checkpoints(tmp_path, "unit")
    weights, *others = work(make(kept))
    monkeypatch.setattr(torch.optim.SGD, "step", lambda self: pytest.fail("trained again"))
    weights_again, *others_again = work(make(kept))
    assert others_again == others
    assert all(torch.equal(one, other) for one, other in zip(weights, weights_again, strict=True))


def test_files_of_another_unit_and_damaged_files_are_ignored(tmp_path: Path) -> None:
    ours = Checkpoints(tmp_path, "ours")
    ours.save("key", {"x": torch.arange(3.0)}, {"done": 3})
    saved = ours.load("key")
    assert saved is not None
    assert saved.values == {"done": 3}
    assert saved.tensors["x"].tolist() == [0, 1, 2]
    assert Checkpoints(tmp_path, "theirs").load("key") is None
    assert ours.load("another key") is None
    [file] = tmp_path.glob("*.safetensors")
    file.write_bytes(file.read_bytes()[:-5])
    assert ours.load("key") is None
    file.write_bytes(b"nonsense")
    assert ours.load("key") is None
    ours.clear()
    assert not tmp_path.exists()
    assert Checkpoints().load("key") is None


@pytest.mark.parametrize("place", [12, -3])
def test_a_flipped_bit_is_named_and_the_file_counts_as_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, place: int
) -> None:
    kept = Checkpoints(tmp_path, "ours")
    kept.save("key", {"x": torch.arange(3.0), "y": torch.tensor(2.5, dtype=torch.bfloat16)}, {"done": 3})
    [file] = tmp_path.glob("*.safetensors")
    data = bytearray(file.read_bytes())
    data[place] ^= 4
    file.write_bytes(data)
    assert kept.load("key") is None
    assert f"{file} cannot be used" in caplog.text
    assert not file.exists()
    kept.save("key", {"x": torch.arange(3.0)}, {"done": 3})
    assert kept.load("key") is not None


def test_a_checkpoint_of_an_earlier_version_is_taken_up(tmp_path: Path) -> None:
    from safetensors.torch import save

    kept = Checkpoints(tmp_path, "ours")
    kept.save("key", {"x": torch.arange(3.0)}, {"done": 3})
    [file] = tmp_path.glob("*.safetensors")
    file.write_bytes(save({"x": torch.arange(3.0)}, metadata={"identity": "ours", "key": "key", "values": "[4]"}))
    saved = kept.load("key")
    assert saved is not None
    assert saved.values == [4]
