"""The embedded image set: scikit-learn's 1,797 handwritten digits (UCI, test part), grey, 8 x 8, 10 classes."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

N_DIGITS = 1797
SIDE = 8
_HIGHEST = 16  # grey levels are 0..16


def read_digits() -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64]]:
    """Images uint8 ``[1797, 1, 8, 8]`` with grey levels 0..16 spread over 0..255 (nearest), labels int64 ``[1797]``."""
    from sklearn.datasets import load_digits

    digits = load_digits()
    levels = np.asarray(digits.images, dtype=np.int64)
    images = ((levels * 255 + _HIGHEST // 2) // _HIGHEST).astype(np.uint8)
    return images[:, None], np.asarray(digits.target, dtype=np.int64)
