"""Compiles the C sources once for each compiler and processor, into the user's cache folder, and loads kernels."""

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

from nasbench_harness.native.targets import FLAGS, HERE, SEAL, SECONDS, SOURCES, CompilerError, flags_of, run, seal_of

_log = logging.getLogger(__name__)

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
    flags = [*FLAGS, "-march=native", *flags_of(numbers), *([f"-DLANES={lanes}"] if lanes else [])]
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


def refuse_disabled() -> None:
    """Raise ``NoKernelsError`` where the user does without them."""
    if os.environ.get(DISABLED) == "0":
        raise NoKernelsError(f"switched off by {DISABLED}=0")


def _compiler() -> list[str]:
    refuse_disabled()
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


def open_whole(path: Path, of_package: bool = False) -> int:
    """A descriptor of compiled kernels that are ours and as they were written.

    Files ``of_package`` may be anybody's: who can write them can write the package's Python files beside them.

    The folder is opened once and asked whose it is, then the file in it: what happens to the names meanwhile does not
    matter. Raises ``OSError`` where there is no such file, ``NoKernelsError`` where others could have put it there, and
    ``DamagedKernelsError`` where its bytes are not those that were written.
    """
    descriptor = os.open(path, os.O_RDONLY) if of_package else _open_ours(path)
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise NoKernelsError(f"{path} is no file")
        with open(descriptor, "rb", closefd=False) as stream:
            data = stream.read()
        size = len(seal_of(b""))
        if len(data) < size or seal_of(data[:-size]) != data[-size:]:
            raise DamagedKernelsError(f"the compiled kernels {path} are damaged")
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def _open_ours(path: Path) -> int:
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        if not _is_ours(os.fstat(folder)):
            raise NoKernelsError(f"{path.parent} can be written by others")
        descriptor = os.open(path.name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=folder)
    finally:
        os.close(folder)
    status = os.fstat(descriptor)
    if not stat.S_ISREG(status.st_mode) or not _is_ours(status):
        os.close(descriptor)
        raise NoKernelsError(f"{path} is no file of this user's alone")
    return descriptor


def _fingerprint(compiler: list[str], flags: list[str]) -> str:
    """Of all that decides what the compiler makes: its version and target, sources, flags, and torch's threads."""
    try:
        version = subprocess.run([*compiler, "--version"], capture_output=True, timeout=SECONDS, check=False)
    except (OSError, ValueError, subprocess.TimeoutExpired) as error:
        raise NoKernelsError(f"{compiler[0]} does not tell its version ({error})") from error
    told = version.stdout.decode(errors="replace")
    digest = hashlib.sha256(repr([told, flags, _processor(), str(openmp()), SEAL]).encode())
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


def openmp() -> Path | None:
    """The OpenMP library that torch runs its threads with; a second one would start threads of its own."""
    import torch

    package = Path(torch.__file__).parent
    found = [
        *sorted((package / "lib").glob("libgomp*.so*")),
        *sorted(package.with_name("torch.libs").glob("libgomp*.so*")),
    ]
    return found[0] if found else None


def _compile(compiler: list[str], flags: list[str], made: Path) -> None:
    threads, sources = openmp(), [str(HERE / source) for source in SOURCES]
    if threads is not None:
        objects = [str(made.parent / f"{Path(source).stem}.o") for source in SOURCES]
        with contextlib.suppress(CompilerError):
            for source, target in zip(sources, objects, strict=True):
                run([*compiler, *flags, "-fopenmp", "-c", source, "-o", target])
            rpath = f"-Wl,-rpath,{threads.parent}"
            run([*compiler, "-shared", *objects, str(threads), rpath, "-o", str(made), "-lm"])
            return
    # one thread, whatever torch is given
    try:
        run([*compiler, *flags, "-shared", *sources, "-o", str(made), "-lm"])
    except CompilerError as error:
        raise NoKernelsError(f"{compiler[0]} did not compile them ({error})") from error


def load(path: Path, of_package: bool = False) -> ctypes.CDLL:
    """The library, loaded; ``NoKernelsError`` where it is not as it was written or the system refuses it.

    Where the system names open files (Linux) it is loaded by the descriptor that was checked, which then stays open:
    the loader knows libraries by their names, and a number that is used again would be taken for the first one.
    """
    try:
        descriptor = open_whole(path, of_package)
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
