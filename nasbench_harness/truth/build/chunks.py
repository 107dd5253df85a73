"""One chunk of a build: trained in one go, stored whole, known again by everything that can change its numbers."""

from __future__ import annotations

import contextlib
import hashlib
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from nasbench_harness.images import ImageSet
from nasbench_harness.space import index_to_code
from nasbench_harness.system.arrays import store_arrays, stored_arrays
from nasbench_harness.truth.build.plan import Task
from nasbench_harness.truth.build.standalone import Recipe, train_standalone

SCHEMA = 1  # raise when the training code changes results: stored chunks then no longer count
_STORED = ("test", "valid", "loss", "seconds")  # names of a chunk's arrays in its file

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class ModelChunk:
    """Finished work: float64 ``[architectures, seeds]`` accuracies in percent and losses, and the seconds it took."""

    test_AS: FloatArray
    valid_AS: FloatArray
    loss_AS: FloatArray
    seconds: float


@contextlib.contextmanager
def one_thread() -> Iterator[None]:
    """One torch thread: the networks are too small to share, and the order of additions stays the same everywhere."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def train_chunk(images: ImageSet, recipe: Recipe, task: Task, path: Path) -> ModelChunk:
    started = time.perf_counter()
    shape = (len(task.index_A), len(task.seeds))
    codes = np.repeat(index_to_code(task.index_A), len(task.seeds), axis=0)
    result = train_standalone(codes, np.tile(np.array(task.seeds, dtype=np.int64), len(task.index_A)), images, recipe)
    chunk = ModelChunk(
        result.test_accuracy_M.reshape(shape),
        result.valid_accuracy_M.reshape(shape),
        result.final_loss_M.reshape(shape),
        time.perf_counter() - started,
    )
    values = (chunk.test_AS, chunk.valid_AS, chunk.loss_AS, np.array(chunk.seconds))
    store_arrays(path, dict(zip(_STORED, values, strict=True)))
    return chunk


def chunk_identity(images: ImageSet, recipe: Recipe, task: Task) -> str:
    """Hash of everything that can change a chunk's numbers."""
    facts = {
        "schema": SCHEMA,
        "recipe": recipe.to_json(),
        "images": images_digest(images),
        "architectures": task.index_A.tolist(),
        "seeds": list(task.seeds),
    }
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:24]


def images_digest(images: ImageSet) -> str:
    """SHA-256 of pixels, labels and the three parts of an image set."""
    digest = hashlib.sha256(np.ascontiguousarray(images.images).data)
    for array in (images.labels, images.train, images.valid, images.test):
        digest.update(np.ascontiguousarray(array, dtype="<i8").tobytes())
    return digest.hexdigest()


def load_chunk(path: Path, task: Task) -> ModelChunk | None:
    """A stored chunk, or None where there is none or it is damaged: it is then trained again."""
    stored = stored_arrays(path, _STORED)
    if stored is None or stored[3].shape != ():
        return None
    chunk = ModelChunk(stored[0], stored[1], stored[2], float(stored[3]))
    shape = (len(task.index_A), len(task.seeds))
    whole = all(a.shape == shape and np.isfinite(a).all() for a in (chunk.test_AS, chunk.valid_AS, chunk.loss_AS))
    return chunk if whole else None
