"""Experiments: what they say, where they are read from, and the methods that they name."""

from nasbench_harness.experiment.description import Experiment, identity
from nasbench_harness.experiment.loading import (
    load_experiment,
    load_experiments,
    preset_names,
    select_strategies,
    with_seeds,
)

__all__ = [
    "Experiment",
    "identity",
    "load_experiment",
    "load_experiments",
    "preset_names",
    "select_strategies",
    "with_seeds",
]
