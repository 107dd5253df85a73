"""`truth_from` gives for an opened API the table that the importer gives for its archive."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from nas_201_api import NASBench201API
from nats_bench import create
from nats_bench.api_topology import NATStopology

from nasbench_harness.errors import DataError, UsageError
from nasbench_harness.truth import TruthTable, benchmark_order, import_table, truth_from

FACTS = ("benchmark", "version", "columns", "seeds", "partial", "other_columns", "unit")


def agree(table: TruthTable, imported: TruthTable) -> None:
    assert list(table.columns) == list(imported.columns)
    assert table.sha256 == imported.sha256
    assert table.name == imported.name
    assert {key: table.meta[key] for key in FACTS} == {key: imported.meta[key] for key in FACTS}


def test_an_api_in_fast_mode_gives_the_three_architectures(shared_data: Path) -> None:
    source = shared_data / "nas-bench-201" / "nats-tss-three-architectures" / "NATS-tss-v1_0-3ffb9-simple"
    api = create(str(source), "tss", fast_mode=True, verbose=False)
    table = truth_from(api, partial=True)
    agree(table, import_table(source, partial=True))
    assert np.flatnonzero(table.covered[benchmark_order()]).tolist() == [0, 11, 284]
    for number in (0, 11, 284):
        official = api.get_more_info(number, "cifar10", hp="200", is_random=False)["test-accuracy"]
        found = table.column("cifar10_test_200")[benchmark_order()[number]]
        assert found == pytest.approx(official, rel=1e-14)


def test_an_api_in_fast_mode_is_left_as_it_is(archives: Any, thin_entries: Any) -> None:
    api = create(str(archives.directory(thin_entries)), "tss", fast_mode=True, verbose=False)
    assert truth_from(api, partial=True).covered.sum() == 3
    assert not api.arch2infos_dict


def test_an_api_that_holds_the_single_file_needs_it_no_longer(archives: Any, entries: Any) -> None:
    path = archives.single(entries, "NATS-tss-v1_0-made.pickle.pbz2")
    api = NATStopology(str(path), verbose=False)
    imported = import_table(path, partial=True)
    path.unlink()
    steps: list[tuple[int, int]] = []
    agree(truth_from(api, partial=True, progress=lambda done, total: steps.append((done, total))), imported)
    assert steps == [(1, 15625), (2, 15625), (3, 15625)]


def test_an_api_of_nas_bench_201(archives: Any, entries: Any) -> None:
    path, content = archives.pth(entries)
    table = truth_from(NASBench201API(content, verbose=False), "NAS-Bench-201-v1_1-made", partial=True)
    imported = import_table(path, partial=True)
    assert table.sha256 == imported.sha256
    assert table.meta["importer"] == "opened API (NASBench201API)"
    assert table.meta["benchmark"] == imported.meta["benchmark"] == "NAS-Bench-201"
    assert table.meta["version"] == ""  # it was made from a dictionary, which has no file name


class FakeAPI(SimpleNamespace):
    """What `truth_from` asks of an API, and no more."""


def fake(archives: Any, entries: Any) -> FakeAPI:
    return FakeAPI(meta_archs=archives.content({})["meta_archs"], arch2infos_dict=dict(entries))


def test_a_fake_api(archives: Any, thin_entries: Any) -> None:
    table = truth_from(fake(archives, thin_entries), partial=True)
    assert table.sha256 == import_table(archives.single(thin_entries), partial=True).sha256
    assert table.name == "FakeAPI"
    assert table.meta["source"] == "FakeAPI"


def test_what_is_refused(archives: Any, thin_entries: Any, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"found PosixPath; open one with .* import_table\(PATH\)"):
        truth_from(tmp_path)
    with pytest.raises(DataError, match=r"3 of 15625 architectures; missing .* give partial=True"):
        truth_from(fake(archives, thin_entries))
    with pytest.raises(DataError, match=r"holds no results; .*fast_mode=True"):
        truth_from(fake(archives, {}), partial=True)
    other_space = FakeAPI(meta_archs=["8:8:8:8:8"] * 32768, arch2infos_dict={})
    with pytest.raises(DataError, match=r"lists 32768 architectures, .*another search space"):
        truth_from(other_space, partial=True)
    swapped = {0: thin_entries[7], 7: thin_entries[0]}
    with pytest.raises(DataError, match="architecture 0: it holds the results of architecture 7"):
        truth_from(fake(archives, swapped), partial=True)
    broken = {0: {"200": {}}}
    with pytest.raises(DataError, match="FakeAPI, architecture 0: not of the official structure"):
        truth_from(fake(archives, broken), partial=True)
