"""An untrained network for every live cell, one after the other: in chunks that are kept, so that a stop loses little.

The 9,444 live cells with a path stand for all architectures; those without one get the lowest score.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from nasbench_harness.errors import RunError, UsageError
from nasbench_harness.predictors.base import CLASSES, FloatArray, PredictorContext
from nasbench_harness.seeding import derive_rng, derive_seed
from nasbench_harness.space import N_ARCHITECTURES, connected_live_cells, format_architecture, live_cell_of
from nasbench_harness.system.arrays import store_arrays, stored_arrays

if TYPE_CHECKING:
    from torch import Tensor

    from nasbench_harness.predictors.base import Predictor
    from nasbench_harness.supernet.untrained import Initialisation, UntrainedNetwork

CHUNK = 472
SCHEMA = 1  # raise when a change of code changes scores: stored chunks then no longer count

Measure = Callable[["UntrainedNetwork"], list[float]]


def sweep(
    name: str,
    predictor: Predictor,
    context: PredictorContext,
    measure: Measure,
    *,
    quantities: int = 1,
    initialisation: Initialisation = "pytorch",
    double: bool = False,
) -> FloatArray:
    """``measure`` of an untrained network for every connected live cell: float64 ``[9444, quantities]``.

    ``predictor`` must be the frozen dataclass registered as ``name``; with the context it tells stored chunks apart.
    A quantity may be -inf (no signal at all) but not NaN or +inf: ``RunError`` naming the architecture.
    """
    import torch

    from nasbench_harness.supernet.network import NetworkShape, live_codes
    from nasbench_harness.supernet.untrained import UntrainedNetwork

    shape = NetworkShape(context.channels, context.cells, context.image_channels, CLASSES)
    dtype = torch.float64 if double else torch.float32
    cells = connected_live_cells()
    codes = live_codes(cells)
    values = np.empty((len(cells), quantities))
    context.progress.start(name, len(cells), "cells")
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # the networks are too small to share, and sums keep their order
    try:
        for start in range(0, len(cells), CHUNK):
            part = slice(start, min(start + CHUNK, len(cells)))
            path = _chunk_path(name, predictor, context, cells[part])
            stored = _load(path, (part.stop - start, quantities))
            if stored is not None:
                values[part] = stored
                context.progress.advance(part.stop - start)
                continue
            for row in range(start, part.stop):
                seed = derive_seed("untrained network", context.seed, int(cells[row]))
                values[row] = measure(UntrainedNetwork(codes[row], shape, seed, initialisation, dtype))
                context.progress.advance(1)
            _check(name, values[part], cells[part])
            _save(path, values[part])
    finally:
        torch.set_num_threads(threads)
    return values


def over_all(value_C: FloatArray) -> FloatArray:
    """Values of the connected live cells ``[9444]`` to all architectures ``[15625]``: finite, no path = the lowest.

    A cell of -inf stands below all others, an architecture without a path below that.
    """
    lowest = value_C[np.isfinite(value_C)].min(initial=0.0)
    step = max(1.0, abs(lowest))
    value_A = np.full(N_ARCHITECTURES, lowest - 2 * step)
    value_A[connected_live_cells()] = np.where(np.isneginf(value_C), lowest - step, value_C)
    return value_A[live_cell_of()]


def image_batches(name: str, context: PredictorContext, count: int = 1) -> list[tuple[Tensor, Tensor]]:
    """``count`` disjoint batches of training images with labels, drawn by the context's seed; not augmented.

    ``[batch, channels, size, size]``, normalised, channels-last. Raises ``UsageError`` without images or with too few.
    """
    import torch

    from nasbench_harness.images.batches import DeviceImages

    images = context.images
    if images is None:
        raise UsageError(f"predictor {name}: it looks at real images: give --images DIR, or --images digits")
    if images.images.shape[2] != context.size:
        raise UsageError(f"predictor {name}: images of side {images.images.shape[2]}, but size is {context.size}")
    total = count * context.batch
    if total > len(images.train):
        raise UsageError(f"predictor {name}: {count} x {context.batch} images, but only {len(images.train)} to train")
    rows = derive_rng("untrained network", context.seed, "images").permutation(images.train)[:total]
    batches = DeviceImages(images, rows).equal_batches(context.batch)
    return [(x.contiguous(memory_format=torch.channels_last), y) for x, y in batches]


def noise_batch(context: PredictorContext) -> Tensor:
    """Standard normal inputs ``[batch, channels, size, size]`` from the context's seed, channels-last."""
    import torch

    generator = torch.Generator().manual_seed(derive_seed("untrained network", context.seed, "noise"))
    x_NCHW = torch.randn(context.batch, context.image_channels, context.size, context.size, generator=generator)
    return x_NCHW.contiguous(memory_format=torch.channels_last)


def _check(name: str, value_CQ: FloatArray, cells: np.ndarray) -> None:
    bad = np.flatnonzero((np.isnan(value_CQ) | np.isposinf(value_CQ)).any(axis=1))
    if len(bad):
        where = format_architecture(int(cells[bad[0]]))
        raise RunError(f"predictor {name}: no number for {where} ({len(bad)} such); choose another network or batch")


def _chunk_path(name: str, predictor: Predictor, context: PredictorContext, cells: np.ndarray) -> Path | None:
    if context.work is None:
        return None
    facts = {
        "schema": SCHEMA,
        "name": name,
        "options": dataclasses.asdict(predictor),  # type: ignore[call-overload]
        "settings": context.settings(),
        "cells": cells.tolist(),
    }
    digest = hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:24]
    return context.work / f"{name}-{digest}.npz"


def _load(path: Path | None, shape: tuple[int, int]) -> FloatArray | None:
    """A stored chunk, or None where there is none or it is damaged: it is then measured again."""
    if path is None:
        return None
    stored = stored_arrays(path, ("values",))  # with a checksum, which a bare .npy lacks
    if stored is None:
        return None
    (values,) = stored
    whole = values.dtype == np.float64 and values.shape == shape and not np.isnan(values).any()
    return values if whole else None


def _save(path: Path | None, values: FloatArray) -> None:
    if path is not None:
        store_arrays(path, {"values": values})
