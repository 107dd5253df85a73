"""A run folder holds one protocol, and the whole experiment beside its records."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from nasbench_harness.errors import UsageError
from nasbench_harness.experiment import Experiment, load_experiment, select_strategies, with_seeds
from nasbench_harness.experiment.folder import DESCRIPTION_FILE, check_others, read_description, write_description
from nasbench_harness.partitioners import partitioners
from nasbench_harness.records import read_record, unit_dir, write_record
from nasbench_harness.records.digests import without_digest
from tests import tiny

PART = '''
from dataclasses import dataclass
from nasbench_harness.partitioners import Partitioner, partitioners

@partitioners.register("folder-{name}")
@dataclass(frozen=True)
class Mine(Partitioner):
    """{words}."""
    parts: int = 1

    def split(self, subspace, probe, rng):
        return [subspace]
'''
TEXT = (
    'plugins = ["mine.py", "yours.py"]\n'
    + tiny.SETTINGS
    + tiny.ONE.replace("one", "control", 1)
    + tiny.FEW.replace("few", "mine", 1).replace("random", "folder-mine")
    + tiny.FEW.replace("few", "mine2", 1).replace('"random"', '{name = "folder-mine", parts = 2}')
    + tiny.FEW.replace("few", "yours", 1).replace("random", "folder-yours")
)

Load = Callable[..., Experiment]


@pytest.fixture
def load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Load:
    """The experiment with the named strategies (all), after both files were written; ``words`` are those of mine."""
    for name in ("_members", "_origins"):  # what a test registers is gone after it
        monkeypatch.setattr(partitioners, name, dict(getattr(partitioners, name)))

    def loaded(strategies: str = "all", words: str = "First", overrides: tuple[str, ...] = ()) -> Experiment:
        (tmp_path / "mine.py").write_text(PART.format(name="mine", words=words))
        (tmp_path / "yours.py").write_text(PART.format(name="yours", words="Theirs"))
        (tmp_path / "tiny.toml").write_text(TEXT)
        return select_strategies(load_experiment(str(tmp_path / "tiny.toml"), overrides), strategies.split(","))

    return loaded


@pytest.fixture
def out(tmp_path: Path) -> Path:
    (tmp_path / "out").mkdir()
    return tmp_path / "out"


def done(fake: ModuleType, experiment: Experiment, out: Path) -> None:
    """What a run leaves behind."""
    asked = [(name, seed) for name in experiment.strategies for seed in experiment.seeds]
    check_others(experiment, out, asked)
    write_description(experiment, out)
    for name, seed in asked:
        described: dict[str, Any] = {**experiment.unit(name, seed), "data": {"device": "cpu"}}
        record = fake.make_record(name, seed, experiment=described, experiment_name=experiment.name)
        write_record(out, record, fake.make_scores(record))


def described(out: Path) -> dict[str, Any]:
    return without_digest(json.loads((out / DESCRIPTION_FILE).read_text()))


def test_only_units_that_use_a_file_depend_on_it(load: Load) -> None:
    first = load()
    before = {name: first.unit(name, 0) for name in first.strategies}
    edited = load(words="Second")
    changed = [name for name in edited.strategies if edited.unit(name, 0) != before[name]]
    assert changed == ["mine", "mine2"]
    assert "plugins" not in before["control"]
    [mine, yours] = first.plugins
    assert before["mine"]["plugins"] == before["mine2"]["plugins"] == [mine.sha256]
    assert before["yours"]["plugins"] == [yours.sha256]


def test_a_file_that_registers_nothing_may_change_anything(load: Load, tmp_path: Path) -> None:
    load()
    (tmp_path / "patch.py").write_text("import torch\n")
    experiment = load(overrides=(f'plugins=["{tmp_path}/patch.py"]', "strategies.mine.partitioner=random"))
    [patch] = experiment.plugins
    assert experiment.unit("control", 0)["plugins"] == [patch.sha256]


def test_an_edited_file_is_not_accepted_beside_results_of_the_old_one(load: Load, fake: ModuleType, out: Path) -> None:
    done(fake, load("control,mine"), out)
    before = (out / DESCRIPTION_FILE).read_bytes()
    said = r"out/mine: seed 0 is stored under another protocol \(plugins: mine\.py has changed since\); choose another"
    with pytest.raises(UsageError, match=said) as raised:
        done(fake, load("mine2", words="Second"), out)
    assert "--strategies ...,mine --replace" in str(raised.value)
    assert "\n" not in str(raised.value)
    assert (out / DESCRIPTION_FILE).read_bytes() == before
    assert not unit_dir(out, "mine2", 0).exists()
    done(fake, load("mine,mine2", words="Second"), out)  # replaced: the control stays valid
    assert list(described(out)["strategies"]) == ["control", "mine", "mine2"]
    done(fake, load("yours", words="Second"), out)


def test_an_edit_is_noticed_without_a_description_too(load: Load, fake: ModuleType, out: Path) -> None:
    done(fake, load("mine"), out)
    for text in ("{", "[]", json.dumps(load("mine2", words="Second").model_dump(mode="json"))):
        (out / DESCRIPTION_FILE).write_text(text)
        with pytest.raises(UsageError, match=r"out/mine: .*has changed since"):
            done(fake, load("mine2", words="Second"), out)


def test_files_of_others_may_come_and_go(load: Load, fake: ModuleType, out: Path, tmp_path: Path) -> None:
    done(fake, load("mine"), out)
    experiment = load("yours", overrides=(f'plugins=["{tmp_path}/yours.py"]', "strategies.mine.partitioner=random"))
    done(fake, select_strategies(experiment, ["yours"]), out)
    assert [plugin["name"] for plugin in described(out)["plugins"]] == ["mine.py", "yours.py"]


@pytest.mark.parametrize("override", ["scoring.images=10", "training.momentum=0.5", "truth.policy=digits_valid_5"])
def test_settings_that_all_share_are_those_of_the_folder(
    override: str, load: Load, fake: ModuleType, out: Path
) -> None:
    done(fake, load("control"), out)
    setting = override.partition("=")[0].replace(".", r"\.")
    with pytest.raises(UsageError, match=rf"out/control: seed 0 is stored under another protocol \({setting}: "):
        done(fake, load("yours", overrides=(override,)), out)
    done(fake, load("control", overrides=(override,)), out)  # replaced
    assert list(described(out)["strategies"]) == ["control"]
    done(fake, load("yours", overrides=(override,)), out)


def test_the_description_keeps_the_whole_experiment(load: Load, fake: ModuleType, out: Path) -> None:
    whole = load()
    done(fake, whole, out)
    done(fake, with_seeds(load("yours"), ["2"]), out)
    found = described(out)
    expected = whole.model_dump(mode="json")
    assert found == {**expected, "seeds": [0, 2]}
    assert list(found["strategies"]) == list(expected["strategies"])
    assert read_record(out, "yours", 2) is not None


def test_a_description_that_was_changed_is_named_and_written_anew(
    load: Load, fake: ModuleType, out: Path, caplog: pytest.LogCaptureFixture
) -> None:
    done(fake, load("control"), out)
    text = (out / DESCRIPTION_FILE).read_text()
    (out / DESCRIPTION_FILE).write_text(text.replace('"control"', '"another"'))
    assert read_description(out) == {}
    done(fake, load("yours"), out)
    assert list(described(out)["strategies"]) == ["yours"]
    assert [record.getMessage() for record in caplog.records] == [
        f"{out / DESCRIPTION_FILE} cannot be used (its content is not what was written (its digest is another)); "
        "the next run in the folder writes it anew"
    ] * 2


def test_a_description_of_an_older_version_is_kept_too(load: Load, fake: ModuleType, out: Path) -> None:
    """Settings that it did not have yet were what the defaults are now."""
    done(fake, load("control"), out)
    old = described(out)
    del old["images"]["normalisation"], old["training"]["crop_fill"]
    (out / DESCRIPTION_FILE).write_text(json.dumps(old))
    done(fake, load("yours"), out)
    assert list(described(out)["strategies"]) == ["control", "yours"]
