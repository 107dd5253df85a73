"""Fusions: the rules by hand, what a member adds by fusing the others, labels apart, and every refusal."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nasbench_harness.errors import DataError, UsageError
from nasbench_harness.evaluation.combine import RULES, ranks
from nasbench_harness.evaluation.fusion import FusionSettings, fuse
from nasbench_harness.evaluation.members import Member, images_of, members_of
from nasbench_harness.evaluation.ruler import Ruler
from nasbench_harness.evaluation.score_files import ScoreFile, read_score_file, write_score_file
from nasbench_harness.metrics import TAUS, kendall_tau, tau_with, tau_within
from nasbench_harness.space import N_ARCHITECTURES, all_strings, flops
from nasbench_harness.truth import Truth

N = 500
CHOSEN = np.sort(np.random.default_rng(5).choice(N_ARCHITECTURES, N, replace=False))
TRUE = np.random.default_rng(6).normal(size=N) + flops(live=True)[CHOSEN] / 2e7


def member(name: str, noise: float, seed: int, weight: float = 1.0) -> Member:
    score_A = np.full(N_ARCHITECTURES, np.nan)
    score_A[CHOSEN] = TRUE + noise * np.random.default_rng(seed).normal(size=N)
    return Member(name, score_A, weight)


def live(weight: float = 1.0) -> Member:
    return Member("live_flops", flops(live=True).astype(float), weight, everywhere=True)


def truth(values: np.ndarray = TRUE) -> Truth:
    return Truth(values, CHOSEN, "made", "made", "", None)


QUICK = FusionSettings(resamples=5, known=())


@pytest.fixture(scope="module")
def result() -> dict[str, Any]:
    members = [member("good", 0.5, 1), member("bad", 4.0, 2, 0.5), live(2)]
    return fuse(members, truth(), FusionSettings(resamples=30, known=(20, 100), draws=4))[1]


def test_the_rules_by_hand() -> None:
    rank_SA = np.array([[1.0, 2, 3, 4], [4, 1, 2.5, 2.5], [2, 1, 4, 3]])
    weight_S = np.array([1.0, 2, 1])
    assert RULES["rank-sum"](rank_SA, weight_S).tolist() == [11, 5, 12, 12]
    assert np.exp(RULES["rank-product"](rank_SA, weight_S)) * 4**4 == pytest.approx([32, 2, 75, 75])
    # half of the weight is 2: sorted by column 1 2 4 4, 1 1 1 2, 2.5 2.5 3 4, 2.5 2.5 3 4
    assert RULES["rank-median"](rank_SA, weight_S).tolist() == [3, 1, 2.75, 2.75]
    equal_S = np.ones(3)
    assert RULES["rank-median"](rank_SA, equal_S) == pytest.approx(np.median(rank_SA, axis=0))
    assert RULES["rank-median"](rank_SA[:2], equal_S[:2]) == pytest.approx(np.median(rank_SA[:2], axis=0))
    quarter = 0.6744897501960817  # of the normal distribution: 3 of 4 values lie below it
    score_A = RULES["normal-scores"](np.array([[1.5, 1.5, 3.5, 3.5]]), np.ones(1))
    assert score_A == pytest.approx([-quarter, -quarter, quarter, quarter])


def test_ranks_share_the_mean_of_ties() -> None:
    assert ranks([3.0, 1, 3, 2]).tolist() == [3.5, 1, 3.5, 2]


@pytest.mark.parametrize("rule", RULES)
def test_a_rule_sees_ranks_alone_and_more_is_better(rule: str) -> None:
    one, other = member("one", 1, 1), member("other", 1, 2)
    bent = Member("one", np.exp(one.score_A / 5))
    settings = FusionSettings(rule, 0, ())
    straight, found = fuse([one, other], truth(), settings)
    np.testing.assert_array_equal(straight.scores_SA, fuse([bent, other], truth(), settings)[0].scores_SA)
    assert found["label_free"][rule]["kendall_tau"] > max(m["kendall_tau"] for m in found["members"])


def test_the_numbers_are_those_of_the_metrics(result: dict[str, Any]) -> None:
    fused = fuse([member("good", 0.5, 1), member("bad", 4.0, 2, 0.5), live(2)], truth(), QUICK)[0]
    count = flops(live=True)[CHOSEN]
    by_hand = (
        ranks(member("good", 0.5, 1).score_A[CHOSEN])
        + 0.5 * ranks(member("bad", 4.0, 2).score_A[CHOSEN])
        + 2 * ranks(count)
    )
    assert fused.scores_SA[0] == pytest.approx(by_hand)
    found = result["label_free"]["rank-sum"]
    assert found["kendall_tau"] == pytest.approx(kendall_tau(by_hand, TRUE))
    assert found["tau_within_flops"] == pytest.approx(tau_within(by_hand, TRUE, count).tau)
    assert found["tau_with_flops"] == pytest.approx(tau_with(by_hand, TRUE, count))
    counted = result["members"][2]
    assert counted["tau_within_flops"] is None
    assert counted["tau_with_flops"] == pytest.approx(counted["kendall_tau"])
    for name in TAUS:
        low, high = found["intervals"][name]
        assert low < found[name] < high


def test_what_a_member_adds_is_the_fusion_less_that_of_the_others(result: dict[str, Any]) -> None:
    others = fuse([member("bad", 4.0, 2, 0.5), live(2)], truth(), QUICK)[1]["label_free"]["rank-sum"]
    without = result["without"]["good"]
    whole = result["label_free"]["rank-sum"]
    for name in TAUS:
        assert without[name] == pytest.approx(others[name])
        assert without["added"][name] == pytest.approx(whole[name] - others[name])
    assert without["added_intervals"]["kendall_tau"][0] > 0
    assert result["without"]["bad"]["added"]["kendall_tau"] < without["added"]["kendall_tau"]


def test_differences_are_paired() -> None:
    """A copy of the only other member adds nothing in any resample, however wide the intervals themselves are."""
    one = member("one", 3, 1)
    found = fuse([one, Member("copy", one.score_A)], truth(), FusionSettings(resamples=10, known=()))[1]
    assert found["without"]["copy"]["added_intervals"]["kendall_tau"] == [0.0, 0.0]
    low, high = found["without"]["copy"]["intervals"]["kendall_tau"]
    assert high - low > 0.01


def test_stacking_learns_which_member_is_upside_down_and_stands_apart() -> None:
    good, wrong = member("good", 0.5, 1), member("wrong", 0.2, 2)
    upside_down = Member("wrong", -wrong.score_A)
    found = fuse([good, upside_down], truth(), FusionSettings(resamples=0, known=(20, 100), draws=3))[1]
    assert abs(found["label_free"]["rank-sum"]["kendall_tau"]) < 0.4
    few, many = found["supervised"]
    assert (few["known"], few["n"], few["draws"]) == (20, N - 20, 3)
    assert many["kendall_tau"]["mean"] > 0.75
    assert many["kendall_tau"]["sd"] < few["kendall_tau"]["sd"] + 0.05
    assert set(found["label_free"]) == set(RULES)


def test_stacking_is_judged_on_architectures_that_it_did_not_see() -> None:
    """From noise alone nothing is learned that holds elsewhere."""
    noise = [member(f"noise {seed}", 1e6, seed) for seed in range(100, 108)]
    [found] = fuse(noise, truth(), FusionSettings(resamples=0, known=(12,), draws=8))[1]["supervised"]
    assert abs(found["kendall_tau"]["mean"]) < 0.1


def test_a_fusion_is_the_same_again(result: dict[str, Any]) -> None:
    members = [member("good", 0.5, 1), member("bad", 4.0, 2, 0.5), live(2)]
    assert fuse(members, truth(), FusionSettings(resamples=30, known=(20, 100), draws=4))[1] == result


def test_rankings_of_one_order_are_measured_once(monkeypatch: pytest.MonkeyPatch) -> None:
    ruler, calls = Ruler(TRUE, flops(live=True)[CHOSEN]), []
    original = Ruler._measures
    monkeypatch.setattr(Ruler, "_measures", lambda self, pair, rows: calls.append(1) or original(self, pair, rows))
    found = ruler.read({"a": TRUE, "b": TRUE * 2, "c": -TRUE}, 3, 0)
    assert len(calls) == 2
    assert found["a"] is found["b"]
    assert found["c"].values["kendall_tau"] == pytest.approx(-1)


def constant(name: str) -> Member:
    score_A = np.full(N_ARCHITECTURES, np.nan)
    score_A[CHOSEN] = 3.0
    return Member(name, score_A)


def fewer(name: str) -> Member:
    score_A = member(name, 1, 1).score_A.copy()
    score_A[CHOSEN[7]] = np.nan
    return Member(name, score_A)


@pytest.mark.parametrize(
    ("members", "settings", "error", "said"),
    [
        ([], {}, UsageError, "at least two members; add one"),
        ([member("a", 1, 1)], {}, UsageError, "at least two members, found only 'a'"),
        ([member("a", 1, 1), constant("b")], {}, DataError, "member 'b' is constant: all 500 scores are 3"),
        ([member("a", 1, 1), fewer("b")], {}, DataError, "score different architectures: 'a' 500, 'b' 499"),
        ([member("a", 1, 1), live()], {"known": (499,)}, UsageError, "at most 498 of the 500 judged"),
        ([member("a", 1, 1), live()], {"known": (2,)}, UsageError, "at least 3"),
    ],
)
def test_impossible_fusions_are_refused(members: list[Member], settings: dict[str, Any], error: Any, said: str) -> None:
    with pytest.raises(error, match=said) as raised:
        fuse(members, truth(), FusionSettings(**({"resamples": 0, "known": ()} | settings)))
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"rule": "sum"}, "unknown rule 'sum'; choose rank-sum"),
        ({"resamples": -1}, "0 or more"),
        ({"draws": 0}, "1 or"),
    ],
)
def test_impossible_settings_are_refused(settings: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        FusionSettings(**settings)


@pytest.mark.parametrize("weight", [0.0, -1.0, float("nan"), float("inf")])
def test_a_weight_is_above_zero(weight: float) -> None:
    with pytest.raises(UsageError, match="a weight is above 0"):
        member("a", 1, 1, weight)


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """Two score files: two columns of all architectures, and stored predictors."""
    index_A = np.arange(N_ARCHITECTURES)
    rng = np.random.default_rng(0)
    two = ScoreFile(("accuracy", "loss"), index_A, rng.normal(size=(2, N_ARCHITECTURES)), "", "")
    write_score_file(two, tmp_path / "scores.csv")
    write_score_file(
        ScoreFile(("naswot",), index_A, rng.normal(size=(1, N_ARCHITECTURES)), "", ""),
        tmp_path / "predictors" / "scores.parquet",
    )
    return tmp_path


def test_members_by_name(files: Path) -> None:
    texts = [f"{files / 'scores.csv'}:0.5", "live-flops:2", "naswot", "nonlinearity_count"]
    found = members_of(texts, files / "predictors")
    assert [(one.name, one.weight) for one in found] == [
        ("scores:accuracy", 0.5),
        ("scores:loss", 0.5),
        ("live_flops", 2.0),
        ("naswot", 1.0),
        ("nonlinearity_count", 1.0),
    ]
    assert [one.everywhere for one in found] == [False, False, True, True, True]
    np.testing.assert_array_equal(found[2].score_A, flops(live=True))
    assert found[1].source["column"] == "loss"
    [loss] = members_of([f"{files / 'scores.csv'}:loss"])
    np.testing.assert_array_equal(loss.score_A, found[1].score_A)
    assert images_of(found) == [None, None]


def test_units_are_named_by_strategy_and_seed_and_told_apart(fake: Any, tmp_path: Path) -> None:
    from nasbench_harness.records import write_record

    record = fake.make_record("one-shot", 3)
    record.experiment["images"] = {"name": "digits"}
    units = [write_record(tmp_path / run, record, fake.make_scores(record)) for run in ("first", "second")]
    found = members_of([f"{unit}:accuracy" for unit in units], allow_missing=True)
    assert [one.name for one in found] == ["one-shot/seed-3:accuracy", f"{units[1] / 'scores.parquet'}:accuracy"]
    assert images_of([*found, live()]) == ["digits", "digits"]


@pytest.mark.parametrize(
    ("texts", "error", "said"),
    [
        (["nothing"], UsageError, r"unknown member 'nothing': .*live_flops.*naswot"),
        (["nothing.csv:accuracy"], DataError, "no scores at nothing.csv"),
        (["{}:precision", "flops"], DataError, "no score column 'precision'; it has accuracy, loss"),
        (["{}:loss", "{}"], UsageError, "'.*loss' is named twice"),
        (["flops", "flops:2"], UsageError, "member 'flops' is named twice"),
        (["{}:-1"], UsageError, "a weight is above 0, found -1"),
    ],
)
def test_wrong_names_are_refused(files: Path, texts: list[str], error: Any, said: str) -> None:
    with pytest.raises(error, match=said) as raised:
        members_of([text.format(files / "scores.csv") for text in texts], files / "predictors")
    assert "\n" not in str(raised.value)


def test_an_unknown_member_says_how_predictors_are_stored(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=f"nasbench-harness predict naswot --out {tmp_path}"):
        members_of(["naswot"], tmp_path)


@pytest.mark.parametrize("ending", [".csv", ".json", ".parquet"])
def test_written_scores_are_read_again(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"made{ending}"
    made = ScoreFile(("one", "two"), np.array([3, 70]), np.array([[0.1, 1 / 3], [-2.0, 1e-9]]), "", "")
    write_score_file(made, path)
    found = read_score_file(path, allow_missing=True)
    assert found.names == made.names
    np.testing.assert_array_equal(found.index_A, made.index_A)
    np.testing.assert_array_equal(found.scores_SA, made.scores_SA)
    assert all_strings()[3] in path.read_text() if ending != ".parquet" else True


def test_scores_are_stored_as_a_known_kind(tmp_path: Path) -> None:
    made = ScoreFile(("one",), np.array([3]), np.zeros((1, 1)), "", "")
    with pytest.raises(UsageError, match=r"stored as \.csv, \.json or \.parquet, not as made.txt"):
        write_score_file(made, tmp_path / "made.txt")
    assert list(tmp_path.iterdir()) == []
