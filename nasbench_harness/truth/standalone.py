"""Train many stand-alone NAS-Bench-201 networks, each with its own weights, several in one forward pass.

Networks this small cost more in calls than in arithmetic. The seeds of one architecture therefore run side by side:
their channels lie next to each other, every convolution is one grouped convolution with a group per model, and batch
norm, which works per channel, keeps the models apart by itself. No model ever reads another one's numbers, so a model's
result depends on its architecture, its seed and the recipe, up to the order of float additions.

A seed fixes the initial weights, layer by layer, and the order and shifts of the images. Architectures with the same
seed share both (stem, reduction blocks, classifier and equal edges start alike), so that they differ by their cells.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional as F

from nasbench_harness.errors import RunError, UsageError
from nasbench_harness.images import ImageSet
from nasbench_harness.seeding import derive_seed
from nasbench_harness.space import EDGES, OPERATIONS, code_to_index, connected, format_architecture, live_edges

NONE, SKIP, CONV_1X1, CONV_3X3, POOL = range(len(OPERATIONS))
STAGES = 3
MODELS_AT_ONCE = 16
EVALUATION_IMAGES = 1200

FloatArray = npt.NDArray[np.float64]
Code = tuple[int, ...]
Report = Callable[[int, int], None]


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


@dataclass(frozen=True, eq=False)
class StandaloneResult:
    """Outcome of M models, row for row with what was asked.

    Float64 ``[M]``: accuracy in percent on the test and the validation part, mean loss of the last epoch.
    """

    test_accuracy_M: FloatArray
    valid_accuracy_M: FloatArray
    final_loss_M: FloatArray


class Models:
    """One architecture with one set of weights per seed; ``parameters`` are leaf tensors, models along dimension 0.

    ``code``: operation per edge; dead edges are dropped here (a convolution that the input does not reach would add a
    learned constant in the literal network, the offset of its batch norm; here it adds nothing). Batch norm is affine,
    convolutions have no bias (methods 0.1 [C]); the initial weights are uniform within 1/sqrt(fan in), PyTorch's own.
    """

    def __init__(self, code: Sequence[int], seeds: Sequence[int], recipe: Recipe, inputs: int, classes: int) -> None:
        index = int(code_to_index(np.asarray(code, dtype=np.int64)))
        if not connected()[index]:
            raise UsageError(f"{format_architecture(index)} has no path from input to output: it cannot be trained")
        self.code: Code = tuple(int(op) if live else NONE for op, live in zip(code, live_edges()[index], strict=True))
        self.seeds = tuple(int(seed) for seed in seeds)
        self.cells = recipe.cells
        self.parameters: dict[str, Tensor] = {}
        c = recipe.channels
        self._add_convolution("stem", inputs, c, 3)
        for stage in range(STAGES):
            if stage:
                self._add_convolution(f"reduce{stage}.a", c, 2 * c, 3)
                self._add_convolution(f"reduce{stage}.b", 2 * c, 2 * c, 3)
                self._add_convolution(f"reduce{stage}.shortcut", c, 2 * c, 1, norm=False)
                c *= 2
            for cell in range(recipe.cells):
                for edge, op in enumerate(self.code):
                    if op in (CONV_1X1, CONV_3X3):
                        self._add_convolution(f"cell{stage}.{cell}.{edge}", c, c, 3 if op == CONV_3X3 else 1)
        self._add_norm("last", c)
        self._add("classifier.weight", self._uniform("classifier", (1, classes, c), c))
        self._add("classifier.bias", torch.zeros(len(self.seeds), classes))

    def _uniform(self, layer: str, shape: tuple[int, ...], fan_in: int) -> Tensor:
        draws = []
        for seed in self.seeds:
            generator = torch.Generator().manual_seed(derive_seed("stand-alone", seed, layer, *shape))
            draws.append(torch.empty(shape).uniform_(-(fan_in**-0.5), fan_in**-0.5, generator=generator))
        return torch.cat(draws)

    def _add(self, name: str, value: Tensor) -> None:
        self.parameters[name] = value.requires_grad_()

    def _add_norm(self, name: str, channels: int) -> None:
        self._add(f"{name}.gain", torch.ones(len(self.seeds) * channels))
        self._add(f"{name}.offset", torch.zeros(len(self.seeds) * channels))

    def _add_convolution(self, name: str, inputs: int, outputs: int, kernel: int, norm: bool = True) -> None:
        weight = self._uniform(name, (outputs, inputs, kernel, kernel), inputs * kernel * kernel)
        self._add(name, weight.contiguous(memory_format=torch.channels_last))
        if norm:
            self._add_norm(name, outputs)

    def _norm(self, name: str, x: Tensor) -> Tensor:
        gain, offset = self.parameters[f"{name}.gain"], self.parameters[f"{name}.offset"]
        return F.batch_norm(x, None, None, gain, offset, training=True)

    def _convolve(self, name: str, x: Tensor, stride: int = 1) -> Tensor:
        weight = self.parameters[name]
        x = F.conv2d(x, weight, None, stride, weight.shape[2] // 2, 1, len(self.seeds))
        return self._norm(name, x) if f"{name}.gain" in self.parameters else x

    def _cell(self, name: str, x: Tensor) -> Tensor:
        nodes: list[Tensor | None] = [x, None, None, None]
        rectified: dict[int, Tensor] = {}  # edges that leave the same node share its ReLU and its pooling
        pooled: dict[int, Tensor] = {}
        for edge, (source, target) in enumerate(EDGES):
            op, x_source = self.code[edge], nodes[source]
            if op == NONE or x_source is None:
                continue
            if op == SKIP:
                y = x_source
            elif op == POOL:
                if source not in pooled:
                    pooled[source] = F.avg_pool2d(x_source, 3, 1, 1, count_include_pad=False)
                y = pooled[source]
            else:
                if source not in rectified:
                    rectified[source] = F.relu(x_source)
                y = self._convolve(f"{name}.{edge}", rectified[source])
            before = nodes[target]
            nodes[target] = y if before is None else before + y
        assert nodes[3] is not None  # a path exists: checked at construction
        return nodes[3]

    def logits(self, x: Tensor) -> Tensor:
        """Logits ``[models, B, classes]`` of images ``[B, models * C, H, W]`` (each model its own images)."""
        x = self._convolve("stem", x)
        for stage in range(STAGES):
            if stage:
                y = self._convolve(f"reduce{stage}.a", F.relu(x), stride=2)
                y = self._convolve(f"reduce{stage}.b", F.relu(y))
                x = y + self._convolve(f"reduce{stage}.shortcut", F.avg_pool2d(x, 2))
            for cell in range(self.cells):
                x = self._cell(f"cell{stage}.{cell}", x)
        pixels = F.relu(self._norm("last", x)).mean((2, 3))
        weight, bias = self.parameters["classifier.weight"], self.parameters["classifier.bias"]
        weight = weight.view(len(self.seeds), -1, weight.shape[-1])
        return torch.baddbmm(
            bias[:, None], pixels.view(len(x), len(self.seeds), -1).transpose(0, 1), weight.transpose(1, 2)
        )


def train_standalone(
    codes_MC: npt.NDArray[np.uint8],
    seeds_M: npt.NDArray[np.int64],
    images: ImageSet,
    recipe: Recipe,
    progress: Report | None = None,
) -> StandaloneResult:
    """Train model m of architecture ``codes_MC[m]`` (uint8 ``[M, 6]``) with seed ``seeds_M[m]``, on one CPU.

    ``progress(done, total)`` counts models. Raises ``UsageError`` for an architecture without a path or a training part
    smaller than a batch, ``RunError`` when a training diverges: its loss is not a number or infinite.
    """
    if codes_MC.shape != (len(seeds_M), len(EDGES)):
        raise UsageError(f"expected codes [{len(seeds_M)}, {len(EDGES)}], one row a seed; found {list(codes_MC.shape)}")
    if len(images.train) < recipe.batch:
        raise UsageError(f"{len(images.train)} training images are less than one batch of {recipe.batch}")
    result = StandaloneResult(*(np.full(len(seeds_M), np.nan) for _ in range(3)))
    rows_of: dict[Code, list[int]] = {}
    for row, code in enumerate(codes_MC.tolist()):
        rows_of.setdefault(tuple(code), []).append(row)
    data = _Data(images, recipe)
    done = 0
    for code, rows in rows_of.items():
        for start in range(0, len(rows), MODELS_AT_ONCE):
            part = np.array(rows[start : start + MODELS_AT_ONCE])
            models = Models(code, seeds_M[part].tolist(), recipe, images.images.shape[1], images.n_classes)
            result.final_loss_M[part] = _train(models, data, recipe)
            result.test_accuracy_M[part] = data.accuracy(models, images.test)
            result.valid_accuracy_M[part] = data.accuracy(models, images.valid)
            done += len(part)
            if progress is not None:
                progress(done, len(seeds_M))
    return result


def _train(models: Models, data: _Data, recipe: Recipe) -> FloatArray:
    """Run all updates; the mean loss of the last epoch per model, float64 ``[models]``."""
    optimiser = torch.optim.SGD(
        list(models.parameters.values()),
        lr=recipe.learning_rate,
        momentum=recipe.momentum,
        weight_decay=recipe.weight_decay,
        nesterov=recipe.momentum > 0,
        foreach=True,
    )
    steps = recipe.steps(len(data.train))
    loss_M = torch.zeros(len(models.seeds))
    for step, (x, y_MB) in enumerate(data.batches(models.seeds)):
        optimiser.param_groups[0]["lr"] = recipe.learning_rate * (1 + math.cos(math.pi * step / steps)) / 2
        losses_MB = F.cross_entropy(models.logits(x).transpose(1, 2), y_MB, reduction="none")
        optimiser.zero_grad()
        (losses_MB.sum() / recipe.batch).backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        if step >= steps - steps // recipe.epochs:
            loss_M += losses_MB.detach().mean(1)
    mean_M = (loss_M / (steps // recipe.epochs)).double().numpy()
    if not np.isfinite(mean_M).all():
        bad = int(np.flatnonzero(~np.isfinite(mean_M))[0])
        name = format_architecture(int(code_to_index(np.asarray(models.code))))
        raise RunError(
            f"stand-alone training of {name} with seed {models.seeds[bad]} diverged (loss {mean_M[bad]}); "
            f"lower the recipe's learning rate of {recipe.learning_rate}"
        )
    return np.asarray(mean_M, dtype=np.float64)


class _Data:
    """The images of a set on the network's scale, and batches of them with the models' channels side by side."""

    def __init__(self, images: ImageSet, recipe: Recipe) -> None:
        self.recipe = recipe
        self.train = torch.from_numpy(images.train)
        self.labels = torch.from_numpy(images.labels)
        mean, std = (np.asarray(v, dtype=np.float32)[:, None, None] for v in (images.mean, images.std))
        self.n_classes, (self.height, self.width) = images.n_classes, images.images.shape[2:]
        wide = np.pad(images.images, ((0, 0), (0, 0), *[(recipe.shift, recipe.shift)] * 2))  # black is 0 in every set
        scaled = (wide.astype(np.float32) / np.float32(255) - mean) / std
        self.pixels_NHWC = torch.from_numpy(np.ascontiguousarray(scaled.transpose(0, 2, 3, 1)))

    def batches(self, seeds: Sequence[int]) -> Iterator[tuple[Tensor, Tensor]]:
        """Every update's images ``[B, models * C, H, W]`` and labels ``[models, B]``, each seed in its own order."""
        generators = [torch.Generator().manual_seed(derive_seed("stand-alone", seed, "order")) for seed in seeds]
        n, size, span = len(self.train), self.recipe.batch, 2 * self.recipe.shift + 1
        for _ in range(self.recipe.epochs):
            order_NM = torch.stack([self.train[torch.randperm(n, generator=g)] for g in generators], 1)
            offset_2NM = torch.stack([torch.randint(span, (2, n), generator=g) for g in generators], 2)
            for start in range(0, n - size + 1, size):
                rows = slice(start, start + size)
                yield self._images(order_NM[rows], offset_2NM[:, rows]), self.labels[order_NM[rows].T]

    def _images(self, which_BM: Tensor, offset_2BM: Tensor) -> Tensor:
        """One gather that cuts each image at its offset and lays the models' channels side by side, channels last."""
        row_BHM = offset_2BM[0][:, None] + torch.arange(self.height)[:, None]
        column_BWM = offset_2BM[1][:, None] + torch.arange(self.width)[:, None]
        x = self.pixels_NHWC[which_BM[:, None, None], row_BHM[:, :, None], column_BWM[:, None]]  # [B, H, W, M, C]
        return x.flatten(3).permute(0, 3, 1, 2)

    @torch.no_grad()
    def accuracy(self, models: Models, part: npt.NDArray[np.int64]) -> FloatArray:
        """Percent right on a part of the images in stored order, unshifted, float64 ``[models]``."""
        right_M = torch.zeros(len(models.seeds), dtype=torch.int64)
        for chunk in np.array_split(part, -(-len(part) // EVALUATION_IMAGES)):
            which_BM = torch.from_numpy(chunk)[:, None].expand(-1, len(models.seeds))
            middle = torch.full((2, *which_BM.shape), self.recipe.shift)
            logits = models.logits(self._images(which_BM, middle))
            if not torch.isfinite(logits).all():
                raise RunError("a stand-alone network gives logits that are not finite; lower the learning rate")
            right_M += (logits.argmax(-1) == self.labels[which_BM[:, 0]]).sum(1)
        return 100.0 * right_M.double().numpy() / len(part)
