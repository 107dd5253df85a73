"""The restricted reader: official batches pass, whatever would call something else does not."""

from __future__ import annotations

import codecs
import os
import pickle
from pathlib import Path

import numpy as np
import pytest

from nasbench_harness.errors import DataError
from nasbench_harness.images.unpickle import read_batch


class _Runs:
    """Creates a file when it is unpickled without care."""

    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> tuple[object, ...]:
        return os.mkdir, (str(self.target),)


def test_code_is_refused_by_name_and_not_run(tmp_path: Path) -> None:
    path = tmp_path / "data_batch_1"
    path.write_bytes(pickle.dumps({b"data": _Runs(tmp_path / "made")}, protocol=2))
    with pytest.raises(DataError, match=r"data_batch_1 is not an official .*asks for (posix|nt)\.mkdir"):
        read_batch(path)
    assert not (tmp_path / "made").exists()
    pickle.loads(path.read_bytes())
    assert (tmp_path / "made").exists()  # the file was live indeed


@pytest.mark.parametrize("protocol", [0, 1, 2, 3, 4, 5])
def test_arrays_of_every_protocol_that_needs_nothing_else(tmp_path: Path, protocol: int) -> None:
    pixels = np.arange(12, dtype=np.uint8).reshape(3, 4)
    path = tmp_path / "batch"
    path.write_bytes(pickle.dumps({b"data": pixels, b"labels": [1, 2, 3]}, protocol=protocol))
    if protocol == 5:  # NumPy then asks for a function that no official file asks for
        with pytest.raises(DataError, match=r"_frombuffer, which no CIFAR-10 batch needs"):
            read_batch(path)
        return
    found = read_batch(path)
    np.testing.assert_array_equal(found[b"data"], pixels)
    assert found[b"labels"] == [1, 2, 3]


def test_a_pickle_as_python_2_wrote_it(tmp_path: Path) -> None:
    """Byte strings for keys and pixels, and the array functions under NumPy's old names."""
    state = (
        b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(I0\ntS'b'\ntR(I1\n(I2\nI2\ntcnumpy\ndtype\n"
        b"(S'u1'\nI0\nI1\ntR(I3\nS'|'\nNNNI-1\nI-1\nI0\ntbI00\nS'\\x01\\x02\\xfe\\xff'\ntb"
    )
    path = tmp_path / "data_batch_1"
    path.write_bytes(b"(dS'data'\n" + state + b"sS'labels'\n(lI6\naI9\nas.")
    found = read_batch(path)
    np.testing.assert_array_equal(found[b"data"], np.array([[1, 2], [254, 255]], dtype=np.uint8))
    assert found[b"labels"] == [6, 9]


def test_only_the_decoder_of_array_bytes_is_admitted(tmp_path: Path) -> None:
    class _Decodes:
        def __reduce__(self) -> tuple[object, ...]:
            return codecs.encode, ("x", "rot13")

    (tmp_path / "b").write_bytes(pickle.dumps({b"data": _Decodes()}, protocol=2))
    with pytest.raises(DataError, match="text in the encoding"):
        read_batch(tmp_path / "b")


@pytest.mark.parametrize("content", [b"", b"\x80", b"not a pickle", b"\x80\x02}q\x00(", b"\x80\x02]."])
def test_damage_is_one_error(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "b").write_bytes(content)
    with pytest.raises(DataError, match=r"unpack"):
        read_batch(tmp_path / "b")


def test_an_unreadable_file(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="cannot read"):
        read_batch(tmp_path / "absent")
