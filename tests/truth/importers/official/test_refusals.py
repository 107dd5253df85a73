"""Archives that are damaged, foreign or hostile: refused with reason, entry and remedy, and nothing is written."""

from __future__ import annotations

import bz2
import copy
import os
import pickle
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
import torch

from nasbench_harness.errors import DataError
from nasbench_harness.truth import import_table
from nasbench_harness.truth.importers import import_to, importer_for


@pytest.fixture
def entry(thin_entries: Any) -> Any:
    """A copy of one architecture's results that a test may spoil."""
    return copy.deepcopy(thin_entries[7])


def refused(source: Path, match: str, partial: bool = True) -> None:
    """The source is refused, and neither a table nor anything else is left behind."""
    before = sorted(source.parent.iterdir())
    target = source.parent / "table.npz"
    with pytest.raises(DataError, match=match):
        import_to(source, target, partial=partial)
    assert not target.exists()
    assert sorted(source.parent.iterdir()) == before


class Runs:
    """Creates a folder when it is unpickled without care."""

    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.target),)


@pytest.mark.parametrize("kind", ["directory", "single", "pth"])
def test_a_file_that_would_execute_code_is_refused(archives: Any, entry: Any, tmp_path: Path, kind: str) -> None:
    entry["200"]["note"] = Runs(tmp_path / "made")
    source = archives.pth({7: entry})[0] if kind == "pth" else getattr(archives, kind)({7: entry})
    refused(source, r"is refused: it asks for (posix|nt)\.mkdir.*run code.*download it again.*--trust")
    assert not (tmp_path / "made").exists()


@pytest.mark.parametrize("kind", ["directory", "single", "pth"])
def test_trust_loads_what_the_safe_reader_refuses(archives: Any, entry: Any, kind: str) -> None:
    plain = import_table(archives.single({7: entry}, "plain.pickle.pbz2"), "t", partial=True)
    entry["200"]["note"] = Fraction(1, 3)
    source = archives.pth({7: entry})[0] if kind == "pth" else getattr(archives, kind)({7: entry})
    refused(source, r"fractions\.Fraction")
    assert import_table(source, "t", partial=True, trust=True).sha256 == plain.sha256


def test_trust_does_not_pass_over_faults(archives: Any, entry: Any) -> None:
    entry["200"]["note"] = Fraction(1, 3)
    entry["12"]["all_results"]["cifar10", 111]["train_acc1es"][11] = 120.0
    with pytest.raises(DataError, match=r"120\.0 is not an accuracy"):
        import_table(archives.single({7: entry}), partial=True, trust=True)


def test_weights_are_refused_with_the_archive_to_take(archives: Any, entry: Any) -> None:
    entry["200"]["all_results"]["cifar10", 777]["net_state_dict"] = {"w": torch.zeros(2)}
    refused(archives.pth({7: entry})[0], "trained weights.*-simple|torch._utils")
    refused(archives.pth({7: entry}, "new.pth", new=True)[0], "trained weights.*-simple|torch._utils")


@pytest.mark.parametrize("part", [0.0, 0.3, 0.98])
@pytest.mark.parametrize("kind", ["directory", "single", "pth"])
def test_truncated_archives(archives: Any, entry: Any, kind: str, part: float) -> None:
    source = archives.pth({7: entry})[0] if kind == "pth" else getattr(archives, kind)({7: entry})
    file = source / "000007.pickle.pbz2" if kind == "directory" else source
    file.write_bytes(file.read_bytes()[: int(part * file.stat().st_size)])
    refused(source, rf"{file.name} is truncated or not of an official archive \(.*download it again")


