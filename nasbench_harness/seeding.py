"""Randomness from one place: every use names its axes, so that adding a strategy changes no other result."""

from __future__ import annotations

import hashlib

import numpy as np


def derive_seed(*axes: object) -> int:
    """A 63-bit seed from names and numbers, such as ``("one-shot", 0, "initial weights")``.

    The same axes give the same seed on every machine and Python version; different axes give unrelated ones.
    """
    digest = hashlib.sha256("\x1f".join(str(axis) for axis in axes).encode(errors="surrogatepass")).digest()
    return int.from_bytes(digest[:8], "big") >> 1


def derive_rng(*axes: object) -> np.random.Generator:
    """A numpy generator seeded by ``derive_seed``."""
    return np.random.default_rng(derive_seed(*axes))
