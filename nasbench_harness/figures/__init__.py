"""Figures of a run, from its records, and from scores and truth where these are at hand."""

from nasbench_harness.figures.caption import Drawn
from nasbench_harness.figures.draw import FIGURES, Gallery, draw_run, save_figures
from nasbench_harness.figures.sheet import TruthOf

__all__ = ["FIGURES", "Drawn", "Gallery", "TruthOf", "draw_run", "save_figures"]
