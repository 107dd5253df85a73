"""The short form of the trial: six real units on two Ray nodes, one of which is killed while it works."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cluster.trial import Experiment, ray_trial

pytestmark = pytest.mark.slow


def test_a_ray_node_that_is_killed_costs_nothing(tmp_path: Path) -> None:
    pytest.importorskip("ray", reason="needs the extra ray")
    experiment = Experiment(tmp_path, units=6, pause=0.5)
    experiment.write()
    experiment.run("inline")
    told = ray_trial(experiment, nodes=2, head_too=False)
    assert told["processes killed"] > 1
    assert (told["lost"], told["doubled"], told["trained twice"], told["claims left"]) == (0, 0, 0, 0)
    assert 1 <= told["begun again after a kill"] <= 2
    assert told["scores equal"]
    assert told["leaderboard equal"]
