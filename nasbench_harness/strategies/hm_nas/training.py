"""How HM-NAS trains: the mixture, then its masks, under one budget; and what the record says of them."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch.nn import functional as F

from nasbench_harness.errors import UsageError
from nasbench_harness.images.batches import DeviceImages
from nasbench_harness.seeding import derive_seed
from nasbench_harness.space import OPERATIONS, format_architecture
from nasbench_harness.strategies.base import Leaf, Scorer
from nasbench_harness.strategies.context import Context
from nasbench_harness.strategies.hm_nas.edges import MIXED
from nasbench_harness.strategies.hm_nas.loop import MIXTURE_UPDATES
from nasbench_harness.strategies.hm_nas.options import HmNasOptions
from nasbench_harness.strategies.hm_nas.rankings import mask_logits, masked_importance, projected
from nasbench_harness.strategies.hm_nas.scorer import HmNasScorer
from nasbench_harness.strategies.hm_nas.stages import ImportanceLoop, MaskLoop, halves
from nasbench_harness.training.budget import FORWARDS_AN_UPDATE

CHECK_IMAGES = 1000
"""Training images on which the mixture is looked at with and without its masks."""


def train(strategy: HmNasOptions, context: Context) -> Scorer:
    """Train the mixture, then its masks."""
    context = context.with_whole_batches()
    one, other = halves(context.train_images, derive_seed(*context.seed_axes, "halves"))
    _check(strategy, context, len(one))
    check = _check_images(context, len(one)) if strategy.masking else 0
    spare = _check_updates(check)
    planned = context.budget.planned - spare
    network = context.new_network("supernet")
    step = context.training.batch_size * MIXTURE_UPDATES
    # at least one step for the masks, whatever their share
    share = min(int(planned * (1 - strategy.mask_fraction)), planned - step) if strategy.masking else planned
    first = ImportanceLoop(context, share, network, (one, other), strategy.edge_level, strategy.importance_rate)
    losses = [first.run()]
    importances = first.importances
    operation_EM, edge_E = _numbers(importances.operation_EM), _numbers(importances.edge_E)
    details: dict[str, Any] = {
        "images": {"weights": len(one), "importances_and_masks": len(other)},
        "updates_of_a_mixture": MIXTURE_UPDATES,
        "operations": [OPERATIONS[op] for op in MIXED],
        "operation_importance": operation_EM.round(6).tolist(),
        "edge_weight": edge_E.round(6).tolist(),
    }
    tables: dict[str, np.ndarray] = {}
    if strategy.masking:
        left = context.budget.planned - spare - context.budget.used
        masks = MaskLoop(context, left, network, other, importances, strategy.mask_settings)
        losses.append(masks.run())
        network = masks.bake()
        details["masks"] = _counts(masks)
        if check:
            details["check"] = _compare(context, first, masks, one.part(slice(check)))
        operation_EM, edge_E = _numbers(masks.operation_EM), _numbers(masks.edge_E)
        real = {name: _numbers(masks.real[name]) for name in ("alpha", "beta") if name in masks.real}
        tables["mask_logits"] = mask_logits(real["alpha"], real.get("beta"))
        details["real_masks"] = {name: values.round(6).tolist() for name, values in real.items()}
    tables = {"masked_importance": masked_importance(operation_EM, edge_E), **tables}
    derived = projected(operation_EM, edge_E)
    details |= {
        "surviving": [
            [OPERATIONS[op] for op, kept in zip(MIXED, row > 0, strict=True) if kept] if weight > 0 else []
            for row, weight in zip(operation_EM, edge_E, strict=True)
        ],
        "projected": {"index": derived, "architecture": format_architecture(derived)},
    }
    leaf = Leaf(context.space, network, context.budget.used)
    return HmNasScorer((leaf,), tuple(losses), context, details=details, edge_weight_E=edge_E, tables=tables)


def _check(strategy: HmNasOptions, context: Context, half: int) -> None:
    batch, planned = context.training.batch_size, context.budget.planned
    if batch > half:
        raise UsageError(f"training.batch_size {batch} exceeds the {half} images of half the training set")
    step = batch * MIXTURE_UPDATES
    if planned < (3 if strategy.masking else 2) * step:
        raise UsageError(
            f"hm-nas divides {planned} architecture-updates, but one step of the mixture takes {2 * step} and one "
            f"of the masks {step}; raise the budget"
        )


def _compare(context: Context, first: ImportanceLoop, masks: MaskLoop, images: DeviceImages) -> dict[str, float]:
    """Loss and accuracy of the mixture without and with its masks, on images that trained its weights alone."""

    @torch.no_grad()
    def measure() -> dict[str, np.ndarray]:
        rows = []
        for x_NCHW, labels in images.equal_batches(context.scoring_batch):
            weight_EM = first.importances.operation_EM * first.importances.edge_E[:, None]
            both = (first.mixture(x_NCHW, weight_EM), masks.logits(x_NCHW))
            loss = [float(F.cross_entropy(logits, labels, reduction="sum")) for logits in both]
            correct = [float((logits.argmax(1) == labels).sum()) for logits in both]
            rows.append([*loss, *correct])
        context.budget.spend(0, _check_forwards(len(images)))
        return {"sums": np.array(rows).sum(0) / len(images)}

    loss, masked_loss, share, masked_share = context.measure("check of the masks", measure)["sums"].tolist()
    found = {
        "loss": loss,
        "masked_loss": masked_loss,
        "accuracy": 100 * share,
        "masked_accuracy": 100 * masked_share,
    }
    return {"images": len(images), **found}


def _check_images(context: Context, half: int) -> int:
    """At most a hundredth of the budget; none where that is less than a batch."""
    affordable = context.budget.planned * FORWARDS_AN_UPDATE // 100 // _check_forwards(1)
    images = min(CHECK_IMAGES, half, affordable)
    return images if images >= context.training.batch_size else 0


def _check_forwards(images: int) -> int:
    return 2 * MIXTURE_UPDATES * images


def _check_updates(images: int) -> int:
    return -(-_check_forwards(images) // FORWARDS_AN_UPDATE)


def _counts(masks: MaskLoop) -> dict[str, dict[str, int]]:
    """How many of each level are masked."""
    found: dict[str, dict[str, int]] = {}
    for name in masks.real:
        level = {"alpha": "operations", "beta": "edges"}.get(name, "weights")
        mask = masks.mask(name).detach()
        row = found.setdefault(level, {"masked": 0, "of": 0})
        row["masked"] += int((mask == 0).sum())
        row["of"] += mask.numel()
    return found


def _numbers(tensor: torch.Tensor) -> np.ndarray:
    return tensor.detach().cpu().double().numpy()
