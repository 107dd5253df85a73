"""The leaderboard: right numbers with their n and interval, readable at any width."""

from __future__ import annotations

import io
import json
import re
import statistics
from dataclasses import replace

import numpy as np
import pytest
from rich.console import Console

from nasbench_harness.errors import DataError
from nasbench_harness.records import Run
from nasbench_harness.records.schema import ADDED, EXTREMES
from nasbench_harness.records.summary import Estimate, estimate, noise_ceiling
from nasbench_harness.report import leaderboard, print_leaderboard, render_markdown
from nasbench_harness.report.cells import number, table_of

NOISES = {"one-shot": 0.6, "one-shot-balanced": 0.25, "random": 1.2}


@pytest.fixture(scope="module")
def single(fake):
    return fake.make_run(NOISES)


@pytest.fixture(scope="module")
def three(fake):
    return fake.make_run(NOISES, 3)


def shown(board, width, color_system=None):
    stream = io.StringIO()
    print_leaderboard(board, Console(file=stream, width=width, force_terminal=True, color_system=color_system))
    return stream.getvalue()


def test_rows_fall_by_tau_of_the_headline_signal(three):
    board = leaderboard(three)
    assert [row.name for row in board.rows] == ["one-shot-balanced", "one-shot", "random"]
    assert {row.signal for row in board.rows} == {"negative_loss"}
    assert board.signals == ("negative_loss", "accuracy")
    taus = [row.metrics["kendall_tau"].mean for row in board.references]
    assert taus == sorted(taus, reverse=True)


def test_the_mean_sd_and_n_are_those_of_the_seeds(three):
    row = leaderboard(three).rows[1]
    values = [record.metrics["negative_loss"]["kendall_tau"] for record in three.of("one-shot")]
    tau = row.metrics["kendall_tau"]
    assert tau.mean == pytest.approx(statistics.fmean(values))
    assert tau.sd == pytest.approx(statistics.stdev(values))
    assert (tau.n, tau.basis, row.n_seeds) == (3, "seeds", 3)
    half = 4.302652729911275 * statistics.stdev(values) / 3**0.5  # t quantile 0.975 at 2 degrees of freedom
    assert tau.interval == pytest.approx((tau.mean - half, tau.mean + half))
    assert row.costs["seconds"].mean == pytest.approx(241.0)


def test_one_seed_shows_its_stored_bootstrap_interval(single):
    record = single.of("random")[0]
    tau = leaderboard(single).rows[-1].metrics["kendall_tau"]
    assert tau.basis == "architectures"
    assert tau.sd is None
    assert tau.interval == tuple(record.metrics["negative_loss"]["intervals"]["kendall_tau"])


def test_a_chosen_signal_judges_all_rows(three):
    board = leaderboard(three, "accuracy")
    for row in board.rows:
        assert row.signal == "accuracy"
        assert row.metrics["kendall_tau"] == row.tau["accuracy"]
        assert row.metrics["kendall_tau"] != row.tau["negative_loss"]
    with pytest.raises(DataError, match="no score column 'luck'"):
        leaderboard(three, "luck")


def test_seeds_may_differ_between_strategies(fake):
    records = (fake.make_record("one-shot", 0), fake.make_record("one-shot", 1), fake.make_record("random", 0, 1.0))
    board = leaderboard(Run(records=records, folder=None))
    assert [row.metrics["kendall_tau"].basis for row in board.rows] == ["seeds", "architectures"]
    text = render_markdown(board)
    assert "| one-shot | 2 |" in text
    assert "| random | 1 † |" in text


def test_an_unknown_cost_is_left_open(fake):
    record = fake.make_record()
    record = fake.make_record(cost=record.cost | {"peak_memory_mb": None})
    board = leaderboard(Run(None, (record,)))
    assert board.rows[0].costs["peak_memory_mb"] is None
    assert render_markdown(board).splitlines()[4].endswith("| - |")


