"""What a process of Ray does: one command line, in the working folder of the command that asked for it."""

from __future__ import annotations

import contextlib
import os
import socket
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

from nasbench_harness.data import cache_folder
from nasbench_harness.engines.placed import Files, placed
from nasbench_harness.errors import HarnessError, UsageError
from nasbench_harness.system.environment import PROGRAM

PASSED_ON = "NASBENCH_HARNESS_"
"""Beginning of the environment variables that a process of Ray gets from the command; each node has its own cache."""

IMAGES = "--images="
PLACE = "placed"
"""Folder of images that came through Ray, in the cache of a node."""


@dataclass(frozen=True)
class Setting:
    """What all tasks of a batch have in common.

    ``folder``: where the command that asked was given. ``images``: digest of the image files that go to each node, and
    what Ray's object store gives for them; empty and None where none go.
    """

    folder: Path
    variables: Mapping[str, str]
    images: str = ""
    stored: list[Any] = field(default_factory=list)  # in a list: Ray fetches what an argument itself is, asked or not


def command(setting: Setting, arguments: tuple[str, ...], get: Callable[[Any], Files]) -> int:
    """Run the command line of one task; its exit code.

    An interrupt, which is how Ray cancels, ends it as Ctrl-C would. The result on stdout is for nobody here: the folder
    has it.
    """
    os.environ.update(setting.variables)
    with open(os.devnull, "w", encoding="utf-8") as nowhere, contextlib.redirect_stdout(nowhere):
        try:
            return _run(setting, arguments, get)
        except HarnessError as error:
            print(f"nasbench-harness on {socket.gethostname()}: {error}", file=sys.stderr)
            return error.exit_code


def _run(setting: Setting, arguments: tuple[str, ...], get: Callable[[Any], Files]) -> int:
    try:
        os.chdir(setting.folder)
    except OSError as error:
        raise UsageError(
            f"{setting.folder}: {error.strerror}; all nodes of the cluster need the folder of the command"
        ) from error
    if setting.images:
        folder = placed(cache_folder() / PLACE, setting.images, lambda: get(setting.stored[0]))
        arguments = (*(word for word in arguments if not word.startswith(IMAGES)), f"{IMAGES}{folder}")
    sys.argv = [PROGRAM, *arguments]  # which records tell
    return _main()([*arguments])


def _main() -> Callable[[list[str]], int]:
    """What the installed command calls; in this process, which has torch from the unit before."""
    found = [*entry_points(group="console_scripts", name=PROGRAM)]
    if not found:
        raise UsageError(f"{PROGRAM} is not installed here; all nodes of the cluster need it")
    main: Callable[[list[str]], int] = found[0].load()
    return main
