"""The verb ``predict``: rankings that need no supernet, judged like one."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from nasbench_harness.cli.options import Json, Policy, Resamples, TruthFile
from nasbench_harness.cli.output import emit, note
from nasbench_harness.system.variables import IMAGES_VARIABLE

if TYPE_CHECKING:
    from nasbench_harness.images import ImageSet


def predict(
    *names: str,
    images: Annotated[str | None, Parameter(env_var=IMAGES_VARIABLE)] = None,
    truth: TruthFile = None,
    policy: Policy = None,
    channels: int = 16,
    cells: int = 5,
    size: int | None = None,
    batch: int = 64,
    seed: int = 0,
    resamples: Resamples = 1000,
    out: Path | None = None,
    json: Json = False,
) -> None:
    """Rank all architectures by training-free predictors and judge them; published numbers stand beside.

    With --out, finished parts are kept there: the same command resumes after an interruption.

    Parameters
    ----------
    names
        Predictors (see ``ls predictors``); none or ``all``: every one whose images and truth column are at hand.
    images
        Folder of the official CIFAR-10 files, or ``digits``; only some predictors look at images.
    channels
        Stem channels of the untrained networks.
    cells
        Cells of each of the three stages.
    size
        Side of the images in pixels; none: 16, or the 8 of the digits.
    batch
        Images in a batch.
    seed
        Seed of weights, noise and the draw of images.
    out
        Folder for the scores (``scores.parquet``) and the result (``predictors.json``); none: print only.
    """
    from rich.console import Console

    from nasbench_harness.data.truths import path_for
    from nasbench_harness.predictors import PredictorContext
    from nasbench_harness.predictors.report import judge_predictors, print_report, selected, write_report
    from nasbench_harness.system.progress import terminal_progress
    from nasbench_harness.truth import judging_table, truth_of

    named = None if images is None else "digits" if images == "digits" else "cifar10"
    table = judging_table(path_for(policy, truth), policy, [named])
    column = policy or next(iter(table.columns))
    judged_by = truth_of(table, column)
    image_set = _image_set(images, size)
    side = size or (int(image_set.images.shape[2]) if image_set is not None else None)
    with terminal_progress(Console(stderr=True)) as progress:
        context = PredictorContext(
            channels=channels,
            cells=cells,
            batch=batch,
            seed=seed,
            images=image_set,
            table=table,
            policy=column,
            work=None if out is None else out / "work",
            progress=progress,
            **({} if side is None else {"size": side}),
        )
        for name, reason in selected(names, context)[1].items():
            note(f"{name} is left out: {reason}")
        scores, result = judge_predictors(names, context, judged_by, resamples)
    if out is not None:
        write_report(out, scores, result)
        note(f"scores and result in {out}")
    emit(result, json, lambda console: print_report(result, console))


def _image_set(named: str | None, size: int | None) -> ImageSet | None:
    """The images of the command line, at the wanted size."""
    from nasbench_harness.images import ImageSpec, load_image_set
    from nasbench_harness.predictors.base import IMAGE_SIDE

    if named is None:
        return None
    if named == "digits":
        return load_image_set(ImageSpec("digits", size=size))
    return load_image_set(ImageSpec("cifar10", Path(named), size=size or IMAGE_SIDE))
