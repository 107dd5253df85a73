"""Parts from single files and from other distributions: found when asked for, and harmless when they are broken."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nasbench_harness.catalogue import families, parts_of_file
from nasbench_harness.errors import UsageError
from nasbench_harness.experiment import identity, load_experiment
from nasbench_harness.partitioners import partitioners
from nasbench_harness.plugins import load_file
from nasbench_harness.registry import Registry
from nasbench_harness.space import Subspace
from tests import tiny

PART = '''
from dataclasses import dataclass
from nasbench_harness.partitioners import Partitioner, partitioners

@partitioners.register("{name}")
@dataclass(frozen=True)
class Mine(Partitioner):
    """{summary}"""
    parts: int = {parts}

    def split(self, subspace, probe, rng):
        return [subspace]
'''
EXPERIMENT = 'plugins = ["{file}"]\n' + tiny.SETTINGS + tiny.FEW.replace("random", "{name}")


@pytest.fixture
def written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    """Writes a part of a unique name; what it registers is gone after the test."""
    for members in ("_members", "_origins"):
        monkeypatch.setattr(partitioners, members, dict(getattr(partitioners, members)))

    def write(name: str, summary: str = "Mine.", parts: int = 1, file: str = "mine.py") -> Path:
        path = tmp_path / file
        path.write_text(PART.format(name=name, summary=summary, parts=parts))
        return path

    return write


def test_a_file_registers_its_parts_once(written: Callable[..., Path]) -> None:
    path = written("of-a-file")
    assert "of-a-file" not in partitioners
    loaded = load_file(path)
    first = partitioners["of-a-file"]
    assert load_file(path) == loaded
    assert partitioners["of-a-file"] is first
    assert [(family.family, name) for family, name in parts_of_file(path)] == [("partitioner", "of-a-file")]
    assert partitioners.origin("of-a-file") == str(path)
    assert partitioners.origin("random") == ""
    assert pickle.loads(pickle.dumps(partitioners.build("of-a-file"))) == first()


def test_a_changed_file_replaces_its_parts(written: Callable[..., Path]) -> None:
    before = load_file(written("of-a-file"))
    after = load_file(written("of-a-file", parts=7))
    assert partitioners.canonical("of-a-file") == {"name": "of-a-file", "parts": 7}
    assert before.path == after.path
    assert before.sha256 != after.sha256
    with pytest.raises(UsageError, match="has changed since"):
        load_file(after.path, before.sha256)


def test_two_files_of_one_name_are_two_modules(written: Callable[..., Path], tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    load_file(written("here"))
    load_file(written("there", file="other/mine.py"))
    assert partitioners["here"].__module__ != partitioners["there"].__module__


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("import nothing_of_this_name", "line 1: ModuleNotFoundError: No module named 'nothing_of_this_name'"),
        ("x = 1\nraise ValueError('two\\nlines')", "line 2: ValueError: two lines"),
        ("x = 1\nclass", "line 2: invalid syntax"),
        ("raise SystemExit(3)", "line 1: SystemExit: 3"),
        (PART.format(name="random", summary="Mine.", parts=1), "'random' is one of the harness and cannot be replaced"),
        (PART.format(name="of-another", summary="Mine.", parts=1), "'of-another' is registered twice"),
    ],
)
def test_a_file_that_cannot_be_used_is_one_line(
    text: str, said: str, written: Callable[..., Path], tmp_path: Path
) -> None:
    load_file(written("of-another", file="another.py"))
    path = tmp_path / "broken.py"
    path.write_text(text)
    built_in = partitioners["random"]
    with pytest.raises(UsageError) as raised:
        load_file(path)
    assert said in str(raised.value)
    assert "broken.py" in str(raised.value)
    assert "\n" not in str(raised.value)
    assert partitioners["random"] is built_in


def test_a_file_that_is_not_there() -> None:
    with pytest.raises(UsageError, match=r"no plug-in file .*absent\.py: No such file"):
        load_file(Path("absent.py"))


def test_an_experiment_loads_its_files_and_their_digest_enters_the_identity(
    written: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path.parent)  # files are named relative to the experiment, not to the working folder
    source = tmp_path / "tiny.toml"
    source.write_text(EXPERIMENT.format(file="mine.py", name="of-a-file"))
    written("of-a-file")
    one = load_experiment(str(source))
    assert one.strategies["few"].create().canonical()["partitioner"] == {"name": "of-a-file", "parts": 1}
    written("of-a-file", summary="Other words, same options.")
    other = load_experiment(str(source))
    assert identity(one.unit("few", 0)) != identity(other.unit("few", 0))
    assert str(tmp_path) not in str(other.unit("few", 0)) + str(other.model_dump(mode="json"))
    assert "plugins" not in load_experiment("quickstart").unit("one-shot-uniform", 0)


@pytest.mark.parametrize(
    ("file", "said"), [("absent.py", "tiny.toml: no plug-in file"), ("bad.py", r"tiny.toml: plug-in .*bad\.py cannot")]
)
def test_an_experiment_names_a_file_that_cannot_be_used(file: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "bad.py").write_text("1 / 0")
    source = tmp_path / "tiny.toml"
    source.write_text(EXPERIMENT.format(file=file, name="random"))
    with pytest.raises(UsageError, match=said):
        load_experiment(str(source))
    source.write_text(EXPERIMENT.format(file=file, name="random").replace(f'["{file}"]', '"mine.py"'))
    with pytest.raises(UsageError, match="plugins"):
        load_experiment(str(source))


def test_a_worker_process_that_receives_an_experiment_has_its_parts(
    written: Callable[..., Path], tmp_path: Path
) -> None:
    written("of-a-file", parts=3)
    source = tmp_path / "tiny.toml"
    source.write_text(EXPERIMENT.format(file="mine.py", name="of-a-file"))
    data = pickle.dumps(load_experiment(str(source)))
    program = (
        "import pickle, sys; experiment = pickle.load(sys.stdin.buffer); "
        "print(experiment.strategies['few'].create().canonical()['partitioner'])"
    )
    done = subprocess.run([sys.executable, "-c", program], input=data, capture_output=True, check=True)
    assert done.stdout.decode().strip() == "{'name': 'of-a-file', 'parts': 3}"


@dataclass(frozen=True)
class BuiltIn:
    """A part of the family under test."""


@pytest.fixture
def distribution(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Installs a distribution of one module whose entry points are given as ``name -> value``."""

    def install(text: str, group: str = "nasbench_harness.partitioners", name: str = "shared", **points: str) -> None:
        folder = tmp_path / f"site-{name}"
        info = folder / f"{name}_parts-1.2.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}-parts\nVersion: 1.2\n")
        lines = [f"{point.replace('_', '-')} = {value}" for point, value in points.items()]
        (info / "entry_points.txt").write_text("\n".join([f"[{group}]", *lines]) + "\n")
        (folder / f"{name}_parts.py").write_text(text)
        monkeypatch.syspath_prepend(str(folder))
        monkeypatch.delitem(sys.modules, f"{name}_parts", raising=False)

    return install


