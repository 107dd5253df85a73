"""Which strategy is held against which, and under which protocols."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from nasbench_harness.errors import DataError, UsageError
from nasbench_harness.evidence import Sample, Side, pair_up, read_side
from nasbench_harness.evidence.protocol import protocol_differences, protocol_of, strategy_differences
from nasbench_harness.evidence.sample import check_metric, prior_of, sample_of
from nasbench_harness.records import Run

PROTOCOL = {
    "name": "x",
    "images": {"name": "digits"},
    "training": {"batch_size": 64},
    "strategy": {"name": "s", "kind": "one-shot", "sampler": {"name": "uniform"}},
    "seed": 0,
    "data": {"truth_sha256": "a", "device": "cpu"},
}


def changed(section: str, **values):
    return PROTOCOL | {section: PROTOCOL[section] | values}


def sample(strategy: str, source: str = "run", protocol=PROTOCOL) -> Sample:
    return Sample(strategy, (0, 1), np.array([0.4, 0.5]), f"{source}/{strategy}", protocol)


def side(name: str, *strategies: str, named: bool = False, protocol=PROTOCOL) -> Side:
    samples = tuple(sample(each, name, protocol) for each in strategies)
    return Side(name, samples, samples, named)


def names(pairs) -> list[str]:
    return [pair.name for pair in pairs]


def test_strategies_are_paired_by_name_and_the_others_are_named() -> None:
    pairs, notes = pair_up(side("new", "a", "b", "mine"), side("old", "a", "b", "gone"))
    assert names(pairs) == ["a", "b"]
    assert "mine of new" in notes[0]
    assert "gone of old" in notes[1]


def test_a_named_baseline_is_the_partner_of_all_others() -> None:
    pairs, notes = pair_up(side("run", "a", "b", "c"), side("run", "b", named=True))
    assert names(pairs) == ["a v b", "c v b"]
    assert notes == []


def test_one_strategy_a_side_is_a_pair() -> None:
    assert names(pair_up(side("new", "mine", named=True), side("old", "theirs"))[0]) == ["mine v theirs"]
    assert names(pair_up(side("new", "a", named=True), side("old", "a", "b"))[0]) == ["a"]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (side("new", "a", "b"), side("old", "c", "d")),
        (side("new", "a", named=True), side("old", "c", "d")),
        (side("run", "a", named=True), side("run", "a", named=True)),
    ],
)
def test_nothing_in_common_is_refused(one: Side, other: Side) -> None:
    with pytest.raises(UsageError, match=r"no strategy to compare.*RUN/strategy"):
        pair_up(one, other)


def test_protocols_differ_field_by_field() -> None:
    other = changed("training", batch_size=32, nesterov=True) | {"seed": 7, "strategy": {"name": "t"}, "plugins": ["x"]}
    found = protocol_differences(other, PROTOCOL)
    assert [(each.field, each.candidate, each.baseline) for each in found] == [
        ("training.batch_size", 32, 64),
        ("training.nesterov", True, "absent"),
    ]


def test_a_setting_that_a_record_is_older_than_has_its_old_value() -> None:
    assert protocol_differences(changed("training", unsampled_weights="freeze"), PROTOCOL) == ()
    [found] = protocol_differences(changed("training", unsampled_weights="decay"), PROTOCOL)
    assert str(found) == "training.unsampled_weights: 'decay' in the candidate, 'freeze' in the baseline"


def test_other_protocols_are_refused_unless_asked_for() -> None:
    one, other = side("new", "a", protocol=changed("training", batch_size=32)), side("old", "a")
    with pytest.raises(UsageError, match=r"training.batch_size: 32.*64.*--across training.batch_size"):
        pair_up(one, other)
    for across in ("training.batch_size", "training"):
        [pair], _ = pair_up(one, other, [across])
        assert [found.field for found in pair.across] == ["training.batch_size"]
    with pytest.raises(UsageError, match="the protocols differ"):
        pair_up(one, other, ["images"])
    with pytest.raises(UsageError, match=r"--across trainnig: no such field; there are .*training.batch_size"):
        pair_up(one, other, ["trainnig"])


def test_the_truth_belongs_to_the_protocol_and_the_device_is_a_remark() -> None:
    with pytest.raises(UsageError, match=r"data.truth_sha256"):
        pair_up(side("new", "a", protocol=changed("data", truth_sha256="b")), side("old", "a"))
    [pair], _ = pair_up(side("new", "a", protocol=changed("data", device="cuda")), side("old", "a"))
    assert "different devices (cpu, cuda)" in pair.notes[0]


def test_options_of_the_strategy_are_what_is_compared() -> None:
    other = changed("strategy", sampler={"name": "fair"}, name="renamed")
    [found] = strategy_differences(other, PROTOCOL)
    assert found.field == "strategy.sampler.name"
    [pair], _ = pair_up(side("new", "a", protocol=other), side("old", "a"))
    assert "own options differ" in pair.notes[0]


def test_without_a_protocol_that_is_said() -> None:
    [pair], _ = pair_up(side("file", "mine", protocol=None), side("old", "a"))
    assert "up to you" in pair.notes[0]


def test_samples_of_stored_runs(fake, tmp_path) -> None:
    run = fake.write_run(tmp_path / "run", {"a": [0.5, 0.52, 0.51], "b": [0.4, 0.42]})
    whole = read_side(run, "kendall_tau", None)
    assert [one.strategy for one in whole.samples] == ["a", "b"]
    assert whole.samples[0].value_S.tolist() == [0.5, 0.52, 0.51]
    assert not whole.named
    part = read_side(run / "b", "kendall_tau", "accuracy")
    assert ([one.strategy for one in part.samples], len(part.around), part.named) == (["b"], 2, True)
    with pytest.raises(DataError, match="no such run folder"):
        read_side(tmp_path / "nowhere", "kendall_tau", None)


def test_an_undefined_metric_is_refused_where_it_counts(fake, tmp_path) -> None:
    run = fake.write_run(tmp_path / "run", {"a": [0.5, None], "b": [0.4, 0.42]})
    for folder in (run, run / "a"):
        with pytest.raises(DataError, match="run/a: kendall_tau is undefined for seed 1"):
            read_side(folder, "kendall_tau", None)
    side = read_side(run / "b", "kendall_tau", None)
    assert [one.strategy for one in side.around] == ["b"]


def test_records_of_an_earlier_version_say_how_to_judge_them_again(fake, tmp_path) -> None:
    first = fake.make_record()
    metrics = {
        name: {key: value for key, value in column.items() if key != "tau_with_flops"}
        for name, column in first.metrics.items()
    }
    with pytest.raises(DataError, match=r"earlier version, without tau_with_flops; give --policy cifar10_test_200"):
        sample_of(Run(Path("run"), (replace(first, metrics=metrics),)), first.strategy, "tau_with_flops", None)


def test_the_truth_that_judges_is_the_protocols(fake) -> None:
    record = fake.make_record()
    again = replace(record, truth={**record.truth, "policy": "cifar100_test_200", "sha256": "ef"})
    assert [found.field for found in protocol_differences(protocol_of(again), protocol_of(record))] == [
        "data.truth_sha256",
        "truth.policy",
    ]


def test_seeds_that_differ_in_their_signal_need_one_named(fake) -> None:
    first = fake.make_record(seed=0)
    run = Run(Path("run"), (first, replace(first, seed=1, signal="accuracy")))
    with pytest.raises(DataError, match="--signal"):
        sample_of(run, first.strategy, "kendall_tau", None)
    assert sample_of(run, first.strategy, "kendall_tau", "accuracy").n == 2


def test_what_says_nothing_of_methods_is_no_gate() -> None:
    assert check_metric("spearman") == "spearman"
    with pytest.raises(UsageError, match=r"best_rank_at.10.*kendall_tau"):
        check_metric("best_rank_at.10")


def test_the_prior_leaves_out_single_seeds() -> None:
    rng = np.random.default_rng(0)
    many = [Sample(str(i), tuple(range(10)), rng.normal(0, 0.01 * (i + 1), 10), "") for i in range(6)]
    alone = Sample("alone", (0,), np.array([0.5]), "")
    assert alone.variance == 0
    assert prior_of([*many, alone]) == prior_of(many)
    assert prior_of(many).strategies == 6
