"""Mutated inputs for every reader: whatever comes in, only the errors that a reader documents come out.

``python -m tests.faults.fuzz 200000 [seed]`` tries so many and prints the counts of each reader.
"""

from __future__ import annotations

import io
import json
import logging
import pickle
import sys
import tempfile
import time
import zipfile
from collections import Counter, OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import nasbench_harness
from nasbench_harness.errors import HarnessError
from nasbench_harness.evaluation.score_files import read_score_file
from nasbench_harness.evidence.baseline import Baseline, read_baseline
from nasbench_harness.experiment import load_experiments
from nasbench_harness.images.splits import split_from_file
from nasbench_harness.images.unpickle import BATCH
from nasbench_harness.latency import LatencyTable
from nasbench_harness.latency.importers.kinds import import_latency
from nasbench_harness.latency.importers.pickle_file import TABLE
from nasbench_harness.records import read_record, read_run, read_scores, write_record
from nasbench_harness.space import N_ARCHITECTURES, format_architecture, parse_architecture
from nasbench_harness.system.pickles import DAMAGED, PickleReader
from nasbench_harness.system.tensor_file import write_sealed
from nasbench_harness.training.checkpoints import Checkpoints
from nasbench_harness.truth import TruthTable
from nasbench_harness.truth.conventions import parse_any, parse_naslib
from nasbench_harness.truth.importers import import_table
from nasbench_harness.truth.importers.official.kind import OFFICIAL, architectures

Rng = np.random.Generator

TOKENS = [
    *(
        b"",
        b"\0",
        b"\xff",
        b"\n",
        b'"',
        b"'",
        b",",
        b"[",
        b"]",
        b"{",
        b"}",
        b"|",
        b"~",
        b"+",
        b"=",
        b".",
        b"#",
        b"e",
        b"-",
    ),
    *(b"nan", b"inf", b"1e999", b"9" * 400, b"9" * 5000, b"null", b"true", b"\\u0000", b"-1", b"0", b"65536"),
    *(b"(" * 50, b"[" * 3000, b'{"a":' * 3000, b"\x85" * 20, b"\xff\xff\xff\x7f", b"\0" * 9, "ä\u2028".encode()),
]


@dataclass(frozen=True)
class Target:
    """A reader: what it is fed (``seeds``, mutated), how it reads, and the errors that it documents.

    ``cost``: how many inputs of the cheapest reader take as long as one of its own.
    """

    seeds: list[bytes]
    read: Callable[[bytes], object]
    documented: tuple[type[BaseException], ...] = (HarnessError,)
    cost: int = 1


def mutated(seeds: list[bytes], rng: Rng) -> bytes:
    """One of the seeds with one to four changes: bits, bytes, tokens, pieces left out, doubled or of another seed."""
    data = bytearray(seeds[rng.integers(len(seeds))])
    for _ in range(int(rng.integers(1, 5))):
        at = int(rng.integers(len(data) + 1))
        length = int(rng.integers(1, 2 ** int(rng.integers(1, 9))))
        match int(rng.integers(7)):
            case 0 if data:
                data[at % len(data)] ^= 1 << int(rng.integers(8))
            case 1 if data:
                data[at % len(data)] = int(rng.integers(256))
            case 2:
                data[at:at] = TOKENS[rng.integers(len(TOKENS))]
            case 3:
                del data[at : at + length]
            case 4:
                data[at:at] = data[at : at + length]
            case 5:
                other = seeds[rng.integers(len(seeds))]
                data[at : at + length] = other[at : at + length]
            case 6:
                data[at : at + length] = TOKENS[rng.integers(len(TOKENS))]
    return bytes(data)


def try_inputs(target: Target, count: int, rng: Rng) -> Counter[str]:
    """Feed mutated inputs: how many were read, refused as documented, or came out as another error."""
    found: Counter[str] = Counter()
    for _ in range(count):
        data = mutated(target.seeds, rng)
        try:
            target.read(data)
            found["read"] += 1
        except target.documented as error:
            one_line = not isinstance(error, HarnessError) or str(error)
            found["refused" if one_line else "refused without a word"] += 1
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            found[f"{type(error).__name__}: {str(error)[:80]} for {data[:300]!r}"] += 1
    return found


def from_file(path: Path, read: Callable[[Path], object]) -> Callable[[bytes], object]:
    """A reader of files as one of bytes."""

    def reading(data: bytes) -> object:
        path.write_bytes(data)
        return read(path)

    return reading


