"""How many architectures are scored at once: by default as many as make a device's operations long, one on a processor.

Starting an operation takes a GPU some 5 microseconds, in which it could move 15 MB. The operations of one architecture
on a few hundred small images are shorter; those of a group are not (docs/performance.md has the counts).
"""

from __future__ import annotations

import os

import torch
from torch import Tensor

from nasbench_harness.errors import UsageError
from nasbench_harness.supernet.network import Supernet
from nasbench_harness.system.variables import SCORING_GROUP_VARIABLE

AUTOMATIC = "auto"

LONG_ENOUGH = 320 << 20
"""Bytes of a group's widest activation from which more architectures gain nothing: an operation is chosen by about a
fifth of them, and 64 MB are moved in four times the time that starting takes."""

SHORT = 32 << 20
"""Bytes of one architecture's widest activation from which it is run by itself."""

MOST = 256

ACTIVATIONS_A_MEMBER = 14
"""Activations of the widest cell that are in memory at once: four nodes, the ReLUs of three, three terms of a node, the
inputs and outputs of an operation and of its normalisation, and room for the library's own."""

SHARE_OF_MEMORY = 0.5
"""Of the free memory that a group may take."""


def group_size(network: Supernet, x_NCHW: Tensor) -> int:
    """How many architectures to score at once on a batch of images; 1: one by one.

    As ``NASBENCH_HARNESS_SCORING_GROUP`` says, on any device, or by the rule. Raises ``UsageError`` for another value.
    """
    asked = asked_for()
    if asked is not None:
        return asked
    if x_NCHW.device.type != "cuda":
        return 1
    return by_rule(row_bytes(network, x_NCHW), free_bytes(x_NCHW.device))


def asked_for() -> int | None:
    """The group size that the environment asks for; None: by the rule."""
    text = os.environ.get(SCORING_GROUP_VARIABLE, AUTOMATIC).strip() or AUTOMATIC
    if text == AUTOMATIC:
        return None
    if not text.isascii() or not text.isdigit() or not 1 <= int(text[:9]) <= MOST or len(text) > 9:
        raise UsageError(f"{SCORING_GROUP_VARIABLE}={text[:80]!r}: give {AUTOMATIC} or a number from 1 to {MOST}")
    return int(text)


def row_bytes(network: Supernet, x_NCHW: Tensor) -> int:
    """Bytes of one architecture's activation at the first cell; later ones are smaller."""
    pixels = x_NCHW.shape[0] * x_NCHW.shape[2] * x_NCHW.shape[3]
    return pixels * network.shape.channels * network.activation_dtype.itemsize


def by_rule(row: int, free: int) -> int:
    """Architectures at once when one activation has ``row`` bytes and ``free`` bytes of memory are there."""
    if row >= SHORT:
        return 1
    fitting = int(free * SHARE_OF_MEMORY) // (ACTIVATIONS_A_MEMBER * row)
    return max(1, min(MOST, -(-LONG_ENOUGH // row), fitting))


def free_bytes(device: torch.device) -> int:
    """Memory of a CUDA device that nobody uses, what this process holds in reserve included."""
    free, _ = torch.cuda.mem_get_info(device)
    return free + torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
