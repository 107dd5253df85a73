"""Ways to get units done: an engine takes jobs from a queue, which claims them, and yields what became of each."""

from nasbench_harness.engines.engine import Engine, Inline, Processes
from nasbench_harness.engines.job import Job, run_job
from nasbench_harness.engines.queue import Queue
from nasbench_harness.engines.shard import Shard

__all__ = ["Engine", "Inline", "Job", "Processes", "Queue", "Shard", "run_job"]
