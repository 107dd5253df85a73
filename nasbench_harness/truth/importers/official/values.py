"""What an official entry says about one architecture, as named numbers.

The official packages (nats_bench 1.8, nas-bench-201 2.1) answer from the same fields: ``get_metrics`` takes the value
of the last epoch, and means run over the seeds in ``dataset_seed``. Names of accuracy columns are truth policies,
``<image set>_<split>_<epochs>[_seed<k>]``; other columns carry their unit.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from nasbench_harness.errors import DataError

EPOCHS = {"12": 12, "less": 12, "200": 200, "full": 200}

# network of the archive -> its columns' name, number of classes, and what each of its splits is called here
_NETWORKS: dict[str, tuple[str, int, dict[str, str]]] = {
    "cifar10-valid": (
        "cifar10_valid",
        10,
        {"train": "cifar10_valid_train", "x-valid": "cifar10_valid", "ori-test": "cifar10_valid_test"},
    ),
    "cifar10": ("cifar10", 10, {"train": "cifar10_train", "ori-test": "cifar10_test"}),
    **{
        network: (
            name,
            classes,
            {
                "train": f"{name}_train",
                "x-valid": f"{name}_valid",
                "x-test": f"{name}_test",
                "ori-test": f"{name}_test_valid",
            },
        )
        for network, name, classes in (("cifar100", "cifar100", 100), ("ImageNet16-120", "imagenet16_120", 120))
    },
}

MEANING = {
    "cifar10_train, cifar10_test": "trained on all 50,000 training images; accuracy on these, and on the test images",
    "cifar10_valid_train, cifar10_valid, cifar10_valid_test": (
        "trained on 25,000 of them; accuracy on these, on the other 25,000, and on the test images"
    ),
    "<image set>_valid, <image set>_test, <image set>_test_valid": (
        "cifar100 and imagenet16_120: accuracy on the two halves into which the benchmark cuts the original test "
        "images, and on all of them"
    ),
    "<column>_seed<k>": "the training with this seed; left out where a column has one seed only, it is the mean then",
    "*_<epochs>_training_seconds": "all epochs of one training as the archive records them, mean over seeds",
    "*_latency_seconds": "one batch of 256 images, mean over seeds with a measurement",
    "*_parameters_millions, *_flops_millions": (
        "as in the archive; where seeds disagree (a known fault of it) those of seed 888, as nats_bench answers"
    ),
}

_ODD = (KeyError, TypeError, ValueError, AttributeError, IndexError, ZeroDivisionError)
_MOST_SEEDS = 8  # of one network: the official files have at most three
_LEGACY_SEED = 888


@dataclass(frozen=True)
class Architecture:
    """One architecture of an archive: the benchmark's number, its string, and values by column name."""

    number: int
    text: str
    values: Mapping[str, float]


def read_architecture(entry: Mapping[Any, Any], where: str) -> Architecture:
    """The numbers of an entry ``{budget: results}``.

    ``where`` names file and entry. ``DataError`` when a field is missing, the entry is of another space, or an accuracy
    lies outside 0..100.
    """
    values: dict[str, float] = {}
    identities = set()
    try:
        for budget in sorted(entry, key=EPOCHS.__getitem__):  # the costs of the longer training are the ones that stay
            results = as_mapping(entry[budget])
            identities.add((int(results["arch_index"]), str(results["arch_str"])))
            for network, seeds in results["dataset_seed"].items():
                values |= _read_network(results, str(network), list(seeds), EPOCHS[budget], where)
    except _ODD as error:
        raise DataError(
            f"{where}: not of the official structure ({type(error).__name__}: {error}); download the archive again"
        ) from error
    if len(identities) != 1:
        raise DataError(f"{where}: its budgets name different architectures; download the archive again")
    ((number, text),) = identities
    return Architecture(number, text, values)


def as_mapping(results: Any) -> Mapping[Any, Any]:
    """The attributes of a result: official files hold them as a dictionary, a trusted load may give the object."""
    mapping: Mapping[Any, Any] = results if isinstance(results, Mapping) else vars(results)
    return mapping


def _read_network(
    results: Mapping[Any, Any], network: str, seeds: list[int], epochs: int, where: str
) -> dict[str, float]:
    if network not in _NETWORKS:
        raise DataError(f"{where}: unknown image set '{network}' (known: {', '.join(_NETWORKS)})")
    if not 1 <= len(seeds) <= _MOST_SEEDS or len(set(seeds)) < len(seeds):
        raise DataError(f"{where}, {network}: the seeds {seeds[:20]} are not those of the benchmark")
    name, classes, splits = _NETWORKS[network]
    trainings = [as_mapping(results["all_results"][network, seed]) for seed in seeds]
    for training in trainings:
        _check_training(training, results["arch_str"], classes, epochs, f"{where}, {network}")
    values: dict[str, float] = {}
    for split, column in splits.items():
        found = {seed: _accuracy(training, split, epochs) for seed, training in zip(seeds, trainings, strict=True)}
        present = {seed: value for seed, value in found.items() if value is not None}
        for seed, value in present.items():
            if not 0 <= value <= 100:
                raise DataError(
                    f"{where}, {network} {split} after {epochs} epochs, seed {seed}: {value} is not an accuracy in "
                    "percent (0 to 100); the archive is damaged, download it again"
                )
            values[f"{column}_{epochs}_seed{int(seed)}"] = value
        if present:
            values[f"{column}_{epochs}"] = _mean(list(present.values()))
    return values | _costs(trainings, seeds, name, epochs)


def _check_training(training: Mapping[Any, Any], text: str, classes: int, epochs: int, where: str) -> None:
    about = training["arch_config"]
    found = (about["arch_str"], about["class_num"], training["epochs"])
    if found != (text, classes, epochs):
        raise DataError(
            f"{where}: a training of {found[0]} with {found[1]} classes and {found[2]} epochs where {text} with "
            f"{classes} classes and {epochs} epochs was expected; download the archive again"
        )


def _accuracy(training: Mapping[Any, Any], split: str, epochs: int) -> float | None:
    if split == "train":
        return float(training["train_acc1es"][epochs - 1])
    value = training["eval_acc1es"].get(f"{split}@{epochs - 1}")
    return None if value is None else float(value)


def _costs(trainings: Sequence[Mapping[Any, Any]], seeds: list[int], name: str, epochs: int) -> dict[str, float]:
    costs: dict[str, float] = {}
    for field, column in (("params", "parameters_millions"), ("flop", "flops_millions")):
        found = [float(training[field]) for training in trainings]
        if len({f"{value:.5f}" for value in found}) > 1 and _LEGACY_SEED in seeds:
            found = [found[seeds.index(_LEGACY_SEED)]]
        costs[f"{name}_{column}"] = _mean(found)
    latencies = [_mean([float(v) for v in training["latency"]]) for training in trainings if training["latency"]]
    latencies = [value for value in latencies if value > 0]
    if latencies:
        costs[f"{name}_latency_seconds"] = _mean(latencies)
    times = [training["train_times"] for training in trainings]
    if all(times):
        costs[f"{name}_{epochs}_training_seconds"] = _mean([float(sum(one.values())) for one in times])
    return costs


def _mean(values: list[float]) -> float:
    mean = sum(values) / len(values)
    if not math.isfinite(mean):
        raise ValueError(f"{mean} among its values")
    return mean
