"""Options that more than one verb takes: name, environment variable and help of each are written once, here.

An option of one verb stands in that verb, with its help in the docstring.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from nasbench_harness.system.variables import TRUTH_VARIABLE

Flag = Annotated[bool, Parameter(negative="", show_default=False)]
"""A switch that is off unless named."""
Json = Annotated[bool, Parameter(name="--json", negative="", show_default=False, help="Print the result as JSON.")]
Wide = Annotated[
    bool,
    Parameter(
        negative="", show_default=False, help="Every column, however narrow the terminal; a pipe gets all anyway."
    ),
]

TruthFile = Annotated[
    Path | None,
    Parameter(
        env_var=TRUTH_VARIABLE,
        help="Truth table (.npz), or CSV/JSON to read as one; none: the fetched table for a policy of its own, "
        "the embedded one for the digits.",
    ),
]
Policy = Annotated[
    str | None, Parameter(help="Column of the truth table, such as ``cifar10_test_200``; none: its first column.")
]
StoredTruth = Annotated[
    Path | None, Parameter(help="A table, or a CSV or JSON source to read as one; none: the embedded table.")
]
Resamples = Annotated[int, Parameter(help="Bootstrap resamples behind the intervals.")]

JudgingPolicies = Annotated[
    str | None,
    Parameter(
        help="Judge the stored scores again by this column of the truth table, or by several with commas between them, "
        "such as ``cifar10_test_200,cifar100_test_200``; nothing is trained or stored. None: as stored."
    ),
]
JudgingTruth = Annotated[
    Path | None,
    Parameter(
        env_var=TRUTH_VARIABLE,
        help="Truth table of ``--policy`` and of other scores (.npz), or CSV/JSON to read as one; none: the fetched "
        "table.",
    ),
]

RunFolder = Annotated[Path, Parameter(help="Folder of the records of one experiment.")]
Signal = Annotated[str | None, Parameter(help="``accuracy`` or ``negative_loss``; none: the experiment's headline.")]

ImportedTable = Annotated[Path | None, Parameter(help="The table; none: beside the source, as .npz.")]
TableName = Annotated[str | None, Parameter(help="Name of the table; none: the source's.")]
Partial = Annotated[
    bool,
    Parameter(negative="", show_default=False, help="Declare that architectures or values may be missing."),
]

Device = Annotated[str, Parameter(help="Torch device, such as ``cpu``, ``cuda`` or ``cuda:1``.")]
Devices = Annotated[list[str] | None, Parameter(negative="", help="Columns, repeat the option; none: all.")]


@Parameter(name="*")
@dataclass(frozen=True)
class Destination:
    """Where a result goes beside stdout."""

    out: Annotated[Path | None, Parameter(help="Folder for the result as JSON.")] = None
    figures: Annotated[
        Path | None, Parameter(help="Folder for figures of the result, PNG and PDF, each with its caption.")
    ] = None
    width: Annotated[
        str, Parameter(help="Width and letters of figures: neurips, icml, cvpr, ieee or lncs; or inches.")
    ] = "neurips"

    def check(self) -> None:
        """Raise ``UsageError`` for a width that is none, before anything is computed."""
        if self.figures is not None:
            from nasbench_harness.figures.page import page_of

            page_of(self.width)


STDOUT_ONLY = Destination()


def items(text: str | None) -> list[str]:
    """The parts of an option that is a list with commas; none where the option is not given."""
    return [part.strip() for part in text.split(",") if part.strip()] if text else []
