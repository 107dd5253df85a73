"""Makes the fake records beside this folder available as the fixture ``fake``."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest


@pytest.fixture(scope="session")
def fake() -> ModuleType:
    """The module ``tests/fake_records.py``; test folders are no packages, so it is loaded from its file."""
    path = Path(__file__).parents[1] / "fake_records.py"
    spec = importlib.util.spec_from_file_location("fake_records", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
