"""A network comes back from its tensors alone, whatever its size; other tensors are refused in a line."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from nasbench_harness.errors import DataError, UsageError
from nasbench_harness.images import ImageSet
from nasbench_harness.images.batches import DeviceImages
from nasbench_harness.space import N_ARCHITECTURES, connected, live_cell_of
from nasbench_harness.supernet.network import NetworkShape, Supernet
from nasbench_harness.supernet.scoring.scores import score_live_cells
from nasbench_harness.supernet.weights import (
    WEIGHTS_FILE,
    TrainedNetworks,
    network_of,
    networks_in,
    read_weights,
    save_weights,
    shape_of,
)
from nasbench_harness.system.progress import Silent

SHAPES = [NetworkShape(4, 1, 3, 10), NetworkShape(3, 2, 1, 7), NetworkShape(4, 2, 3, 10, (1, 2, 3, 1, 1, 2))]


@pytest.mark.parametrize("shape", SHAPES)
def test_the_shape_is_read_off_the_tensors(shape: NetworkShape) -> None:
    network = Supernet(shape)
    assert shape_of(network.state_dict()) == shape
    again = network_of(network.state_dict()).state_dict()
    assert all(torch.equal(tensor, again[name]) for name, tensor in network.state_dict().items())


def test_networks_come_out_of_a_file_in_order(tmp_path: Path) -> None:
    networks = [Supernet(SHAPES[0]) for _ in range(11)]
    path = tmp_path / "weights.safetensors"
    tensors = {
        f"{number}/weight/{name}": tensor.contiguous()
        for number, network in enumerate(networks)
        for name, tensor in network.state_dict().items()
    }
    save_file({**tensors, "0/momentum/stem": torch.zeros(3)}, path)
    found = networks_in(path)
    assert len(found) == 11
    for one, other in zip(networks, found, strict=True):
        assert torch.equal(one.stem, other.stem)


def test_other_files_are_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "other.safetensors"
    with pytest.raises(DataError, match="cannot be read as weights"):
        networks_in(path)
    save_file({"x": torch.zeros(3)}, path)
    with pytest.raises(DataError, match="no trained network"):
        networks_in(path)
    weights = Supernet(SHAPES[0]).state_dict()
    del weights["reductions.0.conv_a"]
    save_file({f"0/weight/{name}": tensor.contiguous() for name, tensor in weights.items()}, path)
    with pytest.raises(DataError, match=r"other\.safetensors: .*reductions\.0\.conv_a"):
        networks_in(path)


@pytest.fixture
def trained() -> TrainedNetworks:
    """Two networks with cell copies, one for each half of the space."""
    rng = np.random.default_rng(0)
    shape = NetworkShape(4, 1, 1, 10, (1, 2, 1))
    networks = (Supernet(shape), Supernet(shape))
    route_A = np.zeros((N_ARCHITECTURES, 3), dtype=np.int64)
    route_A[:, 1] = rng.integers(0, 2, N_ARCHITECTURES)[live_cell_of()]
    network_A = (np.arange(N_ARCHITECTURES) % 2)[live_cell_of()]
    return TrainedNetworks(networks, network_A, route_A)


def test_kept_networks_score_as_before(trained: TrainedNetworks, digits: ImageSet, tmp_path: Path) -> None:
    images = DeviceImages(digits, digits.valid[:40])
    path = tmp_path / WEIGHTS_FILE
    save_weights(path, trained, "ab")
    again = read_weights(path, "ab")
    index = np.flatnonzero(connected())[::1500]
    before, after = trained.score(index, images, 20), again.score(index, images, 20)
    for name, values in before.items():
        np.testing.assert_array_equal(values, after[name])
    for row, architecture in enumerate(index.tolist()):
        network = trained.networks[trained.network_A[architecture]]
        assert trained.route_A is not None
        one = score_live_cells(network, live_cell_of()[[architecture]], images, 20, Silent(), trained.route_A)
        assert before["negative_loss"][row] == one.negative_loss[0]
    with pytest.raises(UsageError, match="has no path"):
        again.score([0], images)
    assert len(networks_in(path)) == 2


def test_weights_of_another_run_or_none_are_refused(trained: TrainedNetworks, tmp_path: Path) -> None:
    path = tmp_path / WEIGHTS_FILE
    with pytest.raises(DataError, match="run --keep-weights"):
        read_weights(path, "ab")
    save_weights(path, trained, "ab")
    with pytest.raises(DataError, match="of another unit"):
        read_weights(path, "cd")
    path.write_bytes(path.read_bytes()[:500])
    with pytest.raises(DataError, match="cannot be read"):
        read_weights(path, "ab")
