"""Bits flipped in every kind of stored file, and files cut short: noticed where they are read, or of no effect.

``python -m tests.faults.flips 2000 [kind ...]`` flips so many bits of each kind, or of those, cuts each at a tenth as
many places, and prints the counts.
"""

from __future__ import annotations

import json
import logging
import os
import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from nasbench_harness.errors import HarnessError
from nasbench_harness.evidence.baseline import Baseline, read_baseline
from nasbench_harness.experiment import load_experiment
from nasbench_harness.experiment.folder import DESCRIPTION_FILE, read_description, write_description
from nasbench_harness.latency import LatencyTable
from nasbench_harness.latency.measure.clock import Timing
from nasbench_harness.latency.measure.rows import Rows
from nasbench_harness.latency.predict.file import load_predictors, save_predictors
from nasbench_harness.latency.predict.predictor import fit_predictor
from nasbench_harness.native import build
from nasbench_harness.records import read_record, read_run, read_scores, write_record
from nasbench_harness.space import N_ARCHITECTURES
from nasbench_harness.supernet.weights import networks_in
from nasbench_harness.system.arrays import store_arrays, stored_arrays
from nasbench_harness.system.files import write_json
from nasbench_harness.training.checkpoints import Checkpoints
from nasbench_harness.training.clock import CLOCK_FILE, Clock
from nasbench_harness.truth import TruthTable


@dataclass(frozen=True)
class Stored:
    """A stored file, and what a reader finds in it: plain values to compare, or None where it takes it for nothing."""

    path: Path
    read: Callable[[], Any]


def stored_files(folder: Path, fake: Any) -> dict[str, Stored]:
    """One file of every kind that the harness stores and reads again; ``fake``: the module that makes records up."""
    record = fake.make_record("one-shot", 0)
    unit = write_record(folder / "run", record, fake.make_scores(record))
    values = np.random.default_rng(0).uniform(5, 95, (2, N_ARCHITECTURES))
    truth, latency = folder / "truth.npz", folder / "latency.npz"
    TruthTable("t", {"a": values[0], "b": values[1]}, None, {"origin": "x"}).save(truth)
    LatencyTable("l", {"a": values[0], "b": values[1]}, {}, {"origin": "x"}).save(latency)
    baseline = folder / "baseline.json"
    write_json(baseline, Baseline.of(read_run(folder / "run"), "one-shot").to_json())
    index = np.arange(0, N_ARCHITECTURES, 700)
    predictors = folder / "predictors.json"
    save_predictors(predictors, [fit_predictor("a", index, values[0][index])], {})
    arrays = folder / "part.npz"
    store_arrays(arrays, {"values": values[:, :500]})
    kernels = folder / "kernels.so"
    code = np.random.default_rng(1).bytes(50_000)
    kernels.write_bytes(code + build.seal_of(code))
    kernels.chmod(0o700)
    return {
        "record.json": Stored(unit / "record.json", lambda: _record(unit)),
        "scores.parquet": Stored(unit / "scores.parquet", lambda: _scores(unit)),
        "experiment.json": _description(folder / "described"),
        "rows.jsonl": _rows(folder / ".cpu.npz.rows.jsonl"),
        "checkpoint": _checkpoint(folder / "work"),
        "weights.safetensors": _weights(folder / "weights.safetensors"),
        "seconds.json": _clock(folder / "clock"),
        "truth table": Stored(truth, lambda: _table(TruthTable.open(truth))),
        "latency table": Stored(latency, lambda: _table(LatencyTable.load(latency))),
        "baseline": Stored(baseline, lambda: read_baseline(baseline).to_json()),
        "latency predictors": Stored(predictors, lambda: [one.to_json() for one in load_predictors(predictors)]),
        "part of an import": Stored(arrays, lambda: _bytes(stored_arrays(arrays, ("values",)))),
        "kernels": Stored(kernels, lambda: _kernels(kernels)),
    }


