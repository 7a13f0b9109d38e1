"""Laws of the token buckets, against a model that counts."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cadenza.network.rate_limiter import TokenBuckets


class StillClock:
    at_ms = 0

    def monotonic_ms(self) -> int:
        return self.at_ms


def make(burst: int, interval_ms: int, keys_max: int = 100) -> tuple[TokenBuckets, StillClock]:
    clock = StillClock()
    return TokenBuckets(burst=burst, interval_ms=interval_ms, keys_max=keys_max, monotonic_ms=clock.monotonic_ms), clock


@given(burst=st.integers(1, 8), interval_ms=st.integers(1, 5000), waits=st.lists(st.integers(0, 12_000), max_size=60))
def test_it_allows_what_a_bucket_that_drips_would(burst: int, interval_ms: int, waits: list[int]) -> None:
    buckets, clock = make(burst, interval_ms)
    level = burst * interval_ms  # in token-milliseconds: a token is worth `interval_ms`
    for wait_ms in waits:
        clock.at_ms += wait_ms
        level = min(burst * interval_ms, level + wait_ms)
        if level >= interval_ms:
            level -= interval_ms
            assert buckets.allow("k") is None
        else:
            assert buckets.allow("k") == -(-(interval_ms - level) // 1000)


@given(burst=st.integers(1, 5), interval_ms=st.integers(1, 5000))
def test_who_waits_as_told_is_let_in(burst: int, interval_ms: int) -> None:
    buckets, clock = make(burst, interval_ms)
    assert [buckets.allow("k") for _ in range(burst)] == [None] * burst
    wait_s = buckets.allow("k")
    assert wait_s is not None
    assert wait_s >= 1
    clock.at_ms += wait_s * 1000
    assert buckets.allow("k") is None


def test_keys_do_not_share_and_the_oldest_is_forgotten_when_there_are_too_many() -> None:
    buckets, _ = make(burst=1, interval_ms=1000, keys_max=2)
    assert [buckets.allow(key) for key in ("a", "b", "a", "b")] == [None, None, 1, 1]
    assert buckets.allow("c") is None
    assert len(buckets._full_at_ms) == 2
    assert buckets.allow("b") == 1
    assert buckets.allow("a") is None


@pytest.mark.parametrize("limits", [(0, 1, 1), (1, 0, 1), (1, 1, 0)])
def test_impossible_limits_are_refused(limits: tuple[int, int, int]) -> None:
    with pytest.raises(ValueError, match="positive"):
        make(*limits)
