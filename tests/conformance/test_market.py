"""TC-M: books and trades, at every venue."""

from decimal import Decimal

import pytest

from cadenza.domain.errors import InstrumentNotFound
from cadenza.domain.ids import InstrumentId
from cadenza.domain.market.enums import Side
from tests.conformance.harness import Capability, Trader, VenueUnderTest
from tests.conformance.orders import Orders
from tests.inhouse_kit import BookKeeper, until

needs = pytest.mark.needs

pytestmark = pytest.mark.needs(Capability.MARKET_DATA)


async def test_tc_m01_a_book_begins_with_a_snapshot(venue: VenueUnderTest) -> None:
    keeper = BookKeeper()
    await venue.connector.open_book(venue.spot.id, keeper)
    await until(lambda: keeper.snapshots == 1, "the snapshot")
    assert not keeper.is_stale
    assert (max(keeper.bids), min(keeper.asks)) == (venue.prices.bid, venue.prices.ask)
    assert all(quantity > 0 for quantity in (*keeper.bids.values(), *keeper.asks.values()))


async def test_tc_m02_changes_follow_without_a_gap(venue: VenueUnderTest, trader: Trader, orders: Orders) -> None:
    """`BookKeeper` checks each delta: it follows the one before it, and the book is not crossed."""
    keeper, late = BookKeeper(), BookKeeper()
    await venue.connector.open_book(venue.spot.id, keeper)
    for n in range(6):
        order = orders.resting(trader, Side.BUY if n % 2 else Side.SELL, Decimal(1))
        await trader.submit(order)
        await trader.submit(orders.market(trader, Side.BUY if n % 3 else Side.SELL, Decimal("0.1")))
        if n % 2:
            await trader.cancel(order)
    await venue.pass_time(100)
    await venue.connector.close_book(venue.spot.id)
    await venue.connector.open_book(venue.spot.id, late)
    await until(lambda: late.snapshots == 1, "another snapshot")
    assert (keeper.bids, keeper.asks) == (late.bids, late.asks)


async def test_tc_m03_opening_again_changes_nothing(venue: VenueUnderTest) -> None:
    keeper = BookKeeper()
    for _ in range(2):
        await venue.connector.open_book(venue.spot.id, keeper)
    await venue.pass_time(100)
    assert keeper.snapshots == 1


async def test_tc_m04_a_closed_book_is_silent(venue: VenueUnderTest, trader: Trader, orders: Orders) -> None:
    keeper = BookKeeper()
    await venue.connector.open_book(venue.spot.id, keeper)
    for _ in range(2):
        await venue.connector.close_book(venue.spot.id)
    reply = keeper.sequence
    await trader.submit(orders.market(trader, Side.BUY, Decimal("0.1")))
    await venue.pass_time(100)
    assert (keeper.sequence, keeper.trades) == (reply, [])


async def test_tc_m05_trades_are_reported_once(venue: VenueUnderTest, trader: Trader, orders: Orders) -> None:
    keeper = BookKeeper()
    await venue.connector.open_book(venue.spot.id, keeper)
    order = orders.market(trader, Side.SELL, Decimal("0.1"))
    await trader.submit(order)
    fills = {fill.trade_id: (fill.price, fill.quantity) for fill in trader.fills_of(order)}
    await until(lambda: len(keeper.trades) >= len(fills), "the trades")
    assert {trade.trade_id: (trade.price, trade.quantity) for trade in keeper.trades} == fills
    assert {trade.aggressor for trade in keeper.trades} == {Side.SELL}


async def test_tc_m06_an_unknown_instrument_has_no_book(venue: VenueUnderTest) -> None:
    with pytest.raises(InstrumentNotFound):
        await venue.connector.open_book(InstrumentId("NOWHERE:NO/NE"), BookKeeper())


@needs(Capability.FEED_BREAK)
async def test_tc_m07_a_broken_feed_is_stale_until_its_next_snapshot(venue: VenueUnderTest) -> None:
    class Witness(BookKeeper):
        was_stale = False

        def on_stale(self, instrument_id: InstrumentId) -> None:
            super().on_stale(instrument_id)
            self.was_stale = True

    keeper = Witness()
    await venue.connector.open_book(venue.spot.id, keeper)
    await venue.break_feed()
    await until(lambda: keeper.snapshots == 2, "the second snapshot")
    assert keeper.was_stale
    assert not keeper.is_stale


async def test_tc_m08_a_stopped_connector_leaves_its_books_stale(venue: VenueUnderTest) -> None:
    keeper = BookKeeper()
    await venue.connector.open_book(venue.spot.id, keeper)
    await venue.connector.stop()
    assert keeper.is_stale