def flip(stored: Stored, count: int, rng: np.random.Generator) -> Counter[str]:
    """Flip ``count`` bits, one at a time: how many were noticed, harmless, silent, or an error of another kind."""

    def damaged(whole: bytes, place: int) -> bytes:
        data = bytearray(whole)
        data[place // 8] ^= 1 << place % 8
        return bytes(data)

    return _damage(stored, damaged, rng.integers(0, 8 * stored.path.stat().st_size, count).tolist())


def cut(stored: Stored, count: int, rng: np.random.Generator) -> Counter[str]:
    """The same where the file ends too early, at ``count`` places, the first byte and the last among them."""
    length = stored.path.stat().st_size
    places = [0, 1, length - 1, *rng.integers(0, length, max(0, count - 3)).tolist()]
    return _damage(stored, lambda whole, place: whole[:place], places)


def _damage(stored: Stored, damaged: Callable[[bytes, int], bytes], places: list[int]) -> Counter[str]:
    whole = stored.path.read_bytes()
    expected = stored.read()
    found: Counter[str] = Counter()
    for place in places:
        stored.path.write_bytes(damaged(whole, place))
        stored.path.chmod(0o700)
        try:
            value = stored.read()
            outcome = "noticed" if value is None else "harmless" if value == expected else f"silent at {place}"
        except (HarnessError, build.NoKernelsError):
            outcome = "noticed"
        except Exception as error:
            outcome = f"{type(error).__name__} at {place}"
        found[outcome] += 1
    stored.path.write_bytes(whole)
    return found


def _record(unit: Path) -> Any:
    record = read_record(unit.parents[1], unit.parent.name, int(unit.name.removeprefix("seed-")))
    return None if record is None else record.to_json()


def _scores(unit: Path) -> Any:
    table = read_scores(unit)
    return _bytes((table.index, table.leaf)), {name: _bytes((one,)) for name, one in table.scores.items()}


def _table(table: Any) -> Any:
    return table.name, table.meta, {name: values.tobytes() for name, values in table.columns.items()}


def _bytes(arrays: Any) -> Any:
    return None if arrays is None else [(one.dtype.str, one.shape, one.tobytes()) for one in arrays]


def _checkpoint(folder: Path) -> Stored:
    import torch

    kept = Checkpoints(folder, "unit")
    tensors = {"a": torch.arange(4000.0), "b": torch.tensor(2.5, dtype=torch.bfloat16), "c": torch.ones(3, 5)}
    kept.save("stage", tensors, {"done": 3, "losses": [2.5, 1.25]})
    [path] = folder.glob("*.safetensors")

    def read() -> Any:
        saved = kept.load("stage")
        if saved is None:
            return None
        return {name: (str(one.dtype), one.tolist()) for name, one in saved.tensors.items()}, saved.values

    return Stored(path, read)


def _weights(path: Path) -> Stored:
    from safetensors.torch import save

    from nasbench_harness.supernet.network import NetworkShape, Supernet
    from nasbench_harness.system.tensor_file import write_sealed

    weights = Supernet(NetworkShape(2, 1, 1, 10)).state_dict()
    tensors = {f"0/weight/{name}": one.contiguous() for name, one in weights.items()}
    with open(path, "wb") as stream:
        write_sealed(stream, save(tensors, metadata={"identity": "unit"}))
    return Stored(path, lambda: [[(n, w.tolist()) for n, w in net.state_dict().items()] for net in networks_in(path)])


def _clock(folder: Path) -> Stored:
    clock = Clock(folder, "unit")
    clock._seconds = {"training_seconds": 12.5, "scoring_seconds": 3.25}
    clock.store()
    return Stored(folder / CLOCK_FILE, lambda: Clock(folder, "unit").to_json() or None)


def _description(folder: Path) -> Stored:
    write_description(load_experiment("regress"), folder)
    return Stored(folder / DESCRIPTION_FILE, lambda: read_description(folder) or None)


def _rows(path: Path) -> Stored:
    conditions = {"threads": 1, "repeats": 3}

    def read() -> Any:
        rows = Rows(path, conditions)
        return (rows.found, rows.references) if len(rows.references) == 3 else None  # others are measured again

    rows = Rows(path, conditions)
    for chunk in range(3):
        rows.add([chunk, 9 + chunk], [Timing(1.5 + chunk, 0.25, 3, 0)] * 2, Timing(2.5, 0.125, 3, 0))
    return Stored(path, read)


def _kernels(path: Path) -> Any:
    descriptor = build.open_whole(path)
    os.close(descriptor)
    return path.read_bytes()


def main() -> None:
    from tests import fake_records

    logging.disable(logging.WARNING)
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 500
    rng = np.random.default_rng(0)
    with tempfile.TemporaryDirectory() as folder:
        for kind, stored in stored_files(Path(folder), fake_records).items():
            if sys.argv[2:] and kind not in sys.argv[2:]:
                continue
            found = {"flipped": dict(flip(stored, count, rng)), "cut": dict(cut(stored, count // 10, rng))}
            print(json.dumps({kind: found}), flush=True)


if __name__ == "__main__":
    main()
