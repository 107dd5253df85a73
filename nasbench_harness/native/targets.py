"""What the C sources of this folder are compiled with, and the fixed instruction sets that a wheel holds them for.

The wheel's build reads this module by its path, without the package: it imports nothing but the standard library.
"""

from __future__ import annotations

import hashlib
import platform
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
SOURCES = (
    "conv.c", "winograd.c", "winograd_4x4.c", "weights.c", "weights_winograd.c", "pointwise.c",
    "forward.c", "head.c", "backward.c", "batch.c", "descent.c", "step.c", "score.c",
)  # fmt: skip

FLAGS = (
    "-O2",
    "-std=gnu11",
    "-ffp-contract=fast",
    "-fno-math-errno",
    "-Wno-psabi",
    "-fPIC",
)
"""No ``-O3`` and no ``-ffast-math``: both reorder the sums of a tile and spill its registers (measured: a third of the
speed)."""

SECONDS = 300
"""A compiler that takes longer than this has hung; the sources take some seconds, on a busy machine a minute."""

SEAL = b"nasbench-harness kernels 1\n"  # between the code and its digest

NUMBERS = ("float", "double")


class CompilerError(Exception):
    """The first line of what went wrong."""


@dataclass(frozen=True)
class Target:
    """A fixed set of instructions: equal bits on every processor that has them."""

    name: str
    machine: str
    """As ``platform.machine`` calls it."""
    architecture: str
    """For the compiler's ``-march``."""
    needs: frozenset[str]
    """Flags of /proc/cpuinfo of a processor that has all of them."""
    lanes: int
    """Images side by side in a vector, for both types of numbers."""

    def file_name(self, numbers: str) -> str:
        """Of the kernels for "float" or "double" in ``built``."""
        return f"{self.name}-{numbers}.so"


_V3 = frozenset({"avx", "avx2", "bmi1", "bmi2", "f16c", "fma", "abm", "movbe", "xsave"})

TARGETS = (
    Target(
        "x86-64-v4",
        "x86_64",
        "x86-64-v4",
        _V3 | {"avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl"},
        lanes=16,
    ),
    Target("x86-64-v3", "x86_64", "x86-64-v3", _V3, lanes=8),
    Target("aarch64", "aarch64", "armv8-a", frozenset({"fp", "asimd"}), lanes=8),
)
"""Of one machine the better one first."""


def build(target: Target, compiler: list[str], numbers: str, made: Path) -> None:
    """Compile sealed kernels for a wheel. Raises ``CompilerError``.

    Functions of OpenMP stay open: where the wheel will be installed is unknown, and so is the library that torch has
    brought there, which the process has loaded before the kernels.
    """
    flags = [*FLAGS, f"-march={target.architecture}", f"-DLANES={target.lanes}", *flags_of(numbers)]
    sources = [str(HERE / source) for source in SOURCES]
    run([*compiler, *flags, "-fopenmp", "-c", *sources], made.parent)
    objects = [f"{Path(source).stem}.o" for source in SOURCES]
    run([*compiler, "-shared", "-Wl,--build-id=none", *objects, "-o", str(made), "-lm"], made.parent)
    code = made.read_bytes()
    if b"GOMP_parallel" not in code:
        raise CompilerError("it does not call GNU's OpenMP, which torch brings")
    made.chmod(0o755)
    made.write_bytes(code + seal_of(code))


def build_all(compiler: list[str], folder: Path, machine: str | None = None) -> list[Path]:
    """Compile the kernels for all targets of a machine, by default this one, into ``folder``.

    None for systems other than Linux, whose processors are not asked what they can do. Raises ``CompilerError``.
    """
    wanted = [t for t in TARGETS if t.machine == (machine or platform.machine()) and sys.platform == "linux"]
    jobs = [(target, numbers) for target in wanted for numbers in NUMBERS]

    def one(job: tuple[Target, str]) -> Path:
        target, numbers = job
        scratch = folder / f"{target.name}-{numbers}"
        scratch.mkdir(parents=True)
        made = scratch / target.file_name(numbers)
        build(target, compiler, numbers, made)
        return made

    with ThreadPoolExecutor() as pool:
        return list(pool.map(one, jobs))


def flags_of(numbers: str) -> list[str]:
    """What tells the sources the type of their numbers."""
    return ["-DDOUBLE"] if numbers == "double" else []


def seal_of(code: bytes) -> bytes:
    """What stands behind the code in a file of kernels, where no loader looks: its SHA-256."""
    return SEAL + hashlib.sha256(code).digest()


def run(words: list[str], folder: Path | None = None) -> None:
    """Run a compiler in ``folder``. Raises ``CompilerError``."""
    try:
        done = subprocess.run(
            words, capture_output=True, text=True, errors="replace", timeout=SECONDS, check=False, cwd=folder
        )
    except (OSError, ValueError, subprocess.TimeoutExpired) as error:
        raise CompilerError(str(error)) from error
    if done.returncode:
        lines = [line for line in done.stderr.splitlines() if "error" in line] or done.stderr.splitlines()
        raise CompilerError(lines[0] if lines else f"exit code {done.returncode}")
