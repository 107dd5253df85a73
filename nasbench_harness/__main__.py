"""``python -m nasbench_harness`` is ``nasbench-harness``."""

import sys

from nasbench_harness.cli import main

sys.exit(main())
