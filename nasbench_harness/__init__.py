"""Evaluation and benchmarking of few-shot neural architecture search on NAS-Bench-201."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nasbench_harness.data.truths import truth_vector

__version__ = "0.1.0"
__all__ = ["__version__", "truth_vector"]


def __getattr__(name: str) -> object:
    """Load public names when they are first used: importing the package costs nothing."""
    if name == "truth_vector":
        from nasbench_harness.data.truths import truth_vector

        return truth_vector
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
