"""What is made of fetched files: the image folder, the accuracy table; and files that are on disk already."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from nasbench_harness.data import add, fetch, find, listing
from nasbench_harness.data.accuracy import COLUMNS, read_published
from nasbench_harness.data.registry import entry
from nasbench_harness.errors import DataError
from nasbench_harness.images.cifar10 import BINARY, OFFICIAL, RECORD, Layout
from nasbench_harness.space import all_strings
from nasbench_harness.truth import TruthTable, benchmark_index, benchmark_order, open_table

from .conftest import Register, Server

RECORDS = 3
HEADER = [*COLUMNS.values(), "ArchitectureString", "UniqueString"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A tiny folder in the official binary layout."""
    made = tmp_path / "made" / BINARY
    made.mkdir(parents=True)
    rng = np.random.default_rng(2)
    for name in OFFICIAL.sha256:
        records = rng.integers(0, 256, (RECORDS, RECORD), dtype=np.uint8)
        records[:, 0] %= 10
        (made / f"{name}.bin").write_bytes(records.tobytes())
    (made / "readme.html").write_text("read me")
    return made


@pytest.fixture
def layout(folder: Path) -> Layout:
    import hashlib

    digests = {name: hashlib.sha256((folder / f"{name}.bin").read_bytes()).hexdigest() for name in OFFICIAL.sha256}
    return Layout(RECORDS, digests)


def archive(change: Callable[[tarfile.TarFile], None], folder: Path | None = None) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as packed:
        if folder is not None:
            packed.add(folder, folder.name)
        change(packed)
    return stream.getvalue()


def member(name: str, content: bytes = b"x", **facts: object) -> Callable[[tarfile.TarFile], None]:
    def put(packed: tarfile.TarFile) -> None:
        info = tarfile.TarInfo(name)
        info.size = len(content)
        for key, value in facts.items():
            setattr(info, key, value)
        packed.addfile(info, io.BytesIO(content))

    return put


def images(register: Register, server: Server, content: bytes) -> None:
    server.content = content
    register(cifar10_binary={"url": server.url(), "content": content, "file": "images.tar.gz", "makes": BINARY})


def test_an_archive_becomes_the_official_folder(
    server: Server, cache: Path, register: Register, folder: Path, layout: Layout
) -> None:
    images(register, server, archive(lambda packed: None, folder))
    assert find(entry("cifar10-binary")) is None
    (item,) = fetch(["cifar10-binary"], pause=0, layout=layout)
    assert item.path == cache / BINARY == find(entry("cifar10-binary"))
    for path in folder.iterdir():
        assert (item.path / path.name).read_bytes() == path.read_bytes()
    assert sorted(path.name for path in cache.iterdir()) == [BINARY, "images.tar.gz"]
    fetch(["cifar10-binary"], pause=0, layout=layout)
    assert len(server.seen) == 1


@pytest.mark.parametrize(
    "change",
    [
        member("../outside.txt"),
        member("/tmp/outside.txt"),
        member(f"{BINARY}/../../outside.txt"),
        member(f"{BINARY}/.."),
        member(f"{BINARY}/deeper/file"),
        member("another-folder/file"),
        member(f"{BINARY}/link", b"", type=tarfile.SYMTYPE, linkname="/etc/passwd"),
        member(f"{BINARY}/link", b"", type=tarfile.LNKTYPE, linkname="/etc/passwd"),
        member(f"{BINARY}/device", b"", type=tarfile.CHRTYPE),
    ],
)
def test_an_archive_with_anything_else_is_refused_unpacked(
    change: Callable[[tarfile.TarFile], None],
    server: Server,
    cache: Path,
    register: Register,
    folder: Path,
    layout: Layout,
) -> None:
    images(register, server, archive(change, folder))
    with pytest.raises(DataError, match="expected plain files in cifar-10-batches-bin/ alone"):
        fetch(["cifar10-binary"], pause=0, layout=layout)
    assert [path.name for path in cache.iterdir()] == ["images.tar.gz"]
    assert not (cache.parent / "outside.txt").exists()


