"""Environment variables that name data, for the command line and for Python alike."""

IMAGES_VARIABLE = "NASBENCH_HARNESS_IMAGES"
"""Folder of the official image files."""
TRUTH_VARIABLE = "NASBENCH_HARNESS_TRUTH"
"""File of the truth table."""
