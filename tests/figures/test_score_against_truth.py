"""Score against truth: columns are densities, ties fill their ranks, the median is that of the ranks."""

from __future__ import annotations

import numpy as np
import pytest

from nasbench_harness.figures import draw_run, score_against_truth, style
from nasbench_harness.figures.score_against_truth import ranks_of, slices


def test_ties_fill_the_ranks_that_they_cover() -> None:
    value_A = np.array([3.0, 1, 1, 1, 1, 9, 1, 1, 1, 1])
    rank_A = ranks_of(value_A, 0)
    assert (rank_A[5], rank_A[0]) == (5, 15)
    np.testing.assert_allclose(np.sort(rank_A), 5 + 10 * np.arange(10))
    np.testing.assert_array_equal(rank_A, ranks_of(value_A, 0))  # the same each time
    assert list(rank_A) != sorted(rank_A)


def test_slices_are_percentiles_of_the_ranks_inside() -> None:
    rng = np.random.default_rng(0)
    true_A, rank_A = rng.uniform(0, 100, 4000), rng.uniform(0, 100, 4000)
    middle_X, percentile_3X = slices(true_A, rank_A, 10, 5)
    np.testing.assert_allclose(middle_X, [1, 3, 5, 7, 9])
    for place, low in enumerate((0, 2, 4, 6, 8)):
        inside = rank_A[(true_A >= low) & (true_A < low + 2)]
        np.testing.assert_allclose(percentile_3X[:, place], np.percentile(inside, [10, 50, 90]))


def test_each_column_is_a_density_and_the_points_are_the_best_tenth(fake, sheet_of) -> None:
    sheet = sheet_of(fake.make_run({"one-shot": 0.3}), signal="accuracy")
    with style.paper_style(sheet.page):
        above, below, *_ = score_against_truth.draw(sheet).figure.axes
    density_YX = np.asarray(above.images[0].get_array())
    np.testing.assert_allclose(density_YX.mean(axis=0), 1)
    assert density_YX.shape[0] == 10
    points = below.collections[0].get_offsets()
    assert len(points) == fake.N // 10
    record = sheet.first
    true_A, rank_A = ranks_of(sheet.truth(record), 0), ranks_of(sheet.score(record), 1)
    np.testing.assert_allclose(np.sort(points[:, 0]), np.sort(true_A)[: fake.N // 10])
    np.testing.assert_allclose(sorted(points[:, 1]), sorted(rank_A[true_A <= 10]))
    assert np.median(rank_A[true_A <= 10]) < 25  # such scores put the best near the top
    assert (above.get_xlim(), below.get_xlim()) == ((0, 100), (0, 10))


@pytest.mark.parametrize("width", ["neurips", "3.4"])
def test_up_to_four_strategies_from_the_best_to_the_worst(fake, sheet_of, faults_of, width) -> None:
    sheet = sheet_of(fake.make_run({f"strategy-{n}": 0.1 * n for n in range(1, 9)}), width)
    with style.paper_style(sheet.page):
        drawn = score_against_truth.draw(sheet)
    titles = [axis.get_title(loc="left") for axis in drawn.figure.axes if axis.get_title(loc="left")]
    assert titles == ["strategy-1", "strategy-3", "strategy-6", "strategy-8"]
    assert "Shown: 4 of 8 strategies, at equal steps from the best τ to the worst." in drawn.caption
    assert faults_of(drawn.figure) == []


def test_without_a_truth_table_it_is_skipped_with_what_to_do(fake, sheet_of, tmp_path) -> None:
    folder = fake.write_run(tmp_path / "run", {"one-shot": [0.4]})
    from nasbench_harness.records import read_run

    gallery = draw_run(read_run(folder), each=True)
    wanted = "it needs the accuracies of cifar10_test_200; give their table by --truth"
    assert gallery.skipped["score_against_truth"] == wanted
    assert gallery.skipped["score_against_truth_one-shot"] == wanted
