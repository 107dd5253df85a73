"""TensorBoard's event files of one unit: what is told while it trains, and the metrics of its record."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from nasbench_harness.errors import UsageError
from nasbench_harness.system.meter import PLANNED, UPDATES
from nasbench_harness.system.progress import Metered, Progress

TAU, FRACTION = "kendall_tau", "fraction"
"""Values of a point along training: the correlation, and where it lies as a fraction of the planned updates."""

SECONDS_BETWEEN_FLUSHES = 10


def check_tensorboard() -> None:
    """``UsageError`` with the remedy where the package is missing."""
    try:
        import tensorboard
    except ImportError as error:
        raise UsageError(
            "--tensorboard needs the package tensorboard: pip install 'nasbench-harness[tensorboard]'"
        ) from error
    del tensorboard


class EventFiles(Metered):
    """Progress that is handed on to ``inner`` and written to ``folder``; steps are architecture-updates of the unit.

    Raises ``UsageError`` where the package is missing or the folder cannot be written. What cannot be written later is
    left out.
    """

    def __init__(self, inner: Progress, folder: Path) -> None:
        check_tensorboard()
        from torch.utils.tensorboard import SummaryWriter

        super().__init__(inner)
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self.writer: Any = SummaryWriter(str(folder), flush_secs=SECONDS_BETWEEN_FLUSHES)
        except OSError as error:
            raise UsageError(
                f"cannot write {folder}: {error.strerror}; choose another folder for --tensorboard"
            ) from error

    def tell(self, values: Mapping[str, float]) -> None:
        """Write values at the updates so far, points along training where they lie."""
        super().tell(values)
        step = self.meter.trained
        if FRACTION in values and self.meter.planned:
            step = values[FRACTION] * self.meter.planned
        written = {f"training/{name}": value for name, value in values.items() if name not in (PLANNED, FRACTION)}
        if "loss" in values and self.meter.unit == UPDATES and self.meter.rate is not None:
            written["training/updates_per_second"] = self.meter.rate
        self._write(written, step)

    def close(self) -> None:
        """All is written."""
        try:
            self.writer.close()
        except OSError:
            self.writer = None
        super().close()

    def finish(self, metrics: Mapping[str, Mapping[str, Any]]) -> None:
        """Write the single numbers of a record's ``metrics``, by signal, at the end."""
        numbers = {
            f"{signal}/{name}": float(value)
            for signal, found in metrics.items()
            for name, value in found.items()
            if isinstance(value, int | float) and not isinstance(value, bool)
        }
        self._write(numbers, self.meter.trained)

    def _write(self, values: Mapping[str, float], step: float) -> None:
        try:
            for name, value in values.items():
                if self.writer is not None:
                    self.writer.add_scalar(name, value, round(step))
        except OSError:  # such as a full disk, told by the thread that writes: training goes on
            self.writer = None
