"""Fixtures shared by all tests."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

import pytest

if TYPE_CHECKING:  # torch is imported by the tests that need it
    from nasbench_harness.images import ImageSet
    from nasbench_harness.strategies import Context

# A user's own data, set for work in the same shell: what the tests find must not depend on it.
for variable in ("NASBENCH_HARNESS_IMAGES", "NASBENCH_HARNESS_TRUTH"):
    os.environ.pop(variable, None)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A test that trains on a small context is slow; others say so themselves by ``pytest.mark.slow``."""
    for item in items:
        if isinstance(item, pytest.Function) and "small_context" in item.fixturenames:
            item.add_marker(pytest.mark.slow)


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


@pytest.fixture(scope="session")
def digits() -> ImageSet:
    """The digits images, which need no download."""
    from nasbench_harness.images import ImageSpec, load_image_set

    return load_image_set(ImageSpec("digits"))


@pytest.fixture(scope="session")
def small_context(digits: ImageSet) -> Callable[..., Context]:
    """``small_context(steps)``: a new context on 100 digits; 4 channels, one cell a stage, 20 images a step.

    ``axes`` are its seed axes, ``kind`` is its class; other fields by name.
    """
    from nasbench_harness.images.batches import Augmentation, DeviceImages
    from nasbench_harness.space import Subspace
    from nasbench_harness.strategies import Context
    from nasbench_harness.supernet.network import NetworkShape
    from nasbench_harness.system.progress import Silent
    from nasbench_harness.training.budget import Budget
    from nasbench_harness.training.settings import TrainingSettings

    train, held_out = DeviceImages(digits, digits.train[:100]), DeviceImages(digits, digits.valid[:30])

    def make(
        steps: float, axes: tuple[object, ...] = ("some", 0), kind: type[Context] = Context, **others: Any
    ) -> Context:
        fields = {
            "space": Subspace.full(),
            "shape": NetworkShape(4, 1, 1, 10),
            "train_images": train,
            "training": TrainingSettings(batch_size=20, learning_rate=0.05, augmentation=Augmentation(False, 1)),
            "budget": Budget(int(steps * 20)),
            "seed_axes": axes,
            "progress": Silent(),
            "scoring_images": held_out,
            "scoring_batch": 30,
        }
        return kind(**(fields | others))

    return make


@pytest.fixture(scope="session")
def few_cells() -> Callable[[], AbstractContextManager[Any]]:
    """``with few_cells():`` units of this process score every sixth cell; the others count as having no path."""
    from nasbench_harness import pipeline
    from nasbench_harness.space import connected_live_cells

    some = connected_live_cells()[::6]
    return lambda: patch.object(pipeline, "connected_live_cells", lambda: some)


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
