"""What CLOSE trains: a curriculum of ever more blocks, and the run of one stage under it."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from nasbench_harness.errors import UsageError
from nasbench_harness.seeding import derive_rng, derive_seed
from nasbench_harness.space import N_ARCHITECTURES, N_EDGES, index_to_code, live_cell_of, live_cells
from nasbench_harness.strategies.close.gate import soft_choice
from nasbench_harness.strategies.close.network import CloseNetwork
from nasbench_harness.strategies.close.scoring import CloseScorable
from nasbench_harness.strategies.context import Context
from nasbench_harness.supernet.network import live_codes
from nasbench_harness.training.budget import FORWARDS_AN_UPDATE
from nasbench_harness.training.settings import Stage
from nasbench_harness.training.stage_run import StageRun


@dataclass(frozen=True)
class Curriculum:
    """When blocks join and the learning rate starts again, counted in training steps.

    ``starts``: first step of each block, ascending from 0; a ``restart`` at 0 is none. ``gated``: a gate learns, which
    takes a further forward pass for every block beside the chosen one.
    """

    steps: int
    starts: tuple[int, ...]
    restart: int
    gated: bool

    def active(self, step: int) -> int:
        """Blocks that edges choose from at a step."""
        return bisect_right(self.starts, step)

    def cost(self, step: int) -> int:
        """Forward passes on one image of the first ``step`` steps, an update counted as ``FORWARDS_AN_UPDATE``."""
        return FORWARDS_AN_UPDATE * step + self.forwards(0, step)

    def share(self, step: int) -> float:
        """The share of the whole cost that the first ``step`` steps take."""
        return self.cost(step) / self.cost(self.steps)

    def step_at(self, share: float) -> int:
        """How many steps come nearest to a share of the whole cost."""
        wanted = share * self.cost(self.steps)
        above = bisect_left(range(self.steps), wanted, key=self.cost)
        return min(max(0, above - 1), above, key=lambda step: abs(self.cost(step) - wanted))

    def forwards(self, first: int, last: int) -> int:
        """Forward passes without gradient on one image of every step from ``first`` up to ``last``, exclusive."""
        return sum(max(0, last - max(start, first)) for start in self.starts[1:]) if self.gated else 0

    @property
    def stages(self) -> list[tuple[int, int]]:
        """First step and the step after the last of each stretch with one optimiser and schedule."""
        return list(pairwise([0, self.restart, self.steps] if self.restart else [0, self.steps]))


def fitting(updates: int, images: int, starts: Sequence[float], restart: float, gated: bool) -> Curriculum:
    """The longest curriculum that ``updates`` pay for, with ``images`` sent through the network at each step.

    ``starts`` and ``restart`` are fractions of its steps. Raises ``UsageError`` where two of them that differ would
    fall on the same step.
    """

    def of(steps: int) -> Curriculum:
        at = tuple(round(fraction * steps) for fraction in starts)
        return Curriculum(steps, at, round(restart * steps), gated)

    available = updates * FORWARDS_AN_UPDATE // images
    steps = bisect_right(
        range(1, available // FORWARDS_AN_UPDATE + 1), available, key=lambda steps: of(steps).cost(steps)
    )
    found = of(steps)
    fractions = sorted({0.0, 1.0, restart, *starts})
    if len({round(fraction * steps) for fraction in fractions}) < len(fractions):
        raise UsageError(
            f"close divides {updates} architecture-updates into {steps} steps, too few to tell its "
            f"{len(fractions) - 1} stretches apart; raise the budget or lower blocks"
        )
    return found


@dataclass(frozen=True)
class Choice:
    """Who decides on the blocks: the network's gate, or (``fixed_AEG`` ``[15625, 6, blocks]``) the largest number."""

    temperature: float
    fixed_AEG: np.ndarray | None = None

    def best(self, network: CloseNetwork, active: int) -> np.ndarray:
        """The block of every edge of every architecture without a draw, ``[15625, 6]``; dead edges do not matter."""
        if self.fixed_AEG is not None or network.gate is None or active < 2:
            fixed_AEG = np.zeros((N_ARCHITECTURES, N_EDGES, 1)) if self.fixed_AEG is None else self.fixed_AEG
            found: np.ndarray = fixed_AEG[live_cell_of(), :, :active].argmax(2)
            return found
        codes = torch.tensor(live_codes(live_cells()), device=network.stem.device)
        block_AE = np.zeros((N_ARCHITECTURES, N_EDGES), dtype=np.int64)
        with torch.inference_mode():
            # in parts: the messages of a layer on all cells at once would take 30 MB each
            parts = [network.gate(part)[..., :active].argmax(2) for part in torch.split(codes, 1000)]
            block_AE[live_cells()] = torch.cat(parts).cpu().numpy()
        return block_AE[live_cell_of()]


