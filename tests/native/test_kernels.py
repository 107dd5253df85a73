"""The kernels in C against torch's own operations, in float64 and float32, vectors of 8 and of 16 images."""

from __future__ import annotations

import os
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from nasbench_harness.native import Kernels, build, kernels, kernels_description
from nasbench_harness.native.build import NoKernelsError, library
from nasbench_harness.native.built_in import processor_flags
from nasbench_harness.native.kernels import ADD, GATHER, GATHER_PAST

needs_kernels = pytest.mark.skipif(kernels() is None, reason=f"no kernels here: {kernels_description()}")

SHAPES = [  # images, inputs, outputs, height, width, kernel, stride
    (64, 5, 5, 8, 8, 3, 1),
    (19, 3, 7, 6, 10, 3, 1),
    (9, 7, 11, 5, 5, 1, 1),
    (19, 4, 6, 8, 8, 3, 2),
    (20, 10, 20, 16, 16, 3, 2),
    (33, 16, 16, 12, 32, 3, 1),
]
TOLERANCE = {torch.float64: 1e-12, torch.float32: 2e-5}


@pytest.fixture(scope="module", params=[torch.float64, torch.float32], ids=["float64", "float32"])
def dtype(request: pytest.FixtureRequest) -> torch.dtype:
    return request.param


@pytest.fixture(scope="module", params=[8, 16], ids=["8 lanes", "16 lanes"])
def native(request: pytest.FixtureRequest, dtype: torch.dtype) -> Kernels:
    if dtype == torch.float64 and request.param == 16 and "avx512f" not in processor_flags():
        pytest.skip("a compiler takes a minute for vectors that this processor splits in four")
    found = kernels(dtype, request.param)
    assert found is not None
    assert found.lanes == request.param
    return found


def images(x: Tensor, count: int) -> Tensor:
    return x.permute(0, 4, 1, 2, 3).reshape(-1, *x.shape[1:4])[:count]


def inside(padded: Tensor) -> Tensor:
    return padded[:, :, 1:-1, 1:-1].contiguous()


def assert_near(found: Tensor, expected: Tensor) -> None:
    error = float((found - expected).abs().max().detach() / expected.abs().max().detach())
    assert error < TOLERANCE[expected.dtype]


