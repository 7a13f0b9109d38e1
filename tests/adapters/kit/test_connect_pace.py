"""The pace at which connections are opened: in turn, never more than a venue takes, whatever the way to it is like."""

import asyncio

import pytest
from tests.inhouse_kit import ManualClock, until

from cadenza.adapters.venues.kit.connect_pace import TURN_MS_MAX, ConnectPace
from cadenza.network.pace_windows import WindowLimit
from cadenza.network.pacing import PaceTicket
from cadenza.network.stream_events import NotReady

LIMIT = WindowLimit(5, 15_000)
Turns = list[asyncio.Task[PaceTicket]]


def asked(pace: ConnectPace, count: int) -> Turns:
    return [asyncio.create_task(pace.turn("private")) for _ in range(count)]


def given(turns: Turns) -> int:
    return sum(turn.done() for turn in turns)


async def pass_time(clock: ManualClock, duration_ms: int) -> None:
    await settle()
    clock.advance(duration_ms)
    await settle()


async def settle() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


async def test_many_connections_are_opened_in_the_order_in_which_they_asked_and_none_gives_up() -> None:
    clock = ManualClock()
    turns = asked(ConnectPace(clock, LIMIT), 12)
    for expected in (5, 10, 12):
        await settle()
        assert [turn.done() for turn in turns] == [number < expected for number in range(12)]
        for turn in turns[expected - 5 : expected]:
            turn.result().settle()
        await pass_time(clock, LIMIT.length_ms + 200)


async def test_a_connection_that_takes_long_counts_from_its_end() -> None:
    """It arrives at the venue at some instant before that."""
    clock = ManualClock()
    pace = ConnectPace(clock, LIMIT)
    first = asked(pace, 5)
    await pass_time(clock, 10_000)
    assert given(first) == 5
    for turn in first:
        turn.result().settle()
    (late,) = asked(pace, 1)
    await pass_time(clock, 14_000)
    assert not late.done(), "24 s after the five began, 14 s after they may have arrived"
    await pass_time(clock, 1_200)
    assert late.done()


async def test_a_caller_that_leaves_takes_no_turn() -> None:
    clock = ManualClock()
    pace = ConnectPace(clock, LIMIT)
    turns = asked(pace, 7)
    await settle()
    turns[5].cancel()
    for turn in turns[:5]:
        turn.result().settle()
    await pass_time(clock, LIMIT.length_ms + 200)
    assert turns[6].done()
    assert given(asked(pace, 0)) == 0
    more = asked(pace, 5)
    await settle()
    assert given(more) == 4


async def test_what_others_have_opened_counts() -> None:
    clock = ManualClock()
    pace = ConnectPace(clock, LIMIT)
    pace.count(9)
    turns = asked(pace, 1)
    await pass_time(clock, 14_000)
    assert given(turns) == 0
    await pass_time(clock, 1_200)
    assert given(turns) == 1


async def test_a_turn_that_does_not_come_and_a_pace_that_is_closed_are_not_ready() -> None:
    clock = ManualClock()
    pace = ConnectPace(clock, LIMIT)
    stuck = asked(pace, 6)
    await pass_time(clock, TURN_MS_MAX + 1)
    await until(stuck[5].done)
    with pytest.raises(NotReady):
        stuck[5].result()
    waiting = asked(pace, 1)
    await settle()
    pace.close()
    with pytest.raises(NotReady):
        await waiting[0]
