"""Environment variables for the command line and for Python alike."""

IMAGES_VARIABLE = "NASBENCH_HARNESS_IMAGES"
"""Folder of the official image files."""
TRUTH_VARIABLE = "NASBENCH_HARNESS_TRUTH"
"""File of the truth table."""
SCORING_GROUP_VARIABLE = "NASBENCH_HARNESS_SCORING_GROUP"
"""How many architectures are scored at once (docs/performance.md); for tests and measurements."""
