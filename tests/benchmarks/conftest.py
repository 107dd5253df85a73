"""The benchmark's modules are scripts of one folder, not a package; put that folder where imports look."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "benchmarks"))
