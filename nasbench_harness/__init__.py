"""Evaluation and benchmarking of few-shot neural architecture search on NAS-Bench-201.

``import nasbench_harness as nh`` gives what a notebook needs; every name is loaded when it is first used, so importing
the package costs nothing. ``docs/python.md`` is a short guide.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from nasbench_harness._version import __version__

if TYPE_CHECKING:
    from nasbench_harness import space
    from nasbench_harness.api.compare import Gate, compare
    from nasbench_harness.api.evaluation import Evaluation, evaluate
    from nasbench_harness.api.fusion import Fusion, fuse
    from nasbench_harness.api.leaderboard import Leaderboard, leaderboard
    from nasbench_harness.api.runs import Run, draw, read_run, run_experiment
    from nasbench_harness.api.search import best_architectures
    from nasbench_harness.api.sweep import Sweep, sweep
    from nasbench_harness.data.truths import truth_vector
    from nasbench_harness.errors import HarnessError
    from nasbench_harness.experiment import Experiment, load_experiment, load_experiments, preset_names
    from nasbench_harness.latency import LatencyTable, open_latency
    from nasbench_harness.space import Subspace, format_architecture, parse_architecture
    from nasbench_harness.truth import TruthTable, open_table, truth_from

_HOMES = {
    "Evaluation": "api.evaluation",
    "Experiment": "experiment",
    "Fusion": "api.fusion",
    "Gate": "api.compare",
    "HarnessError": "errors",
    "LatencyTable": "latency",
    "Leaderboard": "api.leaderboard",
    "Run": "api.runs",
    "Subspace": "space",
    "Sweep": "api.sweep",
    "TruthTable": "truth",
    "best_architectures": "api.search",
    "compare": "api.compare",
    "draw": "api.runs",
    "evaluate": "api.evaluation",
    "format_architecture": "space",
    "fuse": "api.fusion",
    "leaderboard": "api.leaderboard",
    "load_experiment": "experiment",
    "load_experiments": "experiment",
    "open_latency": "latency",
    "open_table": "truth",
    "parse_architecture": "space",
    "preset_names": "experiment",
    "read_run": "api.runs",
    "run_experiment": "api.runs",
    "sweep": "api.sweep",
    "truth_from": "truth",
    "truth_vector": "data.truths",
}
"""Public name -> the module that holds it, below this package."""

__all__ = [
    "Evaluation",
    "Experiment",
    "Fusion",
    "Gate",
    "HarnessError",
    "LatencyTable",
    "Leaderboard",
    "Run",
    "Subspace",
    "Sweep",
    "TruthTable",
    "__version__",
    "best_architectures",
    "compare",
    "draw",
    "evaluate",
    "format_architecture",
    "fuse",
    "leaderboard",
    "load_experiment",
    "load_experiments",
    "open_latency",
    "open_table",
    "parse_architecture",
    "preset_names",
    "read_run",
    "run_experiment",
    "space",
    "sweep",
    "truth_from",
    "truth_vector",
]


def __getattr__(name: str) -> object:
    """Load a public name when it is first used."""
    if name == "space":
        return import_module(f"{__name__}.space")
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    return value


def __dir__() -> list[str]:
    """All public names, whether loaded or not."""
    return sorted({*globals(), *__all__})
