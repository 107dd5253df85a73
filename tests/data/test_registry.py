"""The list of what can be fetched: complete facts, no two files of one name, known groups."""

from __future__ import annotations

import re
from pathlib import PurePosixPath
from urllib.parse import urlsplit

import pytest

from nasbench_harness.data.registry import entries, entry, expand, groups
from nasbench_harness.errors import UsageError


def test_every_entry_states_its_facts() -> None:
    assert len(entries()) == 31
    for one in entries().values():
        assert one.what
        assert one.licence
        assert urlsplit(one.url).scheme == "https"
        assert re.fullmatch(r"sha256:[0-9a-f]{64}|md5:[0-9a-f]{32}", one.checksum)
        assert one.bytes is None or one.bytes > 0
        assert PurePosixPath(one.file).name == one.file
        if one.checksum.startswith("md5"):
            assert one.note is not None
            assert "not re-verified here" in one.note


def test_addresses_of_repositories_are_pinned_to_a_commit() -> None:
    of_repositories = [one.url for one in entries().values() if "raw.githubusercontent.com" in one.url]
    assert len(of_repositories) == 28
    assert all(re.search(r"/[0-9a-f]{40}/", url) for url in of_repositories)


def test_no_two_things_share_a_name_in_the_cache() -> None:
    names = [name for one in entries().values() for name in {one.file, one.product}]
    assert len(names) == len(set(names))


def test_groups_name_entries_and_are_no_entries() -> None:
    assert "benchmark" in groups()
    for name, members in groups().items():
        assert name not in entries()
        assert [one.name for one in expand([name])] == members


def test_the_registry_agrees_with_the_list_it_was_made_from(shared_data) -> None:
    import json

    stated = json.loads((shared_data / "sources.json").read_text())
    assert set(stated) == set(entries())
    for name, facts in stated.items():
        one = entry(name)
        kind = "sha256" if "sha256" in facts else "md5"
        assert (one.url, one.checksum, one.bytes) == (facts["url"], f"{kind}:{facts[kind]}", facts["bytes"])
        assert one.licence == facts["licence"]


def test_an_unknown_name_is_told_with_near_ones() -> None:
    with pytest.raises(UsageError, match="did you mean cifar100-binary"):
        entry("cifar100")
    with pytest.raises(UsageError, match="data ls"):
        expand(["benchmark", "zzzzzz"])
