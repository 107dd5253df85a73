"""Figures of a run, from its records alone."""

from nasbench_harness.figures.draw import draw_run, save_figures

__all__ = ["draw_run", "save_figures"]
