"""How well scores rank architectures: correlation, top-k quality, uncertainty. Vectors in, numbers out."""

from nasbench_harness.metrics.beyond_count import TAUS, TauWithin, tau_with, tau_within
from nasbench_harness.metrics.breakdown import breakdown, rank_bias
from nasbench_harness.metrics.concordance import pairwise_accuracy
from nasbench_harness.metrics.correlation import (
    kendall_tau,
    pearson,
    spearman,
    tau_in_predicted_top,
    tau_in_true_top,
)
from nasbench_harness.metrics.noise import noise_ceiling
from nasbench_harness.metrics.report import Metrics, evaluate
from nasbench_harness.metrics.topk import (
    best_rank_at,
    precision_at,
    precision_at_worst,
    regret_at,
    top_k_accuracy,
    top_k_curve,
    worst_rank_at,
)
from nasbench_harness.metrics.uncertainty import SeedSummary, seed_summary

__all__ = [
    "TAUS",
    "Metrics",
    "SeedSummary",
    "TauWithin",
    "best_rank_at",
    "breakdown",
    "evaluate",
    "kendall_tau",
    "noise_ceiling",
    "pairwise_accuracy",
    "pearson",
    "precision_at",
    "precision_at_worst",
    "rank_bias",
    "regret_at",
    "seed_summary",
    "spearman",
    "tau_in_predicted_top",
    "tau_in_true_top",
    "tau_with",
    "tau_within",
    "top_k_accuracy",
    "top_k_curve",
    "worst_rank_at",
]
