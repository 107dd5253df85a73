"""The figures of a run as pictures in the page, each with its caption."""

from __future__ import annotations

import io
import struct
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from nasbench_harness.figures.draw import draw_run
from nasbench_harness.figures.sheet import no_truth
from nasbench_harness.figures.style import paper_style
from nasbench_harness.records import Run
from nasbench_harness.report.page.markup import Html, element

DOTS = 150
"""An inch; a figure at the width of NeurIPS is then 825 pixels wide."""


@dataclass(frozen=True)
class Pictures:
    """``shown``: in their order. ``skipped``: by name, why a figure cannot be drawn of these records."""

    shown: tuple[Picture, ...] = ()
    skipped: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Picture:
    """A figure as PNG, ``width`` and ``height`` in pixels, with its caption."""

    name: str
    png: bytes
    caption: str
    width: int
    height: int


def draw_pictures(run: Run, signal: str | None, truth_A: npt.NDArray[np.float64] | None) -> Pictures:
    """The figures that these records give.

    ``truth_A``: float64 ``[15625]``, percent; None: figures of single architectures cannot be drawn. The bytes depend
    on the records and the version of matplotlib. Raises ``DataError`` as ``draw_run``.
    """
    gallery = draw_run(run, signal, truth_of=no_truth if truth_A is None else lambda policy: truth_A)
    found = []
    with paper_style():
        for name, drawn in gallery.drawn.items():
            stream = io.BytesIO()
            drawn.figure.savefig(stream, format="png", dpi=DOTS, metadata={"Software": None})
            png = stream.getvalue()
            # as the file's header has them: the renderer rounds as it likes
            found.append(Picture(name, png, drawn.caption, *struct.unpack(">II", png[16:24])))
    return Pictures(tuple(found), gallery.skipped)


def gallery_section(pictures: Pictures) -> Html | str:
    """The pictures with their captions, and what could not be drawn; nothing where there are none."""
    if not pictures.shown:
        return ""
    shown = [_figure(one) for one in pictures.shown]
    shown += [element("p", f"Not drawn: {name}: {why}", class_="quiet") for name, why in pictures.skipped.items()]
    return element("section", element("h2", "Figures", id="figures"), shown, aria_labelledby="figures")


def _figure(one: Picture) -> Html:
    source = f"data:image/png;base64,{b64encode(one.png).decode('ascii')}"
    title = one.name.replace("_", " ")
    picture = element("img", src=source, alt=f"Figure: {title}", width=one.width, height=one.height)
    return element("figure", picture, element("figcaption", one.caption), class_="picture")
