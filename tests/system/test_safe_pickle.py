"""The restricted unpickler on its own; files of each kind are tested where they are read."""

from __future__ import annotations

import io
import os
import pickle

import numpy as np
import pytest

from nasbench_harness.system.safe_pickle import ARRAYS, ARRAYS_AND_SCALARS, RefusedError, load


def pickled(content: object) -> io.BytesIO:
    return io.BytesIO(pickle.dumps(content, protocol=2))


def test_numbers_pass_and_a_name_that_is_not_admitted_is_refused() -> None:
    found = load(pickled({"a": np.arange(3), "b": np.float64(0.5)}), ARRAYS_AND_SCALARS, "table")
    assert isinstance(found, dict)
    assert (found["a"].tolist(), found["b"]) == ([0, 1, 2], 0.5)
    with pytest.raises(RefusedError, match=r"asks for numpy\._?core\.multiarray\.scalar, which no table needs"):
        load(pickled(np.float64(0.5)), ARRAYS, "table")


@pytest.mark.parametrize("function", [os.system, eval, np.load, pickle.loads])
def test_functions_are_refused_by_name(function: object) -> None:
    with pytest.raises(RefusedError, match=f"asks for .*{getattr(function, '__name__', '')}"):
        load(pickled(function), ARRAYS_AND_SCALARS, "table")
