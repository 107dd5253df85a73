"""Peak memory of a paper-size run, in a process of its own: training and scoring of 16 channels and 5 cells a stage."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from cases import Case, Effort, Work

from nasbench_harness.errors import RunError

HERE = Path(__file__).resolve().parent
BATCH = 64
SHAPE = (16, 5, 32)
IMAGES = 50_000
"""As many as CIFAR-10 trains on, all in memory."""

SCORED_IMAGES = 500
TARGET_BYTES = 2e9

FILLING = ((2, 3, 1, 1, 1, 1), (2, 4, 1, 1, 1, 1), (3, 2, 2, 1, 1, 1), (3, 2, 3, 1, 1, 1), (3, 2, 4, 2, 2, 2),
           (3, 2, 4, 3, 3, 3), (3, 2, 4, 4, 4, 4))  # fmt: skip
"""Cells after which every edge out of a node that lasts is remembered with all its operations."""


def cases() -> Iterator[Case]:
    """The one case of this module."""
    yield Case("memory-16-5-32", "peak memory, 16 channels, 5 cells a stage, 32 pixels", "child process", _memory)


def _memory(effort: Effort, folder: Path) -> Work:
    import torch

    peaks: list[dict[str, float]] = []

    def child(repeat: int) -> None:
        words = [str(HERE / "memory_case.py"), str(effort.steps), str(torch.get_num_threads())]
        done = subprocess.run([sys.executable, *words], capture_output=True, text=True, check=False, cwd=HERE.parent)
        if done.returncode != 0:
            raise RunError(f"the measured process ended with {done.returncode}: {done.stderr.strip()[-300:]}")
        peaks.append(json.loads(done.stdout))

    def derive(seconds: Mapping[str, float]) -> dict[str, float]:
        worst = {name: max(peak[name] for peak in peaks) for name in peaks[0]}
        return worst | {"target_bytes": TARGET_BYTES}

    facts: dict[str, Any] = {"batch": BATCH, "images": IMAGES, "scored_images": SCORED_IMAGES}
    return Work({"training and scoring": child}, 1, facts, derive=derive)


def measure(steps: int, threads: int) -> dict[str, float]:
    """Train and score in this process; the peak resident bytes after each, imports and images included.

    The scored cells make the first cell remember as much as it ever does.
    """
    import numpy as np
    import torch
    from network_cases import random_images

    from nasbench_harness.images.batches import Augmentation, DeviceImages
    from nasbench_harness.space import Subspace, code_to_index
    from nasbench_harness.supernet.network import NetworkShape, Supernet
    from nasbench_harness.supernet.scoring.scores import score_live_cells
    from nasbench_harness.system.memory import give_back_freed_memory, keep_freed_memory
    from nasbench_harness.system.progress import Silent
    from nasbench_harness.training.budget import Budget
    from nasbench_harness.training.samplers import UniformSampler
    from nasbench_harness.training.settings import Stage, TrainingSettings
    from nasbench_harness.training.stage_run import StageRun

    torch.set_num_threads(threads)
    keep_freed_memory()
    images = random_images(IMAGES, SHAPE[2])
    network = Supernet(NetworkShape(SHAPE[0], SHAPE[1], 3, images.n_classes))
    stage = Stage("memory", Subspace.full(), steps * BATCH, UniformSampler())
    settings = TrainingSettings(batch_size=BATCH, augmentation=Augmentation(crop_padding=4))
    resident = DeviceImages(images, images.train)
    StageRun(network, stage, resident, settings, Budget(steps * BATCH), ("benchmark",)).advance(steps, Silent())
    trained = peak_bytes()
    cells = code_to_index(np.array(FILLING))
    held_out = DeviceImages(images, images.train[:SCORED_IMAGES])
    give_back_freed_memory()  # as the pipeline does
    score_live_cells(network, cells, held_out, SCORED_IMAGES, Silent())
    return {"peak_bytes_training": trained, "peak_bytes": peak_bytes()}


def peak_bytes() -> float:
    """Largest resident size of this process so far."""
    import resource

    status = Path("/proc/self/status")
    if status.exists():  # the other count starts, in a child, from the size of its parent
        (line,) = [line for line in status.read_text().splitlines() if line.startswith("VmHWM:")]
        return 1024.0 * int(line.split()[1])

    factor = 1 if sys.platform == "darwin" else 1024
    return float(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * factor)


if __name__ == "__main__":
    sys.path.insert(0, str(HERE))
    sys.path.append(str(HERE.parent))
    numbers = [int(word) for word in sys.argv[1:3]]
    print(json.dumps(measure(*numbers)))
    sys.exit(0)
