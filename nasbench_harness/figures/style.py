"""One look for every figure: sizes, fonts and colours fit for a two-column paper, the same on every machine."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SINGLE_COLUMN = 3.4
"""Width of one column, inches."""
DOUBLE_COLUMN = 7.0
"""Width of the text block, inches."""
GREY = "#6b6b6b"
DENSITY_MAP = "viridis"

# Okabe and Ito's colours first (told apart with any common colour vision), then darker ones of Tol's muted scheme;
# markers repeat the distinction for print without colour.
_COLOURS = (
    "#0072B2",
    "#D55E00",
    "#009E73",
    "#CC79A7",
    "#E69F00",
    "#56B4E9",
    "#332288",
    "#882255",
    "#999933",
    "#44AA99",
    "#661100",
    "#AA4499",
)
_MARKERS = ("o", "s", "^", "D", "v", "P", "X", "p", "<", ">", "h", "d")
_KNOWN = ("one-shot-uniform", "one-shot-balanced", "single-edge", "efs-group", "random-partition", "efs-accum")
_RC: dict[str, Any] = {
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],  # ships with matplotlib, so a figure does not depend on the machine's fonts
    "mathtext.fontset": "dejavusans",
    "font.size": 7.5,
    "axes.titlesize": 7.5,
    "axes.labelsize": 7.5,
    "xtick.labelsize": 7,
    "ytick.labelsize": 7,
    "legend.fontsize": 7,
    "legend.frameon": False,
    "legend.handlelength": 1.8,
    "legend.columnspacing": 1.2,
    "axes.linewidth": 0.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": False,
    "axes.formatter.use_mathtext": True,
    "grid.color": "#dddddd",
    "grid.linewidth": 0.5,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "xtick.minor.width": 0.4,
    "xtick.major.size": 2.5,
    "ytick.major.size": 2.5,
    "xtick.minor.size": 1.5,
    "lines.linewidth": 1.2,
    "lines.markersize": 4,
    "figure.dpi": 100,
    "savefig.dpi": 200,
    "pdf.fonttype": 42,  # TrueType, which publishers accept and whose text can be searched
    "ps.fonttype": 42,
    "svg.hashsalt": "nasbench-harness",
}


@dataclass(frozen=True)
class Mark:
    """How one strategy is drawn in every figure of a run."""

    colour: str
    marker: str


@contextlib.contextmanager
def paper_style() -> Iterator[None]:
    """Matplotlib's settings for the figures, from its defaults, undone at the end."""
    import matplotlib as mpl

    with mpl.rc_context():
        mpl.rcdefaults()
        mpl.rcParams.update(_RC)  # type: ignore[arg-type]
        yield


def new_figure(width: float, height: float) -> Figure:
    """An empty figure, inches, outside pyplot: nothing is registered, nothing has to be closed."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained")


def marks(strategies: Iterable[str]) -> dict[str, Mark]:
    """Colour and marker by strategy: those of the presets have their own, others take what is left in order of name.

    They depend on the set of names alone, not on order or results, so a strategy looks the same all over a paper.
    """
    names = set(strategies)
    place_of = {name: place for place, name in enumerate(_KNOWN) if name in names}
    taken = set(place_of.values())
    free = (place for place in itertools.count() if place not in taken)
    place_of |= zip(sorted(names - set(_KNOWN)), free, strict=False)
    return {
        name: Mark(_COLOURS[place % len(_COLOURS)], _MARKERS[(place + place // len(_COLOURS)) % len(_MARKERS)])
        for name, place in place_of.items()
    }


def title_of(signal: str) -> str:
    """A signal or a reference ranking in words for an axis."""
    return {"flops": "FLOPs", "live_flops": "live FLOPs", "negative_loss": "negative loss"}.get(
        signal, signal.replace("_", " ")
    )
