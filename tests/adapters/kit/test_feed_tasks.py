"""Feeds that open, and works of feeds that fail."""

import asyncio

import pytest
from structlog.testing import capture_logs
from tests.inhouse_kit import ManualClock, until

from cadenza.adapters.venues.kit.feed_tasks import OPEN_MS_MAX, RESTART_MS, restarted_task, until_whole
from cadenza.domain.errors import VenueUnavailable
from cadenza.domain.ids import InstrumentId

BTC = InstrumentId("OKX:BTC/USDT")


class Feed:
    """Implements `OpeningFeed`."""

    def __init__(self) -> None:
        self.progressed = asyncio.Event()
        self.refusal: str | None = None
        self.instrument_id = BTC
        self.is_whole = False
        self.is_kept = True

    def opening(self, clock: ManualClock) -> "asyncio.Task[None]":
        return asyncio.create_task(
            until_whole(
                self,
                clock,
                venue="OKX",
                is_kept=lambda: self.is_kept,
                cause=lambda: self.refusal or "there is no snapshot",
            )
        )


async def waits(clock: ManualClock) -> None:
    await until(lambda: bool(clock._sleepers), "the wait")


async def test_a_feed_that_is_whole_is_not_waited_for() -> None:
    feed = Feed()
    feed.is_whole = True
    await feed.opening(ManualClock())


async def test_progress_is_looked_at_until_the_feed_is_whole() -> None:
    feed, clock = Feed(), ManualClock()
    opening = feed.opening(clock)
    for _ in range(3):
        feed.progressed.set()
        await until(lambda: not feed.progressed.is_set(), "the look")
        assert not opening.done()
    feed.is_whole = True
    feed.progressed.set()
    await opening


async def test_a_feed_that_does_not_become_whole_is_given_up() -> None:
    feed, clock = Feed(), ManualClock()
    opening = feed.opening(clock)
    await waits(clock)
    clock.advance(OPEN_MS_MAX - 1)
    feed.progressed.set()
    await until(lambda: not feed.progressed.is_set(), "the look")
    assert not opening.done()
    clock.advance(1)
    with pytest.raises(VenueUnavailable, match="OKX does not publish OKX:BTC/USDT: there is no snapshot"):
        await opening


async def test_a_refusal_ends_the_wait() -> None:
    feed, clock = Feed(), ManualClock()
    opening = feed.opening(clock)
    await waits(clock)
    feed.refusal = "there is no such channel"
    feed.progressed.set()
    with pytest.raises(VenueUnavailable, match="there is no such channel"):
        await opening


async def test_a_feed_that_is_closed_meanwhile_is_not_called_open() -> None:
    feed, clock = Feed(), ManualClock()
    opening = feed.opening(clock)
    await waits(clock)
    feed.is_kept, feed.is_whole = False, True
    feed.progressed.set()
    with pytest.raises(VenueUnavailable, match="was closed"):
        await opening


async def test_a_work_that_fails_is_logged_and_begins_again_until_it_returns() -> None:
    clock, runs = ManualClock(), []

    async def work() -> None:
        runs.append(clock.now_ms())
        if len(runs) < 3:
            raise KeyError("a defect")

    with capture_logs() as logs:
        task = restarted_task("OKX", "tend", work, clock)
        for count in (1, 2):
            await until(lambda count=count: len(runs) == count and bool(clock._sleepers), "the next run")  # type: ignore[misc]
            clock.advance(RESTART_MS - 1)
            await asyncio.sleep(0)
            assert len(runs) == count
            clock.advance(1)
        await task
    assert len(runs) == 3
    assert [(each["event"], each["task"], each["error"]) for each in logs] == [
        ("market_task_failed", "tend", "KeyError")
    ] * 2
    assert task.get_name() == "OKX tend"
