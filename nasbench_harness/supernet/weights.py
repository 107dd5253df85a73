"""Trained weights in a file and back in networks: the shape of a supernet can be read off its own tensors.

The file of a unit holds each network once, which of them scores each architecture, and the cell copies that it takes
there. Networks alone can be read from training checkpoints too, which name their tensors in the same way.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from nasbench_harness.errors import DataError, UsageError
from nasbench_harness.images.batches import DeviceImages
from nasbench_harness.space import N_STAGES, connected, format_architecture, live_cell_of
from nasbench_harness.supernet.layers import Precision
from nasbench_harness.supernet.network import NetworkShape, Supernet
from nasbench_harness.supernet.precision import set_precision
from nasbench_harness.supernet.scoring.scores import score_live_cells
from nasbench_harness.system.files import write_atomically
from nasbench_harness.system.progress import Silent
from nasbench_harness.system.reading import parse_json, why
from nasbench_harness.system.tensor_file import read_sealed, write_sealed

WEIGHTS_FILE = "weights.safetensors"

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
    path = Path(path)
    tensors, _ = _read(path, "weights", "give a .safetensors file")
    return _networks(tensors, path)


def _networks(tensors: Mapping[str, Tensor], path: Path) -> tuple[Supernet, ...]:
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


@dataclass(frozen=True, eq=False)
class TrainedNetworks:
    """The networks of a finished unit, ready to score again.

    ``network_A``: which of ``networks`` scores each architecture, int ``[15625]``, -1: none. ``route_A``: the cell
    copies that each takes there, int ``[15625, cells]``; None: each cell has one.
    """

    networks: tuple[Supernet, ...]
    network_A: npt.NDArray[np.int64]
    route_A: npt.NDArray[np.int64] | None = None

    def score(
        self, architectures: npt.ArrayLike, images: DeviceImages, batch_size: int = 500
    ) -> dict[str, npt.NDArray[np.float64]]:
        """``accuracy`` (percent) and ``negative_loss`` (nats) of architectures (our indices ``[n]``), ``[n]`` each.

        Every batch is judged by its own statistics, so the scores depend on how the images are put together. Raises
        ``UsageError`` for an architecture without a path or a network.
        """
        index_N = np.asarray(architectures, dtype=np.int64)
        cell_N = live_cell_of()[index_N]
        if (bad := (self.network_A[cell_N] < 0) | ~connected()[index_N]).any():
            name = format_architecture(int(index_N[bad][0]))
            raise UsageError(f"{name} has no path from input to output, or no network: leave it out")
        found = {name: np.empty(len(index_N)) for name in ("accuracy", "negative_loss")}
        for number, network in enumerate(self.networks):
            rows = np.flatnonzero(self.network_A[cell_N] == number)
            if len(rows):
                cells, where = np.unique(cell_N[rows], return_inverse=True)
                if images.labels.device.type == "cuda":  # elsewhere TF32 is float32
                    set_precision(network.precision, images.labels.device)
                scores = score_live_cells(network, cells, images, batch_size, Silent(), self.route_A)
                found["accuracy"][rows] = scores.accuracy[where]
                found["negative_loss"][rows] = scores.negative_loss[where]
        return found


def save_weights(path: Path, trained: TrainedNetworks, identity: str) -> None:
    """Write the networks of the unit ``identity``, whole or not at all; errors as ``write_atomically``."""
    from safetensors.torch import save

    tensors = {
        f"{number}/weight/{name}": weight.detach().cpu().contiguous()
        for number, network in enumerate(trained.networks)
        for name, weight in network.state_dict().items()
    }
    tensors["network_A"] = torch.from_numpy(trained.network_A.astype(np.int16))
    if trained.route_A is not None:
        tensors["route_A"] = torch.from_numpy(trained.route_A.astype(np.int16))
    header = {"identity": identity, "precision": json.dumps([network.precision for network in trained.networks])}
    data = save(tensors, metadata=header)
    write_atomically(path, lambda stream: write_sealed(stream, data))


def read_weights(path: Path | str, identity: str) -> TrainedNetworks:
    """The networks that ``save_weights`` wrote for the unit ``identity``.

    Raises ``DataError`` naming the file where it is missing, damaged, or of another unit.
    """
    path = Path(path)
    if not path.is_file():
        raise DataError(f"{path}: no such file; weights are kept by run --keep-weights, when a unit is trained")
    tensors, header = _read(path, "the weights of a unit", "run the unit again with --keep-weights")
    if header.get("identity") != identity:
        raise DataError(f"{path}: of another unit than the record beside it; run the unit again with --keep-weights")
    networks = _networks(tensors, path)
    try:
        network_A = tensors["network_A"].numpy().astype(np.int64)
        route_A = tensors["route_A"].numpy().astype(np.int64) if "route_A" in tensors else None
        precisions: Sequence[Precision] = parse_json(header["precision"])
        for network, precision in zip(networks, precisions, strict=True):
            network.precision = precision
    except (KeyError, ValueError, TypeError) as error:
        raise DataError(f"{path}: not the weights of a unit ({error!r}); run it again with --keep-weights") from error
    return TrainedNetworks(networks, network_A, route_A)


def _read(path: Path, what: str, remedy: str) -> tuple[dict[str, Tensor], dict[str, str]]:
    """The tensors of a file and the texts of its header; ``DataError`` where it is damaged."""
    from safetensors import SafetensorError
    from safetensors.torch import load

    try:
        data, header = read_sealed(path)
        return load(data), header
    except (OSError, ValueError, SafetensorError) as error:
        raise DataError(f"{path}: cannot be read as {what} ({why(error)}); {remedy}") from error