@pytest.fixture
def family() -> Registry[Any]:
    registry: Registry[Any] = Registry("partitioner")
    registry.register("built-in")(BuiltIn)
    registry._origins["built-in"] = ""
    return registry


PLAIN = PART.replace('@partitioners.register("{name}")\n', "").format(summary="From elsewhere.", parts=2)


def test_a_part_of_another_distribution_is_found_when_it_is_asked_for(
    distribution: Callable[..., None], family: Registry[Any]
) -> None:
    distribution(PLAIN, theirs="shared_parts:Mine")
    assert family.build("built-in") == BuiltIn()
    assert "shared_parts" not in sys.modules
    assert family.build({"name": "theirs", "parts": 5}).parts == 5
    assert list(family) == ["built-in", "theirs"]
    assert family.described("theirs") == {"summary": "From elsewhere.", "source": "", "status": ""}
    assert family.canonical("theirs") == {"name": "theirs", "parts": 2, "distribution": "shared-parts 1.2"}
    assert family.broken == []


def test_a_module_may_register_its_parts_itself(distribution: Callable[..., None]) -> None:
    registry: Registry[Any] = Registry("sampler")
    distribution(
        "from dataclasses import dataclass\nimport here\n"
        "@here.registry.register('theirs')\n@dataclass(frozen=True)\nclass Mine:\n    '''Mine.'''\n",
        group="nasbench_harness.samplers",
        theirs="shared_parts",
    )
    here: Any = type(sys)("here")
    here.registry = registry
    sys.modules["here"] = here
    try:
        assert list(registry) == ["theirs"]
    finally:
        del sys.modules["here"]


@pytest.mark.parametrize(
    ("text", "value", "cause"),
    [
        ("import nothing_of_this_name", "shared_parts:Mine", "ModuleNotFoundError: No module named 'nothing_of_this"),
        ("raise SystemExit('no\\nway')", "shared_parts:Mine", "SystemExit: no way"),
        (PLAIN, "shared_parts:Yours", "AttributeError: .*'Yours'"),
        (PLAIN, "shared_parts", "shared_parts does not register it"),
        ("class Mine: pass", "shared_parts:Mine", "not a dataclass"),
    ],
)
def test_a_broken_distribution_is_named_with_the_cause_and_does_no_harm(
    text: str, value: str, cause: str, distribution: Callable[..., None], family: Registry[Any]
) -> None:
    distribution(text, theirs=value)
    assert list(family) == ["built-in"]
    [line] = family.broken
    with pytest.raises(
        UsageError, match=rf"partitioner 'theirs' of shared-parts 1\.2 cannot be used \(.*{cause}"
    ) as one:
        family.build("theirs")
    assert str(one.value) == line
    assert "\n" not in line
    with pytest.raises(UsageError, match="did you mean built-in"):
        family.build("bult-in")


def test_a_distribution_cannot_take_the_name_of_a_built_in_or_of_another(
    distribution: Callable[..., None], family: Registry[Any]
) -> None:
    distribution(PLAIN, built_in="shared_parts:Mine", theirs="shared_parts:Mine")
    distribution(PLAIN, name="second", theirs="second_parts:Mine")
    assert list(family) == ["built-in", "theirs"]
    assert family["built-in"] is BuiltIn
    assert len(family.broken) == 2
    assert any("the name is taken by the harness" in line for line in family.broken)
    assert any("the name is taken by" in line and "_parts" not in line for line in family.broken)


def test_the_command_line_lists_what_is_installed_and_tells_of_what_is_broken(
    distribution: Callable[..., None], tmp_path: Path
) -> None:
    distribution(PLAIN, theirs="shared_parts:Mine", broken="shared_parts:Yours")
    done = subprocess.run(
        [sys.executable, "-m", "nasbench_harness", "ls", "partitioners"],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": str(tmp_path / "site-shared")},
    )
    assert "theirs" in done.stdout
    assert "random" in done.stdout
    assert done.stderr.count("\n") == 1
    assert "partitioner 'broken' of shared-parts 1.2 cannot be used" in done.stderr


def test_families_are_those_that_can_be_extended() -> None:
    assert list(families()) == ["strategies", "partitioners", "samplers", "predictors"]
    assert all(family.plural == plural for plural, family in families().items())
    leaves = partitioners.build("none").split(Subspace.full(), None, np.random.default_rng(0))
    assert len(leaves) == 1