def fixed_choice(context: Context, blocks: int) -> np.ndarray:
    """Random numbers by architecture, edge and block; a new block takes over where its number is the largest so far."""
    rng = derive_rng(*context.seed_axes, "blocks of edges")
    return rng.random((N_ARCHITECTURES, N_EDGES, blocks), dtype=np.float32)


class CloseRun(StageRun):
    """A stage of the curriculum: a stretch with one optimiser and one schedule; ``first`` is its first step."""

    network: CloseNetwork

    def __init__(
        self,
        context: Context,
        network: CloseNetwork,
        stage: Stage,
        curriculum: Curriculum,
        first: int,
        choice: Choice,
        inherits: bool,
    ) -> None:
        """``inherits``: a block that joins starts from the one before, beside its own initial weights."""
        super().__init__(network, stage, context.train_images, context.training, context.budget, context.seed_axes)
        self.curriculum, self.first, self.choice, self.inherits = curriculum, first, choice, inherits
        self.watcher = context.watch(stage, lambda fraction: curriculum.step_at(fraction) - first, self._scorable)

    def begin_step(self) -> None:
        """Let the blocks that join at this step inherit."""
        step = self.first + self.done
        for block, start in enumerate(self.curriculum.starts):
            if self.inherits and start == step > 0:
                self.network.inherit(block)

    def loss_of(self, position: int, x_NCHW: Tensor, labels: Tensor) -> Tensor:
        """Cross-entropy of the architecture at a position, with the blocks that are chosen for it."""
        blocks, soft_EG = self._chosen(position)
        return F.cross_entropy(self.network(x_NCHW, self.codes[position], blocks, soft_EG), labels)

    def weights_of(self, position: int) -> Iterable[Tensor]:
        """As for any stage, with the blocks that are chosen; those of dead edges are the gate's answer for ``none``."""
        code = tuple(index_to_code(self._drawn[position : position + 1])[0].tolist())
        return self.network.weights_of(code, self._chosen(position)[0])

    def cost_before(self, step: int) -> tuple[int, int]:
        """As for any stage; what the gate costs is counted too."""
        updates, _ = super().cost_before(step)
        images = self.per_step * self.settings.batch_size
        return updates, images * self.curriculum.forwards(self.first, self.first + step)

    def _scorable(self) -> CloseScorable:
        """The network as the last step left it, with the best of the blocks that took part in that step."""
        active = self.curriculum.active(self.first + self.done - 1)
        return CloseScorable.of(self.network, self.choice.best(self.network, active))

    def _chosen(self, position: int) -> tuple[Sequence[int], Tensor | None]:
        """Blocks of the architecture at a position of the stage, and the soft choices where the gate made them."""
        active = self.curriculum.active(self.first + self.done)
        if active < 2:
            return self.network.first_route, None
        if self.choice.fixed_AEG is not None:
            cell = live_cell_of()[self._drawn[position]]
            return self.choice.fixed_AEG[cell, :, :active].argmax(1).tolist(), None
        assert self.network.gate is not None
        generator = torch.Generator().manual_seed(derive_seed(*self.seed_axes, self.stage.name, "blocks", position))
        code_1E = torch.tensor([self.codes[position]], device=self.network.stem.device)
        logits_EG = self.network.gate(code_1E, generator)[0, :, :active]
        soft_EG = soft_choice(logits_EG, self.choice.temperature, generator)
        return soft_EG.argmax(1).tolist(), soft_EG
