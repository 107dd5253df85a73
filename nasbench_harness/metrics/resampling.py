"""The bootstrap over architectures for thousands of resamples at once: a resample is a weight for each row.

A resample draws n rows with replacement; its weights say how often each was drawn. Statistics of pairs (tau, share of
pairs) and of ranks are sums over rows to first order in the weights, which leaves out terms of relative size 1 / n:
then 1,000 resamples are one product of matrices. Sets of at most `EXACT` rows are resampled without that shortcut.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np
import numpy.typing as npt

from nasbench_harness.errors import UsageError
from nasbench_harness.metrics.concordance import PairCounts, count_pairs, pair_signs
from nasbench_harness.metrics.correlation import mean_ranks, spearman_of
from nasbench_harness.metrics.pairs import Floats, Pair, top_count
from nasbench_harness.metrics.uncertainty import LEVEL, Interval

EXACT = 128
_BLOCK = 100

Rows = npt.NDArray[np.int64]


def weight_blocks(n: int, resamples: int, seed: int) -> Iterator[Floats]:
    """Weights [block, n] of all resamples, a block at a time; a negative number of them is a `UsageError`."""
    if resamples < 0:
        raise UsageError(f"the number of bootstrap resamples must be 0 or more, found {resamples}")
    rng = np.random.default_rng(seed)
    for first in range(0, resamples, _BLOCK):
        block = min(_BLOCK, resamples - first)
        yield np.stack([np.bincount(rng.integers(n, size=n), minlength=n) for _ in range(block)]).astype(np.float64)


class ResampledTau:
    """Tau-b among some rows of a pair, which are the same in every resample; called with weights [R, n] it gives [R].

    NaN where a resample leaves nothing to order.
    """

    def __init__(self, pair: Pair, rows: Rows | None = None) -> None:
        self.rows = np.arange(pair.n) if rows is None else rows
        taken = pair if rows is None else pair.take(rows)
        self._few = len(self.rows) <= EXACT
        if self._few:
            score_NN, truth_NN = pair_signs(taken.score_code_A), pair_signs(taken.truth_code_A)
            self._signs = (score_NN * truth_NN, np.abs(score_NN), np.abs(truth_NN))
        else:
            counts = count_pairs(taken)
            self._sums = _columns(counts)

    def __call__(self, weight_RA: Floats) -> Floats:
        weight_RN = weight_RA[:, self.rows]
        if self._few:
            sums = [np.einsum("rn,rn->r", weight_RN @ sign_NN, weight_RN) for sign_NN in self._signs]
            balance_R, by_score_R, by_truth_R = sums
        else:
            balance_R, by_score_R, by_truth_R = _first_order(weight_RN, self._sums).T
        norm_R = np.sqrt(np.maximum(by_score_R, 0) * np.maximum(by_truth_R, 0))
        tau_R = np.divide(balance_R, norm_R, out=np.full(len(norm_R), np.nan), where=norm_R > 0)
        return np.asarray(np.clip(tau_R, -1.0, 1.0))


class ResampledTauWithin:
    """The mean tau of groups, weighted by their pairs in the resample; groups without a tau are left out of it."""

    def __init__(self, pair: Pair, number_A: Rows) -> None:
        groups = (np.flatnonzero(number_A == number) for number in range(int(number_A.max()) + 1))
        self._taus = [ResampledTau(pair, rows) for rows in groups if not pair.take(rows).undefined]

    def __call__(self, weight_RA: Floats) -> Floats:
        total_R, pairs_R = np.zeros(len(weight_RA)), np.zeros(len(weight_RA))
        for measure in self._taus:
            tau_R, members_R = measure(weight_RA), weight_RA[:, measure.rows].sum(axis=1)
            weight_R = np.where(np.isnan(tau_R), 0.0, members_R * (members_R - 1) / 2)
            total_R += weight_R * np.nan_to_num(tau_R)
            pairs_R += weight_R
        return np.asarray(np.divide(total_R, pairs_R, out=np.full(len(total_R), np.nan), where=pairs_R > 0))


class ResampledPairAccuracy:
    """Share of the pairs above a margin that are ordered rightly."""

    def __init__(self, pair: Pair, margin: float) -> None:
        self._sums = _columns(count_pairs(pair, margin))

    def __call__(self, weight_RA: Floats) -> Floats:
        balance_R, _, all_R = _first_order(weight_RA, self._sums).T
        share_R = np.divide(balance_R, all_R, out=np.full(len(all_R), np.nan), where=all_R > 0)
        return np.asarray(np.clip((1 + share_R) / 2, 0.0, 1.0))


class ResampledSpearman:
    """Spearman's rho: products of ranks whose derivative by a row's weight has a term for its own rank and others'."""

    def __init__(self, pair: Pair) -> None:
        self._few = pair if pair.n <= EXACT else None
        codes = (pair.score_code_A, pair.truth_code_A)
        first_A, second_A = (mean_ranks(code_A) - 0.5 for code_A in codes)
        self._products = ((first_A, first_A, codes[0], codes[0]), (second_A, second_A, codes[1], codes[1]))
        products = (*self._products, (first_A, second_A, *codes))
        self._derivative_AC = np.stack([_by_weight(*product) for product in products], axis=1)
        self._value_C = np.array([float(np.einsum("a,a->", a, b)) for a, b, _, _ in products])
        self._centre = pair.n**3 / 4

    def __call__(self, weight_RA: Floats) -> Floats:
        if self._few is not None:
            return _spearman_of_resamples(self._few, weight_RA)
        value_RC = weight_RA @ self._derivative_AC - self._derivative_AC.sum(axis=0) + self._value_C - self._centre
        return _ratio(value_RC[:, 2], value_RC[:, 0], value_RC[:, 1])


