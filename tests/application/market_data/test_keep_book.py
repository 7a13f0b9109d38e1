"""Books are fresh, or they are not shown: gaps, numbers that begin again, silence."""

import asyncio
from dataclasses import replace
from decimal import Decimal

import pytest

from cadenza.application.market_data.feed import VENUE_TIME_AGE_MS_MAX
from cadenza.application.market_data.keep_book import RESYNC_GRACE_MS, TRADE_AGE_MS_MAX
from cadenza.domain.errors import OrderBookUnavailable
from cadenza.domain.ids import InstrumentId
from cadenza.domain.market.book_age import CHANGE_LATE_MS_MAX, CONTRADICTED_MS_MAX
from cadenza.domain.market.book_messages import MarketTrade
from cadenza.domain.market.enums import Side
from cadenza.domain.market.order_book import DUPLICATES_MAX
from tests.application.market_data.market_world import AGE_MS_MAX, MarketWorld
from tests.inhouse_kit import until

OKX_BTC = InstrumentId("OKX:BTC/USDT")
PAPER_BTC = InstrumentId("PAPER:BTC/USDT")


@pytest.fixture
async def world() -> MarketWorld:
    made = MarketWorld()
    for instrument_id in (OKX_BTC, PAPER_BTC):
        await made.books.ensure_open(instrument_id)
    return made


def is_shown(world: MarketWorld, instrument_id: InstrumentId = OKX_BTC) -> bool:
    shown = {
        world.books.top(instrument_id) is not None,
        world.books.snapshot(instrument_id, 5) is not None,
    }
    assert len(shown) == 1
    return shown.pop()


async def test_a_book_whose_venue_numbers_anew_is_opened_again(world: MarketWorld) -> None:
    for number in range(DUPLICATES_MAX):
        world.okx.delta(OKX_BTC, number, number + 1)
    assert not is_shown(world)
    world.clock.advance(1_000)
    await world.maintain()
    assert is_shown(world)
    assert world.okx.calls == ["open_book", "close_book", "open_book"]


async def test_a_message_that_the_rule_does_not_know_is_counted_as_refused(world: MarketWorld) -> None:
    world.okx.delta(OKX_BTC, None, 101)  # type: ignore[arg-type]
    assert not is_shown(world)
    assert (world.books.refused_total, world.books.gaps_total, world.books.stale_total) == (1, 1, 1)


async def test_a_silent_book_is_not_shown_even_before_anybody_looks_after_it(world: MarketWorld) -> None:
    world.clock.advance(AGE_MS_MAX)
    assert is_shown(world)
    world.clock.advance(1)
    assert not is_shown(world)
    assert world.books.stale_for_ms(OKX_BTC) == 0
    assert is_shown(world, PAPER_BTC)


async def test_the_keeper_notices_silence_and_resyncs(world: MarketWorld) -> None:
    await world.books.hold(OKX_BTC, "somebody")
    world.clock.advance(AGE_MS_MAX + 1)
    await world.maintain()
    assert world.books.stale_total == 1
    world.clock.advance(1_000)
    await world.maintain()
    assert is_shown(world)
    assert world.okx.calls[-2:] == ["close_book", "open_book"]


async def test_news_keeps_a_book_young_and_a_duplicate_does_not(world: MarketWorld) -> None:
    world.clock.advance(AGE_MS_MAX)
    world.okx.delta(OKX_BTC, 100, 101)
    world.clock.advance(AGE_MS_MAX)
    world.okx.delta(OKX_BTC, 100, 101)
    assert is_shown(world)
    world.clock.advance(1)
    assert not is_shown(world)


async def test_after_too_long_a_silence_only_a_snapshot_helps(world: MarketWorld) -> None:
    world.clock.advance(AGE_MS_MAX + 1)
    world.okx.delta(OKX_BTC, 100, 101)
    assert not is_shown(world)
    world.okx.snapshot(OKX_BTC)
    assert is_shown(world)


async def test_a_change_that_comes_late_by_the_venues_clock_makes_the_book_stale_until_it_is_opened_again(
    world: MarketWorld,
) -> None:
    world.okx.time_ms = 1_000_000
    world.clock.advance(VENUE_TIME_AGE_MS_MAX)  # read again by then
    world.okx.delta(OKX_BTC, 100, 101, at_ms=1_000_000 - CHANGE_LATE_MS_MAX)
    assert is_shown(world)
    world.clock.advance(1)
    world.okx.delta(OKX_BTC, 101, 102, at_ms=1_000_000 - CHANGE_LATE_MS_MAX)
    assert not is_shown(world)
    world.okx.delta(OKX_BTC, 102, 103, at_ms=1_000_000 - CHANGE_LATE_MS_MAX)
    assert world.books.stale_total == 1
    world.clock.advance(RESYNC_GRACE_MS)
    await world.maintain()
    assert world.okx.calls == ["open_book", "close_book", "open_book"]
    assert is_shown(world), "a snapshot may state the last change of a quiet market"
    world.okx.delta(OKX_BTC, 100, 101, bids=(), at_ms=3)
    assert is_shown(world), "and so may a heartbeat"


