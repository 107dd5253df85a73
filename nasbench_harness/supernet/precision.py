"""What float32 means on a GPU: the whole of it, or factors of products cut to the ten digits of TF32.

Torch lets cuDNN's convolutions use TF32 unless it is told otherwise, which a record of "float32" would not tell.
"""

from __future__ import annotations

import torch

from nasbench_harness.errors import UsageError
from nasbench_harness.supernet.layers import Precision


def set_precision(precision: Precision, device: str | torch.device) -> None:
    """Let this process multiply as ``precision`` says from now on; ``UsageError`` for TF32 without a CUDA device."""
    kind = torch.device(device).type
    if precision == "tf32" and kind != "cuda":
        raise UsageError(f'network.precision "tf32" is of CUDA devices, found {kind}; use "float32" there')
    torch.backends.cudnn.allow_tf32 = precision == "tf32"
    torch.backends.cuda.matmul.allow_tf32 = precision == "tf32"
