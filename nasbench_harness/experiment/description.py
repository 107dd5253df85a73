"""Experiment descriptions: TOML in, a validated frozen description out; its hash is the identity of a result.

An experiment names its strategies; each (strategy, seed) pair is a unit with an identity, the hash of everything that
can change its numbers. Where the data lies is not part of it: checksums are.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from nasbench_harness.experiment.trajectory import TrajectorySection
from nasbench_harness.plugins import load_file
from nasbench_harness.registry import names_from
from nasbench_harness.space import N_ARCHITECTURES, SMALLEST_SAMPLE
from nasbench_harness.strategies import Strategy, strategies

NUMBERS_VERSION = 1
"""Raised when a change of the code changes the numbers that the same description gives."""

# the name too: it is an axis of the draw of scoring images
SHARED = ("name", "images", "network", "training", "budget", "scoring", "truth")
"""Fields of an experiment that all its units share and that can change the numbers."""

BEFORE_THEY_WERE_SETTINGS: dict[str, dict[str, Any]] = {
    "images": {"normalisation": "measured"},
    "training": {"unsampled_weights": "freeze", "crop_fill": "mean", "last_batch": "drop", "rate_changes": "step"},
    "scoring": {"architectures": None, "trajectory": None},
}
"""What settings were fixed to before they could be chosen: left out of identities, so that older records stay valid."""


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    @model_validator(mode="before")
    @classmethod
    def _none_in_words(cls, values: Any) -> Any:
        """``"none"`` takes away what a preset sets, for TOML has no word of its own for it."""
        if not isinstance(values, Mapping):
            return values
        return {name: None if value == "none" and cls._may_be_none(name) else value for name, value in values.items()}

    @classmethod
    def _may_be_none(cls, name: str) -> bool:
        kinds = get_args(cls.model_fields[name].annotation) if name in cls.model_fields else ()
        return type(None) in kinds and str not in kinds


class ImagesSection(_Section):
    """Which images, the side in pixels they are averaged down to, and a seeded split in place of the set's own.

    ``normalisation``: by channel statistics "measured" on the training images, or by the "published" ones of CIFAR-10.
    """

    name: Literal["cifar10", "digits"] = "digits"
    size: int | None = Field(None, gt=0, le=10_000)
    split_seed: int | None = Field(None, ge=0, lt=2**63)
    normalisation: Literal["measured", "published"] = "measured"


class NetworkSection(_Section):
    """Stem channels and cells per stage of the supernet, and the precision of its activations.

    "bfloat16" keeps weights, statistics and logits in float32; it is faster where the processor has the instructions,
    and changes the scores. "tf32" is of CUDA devices: float32 whose products are rounded to ten binary digits.
    """

    channels: int = Field(gt=0, le=10_000)
    cells: int = Field(gt=0, le=1_000)
    precision: Literal["float32", "tf32", "bfloat16"] = "float32"


class TrainingSection(_Section):
    """Optimiser, schedule and augmentation, the same for every network of the experiment.

    ``unsampled_weights``: what a step does to weights that it does not use but an earlier step did. "freeze": nothing.
    "decay": weight decay and momentum continue, as in codes for torch 1.x. "decay-only", "momentum-only": half of that.
    ``crop_fill``: the colour of a crop's border. ``last_batch``: whether the incomplete last batch of a pass is
    trained on. ``rate_changes``: how often the learning rate moves along its cosine.
    """

    batch_size: int = Field(64, gt=1, le=1_000_000)
    learning_rate: float = Field(0.025, gt=0, le=1e6)
    learning_rate_end: float = Field(0.001, ge=0, le=1e6)
    momentum: float = Field(0.9, ge=0, lt=1)
    nesterov: bool = True
    weight_decay: float = Field(5e-4, ge=0, le=1e6)
    clip_norm: float | None = Field(None, gt=0)
    flip: bool = True
    crop_padding: int = Field(0, ge=0, le=1_000)
    unsampled_weights: Literal["freeze", "decay", "decay-only", "momentum-only"] = "freeze"
    crop_fill: Literal["mean", "black"] = "mean"
    last_batch: Literal["drop", "keep"] = "drop"
    rate_changes: Literal["step", "epoch"] = "step"

    @model_validator(mode="after")
    def _nesterov_has_momentum(self) -> TrainingSection:
        if self.nesterov and self.momentum == 0:
            raise ValueError("nesterov needs a momentum above 0; set nesterov to false")
        return self


class BudgetSection(_Section):
    """Architecture-updates of every strategy, given directly or as passes over the training images.

    Rule "equal": every strategy gets just that. "native": it is the length of one-shot training, and a strategy gets as
    many times that as its publication trained, so that published settings can be compared too.
    """

    epochs: float | None = Field(None, gt=0, le=1e6)
    architecture_updates: int | None = Field(None, gt=0, le=10**12)
    rule: Literal["equal", "native"] = "equal"

    @model_validator(mode="after")
    def _one_of_both(self) -> BudgetSection:
        if (self.epochs is None) == (self.architecture_updates is None):
            raise ValueError("give either epochs or architecture_updates")
        return self

    def updates(self, training_images: int) -> int:
        """The budget in architecture-updates."""
        return self.architecture_updates or round((self.epochs or 0) * training_images)


class ScoringSection(_Section):
    """How many held-out images score an architecture, in what batches, and which signal makes the headline.

    ``batch_norm`` "batch-statistics": every batch is judged by its own. "recalibrated": each architecture first takes
    its statistics from ``recalibration_batches`` training batches. ``signal``: ``accuracy``, ``negative_loss``, or one
    that every strategy of the experiment adds. ``architectures``: how many are scored and ranked, a sample that is the
    same for all strategies and seeds; none: all 15,625. ``trajectory``: whether, when and how many are scored while
    networks train; it changes no other number.
    """

    images: int = Field(gt=1, le=10**9)
    batch_size: int = Field(512, gt=1, le=1_000_000)
    batch_norm: Literal["batch-statistics", "recalibrated"] = "batch-statistics"
    recalibration_batches: int = Field(50, gt=0, le=1_000_000)
    signal: str = "accuracy"
    architectures: int | None = Field(None, ge=SMALLEST_SAMPLE, le=N_ARCHITECTURES)
    trajectory: TrajectorySection | None = None


class TruthSection(_Section):
    """The named policy that turns a truth table into one vector."""

    policy: str


class StrategySection(BaseModel):
    """A strategy of the registry; the options of its kind stand beside ``kind``."""

    model_config = ConfigDict(frozen=True, extra="allow")

    kind: str

    def create(self) -> Strategy:
        """The strategy; raises ``UsageError`` for unknown names and options."""
        return strategies.create(self.kind, self.model_extra or {})

    def canonical(self) -> dict[str, Any]:
        """Kind and all options, defaults included, so that spelling a default out changes nothing."""
        return {"kind": self.kind, **self.create().canonical(), **strategies.provenance(self.kind)}


class PluginSection(_Section):
    """A Python file whose parts the experiment may name; its digest stands for its code in the identity of results."""

    name: str
    sha256: str
    path: Path = Field(exclude=True)

    def serves(self, strategy: Mapping[str, Any]) -> bool:
        """Whether a strategy, with all its options spelled out, names a part of this file.

        A file that registers no part changes something else, nobody knows what: it serves every strategy.
        """
        parts = names_from(str(self.path))
        return not parts or not parts.isdisjoint(_texts(strategy))


def _texts(value: Any) -> Iterator[str]:
    """Every text in an option or in the options inside it."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for inner in value.values():
            yield from _texts(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _texts(inner)


class Experiment(_Section):
    """One comparison of strategies: same images, network, training, budget, scoring and truth for all of them."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9._-]*$", max_length=200)
    description: str = ""
    seeds: tuple[Annotated[int, Field(ge=0, lt=2**63)], ...] = (0,)
    plugins: tuple[PluginSection, ...] = ()
    images: ImagesSection
    network: NetworkSection
    training: TrainingSection = Field(default_factory=lambda: TrainingSection.model_validate({}))
    budget: BudgetSection
    scoring: ScoringSection
    truth: TruthSection
    strategies: dict[str, StrategySection]

    @field_validator("seeds")
    @classmethod
    def _each_once(cls, seeds: tuple[int, ...]) -> tuple[int, ...]:
        return tuple(dict.fromkeys(seeds))

    @field_validator("plugins", mode="before")
    @classmethod
    def _loaded(cls, files: Any) -> Any:
        if not isinstance(files, list | tuple) or not all(isinstance(file, str) for file in files):
            return files
        loaded = [load_file(Path(file)) for file in files]
        return [{"name": file.path.name, "sha256": file.sha256, "path": file.path} for file in loaded]

    def __setstate__(self, state: dict[Any, Any]) -> None:
        """In a worker process: the parts that this experiment names have to be there."""
        super().__setstate__(state)
        for plugin in self.plugins:
            load_file(plugin.path, plugin.sha256)

    def updates(self, strategy: str, training_images: int) -> int:
        """The budget of one strategy in architecture-updates."""
        base = self.budget.updates(training_images)
        if self.budget.rule == "equal":
            return base
        return round(base * self.strategies[strategy].create().native_factor)

    def shared(self) -> dict[str, Any]:
        """What all strategies and seeds have in common, as plain JSON values."""
        shared = self.model_dump(mode="json", include=set(SHARED))
        for section, settings in BEFORE_THEY_WERE_SETTINGS.items():
            for key, value in settings.items():
                if shared[section][key] == value:
                    del shared[section][key]
        return shared

    def unit(self, strategy: str, seed: int) -> dict[str, Any]:
        """All that this description says about one (strategy, seed), as plain JSON values.

        Plug-in files enter by their digests, and only those that the strategy uses: an edit of a new method's file
        leaves the controls beside it valid.
        """
        section = self.strategies[strategy].canonical()
        used = sorted(plugin.sha256 for plugin in self.plugins if plugin.serves(section))
        plugins = {"plugins": used} if used else {}
        return {**self.shared(), **plugins, "strategy": {"name": strategy, **section}, "seed": seed}


def identity(description: dict[str, Any]) -> str:
    """SHA-256 of a unit's full description: settings, seed, checksums of its data."""
    canonical = json.dumps([NUMBERS_VERSION, description], sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()