def test_a_pickle_that_ends_early_in_a_whole_bz2(archives: Any, entry: Any) -> None:
    source = archives.directory({7: entry})
    raw = pickle.dumps(entry, 4)
    (source / "000007.pickle.pbz2").write_bytes(bz2.compress(raw[: len(raw) // 2]))
    refused(source, r"000007\.pickle\.pbz2 is truncated or not of an official archive \(it ends early\)")


@pytest.mark.parametrize(
    ("name", "match"),
    [
        ("NATS-tss-v2_0-12345.pickle.pbz2", r"version 2_0, which is not known here \(known: 1_0\).*update"),
        ("NAS-Bench-201-v1_9-abcdef.pth", r"version 1_9.*known: 1_0, 1_1"),
        ("NATS-sss-v1_0-50262.pickle.pbz2", r"another search space \(NATS-sss\); import NATS-tss"),
    ],
)
def test_other_versions_and_spaces_by_name(tmp_path: Path, name: str, match: str) -> None:
    (tmp_path / name).write_bytes(b"never read")
    refused(tmp_path / name, match)


def test_foreign_pickles(archives: Any, tmp_path: Path) -> None:
    foreign = archives.pack(tmp_path / "foreign.pickle.pbz2", {"accuracy": [1, 2]})
    refused(foreign, "not of an official archive: it has no list 'meta_archs'")
    (tmp_path / "other.pth").write_bytes(pickle.dumps({"accuracy": 1}, 2))
    refused(tmp_path / "other.pth", "truncated or not of an official archive.*")
    sizes = {"meta_archs": ["64:64:64:64:64"] * 32768, "arch2infos": {}, "evaluated_indexes": set()}
    refused(archives.pack(tmp_path / "sizes.pickle.pbz2", sizes), "lists 32768 architectures.*another search space")
    (tmp_path / "archive.tar").write_bytes(b"")
    refused(tmp_path / "archive.tar", "unpack it with `tar")


def test_fewer_architectures_need_partial(archives: Any, thin_entries: Any) -> None:
    refused(
        archives.directory(thin_entries), r"3 of 15625 entries, the first missing is 000001.*--partial", partial=False
    )
    refused(archives.single(thin_entries), r"3 of 15625 architectures; missing .*benchmark index 1\).*--partial", False)


def test_directories_that_are_not_whole(archives: Any, thin_entries: Any, tmp_path: Path) -> None:
    (tmp_path / "NATS-empty").mkdir()
    refused(tmp_path / "NATS-empty", "holds no entries.*unpack")
    source = archives.directory(thin_entries)
    outer = tmp_path / "NATS-outer"
    outer.mkdir()
    source.rename(outer / source.name)
    refused(outer, f"name the folder {source.name} in it")
    (outer / source.name / "meta.pickle.pbz2").unlink()
    refused(outer / source.name, r"lacks meta\.pickle\.pbz2")


@pytest.mark.parametrize(
    ("spoil", "match"),
    [
        (lambda e: e["12"].__setitem__("arch_index", 8), "budgets name different architectures"),
        (
            lambda e: [s.__setitem__("arch_index", 8) for s in e.values()],
            "it holds architecture 8, another than its name",
        ),
        (lambda e: e["200"].pop("all_results"), r"not of the official structure \(KeyError: 'all_results'\)"),
        (lambda e: e["200"]["all_results"].pop(("cifar10", 777)), "not of the official structure"),
        (lambda e: e["200"]["dataset_seed"].__setitem__("mnist", [777]), "unknown image set 'mnist'"),
        (lambda e: e["200"]["dataset_seed"].__setitem__("cifar10", []), r"cifar10: the seeds \[\]"),
        (lambda e: e["200"]["all_results"]["cifar10", 777].__setitem__("epochs", 90), "90 epochs where"),
        (lambda e: e["200"]["all_results"]["cifar10", 777]["train_acc1es"].pop(199), "not of the official structure"),
        (
            lambda e: e["200"]["all_results"]["cifar10", 777]["eval_acc1es"].__setitem__("ori-test@199", 101.5),
            r"cifar10 ori-test after 200 epochs, seed 777: 101\.5 is not an accuracy.*download it again",
        ),
        (
            lambda e: e["12"]["all_results"]["cifar100", 111]["eval_acc1es"].__setitem__("x-test@11", float("nan")),
            "cifar100 x-test after 12 epochs, seed 111: nan is not an accuracy",
        ),
        (lambda e: e["200"]["all_results"]["cifar10", 777].__setitem__("flop", float("nan")), "nan among its values"),
    ],
)
def test_spoilt_entries_are_named(archives: Any, entry: Any, spoil: Callable[[Any], object], match: str) -> None:
    spoil(entry)
    refused(archives.directory({7: entry}), rf"000007\.pickle\.pbz2.*{match}")


def test_entries_under_the_wrong_number(archives: Any, entry: Any) -> None:
    source = archives.directory({7: entry})
    (source / "000007.pickle.pbz2").rename(source / "000008.pickle.pbz2")
    refused(source, r"000008\.pickle\.pbz2: it holds architecture 7, another than its name says")
    refused(archives.single({0: entry}), "entry at number 0 holds no results, or those of another architecture")
    twice = archives.single({7: entry, 8: copy.deepcopy(entry)}, "twice.pickle.pbz2")
    refused(twice, "architecture 7 was already given in entry 0")
    for state in entry.values():
        state["arch_index"] = 8
    other = archives.single({8: entry}, "other.pickle.pbz2")
    refused(other, r"entry 0 .*architecture 8 is .* where the benchmark has .*another order")


def test_another_order_of_the_architectures(archives: Any, thin_entries: Any, tmp_path: Path) -> None:
    content = archives.content(thin_entries)
    content["meta_archs"][:2] = content["meta_archs"][1::-1]
    refused(archives.pack(tmp_path / "mixed.pickle.pbz2", content), "architecture 0 is .* another order")


def test_lists_that_disagree_with_the_entries(archives: Any, thin_entries: Any, tmp_path: Path) -> None:
    content = archives.content(thin_entries) | {"evaluated_indexes": {0}}
    refused(archives.pack(tmp_path / "a.pickle.pbz2", content), "lists 1 evaluated architectures and holds 3")
    refused(archives.pack(tmp_path / "b.pickle.pbz2", archives.content({})), "holds no results")
    half = archives.content({0: {"12": {}}})
    refused(archives.pack(tmp_path / "c.pickle.pbz2", half), "entry at number 0 holds no results")


def test_each_kind_is_recognised_by_its_name(archives: Any, thin_entries: Any) -> None:
    assert "directory" in importer_for(archives.directory(thin_entries, "renamed")).name
    assert ".pbz2" in importer_for(archives.single(thin_entries)).name
    assert ".pth" in importer_for(archives.pth(thin_entries)[0]).name