async def test_a_snapshot_that_its_venue_dates_and_that_comes_late_is_not_taken(world: MarketWorld) -> None:
    """The feed is behind its market."""
    feed = world.books._feeds[OKX_BTC]
    feed.age.spec = replace(feed.age.spec, dates_snapshots=True)
    world.okx.time_ms = 1_000_000
    world.clock.advance(VENUE_TIME_AGE_MS_MAX)  # read again by then
    world.okx.snapshot(OKX_BTC, at_ms=1_000_000 - CHANGE_LATE_MS_MAX)
    assert is_shown(world)
    world.clock.advance(1)
    world.okx.snapshot(OKX_BTC, at_ms=1_000_000 - CHANGE_LATE_MS_MAX)
    assert not is_shown(world)
    world.okx.delta(OKX_BTC, 100, 101, at_ms=1_000_000)
    assert not is_shown(world), "it continues a snapshot that was not taken"
    world.clock.advance(RESYNC_GRACE_MS)
    await world.maintain()
    assert world.okx.calls == ["open_book", "close_book", "open_book"]


async def test_without_a_measured_clock_no_change_is_late(world: MarketWorld) -> None:
    world.clock.advance(10 * CHANGE_LATE_MS_MAX // 4)
    world.okx.delta(OKX_BTC, 100, 101)
    assert is_shown(world)
    world.paper.time_ms = 10**12
    world.clock.advance(VENUE_TIME_AGE_MS_MAX)
    world.paper.delta(PAPER_BTC, 100, 101)
    assert is_shown(world, PAPER_BTC), "a venue in this process is never behind"


async def test_a_caller_that_needs_a_silent_book_waits_for_the_resync(world: MarketWorld) -> None:
    world.clock.advance(AGE_MS_MAX + 1)
    asking = asyncio.create_task(world.books.ensure_open(OKX_BTC))
    await until(lambda: world.books.stale_for_ms(OKX_BTC) is not None)
    assert not asking.done()
    world.okx.snapshot(OKX_BTC)
    await asking
    assert is_shown(world)


async def test_a_venues_own_mark_counts_before_the_middle_of_its_book(world: MarketWorld) -> None:
    top = world.books.top(PAPER_BTC)
    assert top is not None
    assert top.bid is not None
    assert top.ask is not None
    assert top.mark == (top.bid + top.ask) / 2
    for mark, shown in ((Decimal(7), Decimal(7)), (None, top.mark)):
        world.books.on_mark(PAPER_BTC, mark)
        known = world.books.known_top(PAPER_BTC)
        assert known is not None
        assert (known.mark, known.bid) == (shown, top.bid)
    world.books.on_mark(InstrumentId("PAPER:NO/BODY"), Decimal(7))  # nobody keeps that book


async def test_a_mark_does_not_outlive_the_feed_that_brought_it(world: MarketWorld) -> None:
    world.books.want(OKX_BTC, "somebody")
    world.books.on_mark(OKX_BTC, Decimal(7))
    world.books.on_stale(OKX_BTC)
    world.clock.advance(RESYNC_GRACE_MS)
    await world.maintain()
    assert world.okx.calls == ["open_book", "close_book", "open_book"]
    top = world.books.top(OKX_BTC)
    assert top is not None
    assert top.venue_mark is None


async def test_a_trade_is_passed_on_and_is_the_last_price_until_the_book_is_stale(world: MarketWorld) -> None:
    passed: list[MarketTrade] = []
    world.books.on_public_trade = passed.append
    trade = MarketTrade(
        instrument_id=OKX_BTC, trade_id="1", price=Decimal(7), quantity=Decimal(1), aggressor=Side.BUY, at_ms=1
    )
    world.books.on_trade(trade)
    top = world.books.top(OKX_BTC)
    assert top is not None
    assert (passed, top.last) == ([trade], 7)
    world.books.on_stale(OKX_BTC)
    world.okx.snapshot(OKX_BTC)
    again = world.books.top(OKX_BTC)
    assert again is not None
    assert again.last is None, "trades may have been missed"
    world.books.on_trade(replace(trade, instrument_id=InstrumentId("PAPER:NO/BODY")))
    assert len(passed) == 1, "nobody keeps that book"


def trade_at(price: int, at_ms: int, instrument_id: InstrumentId = OKX_BTC) -> MarketTrade:
    return MarketTrade(
        instrument_id=instrument_id, trade_id="1", price=Decimal(price), quantity=Decimal(1), aggressor=Side.BUY,
        at_ms=at_ms,
    )  # fmt: skip


@pytest.mark.parametrize("price", [98, 102])
async def test_a_book_that_does_not_follow_a_trade_beyond_its_best_prices_is_stale_and_opened_again(
    world: MarketWorld, price: int
) -> None:
    world.books.on_trade(trade_at(price, at_ms=2))
    world.clock.advance(CONTRADICTED_MS_MAX)
    world.okx.delta(OKX_BTC, 100, 100, bids=())
    world.books.on_trade(trade_at(price, at_ms=3))
    assert is_shown(world), "the change that the trade caused may come later"
    world.clock.advance(1)
    assert not is_shown(world)
    world.clock.advance(1_000)
    await world.maintain()
    assert world.okx.calls == ["open_book", "close_book", "open_book"]
    world.clock.advance(CONTRADICTED_MS_MAX + 1)
    assert is_shown(world), "trades from before the snapshot say nothing about it"


@pytest.mark.parametrize(("price", "at_ms"), [(99, 2), (100, 2), (101, 2), (98, 1), (102, 1)])
async def test_a_trade_within_the_book_or_from_before_it_contradicts_nothing(
    world: MarketWorld, price: int, at_ms: int
) -> None:
    world.books.on_trade(trade_at(price, at_ms))
    world.clock.advance(CONTRADICTED_MS_MAX + 1)
    assert is_shown(world)


async def test_a_change_or_a_snapshot_of_the_book_answers_the_trades_before_it(world: MarketWorld) -> None:
    changes = [lambda: world.okx.delta(OKX_BTC, 100, 101), lambda: world.okx.snapshot(OKX_BTC)]
    for change in changes:
        world.books.on_trade(trade_at(98, at_ms=9))
        world.clock.advance(CONTRADICTED_MS_MAX)
        change()
        world.clock.advance(CONTRADICTED_MS_MAX)
        assert is_shown(world)


async def test_trades_of_a_venue_in_this_process_contradict_nothing(world: MarketWorld) -> None:
    world.books.on_trade(trade_at(98, 2, PAPER_BTC))
    world.clock.advance(CONTRADICTED_MS_MAX + 1)
    assert is_shown(world, PAPER_BTC)


async def test_a_trade_from_long_before_its_book_is_published_and_no_last_price(world: MarketWorld) -> None:
    """A feed that brings past trades would trigger the stops that the platform holds."""
    passed: list[MarketTrade] = []
    world.books.on_public_trade = passed.append
    fresh = world.books.top(PAPER_BTC)
    assert fresh is not None
    trade = MarketTrade(
        instrument_id=PAPER_BTC, trade_id="1", price=Decimal(7), quantity=Decimal(1), aggressor=Side.BUY,
        at_ms=fresh.at_ms - TRADE_AGE_MS_MAX - 1,
    )  # fmt: skip
    world.books.on_trade(trade)
    assert (passed, world.books.top(PAPER_BTC)) == ([], fresh)
    world.books.on_trade(replace(trade, at_ms=fresh.at_ms - TRADE_AGE_MS_MAX))
    top = world.books.top(PAPER_BTC)
    assert top is not None
    assert (len(passed), top.last) == (1, 7)


async def test_an_instrument_whose_venue_has_no_order_books_has_no_prices() -> None:
    world = MarketWorld()
    world.okx.spec = replace(world.okx.spec, order_books={})
    assert world.books.top(OKX_BTC) is None
    assert world.books.snapshot(OKX_BTC, 10) is None
    assert world.books.cost_to_take(OKX_BTC, Side.BUY, Decimal(1)) is None
    with pytest.raises(OrderBookUnavailable):
        await world.books.ensure_open(OKX_BTC)


async def test_a_book_is_published_at_most_once_in_a_hundred_milliseconds_and_the_newest_state_wins(
    world: MarketWorld,
) -> None:
    world.clock.advance(1_000)
    world.publisher.books.clear()
    first = 100
    for number in range(first, first + 50):  # 10 ms apart, half a second in all
        world.okx.delta(OKX_BTC, number, number + 1)
        await world.books.flush()
        world.clock.advance(10)
    assert len(world.publisher.books) == 5
    world.clock.advance(100)
    await world.books.flush()
    await world.books.flush()
    assert [book.sequence for book in world.publisher.books[-1:]] == [first + 50]
    assert len(world.publisher.books) == 6