def archive_of(parts: dict[str, bytes]) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_STORED) as archive:
        for name, data in parts.items():
            archive.writestr(name, data)
    return stream.getvalue()


def targets(folder: Path, fake: Any) -> dict[str, Target]:
    """Every reader with its seeds; ``fake``: the module that makes records up."""
    import polars as pl

    names = [format_architecture(index) for index in (0, 777, 15624)]
    csv = [
        f"arch,a,b\n{names[0]},1,2\n{names[1]},-3e5,\n".encode(),
        b"index,s\n5,1.5\n6,2\n",
        b'naslib,s\n"0,1,2,3,4,0",1\n',
    ]
    js = [json.dumps(one).encode() for one in ({names[0]: 1, names[1]: 2.5}, {"5": {"a": 1, "b": None}, "6": {"a": 2}})]
    frame, stream = pl.DataFrame({"arch": names, "a": [1.0, 2.0, 3.0], "index": [0, 1, 2]}), io.BytesIO()
    frame.write_parquet(stream)
    record = fake.make_record("one-shot", 0)
    unit = write_record(folder / "run", record, fake.make_scores(record))
    baseline = json.dumps(Baseline.of(read_run(folder / "run"), "one-shot").to_json()).encode()
    presets = Path(nasbench_harness.__file__).parent / "experiment" / "presets"
    tomls = [(presets / f"{name}.toml").read_bytes() for name in ("quickstart", "regress")]
    overrides = [b"budget.epochs=2", b"training.flip=false", b"strategies.x={kind='one-shot'}", b"images.size=4"]
    return {
        "architecture strings": Target([name.encode() for name in names], _parse),
        "score files, CSV": Target(csv, from_file(folder / "s.csv", lambda p: read_score_file(p, True)), cost=6),
        "score files, JSON": Target(js, from_file(folder / "s.json", lambda p: read_score_file(p, True)), cost=6),
        "score files, Parquet": Target(
            [stream.getvalue()], from_file(folder / "s.parquet", lambda p: read_score_file(p, True)), cost=20
        ),
        "truth sources": Target(csv, from_file(folder / "t.csv", lambda p: import_table(p, partial=True)), cost=60),
        "TOML": Target(tomls, from_file(folder / "e.toml", load_experiments), cost=150),
        "overrides": Target(
            overrides, lambda data: load_experiments("quickstart", [data.decode(errors="replace")]), cost=80
        ),
        "records": Target(
            _records(unit),
            from_file(unit / "record.json", lambda p: read_record(folder / "run", "one-shot", 0)),
            cost=40,
        ),
        "scores of records": Target([(unit / "scores.parquet").read_bytes()], _scores(folder / "bare"), cost=30),
        "baselines": Target(
            [baseline, json.dumps({**json.loads(baseline), "sha256": None}).encode().replace(b', "sha256": null', b"")],
            from_file(folder / "b.json", read_baseline),
            cost=15,
        ),
        "splits": Target(
            [b'{"train": [0, 1, 2], "valid": [5, 6]}'],
            from_file(folder / "p.json", lambda p: split_from_file(p, 50)),
            cost=15,
        ),
        "latency sources": Target(_latencies(), from_file(folder / "l.json", import_latency), cost=60),
        "checkpoints": _checkpoints(folder / "work"),
        **_tables(folder),
        **_pickles(),
    }


def _parse(data: bytes) -> None:
    text = data.decode(errors="replace")
    for parse in (parse_architecture, parse_any, parse_naslib):
        try:
            parse(text)
        except HarnessError:
            continue


def _records(unit: Path) -> list[bytes]:
    whole = (unit / "record.json").read_bytes()
    value = json.loads(whole)
    del value["digests"]  # so that changes reach what is behind the digest
    value["top_k_curve"] = {name: {"k": [1], "accuracy": [2.0]} for name in value["top_k_curve"]}
    return [json.dumps(value).encode(), json.dumps(value).encode(), whole]


def _scores(folder: Path) -> Callable[[bytes], object]:
    folder.mkdir()
    return from_file(folder / "scores.parquet", lambda path: read_scores(path.parent))


def _latencies() -> list[bytes]:
    operations = {name: [0.1, 0.2, 0.3] for name in ("none", "skip_connect", "nor_conv_3x3")}
    table = {"format": "nasbench-harness operation latencies", "operations_ms": operations, "constant_ms": 1.0}
    predictors = {
        "format": "nasbench-harness latency predictors",
        "version": 1,
        "meta": {},
        "predictors": [{"features": "x"}],
    }
    return [json.dumps(table).encode(), json.dumps(predictors).encode()]


