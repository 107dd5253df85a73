"""The A/A test: it finds the claimed rate where the claim is right, and more where a prior is too sure."""

from __future__ import annotations

import json
import math
import sys

import numpy as np
import pytest

from nasbench_harness.errors import DataError
from nasbench_harness.evidence import Rules, Sample, self_test
from nasbench_harness.evidence.prior import Prior

DEVIATIONS = (0.005, 0.008, 0.014, 0.024, 0.045, 0.01, 0.012, 0.02)


def samples(n: int = 12, seed: int = 0) -> list[Sample]:
    rng = np.random.default_rng(seed)
    return [Sample(f"s{i}", tuple(range(n)), rng.normal(0.5, sd, n), "run") for i, sd in enumerate(DEVIATIONS)]


def test_the_observed_rate_is_the_claimed_one() -> None:
    found = self_test(samples(), Rules(margin=0.0), "run", splits=1000)
    low, high = found.interval
    assert low < 0.05 < high
    assert found.rate == pytest.approx(0.05, abs=0.02)
    assert found.gate_rate < 0.09
    assert set(found.rates) == {f"s{i}" for i in range(8)}
    json.dumps(found.to_json(), allow_nan=False)


def test_a_test_that_is_too_sure_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        sys.modules["nasbench_harness.evidence.self_test"], "prior_of", lambda _: Prior(math.inf, 0.01, 8)
    )
    assert self_test(samples(), Rules(margin=0.0), "run", splits=500).rate > 0.1


def test_the_margin_makes_alarms_rarer_and_repeats_are_equal() -> None:
    strict, tolerant = (self_test(samples(), Rules(margin=m), "run", splits=500) for m in (0.0, 0.1))
    assert strict.rates == tolerant.rates
    assert tolerant.worse_rate < strict.worse_rate


def test_few_seeds_cannot_be_split() -> None:
    with pytest.raises(DataError, match="6 seeds or more in halves, found 5 at most"):
        self_test(samples(5), Rules(), "run")
