"""Writes a working part, its tests, an experiment and a workflow, for an author to change."""

from __future__ import annotations

import re
from pathlib import Path

from nasbench_harness.catalogue import families
from nasbench_harness.errors import UsageError
from nasbench_harness.system.files import write_text
from nasbench_harness.testing import gate_templates, scheduler_templates, templates

PARTS = {
    "partitioner": (templates.PARTITIONER, templates.TEST_OF_PARTITIONER),
    "strategy": (templates.STRATEGY, templates.TEST_OF_STRATEGY),
}
SCRIPTS = {
    "slurm": ("$NAME.sbatch", scheduler_templates.SLURM),
    "kubernetes": ("$NAME-job.yaml", scheduler_templates.KUBERNETES),
}
WORKFLOW = ".github/workflows/gate.yml"
_NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")


def write_new(family: str, name: str, folder: Path) -> list[Path]:
    """Files of a new part in ``folder``: the part, its test, an experiment, its gate, a workflow for GitHub Actions.

    A workflow that is there already is left as it is. Of ``slurm`` and ``kubernetes``: the one script that runs the
    experiment ``<name>.toml`` as shards.

    Raises ``UsageError`` for a family that has no template, a name that cannot be used or is taken, and where one of
    the files exists: nothing is overwritten, and then nothing is written.
    """
    if family not in PARTS and family not in SCRIPTS:
        raise UsageError(f"no template for a new {family!r}; known: {', '.join([*PARTS, *SCRIPTS])}")
    if not _NAME.fullmatch(name):
        raise UsageError(f"the name {name!r} should be words of a-z and 0-9 joined by hyphens, such as my-{family}")
    if family in SCRIPTS:
        file, text = SCRIPTS[family]
        return _write({file.replace("$NAME", name): text}, {"$NAME": name}, folder)
    registry = next(one for one in families().values() if one.family == family)
    if name in registry:
        raise UsageError(f"{family} {name!r} exists already; choose another name")
    module = name.replace("-", "_")
    part, test = PARTS[family]
    files = {
        f"{module}.py": part,
        f"test_{module}.py": test,
        f"{name}.toml": templates.EXPERIMENT.replace("$STRATEGY", templates.STRATEGY_LINES[family]),
        f"test_{module}_gate.py": gate_templates.GATE,
    }
    if not (folder / WORKFLOW).exists():  # that of an earlier part; a line of its last step is added by hand
        files[WORKFLOW] = gate_templates.WORKFLOW
    words = {
        "$NAME": name,
        "$BASELINE": gate_templates.BASELINES[family],
        "$CLASS": "".join(word.capitalize() for word in name.split("-")),
        "$MODULE": module,
    }
    return _write(files, words, folder)


def _write(files: dict[str, str], words: dict[str, str], folder: Path) -> list[Path]:
    """Templates as files of ``folder``, with their words filled in."""
    standing = [file for file in files if (folder / file).exists()]
    if standing:
        raise UsageError(f"{folder / standing[0]} exists and is not overwritten; choose another name or --to")
    for file, text in files.items():
        for placeholder, word in words.items():
            text = text.replace(placeholder, word)  # noqa: PLW2901
        write_text(folder / file, text)
    return [folder / file for file in files]
