"""The smallest runs of every strategy kind that mean something: fractions of a second a unit, on digits of 4 x 4."""

from __future__ import annotations

from tests import tiny

KINDS = {
    "one-shot": 'kind = "one-shot"',
    "one-shot-fair": 'kind = "one-shot"\nsampler = "fair"',
    "one-shot-multi": 'kind = "one-shot"\nsampler = {name = "balanced", form = "multi"}',
    "few-shot": 'kind = "few-shot"\npartitioner = "single-edge"\nparent_fraction = 0.5',
    "random": 'kind = "few-shot"\npartitioner = {name = "random", leaves = 3}',
    "random-routing": 'kind = "few-shot"\npartitioner = "efs-accum-random"\nsampler = "balanced"\nchannels = 3',
    "efs-group": 'kind = "few-shot"\npartitioner = "efs-group"\nparent_fraction = 0.5',
    "efs-accum": 'kind = "few-shot"\npartitioner = "efs-accum"\nsampler = "balanced"\nchannels = 3',
    "gm-nas": 'kind = "tree-few-shot"\npartitioner = {name = "gradient-matching", repeats = 1}',
    "random-tree": 'kind = "tree-few-shot"\npartitioner = "random-edge"',
    "hep-rank": 'kind = "hep-rank"\nrepeats = 1',
    "split-without-smd": 'kind = "hep-rank"\nsmd = "none"\nrepeats = 1',
    "smd-without-split": 'kind = "smd-without-split"',
    "hep-search": (
        'kind = "hep-search"\nparent_epochs = [1, 1, 1]\nmax_peers = 1\nrepeats = 1\n'
        "validation_architectures = 3\nvalidation_images = 10"
    ),
    "hm-nas": 'kind = "hm-nas"',
    "pad-nas": (
        'kind = "pad-nas"\ncost = "flops"\nwindow = [0, 1000]\nimages = 10\npopulation = 6\ngenerations = 1\npaired = 6'
    ),
    "close": 'kind = "close"',
    "ensemble": 'kind = "ensemble"\nnetworks = 3',
}
"""By name: the settings of a strategy. Every kind of the registry is among them."""


LONGER = {"gm-nas": 3000, "hep-search": 6500, "hep-rank": 1200, "split-without-smd": 1200, "pad-nas": 600}
"""Architecture-updates of those that ``USUAL`` are too few for."""
USUAL = 400


def experiment(name: str, seeds: int = 2, more_updates: int = 0) -> str:
    """The text of an experiment file with one of ``KINDS``; with other ``more_updates`` it is another protocol."""
    updates = LONGER.get(name, USUAL) + more_updates
    shared = tiny.runnable("batch_size = 20\narchitectures = 15", name="trial", channels=2, updates=updates)
    return f"seeds = {list(range(seeds))}\n{shared}\n[strategies.{name}]\n{KINDS[name]}\n"
