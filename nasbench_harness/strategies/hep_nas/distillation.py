"""Search-space mutual distillation: a sub-supernet learns from siblings and parent (HEP-NAS, as released)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from typing import Literal

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from nasbench_harness.seeding import derive_rng
from nasbench_harness.space import Subspace, code_to_index, connected, index_to_code
from nasbench_harness.supernet.network import Supernet, live_codes

Mode = Literal["both", "peers", "single-teacher"]


@dataclass(frozen=True)
class Peer:
    """A network that trains beside the one that learns, and the subspace it stands for."""

    network: Supernet
    subspace: Subspace
    edges: tuple[int, ...] = ()

    @cached_property
    def _choices(self) -> np.ndarray:
        """Operations on the edges, ``[choices, edges]``, every combination of those that occur."""
        rows = [np.flatnonzero(self.subspace.used_EO[edge]) for edge in self.edges]
        return np.array(list(product(*rows)), dtype=np.int64).reshape(-1, len(self.edges))

    def counterpart(self, architecture: int, rng: np.random.Generator) -> int | None:
        """``architecture`` with the edges redrawn from what the peer holds there, uniform over what leaves a path.

        ``None`` where nothing does. Without edges it is ``architecture`` itself.
        """
        if not self.edges:
            return architecture
        codes = np.tile(index_to_code(np.array([architecture])), (len(self._choices), 1))
        codes[:, self.edges] = self._choices
        candidates = code_to_index(codes)
        candidates = candidates[connected()[candidates]]
        return int(rng.choice(candidates)) if len(candidates) else None


def divergence(from_logits: Tensor, own_logits: Tensor) -> Tensor:
    """``KL(softmax(from) || softmax(own))``, mean over the batch, in nats; the first is what is learnt from."""
    return F.kl_div(F.log_softmax(own_logits, 1), F.log_softmax(from_logits, 1), reduction="batchmean", log_target=True)


class MutualDistillation:
    """Cross-entropy, plus the mean divergence from the peers, plus the divergence from the teacher.

    Temperature and weights are 1, peers and teacher give no gradient. The teacher runs the architecture itself, a peer
    its counterpart. ``mode``: "both", "peers" (no teacher) or "single-teacher" (no peers). ``max_peers`` draws
    that many peers for each architecture where there are more. A peer without a counterpart is left out of the mean,
    but charged like the others, so that the cost of a step is known in advance.
    """

    def __init__(
        self,
        peers: Sequence[Peer],
        teacher: Supernet | None,
        mode: Mode,
        seed_axes: tuple[object, ...],
        max_peers: int | None = None,
    ) -> None:
        """``seed_axes`` names the draws of counterparts; a teacher of ``None`` is allowed where ``mode`` needs none."""
        self.peers = list(peers) if mode != "single-teacher" else []
        self.teacher = teacher if mode != "peers" else None
        self.seed_axes = seed_axes
        self.peers_a_step = len(self.peers) if max_peers is None else min(max_peers, len(self.peers))
        self.forwards = self.peers_a_step + (self.teacher is not None)

    def __call__(self, logits: Tensor, labels: Tensor, x_NCHW: Tensor, architecture: int, position: int) -> Tensor:
        """The sum of the three terms; see ``Objective``."""
        loss = F.cross_entropy(logits, labels)
        rng = derive_rng(*self.seed_axes, position)
        chosen = range(len(self.peers))
        if self.peers_a_step < len(self.peers):
            chosen = np.sort(rng.choice(len(self.peers), self.peers_a_step, replace=False)).tolist()
        from_peers = []
        for number in chosen:
            peer = self.peers[number]
            counterpart = peer.counterpart(architecture, rng)
            if counterpart is not None:
                from_peers.append(divergence(_logits(peer.network, x_NCHW, counterpart), logits))
        if from_peers:
            loss = loss + torch.stack(from_peers).mean()
        if self.teacher is not None:
            loss = loss + divergence(_logits(self.teacher, x_NCHW, architecture), logits)
        return loss


@torch.no_grad()
def _logits(network: Supernet, x_NCHW: Tensor, architecture: int) -> Tensor:
    logits: Tensor = network(x_NCHW, live_codes(np.array([architecture]))[0])
    return logits
