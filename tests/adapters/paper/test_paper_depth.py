"""PAPER without partial fills: the market has all that anybody wants, and looks as it is."""

from collections.abc import AsyncIterator
from decimal import Decimal

import pytest
from tests.inhouse_kit import BookKeeper, kinds, until
from tests.paper_bench import SPOT, Bench

from cadenza.adapters.venues.paper import PaperVenueSettings
from cadenza.domain.accounts.credential import Secrets
from cadenza.domain.market.enums import Side, TimeInForce
from cadenza.exchange import PublicTrade


@pytest.fixture
async def deep() -> AsyncIterator[Bench]:
    running = Bench(PaperVenueSettings(partial_fills=False))
    await running.connector.start()
    yield running
    await running.connector.stop()


async def test_a_taker_is_filled_as_a_whole_at_the_best_price(deep: Bench) -> None:
    account, session, _ = await deep.session()
    for order in (
        deep.order(account, SPOT, Side.BUY, "5"),
        deep.order(account, SPOT, Side.BUY, "5", "60010", time_in_force=TimeInForce.FOK),
    ):
        (_, fill) = await session.submit(order)
        assert (fill.price, fill.quantity) == (Decimal(60010), Decimal(5))


async def test_a_resting_order_is_filled_as_a_whole(deep: Bench) -> None:
    account, session, sink = await deep.session()
    await session.submit(deep.order(account, SPOT, Side.BUY, "5", "60005"))
    deep.market.level(SPOT, Side.SELL, "60005", "0.00001")
    await deep.tick()
    await until(lambda: bool(sink.fills), "the fill")
    assert [(fill.price, fill.quantity) for fill in sink.fills] == [(Decimal(60005), Decimal(5))]


async def test_the_queue_before_a_resting_order_passes_as_ever(deep: Bench) -> None:
    account, session, sink = await deep.session()
    await session.submit(deep.order(account, SPOT, Side.BUY, "5", "60000"))  # behind 1 BTC
    for lots in (60_000, 40_000, 1):
        deep.market.put(SPOT.id, lambda at_ms, lots=lots: PublicTrade(Side.SELL, 6_000_000, lots, at_ms))
        assert sink.fills == []
        await deep.tick()
    await until(lambda: bool(sink.fills), "the fill")
    assert [fill.quantity for fill in sink.fills] == [Decimal(5)]


async def test_book_and_trades_look_as_they_are(deep: Bench) -> None:
    account, session, _ = await deep.session()
    keeper = BookKeeper()
    await deep.connector.open_book(SPOT.id, keeper)
    await session.submit(deep.order(account, SPOT, Side.BUY, "0.25", "60000"))
    await session.submit(deep.order(account, SPOT, Side.BUY, "5"))
    deep.market.put(SPOT.id, lambda at_ms: PublicTrade(Side.BUY, 6_001_000, 7, at_ms))
    await deep.tick()
    assert keeper.bids == {Decimal(60000): Decimal("1.25"), Decimal(59990): Decimal(2)}
    assert keeper.asks == {Decimal(60010): Decimal(1), Decimal(60020): Decimal(2)}
    assert [trade.quantity for trade in keeper.trades] == [Decimal(5), Decimal("0.00007")]


async def test_clients_may_still_fill_each_other_in_part(deep: Bench) -> None:
    account, session, _ = await deep.session()
    other, other_session, _ = await deep.session(number=2, secrets=Secrets("another", "x", None))
    await session.submit(deep.order(account, SPOT, Side.BUY, "1", "60005"))
    reports = await other_session.submit(deep.order(other, SPOT, Side.SELL, "3", "60005"))
    assert kinds(reports) == ["Accepted", "Fill"]


async def test_the_setting_may_change_between_two_starts(deep: Bench) -> None:
    account, session, _ = await deep.session()
    await session.submit(deep.order(account, SPOT, Side.BUY, "5"))
    await session.submit(deep.order(account, SPOT, Side.BUY, "2", "60000"))
    for partial_fills, executed in ((True, 0), (False, 5)):  # what was taken stays taken where the market is as it was
        await deep.connector.stop()
        deep.settings = PaperVenueSettings(partial_fills=partial_fills)
        await deep.restart()
        account, session, sink = await deep.session()
        order = deep.order(account, SPOT, Side.BUY, "5", "60010", time_in_force=TimeInForce.IOC)
        await sink.deliver(await session.submit(order))
        assert sum(fill.quantity for fill in sink.fills) == executed
