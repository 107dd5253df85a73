"""A run folder and the experiment it belongs to: one protocol for all of its records, one description beside them."""

from __future__ import annotations

import logging
from collections.abc import Collection
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from nasbench_harness.errors import UsageError
from nasbench_harness.experiment.description import SHARED, Experiment
from nasbench_harness.records import Record, read_record
from nasbench_harness.records.digests import with_digest, without_digest
from nasbench_harness.records.store import unit_folders
from nasbench_harness.system.files import write_json
from nasbench_harness.system.reading import read_json, why

DESCRIPTION_FILE = "experiment.json"
_log = logging.getLogger(__name__)
_OF_ONE_UNIT = ("strategy", "seed", "plugins", "data")


def check_others(experiment: Experiment, out: Path, asked: Collection[tuple[str, int]]) -> None:
    """Compare the experiment with the stored units that it does not run.

    ``asked``: the (strategy, seed) that it does run. Raises ``UsageError`` when another unit of the folder was run with
    other settings than all strategies share now, or with a plug-in file that has changed since.
    """
    stored = read_description(out, told=True)
    for strategy, seed in sorted(unit for _, unit in unit_folders(out) if unit not in asked):
        record = read_record(out, strategy, seed)
        if record is None:
            continue
        shared = {key: value for key, value in record.experiment.items() if key not in _OF_ONE_UNIT}
        difference = first_difference(shared, experiment.shared()) or _changed_file(record, experiment, stored)
        if difference:
            raise UsageError(
                f"{out / strategy}: seed {seed} is stored under another protocol ({difference}); choose another --out, "
                f"or run it again too: --strategies ...,{strategy} --replace"
            )


def write_description(experiment: Experiment, out: Path) -> None:
    """Write ``experiment.json``: the experiment, with the strategies and seeds that earlier commands ran in ``out``.

    Those of another protocol are left out.
    """
    asked, stored = experiment.model_dump(mode="json"), read_description(out)
    try:
        # without its files, of which only names and digests are stored
        known = Experiment.model_validate(stored | {"plugins": ()})
    except ValidationError:
        known = None
    if known is not None and all(getattr(known, name) == getattr(experiment, name) for name in SHARED):
        names = {plugin["name"] for plugin in asked["plugins"]}
        kept = known.model_dump(mode="json", include={"strategies", "seeds"})
        asked["strategies"] = kept["strategies"] | asked["strategies"]
        asked["seeds"] = list(dict.fromkeys([*kept["seeds"], *asked["seeds"]]))
        asked["plugins"] = [one for one in _plugins(stored) if one["name"] not in names] + asked["plugins"]
    write_json(out / DESCRIPTION_FILE, with_digest(asked))


def read_description(out: Path, told: bool = False) -> dict[str, Any]:
    """What ``write_description`` stored; empty where there is none.

    One that cannot be read, or is not what was written, counts as none and is named in a warning (logged), if the user
    is not told anyway: the next run in the folder writes it anew.
    """
    path = out / DESCRIPTION_FILE
    try:
        value = read_json(path)
        if not isinstance(value, dict):
            raise ValueError("it is no object")
        content = without_digest(value)
        if unknown := sorted(content.keys() - Experiment.model_fields.keys()):
            raise ValueError(f"its entry {unknown[0][:40]!r} is damaged, or of another version")
        return content
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        if not told:
            _log.warning("%s cannot be used (%s); the next run in the folder writes it anew", path, why(error))
        return {}


def first_difference(stored: Any, asked: Any, path: str = "") -> str | None:
    """The first setting in which two descriptions differ, with both values; None where they are equal."""
    if isinstance(stored, dict) and isinstance(asked, dict):
        for key in sorted({*stored, *asked}):
            found = first_difference(stored.get(key), asked.get(key), f"{path}.{key}".lstrip("."))
            if found:
                return found
        return None
    return None if stored == asked else f"{path}: {stored!r} there, {asked!r} asked"


def _changed_file(record: Record, experiment: Experiment, stored: dict[str, Any]) -> str | None:
    """The plug-in file of a stored unit that the experiment names too, but with other content."""
    current = {plugin.sha256 for plugin in experiment.plugins}
    names = {plugin.name for plugin in experiment.plugins}
    for digest in record.experiment.get("plugins", []):
        # the name is not known where an older version has written the description
        of_old = {one["name"] for one in _plugins(stored) if one["sha256"] == digest} or names
        if digest not in current and (changed := sorted(of_old & names)):
            return f"plugins: {', '.join(changed)} has changed since"
    return None


def _plugins(stored: dict[str, Any]) -> list[dict[str, str]]:
    found = stored.get("plugins")
    known = found if isinstance(found, list) else []
    return [one for one in known if isinstance(one, dict) and {"name", "sha256"} <= set(one)]
