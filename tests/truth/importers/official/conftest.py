"""Generated archives of the official structure, built with the official packages' own classes."""

from __future__ import annotations

import bz2
import copy
import pickle
from collections import OrderedDict
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from nats_bench.api_utils import ArchResults, ResultsCount

from nasbench_harness.space import all_strings
from nasbench_harness.truth import benchmark_order

State = dict[str, Any]
Entry = dict[str, State]

CLASSES = {"cifar10-valid": 10, "cifar10": 10, "cifar100": 100, "ImageNet16-120": 120}
SPLITS = {
    "cifar10-valid": ("x-valid", "ori-test"),
    "cifar10": ("ori-test",),
    "cifar100": ("x-valid", "x-test", "ori-test"),
    "ImageNet16-120": ("x-valid", "x-test", "ori-test"),
}


def strings() -> list[str]:
    """The benchmark's list of architectures."""
    return [all_strings()[index] for index in benchmark_order().tolist()]


@cache
def packed_meta() -> bytes:
    meta = {"meta_archs": strings(), "total_archs": 15625, "arch2infos": None, "evaluated_indexes": set()}
    return bz2.compress(pickle.dumps(meta, 4))


def training(network: str, number: int, seed: int, epochs: int, text: str) -> ResultsCount:
    """One training with made-up numbers; every text is made again, as in the official files."""
    rng = np.random.default_rng([number, seed, epochs, CLASSES[network]])
    accuracy = [float(value) for value in rng.uniform(10, 95, epochs)]
    config = {"channel": 16, "num_cells": 5, "arch_str": text, "class_num": CLASSES[network]}
    parameters, flops = np.float64(0.073306 + number / 1e6), 7.0 + number / 100
    made = ResultsCount(
        network, None, {}, {}, parameters, flops, config, f"{seed:04d}", epochs, [np.float64(rng.uniform(0.01, 0.02))]
    )
    made.update_train_info(dict(enumerate(accuracy)), None, dict(enumerate(accuracy)), None)
    made.reset_pseudo_train_times(float(rng.uniform(5, 9)))
    keys = [f"{split}@{epoch}" for split in SPLITS[network] for epoch in range(epochs)]
    accuracies = {key: float(rng.uniform(10, 95)) for key in keys}
    made.update_eval(accuracies, accuracies, dict.fromkeys(keys, 0.5))
    return made


def results(number: int, epochs: int, seeds: Sequence[int]) -> State:
    text = strings()[number]
    made = ArchResults(number, text)
    for network in CLASSES:
        for seed in seeds:
            made.update(network, seed, training(network, number, seed, epochs, text))
    made.clear_params()
    state: State = made.state_dict()
    return state


def entry_of(number: int, seeds: Sequence[int] = (777, 888)) -> Entry:
    return OrderedDict({"12": results(number, 12, (111,)), "200": results(number, 200, seeds)})


def thin(entry: Entry) -> Entry:
    """The same results without the epochs that nobody asks for: a twentieth of the size."""
    for state in entry.values():
        for training in state["all_results"].values():
            last = training["epochs"] - 1
            for name in ("train_acc1es", "train_losses"):
                training[name] = {last: training[name][last]}
            for name in ("eval_acc1es", "eval_losses", "eval_times"):
                training[name] = {key: v for key, v in training[name].items() if key.endswith(f"@{last}")}
    return entry


class Archives:
    """Writes entries as the official packages store them, under a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def directory(self, entries: dict[int, Entry], name: str = "NATS-tss-v1_0-3ffb9-simple") -> Path:
        path = self.folder / name
        path.mkdir()
        (path / "meta.pickle.pbz2").write_bytes(packed_meta())
        for number, entry in entries.items():
            self.pack(path / f"{number:06d}.pickle.pbz2", entry)
        return path

    @staticmethod
    def pack(path: Path, content: object, protocol: int = 4) -> Path:
        path.write_bytes(bz2.compress(pickle.dumps(content, protocol)))
        return path

    @staticmethod
    def content(entries: dict[int, Any]) -> State:
        return {
            "meta_archs": strings(),
            "total_archs": 15625,
            "arch2infos": entries,
            "evaluated_indexes": set(entries),
        }

    def single(self, entries: dict[int, Entry], name: str = "NATS-tss-v1_0-made.pickle.pbz2") -> Path:
        return self.pack(self.folder / name, self.content(entries))

    def pth(
        self, entries: dict[int, Entry], name: str = "NAS-Bench-201-v1_1-made.pth", new: bool = False
    ) -> tuple[Path, State]:
        content = self.content({n: {"full": entry["200"], "less": entry["12"]} for n, entry in entries.items()})
        torch.save(content, self.folder / name, _use_new_zipfile_serialization=new)
        return self.folder / name, content


@pytest.fixture
def archives(tmp_path: Path) -> Archives:
    return Archives(tmp_path)


@pytest.fixture(scope="session")
def make_entry() -> Callable[..., Entry]:
    return entry_of


@pytest.fixture(scope="session")
def entries() -> dict[int, Entry]:
    """Three architectures; the second lacks a seed."""
    return {0: entry_of(0), 7: entry_of(7, (777,)), 15624: entry_of(15624)}


@pytest.fixture(scope="session")
def thin_entries(entries: dict[int, Entry]) -> dict[int, Entry]:
    """The same in small."""
    return {number: thin(copy.deepcopy(entry)) for number, entry in entries.items()}
