"""Shards: disjoint shares of the units that are together the whole."""

from __future__ import annotations

import pytest

from nasbench_harness.engines import Shard
from nasbench_harness.errors import UsageError


@pytest.mark.parametrize("count", [1, 2, 3, 7])
def test_shards_are_disjoint_of_nearly_one_size_and_together_the_whole(count: int) -> None:
    shares = [Shard(number, count).of(range(7)) for number in range(1, count + 1)]
    assert sorted(unit for share in shares for unit in share) == list(range(7))
    assert max(map(len, shares)) - min(map(len, shares)) <= 1


@pytest.mark.parametrize("text", ["0/2", "3/2", "1/0", "1", "1/2/3", "a/b", "-1/2", "", "1.0/2"])
def test_what_is_no_shard_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="--shard"):
        Shard.parse(text)


def test_more_shards_than_units_are_refused() -> None:
    assert Shard.parse("2/3") == Shard(2, 3)
    with pytest.raises(UsageError, match="there are 2 units, take 2 shards at most"):
        Shard(1, 3).of("ab")
