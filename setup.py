"""Builds the wheel: with its commit, and the kernels in C for fixed instruction sets where a compiler takes them.

Everything else about the package is in pyproject.toml.
"""

from __future__ import annotations

import importlib.util
import os
import shlex
import shutil
import sys
import tempfile
from pathlib import Path
from types import ModuleType

from setuptools import Distribution, setup
from setuptools.command.bdist_wheel import bdist_wheel
from setuptools.command.build_py import build_py

PACKAGE = Path("nasbench_harness")
NATIVE = PACKAGE / "native"


def _module(path: Path) -> ModuleType:
    """A module of the package without the package, whose imports the build has no use for."""
    spec = importlib.util.spec_from_file_location(path.stem, Path(__file__).resolve().parent / path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


class WithKernels(Distribution):
    """The package, for one machine where it holds kernels."""

    holds_kernels = False

    def has_ext_modules(self) -> bool:
        """Whether the wheel is for one machine."""
        return self.holds_kernels


class BuildKernels(build_py):
    """Python files, the commit they are of, and the kernels.

    An editable install reads the checkout, and compiles at the first use what that holds then.
    """

    def run(self) -> None:
        """Copy, note the commit, compile."""
        super().run()
        folder = Path(self.build_lib) / NATIVE / "built"
        shutil.rmtree(folder, ignore_errors=True)  # of a build before
        if self.editable_mode:
            return
        commit = _module(PACKAGE / "system" / "commit.py")
        (Path(self.build_lib) / PACKAGE / commit.BUILT_FROM).write_text(commit.source_commit() or "", encoding="ascii")
        targets = _module(NATIVE / "targets.py")
        try:
            with tempfile.TemporaryDirectory() as scratch:
                made = targets.build_all(_compiler(), Path(scratch))
                folder.mkdir()
                for path in made:
                    shutil.copy(path, folder)
        except (LookupError, targets.CompilerError) as error:
            print(f"the wheel holds no kernels, which are compiled at their first use: {error}", file=sys.stderr)
        else:
            self.distribution.holds_kernels = bool(made)


class BdistWheel(bdist_wheel):
    """A wheel for any Python 3: the kernels are called by ctypes."""

    def run(self) -> None:
        """Build first: only then is it known whether there are kernels."""
        self.run_command("build")
        self.root_is_pure = not self.distribution.has_ext_modules()
        super().run()

    def get_tag(self) -> tuple[str, str, str]:
        """The machine where there are kernels, else any."""
        return ("py3", "none", super().get_tag()[2])


def _compiler() -> list[str]:
    if os.environ.get("NASBENCH_HARNESS_KERNELS") == "0":
        raise LookupError("switched off by NASBENCH_HARNESS_KERNELS=0")
    words = shlex.split(os.environ.get("CC", "")) or ["cc"]
    if not shutil.which(words[0]):
        raise LookupError(f"no C compiler {words[0]}")
    return words


setup(distclass=WithKernels, cmdclass={"build_py": BuildKernels, "bdist_wheel": BdistWheel})
