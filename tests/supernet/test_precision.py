"""What float32 means is said before anything is multiplied."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch

from nasbench_harness.errors import UsageError
from nasbench_harness.supernet.network import NetworkShape, Supernet
from nasbench_harness.supernet.precision import set_precision

CPU, CUDA = torch.device("cpu"), torch.device("cuda")


@pytest.fixture(autouse=True)
def flags_as_they_were() -> Iterator[None]:
    before = torch.backends.cudnn.allow_tf32, torch.backends.cuda.matmul.allow_tf32
    yield
    torch.backends.cudnn.allow_tf32, torch.backends.cuda.matmul.allow_tf32 = before


@pytest.mark.parametrize(("precision", "allowed"), [("tf32", True), ("float32", False), ("bfloat16", False)])
def test_tf32_is_used_where_it_is_asked_for_and_nowhere_else(precision: str, allowed: bool) -> None:
    torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = not allowed
    set_precision(precision, CUDA)  # type: ignore[arg-type]
    assert (torch.backends.cudnn.allow_tf32, torch.backends.cuda.matmul.allow_tf32) == (allowed, allowed)


def test_a_processor_has_no_tf32() -> None:
    with pytest.raises(UsageError, match='"tf32" is of CUDA devices, found cpu; use "float32" there'):
        set_precision("tf32", CPU)


def test_activations_of_tf32_are_float32() -> None:
    network = Supernet(NetworkShape(2, 1, 1, 10))
    network.precision = "tf32"
    assert network.activation_dtype == torch.float32
