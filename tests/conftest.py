"""Fixtures shared by all tests."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder with the real data (CIFAR-10, truth tables, published scores), or a skip that says why."""
    named = os.environ.get("NASBENCH_HARNESS_TEST_DATA")
    folder = Path(named) if named else Path(__file__).resolve().parents[2] / "shared" / "data"
    if not (folder / "nas-bench-201" / "accuracy.csv").exists():
        pytest.skip("real data not at hand: set NASBENCH_HARNESS_TEST_DATA to the folder that holds nas-bench-201/")
    return folder


@pytest.fixture(scope="session")
def fake() -> ModuleType:
    """The module ``fake_records.py`` beside this file; test folders are no packages, so it is loaded from its file."""
    spec = importlib.util.spec_from_file_location("fake_records", Path(__file__).with_name("fake_records.py"))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The cache folder that the environment names; it does not exist yet."""
    folder = tmp_path / "cache"
    monkeypatch.setenv("NASBENCH_HARNESS_DATA", str(folder))
    return folder


@pytest.fixture(autouse=True, scope="session")
def tests_are_importable_in_processes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Parts of test modules reach spawned processes by name; the checkout stays off the path, as tox wants it."""
    folder = tmp_path_factory.mktemp("importable")
    (folder / "tests").symlink_to(Path(__file__).resolve().parent, target_is_directory=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(folder)
        yield
