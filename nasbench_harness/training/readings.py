"""Numbers on their way from a device to the host, read when they are there instead of being waited for."""

from __future__ import annotations

import torch
from torch import Tensor


class Reading:
    """The values of a tensor as they are now, whatever is written to it later."""

    def __init__(self, values: Tensor) -> None:
        """Start the way to the host; the device goes on with what it is given next."""
        self._ready: torch.cuda.Event | None = None
        if values.device.type == "cuda":
            self._values = torch.empty(values.shape, dtype=values.dtype, pin_memory=True)
            self._values.copy_(values, non_blocking=True)
            self._ready = torch.cuda.Event()  # type: ignore[no-untyped-call]
            self._ready.record()
        else:
            self._values = values.clone()

    def values(self) -> list[float]:
        """The values; waits only where they are not there yet."""
        if self._ready is not None:
            self._ready.synchronize()
        found: list[float] = self._values.reshape(-1).tolist()
        return found
