"""Training and evaluation of stand-alone networks, as many at once as have the same architecture."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch.nn import functional as F

from nasbench_harness.errors import RunError, UsageError
from nasbench_harness.images import ImageSet
from nasbench_harness.space import EDGES, code_to_index, format_architecture
from nasbench_harness.truth.build.standalone.batches import Batches
from nasbench_harness.truth.build.standalone.models import Code, Models
from nasbench_harness.truth.build.standalone.recipe import Recipe

MODELS_AT_ONCE = 16

FloatArray = npt.NDArray[np.float64]
Report = Callable[[int, int], None]


@dataclass(frozen=True, eq=False)
class StandaloneResult:
    """Outcome of M models, row for row with what was asked.

    Float64 ``[M]``: accuracy in percent on the test and the validation part, mean loss of the last epoch.
    """

    test_accuracy_M: FloatArray
    valid_accuracy_M: FloatArray
    final_loss_M: FloatArray


def train_standalone(
    codes_MC: npt.NDArray[np.uint8],
    seeds_M: npt.NDArray[np.int64],
    images: ImageSet,
    recipe: Recipe,
    progress: Report | None = None,
) -> StandaloneResult:
    """Train model m of architecture ``codes_MC[m]`` (uint8 ``[M, 6]``) with seed ``seeds_M[m]``, on one CPU.

    ``progress(done, total)`` counts models. Raises ``UsageError`` for an architecture without a path or a training part
    smaller than a batch, ``RunError`` when a training diverges: its loss is not a number or infinite.
    """
    if codes_MC.shape != (len(seeds_M), len(EDGES)):
        raise UsageError(f"expected codes [{len(seeds_M)}, {len(EDGES)}], one row a seed; found {list(codes_MC.shape)}")
    if len(images.train) < recipe.batch:
        raise UsageError(f"{len(images.train)} training images are less than one batch of {recipe.batch}")
    result = StandaloneResult(*(np.full(len(seeds_M), np.nan) for _ in range(3)))
    rows_of: dict[Code, list[int]] = {}
    for row, code in enumerate(codes_MC.tolist()):
        rows_of.setdefault(tuple(code), []).append(row)
    data = Batches(images, recipe)
    done = 0
    for code, rows in rows_of.items():
        for start in range(0, len(rows), MODELS_AT_ONCE):
            part = np.array(rows[start : start + MODELS_AT_ONCE])
            models = Models(code, seeds_M[part].tolist(), recipe, images.images.shape[1], images.n_classes)
            result.final_loss_M[part] = _train(models, data, recipe)
            result.test_accuracy_M[part] = data.accuracy(models, images.test)
            result.valid_accuracy_M[part] = data.accuracy(models, images.valid)
            done += len(part)
            if progress is not None:
                progress(done, len(seeds_M))
    return result


def _train(models: Models, data: Batches, recipe: Recipe) -> FloatArray:
    """Run all updates; the mean loss of the last epoch per model, float64 ``[models]``."""
    optimiser = torch.optim.SGD(
        list(models.parameters.values()),
        lr=recipe.learning_rate,
        momentum=recipe.momentum,
        weight_decay=recipe.weight_decay,
        nesterov=recipe.momentum > 0,
        foreach=True,
    )
    steps = recipe.steps(len(data.train))
    loss_M = torch.zeros(len(models.seeds))
    for step, (x, y_MB) in enumerate(data.batches(models.seeds)):
        optimiser.param_groups[0]["lr"] = recipe.learning_rate * (1 + math.cos(math.pi * step / steps)) / 2
        losses_MB = F.cross_entropy(models.logits(x).transpose(1, 2), y_MB, reduction="none")
        optimiser.zero_grad()
        (losses_MB.sum() / recipe.batch).backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        if step >= steps - steps // recipe.epochs:
            loss_M += losses_MB.detach().mean(1)
    mean_M = (loss_M / (steps // recipe.epochs)).double().numpy()
    if not np.isfinite(mean_M).all():
        bad = int(np.flatnonzero(~np.isfinite(mean_M))[0])
        name = format_architecture(int(code_to_index(np.asarray(models.code))))
        raise RunError(
            f"stand-alone training of {name} with seed {models.seeds[bad]} diverged (loss {mean_M[bad]}); "
            f"lower the recipe's learning rate of {recipe.learning_rate}"
        )
    return np.asarray(mean_M, dtype=np.float64)
