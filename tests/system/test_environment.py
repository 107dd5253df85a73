"""The environment record names no person or folder, and of the machine its own name alone."""

from __future__ import annotations

import getpass
import json
import platform
from pathlib import Path

import numpy as np
import pytest
import torch

import nasbench_harness
from nasbench_harness.system.engine_version import ENGINE, digest_of, engine_version
from nasbench_harness.system.environment import command_of, environment_record


def test_the_record_is_json_and_names_what_matters():
    record = environment_record()
    assert json.loads(json.dumps(record, allow_nan=False)) == record
    assert record["package"] == nasbench_harness.__version__
    assert record["python"] == platform.python_version()
    assert record["numpy"] == np.__version__
    assert record["node"] == platform.node().partition(".")[0]
    assert record["device"] == "cpu"
    assert record["device_name"] == record["processor"]
    assert record["cores"] >= 1
    assert record["threads"] >= 1
    assert record["kernels"].endswith("images a vector") or record["kernels"].startswith("none: ")
    assert record["lanes"] is None or record["kernels"].endswith(f", {record['lanes']} images a vector")
    assert record["vectors"] == torch.backends.cpu.get_cpu_capability()
    assert record["dirty"] is (None if record["commit"] is None else record["commit"].endswith("+changed"))
    assert record["engine"] == engine_version()
    assert record["command"] is None  # these tests are no command of the harness


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        ("run quickstart --threads 1", "run quickstart --threads 1"),
        ("run mine/few.toml --images /home/alice/cifar", "run few.toml --images DIR"),
        ("run a.toml --shard 1/8 --out /home/alice/runs", "run a.toml --shard 1/8 --out DIR"),
        ("run a.toml --truth=/data/accuracy.csv --out results/a", "run a.toml --truth=accuracy.csv --out DIR"),
        ("run digits training.learning_rate=0.05", "run digits training.learning_rate=0.05"),
    ],
)
def test_a_command_is_told_without_its_folders(typed, told):
    assert command_of(["/home/alice/bin/nasbench-harness", *typed.split()]) == f"nasbench-harness {told}"
    assert command_of(["/lib/nasbench_harness/__main__.py", *typed.split()]) == f"nasbench-harness {told}"
    assert command_of(["/usr/bin/pytest", *typed.split()]) is None
    assert command_of([]) is None


@pytest.fixture
def package(tmp_path):
    """A package with a file in each part of the engine."""
    for name in ENGINE:
        path = tmp_path / name if name.endswith(".py") else tmp_path / name / "part.py"
        path.parent.mkdir(exist_ok=True)
        path.write_text(
            '"""A module."""\n\nRATE = 1\n"""A rate."""\n\n\ndef half(x):\n    """x / 2"""\n    return x / 2\n'
        )
    (tmp_path / "native" / "kernel.c").write_text("int one;")
    (tmp_path / "report").mkdir()
    (tmp_path / "report" / "cells.py").write_text("WIDTH = 3\n")
    return tmp_path


def test_the_engine_has_a_name_that_words_and_layout_do_not_change(package):
    before = digest_of(package)
    assert len(before) == 12
    (package / "report" / "cells.py").write_text("WIDTH = 4\n")
    (package / "training" / "part.py").write_text("RATE = (1)  # a comment\ndef half(x):\n  return x/2\n")
    assert digest_of(package) == before


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("training/part.py", "RATE = 2\ndef half(x):\n    return x / 2\n"),
        ("training/part.py", "RATE = 1\ndef half(x):\n    return 2 / x\n"),
        ("training/part.py", "RATE = 1\ndef half(y):\n    return y / 2\nRATE"),
        ("native/kernel.c", "int two;"),
        ("seeding.py", ""),
        ("strategies/new.py", "RATE = 1"),
    ],
)
def test_other_code_gives_the_engine_another_name(package, file, text):
    before = digest_of(package)
    (package / file).write_text(text)
    assert digest_of(package) != before


def test_the_record_betrays_no_person_or_folder_and_names_the_machine_once():
    record = environment_record("cpu")
    record.pop("node")
    text = json.dumps(record)
    assert str(Path.cwd()) not in text
    assert str(Path(nasbench_harness.__file__).parents[1]) not in text
    assert platform.node() not in text
    if len(getpass.getuser()) > 3:
        assert getpass.getuser() not in text.split('"')
