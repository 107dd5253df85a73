"""Units that train nothing are units: their records are read, known by the runner, and agree with their scores."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import no_op_units
import pytest

from nasbench_harness.data.truths import table_for
from nasbench_harness.engines.units import Sources, finished_record, units_of
from nasbench_harness.experiment.status import read_status
from nasbench_harness.experiment.verification import verify
from nasbench_harness.records.found import find_units


@pytest.mark.slow
def test_a_folder_that_is_filled_is_that_of_a_run(tmp_path: Path) -> None:
    made, out = tmp_path / "made", tmp_path / "out"
    described = no_op_units.experiment(strategies=2, seeds=2, architectures=100)
    no_op_units.prepare(made, architectures=100, outcomes=2)
    no_op_units.fill(made, described, out)
    units = units_of(described, Sources())
    assert [finished_record(unit, out) is not None for unit in units] == [True] * 4
    (status,) = read_status(out)
    assert {strategy: len(spent) for strategy, spent in status.finished.items()} == {"method-0000": 2, "method-0001": 2}
    table_of = cache(lambda policy: table_for(policy, None))
    verified = [verify(unit, table_of) for unit in find_units(out)]
    assert [(len(one.faults), one.protected) for one in verified] == [(0, True)] * 4
