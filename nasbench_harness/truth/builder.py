"""Build a truth table by training architectures stand-alone: plan, train in chunks, resume, write, verify.

One representative of each functional class is trained and every member of the class gets its value: weights aside they
compute the same function. Architectures without a path are not trained, they sit at chance. The work is cut into chunks
whose results are stored as they finish, so that a build can be stopped at any time and goes on where it was.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import multiprocessing
import signal
import time
import zipfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from nasbench_harness.environment import environment_record
from nasbench_harness.errors import DataError, UsageError
from nasbench_harness.files import write_atomically, write_json
from nasbench_harness.images import ImageSet
from nasbench_harness.metrics import noise_ceiling
from nasbench_harness.seeding import derive_rng
from nasbench_harness.space import (
    N_ARCHITECTURES,
    connected,
    flops,
    functional_classes,
    index_to_code,
    live_cell_of,
    live_edges,
)
from nasbench_harness.truth.noise import noise_ceiling_of
from nasbench_harness.truth.policy import TruthPolicy
from nasbench_harness.truth.standalone import Recipe, train_standalone
from nasbench_harness.truth.table import TruthTable

CHUNK = 16  # architectures of a chunk of work: some ten seconds to lose when a build is stopped
SEEDS_AT_ONCE = 4  # seeds of a chunk: a table of four seeds can be extended to eight without training again
SCHEMA = 1  # raise when the training code changes results: stored chunks then no longer count

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
Report = Callable[[int, int], None]


@cache
def class_representatives() -> IntArray:
    """int64 ``[4930]``: of each functional class the live cell with the fewest live edges, then the fewest
    multiply-adds, then the smallest index. The class without a path has representative 0, six times ``none``.
    """
    cells = np.unique(live_cell_of())
    order = np.lexsort((cells, flops(live=True)[cells], live_edges()[cells].sum(axis=1)))
    classes = functional_classes()[cells[order]]
    representatives = np.zeros(functional_classes().max() + 1, dtype=np.int64)
    representatives[classes[::-1]] = cells[order][::-1]  # assigned in reverse: the best of each class comes last
    return representatives


@cache
def _build_order() -> IntArray:
    """All classes with a path in one fixed random order: a build of the first N can be extended to all of them."""
    classes = np.unique(functional_classes()[connected()])
    return np.asarray(derive_rng("truth build", "class order").permutation(classes), dtype=np.int64)


@dataclass(frozen=True, eq=False)
class Task:
    """One chunk of work: each architecture of ``index_A`` (our indices) with each of the seeds."""

    index_A: IntArray
    seeds: tuple[int, ...]


@dataclass(frozen=True, eq=False)
class Plan:
    """What a build trains: ``class_P``, the functional classes in the order of training, and the seeds.

    ``chance``: whether the 341 architectures without a path get their value. In a sample they would be far too many.
    """

    class_P: IntArray
    seeds: tuple[int, ...]
    chance: bool

    @classmethod
    def of(cls, architectures: int | Sequence[int] | None, seeds: int) -> Plan:
        """All classes (None), the first N of a fixed random order (a number), or those of the architectures listed."""
        order, chance = _build_order(), architectures is None
        if seeds < 2:
            raise UsageError(f"{seeds} seed: a table needs two halves of seeds to state its noise; give at least 2")
        if architectures is None:
            chosen = order
        elif isinstance(architectures, int):
            if not 1 <= architectures <= len(order):
                raise UsageError(f"{architectures} functional classes asked for; give 1 to {len(order)}")
            chosen = order[:architectures]
        else:
            index = np.asarray(architectures, dtype=np.int64)
            if not len(index) or index.min() < 0 or index.max() >= N_ARCHITECTURES:
                raise UsageError(f"architectures to train must be indices 0..{N_ARCHITECTURES - 1}, at least one")
            if not connected()[index].any():
                raise UsageError("no architecture of the list has a path from input to output: nothing to train")
            chosen, chance = order[np.isin(order, functional_classes()[index])], not connected()[index].all()
        return cls(chosen, tuple(range(seeds)), chance)

    def tasks(self) -> list[Task]:
        """The work in chunks, all architectures with the first seeds before any with the next ones."""
        representatives = class_representatives()[self.class_P]
        return [
            Task(representatives[first : first + CHUNK], self.seeds[seed : seed + SEEDS_AT_ONCE])
            for seed in range(0, len(self.seeds), SEEDS_AT_ONCE)
            for first in range(0, len(representatives), CHUNK)
        ]


@dataclass(frozen=True, eq=False)
class Chunk:
    """Finished work: float64 ``[architectures, seeds]`` accuracies in percent and losses, and the seconds it took."""

    test_AS: FloatArray
    valid_AS: FloatArray
    loss_AS: FloatArray
    seconds: float


def build_table(
    images: ImageSet,
    recipe: Recipe,
    out: Path,
    architectures: int | Sequence[int] | None = None,
    seeds: int = 8,
    workers: int = 1,
    progress: Report | None = None,
    resume: bool = True,
    work: Path | None = None,
) -> TruthTable:
    """Train, and write the table to ``out`` (``.npz``); the finished table.

    ``architectures``: see ``Plan.of``. ``workers`` processes of one thread each. ``progress(done, total)``: models.
    Chunks are kept in ``work`` (default: a folder beside ``out``); with ``resume`` those of the same recipe, images and
    seeds are taken as they are. Raises ``UsageError`` for a wrong request and ``RunError`` when a training diverges.
    """
    plan = Plan.of(architectures, seeds)
    if workers < 1:
        raise UsageError(f"{workers} workers; give at least 1")
    if out.suffix != ".npz":
        raise UsageError(f"a truth table is stored as .npz, not as {out.name}; name the file {out.stem}.npz")
    folder = work or out.with_name(f"{out.name}.work")
    write_json(folder / "about.json", {"kind": "chunks of a truth build", "recipe": recipe.to_json()})
    tasks = plan.tasks()
    paths = [folder / f"chunk-{_identity(images, recipe, task)}.npz" for task in tasks]
    chunks = [_load(path, task) if resume else None for path, task in zip(paths, tasks, strict=True)]
    total = len(plan.class_P) * seeds
    finished = sum(chunk.test_AS.size for chunk in chunks if chunk is not None)
    if progress is not None:
        progress(finished, total)
    missing = [i for i, chunk in enumerate(chunks) if chunk is None]
    for position, chunk in _run(images, recipe, [(tasks[i], paths[i]) for i in missing], workers):
        chunks[missing[position]] = chunk
        finished += chunk.test_AS.size
        if progress is not None:
            progress(finished, total)
    table = assemble(images, recipe, plan, [chunk for chunk in chunks if chunk is not None])
    table.save(out)
    return table


_worker: list[tuple[ImageSet, Recipe]] = []  # of a worker process: sent once, not with every task


def _run(
    images: ImageSet, recipe: Recipe, tasks: Sequence[tuple[Task, Path]], workers: int
) -> Iterator[tuple[int, Chunk]]:
    """Train the tasks here or in processes; pairs of position and result as they finish."""
    if workers == 1 or len(tasks) < 2:
        with _one_thread():
            for position, (task, path) in enumerate(tasks):
                yield position, _train_chunk(images, recipe, task, path)
        return
    spawn = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(min(workers, len(tasks)), spawn, _start_worker, (images, recipe))
    try:
        futures: dict[Future[Chunk], int] = {pool.submit(_work, *task): i for i, task in enumerate(tasks)}
        for future in as_completed(futures):
            yield futures[future], future.result()
    finally:  # after Ctrl-C the chunks in hand are finished and stored, the others dropped
        pool.shutdown(wait=True, cancel_futures=True)


def _start_worker(images: ImageSet, recipe: Recipe) -> None:
    import torch

    torch.set_num_threads(1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the parent alone decides
    _worker.append((images, recipe))


def _work(task: Task, path: Path) -> Chunk:
    return _train_chunk(*_worker[0], task, path)


@contextlib.contextmanager
def _one_thread() -> Iterator[None]:
    """One torch thread: the networks are too small to share, and the order of additions stays the same everywhere."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _train_chunk(images: ImageSet, recipe: Recipe, task: Task, path: Path) -> Chunk:
    started = time.perf_counter()
    shape = (len(task.index_A), len(task.seeds))
    codes = np.repeat(index_to_code(task.index_A), len(task.seeds), axis=0)
    result = train_standalone(codes, np.tile(np.array(task.seeds, dtype=np.int64), len(task.index_A)), images, recipe)
    chunk = Chunk(
        result.test_accuracy_M.reshape(shape),
        result.valid_accuracy_M.reshape(shape),
        result.final_loss_M.reshape(shape),
        time.perf_counter() - started,
    )

    def write(stream: BinaryIO) -> None:
        np.savez_compressed(
            stream, test=chunk.test_AS, valid=chunk.valid_AS, loss=chunk.loss_AS, seconds=np.array(chunk.seconds)
        )

    write_atomically(path, write)
    return chunk


