"""What is timed: one architecture at a time of the harness's own network, and single operations at each stage."""

from __future__ import annotations

import platform
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from nasbench_harness.errors import UsageError
from nasbench_harness.latency.measure.clock import Clock, cpu_clock, cuda_clock
from nasbench_harness.latency.table import DeviceInfo
from nasbench_harness.space import N_STAGES, NONE, OPERATIONS, index_to_code, live_cell_of
from nasbench_harness.system.devices import check_device
from nasbench_harness.system.environment import installed_version, processor_name

if TYPE_CHECKING:
    import torch

    from nasbench_harness.supernet.network import Supernet

PRECISIONS = ("float32", "bfloat16")
REFERENCE = 11718  # six 3 x 3 convolutions: timed in every chunk, it shows how the clock drifts
EMPTY = 25  # a single skip connection: stem, reductions and head, with cells that cost next to nothing

OPERATION_PLACES = [(op, stage) for op in range(len(OPERATIONS)) if op != NONE for stage in range(N_STAGES)]


@dataclass(frozen=True)
class Conditions:
    """What a latency is measured at. Raises ``UsageError`` for what cannot be."""

    device: str = "cpu"
    batch_size: int = 1
    precision: str = "float32"
    channels: int = 16
    cells: int = 5
    image_size: int = 32
    threads: int = 1
    repeats: int = 30
    warm_up: int = 3

    def __post_init__(self) -> None:
        if self.precision not in PRECISIONS:
            raise UsageError(f"no precision '{self.precision}'; there are {', '.join(PRECISIONS)}")
        for name in ("batch_size", "channels", "cells", "image_size", "threads", "repeats"):
            if getattr(self, name) < 1:
                raise UsageError(f"{name} must be at least 1, found {getattr(self, name)}")
        if self.warm_up < 0:
            raise UsageError(f"warm_up must be at least 0, found {self.warm_up}")
        if self.device.partition(":")[0] not in ("cpu", "cuda"):
            raise UsageError(f"no device '{self.device}' to measure on; there are cpu and cuda")

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        return asdict(self)


class Bench:
    """A network and a batch in place, ready to hand out pieces of work.

    Computes what the harness's supernet computes: live edges only, batch normalisation by the batch's own statistics.
    Raises ``UsageError`` when the device is not there.
    """

    def __init__(self, conditions: Conditions) -> None:
        import torch

        from nasbench_harness.supernet.network import NetworkShape, Supernet

        self.conditions = conditions
        try:
            self.device = torch.device(conditions.device)
        except RuntimeError as error:
            raise UsageError(f"device {conditions.device[:80]!r} is none of torch's; try cpu") from error
        if self.device.type == "cuda" and not (
            torch.cuda.is_available() and (self.device.index or 0) < torch.cuda.device_count()
        ):
            raise UsageError(
                f"no CUDA device '{conditions.device}' here; use --device cpu, or measure on a GPU machine"
            )
        check_device(conditions.device)
        self.dtype: torch.dtype = getattr(torch, conditions.precision)
        shape = NetworkShape(conditions.channels, conditions.cells, image_channels=3, classes=10)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            network = Supernet(shape)
        self.network: Supernet = network.eval().to(self.device, self.dtype)
        self.images_NCHW = self._batch(3, conditions.image_size)
        self.clock: Clock = cuda_clock if self.device.type == "cuda" else cpu_clock

    def _batch(self, channels: int, side: int) -> torch.Tensor:
        import torch

        generator = torch.Generator().manual_seed(0)
        images = torch.randn(self.conditions.batch_size, channels, side, side, generator=generator)
        return images.to(self.device, self.dtype, memory_format=torch.channels_last)

    def architecture(self, index: int) -> Callable[[], object]:
        """One pass of the architecture with our index ``index``."""
        code = tuple(int(op) for op in index_to_code(live_cell_of()[index]))
        return lambda: self.network(self.images_NCHW, code)

    def operation(self, op: int, stage: int) -> Callable[[], object]:
        """One pass of an operation in one cell of a stage (0, 1, 2)."""
        sides = [self.conditions.image_size]
        for _ in range(stage):
            sides.append((sides[-1] + 1) // 2)
        x_NCHW = self._batch(self.conditions.channels * 2**stage, sides[-1])
        cell: Any = self.network.cells[stage * self.conditions.cells]
        first = cell[0]
        return lambda: first.operation(0, op, x_NCHW)

    @contextmanager
    def timing(self) -> Iterator[None]:
        """The state in which work is timed: inference mode, the wanted threads; threads are put back at the end."""
        import torch

        from nasbench_harness.supernet.precision import set_precision

        set_precision("float32", self.device)  # torch's own default lets a GPU use TF32 and say float32
        before = torch.get_num_threads()
        torch.set_num_threads(self.conditions.threads)
        try:
            with torch.inference_mode():
                yield
        finally:
            torch.set_num_threads(before)

    def device_name(self) -> str:
        """The processor's or the GPU's name."""
        import torch

        return torch.cuda.get_device_name(self.device) if self.device.type == "cuda" else processor_name()

    def info(self, clock: str) -> DeviceInfo:
        """What a table says of values measured here; ``clock``: how the clock stood."""
        asked = self.conditions
        statistic = "median of single passes in interleaved rounds"
        return DeviceInfo(
            device=self.device_name(),
            batch_size=asked.batch_size,
            precision=asked.precision,
            image_size=asked.image_size,
            software=self.software(),
            clock=clock,
            statistic=statistic,
            repeats=asked.repeats,
        )

    def software(self) -> dict[str, str]:
        """Versions that the latency hangs on."""
        import torch

        found = {"torch": str(torch.__version__), "python": platform.python_version()}
        found["nasbench_harness"] = installed_version("nasbench-harness") or "uninstalled"
        if self.device.type == "cuda":
            cudnn_version: Callable[[], int | None] = torch.backends.cudnn.version
            found |= {"cuda": str(torch.version.cuda), "cudnn": str(cudnn_version())}
        return found
