"""Trained weights back in a network: the shape of a supernet can be read off its own tensors."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from torch import Tensor

from nasbench_harness.errors import DataError
from nasbench_harness.space import N_STAGES
from nasbench_harness.supernet.network import NetworkShape, Supernet

_COPY = re.compile(r"cells\.(\d+)\.(\d+)\.")


def shape_of(weights: Mapping[str, Tensor]) -> NetworkShape:
    """The shape of the supernet whose ``state_dict`` this is; ``DataError`` naming what is missing or odd."""
    for name in ("stem", "classifier.weight"):
        if name not in weights:
            raise DataError(f"these are not the weights of a supernet: no tensor {name!r} among {len(weights)}")
    copies: dict[int, int] = {}
    for found in filter(None, map(_COPY.match, weights)):
        position, copy = int(found[1]), int(found[2])
        copies[position] = max(copies.get(position, 0), copy + 1)
    if not copies or len(copies) % N_STAGES or sorted(copies) != list(range(len(copies))):
        raise DataError(f"these are not the weights of a supernet: {len(copies)} cells, expected a multiple of 3")
    channels, image_channels = weights["stem"].shape[:2]
    several = tuple(copies[position] for position in range(len(copies)))
    return NetworkShape(
        channels,
        len(copies) // N_STAGES,
        image_channels,
        len(weights["classifier.weight"]),
        several if max(several) > 1 else (),
    )


def network_of(weights: Mapping[str, Tensor]) -> Supernet:
    """A supernet with these weights; ``DataError`` where tensors are missing, unknown or of another size."""
    network = Supernet(shape_of(weights))
    try:
        network.load_state_dict(dict(weights))
    except RuntimeError as error:
        reason = " ".join(str(error).split())
        raise DataError(f"these weights do not fit the network that they seem to be of ({reason})") from error
    return network


def networks_in(path: Path | str) -> tuple[Supernet, ...]:
    """Every supernet in a file of weights, or in a checkpoint of training, in the order of their numbers.

    Raises ``DataError`` naming the file where it is missing, damaged or holds something else.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    path = Path(path)
    try:
        tensors = load_file(path)
    except (OSError, SafetensorError) as error:
        raise DataError(f"{path}: cannot be read as weights ({error}); give a .safetensors file") from error
    groups: dict[int, dict[str, Tensor]] = {}
    for name, tensor in tensors.items():
        if found := re.fullmatch(r"(\d+)/weight/(.+)", name):
            groups.setdefault(int(found[1]), {})[found[2]] = tensor
    if not groups:
        raise DataError(f"{path}: no trained network in it; give the weights or a training checkpoint of a unit")
    try:
        return tuple(network_of(groups[number]) for number in sorted(groups))
    except DataError as error:
        raise DataError(f"{path}: {error}") from error
