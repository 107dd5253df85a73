"""tox tests the wheel it built, not the folder it was started in."""

from __future__ import annotations

import importlib.metadata
import os
import subprocess
import sys
from pathlib import Path

import pytest

import nasbench_harness
from nasbench_harness.system.commit import source_commit

CHECKOUT = Path(__file__).resolve().parents[1]


def test_the_tested_package_is_the_one_the_environment_promises():
    """In tox both this process and its children use site-packages; outside it any copy will do, but only one."""
    here = Path(nasbench_harness.__file__).resolve()
    program = "import nasbench_harness; print(nasbench_harness.__file__)"
    child = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=CHECKOUT)
    assert Path(child.stdout.strip()).resolve() == here
    if os.environ.get("NASBENCH_HARNESS_EXPECT_INSTALLED") == "1":
        assert "site-packages" in here.parts
        assert CHECKOUT / "nasbench_harness" not in here.parents
        assert importlib.metadata.version("nasbench-harness") == nasbench_harness.__version__


@pytest.mark.skipif(
    os.environ.get("NASBENCH_HARNESS_EXPECT_INSTALLED") != "1" or not (CHECKOUT / ".git").exists(),
    reason="needs a wheel that was built in a checkout",
)
def test_an_installed_package_names_its_commit() -> None:
    head = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True, check=True, cwd=CHECKOUT)
    assert (source_commit() or "").removesuffix("+changed") == head.stdout.strip()


def test_data_files_travel_with_the_package():
    folder = Path(nasbench_harness.__file__).parent
    assert (folder / "py.typed").is_file()
    assert list((folder / "experiment" / "presets").glob("*.toml"))
    assert list((folder / "truth").glob("*.npz"))
    assert {path.suffix for path in (folder / "report" / "page" / "assets").iterdir()} == {".css", ".html", ".js"}
