"""Predictors in a JSON file, which opens as a latency table of their predictions."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from nasbench_harness.errors import DataError
from nasbench_harness.latency.importers.operations import read_object
from nasbench_harness.latency.importers.rows import LatencyRows
from nasbench_harness.latency.predict.predictor import LatencyPredictor, predicted_table
from nasbench_harness.records.digests import with_digest, without_digest
from nasbench_harness.space import N_ARCHITECTURES
from nasbench_harness.system.files import write_json

FORMAT = "nasbench-harness latency predictors"
VERSION = 1


def save_predictors(path: Path, predictors: list[LatencyPredictor], meta: dict[str, Any]) -> None:
    """Write predictors, whole or not at all; ``meta``: JSON-able facts such as the table they were fitted on."""
    stored = [one.to_json() for one in predictors]
    content = {"format": FORMAT, "version": VERSION, "meta": meta, "predictors": stored}
    write_json(path, with_digest(content))


def load_predictors(path: Path) -> list[LatencyPredictor]:
    """Read what ``save_predictors`` wrote; ``DataError`` naming fault and remedy."""
    content = read_object(path)
    if content.get("format") != FORMAT or content.get("version") != VERSION:
        raise DataError(f"{path.name} holds no latency predictors (version {VERSION}); fit with `latency fit --to`")
    try:
        stored = without_digest(content).get("predictors")
    except ValueError as error:
        raise DataError(f"{path.name}: {error}; fit again with `latency fit --to`") from error
    if not isinstance(stored, list) or not stored:
        raise DataError(f"{path.name} holds no predictor; fit with `latency fit --to`")
    return [LatencyPredictor.from_json(one) for one in stored]


class PredictorImporter:
    """The predictions for all architectures as columns."""

    name = "predictors"

    def recognises(self, path: Path) -> bool:
        return path.suffix.lower() == ".json" and read_object(path).get("format") == FORMAT

    def read(self, path: Path) -> LatencyRows:
        table = predicted_table(path.stem, load_predictors(path))
        places = [f"prediction for architecture {index}" for index in range(N_ARCHITECTURES)]
        return LatencyRows(np.arange(N_ARCHITECTURES), table.columns, places, table.devices, table.meta)
