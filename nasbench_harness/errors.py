"""The errors a user meets: one line each, saying what was expected, what was found and what to do.

Every error carries the exit code that the command line ends with:
0 done, 1 regression found, 2 wrong usage, 3 data missing or corrupt, 4 a run failed or diverged,
75 stopped on request and not finished, 130 interrupted.
"""


class HarnessError(Exception):
    """Base of all errors that the harness raises on purpose; its text is complete and fit for a terminal."""

    exit_code = 4


class UsageError(HarnessError):
    """A wrong request: an unknown name, an impossible setting, a folder that cannot be written."""

    exit_code = 2


class DataError(HarnessError):
    """Data that is missing, damaged, or not what it claims to be."""

    exit_code = 3


class RegressionError(HarnessError):
    """A result that is worse than its baseline; what was found stands in the output."""

    exit_code = 1


class StoppedEarlyError(HarnessError):
    """A unit that was ended on request because it ranks too badly; it is unfinished, and its checkpoints are kept."""

    exit_code = 4


class SuspendedError(HarnessError):
    """Work that was ended on request, after a time or by a scheduler's signal; the same command resumes."""

    exit_code = 75  # of sysexits.h: a temporary failure, try again


class RunError(HarnessError):
    """A run that started and could not finish: divergence, no disk space, an interrupted device."""

    exit_code = 4
