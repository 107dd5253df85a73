"""``nh.compare``: runs and scores as sides, and what a notebook gets."""

from __future__ import annotations

import numpy as np
import pytest

import nasbench_harness as nh
from nasbench_harness.errors import DataError, UsageError
from nasbench_harness.records import read_run

TRUTH = "digits_test_5"


def columns(noise: float, n: int, seed: int = 0) -> dict[str, np.ndarray]:
    """Score columns that know the truth up to noise: one a seed."""
    rng = np.random.default_rng(seed)
    truth = np.nan_to_num(nh.truth_vector(TRUTH))
    return {f"seed{i}": truth + noise * rng.normal(size=truth.size) for i in range(n)}


def test_columns_of_scores_are_seeds() -> None:
    found = nh.compare(columns(30.0, 3), columns(10.0, 3, 1), truth=TRUTH)
    assert found.word == "worse"
    [one] = found.comparisons
    assert one.pair.candidate.seeds == ("seed0", "seed1", "seed2")
    values = nh.evaluate(columns(30.0, 3), TRUTH, resamples=0)
    assert one.pair.candidate.value_S[1] == pytest.approx(values.value("kendall_tau", "seed1"))
    assert "up to you" in " ".join(one.notes)
    assert found.failed()


def test_runs_and_folders_are_the_same(fake, tmp_path) -> None:
    spread = np.linspace(-0.02, 0.02, 5)
    old = fake.write_run(tmp_path / "old", {"a": (0.5 + spread).tolist() * 2})
    new = fake.write_run(tmp_path / "new", {"a": (0.5 + spread).tolist()})
    by_folder, by_run = nh.compare(new, str(old)), nh.compare(read_run(new), nh.read_run(old))
    assert by_folder.to_json() == by_run.to_json()
    assert isinstance(by_folder, nh.Gate)
    assert by_folder.word == "not worse"
    assert "<td" in by_folder._repr_html_()
    assert by_folder.to_markdown().startswith("### ")


def test_a_score_file_against_a_truth_in_itself(tmp_path) -> None:
    truth = np.nan_to_num(nh.truth_vector(TRUTH))
    path = tmp_path / "mine.csv"
    rows = np.column_stack([*columns(10.0, 3).values(), truth])
    names = [nh.format_architecture(index) for index in range(len(truth))]
    lines = ["arch,a,b,c,known", *(f"{name}," + ",".join(map(str, row)) for name, row in zip(names, rows, strict=True))]
    path.write_text("\n".join(lines) + "\n")
    found = nh.compare(path, columns(10.0, 5, 2), truth=path, policy="known")
    assert found.comparisons[0].pair.candidate.seeds == ("a", "b", "c")
    assert found.comparisons[0].pair.name == "mine v baseline"


def test_what_scores_need(fake, tmp_path) -> None:
    with pytest.raises(UsageError, match="scores need a truth"):
        nh.compare(columns(10.0, 3), columns(10.0, 3))
    with pytest.raises(DataError, match="kendall_tau is undefined"):
        nh.compare({"a": np.zeros(15625), "b": np.zeros(15625)}, columns(10.0, 3), truth=TRUTH)
    run = fake.write_run(tmp_path / "run", {"a": [0.5, 0.51]})
    with pytest.raises(UsageError, match="one seed of a run"):
        nh.compare(run / "a" / "seed-0" / "scores.parquet", run, truth=TRUTH)


def test_stored_scores_are_judged_again_by_another_truth(fake, tmp_path) -> None:
    """The stored taus say that nothing changed; by the digits both sides are what their random scores are."""
    run = fake.write_run(tmp_path / "old", {"a": [0.5, 0.51, 0.49]})
    other = fake.write_run(tmp_path / "new", {"a": [0.5, 0.51, 0.49]})
    stored, again = nh.compare(other, run), nh.compare(other, run, policy=TRUTH)
    assert (stored.truth, again.truth) == ("cifar10_test_200", TRUTH)
    [one] = again.comparisons
    assert abs(one.pair.candidate.value_S).max() < 0.2
    assert TRUTH in again.to_markdown().splitlines()[0]
    with pytest.raises(UsageError, match=r"truth.policy"):
        nh.compare(columns(10.0, 3), run, truth=TRUTH)
