"""Experiment descriptions: TOML in, a validated frozen description out; its hash is the identity of a result.

An experiment names its strategies; each (strategy, seed) pair is a unit with an identity, the hash of everything that
can change its numbers. Where the data lies is not part of it: checksums are.
"""

from __future__ import annotations

import hashlib
import json
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from nasbench_harness.errors import UsageError
from nasbench_harness.experiment.grid import expand
from nasbench_harness.plugins import load_file
from nasbench_harness.registry import names_from, near_names
from nasbench_harness.strategies import Strategy, strategies

NUMBERS_VERSION = 1
"""Raised when a change of the code changes the numbers that the same description gives."""

# the name too: it is an axis of the draw of scoring images
SHARED = ("name", "images", "network", "training", "budget", "scoring", "truth")
"""Fields of an experiment that all its units share and that can change the numbers."""

BEFORE_THEY_WERE_SETTINGS = {
    "images": {"normalisation": "measured"},
    "training": {"unsampled_weights": "freeze", "crop_fill": "mean", "last_batch": "drop", "rate_changes": "step"},
}
"""What settings were fixed to before they could be chosen: left out of identities, so that older records stay valid."""


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class ImagesSection(_Section):
    """Which images, the side in pixels they are averaged down to, and a seeded split in place of the set's own.

    ``normalisation``: by channel statistics "measured" on the training images, or by the "published" ones of CIFAR-10.
    """

    name: Literal["cifar10", "digits"] = "digits"
    size: int | None = Field(None, gt=0)
    split_seed: int | None = Field(None, ge=0)
    normalisation: Literal["measured", "published"] = "measured"


class NetworkSection(_Section):
    """Stem channels and cells per stage of the supernet, and the precision of its activations.

    "bfloat16" keeps weights, statistics and logits in float32; it is faster where the processor has the instructions,
    and changes the scores.
    """

    channels: int = Field(gt=0)
    cells: int = Field(gt=0)
    precision: Literal["float32", "bfloat16"] = "float32"


class TrainingSection(_Section):
    """Optimiser, schedule and augmentation, the same for every network of the experiment.

    ``unsampled_weights``: what a step does to weights that it does not use but an earlier step did. "freeze": nothing.
    "decay": weight decay and momentum continue, as in codes for torch 1.x. "decay-only", "momentum-only": half of that.
    ``crop_fill``: the colour of a crop's border. ``last_batch``: whether the incomplete last batch of a pass is
    trained on. ``rate_changes``: how often the learning rate moves along its cosine.
    """

    batch_size: int = Field(64, gt=1)
    learning_rate: float = Field(0.025, gt=0)
    learning_rate_end: float = Field(0.001, ge=0)
    momentum: float = Field(0.9, ge=0, lt=1)
    nesterov: bool = True
    weight_decay: float = Field(5e-4, ge=0)
    clip_norm: float | None = Field(None, gt=0)
    flip: bool = True
    crop_padding: int = Field(0, ge=0)
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

    epochs: float | None = Field(None, gt=0)
    architecture_updates: int | None = Field(None, gt=0)
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
    that every strategy of the experiment adds.
    """

    images: int = Field(gt=1)
    batch_size: int = Field(512, gt=1)
    batch_norm: Literal["batch-statistics", "recalibrated"] = "batch-statistics"
    recalibration_batches: int = Field(50, gt=0)
    signal: str = "accuracy"


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

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9._-]*$")
    description: str = ""
    seeds: tuple[Annotated[int, Field(ge=0)], ...] = (0,)
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


def preset_names() -> list[str]:
    """Experiments that ship with the package."""
    folder = resources.files("nasbench_harness.experiment") / "presets"
    return sorted(item.name.removesuffix(".toml") for item in folder.iterdir() if item.name.endswith(".toml"))


Overrides = Sequence[str] | Mapping[str, object]
"""Changes of single settings: texts such as ``budget.epochs=2``, or a mapping such as ``{"budget.epochs": 2}``."""


def load_experiment(source: str | Path, overrides: Overrides = ()) -> Experiment:
    """The experiment of a preset or a TOML file that has no grid over shared settings; see ``load_experiments``."""
    experiments = load_experiments(source, overrides)
    if len(experiments) > 1:
        raise UsageError(
            f"{source} is a grid of {len(experiments)} experiments ({', '.join(list(experiments)[:5])}, ...); "
            "load_experiments gives them all"
        )
    return next(iter(experiments.values()))


def load_experiments(source: str | Path, overrides: Overrides = ()) -> dict[str, Experiment]:
    """Experiments from a preset's name or a TOML file, changed by overrides such as ``budget.epochs=2``.

    ``overrides``: texts of that form, whose values are read as TOML, or a mapping ``{"budget.epochs": 2}``.

    Keys name the points of the file's ``[grid]`` over shared settings; a file without one gives a single experiment
    under the empty name. Raises ``UsageError`` for an unknown preset, a file that is not TOML, a plug-in that cannot be
    loaded, an unknown key or an impossible value.
    """
    source = str(source)
    values = _read(source)
    texts = [overrides] if isinstance(overrides, str) else overrides
    for key, value in texts.items() if isinstance(texts, Mapping) else map(_parsed, texts):
        _change(values, key, value)
    plugins = values.get("plugins", [])
    try:
        for file in filter(lambda file: isinstance(file, str), plugins if isinstance(plugins, list) else []):
            load_file(Path(file))  # before the grid, which asks strategies for their options
        points = expand(values)
    except UsageError as error:
        raise UsageError(f"{source}: {error}") from error
    return {point.name: _validated(point.values, f"{source} {point.name}".strip()) for point in points}


def _read(source: str) -> dict[str, Any]:
    """The file's values; plug-in files are named relative to it, those of overrides to the working folder."""
    folder = Path()
    if source.endswith(".toml") or "/" in source:
        path = Path(source)
        folder = path.parent
        if not path.is_file():
            raise UsageError(f"no experiment file {source}; give a TOML file or a preset: {', '.join(preset_names())}")
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError as error:
            raise UsageError(f"{source} is not a text file in UTF-8 ({error.reason}); give a TOML file") from error
    elif source in preset_names():
        text = (resources.files("nasbench_harness.experiment") / "presets" / f"{source}.toml").read_text()
    else:
        raise UsageError(f"unknown preset {source!r}; {near_names(source, preset_names())}, or give a TOML file")
    try:
        values = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"{source} is not valid TOML: {error}") from error
    if isinstance(values.get("plugins"), list):
        values["plugins"] = [str(folder / file) if isinstance(file, str) else file for file in values["plugins"]]
    return values


