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

_RUNNABLE = """
name = "{name}"
[images]
name = "digits"
size = 4
[network]
channels = {channels}
cells = 1
[training]
batch_size = 20
learning_rate = 0.05
flip = false
crop_padding = 1
[budget]
architecture_updates = {updates}
[scoring]
images = 20
{scoring}
[truth]
policy = "{policy}"
"""


def runnable(
    scoring: str, policy: str = "digits_test_5", name: str = "tiny", channels: int = 4, updates: int = 1000
) -> str:
    """Settings of a unit that trains in a moment, on 4 x 4 pixels in steps of 20; ``scoring``: lines of that part."""
    return _RUNNABLE.format(name=name, channels=channels, updates=updates, scoring=scoring, policy=policy)


RUNNABLE = runnable("", "digits_test_30")
"""Settings of a unit that trains 50 steps and scores every cell, in seconds."""

UNTRAINED = runnable("architectures = 50")
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