def _identity(images: ImageSet, recipe: Recipe, task: Task) -> str:
    """Hash of everything that can change a chunk's numbers."""
    facts = {
        "schema": SCHEMA,
        "recipe": recipe.to_json(),
        "images": images_digest(images),
        "architectures": task.index_A.tolist(),
        "seeds": list(task.seeds),
    }
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:24]


def images_digest(images: ImageSet) -> str:
    """SHA-256 of pixels, labels and the three parts of an image set."""
    digest = hashlib.sha256(np.ascontiguousarray(images.images).data)
    for array in (images.labels, images.train, images.valid, images.test):
        digest.update(np.ascontiguousarray(array, dtype="<i8").tobytes())
    return digest.hexdigest()


def _load(path: Path, task: Task) -> Chunk | None:
    """A stored chunk, or None where there is none or it is damaged: it is then trained again."""
    try:
        with np.load(path, allow_pickle=False) as stored:
            chunk = Chunk(stored["test"], stored["valid"], stored["loss"], float(stored["seconds"]))
    except (OSError, ValueError, KeyError, zipfile.BadZipFile, EOFError):
        return None
    shape = (len(task.index_A), len(task.seeds))
    whole = all(a.shape == shape and np.isfinite(a).all() for a in (chunk.test_AS, chunk.valid_AS, chunk.loss_AS))
    return chunk if whole else None


