"""The search space: every NAS-Bench-201 architecture as arrays, and sets of them. Needs numpy only."""

from nasbench_harness.space.architecture import (
    EDGES,
    N_ARCHITECTURES,
    N_EDGES,
    N_OPERATIONS,
    OPERATIONS,
    all_codes,
    all_strings,
    code_to_index,
    format_architecture,
    index_to_code,
    parse_architecture,
    parse_architectures,
)
from nasbench_harness.space.counts import flops, nonlinearity_count, operation_counts, parameters
from nasbench_harness.space.isomorphism import functional_classes, reference_classes
from nasbench_harness.space.live import PATHS, connected, live_cell_of, live_cells, live_edges, open_paths
from nasbench_harness.space.subspace import Subspace, check_cover, route

__all__ = [
    "EDGES",
    "N_ARCHITECTURES",
    "N_EDGES",
    "N_OPERATIONS",
    "OPERATIONS",
    "PATHS",
    "Subspace",
    "all_codes",
    "all_strings",
    "check_cover",
    "code_to_index",
    "connected",
    "flops",
    "format_architecture",
    "functional_classes",
    "index_to_code",
    "live_cell_of",
    "live_cells",
    "live_edges",
    "nonlinearity_count",
    "open_paths",
    "operation_counts",
    "parameters",
    "parse_architecture",
    "parse_architectures",
    "reference_classes",
    "route",
]
