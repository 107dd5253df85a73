"""Speed counts only for the same answer: weights copied from the engine to the reference, results compared.

An error is the largest difference over the largest value of the reference, of the worst architecture. Float32 outputs
must agree within ``TOLERANCE``. Float32 gradients are recorded and not judged: where rounding puts the input of a ReLU
on the other side of zero another gradient passes, and either side is right; the reference alone, its activations laid
out channels-last, is as far from itself. What is judged is the same comparison in float64, where rounding can hide no
difference in mathematics.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import plain
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from nasbench_harness.errors import RunError
from nasbench_harness.space import CONV_1X1, CONV_3X3, EDGES, index_to_code
from nasbench_harness.supernet.network import Supernet, live_codes
from nasbench_harness.supernet.scoring.scores import Scores

TOLERANCE = 1e-4
TOLERANCE_FLOAT64 = 1e-9


@dataclass(frozen=True)
class Agreement:
    """Largest relative ``errors`` by what was compared, over ``architectures`` architectures."""

    errors: dict[str, float]
    architectures: int
    tolerance: float = TOLERANCE

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        return asdict(self)


def pairs(engine: Supernet, reference: plain.PlainSupernet) -> Iterator[tuple[Tensor, Tensor]]:
    """Every weight of the engine with its counterpart; between them they are all the weights of both."""
    yield engine.stem, _weight(reference, "stem.0")
    layers = list(reference.layers)
    cells = [number for number, layer in enumerate(layers) if isinstance(layer, plain.SearchCell)]
    blocks = [number for number, layer in enumerate(layers) if isinstance(layer, plain.ResidualReduction)]
    for position, number in enumerate(cells):
        for edge in range(len(EDGES)):
            for kernel, op in (("1x1", CONV_1X1), ("3x3", CONV_3X3)):
                ours = engine.get_parameter(f"cells.{position}.0.conv_{kernel}.{edge}")
                yield ours, _weight(reference, f"layers.{number}.edges.{edge}.{op}.operation.1")
    for position, number in enumerate(blocks):
        for name, twin in (
            ("conv_a", "conv_a.operation.1"),
            ("conv_b", "conv_b.operation.1"),
            ("shortcut", "downsample.1"),
        ):
            yield engine.get_parameter(f"reductions.{position}.{name}"), _weight(reference, f"layers.{number}.{twin}")
    yield engine.classifier.weight, reference.classifier.weight
    yield engine.classifier.bias, reference.classifier.bias


def _weight(network: nn.Module, layer: str) -> Tensor:
    return network.get_parameter(f"{layer}.weight")


@torch.no_grad()
def copy_weights(engine: Supernet, reference: plain.PlainSupernet) -> None:
    """Give ``reference`` the weights of ``engine``."""
    for ours, theirs in pairs(engine, reference):
        theirs.copy_(ours)


def compare_networks(
    engine: Supernet, reference: plain.PlainSupernet, indices: np.ndarray, x_NCHW: Tensor, labels: Tensor
) -> Agreement:
    """Compare logits and gradients of networks with equal weights on architectures ``indices`` ``[n]``.

    Raises ``RunError`` naming the first architecture on which they disagree.
    """
    errors = {"outputs": 0.0, "gradients": 0.0, "outputs_float64": 0.0, "gradients_float64": 0.0}
    doubles = copy.deepcopy(engine).double(), copy.deepcopy(reference).double()
    for choice, code in zip(index_to_code(indices).tolist(), live_codes(indices), strict=True):
        for ending, (ours, theirs), x, tolerance in (
            ("", (engine, reference), x_NCHW, TOLERANCE),
            ("_float64", doubles, x_NCHW.double(), TOLERANCE_FLOAT64),
        ):
            here = _logits_and_gradients(ours, ours(x.contiguous(memory_format=torch.channels_last), code), labels)
            there = _logits_and_gradients(theirs, theirs(x, choice), labels)
            output = relative_error(here, there)
            gradient = max(_relative_norm(*pair) for pair in _gradients(ours, theirs))
            judged = max(output, gradient) if ending else output
            _require(judged, tolerance, f"architecture {choice}{' in float64' if ending else ''}")
            errors[f"outputs{ending}"] = max(errors[f"outputs{ending}"], output)
            errors[f"gradients{ending}"] = max(errors[f"gradients{ending}"], gradient)
    for network in (engine, reference):
        network.zero_grad()
    return Agreement(errors, len(indices))


def compare_scores(ours: Scores, theirs: Sequence[tuple[float, float]]) -> Agreement:
    """Compare whole scoring runs by the mean losses; ``accuracy_points`` is the largest difference in percent.

    Accuracies are recorded and not judged: two classes whose logits differ by a rounding error may change places.
    """
    accuracy, loss = np.array(theirs).T
    error = float(np.abs(loss + ours.negative_loss).max() / np.abs(loss).max())
    _require(error, TOLERANCE, f"the losses of {len(loss)} architectures")
    points = float(np.abs(accuracy - ours.accuracy).max())
    return Agreement({"losses": error, "accuracy_points": points}, len(loss))


def relative_error(here: Tensor, there: Tensor) -> float:
    """Largest difference over the largest value of ``there``."""
    return float((here - there).abs().max() / there.abs().max())


def _logits_and_gradients(network: nn.Module, logits: Tensor, labels: Tensor) -> Tensor:
    network.zero_grad()
    F.cross_entropy(logits, labels).backward()  # type: ignore[no-untyped-call]
    return logits.detach()


def _gradients(engine: Supernet, reference: plain.PlainSupernet) -> Iterator[tuple[Tensor, Tensor]]:
    """Gradients of every weight; the engine has none on dead edges, where the reference's is zero."""
    for pair in pairs(engine, reference):
        here, there = (torch.zeros_like(w) if w.grad is None else w.grad for w in pair)
        yield here, there


def _relative_norm(here: Tensor, there: Tensor) -> float:
    scale, distance = float(there.norm()), float((here - there).norm())
    return distance / scale if scale else float(distance > 0)


def _require(error: float, tolerance: float, where: str) -> None:
    if not error < tolerance:  # a NaN fails too
        raise RunError(
            f"reference and engine disagree on {where}: relative error {error:.1e}, expected below {tolerance:.0e}; "
            "their times cannot be compared"
        )
