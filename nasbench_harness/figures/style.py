"""One look for every figure: letters of the page, colours of the strategies, the same on every machine."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from nasbench_harness.figures.page import PLAIN, Page

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SINGLE_COLUMN, DOUBLE_COLUMN = PLAIN.column, PLAIN.text
GREY = "#6b6b6b"
DENSITY_MAP = "viridis"

CONTROL_GREY = "#8f8f8f"
"""Colour of controls, which are there to be compared with."""

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
_RC: dict[str, Any] = {
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


_ONE_SHOT, _GM_NAS, _FEW_SHOT, _EFS_NAS, _HEP_NAS, _PAD_NAS, _HM_NAS, _CLOSE = _COLOURS[:8]
"""A colour for each family of methods; the others are for strategies that are not known by name."""

_METHODS = {
    "one-shot-uniform": ("one-shot, uniform", Mark(_ONE_SHOT, "o")),
    "one-shot-fair": ("one-shot, fair", Mark(_ONE_SHOT, "s")),
    "single-edge": ("few-shot, 1 edge", Mark(_FEW_SHOT, "^")),
    "few-shot-depth-2": ("few-shot, 2 edges", Mark(_FEW_SHOT, "v")),
    "efs-group": ("EFS-NAS, groups", Mark(_EFS_NAS, "D")),
    "efs-accum": ("EFS-NAS, accumulated", Mark(_EFS_NAS, "d")),
    "efs-accum-k2": ("EFS-NAS, two copies", Mark(_EFS_NAS, "s")),
    "gm-nas": ("GM-NAS", Mark(_GM_NAS, "s")),
    "hep-rank": ("HEP-NAS, ranking", Mark(_HEP_NAS, "P")),
    "hep-search": ("HEP-NAS, search", Mark(_HEP_NAS, "X")),
    "hm-nas": ("HM-NAS", Mark(_HM_NAS, "p")),
    "hm-nas-structure": ("HM-NAS, structure masked", Mark(_HM_NAS, "s")),
    "pad-nas": ("PAD-NAS", Mark(_PAD_NAS, "<")),
    "pad-nas-gpu": ("PAD-NAS, GPU latency", Mark(_PAD_NAS, ">")),
    "close": ("CLOSE", Mark(_CLOSE, "h")),
    "one-shot-uniform-8": ("one-shot, uniform, 8 channels", Mark(CONTROL_GREY, "<")),
    "one-shot-balanced": ("one-shot, balanced", Mark(CONTROL_GREY, "o")),
    "one-shot-balanced-multi": ("one-shot, balanced multi", Mark(CONTROL_GREY, "s")),
    "one-shot-convolutions": ("one-shot, by convolutions", Mark(CONTROL_GREY, ">")),
    "ensemble": ("ensemble, one-shot", Mark(CONTROL_GREY, "h")),
    "random-partition": ("random partition", Mark(CONTROL_GREY, "^")),
    "random-routing": ("random routing", Mark(CONTROL_GREY, "d")),
    "random-tree": ("random tree", Mark(CONTROL_GREY, "v")),
    "worst-cut": ("worst cut", Mark(CONTROL_GREY, "X")),
    "split-without-smd": ("HEP split, no SMD", Mark(CONTROL_GREY, "P")),
    "hep-rank-operations": ("HEP, one operation a part", Mark(CONTROL_GREY, "D")),
    "smd-without-split": ("SMD, no split", Mark(CONTROL_GREY, "p")),
}
"""Name in figures and mark of every method of the presets."""


@contextlib.contextmanager
def paper_style(page: Page = PLAIN) -> Iterator[None]:
    """Matplotlib's settings for the figures of a page, from its defaults, undone at the end."""
    import matplotlib as mpl

    letters = {
        "font.family": page.font,  # a figure keeps it when the settings are undone
        "mathtext.fontset": "stix" if page.font.startswith("STIX") else "dejavusans",
        "font.size": page.label,
        "axes.titlesize": page.label,
        "axes.labelsize": page.label,
        "xtick.labelsize": page.small,
        "ytick.labelsize": page.small,
        "legend.fontsize": page.small,
    }
    with mpl.rc_context():
        mpl.rcdefaults()
        mpl.rcParams.update(_RC | letters)  # type: ignore[arg-type]
        yield


def new_figure(width: float, height: float) -> Figure:
    """An empty figure, inches, outside pyplot: nothing is registered, nothing has to be closed."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained")


def text_width(text: str, points: float) -> float:
    """Width of a line of text in inches, in the font of the page."""
    from matplotlib.textpath import TextPath

    return float(TextPath((0, 0), text, size=points).get_extents().width) / 72


def legend_below(figure: Figure, handles: Sequence[Any], page: Page) -> None:
    """A legend under all axes, in as many columns as the width holds."""
    if not handles:
        return
    pad = 4.2 * page.small / 72  # the line, and what stands between columns
    width_N = [text_width(str(handle.get_label()), page.small) + pad for handle in handles]
    columns = len(handles)
    while columns > 1 and _columns_width(width_N, columns) > figure.get_figwidth():
        columns -= 1
    figure.legend(handles=list(handles), loc="outside lower center", ncols=columns)


def _columns_width(width_N: Sequence[float], columns: int) -> float:
    """Inches of a legend that is filled column by column, the first columns with one entry more."""
    each, longer = divmod(len(width_N), columns)
    ends = [0]
    for column in range(columns):
        ends.append(ends[-1] + each + (column < longer))
    return sum(max(width_N[start:end]) for start, end in pairwise(ends))


def marks(strategies: Iterable[str]) -> dict[str, Mark]:
    """Colour and marker by strategy: methods of one family share a colour of their own, and controls are grey.

    Strategies of other names take the colours that no drawn method uses, in order of name. Marks depend on the set of
    names alone, not on order or results, so a strategy looks the same all over a paper.
    """
    names = set(strategies)
    found = {name: mark for name, (_, mark) in _METHODS.items() if name in names}
    taken = {mark.colour for mark in found.values()}
    free = [place for place, colour in enumerate(_COLOURS) if colour not in taken] or list(range(len(_COLOURS)))
    others = sorted(names - set(found))
    for number, name in enumerate(others):
        round_, place = divmod(number, len(free))
        marker = (free[place] + round_) % len(_MARKERS)
        found[name] = Mark(_COLOURS[free[place]], _MARKERS[marker])
    return found


def name_of(strategy: str) -> str:
    """How figures call a strategy: a method of the presets by its name in papers, any other as it is."""
    return _METHODS[strategy][0] if strategy in _METHODS else strategy


def number(value: float, digits: int = 2) -> str:
    """A number with a minus sign in place of a hyphen."""
    return f"{value:.{digits}f}".replace("-", "\N{MINUS SIGN}")


def title_of(signal: str) -> str:
    """A signal or a reference ranking in words for an axis."""
    return {"flops": "FLOPs", "live_flops": "live FLOPs", "negative_loss": "negative loss"}.get(
        signal, signal.replace("_", " ")
    )
