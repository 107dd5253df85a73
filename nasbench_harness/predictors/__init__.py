"""Training-free reference predictors: one file each, found by name in ``predictors``."""

from nasbench_harness.predictors.az_nas import AzNas
from nasbench_harness.predictors.base import Predictor, PredictorContext, Published, predictors
from nasbench_harness.predictors.counts import Flops, LiveFlops, NonlinearityCount, Parameters
from nasbench_harness.predictors.jacob_cov import JacobCov
from nasbench_harness.predictors.naswot import Naswot
from nasbench_harness.predictors.synflow import Synflow
from nasbench_harness.predictors.twelve_epoch import TwelveEpoch
from nasbench_harness.predictors.zico import Zico

__all__ = [
    "AzNas",
    "Flops",
    "JacobCov",
    "LiveFlops",
    "Naswot",
    "NonlinearityCount",
    "Parameters",
    "Predictor",
    "PredictorContext",
    "Published",
    "Synflow",
    "TwelveEpoch",
    "Zico",
    "predictors",
]
