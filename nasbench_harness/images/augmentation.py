"""How training images are varied: a plain description, free of torch."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Augmentation:
    """Random horizontal flip, and random crop after zero padding by ``crop_padding`` pixels (0: no crop)."""

    flip: bool = True
    crop_padding: int = 0
