"""What in the environment of records changes the last bits, told for a table of several machines."""

from __future__ import annotations

import pytest

from nasbench_harness.records.machines import machine_differences, machine_note

CARD = {
    "engine": "0123456789ab",
    "commit": "a" * 40,
    "torch": "2.6.0",
    "threads": 1,
    "kernels": "8 images a vector",
    "lanes": 8,
    "vectors": "AVX2",
    "device": "cpu",
    "device_name": "one processor",
    "python": "3.11",
}


def differences(fake, *changes):
    return machine_differences([fake.make_record(environment=CARD | change) for change in changes])


def test_records_of_one_machine_do_not_differ(fake):
    assert differences(fake, {}, {"python": "3.12", "commit": "b" * 40, "device_name": "another model"}) == {}
    assert machine_note({}) is None


@pytest.mark.parametrize(
    ("change", "field", "values"),
    [
        ({"engine": "f" * 12}, "engine", ["0123456789ab", "f" * 12]),
        ({"torch": "2.13.0"}, "torch", ["2.13.0", "2.6.0"]),
        ({"threads": 2}, "threads", [1, 2]),
        ({"lanes": 16, "kernels": "16 images a vector"}, "lanes", [16, 8]),
        ({"lanes": None, "kernels": "none: no C compiler found"}, "lanes", [8, "none"]),
        ({"vectors": "AVX512"}, "vectors", ["AVX2", "AVX512"]),
    ],
)
def test_what_changes_the_last_bits_is_found(fake, change, field, values):
    found = differences(fake, {}, change)
    assert found == {field: values}
    note = machine_note(found)
    assert f"({field} {values[0]}, {values[1]});" in note
    assert "\n" not in note


def test_other_devices_differ_by_name(fake):
    cards = [{"device": "cuda", "device_name": name} for name in ("A100", "H100")]
    assert differences(fake, *cards) == {"device_name": ["A100", "H100"]}


def test_an_older_record_is_not_held_against_others_but_its_commit_is(fake):
    """Before the engine had a name, the commit said which code it was; and lanes stood in the words on kernels."""
    old = {name: CARD[name] for name in ("commit", "torch", "threads", "kernels", "device")}
    new = [fake.make_record(environment=card) for card in (CARD, old)]
    assert machine_differences(new) == {}
    other = old | {"commit": "b" * 40 + "+changed", "kernels": "16 images a vector"}
    found = machine_differences([new[0], fake.make_record(environment=other)])
    assert found == {"lanes": [16, 8], "commit": ["a" * 40, "b" * 40 + "+changed"]}
    assert "commit aaaaaaa, bbbbbbb+changed" in machine_note(found)
    ancient = fake.make_record(environment={"python": "3.11"})
    assert machine_differences([ancient, *new]) == {}
