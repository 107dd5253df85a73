"""Checkpoints inside a unit: one file a stage, tensors and JSON together, written whole or not at all.

A strategy is run again from its start after an interruption; each of its steps finds what it left and takes it up, so a
strategy needs no code of its own to be resumable. A file is bound to the unit's identity: one of another protocol is
ignored. It carries a digest of its numbers, so a damaged one is noticed.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nasbench_harness.system import stopping
from nasbench_harness.system.files import write_atomically
from nasbench_harness.system.reading import parse_json, why
from nasbench_harness.system.tensor_file import read_sealed, write_sealed
from nasbench_harness.training.clock import Clock

if TYPE_CHECKING:
    from torch import Tensor

SUFFIX = ".safetensors"

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Saved:
    """What a checkpoint holds: tensors by name, and plain JSON values."""

    tensors: dict[str, Tensor]
    values: dict[str, Any]


@dataclass(frozen=True)
class Checkpoints:
    """The checkpoints of one unit in ``folder``; ``None`` keeps none. ``identity`` is the unit's.

    ``clock``, when given, is stored with every save.
    """

    folder: Path | None = None
    identity: str = ""
    clock: Clock | None = None

    def load(self, key: str) -> Saved | None:
        """What was saved under ``key`` by a run of the same unit; ``None`` for nothing or a foreign file.

        A damaged file is named in a warning (logged, so that it shows from any process), removed, and counts as
        nothing: the work that it kept is done again.
        """
        if self.folder is None or not (path := self._path(key)).is_file():
            return None
        from safetensors import SafetensorError
        from safetensors.torch import load

        try:
            data, header = read_sealed(path)
            if (header["identity"], header["key"]) != (self.identity, key):
                return None
            return Saved(load(data), parse_json(header["values"]))
        except (SafetensorError, OSError, ValueError, KeyError) as error:
            _log.warning("%s cannot be used (%s); the work that it kept is done again", path, why(error))
            with contextlib.suppress(OSError):
                path.unlink(missing_ok=True)
            return None

    def save(self, key: str, tensors: Mapping[str, Tensor], values: Mapping[str, Any]) -> None:
        """Replace what ``key`` holds; the errors are those of ``write_atomically``.

        Raises ``SuspendedError``, after that, where the process was asked to stop.
        """
        if self.folder is None:
            return
        from safetensors.torch import save

        header = {"identity": self.identity, "key": key, "values": json.dumps(values)}
        # contiguous: the format has no memory layouts; whoever restores copies into tensors of the right one
        data = save({name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}, metadata=header)
        write_atomically(self._path(key), lambda stream: write_sealed(stream, data))
        if self.clock is not None:
            self.clock.store()
        stopping.check()

    def clear(self) -> None:
        """Remove them all: the unit is finished, its record says the rest."""
        if self.folder is not None:
            shutil.rmtree(self.folder, ignore_errors=True)

    def _path(self, key: str) -> Path:
        assert self.folder is not None
        plain = re.sub(r"[^A-Za-z0-9]+", "-", key).strip("-")[:60]
        return self.folder / f"{plain}-{hashlib.sha256(key.encode()).hexdigest()[:8]}{SUFFIX}"
