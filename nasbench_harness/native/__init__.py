"""Kernels in C for narrow networks on a processor, from the wheel or compiled on the machine where they run.

Native libraries lay the vectors of a processor across channels, of which supernets of 5 to 16 have too few; these lay
them across images, so they are full at any width (see ``lanes.h``). A checkout needs a C compiler for them; without
them everything runs on torch's operations, slower.
"""

from nasbench_harness.native.kernels import Kernels, kernels, kernels_description

__all__ = ["Kernels", "kernels", "kernels_description"]
