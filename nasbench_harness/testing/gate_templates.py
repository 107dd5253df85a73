"""The gate of a new part: its test, and a workflow for GitHub Actions; ``templates`` has the rest."""

BASELINES = {"partitioner": "random-partition", "strategy": "one-shot-uniform"}
"""What a new part has to beat, as the preset `regress` names it."""

GATE = '''"""Not worse than its baseline, by the spread over seeds. Trains for minutes, and once: gate/ keeps the units.

`python -m pytest test_$MODULE_gate.py`. For later versions take this one as the baseline: train ten seeds (`seeds=10`),
`nasbench-harness baseline update gate --strategies $NAME`, commit the file and name it here:
`baseline=HERE / "results/baselines/regress/$NAME.json"`.
"""

from nasbench_harness.plugins import load_file
from pathlib import Path

HERE = Path(__file__).parent
load_file(HERE / "$MODULE.py")


def test_$MODULE_is_not_worse(regression_gate):
    regression_gate("$NAME", seeds=5, baseline="$BASELINE", baseline_seeds=10, folder=HERE / "gate")
'''

WORKFLOW = """# The checks of the parts in this folder, and their gates against a baseline, for each pull request.
name: gate
on:
  pull_request:
  workflow_dispatch:

jobs:
  gate:
    runs-on: ubuntu-latest
    timeout-minutes: 60
    steps:
      - uses: actions/checkout@v4
      - uses: actions/setup-python@v5
        with:
          python-version: "3.12"
          cache: pip
          cache-dependency-path: .github/workflows/gate.yml
      - run: pip install nasbench-harness pytest
      # units that were trained in an earlier run are kept; those of a changed part are trained again
      - uses: actions/cache@v4
        with:
          path: gate
          key: gate-${{ hashFiles('*.py') }}
          restore-keys: gate-
      - run: python -m pytest
      # the verdict in the summary of the pull request, also where the gate has failed
      - if: always()
        run: nasbench-harness compare gate/$NAME gate/$BASELINE --looks 5 --github
"""
