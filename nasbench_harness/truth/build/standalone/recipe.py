"""How the stand-alone networks of a built truth table are made and trained."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from nasbench_harness.errors import UsageError


@dataclass(frozen=True)
class Recipe:
    """How a stand-alone network is built and trained; everything that changes its accuracy besides images and seed.

    ``channels`` of the first stage, ``cells`` per stage; ``epochs`` over the training part in batches of ``batch``
    (an incomplete last batch is dropped); SGD with Nesterov ``momentum`` and ``weight_decay`` on all weights, the
    learning rate falls from ``learning_rate`` to 0 on a cosine; ``shift``: training images move by up to so many pixels
    each way, the uncovered ones are black. Batch norm uses batch statistics, in training and in the evaluation (whole
    parts at once, up to 1,200 images).

    The defaults are those of the embedded digits table: short and narrow on purpose, since digits are easy. Longer or
    wider trainings bring nearly all architectures to 95 % and leave less than the seeds' noise between them.
    """

    channels: int = 4
    cells: int = 2
    epochs: int = 5
    batch: int = 50
    learning_rate: float = 0.4
    momentum: float = 0.9
    weight_decay: float = 5e-4
    shift: int = 0

    def __post_init__(self) -> None:
        for name, low in (("channels", 1), ("cells", 1), ("epochs", 1), ("batch", 2), ("shift", 0)):
            if getattr(self, name) < low:
                raise UsageError(f"recipe: {name} is {getattr(self, name)}; give at least {low}")
        if not (self.learning_rate > 0 and 0 <= self.momentum < 1 and self.weight_decay >= 0):
            raise UsageError(
                f"recipe: learning_rate {self.learning_rate}, momentum {self.momentum}, weight_decay "
                f"{self.weight_decay}; give a positive rate, momentum in [0, 1) and a decay of 0 or more"
            )

    def steps(self, images: int) -> int:
        """Updates of one model on ``images`` training images."""
        return self.epochs * (images // self.batch)

    def to_json(self) -> dict[str, Any]:
        """All fields, as plain JSON values."""
        return asdict(self)


def recipe_from(changes: Sequence[str]) -> Recipe:
    """The default recipe with changes such as ``epochs=20``; raises ``UsageError`` naming what is wrong with one."""
    kinds = {name: type(value) for name, value in Recipe().to_json().items()}
    values: dict[str, Any] = {}
    for change in changes:
        name, separator, text = change.partition("=")
        if not separator or name not in kinds:
            raise UsageError(f"recipe change {change!r} is not one of {', '.join(f'{known}=' for known in kinds)}")
        try:
            values[name] = kinds[name](text)
        except ValueError as error:
            raise UsageError(f"recipe change {change!r}: {text!r} is no {kinds[name].__name__}") from error
    return Recipe(**values)
