"""What a unit needs: read from a text, or derived from what is known."""

from __future__ import annotations

from dataclasses import replace
from types import ModuleType

import pytest

from nasbench_harness.engines.needs import Needs, needs_of, processes_of
from nasbench_harness.errors import UsageError


def test_needs_are_read_from_a_text_and_the_others_stay() -> None:
    needs = Needs(cores=2, time=60.0).changed("gpu=0.25, memory=1.5G,cores=4")
    assert needs == Needs(4, 0.25, 3 * 2**29, 60.0)
    assert needs.megabytes == 1536
    assert str(needs) == "4 cores, 0.25 GPU, 1,536 MiB, 1 min"
    assert Needs().changed("time=3h50m,memory=500M") == Needs(1, 0.0, 500 * 2**20, 13_800.0)
    assert Needs().changed("gpu=2").gpu == 2


NO_NEEDS = (
    "|cores|cores=|cores=0|cores=5000|cores=1,cores=2|gpu=1.5|gpu=-1|gpu=nan|memory=8|memory=0G|memory=1e9G|time=4|"
    "time=0s|disk=4G|cores=4;gpu=1|cores=\u0664"
)


@pytest.mark.parametrize("text", [*NO_NEEDS.split("|"), f"memory={'9' * 5000}G"])
def test_what_is_no_need_is_refused_in_a_line(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        Needs().changed(text)
    assert len(str(caught.value)) < 250


def test_needs_are_derived_from_threads_device_and_finished_units(fake: ModuleType) -> None:
    assert needs_of(None, None, "cpu") == Needs()
    assert needs_of("memory=1G", 3, "cuda:1") == Needs(3, 1.0, 2**30)
    records = [
        replace(
            record, cost=record.cost | {"peak_memory_mb": peak, "training_seconds": 900.0, "scoring_seconds": 100.0}
        )
        for record, peak in zip([fake.make_record()] * 2, (200.0, 400.0), strict=True)
    ]
    assert needs_of(None, None, "cpu", records) == Needs(1, 0.0, 600_000_000, 2000.0)
    assert needs_of("time=5m", None, "cpu", records).time == 300.0
    assert needs_of("cores=4", 2, "cpu", records).memory == 1_200_000_000, "two processes"
    assert needs_of("cores=4,memory=1G", 2, "cpu", records).memory == 2**30


def test_threads_have_room_in_the_cores() -> None:
    assert processes_of(Needs(5), 2) == 2
    assert processes_of(Needs(5), None) == 1
    for threads in (0, 6):
        with pytest.raises(UsageError, match=f"from 1 to the cores that a unit gets, 5, found {threads}"):
            needs_of("cores=5", threads, "cpu")
