"""What ``doctor`` looks at on this machine, for the eyes of the person at the terminal: every check answers."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import re
import shutil
import sys
import tempfile
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from nasbench_harness.errors import HarnessError
from nasbench_harness.system.environment import installed_version, usable_cores
from nasbench_harness.system.variables import IMAGES_VARIABLE, TRUTH_VARIABLE

if TYPE_CHECKING:
    from rich.console import Console

PACKAGE = "nasbench-harness"


@dataclass(frozen=True)
class Check:
    """One line of ``doctor``: what was looked at, how it stands, and what to do when it is not ``ok``."""

    name: str
    status: Literal["ok", "warn", "fail"]
    found: str
    remedy: str = ""

    def to_json(self) -> dict[str, str]:
        """Plain JSON values."""
        return asdict(self)


def examine() -> list[Check]:
    """Look at everything a run needs. Never raises: a check that breaks is a check that fails."""
    checks: list[tuple[str, Callable[[], Check]]] = [
        ("python", _check_python),
        ("torch", _check_torch),
        ("devices", _check_devices),
        ("kernels", _check_kernels),
        ("threads", _check_threads),
        ("packages", _check_packages),
        ("memory", _check_memory),
        ("disk", _check_disk),
        ("results folder", _check_writable),
        ("embedded table", _check_embedded_table),
        ("digits images", _check_digits),
    ]
    if folder := os.environ.get(IMAGES_VARIABLE):
        checks.append((IMAGES_VARIABLE, lambda: _check_images(Path(folder))))
    if table := os.environ.get(TRUTH_VARIABLE):
        checks.append((TRUTH_VARIABLE, lambda: _check_truth(Path(table))))
    return [_guarded(name, check) for name, check in checks]


def print_checks(checks: list[Check], console: Console) -> None:
    """One line a check on ``console``, the remedy beneath what is not in order."""
    from rich.text import Text

    width = max(len(check.name) for check in checks)
    for check in checks:
        colour = {"ok": "green", "warn": "yellow", "fail": "red"}[check.status]
        console.print(Text.assemble((f"{check.status:<5}", colour), f"{check.name:<{width}}  {check.found}"))
        if check.remedy:
            console.print(Text(f"{'':<5}{'':<{width}}  {check.remedy}", style="dim"))


def _guarded(name: str, check: Callable[[], Check]) -> Check:
    try:
        return check()
    except HarnessError as error:
        return Check(name, "fail", str(error), "see the message")
    except Exception as error:  # a broken import may raise anything, and the other checks must still run
        return Check(name, "fail", f"{type(error).__name__}: {error}", "install the package again")


def _check_python() -> Check:
    good = sys.version_info >= (3, 11)
    return Check(
        "python", "ok" if good else "fail", platform.python_version(), "" if good else "use Python 3.11 or newer"
    )


def _check_kernels() -> Check:
    from nasbench_harness.native import kernels, kernels_description

    there = kernels() is not None
    remedy = "" if there else "narrow supernets train and score several times slower without them (docs/performance.md)"
    return Check("kernels", "ok" if there else "warn", kernels_description(), remedy)


def _check_torch() -> Check:
    import torch

    return Check("torch", "ok", str(torch.__version__))


def _check_devices() -> Check:
    import torch

    found = [f"cuda:{i} {torch.cuda.get_device_name(i)}" for i in range(torch.cuda.device_count())]
    if torch.backends.mps.is_available():
        found.append("mps")
    return Check("devices", "ok", ", ".join([*found, "cpu"]))


def _check_threads() -> Check:
    import torch

    threads, cores = torch.get_num_threads(), usable_cores()
    found = f"{threads} for {cores} usable cores"
    if threads > cores:
        return Check("threads", "warn", found, f"set OMP_NUM_THREADS={cores}: more threads than cores slow training")
    return Check("threads", "ok", found)


def _check_packages() -> Check:
    from packaging.requirements import Requirement

    try:
        lines = importlib.metadata.requires(PACKAGE) or []
    except importlib.metadata.PackageNotFoundError:
        return Check("packages", "warn", f"{PACKAGE} runs uninstalled", "pip install it: requirements were not checked")
    needed = [need for need in map(Requirement, lines) if need.marker is None or need.marker.evaluate({"extra": ""})]
    faults = []
    for need in needed:
        version = installed_version(need.name)
        if version is None or not need.specifier.contains(version, prereleases=True):
            faults.append(f"{need.name} {version or 'missing'} (needs {need.specifier or 'any'})")
    if faults:
        return Check("packages", "fail", ", ".join(faults), "pip install --constraint constraints.txt nasbench-harness")
    return Check("packages", "ok", f"{len(needed)} requirements met")


def _check_memory() -> Check:
    try:
        text = Path("/proc/meminfo").read_text(encoding="utf-8")
    except OSError:
        text = ""
    found = re.search(r"^MemAvailable:\s*(\d+) kB", text, re.MULTILINE)
    if not found:
        return Check("memory", "ok", "not told by this system")
    return _enough("memory", int(found[1]) / 2**20, 2.0, "close other programs or lower the batch size")


def _check_disk() -> Check:
    return _enough("disk", shutil.disk_usage(Path.cwd()).free / 2**30, 1.0, "free some space or work in another folder")


def _enough(name: str, gigabytes: float, wanted: float, remedy: str) -> Check:
    good = gigabytes >= wanted
    return Check(name, "ok" if good else "warn", f"{gigabytes:.1f} GiB free", "" if good else remedy)


def _check_writable() -> Check:
    place = Path("results") if Path("results").is_dir() else Path.cwd()
    try:
        with tempfile.TemporaryFile(dir=place):
            pass
    except OSError as error:
        return Check("results folder", "fail", f"{place}: {error.strerror}", "choose a writable folder with --out")
    return Check("results folder", "ok", "can be written")


def _check_embedded_table() -> Check:
    from nasbench_harness.truth import embedded_table

    table = embedded_table()
    return Check("embedded table", "ok", f"{table.name}, {int(table.covered.sum())} architectures")


def _check_digits() -> Check:
    from nasbench_harness.images import ImageSpec, load_image_set

    images = load_image_set(ImageSpec(name="digits"))
    return Check("digits images", "ok", f"{len(images.labels)} images")


def _check_images(folder: Path) -> Check:
    from nasbench_harness.images import ImageSpec, load_image_set

    images = load_image_set(ImageSpec(name="cifar10", path=folder))
    return Check(IMAGES_VARIABLE, "ok", f"{len(images.labels)} images of {images.name}")


def _check_truth(path: Path) -> Check:
    from nasbench_harness.truth import TruthTable

    table = TruthTable.open(path)
    return Check(TRUTH_VARIABLE, "ok", f"{table.name}, {int(table.covered.sum())} architectures")
