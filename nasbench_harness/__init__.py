"""Evaluation and benchmarking of few-shot neural architecture search on NAS-Bench-201."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nasbench_harness._version import __version__

if TYPE_CHECKING:
    from nasbench_harness.data.truths import truth_vector

__all__ = ["__version__", "truth_vector"]


def __getattr__(name: str) -> object:
    """Load public names when they are first used: importing the package costs nothing."""
    if name == "truth_vector":
        from nasbench_harness.data.truths import truth_vector

        return truth_vector
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
