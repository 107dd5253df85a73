"""``nh.fuse``: members of every kind, and a result that a notebook can use."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import nasbench_harness as nh

TRUTH = "digits_test_5"
QUICK = {"resamples": 0, "known": ()}


@pytest.fixture(scope="module")
def noisy() -> np.ndarray:
    values = nh.truth_vector(TRUTH)
    return values + 5 * np.random.default_rng(0).normal(size=len(values))


def test_members_of_every_kind_give_the_same_fusion(noisy: np.ndarray, tmp_path: Path) -> None:
    import polars as pl

    by_mapping = nh.fuse({"noisy": noisy, "count": "live_flops:2"}, TRUTH, **QUICK)
    assert [one["name"] for one in by_mapping.result["members"]] == ["noisy", "count"]
    frame = pl.DataFrame({"arch": nh.space.all_strings(), "noisy": noisy, "count": nh.space.flops(live=True)})
    by_frame = nh.fuse(frame, TRUTH, weights={"count": 2}, **QUICK)
    np.testing.assert_array_equal(by_frame.scores, by_mapping.scores)
    nh.fuse({"noisy": noisy, "again": noisy}, TRUTH, **QUICK).save(tmp_path / "noisy.csv")
    by_name = nh.fuse([f"{tmp_path / 'noisy.csv'}", "live_flops:2"], TRUTH, **QUICK)
    np.testing.assert_array_equal(by_name.scores, by_mapping.scores)


def test_a_fusion_says_what_it_is(noisy: np.ndarray) -> None:
    fusion = nh.fuse({"noisy": noisy, "count": "live_flops"}, TRUTH, resamples=3, known=(10,), draws=2)
    judged = nh.evaluate(fusion.scores, TRUTH, resamples=0)
    assert fusion.value() == pytest.approx(judged.value("kendall_tau"), abs=1e-12)
    assert fusion.value("tau_within_flops", "count") is None
    frame = fusion.to_frame()
    assert frame.columns == ["kind", "name", "measure", "value", "low", "high"]
    assert set(frame["kind"]) == {"member", "rule", "added"}
    assert len(frame) == 3 * (2 + 4 + 2)
    assert set(fusion.added) == {"noisy", "count"}
    assert [one["known"] for one in fusion.supervised] == [10]
    assert "supervised" in fusion._repr_html_()
    assert repr(fusion).startswith("Fusion(rank-sum of noisy, count: tau-b 0.")


def test_wrong_requests_are_named(noisy: np.ndarray) -> None:
    both = {"noisy": noisy, "count": "live_flops"}
    with pytest.raises(nh.HarnessError, match="weights name no member 'loss'; there are noisy, count"):
        nh.fuse(both, TRUTH, weights={"loss": 2})
    with pytest.raises(nh.HarnessError, match="member 'both' has 2 score columns"):
        nh.fuse({"both": {"a": noisy, "b": noisy}, "count": "flops"}, TRUTH)
    fusion = nh.fuse(both, TRUTH, **QUICK)
    with pytest.raises(nh.HarnessError, match="no measure 'tau'; there are kendall_tau"):
        fusion.value("tau")
    with pytest.raises(nh.HarnessError, match="no ranking 'loss'; there are noisy"):
        fusion.value("kendall_tau", "loss")
