"""Experiment descriptions: what they accept, what their identity depends on, and how they answer mistakes."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest

from nasbench_harness.errors import UsageError
from nasbench_harness.experiment import (
    Experiment,
    identity,
    load_experiment,
    load_experiments,
    preset_names,
    select_strategies,
    with_seeds,
)
from tests import tiny

TEXT = "seeds = [0, 1]\n" + tiny.SETTINGS + tiny.FEW + tiny.ONE

DEFAULTS = [
    "training.batch_size=64",
    "training.learning_rate=0.025",
    "training.learning_rate_end=0.001",
    "training.momentum=0.9",
    "training.nesterov=true",
    "training.weight_decay=0.0005",
    "training.flip=true",
    "training.crop_padding=0",
    "training.unsampled_weights=freeze",
    "training.crop_fill=mean",
    "training.last_batch=drop",
    "training.rate_changes=step",
    "images.normalisation=measured",
    "scoring.batch_norm=batch-statistics",
    "scoring.batch_size=512",
    "scoring.signal=accuracy",
    "strategies.few.sampler=uniform",
    "strategies.few.parent_fraction=0.0",
    "strategies.few.parent_fraction=0",
    "budget.epochs=3.0",
    'strategies.few.partitioner={name = "random"}',
    'strategies.few.partitioner={name = "random", leaves = 5}',
    'strategies.few.sampler={name = "uniform"}',
]
SETTINGS = [
    "images.name=cifar10",
    "images.size=4",
    "images.split_seed=1",
    "network.channels=5",
    "network.cells=2",
    "training.batch_size=32",
    "training.learning_rate=0.05",
    "training.learning_rate_end=0.0",
    "training.momentum=0.8",
    "training.nesterov=false",
    "training.weight_decay=0.0",
    "training.clip_norm=5.0",
    "training.flip=false",
    "training.crop_padding=1",
    "training.unsampled_weights=decay",
    "training.unsampled_weights=decay-only",
    "training.unsampled_weights=momentum-only",
    "training.crop_fill=black",
    "training.last_batch=keep",
    "training.rate_changes=epoch",
    "images.normalisation=published",
    "budget.epochs=4",
    "scoring.images=30",
    "scoring.batch_size=10",
    "scoring.signal=negative_loss",
    "truth.policy=digits_test_30_halfA",
    "strategies.few.partitioner=single-edge",
    'strategies.few.partitioner={name = "random", leaves = 4}',
    "strategies.few.sampler=balanced",
    "strategies.few.channels=5",
    "strategies.few.parent_fraction=0.5",
    "strategies.few.kind=one-shot",
]
NEUTRAL = ["description=other words", "seeds=[3, 0]", "strategies.one.sampler=balanced", "strategies.one.channels=9"]


@pytest.fixture
def source(tmp_path: Path) -> str:
    path = tmp_path / "tiny.toml"
    path.write_text(TEXT)
    return str(path)


def changed(source: str, override: str) -> Experiment:
    """The experiment with one override; a kind of strategy without a partition loses that option."""
    if override == "strategies.few.kind=one-shot":
        path = Path(source).with_name("other.toml")
        path.write_text(TEXT.replace('kind = "few-shot"\npartitioner = "random"', 'kind = "one-shot"'))
        return load_experiment(str(path))
    return load_experiment(source, [override])


def identity_of(experiment: Experiment, strategy: str = "few", seed: int = 0) -> str:
    return identity(experiment.unit(strategy, seed))


def test_training_may_be_left_out_whole(source: str, tmp_path: Path) -> None:
    """Each of its settings has a default, and spelling defaults out changes no identity."""
    assert "[training]\n" in TEXT
    bare = tmp_path / "bare.toml"
    bare.write_text(TEXT.replace("[training]\n", ""))
    assert load_experiment(str(bare)) == load_experiment(source)
    assert identity_of(load_experiment(str(bare))) == identity_of(load_experiment(source))


@pytest.mark.parametrize("name", preset_names())
def test_presets_load(name: str) -> None:
    units = []
    for experiment in load_experiments(name).values():  # one, or the points of a grid
        assert experiment.name == name
        assert experiment.description
        assert all(section.create() for section in experiment.strategies.values())
        units += [identity_of(experiment, strategy) for strategy in experiment.strategies]
    assert len(units) >= 2
    assert len(set(units)) == len(units)


def test_a_preset_that_is_gone_names_the_one_in_its_place() -> None:
    assert {"quickstart", "cifar10-fast"} <= set(preset_names())
    with pytest.raises(UsageError, match=r"the preset cifar10-cpu is gone: .*; take cifar10-fast") as raised:
        load_experiment("cifar10-cpu", ["budget.epochs=2"])
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("default", DEFAULTS)
def test_spelling_a_default_out_changes_nothing(source: str, default: str) -> None:
    assert identity_of(load_experiment(source, [default])) == identity_of(load_experiment(source))


def test_none_takes_away_what_is_set(source: str, tmp_path: Path) -> None:
    """On the command line and in a file; a word stays a word where words are expected."""
    plain = load_experiment(source)
    clipped = tmp_path / "clipped.toml"
    clipped.write_text(TEXT.replace("[training]\n", "[training]\nclip_norm = 5.0\n"))
    assert identity_of(load_experiment(str(clipped))) != identity_of(plain)
    assert load_experiment(str(clipped), ["training.clip_norm=none"]) == plain
    clipped.write_text(TEXT.replace("[training]\n", '[training]\nclip_norm = "none"\n'))
    assert load_experiment(str(clipped)) == plain
    with pytest.raises(UsageError, match=r"learning_rate: Input should be a valid number.*found 'none'"):
        load_experiment(source, ["training.learning_rate=none"])
    assert load_experiment(source, ["description=none"]).description == "none"


@pytest.mark.parametrize("setting", SETTINGS)
def test_every_setting_that_matters_changes_the_identity(source: str, setting: str) -> None:
    assert identity_of(changed(source, setting)) != identity_of(load_experiment(source))


def test_settings_among_each_other_have_different_identities(source: str) -> None:
    assert len({identity_of(changed(source, setting)) for setting in SETTINGS}) == len(SETTINGS)


@pytest.mark.parametrize("setting", NEUTRAL)
def test_what_does_not_touch_the_unit_keeps_its_identity(source: str, setting: str) -> None:
    assert identity_of(load_experiment(source, [setting])) == identity_of(load_experiment(source))


def test_identity_depends_on_seed_and_strategy_but_not_on_their_order(source: str, tmp_path: Path) -> None:
    experiment = load_experiment(source)
    assert len({identity_of(experiment, s, seed) for s in ("few", "one") for seed in (0, 1)}) == 4
    blocks = TEXT.strip().split("\n[")
    other = tmp_path / "reordered.toml"
    other.write_text("\n[".join([blocks[0], *reversed(blocks[1:])]) + "\n")
    assert list(load_experiment(str(other)).strategies) == ["one", "few"]
    assert identity_of(load_experiment(str(other))) == identity_of(experiment)


def test_a_budget_is_passes_over_the_images_or_a_number(source: str) -> None:
    assert load_experiment(source).budget.updates(600) == 1800
    assert load_experiment(source, ["budget.epochs=0.5"]).budget.updates(601) == 300
    text = Path(source).read_text().replace("epochs = 3", "architecture_updates = 777")
    Path(source).write_text(text)
    assert load_experiment(source).budget.updates(600) == 777


def test_overrides_take_toml_values_and_bare_words(source: str) -> None:
    experiment = load_experiment(
        source, ["training.flip=false", "budget.epochs=2.5", "scoring.signal=negative_loss", "seeds=[4]"]
    )
    assert experiment.training.flip is False
    assert experiment.budget.epochs == 2.5
    assert experiment.scoring.signal == "negative_loss"
    assert experiment.seeds == (4,)


def test_strategies_are_selected_by_name_in_the_order_asked(source: str) -> None:
    experiment = load_experiment(source)
    assert list(select_strategies(experiment, ["one"]).strategies) == ["one"]
    assert list(select_strategies(experiment, ["one", "few"]).strategies) == ["one", "few"]
    assert select_strategies(experiment, []) == select_strategies(experiment, ["all"]) == experiment
    with pytest.raises(UsageError, match="experiment 'tiny' has no strategy 'fewer'; did you mean few"):
        select_strategies(experiment, ["one", "fewer"])


def test_seeds_are_whole_numbers_once_each(source: str) -> None:
    experiment = load_experiment(source)
    assert with_seeds(experiment, []).seeds == (0, 1)
    assert with_seeds(experiment, ["5", "2", "5"]).seeds == (5, 2)
    assert with_seeds(experiment, ["7", "0..3", "2..2"]).seeds == (7, 0, 1, 2, 3)
    for wrong in (["-1"], ["1.5"], ["one"], [""], ["1", " 2"]):
        with pytest.raises(UsageError, match="whole numbers from 0") as raised:
            with_seeds(experiment, wrong)
        assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("training.learing_rate=1", r"unknown setting 'training\.learing_rate'; did you mean learning_rate"),
        ("netwrk.channels=4", "unknown setting 'netwrk'; did you mean network"),
        ("strategies.few.leaves=4", r"strategies\.few: strategy 'few-shot' has no option 'leaves'"),
        ("strategies.few.kind=some-shot", r"strategies\.few: unknown strategy 'some-shot'; did you mean"),
        ("strategies.few.partitioner=rand", r"strategies\.few: unknown partitioner 'rand'; did you mean random"),
        ("strategies.few.partitioner={name = 5}", r"strategies\.few"),
        ("strategies.new.sampler=uniform", r"strategies\.new\.kind: Field required"),
        ("budget.architecture_updates=5", "budget: give either epochs or architecture_updates"),
        ("budget.epochs=0", r"budget\.epochs: .*greater than 0, found 0"),
        ("budget.epochs=inf", r"budget\.epochs"),
        ("network.channels=0", r"network\.channels: .*, found 0"),
        ("network.channels=many", r"network\.channels: .*integer.*, found 'many'"),
        ("scoring.batch_norm=running", r"scoring\.batch_norm: .*batch-statistics.*, found 'running'"),
        ("training.learning_rate=nan", r"training\.learning_rate: .*, found nan"),
        ("training.learning_rate=inf", r"training\.learning_rate"),
        ("training.momentum=0", "nesterov"),
        ("training.batch_size=1", r"training\.batch_size: .*, found 1"),
        ("images.name=mnist", r"images\.name: .*'cifar10' or 'digits', found 'mnist'"),
        ("scoring.signal=loss", r"scoring\.signal 'loss' is none of strategy"),
        ("seeds=[]", "at least one strategy and one seed"),
        ("seeds=[-1]", "seeds"),
        ("name=Bad Name", "name: .*pattern"),
        ("budget.epochs", "'budget.epochs' is not of the form section.key=value"),
        ("=3", "is not of the form"),
        ("name.first=3", "'name' is a value, not a section"),
        ("training=fast", "training: .*, found 'fast'"),
    ],
)
def test_wrong_settings_are_one_line(source: str, override: str, said: str) -> None:
    with pytest.raises(UsageError, match=said) as raised:
        load_experiment(source, [override])
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("name = ", "is not valid TOML"),
        ("name = 'tiny'", "images: Field required"),
        (TEXT.replace("epochs = 3", ""), "budget: give either epochs or architecture_updates"),
        (TEXT[: TEXT.index("[strategies.few]")], "strategies: Field required"),
        (TEXT[: TEXT.index("[strategies.few]")] + "[strategies]", "at least one strategy"),
        (TEXT.encode().replace(b"tiny", b"\xff\xfe"), "TOML|UTF-8|text"),
    ],
)
def test_wrong_files_are_one_line(tmp_path: Path, content: str | bytes, said: str) -> None:
    path = tmp_path / "wrong.toml"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(UsageError, match=said) as raised:
        load_experiment(str(path))
    assert "\n" not in str(raised.value)
    assert "wrong.toml" in str(raised.value)


def test_unknown_sources() -> None:
    with pytest.raises(UsageError, match="unknown preset 'quikstart'; did you mean quickstart"):
        load_experiment("quikstart")
    with pytest.raises(UsageError, match=r"no experiment file absent\.toml; .*quickstart"):
        load_experiment("absent.toml")


def test_a_seed_that_is_given_twice_is_one_unit(source: str) -> None:
    assert load_experiment(source, ["seeds=[2, 2, 0]"]).seeds == (2, 0)


def test_the_description_of_a_unit_is_plain_json(source: str) -> None:
    description: dict[str, Any] = load_experiment(source).unit("few", 1)
    assert description["seed"] == 1
    assert description["strategy"]["name"] == "few"
    assert description["strategy"]["kind"] == "few-shot"
    assert set(tomllib.loads(TEXT)) - set(description) == {"seeds", "strategies"}


def test_native_budgets_are_multiples_of_the_one_shot_length(source: str) -> None:
    """Few-shot NAS trains 600 + 5 x 300 epochs where its one-shot baseline trains 600."""
    equal = load_experiment(source, ["strategies.few.partitioner=single-edge", "budget.epochs=2"])
    native = load_experiment(
        source, ["strategies.few.partitioner=single-edge", "budget.epochs=2", "budget.rule=native"]
    )
    assert equal.updates("few", 1000) == 2000
    assert native.updates("few", 1000) == 7000
    assert native.unit("few", 0)["budget"] != equal.unit("few", 0)["budget"]
