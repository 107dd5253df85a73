"""What is imported equals what the official packages answer."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from nas_201_api import NASBench201API
from nats_bench import create
from nats_bench.api_topology import NATStopology

from nasbench_harness.truth import TruthTable, benchmark_order, import_table
from nasbench_harness.truth.importers.base import table_from_rows
from nasbench_harness.truth.importers.official.rows import Gathered

COLUMN = {
    ("cifar10-valid", "train"): "cifar10_valid_train",
    ("cifar10-valid", "x-valid"): "cifar10_valid",
    ("cifar10-valid", "ori-test"): "cifar10_valid_test",
    ("cifar10", "train"): "cifar10_train",
    ("cifar10", "ori-test"): "cifar10_test",
    ("cifar100", "train"): "cifar100_train",
    ("cifar100", "x-valid"): "cifar100_valid",
    ("cifar100", "x-test"): "cifar100_test",
    ("cifar100", "ori-test"): "cifar100_test_valid",
    ("ImageNet16-120", "train"): "imagenet16_120_train",
    ("ImageNet16-120", "x-valid"): "imagenet16_120_valid",
    ("ImageNet16-120", "x-test"): "imagenet16_120_test",
    ("ImageNet16-120", "ori-test"): "imagenet16_120_test_valid",
}
NAME = {"cifar10-valid": "cifar10_valid", "ImageNet16-120": "imagenet16_120"}


def value(table: TruthTable, column: str, number: int) -> float:
    return float(table.column(column)[benchmark_order()[number]])


def compare(table: TruthTable, answers: Any, number: int) -> int:
    """Every seed, split and budget of an architecture, and its costs; returns how many accuracies were compared.

    ``answers(budget)`` is the official object with all results of the architecture.
    """
    compared = 0
    for epochs in (12, 200):
        official = answers(str(epochs))
        for (network, split), column in COLUMN.items():
            seeds = official.get_dataset_seeds(network)
            mean = official.get_metrics(network, split)["accuracy"]
            assert value(table, f"{column}_{epochs}", number) == pytest.approx(mean, rel=1e-14)
            for seed in seeds:
                one = official.get_metrics(network, split, is_random=seed)["accuracy"]
                single = list(table.meta["seeds"][f"{column}_{epochs}"]) == [str(seed)]
                assert value(table, f"{column}_{epochs}" if single else f"{column}_{epochs}_seed{seed}", number) == one
                compared += 1
        for network in ("cifar10-valid", "cifar10", "cifar100", "ImageNet16-120"):
            name, costs = NAME.get(network, network), official.get_compute_costs(network)
            seconds = value(table, f"{name}_{epochs}_training_seconds", number)
            assert seconds == pytest.approx(costs["T-train@total"], rel=1e-14)
            if epochs == 200:
                for column, key in (("parameters", "params"), ("flops", "flops")):
                    found = value(table, f"{name}_{column}_millions", number)
                    assert found == pytest.approx(costs[key], rel=1e-14)
                assert value(table, f"{name}_latency_seconds", number) == pytest.approx(costs["latency"], rel=1e-14)
    return compared


def test_the_three_architectures_equal_the_official_answers(shared_data: Path) -> None:
    source = shared_data / "nas-bench-201" / "nats-tss-three-architectures" / "NATS-tss-v1_0-3ffb9-simple"
    table = import_table(source, partial=True)
    official = create(str(source), "tss", fast_mode=True, verbose=False)
    for number in (0, 11, 284):
        answers = lambda hp, number=number: official.query_meta_info_by_index(number, hp)  # noqa: E731
        assert compare(table, answers, number) == 3 * 2 + 10 + 13 * 3  # two seeds of cifar10-valid for 12 epochs
    assert round(value(table, "cifar10_valid_200", 0), 6) == 81.982667
    assert table.covered.sum() == 3
    assert table.meta["partial"] is True
    assert table.meta["version"] == "1_0"
    assert table.name == "NATS-tss-v1_0-3ffb9-simple"


def test_the_three_architectures_equal_the_published_table(shared_data: Path) -> None:
    folder = shared_data / "nas-bench-201"
    table = import_table(folder / "nats-tss-three-architectures" / "NATS-tss-v1_0-3ffb9-simple", partial=True)
    with open(folder / "accuracy.csv", newline="") as stream:
        rows = {number: row for number, row in enumerate(csv.DictReader(stream)) if number in (0, 11, 284)}
    columns = [column for column in rows[0] if column in table.columns]
    assert {"cifar10_test_200", "cifar100_test_200", "cifar10_valid_200", "cifar10_valid_test_200"} <= set(columns)
    for number, row in rows.items():
        for column in columns:
            assert value(table, column, number) == pytest.approx(float(row[column]), abs=0.005), (number, column)


def test_a_directory_and_a_file_equal_the_official_answers(archives: Any, entries: Any) -> None:
    directory, single = archives.directory(entries), archives.single(entries)
    table, same = import_table(directory, "t", partial=True), import_table(single, "t", partial=True)
    assert table.sha256 == same.sha256
    official = NATStopology(str(single), fast_mode=False, verbose=False)
    for number in entries:
        compare(table, lambda hp, number=number: official.arch2infos_dict[number][hp], number)


@pytest.mark.parametrize("new", [False, True])
def test_both_layouts_of_pth_equal_the_official_answers(archives: Any, entries: Any, new: bool) -> None:
    path, content = archives.pth(entries, new=new)
    table = import_table(path, partial=True)
    official = NASBench201API(content, verbose=False)
    for number in entries:
        compare(table, lambda hp, number=number: official.arch2infos_dict[number][hp], number)
    assert table.name == "NAS-Bench-201-v1_1-made"
    assert len(str(table.meta["source_sha256"])) == 64


def test_the_old_layout_of_results_has_fewer_columns(archives: Any, make_entry: Any) -> None:
    """Version 1.0: 12 epochs of one network only, no training times, x-splits after the last epoch only."""
    entry = make_entry(3)
    less = entry["12"]
    for network in ("cifar10", "cifar100", "ImageNet16-120"):
        del less["dataset_seed"][network]
    for (_, _), training in entry["200"]["all_results"].items():
        training["train_times"], training["eval_times"] = None, {}
        training["latency"] = [0.25, 0.75]
        training["eval_acc1es"] = {
            key: v for key, v in training["eval_acc1es"].items() if key.startswith("ori") or key.endswith("@199")
        }
    path, content = archives.pth({3: entry}, "NAS-Bench-201-v1_0-made.pth")
    table = import_table(path, partial=True)
    official = NASBench201API(content, verbose=False).arch2infos_dict[3]["200"]
    assert value(table, "cifar100_test_200", 3) == pytest.approx(official.get_metrics("cifar100", "x-test")["accuracy"])
    assert value(table, "cifar10_latency_seconds", 3) == 0.5
    assert "cifar10_test_12" not in table.columns
    assert "cifar10_valid_12" in table.columns
    assert "cifar10_200_training_seconds" not in table.columns
    assert table.meta["version"] == "1_0"


def test_objects_of_the_official_classes_are_read_as_their_attributes(archives: Any, entries: Any) -> None:
    from nats_bench.api_utils import ArchResults

    objects = {n: {hp: ArchResults.create_from_state_dict(s) for hp, s in e.items()} for n, e in entries.items()}
    states = import_table(archives.single(entries), "t", partial=True)
    assert import_table(archives.single(objects, "objects.pickle.pbz2"), "t", partial=True).sha256 == states.sha256


def test_flops_that_seeds_disagree_on_are_those_of_seed_888(archives: Any, make_entry: Any) -> None:
    entry = make_entry(5)
    entry["200"]["all_results"]["cifar10", 777]["flop"] = 1.0
    entry["200"]["all_results"]["cifar10", 888]["flop"] = 2.0
    path = archives.single({5: entry})
    official = NATStopology(str(path), verbose=False).arch2infos_dict[5]["200"]
    found = value(import_table(path, partial=True), "cifar10_flops_millions", 5)
    assert found == official.get_compute_costs("cifar10")["flops"] == 2.0


def test_a_seed_that_some_lack_is_declared_and_the_mean_is_over_those_that_exist(tmp_path: Path) -> None:
    gathered = Gathered(tmp_path / "made")
    for number in range(15625):
        seeds = {"x_test_200_seed1": 40.0} | ({} if number == 9 else {"x_test_200_seed2": 60.0})
        gathered.put(number, {"x_test_200": sum(seeds.values()) / len(seeds), **seeds}, f"entry {number}")
    table = table_from_rows(gathered.rows({}), tmp_path / "made", "t", False, {})
    assert table.meta["partial"] == ["x_test_200_seed2"]
    assert table.meta["seeds"] == {"x_test_200": {"1": 15625, "2": 15624}}
    assert (value(table, "x_test_200", 9), value(table, "x_test_200", 8)) == (40.0, 50.0)
    assert np.isnan(value(table, "x_test_200_seed2", 9))
    assert list(table.columns) == ["x_test_200", "x_test_200_seed1", "x_test_200_seed2"]
