"""The small parts, alone."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.client import ClientProtocol
from websockets.frames import Frame
from websockets.protocol import OPEN
from websockets.uri import parse_uri

from cadenza.adapters.realtime.frames import Framer, text_frame
from cadenza.adapters.realtime.limits import RealtimeLimits
from cadenza.adapters.realtime.rate import CommandRate
from cadenza.adapters.realtime.rpc_params import instant
from cadenza.adapters.realtime.timetable import TICK_MS, Timetable
from cadenza.domain.errors import InvalidRequest


class Sleeper:
    def __init__(self) -> None:
        self.woken: list[int] = []

    def wake(self, now_ms: int) -> None:
        self.woken.append(now_ms)


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 3_000) | st.none()), max_size=40))
def test_sleepers_are_woken_at_their_newest_time_and_once(settings: list[tuple[int, int | None]]) -> None:
    timetable, sleepers, due = Timetable(), [Sleeper() for _ in range(5)], {}
    for number, at_ms in settings:
        if at_ms is None:
            timetable.remove(sleepers[number])
            due.pop(number, None)
        else:
            timetable.put(sleepers[number], at_ms)
            due[number] = at_ms
    assert len(timetable) == len(due)
    for now_ms in range(0, 4_000, TICK_MS):
        timetable.tick(now_ms)
    for number, sleeper in enumerate(sleepers):
        woken = sleeper.woken
        assert len(woken) == (number in due)
        assert all(due[number] <= at < due[number] + TICK_MS for at in woken)
    assert len(timetable) == 0


def test_a_sleeper_may_sleep_again_while_it_is_woken() -> None:
    timetable = Timetable()

    class Again(Sleeper):
        def wake(self, now_ms: int) -> None:
            super().wake(now_ms)
            timetable.put(self, now_ms)

    sleeper = Again()
    timetable.put(sleeper, 0)
    for now_ms in (0, TICK_MS, 2 * TICK_MS, 10 * TICK_MS):
        timetable.tick(now_ms)
    assert sleeper.woken == [0, TICK_MS, 2 * TICK_MS, 10 * TICK_MS]


@pytest.mark.parametrize("size", [0, 1, 125, 126, 127, 65_535, 65_536, 200_000])
def test_frames_are_read_by_another_implementation(size: int) -> None:
    client = ClientProtocol(parse_uri("ws://localhost/"), state=OPEN)
    payload = b"x" * size
    client.receive_data(text_frame(payload))
    (frame,) = client.events_received()
    assert isinstance(frame, Frame)
    assert (bytes(frame.data), frame.fin) == (payload, True)


def test_a_payload_is_framed_once() -> None:
    framer = Framer()
    payload = b"p" * 200
    first = framer.frame(payload)
    assert framer.frame(payload) is first
    assert framer.frame(b"q" * 200) != first
    assert framer.frame(payload) == struct.pack("!BBH", 0x81, 126, 200) + payload


def test_the_rate_is_a_burst_and_then_even() -> None:
    limits = RealtimeLimits(commands_per_frame_max=5, commands_per_second_max=10)
    rate = CommandRate()
    assert rate.allow(5, 0, limits)
    assert not CommandRate().allow(6, 0, limits)
    assert rate.allow(1, 100, limits)
    assert not rate.allow(1, 100, limits)


@pytest.mark.parametrize(
    ("text", "at_ms"),
    [("1970-01-01T00:00:00Z", 0), ("2026-01-31T12:00:00.123456+01:00", 1_769_857_200_123), (None, None)],
)
def test_instants(text: str | None, at_ms: int | None) -> None:
    assert instant("at", text) == at_ms


@pytest.mark.parametrize("text", ["", "2026-01-31", "2026-01-31T12:00:00", "1969-12-31T23:59:59Z", "0001-01-01T00:00Z"])
def test_instants_that_are_none(text: str) -> None:
    with pytest.raises(InvalidRequest):
        instant("at", text)