def test_an_archive_of_other_images_is_refused(
    server: Server, cache: Path, register: Register, folder: Path, layout: Layout
) -> None:
    changed = folder / "data_batch_3.bin"
    changed.write_bytes(bytes(changed.stat().st_size))
    images(register, server, archive(lambda packed: None, folder))
    with pytest.raises(DataError, match=r"images.tar.gz: .*data_batch_3.bin is not the official file"):
        fetch(["cifar10-binary"], pause=0, layout=layout)
    assert [path.name for path in cache.iterdir()] == ["images.tar.gz"]


@pytest.mark.parametrize("content", [b"no archive at all", None])
def test_a_broken_archive_is_refused(
    content: bytes | None, server: Server, cache: Path, register: Register, folder: Path, layout: Layout
) -> None:
    images(register, server, content or archive(lambda packed: None, folder)[:5000])
    with pytest.raises(DataError, match=r"images\.tar\.gz"):
        fetch(["cifar10-binary"], pause=0, layout=layout)
    assert [path.name for path in cache.iterdir()] == ["images.tar.gz"]


def published(change: Callable[[list[list[str]]], object] = lambda rows: None) -> bytes:
    """A file like the published table: benchmark order, float32 noise in the last digits."""
    value = np.random.default_rng(0).integers(1000, 9500, 15625) / 100
    rows = [list(HEADER)]
    for number, ours in enumerate(benchmark_order().tolist()):
        noisy = [repr(float(value[number] + noise)) for noise in (0.0, 1.5e-9, -2.5e-8)]
        rows.append([*noisy, all_strings()[ours], f"#{number}"])
    change(rows)
    return "".join(",".join(row) + "\n" for row in rows).encode()


def table(register: Register, server: Server, content: bytes) -> None:
    server.content = content
    register(
        nas_bench_201_accuracy={
            "url": server.url(), "content": content, "file": "nats_bench.csv", "makes": "nas-bench-201.npz"
        }
    )  # fmt: skip


def test_the_published_table_becomes_a_compact_one(server: Server, cache: Path, register: Register) -> None:
    table(register, server, published())
    (item,) = fetch(["nas-bench-201-accuracy"], pause=0)
    opened = TruthTable.open(item.path or "")
    assert opened.name == "nas-bench-201"
    assert list(opened.columns) == list(COLUMNS)
    expected = (np.random.default_rng(0).integers(1000, 9500, 15625) / 100)[benchmark_index()]
    for column in opened.columns.values():  # the noise is rounded away, so that ties stay ties
        np.testing.assert_array_equal(column, expected)
    assert opened.meta["origin"] == server.url()


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (lambda rows: rows[0].__setitem__(1, "Cifar100"), "lacks the columns CIFAR100TestAccuracy200Epochs"),
        (lambda rows: rows.pop(), "missing"),
        (lambda rows: rows.append(rows[1]), "row 15627"),
        (lambda rows: rows[7].__setitem__(0, "?"), "row 8: '\\?' is not a number"),
        (lambda rows: rows[7].__setitem__(0, "101.5"), "row 8, column 'cifar10_test_200'"),
        (lambda rows: rows[7].__setitem__(3, "|none~0|"), "row 8"),
        (lambda rows: rows.__setitem__(slice(1, 3), [rows[2], rows[1]]), "row 2: the rows do not stand"),
    ],
)
def test_another_table_is_refused_by_row_and_leaves_none(
    change: Callable[[list[list[str]]], object], named: str, server: Server, cache: Path, register: Register
) -> None:
    table(register, server, published(change))
    with pytest.raises(DataError, match=named):
        fetch(["nas-bench-201-accuracy"], pause=0)
    assert [path.name for path in cache.iterdir()] == ["nats_bench.csv"]


