"""``figures``: what is drawn and what is skipped, names and widths that do not exist, the same bytes each time."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from nasbench_harness.cli import main


@pytest.fixture(scope="module")
def run(fake: Any, tmp_path_factory: pytest.TempPathFactory) -> str:
    folder: Path = fake.write_run(tmp_path_factory.mktemp("runs") / "run", {"gm-nas": [0.4, 0.5], "close": [0.3, 0.2]})
    return str(folder)


def test_what_is_drawn_has_a_caption_and_what_is_not_a_reason(
    run: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    wanted = "tau_by_strategy,tau_along_training"
    assert main(["figures", run, "--width", "icml", "--only", wanted, "--out", str(tmp_path), "--json"]) == 0
    out, err = capsys.readouterr()
    found = json.loads(out)
    base = tmp_path / "tau_by_strategy"
    assert found["files"] == [f"{base}.png", f"{base}.pdf", f"{base}.tex"]
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(Path(file).name for file in found["files"])
    assert found["captions"][str(base)].startswith("Kendall's τ between scores")
    assert "2 seeds a strategy (0, 1)" in found["captions"][str(base)]
    why = "no record has a trajectory by this truth; set scoring.trajectory"
    assert found["skipped"] == {str(tmp_path / "tau_along_training"): why}
    assert err == f"skipped {tmp_path / 'tau_along_training'}: {why}\n"


@pytest.mark.parametrize(
    ("options", "code", "words"),
    [
        (["--width", "wide"], 2, "width 'wide': give one of neurips, icml, cvpr, lncs, ieee, or inches from 2 to 20"),
        (["--only", "pie"], 2, "no figure 'pie'; there are: tau_by_strategy,"),
        (["--strategies", "gm-nas,two-shot"], 2, "no strategy 'two-shot' in "),
        (["--highlight", "two-shot"], 2, "there are: close, gm-nas"),
        (["--signal", "luck"], 3, "no score column 'luck'"),
        (["--only", "tau_along_training"], 3, "no figure can be drawn: tau_along_training: no record has a trajectory"),
    ],
)
def test_what_cannot_be_is_one_line_and_leaves_nothing(
    run: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], options: list[str], code: int, words: str
) -> None:
    out = tmp_path / "figures"
    assert main(["figures", run, "--out", str(out), *options]) == code
    error = capsys.readouterr().err
    assert words in error
    assert len(error.splitlines()) == 1
    assert not out.exists()
