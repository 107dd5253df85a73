"""What may be called a difference between results: seeds as units, verdicts against a margin, tiers of a table."""

from nasbench_harness.evidence.baseline import baseline_side
from nasbench_harness.evidence.calls import Rules
from nasbench_harness.evidence.exact import exact
from nasbench_harness.evidence.gate import Beside, Comparison, Gate, Numbers
from nasbench_harness.evidence.join import join
from nasbench_harness.evidence.judging import Earlier, gate
from nasbench_harness.evidence.pairs import Pair, Side, open_side, pair_up, read_side, side_of
from nasbench_harness.evidence.plan import PowerTable, power_table
from nasbench_harness.evidence.sample import METRICS, Sample, beside_of, check_metric
from nasbench_harness.evidence.self_test import SelfTest, self_test
from nasbench_harness.evidence.structural import structural
from nasbench_harness.evidence.verdict import WORDS, Tier, Verdict, Word

__all__ = [
    "METRICS",
    "WORDS",
    "Beside",
    "Comparison",
    "Earlier",
    "Gate",
    "Numbers",
    "Pair",
    "PowerTable",
    "Rules",
    "Sample",
    "SelfTest",
    "Side",
    "Tier",
    "Verdict",
    "Word",
    "baseline_side",
    "beside_of",
    "check_metric",
    "exact",
    "gate",
    "join",
    "open_side",
    "pair_up",
    "power_table",
    "read_side",
    "self_test",
    "side_of",
    "structural",
]
