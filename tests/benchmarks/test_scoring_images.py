"""The curve of tau against images: what is stored per image adds up to the scores, and the curve to known numbers."""

from __future__ import annotations

import json
from pathlib import Path

import images_curve
import images_figure
import numpy as np
import pytest
import scoring_images
import torch

from nasbench_harness.errors import DataError
from nasbench_harness.images import ImageSpec, load_image_set
from nasbench_harness.images.batches import DeviceImages
from nasbench_harness.metrics import kendall_tau
from nasbench_harness.space import connected, connected_live_cells
from nasbench_harness.supernet.network import NetworkShape, Supernet
from nasbench_harness.supernet.scoring.scores import score_live_cells
from nasbench_harness.system.progress import Silent
from nasbench_harness.truth import open_table


def test_stored_answers_add_up_to_the_scores(tmp_path: Path) -> None:
    images = load_image_set(ImageSpec("digits", size=4))
    held_out = DeviceImages(images, images.valid[:50])
    torch.manual_seed(0)
    network = Supernet(NetworkShape(4, 1, images.images.shape[1], images.n_classes))
    cells = connected_live_cells()[::900]
    scoring_images.measure(network, cells, held_out, 20, tmp_path)
    correct_BN, loss_BN, size_B, _ = images_curve.batch_sums(tmp_path, 3)
    expected = score_live_cells(network, cells, held_out, 20, Silent())
    np.testing.assert_allclose(100 * correct_BN.sum(0) / size_B.sum(), expected.accuracy)
    np.testing.assert_allclose(-loss_BN.sum(0) / size_B.sum(), expected.negative_loss, rtol=1e-6)
    scoring_images.batch_file(tmp_path, 1).unlink()
    with pytest.raises(DataError, match="run the measurement again"):
        images_curve.batch_sums(tmp_path, 3)


def test_sets_are_disjoint_within_a_permutation_and_enough() -> None:
    sets = list(images_curve.sets_of(7, 3, 5, np.random.default_rng(0)))
    assert len(sets) == 6  # two in each of three permutations
    for one, other in zip(sets[::2], sets[1::2], strict=True):
        assert len(set(one) | set(other)) == 6
    assert [s.tolist() for s in images_curve.sets_of(7, 7, 5, np.random.default_rng(0))] == [list(range(7))]


@pytest.fixture
def measured(tmp_path: Path) -> tuple[Path, dict[str, object]]:
    """Twelve batches whose losses are the truth and noise, and accuracies that are all right or all wrong."""
    table = open_table(None)
    policy = next(iter(table.columns))
    chosen = np.arange(0, 15625, 40)
    true_C = table.column(policy)[chosen][connected()[chosen]]
    rng = np.random.default_rng(1)
    for number in range(12):
        loss = (-true_C / 10 + 5 * rng.normal(size=len(true_C)))[:, None].repeat(2, 1).astype(np.float32)
        correct = np.ones((len(true_C), 2), dtype=bool)
        np.savez(
            scoring_images.batch_file(tmp_path, number),
            correct=correct,
            loss=loss,
            run_of=np.arange(len(true_C)),
            seconds=np.array(0.5),
        )
    description = {
        "experiment": "made-up",
        "batches": 12,
        "batch_size": 2,
        "architectures": chosen.tolist(),
        "classes": 10,
        "policy": policy,
    }
    return tmp_path, description


def test_the_curve_rises_to_all_images_and_its_fit_goes_beyond(measured: tuple[Path, dict[str, object]]) -> None:
    folder, description = measured
    curve = images_curve.curve_of(folder, description, None, None, 20)
    assert [p["images"] for p in curve["points"]] == [2, 4, 6, 8, 12, 16, 20, 24]
    means = [p["signals"]["negative_loss"]["kendall_tau"]["mean"] for p in curve["points"]]
    assert means == sorted(means)
    assert curve["seconds_of_measurement"] == pytest.approx(6.0)
    chosen = np.array(description["architectures"])
    score_A = np.full(len(chosen), -np.log(10), dtype=np.float32)
    score_A[connected()[chosen]] = -images_curve.batch_sums(folder, 12)[1].sum(0) / 24
    truth_A = open_table(None).column(str(description["policy"]))[chosen]
    assert means[-1] == kendall_tau(score_A, truth_A)
    assert curve["limit"]["negative_loss"]["kendall_tau"]["value"] > means[-4]
    assert curve["recommended"]["negative_loss"] == next(
        p["images"] for p, mean in zip(curve["points"], means, strict=True) if mean > means[-1] - 0.005
    )
    # constant accuracies order those with a path above those without, and nothing within equal FLOPs above zero
    assert curve["points"][0]["signals"]["accuracy"]["kendall_tau"]["sd"] == pytest.approx(0)
    json.dumps(curve, allow_nan=False)
    drawn = images_figure.draw(curve)
    assert [len(axis.lines) for axis in drawn.figure.axes] == [4, 4, 4]
    assert drawn.figure.get_figwidth() == 5.5
    assert "of made-up, 391 architectures, 24 held-out images in batches of 2." in drawn.caption
    assert "fewest images" in images_curve.table(curve)


def test_the_command_refuses_in_a_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = scoring_images.parser().parse_args(["curve", str(tmp_path)])
    with pytest.raises(DataError, match=r"give the folder of a measurement"):
        arguments.run(arguments)
