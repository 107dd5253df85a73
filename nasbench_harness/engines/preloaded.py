"""Loaded by the server that forks processes: what each unit imports, and what it would compute alike, is there at once.

Polars is left out: it starts threads when it is imported, and a fork has none of them.
"""

from __future__ import annotations

import contextlib

import scipy.stats  # noqa: F401  that of the metrics, which import it when they need it

import nasbench_harness.pipeline  # noqa: F401
from nasbench_harness.space import all_strings
from nasbench_harness.supernet.scoring.functions import representative_of
from nasbench_harness.system.engine_version import engine_version

with contextlib.suppress(Exception):  # whatever it is, units meet it too and tell it, and the server must not end
    all_strings()
    representative_of()
    engine_version()
