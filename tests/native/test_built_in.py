"""Kernels that the wheel holds: chosen by the processor, loaded on their seal, and given up for compiled ones."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from nasbench_harness.native import build, built_in, kernels
from nasbench_harness.native.targets import FLAGS, HERE, NUMBERS, SOURCES, TARGETS, CompilerError, build_all, seal_of

V3 = "fpu sse2 avx avx2 bmi1 bmi2 f16c fma abm movbe xsave"
V4 = f"{V3} avx512f avx512bw avx512cd avx512dq avx512vl"
CHECKOUT = Path(__file__).resolve().parents[2]
CROSS, EMULATOR = shutil.which("aarch64-linux-gnu-gcc"), shutil.which("qemu-aarch64")


@pytest.mark.parametrize(
    ("machine", "flags", "lanes", "name"),
    [
        ("x86_64", V4, None, "x86-64-v4"),
        ("x86_64", V4, 8, "x86-64-v3"),
        ("x86_64", V3, None, "x86-64-v3"),
        ("x86_64", f"{V3} avx512f", None, "x86-64-v3"),
        ("x86_64", V3, 16, None),
        ("x86_64", V3.replace("fma", ""), None, None),
        ("x86_64", "", None, None),
        ("aarch64", "fp asimd evtstrm crc32", None, "aarch64"),
        ("riscv64", "fp asimd", None, None),
    ],
)
def test_a_processor_gets_the_best_that_it_can_run(machine: str, flags: str, lanes: int | None, name: str | None):
    found = built_in.target_for(machine, flags.split(), lanes)
    assert (found and found.name) == name


@pytest.fixture
def package(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A folder of the package's with files in the place of kernels, on a processor that can run x86-64-v3."""
    monkeypatch.setattr(built_in, "BUILT", tmp_path)
    monkeypatch.setattr(built_in.platform, "machine", lambda: "x86_64")
    monkeypatch.setattr(built_in, "processor_flags", lambda: frozenset(V3.split()))
    for target in TARGETS:
        for numbers in NUMBERS:
            (tmp_path / target.file_name(numbers)).write_bytes(b"code" + seal_of(b"code"))
    return tmp_path


@pytest.mark.skipif(sys.platform != "linux", reason="wheels hold kernels on Linux alone")
def test_files_of_the_package_may_be_anybodys_but_must_be_whole(package: Path) -> None:
    found = built_in.built_in("double")
    assert found is not None
    path, target = found
    assert (path, target.lanes) == (package / "x86-64-v3-double.so", 8)
    assert built_in.built_in("double", 16) is None
    path.chmod(0o666)
    os.close(build.open_whole(path, of_package=True))
    with pytest.raises(build.NoKernelsError, match="this user's alone"):
        build.open_whole(path)
    path.write_bytes(path.read_bytes()[1:])
    with pytest.raises(build.DamagedKernelsError, match="damaged"):
        build.load(path, of_package=True)


@pytest.mark.skipif(sys.platform != "linux", reason="wheels hold kernels on Linux alone")
def test_what_cannot_be_loaded_is_compiled(
    package: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    from nasbench_harness.native import kernels as module_function
    from nasbench_harness.native.kernels import _loaded

    assert module_function is kernels
    wanted: list[str] = []

    def library(numbers: str, lanes: int | None) -> Path:
        wanted.append(numbers)
        raise build.NoKernelsError("no C compiler")

    monkeypatch.setitem(_loaded.__wrapped__.__globals__, "library", library)
    monkeypatch.setenv(build.DISABLED, "1")
    assert _loaded.__wrapped__("float", None) == "no C compiler"
    assert wanted == ["float"]
    assert "they are compiled anew" in caplog.text
    monkeypatch.setenv(build.DISABLED, "0")
    assert _loaded.__wrapped__("float", None) == "switched off by NASBENCH_HARNESS_KERNELS=0"


@pytest.mark.skipif(sys.platform != "linux", reason="wheels hold kernels on Linux alone")
def test_a_compiler_that_fails_makes_no_wheel_with_kernels(tmp_path: Path) -> None:
    with pytest.raises(CompilerError):
        build_all(["false"], tmp_path, "x86_64")
    assert build_all(["false"], tmp_path, "riscv64") == []


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux" or shutil.which("cc") is None, reason="needs Linux and a compiler cc")
@pytest.mark.skipif(built_in.target_for(platform.machine(), built_in.processor_flags()) is None, reason="no target")
def test_a_wheel_brings_kernels_to_a_machine_without_a_compiler(tmp_path: Path) -> None:
    installed = built_in.BUILT.parent.parent
    if not built_in.BUILT.is_dir():
        pytest.importorskip("setuptools", minversion="77")
        source = tmp_path / "source"
        source.mkdir()
        for name in ("pyproject.toml", "setup.py", "README.md", "LICENSE"):
            shutil.copy(CHECKOUT / name, source)
        shutil.copytree(CHECKOUT / "nasbench_harness", source / "nasbench_harness")
        command = ["wheel", "--quiet", "--no-deps", "--no-build-isolation", "--wheel-dir", str(tmp_path), str(source)]
        subprocess.run([sys.executable, "-m", "pip", *command], check=True)
        (wheel,) = tmp_path.glob("*.whl")
        assert "-py3-none-linux_" in wheel.name
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(tmp_path / "site")
        installed = tmp_path / "site" / "nasbench_harness"
    program = CHECKOUT / "tests" / "native" / "check_built_in.py"
    environment = {"PATH": str(tmp_path), "PYTHONPATH": str(installed.parent), "HOME": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-P", str(program)], capture_output=True, text=True, check=False, env=environment, cwd=tmp_path
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("built in for ")


@pytest.mark.slow
@pytest.mark.skipif(CROSS is None or EMULATOR is None, reason="needs aarch64-linux-gnu-gcc and qemu-aarch64")
@pytest.mark.skipif(platform.machine() != "x86_64" or shutil.which("gcc") is None, reason="compares with gcc on x86-64")
def test_aarch64_computes_in_an_emulator_what_this_processor_does(tmp_path: Path) -> None:
    """A network is trained and scored by all kernels of one type of numbers."""
    assert CROSS is not None
    assert EMULATOR is not None
    sources = [str(HERE / source) for source in SOURCES if source != "step.c"]  # the program includes that one
    common = [*FLAGS, "-O1", f"-I{HERE}", str(Path(__file__).parent / "emulated.c"), *sources]
    found = []
    for compiler, machine, emulator in (("gcc", "x86_64", []), (CROSS, "aarch64", [EMULATOR])):
        target = next(target for target in reversed(TARGETS) if target.machine == machine)
        program = tmp_path / machine
        chosen = [f"-march={target.architecture}", f"-DLANES={target.lanes}", "-static", "-o", str(program), "-lm"]
        subprocess.run([compiler, *common, *chosen], check=True)
        done = subprocess.run([*emulator, str(program)], capture_output=True, text=True, check=True)
        found.append([float(line) for line in done.stdout.split()])
    assert len(found[0]) == 90
    assert found[1] == pytest.approx(found[0], abs=1e-5)
