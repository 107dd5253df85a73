"""The best architectures under a limit: a look at all of them, whatever the scores come from."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

import nasbench_harness as nh
from nasbench_harness.errors import DataError, UsageError
from nasbench_harness.latency.predict.predictor import fit_predictor, predicted_table
from nasbench_harness.space import connected, flops

MFLOPS = flops() / 1e6


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "latency.npz"
    columns = {"phone": 1 + MFLOPS / 10, "board": np.where(np.arange(15625) % 2, 5.0, np.nan)}
    nh.LatencyTable("made", columns).save(path)
    return path


def test_nothing_within_the_limit_is_better(table: Path) -> None:
    truth = nh.truth_vector("digits_test_5")
    allowed = connected() & (MFLOPS <= 30)
    by_cost = nh.best_architectures("digits_test_5", cost="flops", max_latency=30, truth="digits_test_5", n=5)
    assert by_cost.height == 5
    assert by_cost["score"][0] == by_cost["truth"][0] == truth[allowed].max()
    by_latency = nh.best_architectures(truth, table, device="phone", max_latency=4.0, n=5)
    assert by_latency["index"].to_list() == by_cost["index"].to_list()
    assert by_latency.columns == ["arch", "index", "benchmark_index", "score", "cost", "on_front"]
    assert [nh.parse_architecture(arch) for arch in by_cost["arch"]] == by_cost["index"].to_list()


def test_all_rows_hold_the_whole_front(table: Path) -> None:
    truth = nh.truth_vector("digits_test_5")
    rows = nh.best_architectures(truth, nh.open_latency(table), device="phone", n=None)
    assert rows.height == connected().sum()
    assert rows["score"].is_sorted(descending=True)
    front = rows.filter(pl.col("on_front")).sort("cost", "score")
    assert front["score"].is_sorted()
    assert front["score"].max() == truth[connected()].max()
    assert front.height < 200


def test_unknown_latencies_and_scores_are_left_out(table: Path) -> None:
    few = dict(zip(nh.space.all_strings()[:200], MFLOPS[:200], strict=True))
    known = np.full(15625, np.nan)
    known[:100] = 50.0
    rows = nh.best_architectures(few, table, device="board", truth=known, n=None)
    expected = np.flatnonzero(connected()[:200] & (np.arange(200) % 2 == 1))
    assert set(rows["index"]) == set(expected.tolist())
    assert rows["truth"].null_count() == (expected >= 100).sum()


def test_predictions_keep_a_margin_and_measurements_decide() -> None:
    index = np.arange(0, 15625, 400)
    true_ms = (1 + MFLOPS / 10) * np.random.default_rng(0).uniform(0.9, 1.1, 15625)
    predictor = fit_predictor("phone", index, true_ms[index])
    table, (low, high) = predicted_table("made", [predictor]), predictor.range_90
    rows = nh.best_architectures(MFLOPS, table, max_latency=9, n=None)
    assert (rows["cost"] * high <= 9).all()
    assert rows["cost_low"].to_list() == pytest.approx((rows["cost"] * min(low, 1)).to_list())
    assert rows["measured"].null_count() == rows.height
    known = nh.LatencyTable("known", {"phone": true_ms})
    rows = nh.best_architectures(MFLOPS, table, measured=known, max_latency=9, n=None, truth=MFLOPS / 2)
    assert set(rows["index"]) == set(np.flatnonzero(connected() & (true_ms <= 9)).tolist())
    assert rows["cost"].to_list() == rows["measured"].to_list() == rows["cost_high"].to_list()
    assert (rows["expected_low"] <= rows["expected_high"]).all()
    assert rows["expected"].to_list() == pytest.approx((rows["score"] / 2).to_list(), abs=5)


def test_errors_name_the_remedy(table: Path) -> None:
    with pytest.raises(UsageError, match="either a latency table or cost"):
        nh.best_architectures(MFLOPS)
    with pytest.raises(UsageError, match="flops"):
        nh.best_architectures(MFLOPS, cost="time")
    with pytest.raises(UsageError, match="device="):
        nh.best_architectures(MFLOPS, cost="flops", device="phone")
    with pytest.raises(UsageError, match="phone, board"):
        nh.best_architectures(MFLOPS, table)
    with pytest.raises(DataError, match="phone"):
        nh.best_architectures(MFLOPS, table, device="phon")
    with pytest.raises(UsageError, match="nearest"):
        nh.best_architectures(MFLOPS, table, device="phone", max_latency=0.1)
    with pytest.raises(UsageError, match="column="):
        nh.best_architectures({"a": MFLOPS, "b": MFLOPS}, cost="flops")
    assert nh.best_architectures({"a": MFLOPS, "b": -MFLOPS}, cost="flops", column="b", n=1).height == 1