def _validated(values: dict[str, Any], source: str) -> Experiment:
    try:
        experiment = Experiment.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        if first["type"] == "extra_forbidden":
            raise UsageError(f"{source}: unknown setting {where!r}; {_hint(first['loc'])}") from error
        found = "" if first["type"] == "missing" else f", found {first['input']!r}"
        raise UsageError(f"{source}: {where}: {first['msg'].removeprefix('Value error, ')}{found}") from error
    if not experiment.strategies or not experiment.seeds:
        raise UsageError(f"{source}: an experiment needs at least one strategy and one seed")
    for name, section in experiment.strategies.items():
        try:
            strategy = section.create()
        except UsageError as error:
            raise UsageError(f"{source}: strategies.{name}: {error}") from error
        known = ["accuracy", "negative_loss", *strategy.extra_signals]
        if experiment.scoring.signal not in known:
            found = f"scoring.signal {experiment.scoring.signal!r} is none of strategy {name!r}"
            raise UsageError(f"{source}: {found}; {near_names(experiment.scoring.signal, known)}")
    return experiment


def _hint(location: tuple[int | str, ...]) -> str:
    """Names that the innermost known section does have."""
    section: type[BaseModel] = Experiment
    for part in location[:-1]:
        field = section.model_fields.get(str(part))
        if field is None or not isinstance(field.annotation, type) or not issubclass(field.annotation, BaseModel):
            break
        section = field.annotation
    return near_names(str(location[-1]), list(section.model_fields))


def _parsed(override: str) -> tuple[str, Any]:
    key, separator, text = override.partition("=")
    if not separator or not key:
        raise UsageError(f"override {override!r} is not of the form section.key=value, such as budget.epochs=2")
    try:
        return key, tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return key, text


def _change(values: dict[str, Any], key: str, value: object) -> None:
    *sections, last = key.split(".")
    inner = values
    for section in sections:
        inner = inner.setdefault(section, {})
        if not isinstance(inner, dict):
            raise UsageError(f"override of {key}: {section!r} is a value, not a section")
    inner[last] = value


def select_strategies(experiment: Experiment, names: list[str] | tuple[str, ...]) -> Experiment:
    """The experiment with only the named strategies; ``all`` keeps every one."""
    if not names or list(names) == ["all"]:
        return experiment
    for name in names:
        if name not in experiment.strategies:
            known = list(experiment.strategies)
            raise UsageError(f"experiment {experiment.name!r} has no strategy {name!r}; {near_names(name, known)}")
    return experiment.model_copy(update={"strategies": {name: experiment.strategies[name] for name in names}})


def with_seeds(experiment: Experiment, seeds: list[str]) -> Experiment:
    """The experiment with other seeds, given as text; none given leaves it as it is."""
    if not seeds:
        return experiment
    if not all(seed.isdecimal() for seed in seeds):
        raise UsageError(f"seeds are whole numbers from 0, separated by commas, found {','.join(seeds)!r}")
    return experiment.model_copy(update={"seeds": tuple(dict.fromkeys(int(seed) for seed in seeds))})
