"""Ground truth: tables of measured accuracies, policies that turn them into one vector, and importers."""

from nasbench_harness.truth.conventions import apply_isomorphism
from nasbench_harness.truth.describe import describe
from nasbench_harness.truth.embedded import embedded_table
from nasbench_harness.truth.from_api import truth_from
from nasbench_harness.truth.importers import import_table, import_to
from nasbench_harness.truth.noise import noise_ceiling_of, proxy_ceiling_of
from nasbench_harness.truth.open import judging_table, open_table
from nasbench_harness.truth.order import benchmark_index, benchmark_order
from nasbench_harness.truth.policy import Truth, TruthPolicy, truth_of
from nasbench_harness.truth.table import TruthTable

__all__ = [
    "Truth",
    "TruthPolicy",
    "TruthTable",
    "apply_isomorphism",
    "benchmark_index",
    "benchmark_order",
    "describe",
    "embedded_table",
    "import_table",
    "import_to",
    "judging_table",
    "noise_ceiling_of",
    "open_table",
    "proxy_ceiling_of",
    "truth_from",
    "truth_of",
]
