"""Train some entries of a built table again and compare."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from nasbench_harness.errors import DataError, UsageError
from nasbench_harness.images import ImageSet
from nasbench_harness.seeding import derive_rng
from nasbench_harness.space import format_architecture, index_to_code
from nasbench_harness.truth.build.chunks import images_digest, one_thread
from nasbench_harness.truth.build.plan import SEEDS_AT_ONCE, build_order, class_representatives
from nasbench_harness.truth.build.standalone import Recipe, train_standalone
from nasbench_harness.truth.table import TruthTable

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
Report = Callable[[int, int], None]


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

    def to_json(self) -> dict[str, Any]:
        """Verdicts, and for each architecture its stored and new mean accuracy with the difference allowed."""
        rows = zip(self.index_A, self.stored_AS.mean(axis=1), self.again_AS.mean(axis=1), self.tolerance_A, strict=True)
        return {
            "passed": self.passed,
            "identical": self.identical,
            "architectures": [
                {"arch": format_architecture(int(i)), "stored": float(s), "again": float(a), "tolerance": float(t)}
                for i, s, a, t in rows
            ],
        }

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
    representatives = class_representatives()[build_order()]
    known = np.sort(representatives[~np.isnan(stored_all[representatives, 0])])
    if not 1 <= sample <= len(known):
        raise UsageError(f"cannot verify {sample} classes of the {len(known)} trained; give 1 to {len(known)}")
    chosen = np.sort(derive_rng("truth verify", seed).choice(known, sample, replace=False))
    stored_AS = stored_all[chosen]
    again = []
    with one_thread():
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
