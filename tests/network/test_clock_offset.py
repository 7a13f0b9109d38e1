"""The true offset always lies within the stated error, and a clock that was set is noticed."""

from fractions import Fraction
from math import floor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cadenza.network.clock_offset import ClockOffset, OffsetEstimate

exchanges = st.lists(
    st.tuples(
        st.integers(0, 60_000_000),  # µs of pause before the request
        st.integers(0, 3_000_000),  # µs on the way there
        st.integers(0, 3_000_000),  # µs on the way back
    ),
    min_size=1,
    max_size=40,
)


@given(
    offset_us=st.integers(-(10**10), 10**10),
    drifts=st.lists(st.integers(-200, 200), min_size=41, max_size=41),
    plays=exchanges,
    samples_max=st.integers(1, 5),
    resolution_ms=st.sampled_from([1, 1000]),
)
def test_the_true_offset_is_within_the_error(
    offset_us: int, drifts: list[int], plays: list[tuple[int, int, int]], samples_max: int, resolution_ms: int
) -> None:
    """The remote clock runs too fast or too slow, differently in each exchange, and both clocks cut off."""
    clock = ClockOffset(samples_max=samples_max, remote_resolution_ms=resolution_ms)
    now_us, offset = Fraction(0), Fraction(offset_us)

    def passes(duration_us: int, ppm: int) -> int:
        nonlocal now_us, offset
        now_us += duration_us
        offset += Fraction(duration_us * ppm, 1_000_000)
        return floor(now_us / 1000)

    def check() -> None:
        estimate = clock.at(floor(now_us / 1000))
        assert estimate is not None
        assert abs(offset / 1000 - estimate.offset_ms) <= estimate.error_ms

    for (pause_us, there_us, back_us), ppm in zip(plays, drifts, strict=False):
        sent_ms = passes(pause_us, ppm)
        passes(there_us, ppm)
        remote_ms = floor((now_us + offset) / 1000 / resolution_ms) * resolution_ms
        received_ms = passes(back_us, -ppm)
        assert clock.add(sent_ms=sent_ms, remote_ms=remote_ms, received_ms=received_ms)
        check()
    passes(3_600_000_000, drifts[-1])
    check()
    assert clock.jumps == 0


@given(plays=exchanges, jump_ms=st.integers(6_100, 10**9), is_forward=st.booleans())
def test_a_jump_that_exceeds_the_errors_is_noticed_at_the_next_sample(
    plays: list[tuple[int, int, int]], jump_ms: int, is_forward: bool
) -> None:
    clock, now_ms = ClockOffset(drift_ppm=0), 0
    for pause, there, back in plays:
        sent_ms = now_ms + pause // 1000
        now_ms = sent_ms + (there + back) // 1000
        assert clock.add(sent_ms=sent_ms, remote_ms=sent_ms + there // 1000 + 500, received_ms=now_ms)
    before = clock.at(now_ms)
    jump_ms = jump_ms if is_forward else -jump_ms
    assert not clock.add(sent_ms=now_ms, remote_ms=now_ms + 500 + jump_ms, received_ms=now_ms + 10)
    after = clock.at(now_ms + 10)
    assert before is not None
    assert after is not None
    assert clock.jumps == 1
    assert abs(after.offset_ms - 500 - jump_ms) <= after.error_ms <= 12


def test_the_quickest_answer_decides_and_its_bound_widens_with_age() -> None:
    clock = ClockOffset(drift_ppm=100)
    assert clock.at(0) is None
    clock.add(sent_ms=0, remote_ms=10_400, received_ms=1_000)
    clock.add(sent_ms=2_000, remote_ms=12_005, received_ms=2_010)
    clock.add(sent_ms=3_000, remote_ms=13_900, received_ms=4_000)
    assert clock.at(4_000) == OffsetEstimate(10_000, 7)
    aged = clock.at(1_004_000)
    assert aged is not None
    assert aged.error_ms == 107


def test_of_a_full_window_the_best_samples_stay() -> None:
    clock = ClockOffset(samples_max=2, drift_ppm=1)
    clock.add(sent_ms=0, remote_ms=1_005, received_ms=10)
    for second in range(1, 50):
        clock.add(sent_ms=second * 1000, remote_ms=second * 1000 + 1_400, received_ms=second * 1000 + 800)
    estimate = clock.at(50_000)
    assert estimate is not None
    assert estimate.error_ms <= 8


def test_impossible_samples_are_refused() -> None:
    with pytest.raises(ValueError, match="before"):
        ClockOffset().add(sent_ms=2, remote_ms=0, received_ms=1)
    with pytest.raises(ValueError, match="positive"):
        ClockOffset(samples_max=0)
