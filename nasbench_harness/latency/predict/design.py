"""Which architectures to measure: a list that depends on no device.

Ten latencies determine five numbers well only when the ten differ where the numbers act. The design minimises the mean
variance of predicted differences over the whole space (the criterion V of optimal design; Fedorov, "Theory of Optimal
Experiments", 1972) by exchanging one architecture at a time. Beside the five numbers of the additive model stand, with
weaker priors, how many convolutions each stricter rule of executed edges drops, so that the ten also tell the rules
apart.
"""

from __future__ import annotations

from functools import lru_cache
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from nasbench_harness.errors import UsageError
from nasbench_harness.latency.predict.executed import EXECUTED
from nasbench_harness.latency.predict.features import KINDS, features
from nasbench_harness.latency.predict.fit import LEAST_SAMPLES
from nasbench_harness.seeding import derive_rng
from nasbench_harness.space import CONV_1X1, CONV_3X3, N_ARCHITECTURES, connected

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

# In standard deviations of one measurement's error: a cost may be anything, a rule shows by a few of them.
_PRIOR_COST, _PRIOR_RULE = 30.0, 3.0
_STARTS = 4
_SWEEPS = 6
_MOST_OPTIMAL = 60  # beyond, chance does as well, and the exchange would take minutes
_TIE = 1e-9


def plan(samples: int = 10, repeat: int = 0) -> IntArray:
    """Our indices of the architectures to measure, int64 ``[samples]``, in the order to measure them.

    The same for every device. ``repeat`` 1, 2, ... gives further designs that share no architecture with the ones
    before, for repeated experiments. Only architectures with a path from input to output: a compiler may reduce the
    others to nothing. Raises ``UsageError`` when more are wanted than there are, or fewer than a fit needs.
    """
    available = int(connected().sum())
    if samples < LEAST_SAMPLES or samples * (repeat + 1) > available:
        raise UsageError(
            f"{samples} samples (design {repeat}): expected {LEAST_SAMPLES} to {available // (repeat + 1)}, the "
            "architectures that have a path"
        )
    return _designs(samples, repeat + 1)[repeat]


@lru_cache(maxsize=32)
def _designs(samples: int, count: int) -> tuple[IntArray, ...]:
    if count == 1:
        return (_design(samples, np.flatnonzero(connected()), 0),)
    before = _designs(samples, count - 1)
    free_A = connected().copy()
    free_A[np.concatenate(before)] = False
    return (*before, _design(samples, np.flatnonzero(free_A), count - 1))


def _design(samples: int, pool_P: IntArray, repeat: int) -> IntArray:
    optimal = min(samples, _MOST_OPTIMAL)
    x_PF = _columns()[pool_P]
    runs = [_exchange(x_PF, optimal, derive_rng("latency design", samples, repeat, start)) for start in range(_STARTS)]
    chosen = pool_P[min(runs, key=lambda run: run[0])[1]]
    rng = derive_rng("latency design", samples, repeat, "rest")
    rest = rng.choice(np.setdiff1d(pool_P, chosen), samples - optimal, replace=False)
    return np.asarray(rng.permutation(np.concatenate([np.sort(chosen), rest])), dtype=np.int64)


@lru_cache(maxsize=1)
def _columns() -> FloatArray:
    """The additive model's features under ``all``, and the convolutions that each next rule drops: ``[15625, F]``."""
    by_rule = [features("kind", rule) for rule in EXECUTED]  # each rule's edges are some of the one before
    convolutions = [1 + KINDS.index(op) for op in (CONV_1X1, CONV_3X3)]
    dropped = [(wide - narrow)[:, convolutions].sum(axis=1) for wide, narrow in pairwise(by_rule)]
    return np.concatenate([by_rule[0], np.stack(dropped, axis=1)], axis=1)


@lru_cache(maxsize=1)
def _target() -> FloatArray:
    """Weights of the criterion: second moments of the features about their means, ``[F, F]``."""
    centred_AF = _columns() - _columns().mean(axis=0)
    return np.asarray(centred_AF.T @ centred_AF / N_ARCHITECTURES)


def _exchange(x_PF: FloatArray, samples: int, rng: np.random.Generator) -> tuple[float, IntArray]:
    """(criterion, places in the pool) of a design that no single exchange improves, from a random start."""
    n_features = x_PF.shape[1]
    sd_F = np.where(np.arange(n_features) < features("kind", "all").shape[1], _PRIOR_COST, _PRIOR_RULE)
    prior_FF, target_FF = np.diag(sd_F**-2.0), _target()
    chosen = [int(place) for place in rng.choice(len(x_PF), samples, replace=False)]
    for _ in range(_SWEEPS):
        before = sorted(chosen)
        for k in rng.permutation(samples).tolist():
            others = [place for at, place in enumerate(chosen) if at != k]
            inverse_FF = np.linalg.inv(prior_FF + x_PF[others].T @ x_PF[others])
            x_inverse_PF = x_PF @ inverse_FF
            gain_P = (x_inverse_PF @ target_FF * x_inverse_PF).sum(axis=1) / (1.0 + (x_inverse_PF * x_PF).sum(axis=1))
            gain_P[others] = -1.0
            # mirror images tie; which one is taken must not hang on rounding
            tied = np.flatnonzero(gain_P >= gain_P.max() * (1.0 - _TIE))
            chosen[k] = int(tied[0]) if chosen[k] not in tied else chosen[k]
        if sorted(chosen) == before:
            break
    inverse_FF = np.linalg.inv(prior_FF + x_PF[chosen].T @ x_PF[chosen])
    return float((inverse_FF * target_FF).sum()), np.array(chosen)
