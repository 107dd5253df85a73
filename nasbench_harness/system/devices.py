"""Whether a device that was named can be computed on."""

from __future__ import annotations

from nasbench_harness.errors import UsageError

MOST_AT_ONCE = 4_096
"""Threads of a process, and processes: more of either only makes the system run out of them."""


def check_device(name: str) -> None:
    """``UsageError`` unless torch can put a number on the device and bring it back, which "meta" cannot."""
    import torch

    try:
        torch.zeros(1, device=name).cpu().item()
    except (RuntimeError, AssertionError, NotImplementedError, ValueError) as error:
        reason = (str(error).splitlines() or ["no reason given"])[0][:160]
        raise UsageError(f"device {name[:80]!r} cannot be used here ({reason}); try cpu") from error
