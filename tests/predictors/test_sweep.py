"""The sweep over live cells: kept parts, refusal of what is no number, spread over all architectures."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch

from nasbench_harness.errors import RunError, UsageError
from nasbench_harness.predictors import Synflow, sweep
from nasbench_harness.predictors.sweep import image_batches, noise_batch, over_all
from nasbench_harness.space import N_ARCHITECTURES, connected, connected_live_cells, live_cell_of


def counting(seen, value=1.0):
    def measure(network):
        seen.append(network.code)
        return [value * len(seen)]

    return measure


def test_it_visits_every_connected_cell_once(context, few_cells):
    seen = []
    values = sweep.sweep("synflow", Synflow(), context, counting(seen))
    assert len(set(seen)) == len(seen) == len(few_cells)
    np.testing.assert_array_equal(values[:, 0], np.arange(1, len(few_cells) + 1))
    assert len(connected_live_cells()) == 9444


def test_an_interrupted_sweep_goes_on_where_it_was(context, few_cells, tmp_path, monkeypatch):
    monkeypatch.setattr(sweep, "CHUNK", 10)
    kept = dataclasses.replace(context, work=tmp_path)
    seen = []

    def stopping(network):
        if len(seen) == 25:
            raise KeyboardInterrupt
        return counting(seen)(network)

    with pytest.raises(KeyboardInterrupt):
        sweep.sweep("synflow", Synflow(), kept, stopping)
    again = []
    values = sweep.sweep("synflow", Synflow(), kept, counting(again, 100.0))
    assert len(again) == len(few_cells) - 20
    np.testing.assert_array_equal(values[:21, 0], [*range(1, 21), 100.0])
    third = []
    np.testing.assert_array_equal(sweep.sweep("synflow", Synflow(), kept, counting(third)), values)
    assert third == []
    # other settings, another predictor, a damaged part: measured again
    sweep.sweep("synflow", Synflow(), dataclasses.replace(kept, seed=4), counting(third))
    sweep.sweep("naswot", Synflow(), kept, counting(third))
    assert len(third) == 2 * len(few_cells)
    part = max(tmp_path.iterdir(), key=lambda path: path.stat().st_mtime)
    part.write_bytes(part.read_bytes()[:90])
    sweep.sweep("naswot", Synflow(), kept, counting(third))
    assert 0 < len(third) - 2 * len(few_cells) <= 10


def test_threads_are_given_back(context, few_cells):
    torch.set_num_threads(2)
    try:
        sweep.sweep("synflow", Synflow(), context, lambda network: [float(torch.get_num_threads())])
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(1)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_what_is_no_number_is_refused_by_name(context, few_cells, bad):
    with pytest.raises(RunError, match=r"no number for \|"):
        sweep.sweep("synflow", Synflow(), context, lambda network: [bad])


def test_no_path_is_lowest_and_no_signal_next():
    value_C = np.linspace(-5, 7, 9444)
    value_C[17] = -np.inf
    score_A = over_all(value_C)
    assert score_A.shape == (N_ARCHITECTURES,)
    assert np.isfinite(score_A).all()
    dead, quiet = ~connected(), live_cell_of() == connected_live_cells()[17]
    assert (score_A[dead] == score_A.min()).all()
    assert score_A[dead].max() < score_A[quiet].min()
    assert score_A[quiet].max() < score_A[~dead & ~quiet].min() == -5
    np.testing.assert_array_equal(score_A, score_A[live_cell_of()])


def test_batches_are_disjoint_training_images_of_the_seed(context, digits):
    (first, labels), (second, _) = image_batches("zico", context, 2)
    assert first.shape == second.shape == (12, 1, 8, 8)
    pixels = (digits.images[digits.train].astype(float) / 255 - digits.mean[0]) / digits.std[0]
    matches = [np.abs(pixels - image.numpy()).max(axis=(1, 2, 3)) < 1e-5 for image in torch.cat([first, second])]
    assert all(found.any() for found in matches)
    assert len({int(found.argmax()) for found in matches}) == 24
    assert int(labels[0]) in digits.labels[digits.train][matches[0]]
    other = dataclasses.replace(context, seed=9)
    assert not torch.equal(image_batches("zico", other)[0][0], first)
    assert torch.equal(image_batches("zico", context)[0][0], first)
    assert not torch.equal(noise_batch(other), noise_batch(context))


def test_impossible_requests_are_told(context):
    with pytest.raises(UsageError, match="--images"):
        image_batches("zico", dataclasses.replace(context, images=None))
    with pytest.raises(UsageError, match="side 8, but size is 12"):
        image_batches("zico", dataclasses.replace(context, size=12))
    with pytest.raises(UsageError, match="to train"):
        image_batches("zico", dataclasses.replace(context, batch=1500), 2)
    for wrong in ({"size": 10}, {"channels": 0}, {"batch": 1}, {"seed": -1}):
        with pytest.raises(UsageError, match=str(next(iter(wrong)))):
            dataclasses.replace(context, **wrong)
