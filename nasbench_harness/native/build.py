"""Compiles the C sources of this folder once for each compiler and processor, into the user's cache folder."""

from __future__ import annotations

import ctypes
import hashlib
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
SOURCES = ("conv.c", "winograd.c", "weights.c", "pointwise.c")

FLAGS = (
    "-O2",
    "-std=gnu11",
    "-march=native",
    "-ffp-contract=fast",
    "-fno-math-errno",
    "-Wno-psabi",
    "-fPIC",
    "-shared",
)
"""No ``-O3`` and no ``-ffast-math``: both reorder the sums of a tile and spill its registers (measured: a third of the
speed)."""

SECONDS = 120
"""A compiler that takes longer than this has hung; the sources take two seconds."""

DISABLED = "NASBENCH_HARNESS_KERNELS"
"""Environment variable: 0 does without the kernels."""


class NoKernelsError(Exception):
    """Why there are no kernels here."""


def library(numbers: str = "float", lanes: int | None = None) -> Path:
    """Path of the compiled kernels for ``numbers`` ("float" or "double"); compiles them where that was not done yet.

    ``lanes``: images side by side in a vector, by default as many as the processor's vectors hold. Raises
    ``NoKernelsError`` without a compiler that takes the sources.
    """
    compiler = _compiler()
    flags = [*FLAGS, *(["-DDOUBLE"] if numbers == "double" else []), *([f"-DLANES={lanes}"] if lanes else [])]
    name = f"kernels-{_fingerprint(compiler, flags)}.so"
    for folder in _folders():
        if (folder / name).is_file() and _is_ours(folder):
            return folder / name
    for folder in _folders():
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            if not _is_ours(folder):
                continue
            _make(folder / name, compiler, flags)
        except OSError:
            continue
        return folder / name
    raise NoKernelsError("no folder can be written to keep compiled kernels in; set XDG_CACHE_HOME to one")


def _make(target: Path, compiler: list[str], flags: list[str]) -> None:
    """Compile ``target`` unless another process, which this one waits for, has just done so."""
    from filelock import FileLock

    with FileLock(target.with_suffix(".lock")):
        if target.is_file():
            return
        with tempfile.TemporaryDirectory(dir=target.parent) as scratch:
            made = Path(scratch) / target.name
            _compile(compiler, flags, made)
            os.replace(made, target)


def _compiler() -> list[str]:
    if os.environ.get(DISABLED) == "0":
        raise NoKernelsError(f"switched off by {DISABLED}=0")
    if sys.platform == "win32":
        raise NoKernelsError("not built on Windows")
    asked = shlex.split(os.environ.get("CC", ""))
    for words in [asked] if asked else [["cc"], ["gcc"], ["clang"]]:
        found = shutil.which(words[0])
        if found:
            return [found, *words[1:]]
    raise NoKernelsError("no C compiler found; install gcc or clang, or name one by CC")


def _folders() -> list[Path]:
    """Where compiled kernels are kept: the user's cache, or where that cannot be written a folder of this user's."""
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return [Path(base) / "nasbench-harness", Path(tempfile.gettempdir()) / f"nasbench-harness-{os.getuid()}"]


def _is_ours(folder: Path) -> bool:
    """Whether nobody else can put code there: what lies in it is loaded into this process."""
    status = folder.stat()
    return status.st_uid == os.getuid() and not status.st_mode & 0o022


def _fingerprint(compiler: list[str], flags: list[str]) -> str:
    """Of all that decides what the compiler makes: its version and target, sources, flags, and torch's threads."""
    version = subprocess.run([*compiler, "--version"], capture_output=True, text=True, timeout=SECONDS, check=False)
    digest = hashlib.sha256(repr([version.stdout, flags, _processor(), str(_openmp())]).encode())
    for path in sorted(HERE.glob("*.[ch]")):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def _processor() -> str:
    """What ``-march=native`` looks at: a home folder may be shared by machines with other instructions."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return " ".join(os.uname())
    return "".join(sorted({line for line in lines if line.startswith(("model name", "flags", "Features"))}))


def _openmp() -> Path | None:
    """The OpenMP library that torch runs its threads with; a second one would start threads of its own."""
    import torch

    found = sorted((Path(torch.__file__).parent / "lib").glob("libgomp*.so*"))
    return found[0] if found else None


def _compile(compiler: list[str], flags: list[str], made: Path) -> None:
    openmp, sources = _openmp(), [str(HERE / source) for source in SOURCES]
    if openmp is not None:
        scratch = made.parent
        objects = [str(scratch / f"{Path(source).stem}.o") for source in SOURCES]
        steps = [
            [*[f for f in flags if f != "-shared"], "-fopenmp", "-c", source, "-o", target]
            for source, target in zip(sources, objects, strict=True)
        ]
        if all(_run([*compiler, *step]) is None for step in steps) and (
            _run([*compiler, "-shared", *objects, str(openmp), f"-Wl,-rpath,{openmp.parent}", "-o", str(made), "-lm"])
            is None
        ):
            return
    # one thread, whatever torch is given
    error = _run([*compiler, *flags, *sources, "-o", str(made), "-lm"])
    if error is not None:
        raise NoKernelsError(f"{compiler[0]} did not compile them ({error})")


def _run(words: list[str]) -> str | None:
    """The first line of what went wrong, or nothing."""
    try:
        done = subprocess.run(words, capture_output=True, text=True, timeout=SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    if done.returncode == 0:
        return None
    lines = [line for line in done.stderr.splitlines() if "error" in line] or done.stderr.splitlines()
    return lines[0] if lines else f"exit code {done.returncode}"


def load(path: Path) -> ctypes.CDLL:
    """The library, loaded; ``NoKernelsError`` where the system refuses it."""
    try:
        return ctypes.CDLL(str(path))
    except OSError as error:
        raise NoKernelsError(f"the compiled kernels cannot be loaded ({error})") from error