def _joined(plan: Plan, parts: Sequence[FloatArray]) -> FloatArray:
    """Arrays of all tasks, in their order, as one ``[classes, seeds]``."""
    per_seeds = -(-len(plan.class_P) // CHUNK)  # tasks that share their seeds
    return np.concatenate([np.concatenate(parts[i : i + per_seeds]) for i in range(0, len(parts), per_seeds)], axis=1)


def assemble(images: ImageSet, recipe: Recipe, plan: Plan, chunks: Sequence[Chunk]) -> TruthTable:
    """The table of finished chunks: means, halves and single seeds, spread over the members of each class."""
    test_PS = _joined(plan, [chunk.test_AS for chunk in chunks])
    valid_PS = _joined(plan, [chunk.valid_AS for chunk in chunks])
    test, valid = (f"{images.name}_{part}_{recipe.epochs}" for part in ("test", "valid"))
    values: dict[str, FloatArray] = {
        test: test_PS.mean(axis=1),
        f"{test}_halfA": test_PS[:, 0::2].mean(axis=1),
        f"{test}_halfB": test_PS[:, 1::2].mean(axis=1),
        valid: valid_PS.mean(axis=1),
    }
    values |= {f"{test}_seed{seed}": test_PS[:, i] for i, seed in enumerate(plan.seeds)}
    chance = 100.0 / images.n_classes if plan.chance else np.nan
    halves = values[f"{test}_halfA"], values[f"{test}_halfB"]
    columns = {name: _spread(plan.class_P, value_P, chance) for name, value_P in values.items()}
    covered = int((~np.isnan(columns[test])).sum())
    steps = recipe.steps(len(images.train))
    meta: dict[str, Any] = {
        "kind": "stand-alone training",
        "partial": covered < N_ARCHITECTURES,
        "recipe": recipe.to_json(),
        "images": images.provenance,
        "image_counts": {part: len(getattr(images, part)) for part in ("train", "valid", "test")},
        "images_sha256": images_digest(images),
        "seeds": list(plan.seeds),
        "halves": {"halfA": list(plan.seeds[0::2]), "halfB": list(plan.seeds[1::2])},
        "evaluation": "batch norm with the statistics of the images evaluated",
        "isomorphism": "one training per functional class, its value given to every member; without a path: chance",
        "coverage": {
            "architectures": covered,
            "trained_classes": len(plan.class_P),
            "classes_with_a_path": len(_build_order()),
            "models": int(test_PS.size),
        },
        "cost": {
            "updates": int(test_PS.size) * steps,
            "image_updates": int(test_PS.size) * steps * recipe.batch,
            "seconds": round(sum(chunk.seconds for chunk in chunks), 1),
        },
        "environment": environment_record(),
        # every trained class once: members of a class, which are equal, and chance are no evidence of agreement
        "noise_ceiling_of_classes": noise_ceiling(*halves) if len(plan.class_P) > 1 else None,
    }
    table = TruthTable(images.name, columns, None, meta)
    return TruthTable(images.name, columns, None, meta | {"noise_ceiling": noise_ceiling_of(table, TruthPolicy(test))})


def _spread(class_P: IntArray, value_P: FloatArray, chance: float) -> FloatArray:
    """Values of trained classes to all architectures ``[15625]``: NaN where not trained, chance without a path."""
    value_of_class = np.full(len(class_representatives()), np.nan)
    value_of_class[class_P] = value_P
    spread = value_of_class[functional_classes()]
    spread[~connected()] = chance
    return spread


@dataclass(frozen=True, eq=False)
class Verification:
    """Trained again: ``index_A`` (our indices), stored and new test accuracy ``[A, S]`` in percent, allowed difference.

    ``tolerance_A`` is that of the means over seeds. Another processor adds floats in another order, and training blows
    such differences up to those between seeds; the same one repeats the numbers exactly.
    """

    index_A: IntArray
    stored_AS: FloatArray
    again_AS: FloatArray
    tolerance_A: FloatArray

    @property
    def difference_A(self) -> FloatArray:
        """Absolute difference of the means over seeds."""
        return np.asarray(np.abs(self.stored_AS.mean(axis=1) - self.again_AS.mean(axis=1)))

    @property
    def identical(self) -> bool:
        """Whether every single number was repeated."""
        return bool(np.array_equal(self.stored_AS, self.again_AS))

    @property
    def passed(self) -> bool:
        """Whether all means are within tolerance."""
        return bool((self.difference_A <= self.tolerance_A).all())


def verify_table(
    table: TruthTable, images: ImageSet, sample: int, seed: int = 0, progress: Report | None = None
) -> Verification:
    """Train ``sample`` random classes of a table again with its stored recipe and seeds, and compare.

    The means over seeds may differ by 4 standard errors of a difference of two such means, and by 0.5 at least. Raises
    ``DataError`` when the table does not say how it was built, or was built from other images.
    """
    try:
        recipe, seeds = Recipe(**table.meta["recipe"]), [int(s) for s in table.meta["seeds"]]
        expected, test = str(table.meta["images_sha256"]), f"{images.name}_test_{recipe.epochs}"
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(
            f"table '{table.name}' does not say how it was built ({error}); only built tables can be verified"
        ) from error
    if expected != images_digest(images):
        raise DataError(f"table '{table.name}' was built from other images (sha256 {expected[:12]}); name those")
    stored_all = np.stack([table.column(f"{test}_seed{s}") for s in seeds], axis=1)
    representatives = class_representatives()[_build_order()]
    known = np.sort(representatives[~np.isnan(stored_all[representatives, 0])])
    if not 1 <= sample <= len(known):
        raise UsageError(f"cannot verify {sample} classes of the {len(known)} trained; give 1 to {len(known)}")
    chosen = np.sort(derive_rng("truth verify", seed).choice(known, sample, replace=False))
    stored_AS = stored_all[chosen]
    again = []
    with _one_thread():
        for start in range(0, len(seeds), SEEDS_AT_ONCE):  # in the company they were built in: bit for bit the same
            part = seeds[start : start + SEEDS_AT_ONCE]
            codes = np.repeat(index_to_code(chosen), len(part), axis=0)
            result = train_standalone(codes, np.tile(np.array(part, dtype=np.int64), sample), images, recipe)
            again.append(result.test_accuracy_M.reshape(sample, len(part)))
            if progress is not None:
                progress(sample * (start + len(part)), sample * len(seeds))
    again_AS = np.concatenate(again, axis=1)
    error_A = stored_AS.std(axis=1, ddof=1) * np.sqrt(2 / len(seeds))
    return Verification(chosen, stored_AS, again_AS, np.maximum(0.5, 4 * error_A))
