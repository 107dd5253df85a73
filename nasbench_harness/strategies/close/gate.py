"""The gate of CLOSE: from an architecture, the block of operations that each of its edges computes with.

Graph convolutions carry information from the cell's input along its edges: what an edge lets through, channel by
channel, is decided by its operation. The embeddings of an edge's two nodes then give its logits over the blocks.
"""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from nasbench_harness.space import EDGES, N_OPERATIONS, NONE
from nasbench_harness.strategies.close.gate_shape import GateShape

N_NODES = 4
SOURCES = [source for source, _ in EDGES]
TARGETS = [target for _, target in EDGES]


class _EdgeFlow(nn.Module):
    """One graph convolution: a node sums what its incoming edges let through; only the input keeps its own."""

    into_VE: Tensor
    first_V1: Tensor

    def __init__(self, inputs: int, outputs: int, embedding: int) -> None:
        super().__init__()
        self.transform = nn.Linear(inputs, outputs, bias=False)
        self.attention = nn.Linear(embedding, outputs)
        self.bias = nn.Parameter(torch.zeros(outputs))
        into_VE = torch.tensor([[float(target == node) for target in TARGETS] for node in range(N_NODES)])
        self.register_buffer("into_VE", into_VE, persistent=False)
        self.register_buffer("first_V1", torch.eye(N_NODES)[:, :1], persistent=False)

    def forward(self, x_BVC: Tensor, operation_BEC: Tensor, open_BE1: Tensor) -> Tensor:
        own_BVC = self.transform(x_BVC)
        message_BEC = torch.sigmoid(self.attention(operation_BEC)) * own_BVC[:, SOURCES] * open_BE1
        summed: Tensor = self.into_VE @ message_BEC + self.first_V1 * own_BVC + self.bias
        return summed


class Gate(nn.Module):
    """Architectures in, logits over the blocks of every edge out."""

    def __init__(self, blocks: int, shape: GateShape) -> None:
        super().__init__()
        self.shape = shape
        self.operations = nn.Embedding(N_OPERATIONS, shape.operation_embedding)
        self.input = nn.Parameter(torch.randn(1, shape.node_embedding))
        self.hidden = nn.Linear(shape.node_embedding, shape.hidden)
        widths = (shape.hidden, *shape.graph_layers)
        self.graph = nn.ModuleList(_EdgeFlow(a, b, shape.operation_embedding) for a, b in pairwise(widths))
        widths = (2 * widths[-1], *shape.mlp_layers)
        self.mlp = nn.ModuleList(nn.Linear(a, b) for a, b in pairwise(widths))
        self.last = nn.Linear(widths[-1], blocks)

    @torch.no_grad()
    def inherit(self, block: int) -> None:
        """Add what the last layer has for the block before to what it has for ``block``."""
        self.last.weight[block] += self.last.weight[block - 1]
        self.last.bias[block] += self.last.bias[block - 1]

    def forward(self, code_BE: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Logits ``[B, 6, blocks]`` of codes ``[B, 6]``; ``generator`` draws what is dropped (none: nothing is)."""
        operation_BEC, open_BE1 = self.operations(code_BE), (code_BE != NONE).unsqueeze(-1)
        nodes_VC = torch.cat((self.input, self.input.new_zeros(N_NODES - 1, self.input.shape[1])))
        x = self.hidden(nodes_VC).expand(len(code_BE), -1, -1)
        for number, layer in enumerate(self.graph):
            x = layer(F.relu(x) if number else x, operation_BEC, open_BE1)
        x = torch.cat((x[:, SOURCES], x[:, TARGETS]), dim=-1)
        for layer in self.mlp:
            x = _dropped(F.relu(layer(x)), self.shape.dropout, generator)
        logits: Tensor = self.last(x)
        return logits


def _dropped(x: Tensor, share: float, generator: torch.Generator | None) -> Tensor:
    if generator is None or not share:
        return x
    kept = torch.rand(x.shape, generator=generator) >= share
    return x * (kept.to(x.device, x.dtype) / (1 - share))


def soft_choice(logits_EG: Tensor, temperature: float, generator: torch.Generator) -> Tensor:
    """A draw of the Gumbel softmax, ``[6, blocks]``; the largest of a row is a draw from the softmax of the logits."""
    uniform = torch.rand(logits_EG.shape, generator=generator, dtype=torch.float64)
    noise = -torch.log(-torch.log(uniform.clamp(1e-12, 1 - 1e-12)))
    return ((logits_EG + noise.to(logits_EG.device, logits_EG.dtype)) / temperature).softmax(1)