def test_a_record_without_the_metric_is_named(fake):
    record = fake.make_record()
    column = {name: item for name, item in record.metrics["negative_loss"].items() if name != "regret_at"}
    broken = fake.make_record(metrics=record.metrics | {"negative_loss": column})
    with pytest.raises(DataError, match=r"one-shot, seed 0: .* has no number regret_at\.10"):
        leaderboard(Run(None, (broken,)))


def test_json_holds_every_number_with_its_n_and_interval(three):
    value = json.loads(json.dumps(leaderboard(three).to_json(), allow_nan=False))
    assert value["experiment"] == "fake"
    assert value["noise_ceiling"]["kendall_tau"] == 0.93
    row = value["rows"][0]
    assert set(row["metrics"]["regret_at.10"]) == {"mean", "sd", "n", "interval", "basis", "values"}
    assert row["seeds"] == [0, 1, 2]
    stored = [record.metrics[row["signal"]]["regret_at"]["10"] for record in three.of(row["name"])]
    assert row["metrics"]["regret_at.10"]["values"] == stored
    assert set(row["tau"]) == {"accuracy", "negative_loss"}
    assert [reference["name"] for reference in value["references"]] == ["live_flops", "flops"]
    assert value["references"][0]["metrics"]["kendall_tau"]["basis"] == "architectures"


def test_markdown_is_a_table_with_equal_rows(three):
    lines = render_markdown(leaderboard(three)).splitlines()
    table = [line for line in lines if line.startswith("|")]
    assert len(table) == 2 + 3 + 2
    assert len({line.count(" | ") for line in [table[0], *table[2:]]}) == 1
    assert "±" in table[2]
    assert "[" in table[2]
    assert "noise ceiling" in lines[-1]
    assert "0.930" in lines[-1]


def test_a_wide_terminal_shows_every_column(three):
    text = shown(leaderboard(three), 600)
    for title in (
        "Spearman",
        "P@5 %",
        "best rank@10",
        "top-10 acc",
        "regret@10",
        "updates",
        "time",
        "memory",
        "tau predicted top 10 %",
    ):
        assert title in text
    assert "left out" not in text
    assert "(reference)" in text
    assert "1.5 M" in text


@pytest.mark.parametrize("width", [200, 140, 100, 80, 60])
def test_a_narrow_terminal_loses_whole_columns_and_says_so(three, width):
    board = leaderboard(three)
    text = shown(board, width)
    assert max(map(len, text.splitlines())) <= width
    assert "…" not in text
    for row in board.rows:
        assert row.name in text
        assert f"{row.metrics['kendall_tau'].mean:.3f}" in text
    assert ("left out for want of width" in text.replace("\n", " ")) == ("memory" not in text.split("left out")[0])


def test_every_number_in_a_very_narrow_terminal_stays_whole(three):
    text = shown(leaderboard(three), 44)
    assert f"{leaderboard(three).rows[0].metrics['kendall_tau'].mean:.3f}" in text


def test_no_color_is_respected(three, monkeypatch):
    monkeypatch.setenv("NO_COLOR", "1")
    assert not re.search(r"\x1b\[[0-9;]*[34][0-9]", shown(leaderboard(three), 120, "truecolor"))


def test_a_pipe_gets_every_column(three, capsys):
    stream = io.StringIO()
    print_leaderboard(leaderboard(three), Console(file=stream, width=80))
    print_leaderboard(leaderboard(three))
    for text in (stream.getvalue(), capsys.readouterr().out):
        assert "memory" in text
        assert "left out" not in text
        assert "\x1b" not in text


def test_constant_scores_are_undefined_and_last(fake):
    record = fake.make_record("one-shot", 0, 1.2)
    undefined = dict.fromkeys(("kendall_tau", "spearman", "pearson", "tau_in_true_top_10_percent"))
    column = record.metrics["negative_loss"] | undefined | {"intervals": {}}
    broken = fake.make_record("broken", metrics=record.metrics | {"negative_loss": column})
    board = leaderboard(Run(None, (broken, record)))
    assert [row.name for row in board.rows] == ["one-shot", "broken"]
    assert board.to_json()["rows"][1]["metrics"]["kendall_tau"] is None
    text = render_markdown(board)
    assert "| broken | 1 † | - |" in text
    assert "constant scores have no rank correlation" in text


