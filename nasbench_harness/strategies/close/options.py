"""The options of CLOSE, checked; what its training is given."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from nasbench_harness.errors import UsageError
from nasbench_harness.strategies.close.gate_shape import GateShape
from nasbench_harness.training.samplers import samplers


@dataclass(frozen=True)
class CloseOptions:
    """See ``Close``, which documents them."""

    blocks: int = 4
    starts: tuple[float, ...] = (0.0, 0.2, 0.4, 0.6)
    curriculum: bool = True
    inherit: bool = True
    restart: float = 0.4
    gate: Literal["learnt", "random"] = "learnt"
    gate_shape: GateShape = field(default_factory=GateShape)
    temperature: float = 5.0
    sampler: str | dict[str, Any] = "uniform"

    def __post_init__(self) -> None:
        """Refuse impossible numbers before anything is trained."""
        samplers.build(self.sampler)
        if not 1 <= self.blocks <= len(self.starts):
            raise UsageError(
                f"blocks must be from 1 to {len(self.starts)}, the number of starts, found {self.blocks}; "
                "give starts a fraction for each block"
            )
        if self.starts[0] != 0 or list(self.starts) != sorted(self.starts) or self.starts[-1] >= 1:
            raise UsageError(f"starts must ascend from 0 and stay below 1, found {list(self.starts)}")
        if not 0 <= self.restart < 1:
            raise UsageError(f"restart must be at least 0 (never) and below 1, found {self.restart}")
        if not self.temperature > 0:
            raise UsageError(f"temperature must be above 0, found {self.temperature}")
        shape = self.gate_shape
        sizes = (shape.operation_embedding, shape.node_embedding, shape.hidden, *shape.graph_layers, *shape.mlp_layers)
        if min(sizes) < 1 or not shape.graph_layers:
            raise UsageError(f"sizes of the gate must be at least 1, and one graph layer be there, found {shape}")
        if not 0 <= shape.dropout < 1:
            raise UsageError(f"gate_shape.dropout must be at least 0 and below 1, found {shape.dropout}")
