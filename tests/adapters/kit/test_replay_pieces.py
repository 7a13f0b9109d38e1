"""A long history is read to its end, and whoever waits for it hears meanwhile that it goes on."""

import asyncio

import pytest
from tests.adapters.kit.test_session_kit import balance
from tests.inhouse_kit import until
from tests.scripted.clock import FakeClock

from cadenza.adapters.venues.kit.replay_pieces import SILENCE_MS_MAX, replay_pieces
from cadenza.adapters.venues.kit.venue_clock import VenueClock
from cadenza.domain.errors import CredentialRejected, VenueUnavailable
from cadenza.domain.trading.reports import Report
from cadenza.ports.venue import REPLAY_REPORTS_MAX, ReplayPiece

SINCE_MS = 1_000


class World:
    def __init__(self) -> None:
        self.clock = FakeClock()
        self.venue_clock = VenueClock(self.clock, self._no_time)
        self.venue_clock.is_answered = True
        self.read: asyncio.Future[list[Report]] = asyncio.get_running_loop().create_future()
        self.has_ended = False
        self.pieces: list[ReplayPiece] = []

    async def reading(self) -> list[Report]:
        try:
            return await self.read
        finally:
            self.has_ended = True

    async def listen(self) -> None:
        async for piece in replay_pieces(self.reading(), SINCE_MS, self.clock, self.venue_clock):
            self.pieces.append(piece)

    async def waits(self) -> None:
        """Wait until whoever reads waits for the clock."""
        await until(lambda: bool(self.clock._sleepers), "the wait")

    async def _no_time(self) -> int | None:
        return None


async def test_reports_come_in_pieces_and_at_least_one_piece_comes() -> None:
    for count, sizes in ((0, [0]), (1, [1]), (2 * REPLAY_REPORTS_MAX + 1, [REPLAY_REPORTS_MAX, REPLAY_REPORTS_MAX, 1])):
        world = World()
        world.read.set_result([balance(f"A{number}", "1") for number in range(count)])
        await world.listen()
        assert [len(piece.reports) for piece in world.pieces] == sizes
        assert [report for piece in world.pieces for report in piece.reports] == world.read.result()
        assert {piece.covers_from_ms for piece in world.pieces} == {SINCE_MS}


async def test_a_long_reading_shows_that_it_goes_on_while_the_venue_answers() -> None:
    world = World()
    listening = asyncio.create_task(world.listen())
    for heard in (1, 2, 3):
        await world.waits()
        world.clock.advance(SILENCE_MS_MAX)
        await until(lambda heard=heard: len(world.pieces) == heard, "a piece")  # type: ignore[misc]
    world.venue_clock.is_answered = False
    await world.waits()
    world.clock.advance(SILENCE_MS_MAX)
    await world.waits()
    assert len(world.pieces) == 3, "a venue that does not answer is silent"
    world.read.set_result([balance("BTC", "1")])
    await listening
    assert [len(piece.reports) for piece in world.pieces] == [0, 0, 0, 1]


async def test_whoever_gives_the_replay_up_ends_the_reading() -> None:
    world = World()
    listening = asyncio.create_task(world.listen())
    await world.waits()
    listening.cancel()
    with pytest.raises(asyncio.CancelledError):
        await listening
    await until(lambda: world.has_ended, "the end of the reading")


async def test_a_refused_key_leaves_the_venue_unavailable() -> None:
    world = World()
    world.read.set_exception(CredentialRejected("revoked"))
    with pytest.raises(VenueUnavailable, match="revoked"):
        await world.listen()
