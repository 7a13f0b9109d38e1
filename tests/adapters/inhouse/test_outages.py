"""The venue's database goes away: sessions are lost and restored, and orders wait meanwhile."""

import asyncio

from tests.adapters.inhouse.inhouse_venues import THROUGH, InHouseVenue
from tests.adapters.inhouse.mock_world import mock_world
from tests.inhouse_kit import kinds, until

from cadenza.adapters.venues.inhouse.runner import ExchangeRunner
from cadenza.domain.errors import DatabaseUnavailable
from cadenza.domain.trading.enums import OrderStatus
from cadenza.ports.venue import VenueStatus


def reload_fails_until(runner: ExchangeRunner, is_back: asyncio.Event) -> None:
    """Keep the venue from going back to what is on disk until the event is set."""
    reload = runner.ledger.reload

    async def failing() -> object:
        if not is_back.is_set():
            raise DatabaseUnavailable("the venue's database is down")
        return await reload()

    runner.ledger.reload = failing


async def test_a_session_is_lost_and_restored_around_an_outage(venue: InHouseVenue) -> None:
    bench, is_back = venue.bench, asyncio.Event()
    account, session, sink = await bench.session()
    resting = venue.order(account)
    await session.submit(resting)
    before_ms = bench.clock.ms
    reload_fails_until(bench.connector._runner, is_back)
    bench.disk.failures.append("reply lost")
    assert kinds(await session.submit(venue.order(account, THROUGH))) == ["UnknownOutcome"]
    await until(lambda: bool(sink.life), "the loss")
    assert sink.life == [("lost", "the venue's database does not answer")]
    assert bench.connector.status() is VenueStatus.OFFLINE
    is_back.set()
    await venue.recovered()
    await until(lambda: len(sink.life) == 2, "the return")
    ((_, _), (kind, gap_since_ms)) = sink.life
    assert kind == "restored"
    assert isinstance(gap_since_ms, int)
    await until(lambda: len(sink.fills) == 1, "the fill of the order whose reply was lost")
    assert gap_since_ms <= before_ms <= sink.fills[0].at_ms
    assert kinds(await session.cancel(resting)) == ["Canceled"]


async def test_every_session_is_lost_and_a_closed_one_hears_nothing(venue: InHouseVenue) -> None:
    bench = venue.bench
    account, session, sink = await bench.session()
    _, closed, closed_sink = await bench.session(number=2)
    _, _, other_sink = await bench.session(number=3)
    await closed.close()
    bench.disk.failures.append("lost")
    await session.submit(venue.order(account))
    await venue.recovered()
    await until(lambda: len(sink.life) == len(other_sink.life) == 2, "the return")
    assert [kind for kind, _ in sink.life] == [kind for kind, _ in other_sink.life] == ["lost", "restored"]
    assert closed_sink.life == []


async def test_a_session_ends_when_another_process_runs_the_venue(venue: InHouseVenue) -> None:
    bench = venue.bench
    account, session, sink = await bench.session()
    await bench._writer().take_over()
    assert kinds(await session.submit(venue.order(account))) == ["UnknownOutcome"]
    assert sink.life == [("ended", f"another process runs {account.venue_id} now")]
    assert bench.connector.status() is VenueStatus.OFFLINE


async def test_a_session_ends_when_the_venue_comes_back_in_another_process(venue: InHouseVenue) -> None:
    bench, is_back = venue.bench, asyncio.Event()
    account, session, sink = await bench.session()
    reload_fails_until(bench.connector._runner, is_back)
    bench.disk.failures.append("lost")
    await session.submit(venue.order(account))
    await bench._writer().take_over()
    is_back.set()

    def has_ended() -> bool:
        bench.clock.advance(50)
        return len(sink.life) == 2

    await until(has_ended, "the end")
    assert [kind for kind, _ in sink.life] == ["lost", "ended"]


async def test_orders_wait_for_the_venue_and_then_go_out(database_dsn: str) -> None:
    async with mock_world(database_dsn) as world:
        resting = await world.submit("mock.rest")
        world.ledger.is_down = True
        hit = await world.submit("mock.fill")
        assert (hit.status, hit.is_in_doubt) == (OrderStatus.SUBMITTED, True)
        assert not world.trading.sessions.takes_orders(world.account.id)
        waiting = asyncio.create_task(world.submit("mock.fill"))
        world.is_sending = True
        await world.pass_time(2_000)
        assert not waiting.done(), "it waits instead of being rejected"
        await world.repair()
        await world.pass_time(1_000)
        order = await waiting
        assert (order.status, order.executed_quantity) == (OrderStatus.FILLED, order.quantity)
        assert (await world.order(resting)).status is OrderStatus.ACCEPTED
        world.is_sending = False
        await world.pass_time(20_000, 500)
        hit = await world.order(hit)
        assert (hit.status, hit.reject_reason) == (OrderStatus.REJECTED, "NOT_FOUND_AT_VENUE")


async def test_an_order_that_waited_in_vain_leaves_nothing(database_dsn: str) -> None:
    async with mock_world(database_dsn) as world:
        world.ledger.is_down = True
        await world.submit("mock.fill")
        waiting = asyncio.create_task(world.submit("mock.fill"))
        world.is_sending = True
        await world.pass_time(11_000, 500)
        refused = (await asyncio.gather(waiting, return_exceptions=True))[0]
        assert getattr(refused, "code", None) == "VENUE_UNAVAILABLE"
