"""Real data on this machine: what can be fetched, where it lies, and how a run finds it."""

from nasbench_harness.data.cache import Item, cache_folder, find, listing
from nasbench_harness.data.needs import default_truth, resolve
from nasbench_harness.data.registry import Entry, entries, entry, expand
from nasbench_harness.data.store import add, fetch

__all__ = [
    "Entry",
    "Item",
    "add",
    "cache_folder",
    "default_truth",
    "entries",
    "entry",
    "expand",
    "fetch",
    "find",
    "listing",
    "resolve",
]
