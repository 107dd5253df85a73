"""What figures call devices, truths and scores, in place of the names of columns and files."""

from __future__ import annotations

import re

from nasbench_harness.figures import style

_DEVICES = {
    "1080ti": "GTX 1080 Ti",
    "2080ti": "RTX 2080 Ti",
    "titanxp": "Titan Xp",
    "titan_rtx": "Titan RTX",
    "gold_6226": "Xeon Gold 6226",
    "gold_6240": "Xeon Gold 6240",
    "silver_4114": "Xeon Silver 4114",
    "silver_4210r": "Xeon Silver 4210R",
    "pixel2": "Pixel 2",
    "pixel3": "Pixel 3",
    "samsung_a50": "Galaxy A50",
    "samsung_s7": "Galaxy S7",
    "essential_ph_1": "Essential Phone",
    "raspi4": "Raspberry Pi 4",
    "fpga": "FPGA",
}
"""Columns of HELP's table without the batch size that some end with."""

_IMAGES = {"cifar10": "CIFAR-10", "cifar100": "CIFAR-100", "imagenet16_120": "ImageNet16-120", "digits": "digits"}
_RANKINGS = {"oracle": "the truth itself", "flops": "FLOPs", "live_flops": "live FLOPs", "parameters": "parameters"}


def name_of_device(column: str) -> str:
    """A device column by the name of the device, with its batch size where it states one; others as they are."""
    if column in _DEVICES:
        return _DEVICES[column]
    device, _, batch = column.rpartition("_")
    return f"{_DEVICES[device]}, batch {batch}" if device in _DEVICES and batch.isdigit() else column


def title_of_truth(policy: str) -> str:
    """The axis of a truth: image set and split of the policy; another column as it is."""
    parts = re.match(r"(.+?)_((?:train|valid|test)(?:_valid|_test)*)_\d+", policy)
    return f"{_IMAGES.get(parts[1], parts[1])} {parts[2].replace('_', ' and ')} accuracy (%)" if parts else policy


def name_of_scores(scores: str) -> str:
    """Scores of a search: a count, the truth, or a unit by its strategy, seed and signal; a file as it is."""
    if scores in _RANKINGS:
        return _RANKINGS[scores]
    unit = re.fullmatch(r"(.+)/seed-(\d+):(.+)", scores)
    return f"{style.name_of(unit[1])} (seed {unit[2]}, {style.title_of(unit[3])})" if unit else scores
