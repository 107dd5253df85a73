"""How training images are varied: a plain description, free of torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

CropFill = Literal["mean", "black"]


@dataclass(frozen=True)
class Augmentation:
    """Random horizontal flip, and random crop after padding by ``crop_padding`` pixels (0: no crop).

    ``crop_fill`` is the colour of the border: "black", as in pipelines that crop before they normalise (the released
    few-shot codes, and the training behind the NAS-Bench-201 table), or "mean", the colour that
    normalisation takes to zero.
    """

    flip: bool = True
    crop_padding: int = 0
    crop_fill: CropFill = "mean"
