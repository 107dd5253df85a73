"""Build a truth table by training architectures stand-alone: plan, train in chunks, resume, write.

One representative of each functional class is trained and every member of the class gets its value: weights aside they
compute the same function. Architectures without a path are not trained, they sit at chance. The work is cut into chunks
whose results are stored as they finish, so that a build can be stopped at any time and resumes where it was.
"""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from nasbench_harness.errors import UsageError
from nasbench_harness.images import ImageSet
from nasbench_harness.metrics import noise_ceiling
from nasbench_harness.space import N_ARCHITECTURES, connected, functional_classes
from nasbench_harness.system.environment import environment_record
from nasbench_harness.system.files import write_json
from nasbench_harness.system.workers import process_context
from nasbench_harness.truth.build.chunks import (
    ModelChunk,
    chunk_identity,
    images_digest,
    load_chunk,
    one_thread,
    train_chunk,
)
from nasbench_harness.truth.build.plan import CHUNK, Plan, Task, build_order, class_representatives
from nasbench_harness.truth.build.standalone import Recipe
from nasbench_harness.truth.build.verify import Verification, verify_table
from nasbench_harness.truth.noise import noise_ceiling_of
from nasbench_harness.truth.policy import TruthPolicy
from nasbench_harness.truth.table import TRUTH_FILE, TruthTable

__all__ = ["Plan", "Recipe", "Verification", "assemble", "build_table", "verify_table"]

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
Report = Callable[[int, int], None]


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
    TRUTH_FILE.check_name(out)
    folder = work or out.with_name(f"{out.name}.work")
    write_json(folder / "about.json", {"kind": "chunks of a truth build", "recipe": recipe.to_json()})
    tasks = plan.tasks()
    paths = [folder / f"chunk-{chunk_identity(images, recipe, task)}.npz" for task in tasks]
    chunks = [load_chunk(path, task) if resume else None for path, task in zip(paths, tasks, strict=True)]
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
) -> Iterator[tuple[int, ModelChunk]]:
    """Train the tasks here or in processes; pairs of position and result as they finish."""
    if workers == 1 or len(tasks) < 2:
        with one_thread():
            for position, (task, path) in enumerate(tasks):
                yield position, train_chunk(images, recipe, task, path)
        return
    pool = ProcessPoolExecutor(min(workers, len(tasks)), process_context(), _start_worker, (images, recipe))
    try:
        futures: dict[Future[ModelChunk], int] = {pool.submit(_work, *task): i for i, task in enumerate(tasks)}
        for future in as_completed(futures):
            yield futures[future], future.result()
    finally:  # after Ctrl-C the chunks in hand are finished and stored, the others dropped
        pool.shutdown(wait=True, cancel_futures=True)


def _start_worker(images: ImageSet, recipe: Recipe) -> None:
    import torch

    torch.set_num_threads(1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the parent alone decides
    _worker.append((images, recipe))


def _work(task: Task, path: Path) -> ModelChunk:
    return train_chunk(*_worker[0], task, path)


def _joined(plan: Plan, parts: Sequence[FloatArray]) -> FloatArray:
    """Arrays of all tasks, in their order, as one ``[classes, seeds]``."""
    per_seeds = -(-len(plan.class_P) // CHUNK)  # tasks that share their seeds
    return np.concatenate([np.concatenate(parts[i : i + per_seeds]) for i in range(0, len(parts), per_seeds)], axis=1)


def assemble(images: ImageSet, recipe: Recipe, plan: Plan, chunks: Sequence[ModelChunk]) -> TruthTable:
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
    columns = {name: _over_all(plan.class_P, value_P, chance) for name, value_P in values.items()}
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
            "classes_with_a_path": len(build_order()),
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


def _over_all(class_P: IntArray, value_P: FloatArray, chance: float) -> FloatArray:
    """Values of trained classes to all architectures ``[15625]``: NaN where not trained, chance without a path."""
    value_of_class = np.full(len(class_representatives()), np.nan)
    value_of_class[class_P] = value_P
    spread = value_of_class[functional_classes()]
    spread[~connected()] = chance
    return spread
