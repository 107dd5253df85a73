"""The smallest experiments that mean something, as the text of their files; test modules import what they need."""

from __future__ import annotations

SETTINGS = """
name = "tiny"
[images]
name = "digits"
[network]
channels = 4
cells = 1
[training]
[budget]
epochs = 3
[scoring]
images = 20
[truth]
policy = "digits_test_30"
"""
"""Shared settings alone: strategies are appended, top-level keys such as ``seeds`` are put before."""

FEW = '[strategies.few]\nkind = "few-shot"\npartitioner = "random"\n'
ONE = '[strategies.one]\nkind = "one-shot"\n'

RUNNABLE = """
name = "tiny"
[images]
name = "digits"
size = 4
[network]
channels = 4
cells = 1
[training]
batch_size = 20
learning_rate = 0.05
flip = false
crop_padding = 1
[budget]
architecture_updates = 1000
[scoring]
images = 20
[truth]
policy = "digits_test_30"
"""
"""Settings of a unit that trains and scores every cell in seconds: 4 x 4 pixels and 50 steps of 20 images."""

UNTRAINED = RUNNABLE.replace("images = 20", "images = 20\narchitectures = 50").replace("test_30", "test_5")
"""Settings of units of plug-ins that train nothing: 50 architectures are scored."""

BY_FLOPS = """
import time
from dataclasses import dataclass
from nasbench_harness.space import flops
from nasbench_harness.strategies import Context, Leaf, Scorer, Strategy, strategies

class ByFlops(Scorer):
    def score(self, architectures):
        count = flops(live=True)[architectures] / 1e6
        return {"accuracy": count, "negative_loss": -1 / count}

    @classmethod
    def of(cls, context):
        return cls((Leaf(context.space, context.new_network("supernet"), 0),), (), context)
"""
"""The beginning of a plug-in: what its strategies return without training anything, ``ByFlops.of(context)``."""