def test_intervals_end_where_the_quantity_does(fake):
    records = [fake.make_record(seed=seed, noise=1.5) for seed in range(2)]
    for metric, low, high in (
        ("precision_at.0.05", 0, 1),
        ("best_rank_at.10", 1, float("inf")),
        ("regret_at.10", 0, 100),
    ):
        found = estimate(records, metric)
        assert low <= found.interval[0] <= found.mean <= found.interval[1] <= high


def test_the_ceiling_is_unknown_or_a_stand_in(fake):
    record = fake.make_record()
    bare = fake.make_record(truth=record.truth | {"noise_ceiling": None})
    assert noise_ceiling(bare) is None
    assert "noise ceiling: unknown" in render_markdown(leaderboard(Run(None, (bare,))))
    proxy = {"kendall_tau": 0.9, "kind": "two seeds", "proxy_for": "cifar10_test_200", "first": "a_1", "second": "a_2"}
    stand_in = fake.make_record(truth=record.truth | {"noise_ceiling": proxy})
    text = render_markdown(leaderboard(Run(None, (stand_in,))))
    assert "0.900" in text
    assert "stand-in" in text


def test_records_of_several_machines_carry_a_warning(fake):
    records = (fake.make_record(), fake.make_record("other", environment={"torch": "2.6.0", "threads": 2}))
    same = leaderboard(Run(None, records))
    assert same.machines == {}
    assert "warning" not in render_markdown(same)
    threads = fake.make_record(environment={"torch": "2.6.0", "threads": 1})
    mixed = leaderboard(Run(None, (threads, records[1])))
    assert mixed.to_json()["machines"] == {"threads": [1, 2]}
    assert "warning: the records differ in what changes the last bits of training (threads 1, 2)" in render_markdown(
        mixed
    )


def test_numbers_as_text():
    assert number(None, 3) == "-"
    assert number(Estimate(0.5, None, 1, None, "none"), 3) == "0.500"
    assert number(Estimate(0.5, None, 1, (0.4, 0.6), "architectures"), 2) == "0.50 [0.40, 0.60]"
    assert number(Estimate(0.5, 0.01, 3, (0.4, 0.6), "seeds"), 2) == "0.50 ± 0.01 [0.40, 0.60]"


def test_two_seeds_give_the_interval_of_one_degree_of_freedom(fake):
    records = [fake.make_record(seed=seed) for seed in (0, 1)]
    first, second = (record.metrics["negative_loss"]["kendall_tau"] for record in records)
    found = estimate(records, "kendall_tau")
    half = 12.706204736174698 * abs(first - second) / 2
    assert found.interval == pytest.approx(((first + second) / 2 - half, (first + second) / 2 + half))


def with_share(fake, strategy, share, seed=0):
    options = {"name": strategy, "kind": "few-shot", **({} if share is None else {"parent_fraction": share})}
    return fake.make_record(strategy, seed, experiment={"name": "fake", "strategy": options, "seed": seed})


def test_the_parents_share_is_shown_where_strategies_differ_in_it(fake):
    records = (with_share(fake, "mine", 0.0), with_share(fake, "one-shot", None), with_share(fake, "random", 0.5))
    board = leaderboard(Run(None, records))
    assert {row["name"]: row["parent_fraction"] for row in board.to_json()["rows"]} == {
        "mine": 0.0,
        "one-shot": None,
        "random": 0.5,
    }
    text = render_markdown(board)
    header = [cell.strip() for cell in text.splitlines()[2].split("|")]
    place = header.index("parent")
    rows = {cells[1].strip(): cells[place].strip() for cells in (line.split("|") for line in text.splitlines()[4:9])}
    assert (rows["mine"], rows["one-shot"], rows["random"], rows["FLOPs (reference)"]) == ("0 %", "-", "50 %", "-")
    assert "differ in more than their partition" in text
    assert "parent" in shown(board, 200)


