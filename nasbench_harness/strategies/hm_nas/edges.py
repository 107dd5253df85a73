"""What a mixture is made of: the operations that every edge adds up, and the edges that every node adds up."""

from __future__ import annotations

from nasbench_harness.space import CONV_1X1, CONV_3X3, EDGES, POOL, SKIP

MIXED = (SKIP, CONV_1X1, CONV_3X3, POOL)
"""Operations of a mixture, in the order of its columns; ``none`` is what a masked edge is."""

INCOMING = tuple(tuple(e for e, (_, target) in enumerate(EDGES) if target == node) for node in (1, 2, 3))
"""The edges that end in each node but the first."""