class ResampledPearson:
    """Pearson's r from weighted moments; exact."""

    def __init__(self, pair: Pair) -> None:
        first_A, second_A = (_standard(values) for values in (pair.score_A, pair.truth_A))
        self._moments_AC = np.stack([first_A, second_A, first_A**2, second_A**2, first_A * second_A], axis=1)

    def __call__(self, weight_RA: Floats) -> Floats:
        mean_RC = weight_RA @ self._moments_AC / weight_RA.shape[1]
        x_R, y_R, xx_R, yy_R, xy_R = mean_RC.T
        return _ratio(xy_R - x_R * y_R, xx_R - x_R**2, yy_R - y_R**2)


class ResampledPrecision:
    """Share of the best `fraction` by score among the truly best; exact, with ties in the order of the rows."""

    def __init__(self, pair: Pair, fraction: float) -> None:
        self._ends = _Ends((pair.by_score, pair.by_truth), top_count(fraction, pair.n))

    def __call__(self, weight_RA: Floats) -> Floats:
        _, by_score_RN, by_truth_RN = self._ends(weight_RA)
        return np.asarray(np.minimum(by_score_RN, by_truth_RN).sum(axis=1) / self._ends.k)


class ResampledPrecisionAtWorst:
    """Share of the worst `fraction` by score that is no better than the border of the truly worst; exact likewise."""

    def __init__(self, pair: Pair, fraction: float) -> None:
        codes = (pair.score_code_A, pair.truth_code_A)
        worst_first = [np.argsort(code_A, kind="stable") for code_A in codes]
        self._truth_code_A = pair.truth_code_A
        self._ends = _Ends(worst_first, top_count(fraction, pair.n))

    def __call__(self, weight_RA: Floats) -> Floats:
        rows, by_score_RN, by_truth_RN = self._ends(weight_RA)
        code_N = self._truth_code_A[rows]
        border_R = np.where(by_truth_RN > 0, code_N, 0).max(axis=1)
        return np.asarray((by_score_RN * (code_N <= border_R[:, None])).sum(axis=1) / self._ends.k)