@pytest.mark.parametrize("shares", [(0.5, 0.5), (None, None), (None, 0.5)])
def test_equal_shares_of_parents_take_no_column(fake, shares):
    board = leaderboard(Run(None, (with_share(fake, "a", shares[0]), with_share(fake, "b", shares[1]))))
    assert "parent" not in render_markdown(board)
    seeds = (with_share(fake, "c", 0.5, 0), with_share(fake, "c", 0.25, 1))
    assert leaderboard(Run(None, seeds)).rows[0].parent_fraction is None


def test_what_scores_know_beyond_flops_stands_beside_tau(three):
    board = leaderboard(three)
    for row in board.rows:
        for name in ("tau_within_flops", "tau_with_flops"):
            values = [record.metrics["negative_loss"][name] for record in three.of(row.name)]
            assert row.metrics[name].mean == pytest.approx(statistics.fmean(values))
    value = board.to_json()
    assert value["flops_groups"] == {"groups": 8, "n": 400}
    assert value["judged_before"] == []
    text = render_markdown(board)
    assert "| within FLOPs | with FLOPs |" in text
    assert "(8 groups, 400 architectures)" in text


def test_how_convolutions_are_misjudged_stands_beside_tau(three):
    board = leaderboard(three)
    for row in board.rows:
        biases = []
        for record in three.of(row.name):
            rows = record.metrics["negative_loss"]["breakdown"]["rank_error"]["convolutions"]
            n, error = (np.array([each[key] for each in rows]) for key in ("n", "error"))
            biases.append(np.sqrt((n * error**2).sum() / n.sum()))
        assert row.metrics["convolution_bias"].values == pytest.approx(biases)
    assert "| conv. bias |" in render_markdown(board)
    assert "conv. bias: how far" in render_markdown(board)


def test_a_record_of_an_earlier_version_leaves_new_columns_empty_and_is_named(fake):
    record = fake.make_record("old")
    before = {key: {n: v for n, v in column.items() if n not in ADDED} for key, column in record.metrics.items()}
    old = fake.make_record("old", metrics=before)
    assert type(old).from_json(old.to_json()) == old
    board = leaderboard(Run(None, (old, fake.make_record("present"))))
    row = {row.name: row for row in board.rows}["old"]
    assert (row.metrics["tau_within_flops"], row.metrics["tau_with_flops"]) == (None, None)
    assert row.metrics["kendall_tau"] is not None
    assert board.judged_before == ("old, seed 0",)
    text = render_markdown(board)
    assert "the records of old, seed 0 are of an earlier version" in text
    assert "--policy cifar10_test_200" in text
    assert "constant scores" not in text


def test_all_metrics_of_the_field_are_in_every_row_with_their_intervals(single):
    board = leaderboard(single)
    for row in (*board.rows, *board.references):
        for metric in ("tau_in_predicted_top_10_percent", "precision_at_worst.0.05", "pairwise_accuracy.1"):
            assert row.metrics[metric].interval is not None
        assert row.metrics["worst_rank_at.10"].mean >= row.metrics["best_rank_at.10"].mean
        assert row.metrics["worst_rank_at.10"].interval is None
    table = table_of(board).sorted("worst_rank")
    assert [column.name for column in table.chosen(["tau_predicted", "p_worst", "pairs"]).columns] == [
        "strategy", "tau_predicted_top_10_percent", "precision_at_worst_5_percent", "pairwise_accuracy_above_1_point"
    ]  # fmt: skip
    worst = [value.mean for value in table.columns[table.places("worst_rank_at_10")[0]].values[:3]]
    assert worst == sorted(worst)


def test_extremes_have_no_interval_even_where_an_earlier_version_stored_one(fake):
    record = fake.make_record()
    column = record.metrics["negative_loss"]
    assert not [name for name in column["intervals"] if name.partition(".")[0] in EXTREMES]
    stored = column | {"intervals": column["intervals"] | {"regret_at.10": [0.1, 0.9]}}
    board = leaderboard(Run(None, (fake.make_record(metrics=record.metrics | {"negative_loss": stored}),)))
    assert board.rows[0].metrics["regret_at.10"].interval is None


