"""What a result was computed with: software, processor, device and cores.

``environment_record`` goes into every record, so it names no person or folder, and of the machine its own name alone.
"""

from __future__ import annotations

import importlib.metadata
import os
import platform
import re
import socket
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from nasbench_harness._version import __version__
from nasbench_harness.system.commit import CHANGED, source_commit
from nasbench_harness.system.engine_version import engine_version

PROGRAM = "nasbench-harness"
_RECORDED = ("numpy", "scipy", "scikit-learn", "polars", "pydantic", "safetensors", "moocore", "pymoo")


def environment_record(device: object = None) -> dict[str, Any]:
    """Software and hardware as plain JSON values; a few milliseconds once torch is loaded.

    ``device``: a torch device or its name, CPU by default. Holds no user name or path;
    ``node`` is the first part of the host's name.
    """
    import torch

    from nasbench_harness.native import kernels, kernels_description

    place = torch.device("cpu" if device is None else str(device))
    commit, found = source_commit(), kernels()
    return {
        "command": command_of(sys.argv),
        "package": __version__,
        "commit": commit,
        "dirty": None if commit is None else commit.endswith(CHANGED),
        "engine": engine_version(),
        "python": platform.python_version(),
        "platform": f"{platform.system()} {platform.machine()}",
        "node": socket.gethostname().partition(".")[0],
        "processor": processor_name(),
        "cores": usable_cores(),
        "torch": str(torch.__version__),
        "threads": torch.get_num_threads(),
        "kernels": kernels_description(),
        "lanes": None if found is None else found.lanes,
        "vectors": torch.backends.cpu.get_cpu_capability(),
        "device": place.type,
        "device_name": _device_name(place.type, place.index),
        **{name.replace("-", "_"): installed_version(name) for name in _RECORDED},
    }


def command_of(arguments: Sequence[str]) -> str | None:
    """The command line of this harness behind a result; None where another program has called it from Python.

    Of a path only the file's name is told, and of a folder nothing: they name machines and people.
    """
    program = Path(arguments[0]) if arguments else Path()
    if program.stem != PROGRAM and program.parts[-2:] != (__package__.partition(".")[0], "__main__.py"):
        return None
    return " ".join([PROGRAM, *(_without_folders(argument) for argument in arguments[1:])])


def _without_folders(argument: str) -> str:
    name, equals, value = argument.rpartition("=")
    if re.fullmatch(r"\d+/\d+", value):  # a shard
        return argument
    if not any(mark in value for mark in ("/", os.sep, "~")) and not Path(value).is_absolute():
        return argument
    last = Path(value).name
    return f"{name}{equals}{last if Path(last).suffix else 'DIR'}"


def processor_name() -> str:
    """Model of the processor, or the machine type where the system does not tell."""
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        text = ""
    found = re.search(r"^model name\s*:\s*(\S.*)$", text, re.MULTILINE)
    return found[1].strip() if found else platform.processor() or platform.machine()


def usable_cores() -> int:
    """Cores this process may run on, which on a shared machine are fewer than the machine has."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def installed_version(distribution: str) -> str | None:
    """Version of an installed distribution, None when it is not installed."""
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return None


def _device_name(kind: str, index: int | None) -> str:
    if kind == "cuda":
        import torch

        return torch.cuda.get_device_name(index)
    if kind == "mps":
        return f"Apple {platform.machine()}"
    return processor_name()
