"""Stored outcomes: one record (JSON) and one table of scores (Parquet) for each finished (strategy, seed)."""

from nasbench_harness.records.fingerprint import Fingerprint, StagePrint
from nasbench_harness.records.schema import SCHEMA, Record
from nasbench_harness.records.scores import RECORD_FILE, SCORES_FILE, ScoreTable, read_scores
from nasbench_harness.records.store import (
    Run,
    image_set_of,
    read_record,
    read_run,
    stored_units,
    unit_dir,
    unit_of,
    write_record,
)

__all__ = [
    "RECORD_FILE",
    "SCHEMA",
    "SCORES_FILE",
    "Fingerprint",
    "Record",
    "Run",
    "ScoreTable",
    "StagePrint",
    "image_set_of",
    "read_record",
    "read_run",
    "read_scores",
    "stored_units",
    "unit_dir",
    "unit_of",
    "write_record",
]
