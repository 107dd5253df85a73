"""Plan, chunks, resume and the table that comes out."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from nasbench_harness.errors import DataError, RunError, UsageError
from nasbench_harness.images import ImageSet, ImageSpec, load_image_set
from nasbench_harness.metrics import kendall_tau
from nasbench_harness.space import (
    connected,
    flops,
    functional_classes,
    live_cell_of,
    live_edges,
    parse_architecture,
)
from nasbench_harness.truth import TruthTable, embedded_table, noise_ceiling_of
from nasbench_harness.truth.build import builder
from nasbench_harness.truth.build.builder import Plan, build_table, verify_table
from nasbench_harness.truth.build.chunks import ModelChunk, images_digest
from nasbench_harness.truth.build.plan import class_representatives
from nasbench_harness.truth.build.standalone import Recipe
from nasbench_harness.truth.policy import TruthPolicy

pytestmark = pytest.mark.slow
TINY = Recipe(channels=2, cells=1, epochs=1, batch=100, learning_rate=0.1)
SKIP = parse_architecture("|none~0|+|none~0|none~1|+|skip_connect~0|none~1|none~2|")
SKIP_BY_DETOUR = parse_architecture("|skip_connect~0|+|none~0|skip_connect~1|+|none~0|none~1|skip_connect~2|")
SKIP_AND_DEAD = parse_architecture("|nor_conv_3x3~0|+|none~0|avg_pool_3x3~1|+|skip_connect~0|none~1|none~2|")
CONV = parse_architecture("|none~0|+|none~0|none~1|+|nor_conv_1x1~0|none~1|none~2|")


@pytest.fixture(scope="module")
def small(digits: ImageSet, tmp_path_factory: pytest.TempPathFactory) -> TruthTable:
    """Two classes (skip by three ways, one convolution), five seeds."""
    out = tmp_path_factory.mktemp("small") / "small.npz"
    return build_table(digits, TINY, out, architectures=[SKIP_BY_DETOUR, CONV], seeds=5)


def test_representatives_are_the_smallest_members_of_their_classes() -> None:
    representatives = class_representatives()
    classes = functional_classes()
    assert len(representatives) == 4930
    np.testing.assert_array_equal(classes[representatives], np.arange(4930))
    np.testing.assert_array_equal(live_cell_of()[representatives], representatives)
    cost = flops(live=True)
    for number in np.random.default_rng(1).choice(4930, 200, replace=False):
        members = np.unique(live_cell_of()[classes == number])
        key = min((int(live_edges()[m].sum()), int(cost[m]), int(m)) for m in members)
        assert key[2] == representatives[number]
    assert class_representatives()[classes[SKIP_BY_DETOUR]] == SKIP


def test_a_plan_of_n_is_the_beginning_of_the_plan_of_all() -> None:
    whole, part = Plan.of(None, 8), Plan.of(32, 4)
    assert len(whole.class_P) == 4929
    np.testing.assert_array_equal(np.sort(whole.class_P), np.unique(functional_classes()[connected()]))
    np.testing.assert_array_equal(whole.class_P[:32], part.class_P)
    assert (whole.chance, part.chance) == (True, False)
    for mine, theirs in zip(part.tasks(), whole.tasks(), strict=False):  # the same chunks: nothing is trained twice
        np.testing.assert_array_equal(mine.index_A, theirs.index_A)
        assert mine.seeds == theirs.seeds == (0, 1, 2, 3)
    trained = [(int(a), s) for task in whole.tasks() for a in task.index_A for s in task.seeds]
    assert len(trained) == len(set(trained)) == 4929 * 8


def test_a_plan_of_a_list_takes_its_classes_once() -> None:
    plan = Plan.of([SKIP, CONV, SKIP_AND_DEAD, SKIP_BY_DETOUR], 2)
    assert set(plan.class_P) == {functional_classes()[SKIP], functional_classes()[CONV]}
    assert not plan.chance
    assert Plan.of([SKIP, 0], 2).chance


def test_every_member_of_a_class_gets_its_value_and_nothing_else_does(small: TruthTable) -> None:
    value = small.column("digits_test_1")
    members = np.isin(functional_classes(), functional_classes()[[SKIP, CONV]])
    np.testing.assert_array_equal(~np.isnan(value), members)
    assert value[SKIP] == value[SKIP_BY_DETOUR] == value[SKIP_AND_DEAD] != value[CONV]
    assert small.meta["partial"] is True
    assert small.meta["coverage"] == {
        "architectures": int(members.sum()),
        "trained_classes": 2,
        "classes_with_a_path": 4929,
        "models": 10,
    }
    assert small.meta["cost"]["updates"] == 10 * 6
    assert small.meta["cost"]["image_updates"] == 10 * 600
    assert Recipe(**small.meta["recipe"]) == TINY


def test_columns_are_means_of_disjoint_seeds(small: TruthTable) -> None:
    seed = np.stack([small.column(f"digits_test_1_seed{s}") for s in range(5)])
    assert ((seed[:, SKIP] > 10) & (seed[:, SKIP] <= 100)).all()
    assert len(set(seed[:, CONV])) > 1
    np.testing.assert_allclose(small.column("digits_test_1"), seed.mean(axis=0))
    np.testing.assert_allclose(small.column("digits_test_1_halfA"), seed[[0, 2, 4]].mean(axis=0))
    np.testing.assert_allclose(small.column("digits_test_1_halfB"), seed[[1, 3]].mean(axis=0))
    assert small.meta["halves"] == {"halfA": [0, 2, 4], "halfB": [1, 3]}
    assert np.nanmin(small.column("digits_valid_1")) > 10


def test_a_complete_table_has_no_gap_and_chance_without_a_path(digits: ImageSet) -> None:
    plan = Plan.of(None, 4)
    rng = np.random.default_rng(0)
    chunks = []
    for task in plan.tasks():
        test, valid, loss = rng.uniform(20, 99, (3, len(task.index_A), len(task.seeds)))
        chunks.append(ModelChunk(test, valid, loss, seconds=1.0))
    table = builder.assemble(digits, TINY, plan, chunks)
    assert table.meta["partial"] is False
    assert table.covered.all()
    for values in table.columns.values():
        assert (values[~connected()] == 10.0).all()
        assert (values[connected()] >= 20.0).all()
    first = plan.tasks()[0].index_A[0]
    assert table.column("digits_test_1_seed2")[first] == chunks[0].test_AS[0, 2]
    assert abs(table.meta["noise_ceiling_of_classes"]["kendall_tau"]) < 0.05
    assert table.meta["noise_ceiling_of_classes"]["n"] == 4929


def test_an_interrupted_build_goes_on_and_gives_the_same_table(digits: ImageSet, tmp_path: Path) -> None:
    asked = [SKIP, CONV]
    whole = build_table(digits, TINY, tmp_path / "whole.npz", architectures=asked, seeds=6)
    trained: list[int] = []

    def interrupt(done: int, total: int) -> None:
        trained.append(done)
        if done == 8:
            raise KeyboardInterrupt

    out = tmp_path / "again.npz"
    with pytest.raises(KeyboardInterrupt):
        build_table(digits, TINY, out, architectures=asked, seeds=6, progress=interrupt)
    assert not out.exists()
    resumed: list[tuple[int, int]] = []
    table = build_table(
        digits, TINY, out, architectures=asked, seeds=6, progress=lambda done, total: resumed.append((done, total))
    )
    assert trained == [0, 8]
    assert resumed == [(8, 12), (12, 12)]
    assert table.sha256 == whole.sha256 == TruthTable.open(out).sha256


def test_stored_chunks_count_only_for_the_same_work(digits: ImageSet, tmp_path: Path) -> None:
    def started_at(recipe: Recipe, images: ImageSet, resume: bool = True) -> int:
        told: list[int] = []
        build_table(
            images,
            recipe,
            tmp_path / "t.npz",
            [SKIP],
            seeds=2,
            resume=resume,
            progress=lambda done, total: told.append(done),
        )
        return told[0]

    assert started_at(TINY, digits) == 0
    assert started_at(TINY, digits) == 2
    assert started_at(TINY, digits, resume=False) == 0
    assert started_at(dataclasses.replace(TINY, learning_rate=0.2), digits) == 0
    assert started_at(TINY, load_image_set(ImageSpec("digits", split_seed=1))) == 0
    for chunk in (tmp_path / "t.npz.work").glob("chunk-*.npz"):
        chunk.write_bytes(chunk.read_bytes()[:100])
    assert started_at(TINY, digits) == 0, "a damaged chunk must be trained again"


def test_processes_give_what_one_process_gives(digits: ImageSet, small: TruthTable, tmp_path: Path) -> None:
    table = build_table(digits, TINY, tmp_path / "two.npz", architectures=[SKIP, CONV], seeds=5, workers=2)
    assert table.sha256 == small.sha256


def test_verification_repeats_a_table_and_finds_a_wrong_entry(digits: ImageSet, small: TruthTable) -> None:
    good = verify_table(small, digits, sample=2)
    assert good.passed
    assert set(good.index_A) == {SKIP, CONV}
    np.testing.assert_allclose(good.again_AS.mean(axis=1), small.column("digits_test_1")[good.index_A], atol=0.5)
    columns = {name: np.where(functional_classes() == functional_classes()[CONV], 99.9, values)
               for name, values in small.columns.items()}  # fmt: skip
    assert not verify_table(TruthTable("forged", columns, None, small.meta), digits, sample=2).passed


def test_requests_that_cannot_be_built_or_verified(digits: ImageSet, small: TruthTable, tmp_path: Path) -> None:
    out = tmp_path / "x.npz"
    with pytest.raises(UsageError, match="at least 2"):
        build_table(digits, TINY, out, architectures=[SKIP], seeds=1)
    with pytest.raises(UsageError, match="give 1 to 4929"):
        build_table(digits, TINY, out, architectures=4930)
    with pytest.raises(UsageError, match=r"indices 0\.\.15624"):
        build_table(digits, TINY, out, architectures=[15625])
    with pytest.raises(UsageError, match="nothing to train"):
        build_table(digits, TINY, out, architectures=[0])
    with pytest.raises(UsageError, match="0 workers"):
        build_table(digits, TINY, out, architectures=[SKIP], workers=0)
    with pytest.raises(UsageError, match=r"x\.npz"):
        build_table(digits, TINY, tmp_path / "x.csv", architectures=[SKIP])
    assert not list(tmp_path.iterdir())
    with pytest.raises(RunError, match="diverged"):
        build_table(digits, dataclasses.replace(TINY, learning_rate=1e30), out, architectures=[CONV], seeds=2)
    assert not out.exists()
    with pytest.raises(DataError, match="other images"):
        verify_table(small, load_image_set(ImageSpec("digits", split_seed=3)), sample=1)
    with pytest.raises(DataError, match="only built tables"):
        verify_table(TruthTable("t", {"digits_test_1": np.zeros(15625)}, None, {}), digits, sample=1)
    with pytest.raises(UsageError, match="give 1 to 2"):
        verify_table(small, digits, sample=3)


def test_the_embedded_table_is_what_it_says(digits: ImageSet) -> None:
    table = embedded_table()
    policy = TruthPolicy(f"digits_test_{table.meta['recipe']['epochs']}")
    value = table.column(policy.column)
    trained = table.covered & connected()
    assert table.meta["coverage"]["trained_classes"] == len(np.unique(functional_classes()[trained])) == 4929
    assert table.covered.all()
    assert (value[~connected()] == 10).all()
    assert len(table.meta["seeds"]) >= 3
    assert table.meta["images_sha256"] == images_digest(digits)
    ceiling = noise_ceiling_of(table, policy)
    assert ceiling is not None
    assert ceiling["independent"]
    index = class_representatives()[np.unique(functional_classes()[trained])]
    halves = [table.column(f"{policy.column}_half{h}")[index] for h in "AB"]
    assert kendall_tau(*halves) == pytest.approx(table.meta["noise_ceiling_of_classes"]["kendall_tau"])
    assert table.meta["noise_ceiling_of_classes"]["kendall_tau_of_mean"] >= 0.75
    assert ceiling["kendall_tau_of_mean"] >= 0.75
    assert np.ptp(value[trained]) > 20