def _checkpoints(folder: Path) -> Target:
    import torch

    kept = Checkpoints(folder, "unit")
    kept.save("stage", {"a": torch.arange(5.0), "b": torch.ones(2, 2)}, {"done": [1, 2.5]})
    [path] = folder.glob("*.safetensors")
    whole = path.read_bytes()

    def read(data: bytes) -> object:
        if len(data) % 2:  # with a digest that is right, so that what is behind it is reached
            try:
                with open(path, "wb") as stream:
                    write_sealed(stream, data)
            except ValueError:
                path.write_bytes(data)
        else:
            path.write_bytes(data)
        return kept.load("stage")

    return Target([whole], read, cost=10)


def _tables(folder: Path) -> dict[str, Target]:
    """Archives whose parts are mutated one by one behind sound checksums, and archives mutated as they are."""
    values = np.random.default_rng(0).uniform(5, 95, N_ARCHITECTURES)
    found = {}
    for kind, table, open_ in (
        ("truth tables", TruthTable("t", {"a": values}, None, {"origin": "x"}), TruthTable.open),
        ("latency tables", LatencyTable("l", {"a": values}, {}, {"origin": "x"}), LatencyTable.load),
    ):
        path = folder / f"{kind.replace(' ', '-')}.npz"
        table.save(path)
        with zipfile.ZipFile(path) as archive:
            parts = {name: archive.read(name) for name in archive.namelist()}

        def read(data: bytes, parts: dict[str, bytes] = parts, path: Path = path, open_: Any = open_) -> object:
            name, _, content = data.partition(b"\n")
            path.write_bytes(archive_of({**parts, name.decode(errors="replace") or "empty": content}))
            return open_(path)

        seeds = [name.encode() + b"\n" + content[:2000] for name, content in parts.items()]
        found[kind] = Target(seeds, read, cost=40)
        found[f"{kind}, packed"] = Target(
            [path.read_bytes()[-3000:], path.read_bytes()[:3000]], from_file(path, open_), cost=6
        )
    return found


def _pickles() -> dict[str, Target]:
    array = np.arange(12, dtype=np.uint8).reshape(3, 4)
    batch = [pickle.dumps({b"data": array, b"labels": [1, 2, 3], b"x": "y"}, protocol) for protocol in range(5)]
    numbers = {"nasbench201": {"cifar10": {"a_latency": [0.5, 1.5], "b": np.float64(2), "c": np.arange(3.0)}}}
    table = [pickle.dumps(numbers, protocol) for protocol in range(5)]
    entry = OrderedDict({"12": {"arch_index": 3, "all": {("cifar10", 777): [0.1] * 3}}, "200": {1, 2, "x"}})
    official = [pickle.dumps({"arch2infos": {0: entry, 1: dict(entry)}, "n": [None, True, 2**40]}, p) for p in (2, 4)]
    kinds = {
        "CIFAR-10 batches": (batch, BATCH),
        "HW-NAS-Bench": (table, TABLE),
        "official archives": (official, OFFICIAL),
    }
    return {
        f"pickles, {name}": Target(
            seeds,
            lambda data, kind=kind: PickleReader(io.BytesIO(data), kind, architectures(lambda one: {})).load(),  # type: ignore[misc]
            DAMAGED,
        )
        for name, (seeds, kind) in kinds.items()
    }


def shares(found: dict[str, Target], count: int) -> dict[str, int]:
    """How many inputs each reader gets of ``count``: the cheaper, the more, and none fewer than a few."""
    weights = {name: target.cost**-0.7 for name, target in found.items()}
    return {name: max(10, round(count * weight / sum(weights.values()))) for name, weight in weights.items()}


def main() -> None:
    from tests import fake_records

    logging.disable(logging.WARNING)
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 5_000
    rng = np.random.default_rng(int(sys.argv[2]) if len(sys.argv) > 2 else 0)
    with tempfile.TemporaryDirectory() as folder:
        found = targets(Path(folder), fake_records)
        for name, share in shares(found, count).items():
            start = time.monotonic()
            outcome = try_inputs(found[name], share, rng)
            print(json.dumps({name: dict(outcome), "seconds": round(time.monotonic() - start, 1)}), flush=True)


if __name__ == "__main__":
    main()
