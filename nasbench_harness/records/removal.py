"""Removing stored units and runs: what the harness wrote goes, everything else stays."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from nasbench_harness.errors import UsageError
from nasbench_harness.records.scores import RECORD_FILE, SCORES_FILE
from nasbench_harness.records.store import CHECKPOINTS, CLAIM_FILE, unit_of
from nasbench_harness.system.claims import living

_OF_A_UNIT = (RECORD_FILE, SCORES_FILE, CLAIM_FILE)  # the record first: it stands for the others
_OF_A_RUN = ("experiment.json", "leaderboard.json", "leaderboard.md", "report.html")


@dataclass(frozen=True)
class Removal:
    """What would go: ``files`` and folders of checkpoints (``trees``), and ``folders`` that may be empty then."""

    what: str
    files: tuple[Path, ...]
    trees: tuple[Path, ...]
    folders: tuple[Path, ...]

    def carry_out(self) -> list[Path]:
        """Remove them, and the folders that are then empty; what stays because it is not the harness's is returned."""
        try:
            for path in self.files:
                path.unlink(missing_ok=True)
            for tree in self.trees:
                shutil.rmtree(tree)
            for folder in self.folders:
                if not any(folder.iterdir()):
                    folder.rmdir()
        except OSError as error:
            raise UsageError(
                f"cannot remove {self.what}: {error.strerror}; what is left can be removed again"
            ) from error
        return sorted(path for folder in self.folders if folder.is_dir() for path in folder.iterdir())


def removal_of(folder: Path | str) -> Removal:
    """What removing a unit or a run means; nothing is touched yet.

    Only what the harness wrote goes: records, scores, checkpoints, and of a run its description, leaderboards and page.
    Raises ``UsageError`` for a folder that is neither, for a link, which may lead anywhere, and for a unit that is now
    run.
    """
    folder = Path(folder)
    if folder.is_symlink():
        raise UsageError(f"{folder} is a link; name the folder that it leads to")
    whole = folder.resolve()
    if unit_of(whole) is not None and _holds_a_unit(whole):
        files, trees = _parts(whole)
        folders = (whole, whole.parent)
        return Removal(f"{whole.parent.name}, seed {whole.name.removeprefix('seed-')}", files, trees, folders)
    seeds = [path for path in sorted(whole.glob("*/seed-*")) if unit_of(path) is not None and _holds_a_unit(path)]
    seeds = [path for path in seeds if not path.is_symlink() and not path.parent.is_symlink()]
    if not seeds:
        raise UsageError(
            f"{folder} is neither a run (<strategy>/seed-<s>/ with a record or checkpoints) nor one of its units; "
            "nothing was removed"
        )
    parts = [_parts(path) for path in seeds]
    files = tuple(file for found, _ in parts for file in found)
    own = tuple(path for name in _OF_A_RUN if (path := whole / name).is_file())
    strategies = tuple(dict.fromkeys(path.parent for path in seeds))
    trees = tuple(tree for _, found in parts for tree in found)
    return Removal(f"{len(seeds)} units of {whole.name}", (*files, *own), trees, (*seeds, *strategies, whole))


def _holds_a_unit(place: Path) -> bool:
    return any((place / name).exists() for name in (*_OF_A_UNIT, CHECKPOINTS))


def _parts(unit: Path) -> tuple[tuple[Path, ...], tuple[Path, ...]]:
    if (claim := living(unit / CLAIM_FILE)) is not None:
        raise UsageError(f"{unit} is being run by {claim[0]}; wait for its end, or stop it first")
    files = tuple(path for name in _OF_A_UNIT if (path := unit / name).is_file())
    work = unit / CHECKPOINTS
    return files, (work,) if work.is_dir() and not work.is_symlink() else ()
