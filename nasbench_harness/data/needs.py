"""Where a run's images and truth come from when no path is given: the cache, filled on request."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from nasbench_harness.data.accuracy import COLUMNS
from nasbench_harness.data.cache import cache_folder, find
from nasbench_harness.data.registry import entry
from nasbench_harness.data.store import fetch as fetch_entries
from nasbench_harness.errors import DataError
from nasbench_harness.truth.policy import TruthPolicy

if TYPE_CHECKING:
    from nasbench_harness.experiment import Experiment
    from nasbench_harness.system.progress import Progress

IMAGES = ("cifar10-binary", "cifar10-python")  # either will do; the first is fetched
ACCURACY = "nas-bench-201-accuracy"

Fetch = Callable[[str], Path | None]


def resolve(
    experiment: Experiment,
    images: Path | str | None = None,
    truth: Path | str | None = None,
    fetch: bool = False,
    progress: Progress | None = None,
) -> tuple[Path | str | None, Path | str | None]:
    """Paths of images and truth for an experiment; None where what ships with the package serves.

    A given path is returned as it is. Otherwise the cache is looked into, and with ``fetch`` what is missing there is
    fetched. Raises ``DataError`` naming both remedies when a run needs data that is neither given nor in the cache, and
    the errors of ``data.fetch``.
    """
    needed: Fetch = (lambda name: fetch_entries([name], progress)[0].path) if fetch else (lambda name: None)
    # the truth first: three megabytes tell of a dead network before the images' 170 do
    table = truth or _truth(experiment.truth.policy, needed, "give --fetch, or --truth FILE")
    return images or _images(experiment.images.name, needed), table


def default_truth(policy: str) -> Path | None:
    """The table that holds a policy when none is named: the cached one, or None for the embedded table.

    Raises ``DataError`` with the remedies when it is a column of the fetched table and that is not here.
    """
    return _truth(
        policy, lambda name: None, "name a table of your own (--truth FILE, or --table FILE of `truth query`)"
    )


def _images(name: str, needed: Fetch) -> Path | None:
    if name != "cifar10":
        return None
    if not any(find(entry(one)) for one in IMAGES) and needed(IMAGES[0]) is None:
        raise DataError(
            f"the images of {name} are not here: give --fetch, or --images DIR for a folder that holds "
            f"cifar-10-batches-bin or cifar-10-batches-py, or run `nasbench-harness data fetch {IMAGES[0]}`"
        )
    return cache_folder()


def _truth(policy: str, needed: Fetch, remedy: str) -> Path | None:
    parsed = TruthPolicy.parse(policy)
    if policy in COLUMNS:
        path = find(entry(ACCURACY)) or needed(ACCURACY)
        if path is None:
            raise DataError(
                f"the truth '{policy}' is not here: {remedy} for a table or CSV that has this column, or run "
                f"`nasbench-harness data fetch {ACCURACY}`"
            )
        return path
    if parsed is not None and any(parsed.image_set == TruthPolicy(name).image_set for name in COLUMNS):
        raise DataError(
            f"the table that can be fetched has {', '.join(COLUMNS)}, not '{policy}'; name a table that has it "
            "(--truth FILE, or --table FILE of `truth query`), such as one imported from the official files"
        )
    return None
