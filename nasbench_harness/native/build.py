"""Compiles the C sources of this folder once for each compiler and processor, into the user's cache folder."""

from __future__ import annotations

import contextlib
import ctypes
import hashlib
import logging
import os
import shlex
import shutil
import stat
import subprocess
import sys
import tempfile
from pathlib import Path

_log = logging.getLogger(__name__)

HERE = Path(__file__).resolve().parent
SOURCES = ("conv.c", "winograd.c", "weights.c", "pointwise.c", "step.c", "score.c")

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

_SEAL = b"nasbench-harness kernels 1\n"  # between the code and its digest

DISABLED = "NASBENCH_HARNESS_KERNELS"
"""Environment variable: 0 does without the kernels."""


class NoKernelsError(Exception):
    """Why there are no kernels here."""


class DamagedKernelsError(NoKernelsError):
    """Compiled kernels whose bytes are not those that were written."""


def library(numbers: str = "float", lanes: int | None = None) -> Path:
    """Path of the compiled kernels for ``numbers`` ("float" or "double"); compiles them where that was not done yet.

    ``lanes``: images side by side in a vector, by default as many as the processor's vectors hold. Raises
    ``NoKernelsError`` without a compiler that takes the sources.
    """
    compiler = _compiler()
    flags = [*FLAGS, *(["-DDOUBLE"] if numbers == "double" else []), *([f"-DLANES={lanes}"] if lanes else [])]
    name = f"kernels-{_fingerprint(compiler, flags)}.so"
    for folder in _folders():
        if _is_whole(folder / name):
            return folder / name
    for folder in _folders():
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            if not _is_ours(folder.stat()):
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
        if _is_whole(target):
            return
        with tempfile.TemporaryDirectory(dir=target.parent) as scratch:
            made = Path(scratch) / target.name
            _compile(compiler, flags, made)
            made.chmod(0o700)  # whatever the umask is: what others can write is not loaded
            with open(made, "ab") as stream:
                stream.write(seal_of(made.read_bytes()))
            os.replace(made, target)


def _compiler() -> list[str]:
    if os.environ.get(DISABLED) == "0":
        raise NoKernelsError(f"switched off by {DISABLED}=0")
    if sys.platform == "win32":
        raise NoKernelsError("not built on Windows")
    try:
        asked = shlex.split(os.environ.get("CC", ""))
    except ValueError as error:
        raise NoKernelsError(f"CC is no command line ({error}): {os.environ['CC'][:80]!r}") from error
    for words in [asked] if asked else [["cc"], ["gcc"], ["clang"]]:
        found = shutil.which(words[0])
        if found:
            return [found, *words[1:]]
    raise NoKernelsError("no C compiler found; install gcc or clang, or name one by CC")


def _folders() -> list[Path]:
    """Where compiled kernels are kept: the user's cache, or where that cannot be written a folder of this user's."""
    places = [Path(tempfile.gettempdir()) / f"nasbench-harness-{os.getuid()}"]
    try:
        base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    except RuntimeError:  # a user without a home
        return places
    return [base / "nasbench-harness", *places]


def _is_ours(status: os.stat_result) -> bool:
    """Whether nobody else can put code there: what lies in it is loaded into this process."""
    return status.st_uid == os.getuid() and not status.st_mode & 0o022


def _is_whole(path: Path) -> bool:
    """Whether compiled kernels lie there as they were written; damaged ones are named and removed."""
    try:
        os.close(open_whole(path))
    except DamagedKernelsError as error:
        _log.warning("%s; they are compiled again", error)
        with contextlib.suppress(OSError):
            path.unlink()
        return False
    except (OSError, NoKernelsError):
        return False
    return True


def open_whole(path: Path) -> int:
    """A descriptor of compiled kernels that are ours and as they were written.

    The folder is opened once and asked whose it is, then the file in it: what happens to the names meanwhile does not
    matter. Raises ``OSError`` where there is no such file, ``NoKernelsError`` where others could have put it there, and
    ``DamagedKernelsError`` where its bytes are not those that were written.
    """
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        if not _is_ours(os.fstat(folder)):
            raise NoKernelsError(f"{path.parent} can be written by others")
        descriptor = os.open(path.name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=folder)
    finally:
        os.close(folder)
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode) or not _is_ours(status):
            raise NoKernelsError(f"{path} is no file of this user's alone")
        with open(descriptor, "rb", closefd=False) as stream:
            data = stream.read()
        size = len(seal_of(b""))
        if len(data) < size or seal_of(data[:-size]) != data[-size:]:
            raise DamagedKernelsError(f"the compiled kernels {path} are damaged")
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def seal_of(code: bytes) -> bytes:
    """What stands behind the code in a file of kernels, where no loader looks: its SHA-256."""
    return _SEAL + hashlib.sha256(code).digest()


def _fingerprint(compiler: list[str], flags: list[str]) -> str:
    """Of all that decides what the compiler makes: its version and target, sources, flags, and torch's threads."""
    try:
        version = subprocess.run([*compiler, "--version"], capture_output=True, timeout=SECONDS, check=False)
    except (OSError, ValueError, subprocess.TimeoutExpired) as error:
        raise NoKernelsError(f"{compiler[0]} does not tell its version ({error})") from error
    told = version.stdout.decode(errors="replace")
    digest = hashlib.sha256(repr([told, flags, _processor(), str(_openmp()), _SEAL]).encode())
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
        done = subprocess.run(words, capture_output=True, text=True, errors="replace", timeout=SECONDS, check=False)
    except (OSError, ValueError, subprocess.TimeoutExpired) as error:
        return str(error)
    if done.returncode == 0:
        return None
    lines = [line for line in done.stderr.splitlines() if "error" in line] or done.stderr.splitlines()
    return lines[0] if lines else f"exit code {done.returncode}"


def load(path: Path) -> ctypes.CDLL:
    """The library, loaded; ``NoKernelsError`` where it is not as it was written or the system refuses it.

    Where the system names open files (Linux) it is loaded by the descriptor that was checked, which then stays open:
    the loader knows libraries by their names, and a number that is used again would be taken for the first one.
    """
    try:
        descriptor = open_whole(path)
    except OSError as error:
        raise NoKernelsError(f"the compiled kernels cannot be read ({error.strerror})") from error
    by_descriptor = Path(f"/proc/self/fd/{descriptor}")
    try:
        if by_descriptor.exists():
            return ctypes.CDLL(str(by_descriptor))
        os.close(descriptor)
        return ctypes.CDLL(str(path))
    except OSError as error:
        raise NoKernelsError(f"the compiled kernels cannot be loaded ({error})") from error
