"""Sizes of CLOSE's gate; apart from it, so that an experiment can be read without torch."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class GateShape:
    """Sizes: embeddings of operations and nodes, the layer before the graph, graph layers, and the layers behind.

    The defaults are the released ones for NAS-Bench-201. ``dropout`` acts between the layers behind the graph.
    """

    operation_embedding: int = 48
    node_embedding: int = 48
    hidden: int = 96
    graph_layers: tuple[int, ...] = (128,) * 5
    mlp_layers: tuple[int, ...] = (200,) * 3
    dropout: float = 0.1