@needs_kernels
@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last], ids=["nchw", "nhwc"])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_convolution_normalisation_and_their_gradients(
    native: Kernels, shape: tuple[int, ...], layout: torch.memory_format
) -> None:
    n, inputs, outputs, height, width, kernel, stride = shape
    torch.manual_seed(0)
    x = torch.randn(n, inputs, height, width, dtype=native.dtype).contiguous(memory_format=layout).requires_grad_()
    w = torch.randn(outputs, inputs, kernel, kernel, dtype=native.dtype).contiguous(memory_format=layout)
    w.requires_grad_()
    expected = F.conv2d(x, w, stride=stride, padding=kernel // 2)
    normal = F.batch_norm(expected + 3, None, None, training=True)  # a mean far from zero
    gradient = torch.randn_like(normal)
    back, dx, dw = torch.autograd.grad(normal, (expected, x, w), gradient)

    padded, weight = native.lay_out(x.detach()), w.detach()
    statistics = native.new_statistics(padded, outputs)
    raw = native.convolve(padded, native.pack(weight), stride, mode=GATHER, statistics=statistics)
    past = torch.empty_like(statistics)
    assert torch.equal(raw, native.convolve(padded, native.pack(weight), stride, mode=GATHER_PAST, statistics=past))
    assert torch.equal(statistics, past)
    mean, scale = native.finalise(statistics, expected.shape[2] * expected.shape[3], n, 1e-5)
    variance, centre = torch.var_mean(expected, (0, 2, 3), correction=0)
    assert_near(images(raw, n), expected)
    torch.testing.assert_close(mean, centre, rtol=1e-4, atol=1e-5)
    assert_near(scale, (variance + 1e-5).rsqrt())

    laid = inside(native.lay_out(gradient))
    through = native.normalise_backward(laid, raw, mean, scale, n)
    assert_near(images(inside(through), n), back)
    assert_near(native.weight_gradient(weight, padded, through, stride), dw)
    spread = native.normalise_backward(laid, raw, mean, scale, n, spacing=stride)
    transposed = native.pack(weight, transposed=True)
    found = native.convolve(spread, transposed)
    assert_near(images(found, n), dx)
    native.convolve(spread, transposed, mode=ADD, out=found)
    assert_near(images(found, n), 2 * dx)


@needs_kernels
@pytest.mark.parametrize(
    ("tile", "shape"),
    [
        (2, (19, 16, 16, 8, 8)),
        (2, (9, 20, 16, 6, 10)),
        (2, (20, 5, 7, 4, 2)),
        (2, (33, 16, 32, 16, 16)),
        (4, (19, 16, 16, 8, 8)),
        (4, (9, 10, 15, 8, 12)),  # rows of three tiles: the four that go together are of two rows
        (4, (20, 5, 7, 4, 4)),  # one tile an image: those of several blocks go together
        (4, (33, 16, 32, 4, 24)),
    ],
    ids=str,
)
def test_fewer_products_give_the_same(native: Kernels, tile: int, shape: tuple[int, ...]) -> None:
    n, inputs, outputs, height, width = shape
    torch.manual_seed(3)
    x = torch.randn(n, inputs, height, width, dtype=native.dtype)
    w = torch.randn(outputs, inputs, 3, 3, dtype=native.dtype)
    expected = F.conv2d(x, w, padding=1)
    padded = native.lay_out(x)
    statistics = native.new_statistics(padded, outputs)
    raw = native.convolve(padded, native.pack(w, tile=tile), mode=GATHER, statistics=statistics)
    past = torch.empty_like(statistics)
    assert torch.equal(raw, native.convolve(padded, native.pack(w, tile=tile), mode=GATHER_PAST, statistics=past))
    assert torch.equal(statistics, past)
    mean, scale = native.finalise(statistics, height * width, n, 1e-5)
    variance, centre = torch.var_mean(expected, (0, 2, 3), correction=0)
    assert_near(images(raw, n), expected)
    torch.testing.assert_close(mean, centre, rtol=1e-4, atol=1e-5)
    assert_near(scale, (variance + 1e-5).rsqrt())
    gradient = torch.randn_like(expected)
    back = F.conv_transpose2d(gradient, w, padding=1)
    transposed = native.pack(w, transposed=True, tile=tile)
    found = native.convolve(native.lay_out(gradient), transposed)
    assert_near(images(found, n), back)
    native.convolve(native.lay_out(gradient), transposed, mode=ADD, out=found)
    assert_near(images(found, n), 2 * back)


@needs_kernels
@pytest.mark.parametrize(
    "shape",
    [
        (5, 5, 6, 2, 2),  # one tile an image
        (9, 40, 20, 4, 6),  # inputs in two pieces of 20
        (20, 33, 18, 6, 8),  # in three and two pieces of 16, the last narrow
        (40, 9, 13, 16, 16),  # several parts of the tiles with sums of their own
    ],
    ids=str,
)
def test_gradients_of_weights_by_tiles(native: Kernels, shape: tuple[int, ...]) -> None:
    n, inputs, outputs, height, width = shape
    torch.manual_seed(4)
    x = torch.randn(n, inputs, height, width, dtype=native.dtype)
    gradient = torch.randn(n, outputs, height, width, dtype=native.dtype)
    w = torch.empty(outputs, inputs, 3, 3, dtype=native.dtype).contiguous(memory_format=torch.channels_last)
    expected = torch.nn.grad.conv2d_weight(x, list(w.shape), gradient, padding=1)
    assert_near(native.weight_gradient(w, native.lay_out(x), native.lay_out(gradient)), expected)


@needs_kernels
def test_lanes_without_an_image_give_no_gradient(native: Kernels) -> None:
    x = torch.randn(3, 4, 4, 4, dtype=native.dtype)
    padded = native.lay_out(x)
    statistics = native.new_statistics(padded, 4)
    raw = native.convolve(
        padded, native.pack(torch.randn(4, 4, 3, 3, dtype=native.dtype)), 1, True, GATHER, None, statistics
    )
    mean, scale = native.finalise(statistics, 16, 3, 1e-5)
    through = native.normalise_backward(torch.ones_like(raw), raw, mean, scale, 3)
    assert through[..., 3:].abs().max() == 0
    assert through[..., :3].abs().max() > 0


@needs_kernels
@pytest.mark.parametrize(("convs", "plains"), [(c, p) for c in range(4) for p in range(4) if 1 <= c + p <= 3])
def test_sums_and_their_gradient(native: Kernels, convs: int, plains: int) -> None:
    torch.manual_seed(1)
    tensors = [native.empty(2, 3, 4, 6).normal_() for _ in range(convs + plains)]
    numbers = [(torch.randn(3, dtype=native.dtype), torch.rand(3, dtype=native.dtype)) for _ in range(convs)]
    expected = sum(tensors[convs:], torch.zeros_like(tensors[0]))
    for tensor, (mean, scale) in zip(tensors, numbers, strict=False):
        expected = expected + (tensor - mean.view(1, 3, 1, 1, 1)) * scale.view(1, 3, 1, 1, 1)
    terms = [(tensor, *number) for tensor, number in zip(tensors, numbers, strict=False)]
    plain, relu = native.add_up(terms, tensors[convs:], plain=True, padded=True)
    assert plain is not None
    assert relu is not None
    assert_near(plain, expected)
    assert_near(inside(relu), expected.relu())
    assert float(relu.abs().sum()) == pytest.approx(float(inside(relu).abs().sum()))  # the border is zero
    behind = torch.randn_like(plain)
    found = native.add_up_backward(tensors[:plains], behind, relu)
    assert_near(found, sum(tensors[:plains], torch.zeros_like(behind)) + behind * (plain > 0))


@needs_kernels
def test_what_is_not_a_number_stays_so(native: Kernels) -> None:
    x = native.empty(1, 1, 4, 4).fill_(float("nan"))
    _, relu = native.add_up([], [x], plain=False, padded=True)
    assert relu is not None
    assert bool(inside(relu).isnan().all())


@needs_kernels
@pytest.mark.parametrize("side", [(4, 4), (5, 7), (2, 8)])
def test_pooling_and_its_gradient(native: Kernels, side: tuple[int, int]) -> None:
    x = torch.randn(11, 3, *side, dtype=native.dtype, requires_grad=True)
    expected = F.avg_pool2d(x, 3, 1, 1, count_include_pad=False)
    gradient = torch.randn_like(expected)
    (back,) = torch.autograd.grad(expected, x, gradient)
    laid = inside(native.lay_out(x.detach()))
    assert_near(images(native.pool(laid), 11), expected)
    assert_near(images(native.pool(inside(native.lay_out(gradient)), transposed=True), 11), back)


@needs_kernels
def test_halving_and_its_gradient(native: Kernels) -> None:
    x = torch.randn(9, 2, 6, 8, dtype=native.dtype, requires_grad=True)
    expected = F.avg_pool2d(x, 2)
    gradient = torch.randn_like(expected)
    (back,) = torch.autograd.grad(expected, x, gradient)
    assert_near(images(native.halve(inside(native.lay_out(x.detach()))), 9), expected)
    assert_near(images(native.halve(inside(native.lay_out(gradient)), transposed=True), 9), back)


@needs_kernels
def test_threads_change_no_bit() -> None:
    native, before, found = kernels(), torch.get_num_threads(), []
    assert native is not None
    torch.manual_seed(2)
    x, w = native.lay_out(torch.randn(40, 6, 8, 8)), torch.randn(6, 6, 3, 3)
    several = native.lay_out(torch.randn(40, 40, 8, 8))
    try:
        for threads in (1, 2):
            torch.set_num_threads(threads)
            statistics = native.new_statistics(x, 6)
            raw = native.convolve(x, native.pack(w), mode=GATHER, statistics=statistics)
            mean, scale = native.finalise(statistics, 64, 40, 1e-5)
            back = native.normalise_backward(raw, raw, mean, scale, 40)
            wide = native.weight_gradient(torch.empty(40, 6, 3, 3), x, several)
            found.append((raw, mean, scale, back, native.weight_gradient(w, x, back), wide))
    finally:
        torch.set_num_threads(before)
    assert all(torch.equal(one, other) for one, other in zip(*found, strict=True))


def test_no_kernels_without_a_compiler(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CC", raising=False)
    monkeypatch.setattr(build.shutil, "which", lambda name: None)
    with pytest.raises(NoKernelsError, match="no C compiler"):
        library()


def test_they_can_be_switched_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NASBENCH_HARNESS_KERNELS", "0")
    with pytest.raises(NoKernelsError, match="NASBENCH_HARNESS_KERNELS"):
        library()


@needs_kernels
def test_a_compiler_that_fails_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    compiler = tmp_path / "broken-cc"
    compiler.write_text("#!/bin/sh\necho 'error: not today' >&2\nexit 1\n")
    compiler.chmod(0o755)
    monkeypatch.setenv("CC", str(compiler))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    with pytest.raises(NoKernelsError, match="not today"):
        library()
    assert not list((tmp_path / "cache").rglob("*.so"))


@needs_kernels
@pytest.mark.slow
def test_they_are_compiled_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    made = library()
    assert made.parent == tmp_path / "nasbench-harness"
    assert [path.name for path in made.parent.glob("*.so")] == [made.name]
    monkeypatch.setattr(build, "_compile", lambda *_: pytest.fail("compiled again"))
    assert library() == made


def test_of_several_processes_one_compiles(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    compiled: list[Path] = []

    def slowly(compiler: list[str], flags: list[str], made: Path) -> None:
        compiled.append(made)
        time.sleep(0.2)
        made.write_bytes(b"kernels")

    monkeypatch.setattr(build, "_compile", slowly)
    target = tmp_path / "kernels.so"
    with ThreadPoolExecutor(3) as pool:
        list(pool.map(lambda _: build._make(target, ["cc"], []), range(3)))
    assert len(compiled) == 1
    assert target.read_bytes() == b"kernels" + build.seal_of(b"kernels")


@needs_kernels
@pytest.mark.slow
def test_a_folder_that_others_can_write_is_not_loaded_from(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    open_to_all, ours = tmp_path / "open", tmp_path / "ours"
    open_to_all.mkdir()
    open_to_all.chmod(0o777)
    monkeypatch.setattr(build, "_folders", lambda: [open_to_all, ours])
    made = library()
    assert made.parent == ours
    (open_to_all / made.name).write_bytes(b"not ours")
    assert library() == made


@pytest.fixture
def compiled(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A folder of the user's with kernels that a compiler of the test's making has made."""
    monkeypatch.setattr(build, "_folders", lambda: [tmp_path / "cache"])
    monkeypatch.setattr(build, "_compile", lambda compiler, flags, made: made.write_bytes(b"code"))
    monkeypatch.setattr(build, "_fingerprint", lambda compiler, flags: "0")
    monkeypatch.setattr(build, "_compiler", lambda: ["cc"])
    return library()


def test_damaged_kernels_are_named_and_compiled_again(compiled: Path, caplog: pytest.LogCaptureFixture) -> None:
    compiled.write_bytes(b"cone" + compiled.read_bytes()[4:])
    assert library() == compiled
    assert f"the compiled kernels {compiled} are damaged; they are compiled again" in caplog.text
    assert compiled.read_bytes() == b"code" + build.seal_of(b"code")
    compiled.write_bytes(b"")
    assert library() == compiled


def test_kernels_are_loaded_only_where_nobody_else_can_write(compiled: Path, tmp_path: Path) -> None:
    compiled.chmod(0o722)
    with pytest.raises(NoKernelsError, match="no file of this user's alone"):
        build.open_whole(compiled)
    compiled.chmod(0o700)
    elsewhere = tmp_path / "elsewhere"
    compiled.rename(elsewhere)
    compiled.symlink_to(elsewhere)
    with pytest.raises(OSError, match="symbolic link"):
        build.open_whole(compiled)
    compiled.unlink()
    os.mkfifo(compiled)
    with pytest.raises(NoKernelsError, match="no file of this user's alone"):
        build.open_whole(compiled)
    compiled.parent.chmod(0o777)
    with pytest.raises(NoKernelsError, match="can be written by others"):
        build.load(compiled)


def test_a_compiler_that_cannot_be_read_and_a_missing_home_are_no_faults(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CC", "gcc 'oops")
    with pytest.raises(NoKernelsError, match="CC is no command line"):
        library()
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr(build.Path, "home", lambda: (_ for _ in ()).throw(RuntimeError("no home")))
    assert len(build._folders()) == 1
