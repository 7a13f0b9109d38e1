"""Renewal before a connection is too old: with overlap nothing is missed, without it the gap is said."""

import asyncio

import pytest
from tests.network.peers import PeerConnection, settle, until
from tests.network.websocket_peers import CLOSE, converse, frame, polite, read_frame, shake_hands, stream, text_of

from cadenza.network.outcomes import Sent
from cadenza.network.stream_connection import StreamConnection
from cadenza.network.stream_events import (
    LostCause,
    NotReady,
    Received,
    StreamClosed,
    StreamLimits,
    StreamLive,
    StreamLost,
)

pytestmark = pytest.mark.timeout(120)
HOUR_MS = 3_600_000
QUIET = {"ping_ms": 10 * HOUR_MS, "silence_ms": 20 * HOUR_MS}


async def test_the_new_connection_is_live_before_the_old_one_closes_and_its_last_messages_come() -> None:
    closes = asyncio.Event()

    async def play(connection: PeerConnection) -> None:
        await shake_hands(connection)
        if connection is tested.server.connections[0]:
            assert (await read_frame(connection))[0] == CLOSE
            await connection.send(frame(b"the last of the old"))
            await closes.wait()
            await connection.send(frame(b"", CLOSE))
            await connection.end()
        else:
            await converse(connection)

    async with stream(play, StreamLimits(**QUIET, renew_after_ms=HOUR_MS)) as tested:
        assert await tested.take() == StreamLive(1)
        await tested.clock.pass_time(HOUR_MS)
        assert await tested.take() == StreamLive(2, replaced=1)
        assert tested.socket.is_live
        last = await tested.take()
        assert isinstance(last, Received)
        assert (last.connection, text_of(last)) == (1, "the last of the old")
        assert await tested.socket.send("on the new", tested.clock.at_ms + 1_000) == Sent()
        closes.set()
        echoed = await tested.take()
        assert isinstance(echoed, Received)
        assert (echoed.connection, text_of(echoed)) == (2, "on the new")
        await until(lambda: tested.server.connections[0].reader.at_eof())
        await tested.clock.pass_time(HOUR_MS)
        assert await tested.take() == StreamLive(3, replaced=2)


@pytest.mark.parametrize("renew_after_ms", [None, HOUR_MS])
async def test_a_connection_is_renewed_when_the_owner_asks(renew_after_ms: int | None) -> None:
    """Once: the new one stays."""
    async with stream(polite, StreamLimits(**QUIET, renew_after_ms=renew_after_ms)) as tested:
        assert await tested.take() == StreamLive(1)
        tested.socket.renew()
        assert await tested.take() == StreamLive(2, replaced=1)
        await until(lambda: tested.server.connections[0].reader.at_eof())
        await settle()
        assert await tested.socket.send("on the new", tested.clock.at_ms + 1_000) == Sent()
        echoed = await tested.take()
        assert isinstance(echoed, Received)
        assert (echoed.connection, len(tested.server.connections)) == (2, 2)


async def test_without_overlap_the_old_one_closes_first_and_the_gap_is_said() -> None:
    limits = StreamLimits(**QUIET, renew_after_ms=HOUR_MS, is_renewed_by_overlap=False)
    async with stream(polite, limits) as tested:
        assert await tested.take() == StreamLive(1)
        await tested.clock.pass_time(HOUR_MS)
        assert await tested.take() == StreamLost(1, LostCause.RENEWAL)
        assert await tested.take() == StreamLive(2)  # at once: no pause has passed
        assert (len(tested.server.connections), tested.targets) == (2, 2)


async def test_a_renewal_that_fails_is_tried_again_while_the_old_one_lives() -> None:
    async def prepare(connection: StreamConnection) -> None:
        if connection.number in (2, 3):
            raise NotReady("not now")

    async with stream(polite, StreamLimits(**QUIET, renew_after_ms=HOUR_MS), prepare) as tested:
        assert await tested.take() == StreamLive(1)
        await tested.clock.pass_time(HOUR_MS)
        for failed in (1, 2):
            await until(lambda failed=failed: tested.socket.renewals_failed == failed)  # type: ignore[misc]
            assert tested.socket.is_live
            await tested.pause_passes()
        assert await tested.take() == StreamLive(4, replaced=1)


async def test_an_old_connection_that_dies_during_its_renewal_is_lost_and_the_half_open_one_is_closed() -> None:
    async def prepare(connection: StreamConnection) -> None:
        if connection.number == 2:
            await asyncio.get_running_loop().create_future()

    async with stream(polite, StreamLimits(**QUIET, renew_after_ms=HOUR_MS), prepare) as tested:
        assert await tested.take() == StreamLive(1)
        await tested.clock.pass_time(HOUR_MS)
        await until(lambda: len(tested.server.connections) == 2)
        await settle(30)
        tested.server.connections[0].reset()
        lost = await tested.take()
        assert isinstance(lost, StreamLost)
        assert (lost.connection, lost.cause) == (1, LostCause.DISCONNECTED)
        await until(lambda: tested.server.connections[1].reader.at_eof())
        await tested.pause_passes()
        assert await tested.take() == StreamLive(3)


async def test_closing_says_goodbye_and_delivers_what_came_until_then() -> None:
    async def play(connection: PeerConnection) -> None:
        await shake_hands(connection)
        assert (await read_frame(connection))[0] == CLOSE
        await connection.send(frame(b"last") + frame(b"", CLOSE))
        after.append(await connection.reader.read())

    after: list[bytes] = []
    async with stream(play) as tested:
        assert await tested.take() == StreamLive(1)
        tested.socket.close()
        assert text_of(await tested.take()) == "last"
        assert await tested.take() == StreamClosed()
        assert tested.run is not None
        await tested.run
        await until(lambda: after == [b""])  # one goodbye is enough


async def test_a_server_that_does_not_say_goodbye_holds_up_nobody_for_long() -> None:
    async def play(connection: PeerConnection) -> None:
        await shake_hands(connection)
        await connection.end()

    async with stream(play, StreamLimits(closing_ms=20)) as tested:
        assert await tested.take() == StreamLive(1)
        tested.socket.close()
        assert await tested.take() == StreamClosed()


async def test_a_run_that_is_cancelled_while_it_prepares_leaves_no_connection_open() -> None:
    async def prepare(_: StreamConnection) -> None:
        await asyncio.get_running_loop().create_future()

    async with stream(polite, prepare=prepare) as tested:
        await until(lambda: len(tested.server.connections) == 1)
        await settle(30)
        assert tested.run is not None
        tested.run.cancel()
        with pytest.raises(asyncio.CancelledError):
            await tested.run
        assert await tested.take() == StreamClosed()
        await until(lambda: tested.server.connections[0].reader.at_eof())
