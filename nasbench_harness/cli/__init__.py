"""The command line: a file per group of verbs; each parses, calls and prints."""

from nasbench_harness.cli.app import main

__all__ = ["main"]
