"""A network comes back from its tensors alone, whatever its size; other tensors are refused in a line."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from nasbench_harness.errors import DataError
from nasbench_harness.supernet.network import NetworkShape, Supernet
from nasbench_harness.supernet.weights import network_of, networks_in, shape_of

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
