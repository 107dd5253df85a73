"""That an installed wheel brings kernels which this machine runs: they load, and convolve as torch does.

A program, for wherever a wheel was made: prints one line, and fails where the kernels are not those of the wheel.
"""

from __future__ import annotations

from pathlib import Path

import torch
from torch.nn import functional as F

from nasbench_harness.native import kernels, kernels_description


def openmp_libraries() -> set[str]:
    """The OpenMP libraries that this process has loaded."""
    maps = Path("/proc/self/maps").read_text(encoding="utf-8").splitlines()
    names = {line.split()[-1] for line in maps if len(line.split()) > 5}
    return {name for name in names if any(word in Path(name).name for word in ("gomp", "iomp", "libomp"))}


def main() -> None:
    torch.set_num_threads(2)
    for dtype in (torch.float32, torch.float64):
        native = kernels(dtype)
        assert native is not None, kernels_description()
        assert native.origin.startswith("built in for "), native.origin
        x, w = torch.randn(40, 5, 8, 8, dtype=dtype), torch.randn(7, 5, 3, 3, dtype=dtype)
        found = native.convolve(native.lay_out(x), native.pack(w))
        images = found.permute(0, 4, 1, 2, 3).reshape(-1, 7, 8, 8)[:40]
        torch.testing.assert_close(images, F.conv2d(x, w, padding=1))
    loaded = openmp_libraries()
    assert len(loaded) <= 1, f"more than one OpenMP library: {sorted(loaded)}"
    print(kernels_description())


if __name__ == "__main__":
    main()