class _Ends:
    """The first `k` draws of a resample in two orders of the rows."""

    def __init__(self, orders: Sequence[Rows], k: int) -> None:
        self.k = k
        self._orders = orders
        n = len(orders[0])
        reach = min(n, 2 * k + 200)  # so many of the first rows hold k draws, but for one resample in ages
        self._rows = np.unique(np.concatenate([order[:reach] for order in orders]))
        place_A = np.empty(n, dtype=np.int64)
        place_A[self._rows] = np.arange(len(self._rows))
        self._short = [place_A[order[:reach]] for order in orders]

    def __call__(self, weight_RA: Floats) -> tuple[Rows, Floats, Floats]:
        """Some rows [N] that hold them all, and how often each is among them in either order, [R, N]."""
        rows, weight_RN, orders = self._rows, weight_RA[:, self._rows], self._short
        if min(weight_RN[:, order].sum(axis=1).min() for order in orders) < self.k:
            rows, weight_RN, orders = np.arange(weight_RA.shape[1]), weight_RA, list(self._orders)
        first, second = (_first_of(weight_RN, order, self.k) for order in orders)
        return rows, first, second


def _first_of(weight_RA: Floats, order: Rows, k: int) -> Floats:
    """How often each row is among the first k draws of a resample in that order, [R, n]."""
    chosen_RA = np.zeros_like(weight_RA)
    before_RP = np.minimum(np.cumsum(weight_RA[:, order], axis=1), k)
    chosen_RA[:, order] = np.diff(before_RP, axis=1, prepend=0)
    return chosen_RA


def _columns(counts: PairCounts) -> Floats:
    return np.stack([counts.balance_A, counts.by_score_A, counts.by_truth_A], axis=1).astype(np.float64)


def _first_order(weight_RN: Floats, sums_NC: Floats) -> Floats:
    """Numbers of pairs [R, C] in resamples, from the pairs that each row takes part in: first order in the weights."""
    return np.asarray(weight_RN @ sums_NC - sums_NC.sum(axis=0) / 2)


def _by_weight(first_A: Floats, second_A: Floats, first_code_A: Rows, second_code_A: Rows) -> Floats:
    """Derivative of sum of w x first x second by each weight, where both are mean ranks that count weights below."""
    return first_A * second_A + _above(second_A, first_code_A) + _above(first_A, second_code_A)


def _above(value_A: Floats, code_A: Rows) -> Floats:
    """Sum of the values of all rows with a higher code, and of half those with the same, for each row."""
    sum_C = np.bincount(code_A, weights=value_A)
    return np.asarray((sum_C.sum() - np.cumsum(sum_C) + sum_C / 2)[code_A], dtype=np.float64)


def _spearman_of_resamples(pair: Pair, weight_RA: Floats) -> Floats:
    rows = np.arange(pair.n)
    found = (spearman_of(pair.take(np.repeat(rows, weight_A.astype(np.int64)))) for weight_A in weight_RA)
    return np.array([np.nan if rho is None else rho for rho in found])


def _standard(value_A: Floats) -> Floats:
    centred_A = value_A / np.abs(value_A).max() if np.abs(value_A).max() > 0 else value_A
    centred_A = centred_A - centred_A.mean()
    largest = np.abs(centred_A).max()
    return np.asarray(centred_A / largest if largest > 0 else centred_A, dtype=np.float64)


def _ratio(product_R: Floats, first_R: Floats, second_R: Floats) -> Floats:
    norm_R = np.sqrt(np.maximum(first_R, 0) * np.maximum(second_R, 0))
    ratio_R = np.divide(product_R, norm_R, out=np.full(len(norm_R), np.nan), where=norm_R > 1e-15 * np.abs(product_R))
    return np.asarray(np.clip(ratio_R, -1.0, 1.0))


def intervals_of(
    measures: Mapping[str, Callable[[Floats], Floats]], n: int, *, resamples: int, seed: int
) -> dict[str, Interval]:
    """95 % percentile interval of each measure over the resamples of n rows.

    A measure that is undefined in some resample has none, and `resamples=0` gives none at all.
    """
    found: dict[str, list[Floats]] = {name: [] for name in measures}
    for weight_RA in weight_blocks(n, resamples, seed):
        for name, measure in measures.items():
            found[name].append(measure(weight_RA))
    values = {name: np.concatenate(blocks) for name, blocks in found.items() if blocks}
    return {name: _percentiles(value_R) for name, value_R in values.items() if not np.isnan(value_R).any()}


def _percentiles(value_R: Floats) -> Interval:
    low, high = np.quantile(value_R, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(low), float(high)