def test_the_published_layout_gives_the_values_of_the_shared_table(tmp_path: Path, shared_data: Path) -> None:
    """The shared table was made from the same file: written in its layout, with its noise, it comes out the same."""
    shared = open_table(shared_data / "nas-bench-201" / "accuracy.csv")
    order = benchmark_order()
    noise = np.random.default_rng(1).uniform(-4e-8, 4e-8, 15625)
    columns = [(shared.column(name)[order] + noise).tolist() for name in COLUMNS]
    rows = zip(*columns, [all_strings()[ours] for ours in order], strict=True)
    source = tmp_path / "nats_bench.csv"
    source.write_text(",".join(HEADER) + "\n" + "".join(",".join(map(str, row)) + ",#\n" for row in rows))
    made = read_published(source, "somewhere")
    for name in COLUMNS:
        np.testing.assert_array_equal(made.column(name), shared.column(name))
    best = made.column("cifar10_test_200")[order[6111]]
    assert best == made.column("cifar10_test_200").max() == 94.373333


def test_a_file_on_disk_is_added_under_any_name(
    server: Server, cache: Path, register: Register, tmp_path: Path
) -> None:
    table(register, server, published())
    source = tmp_path / "downloaded by hand"
    source.write_bytes(server.content)
    item = add(source)
    assert item.path == cache / "nas-bench-201.npz"
    assert (cache / "nats_bench.csv").read_bytes() == source.read_bytes()
    assert TruthTable.open(item.path).name == "nas-bench-201"
    assert add(cache / "nats_bench.csv").path == item.path
    assert fetch(["nas-bench-201-accuracy"])[0].path == item.path
    assert server.seen == []


def test_a_damaged_file_on_disk_is_refused(server: Server, cache: Path, register: Register, tmp_path: Path) -> None:
    table(register, server, published())
    source = tmp_path / "nats_bench.csv"
    source.write_bytes(server.content[:-1])
    with pytest.raises(DataError, match="has the name of nas-bench-201-accuracy but not its checksum"):
        add(source)
    with pytest.raises(DataError, match="nothing that the registry knows"):
        add(source.rename(tmp_path / "other.csv"))
    with pytest.raises(DataError, match="no file or folder"):
        add(tmp_path / "absent")
    assert not cache.exists()


@pytest.mark.parametrize("inside", [True, False])
def test_an_unpacked_image_folder_is_added(
    inside: bool, server: Server, cache: Path, register: Register, folder: Path, layout: Layout
) -> None:
    images(register, server, b"never asked for")
    item = add(folder if inside else folder.parent, layout=layout)
    assert item.path == cache / BINARY
    assert (item.path / "test_batch.bin").read_bytes() == (folder / "test_batch.bin").read_bytes()
    assert [path.name for path in cache.iterdir()] == [BINARY]
    assert add(item.path, layout=layout).path == item.path


def test_a_damaged_image_folder_is_refused(
    server: Server, cache: Path, register: Register, folder: Path, layout: Layout, tmp_path: Path
) -> None:
    images(register, server, b"never asked for")
    (folder / "test_batch.bin").unlink()
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match=r"test_batch.bin"):
        add(folder, layout=layout)
    with pytest.raises(DataError, match="no cifar-10-batches-bin"):
        add(tmp_path / "empty", layout=layout)
    assert list(cache.iterdir()) == []


def test_the_listing_tells_what_is_here(server: Server, cache: Path, register: Register) -> None:
    facts = {name: {"url": server.url(), "file": f"{name}.bin"} for name in ("ready", "unfinished", "absent")}
    register(raw={"url": server.url(), "file": "raw.csv", "makes": "made.npz"}, **facts)
    (cache / "partial").mkdir(parents=True)
    for name in ("ready.bin", "raw.csv", "partial/unfinished.bin.part"):
        (cache / name).write_bytes(b"")
    assert {item.entry.name: item.state for item in listing()} == {
        "raw": "file only", "ready": "ready", "unfinished": "partial", "absent": "absent"
    }  # fmt: skip
    assert [item.path for item in listing() if item.state != "ready"] == [None] * 3