def test_a_sample_is_named_with_its_size(fake):
    sampled = {"scoring": {"architectures": 400}}
    seeds = tuple(fake.make_record("one-shot", seed, experiment=sampled) for seed in range(2))
    board = leaderboard(Run("unused", seeds))
    assert board.to_json()["sample"] == 400
    text = render_markdown(board)
    assert "400 architectures (a sample of 400, stratified by multiply-adds on live edges)" in text
    assert "all seeds rank the same sample" in text
    assert "sample" not in render_markdown(leaderboard(fake.make_run(NOISES)))


def test_strategies_that_differ_have_tiers_and_the_ranks_that_are_open(three):
    board = leaderboard(three)
    assert [(row.name, row.place.tier, row.place.ranks) for row in board.rows] == [
        ("one-shot-balanced", 1, (1, 1)),
        ("one-shot", 2, (2, 2)),
        ("random", 3, (3, 3)),
    ]
    assert [(row["tier"], row["ranks"]) for row in board.to_json()["rows"]] == [(1, [1, 1]), (2, [2, 2]), (3, [3, 3])]
    text = render_markdown(board)
    assert "| tier [ranks] |" in text
    assert "| one-shot | 3 | 2 [2, 2] |" in text
    assert "cannot be told from it" in text
    assert "tier" in shown(board, 200)


def test_equal_strategies_share_a_tier(fake):
    board = leaderboard(fake.make_run({"one": 0.6, "other": 0.6}, 3))
    assert {(row.place.tier, row.place.ranks) for row in board.rows} == {(1, (1, 2))}


def test_single_seeds_call_no_differences(single, fake):
    assert "one seed: no differences can be called." in render_markdown(leaderboard(single))
    assert "tier" not in render_markdown(leaderboard(single))
    mixed = [fake.make_record(name, seed, noise) for name, noise in (("a", 0.3), ("b", 1.2)) for seed in range(3)]
    board = leaderboard(Run(None, (*mixed, fake.make_record("c", 0, 0.1))))
    assert {row.name: row.place and row.place.tier for row in board.rows} == {"a": 1, "b": 2, "c": None}
    assert "one seed: no" not in render_markdown(board)


def test_a_method_may_say_in_its_own_terms_what_it_came_to(single):
    one, *others = single.records
    own = {"text": "derives |this|, 93.10 %, place 812 of 15,625", "signal": "accuracy"}
    record = replace(one, analysis={**one.analysis, "strategy": {"headline": own}})
    board = leaderboard(Run(single.folder, (record, *others)))
    [told] = board.headlines
    tau = one.metrics["accuracy"]["kendall_tau"]
    assert (told.strategy, told.seed, told.kendall_tau) == (one.strategy, one.seed, tau)
    line = f"{one.strategy}, seed 0: {own['text']}; tau of its own ranking (accuracy) {tau:.3f}."
    assert line in " ".join(shown(board, 200).split())
    assert line.replace("|", r"\|") in render_markdown(board)
    assert json.loads(json.dumps(board.to_json()))["headlines"][0]["text"] == own["text"]
    assert leaderboard(single).headlines == ()


def test_a_leaderboard_says_which_seeds_it_shows(single, three, fake):
    assert "† one seed (0), and references:" in render_markdown(leaderboard(single))
    assert "t-interval of the mean over seeds 0 to 2]" in render_markdown(leaderboard(three))
    mixed = [fake.make_record("a", seed) for seed in (1, 5)] + [fake.make_record("b", seed) for seed in (0, 5)]
    assert "of the mean over seeds]" in render_markdown(leaderboard(Run(None, tuple(mixed))))
    assert "of the mean over seeds 1, 5]" in render_markdown(leaderboard(Run(None, tuple(mixed[:2]))))
