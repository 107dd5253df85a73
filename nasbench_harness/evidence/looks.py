"""Several looks at growing numbers of seeds, with a bound that keeps the false alarms of all of them together."""

from __future__ import annotations

from collections.abc import Sequence

from nasbench_harness.errors import UsageError

LOOKS = (3, 5)
"""Seeds of the candidate at which a gate looks, unless it is told otherwise."""
MOST_LOOKS = 3
BOUND = 1.90
"""Bound of each look, in standard deviations, in place of 1.645 at 5 %. Looks at 3 and 5 seeds against a baseline of 10
then call 4.4 % of null differences worse, a further look at 8 makes it 5.5 %; with 1.645 it would be 7.3 and 9.0 %."""
INFLATION = 1.741
"""0.05 over the tail beyond ``BOUND``: what a p-value is multiplied by where there are several looks."""


def check_looks(looks: Sequence[int]) -> tuple[int, ...]:
    """The looks, rising; ``UsageError`` for none, more than ``MOST_LOOKS``, or numbers below 1."""
    rising = tuple(sorted(set(looks)))
    if not rising or rising[0] < 1 or len(rising) > MOST_LOOKS:
        raise UsageError(
            f"looks: expected 1 to {MOST_LOOKS} numbers of seeds, 1 or more each, such as 3,5; "
            f"found {','.join(map(str, looks)) or 'none'}"
        )
    return rising


def inflation(looks: Sequence[int]) -> float:
    """What the p-value of each look is multiplied by: 1 for a single one."""
    return INFLATION if len(looks) > 1 else 1.0
