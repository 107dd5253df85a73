"""The engineer's answer: never against a measured limit, with a margin where only predicted, by known answers."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from nasbench_harness.errors import UsageError
from nasbench_harness.latency import LatencyTable, open_latency
from nasbench_harness.latency.predict.file import save_predictors
from nasbench_harness.latency.predict.predictor import fit_predictor
from nasbench_harness.search.admission import admit
from nasbench_harness.search.best import answer, best_tables, ranked
from nasbench_harness.search.best_report import print_best
from nasbench_harness.search.constraint import Window
from nasbench_harness.search.expectation import NEAREST, Calibration
from nasbench_harness.search.inputs import Cost, Prediction, Scores, costs_from, oracle_of
from nasbench_harness.space import N_ARCHITECTURES, Subspace, connected, flops
from nasbench_harness.truth import Truth

FULL = Subspace.full()
ALL = np.arange(N_ARCHITECTURES)
RNG = np.random.default_rng(5)
SCORE_A = RNG.uniform(0, 1, N_ARCHITECTURES)
TRUTH_A = 60 + 10 * SCORE_A + RNG.normal(0, 0.5, N_ARCHITECTURES)
TRUTH = Truth(TRUTH_A, ALL, "cifar10_test_200", "made up", "0" * 64, 10.0)
SCORES = Scores("mine", SCORE_A, {})
MS_A = 1 + flops() / 1e7 + RNG.uniform(0, 1, N_ARCHITECTURES)
MEASURED = Cost("phone", "ms", MS_A, MS_A)
LIMIT = Window(None, 9.0)


def predicted(measured_A: np.ndarray, range_90: tuple[float, float] | None = (0.9, 1.2)) -> Cost:
    guess_A = MS_A * RNG.uniform(0.85, 1.1, N_ARCHITECTURES)
    return Cost("phone", "ms", guess_A, measured_A, {}, Prediction(0.1, range_90, 10))


def test_the_best_score_that_holds_the_measured_limit() -> None:
    found = answer(SCORES, MEASURED, LIMIT, None)
    allowed_A = connected() & (MS_A <= 9)
    assert found["best"]["index"] == int(np.argmax(np.where(allowed_A, SCORE_A, -1)))
    assert found["best"]["cost"]["measured"] == MS_A[found["best"]["index"]]
    assert found["best"]["cost"]["predicted"] is None
    assert found["counts"]["admissible"] == allowed_A.sum()


def test_the_alternatives_are_the_next_of_the_front() -> None:
    """Against a slow search: on the front is whom nobody admissible both outscores and undercuts."""
    index = np.flatnonzero(connected() & (MS_A <= 9))
    slow = [i for i in index if not ((SCORE_A[index] > SCORE_A[i]) & (MS_A[index] < MS_A[i])).any()]
    expected = sorted(slow, key=lambda i: -SCORE_A[i])
    found = answer(SCORES, MEASURED, LIMIT, None, top=6)
    assert [row["index"] for row in (found["best"], *found["alternatives"])] == expected[:6]
    assert found["front_size"] == len(expected)


def test_equals_are_told_once_and_the_cheaper_comes_first() -> None:
    cost = Cost("phone", "ms", np.full(N_ARCHITECTURES, 2.0), np.full(N_ARCHITECTURES, 2.0))
    everyone = ranked(np.zeros(N_ARCHITECTURES), admit(cost, LIMIT, FULL))
    assert len(everyone.index_N) == connected().sum()
    assert everyone.front.tolist() == everyone.index_N[:1].tolist()
    cheap_A = np.where(ALL == 7777, 1.0, 2.0)
    cheapest = ranked(np.zeros(N_ARCHITECTURES), admit(Cost("phone", "ms", cheap_A, cheap_A), LIMIT, FULL))
    assert cheapest.index_N[0] == 7777


def test_no_measured_latency_breaks_the_limit_whatever_was_predicted() -> None:
    some_A = np.where(ALL % 2 == 0, MS_A, np.nan)
    cost = predicted(some_A)
    admission = admit(cost, LIMIT, FULL)
    known_A = ~np.isnan(some_A)
    assert (some_A[admission.mask_A & known_A] <= 9).all()
    assert (cost.value_A[admission.mask_A & ~known_A] * 1.2 <= 9).all()
    assert (admission.mask_A == connected() & np.where(known_A, some_A <= 9, cost.value_A * 1.2 <= 9)).all()
    assert admission.counts["only_predicted"] == (admission.mask_A & ~known_A).sum()


def test_the_highest_score_of_all_is_not_recommended_where_it_breaks_the_limit() -> None:
    breaking = int(np.flatnonzero(connected() & (MS_A > 9))[0])
    lured = Scores("lured", np.where(np.isin(ALL, breaking), 2.0, SCORE_A), {})
    guess_A = np.where(np.isin(ALL, breaking), 2.0, MS_A)
    cost = Cost("phone", "ms", guess_A, MS_A, {}, Prediction(0.1, (0.9, 1.2), 10))
    assert answer(lured, cost, LIMIT, None)["best"]["index"] != breaking
    unmeasured = replace(cost, checked_A=np.full(N_ARCHITECTURES, np.nan))
    assert answer(lured, unmeasured, LIMIT, None)["best"]["index"] == breaking


def test_both_ends_of_a_window_have_a_margin() -> None:
    cost = predicted(np.full(N_ARCHITECTURES, np.nan))
    mask_A = admit(cost, Window(6.0, 9.0), FULL).mask_A
    assert (mask_A == (connected() & (cost.value_A * 0.9 >= 6) & (cost.value_A * 1.2 <= 9))).all()


def test_a_predictor_that_errs_to_one_side_gives_no_negative_margin() -> None:
    cost = predicted(np.full(N_ARCHITECTURES, np.nan), (0.7, 0.9))
    assert (cost.value_A[admit(cost, LIMIT, FULL).mask_A] <= 9).all()


def test_the_margin_of_predictions_without_an_error_comes_from_the_measured_ones() -> None:
    some_A = np.where(ALL < 3000, MS_A, np.nan)
    cost = predicted(some_A, None)
    ratio = MS_A[:3000] / cost.value_A[:3000]
    assert admit(cost, LIMIT, FULL).range_90 == pytest.approx(np.quantile(ratio, (0.05, 0.95)))
    assert admit(predicted(np.where(ALL < 19, MS_A, np.nan), None), LIMIT, FULL).range_90 is None


def test_a_limit_that_only_the_margin_breaks_names_what_to_allow() -> None:
    cost = Cost(
        "phone", "ms", np.full(N_ARCHITECTURES, 8.9), np.full(N_ARCHITECTURES, np.nan), {}, Prediction(0.1, (0.9, 1.2))
    )
    with pytest.raises(UsageError, match=r"15284 .* none with the margin .* upper bound of 10\.68 ms"):
        admit(cost, LIMIT, FULL)
    with pytest.raises(UsageError, match=r"the nearest possible: 8\.9"):
        admit(cost, Window(None, 3.0), FULL)


def test_stored_predictors_bring_their_margin(tmp_path: Path) -> None:
    index = np.arange(0, N_ARCHITECTURES, 400)
    save_predictors(tmp_path / "p.json", [fit_predictor("phone", index, MS_A[index])], {})
    [cost] = costs_from(tmp_path / "p.json", ["phone"])
    stored = open_latency(tmp_path / "p.json")
    stored.save(tmp_path / "p.npz")
    [again] = costs_from(tmp_path / "p.npz", ["phone"])
    assert cost.prediction == again.prediction
    assert cost.prediction is not None
    assert cost.prediction.range_90 is not None
    assert cost.prediction.samples == len(index)
    [plain] = costs_from(LatencyTable("T", {"phone": MS_A}), ["phone"])
    assert plain.prediction is None


@pytest.mark.parametrize("n", [N_ARCHITECTURES, 150, 101, 100, 40])
def test_what_a_score_promises_against_a_slow_reference(n: int) -> None:
    score_A = np.round(SCORE_A * 64) / 64  # with ties, and distances that are exact
    pool_A = np.isin(ALL, np.random.default_rng(n).choice(ALL, n, replace=False))
    calibration = Calibration(score_A, TRUTH_A, pool_A)
    for index in (3, 555, int(np.flatnonzero(pool_A)[0]), int(np.argmax(score_A)), int(np.argmin(score_A))):
        others = np.flatnonzero(pool_A & ~np.isin(ALL, index))
        distance = np.abs(score_A[others] - score_A[index])
        farthest = np.sort(distance)[:NEAREST][-1]
        near = np.sort(TRUTH_A[others[distance <= farthest]])
        found = calibration.expect(index, float(score_A[index]))
        assert found is not None
        assert (found.n, found.mean) == (len(near), pytest.approx(near.mean()))
        low, high = int(np.floor(0.05 * (len(near) + 1))), int(np.ceil(0.95 * (len(near) + 1)))
        assert (found.low, found.high) == (near[low - 1], near[high - 1])


def test_nine_in_ten_lie_in_what_their_scores_promise() -> None:
    calibration = Calibration(SCORE_A, TRUTH_A, connected())
    asked = np.flatnonzero(connected())[::25]
    found = [calibration.expect(index, SCORE_A[index]) for index in asked.tolist()]
    inside = [e is not None and e.low <= TRUTH_A[i] <= e.high for e, i in zip(found, asked, strict=True)]
    assert 0.87 <= np.mean(inside) <= 0.96


def test_nothing_is_promised_without_enough_truth() -> None:
    few = replace(TRUTH, accuracy_A=TRUTH_A[:25], index_A=ALL[:25])
    found = answer(SCORES, MEASURED, LIMIT, few)
    assert found["best"]["accuracy"] == {"truth": None, "expected": None}
    assert found["ranking"]["n"] == (connected() & (MS_A <= 9))[:25].sum()
    assert answer(SCORES, MEASURED, LIMIT, None)["ranking"] is None


def printed(result: dict, encoding: str = "utf-8", width: int = 80) -> str:
    stream = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    print_best(result, Console(file=stream, width=width))
    stream.seek(0)
    return stream.read()


def test_the_printed_answer_says_what_it_rests_on() -> None:
    cost = predicted(np.full(N_ARCHITECTURES, np.nan))
    result = best_tables([oracle_of(TRUTH), SCORES], [cost], [LIMIT], TRUTH, top=3)
    json.dumps(result, allow_nan=False)
    drawn = printed(result)
    best = result["answers"][1]["best"]
    for text in (best["arch"], "┌", "predicted; 90 % of those", "not measured: admitted", "margin of 20.0 % above"):
        assert text in drawn.replace("\n         ", " ")
    assert f"{best['accuracy']['truth']:.2f} %, by cifar10_test_200 of made up" in drawn
    assert drawn.count("expected from the score alone") == 1  # the truth itself promises nothing more
    assert all(len(line) <= 80 or line.lstrip().startswith("|") for line in drawn.splitlines())
    assert printed(result, "ascii").isascii()
    unknown = printed(best_tables([SCORES], [MEASURED], [LIMIT], None))
    assert "accuracy unknown: no truth was named" in unknown
    assert "predict" not in unknown
