"""The truth table that comes with the package: stand-alone trainings on the digits images."""

from __future__ import annotations

from importlib import resources

from nasbench_harness.errors import DataError
from nasbench_harness.truth.table import TruthTable

EMBEDDED = "digits.npz"


def embedded_table() -> TruthTable:
    """The packaged table; ``DataError`` when the installation lacks it."""
    resource = resources.files("nasbench_harness.truth") / EMBEDDED
    if not resource.is_file():
        raise DataError(
            f"this installation lacks its embedded truth table truth/{EMBEDDED}; install nasbench-harness again, "
            "or name a table of your own"
        )
    with resources.as_file(resource) as path:
        return TruthTable.open(path)
