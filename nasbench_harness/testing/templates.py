"""What ``nasbench-harness new`` writes; ``$NAME``, ``$CLASS`` and ``$MODULE`` are filled in."""

PARTITIONER = '''"""A partitioner of my own: which architectures share a supernet."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nasbench_harness.errors import UsageError
from nasbench_harness.partitioners import Partitioner, Probe, partitioners
from nasbench_harness.space import OPERATIONS, Subspace, all_codes


@partitioners.register("$NAME")
@dataclass(frozen=True)
class $CLASS(Partitioner):
    """Two leaves, by the number of 3 x 3 convolutions in the cell."""

    most: int = 1  # an option: in experiments {name = "$NAME", most = 2}

    def __post_init__(self) -> None:
        """Refuse impossible options before anything is trained."""
        if not 0 <= self.most <= 5:
            raise UsageError(f"$NAME: most must be 0 to 5, found {self.most}")

    def split(self, subspace: Subspace, probe: Probe | None, rng: np.random.Generator) -> list[Subspace]:
        """Leaves: disjoint, together all of ``subspace``, none of them empty. All randomness comes from ``rng``."""
        # all_codes() is [15625, 6]: row = architecture, column = edge, value = operation
        convolutions_A = (all_codes() == OPERATIONS.index("nor_conv_3x3")).sum(1)
        few_A = convolutions_A <= self.most
        leaves = [
            subspace.intersect(Subspace.where(few_A, "few"), "few convolutions"),
            subspace.intersect(Subspace.where(~few_A, "many"), "many convolutions"),
        ]
        return [leaf for leaf in leaves if leaf.size]
'''

STRATEGY = '''"""A strategy of my own: from untrained networks to a score for every architecture, under a budget."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from nasbench_harness.errors import UsageError
from nasbench_harness.strategies import Context, Leaf, Scorer, Strategy, strategies
from nasbench_harness.training.samplers import samplers


@strategies.register("$NAME")
@dataclass(frozen=True)
class $CLASS(Strategy):
    """One supernet, trained uniformly first and with balanced sampling afterwards."""

    status: ClassVar[str] = "adaptation"  # or "reproduction", or "control"
    source: ClassVar[str] = ""  # whose idea it is

    uniform_share: float = 0.5  # an option: in experiments beside kind = "$NAME"

    def __post_init__(self) -> None:
        """Refuse impossible options before anything is trained."""
        if not 0 < self.uniform_share < 1:
            raise UsageError(f"$NAME: uniform_share must be above 0 and below 1, found {self.uniform_share}")

    def train(self, context: Context) -> Scorer:
        """Divide ``context.budget.planned`` among the stages; ``context.train`` meters them and leaves checkpoints."""
        from nasbench_harness.training.trainer import Stage

        network = context.new_network("supernet")
        first = int(context.budget.planned * self.uniform_share)
        rest = context.budget.planned - first
        losses = (
            context.train(network, Stage("uniform", context.space, first, samplers.build("uniform"))),
            context.train(network, Stage("balanced", context.space, rest, samplers.build("balanced"))),
        )
        return Scorer((Leaf(context.space, network, context.budget.used),), losses, context)
'''

TEST_OF_PARTITIONER = '''"""The promises of a partitioner, each as a test, with two settings of its option.

For pytest, which the harness does not bring: `pip install pytest`, then `python -m pytest test_$MODULE.py`. Without it
`nasbench-harness check $MODULE.py` checks the same.
"""

from nasbench_harness.plugins import load_file
from nasbench_harness.testing import PartitionerConformance
from pathlib import Path

load_file(Path(__file__).with_name("$MODULE.py"))


class Test$CLASS(PartitionerConformance):
    part = "$NAME"


class Test$CLASSWithTwo(PartitionerConformance):
    part = {"name": "$NAME", "most": 2}
'''

TEST_OF_STRATEGY = '''"""The promises of a strategy, each as a test; it is trained for a few steps.

For pytest, which the harness does not bring: `pip install pytest`, then `python -m pytest test_$MODULE.py`. Without it
`nasbench-harness check $MODULE.py` checks the same.
"""

from nasbench_harness.plugins import load_file
from nasbench_harness.testing import StrategyConformance
from pathlib import Path

load_file(Path(__file__).with_name("$MODULE.py"))


class Test$CLASS(StrategyConformance):
    part = "$NAME"
'''

EXPERIMENT = """# A first comparison, in seconds: far too short to conclude from. A real one: presets/cifar10-fast.toml.
name = "$NAME"
description = "$NAME beside one-shot training, on the digits"
plugins = ["$MODULE.py"]

[images]
name = "digits"

[network]
channels = 4
cells = 1

[training]
batch_size = 60
learning_rate = 0.05
flip = false
crop_padding = 1

[budget]
epochs = 4

[scoring]
images = 50
batch_size = 50

[truth]
policy = "digits_test_5"

[strategies.one-shot]
kind = "one-shot"

[strategies.$NAME]
$STRATEGY
"""

STRATEGY_LINES = {
    "partitioner": 'kind = "few-shot"\npartitioner = "$NAME"',
    "strategy": 'kind = "$NAME"',
}
