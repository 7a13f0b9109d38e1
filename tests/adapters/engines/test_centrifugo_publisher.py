"""Through Centrifugo: the newest book and portfolio, all trades in order, and nothing for nobody."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import replace
from decimal import Decimal as D
from uuid import UUID

import pytest
from tests.adapters.engines.server_api_double import ServerApiDouble, until
from tests.adapters.http import http_world as h

from cadenza.adapters.engines.centrifugo.audience import Audience
from cadenza.adapters.engines.centrifugo.limits import CentrifugoLimits
from cadenza.adapters.engines.centrifugo.publisher import CentrifugoPublisher, PublicationWire
from cadenza.adapters.realtime.channels import book_channels, name_of, trade_channel
from cadenza.domain.ids import InstrumentId, TradingAccountId
from cadenza.domain.market.book_messages import BookSnapshot, MarketTrade
from cadenza.domain.market.enums import Side

BOOK, BOOK_LOWER = book_channels(h.BTC_USDT)
TRADES = trade_channel(h.BTC_USDT)
SNAPSHOT = BookSnapshot(instrument_id=h.BTC_USDT, bids=(), asks=(), sequence=1, at_ms=h.NOW_MS)
TRADE = MarketTrade(
    instrument_id=h.BTC_USDT, trade_id="0", price=D(1), quantity=D(1), aggressor=Side.BUY, at_ms=h.NOW_MS
)


def encode(number: int) -> bytes:
    if number == 13:
        raise ZeroDivisionError
    return b"%d" % number


def account_id(number: int) -> TradingAccountId:
    return TradingAccountId(UUID(int=number))


class Clock:
    """Time moves when a test says so; sleeping lets others work."""

    def __init__(self) -> None:
        self.at_ms = 0

    def now_ms(self) -> int:
        return self.at_ms

    def monotonic_ms(self) -> int:
        return self.at_ms

    async def sleep_ms(self, duration_ms: int) -> None:
        await asyncio.sleep(0)


class World:
    """A publisher at work."""

    def __init__(self) -> None:
        self.api, self.clock, self.woken = ServerApiDouble(), Clock(), 0
        limits = CentrifugoLimits(
            trades_waiting_max=4, books_waiting_max=2, portfolios_waiting_max=2, commands_per_request_max=2
        )
        self.audience = Audience(self.api, clock=self.clock, limits=limits)
        self.publisher = CentrifugoPublisher(
            self.api,
            self.audience,
            wire=PublicationWire(
                account_channel=name_of,
                book_channels=book_channels,
                trade_channel=trade_channel,
                encode_portfolio=lambda portfolio: encode(portfolio.updated_at_ms),
                encode_book=lambda book: encode(book.sequence),
                encode_trade=lambda trade: encode(int(trade.trade_id)),
            ),
            wake_relay=self.wake,
            clock=self.clock,
            limits=limits,
        )

    def wake(self) -> None:
        self.woken += 1

    def book(self, sequence: int, instrument_id: InstrumentId = h.BTC_USDT) -> None:
        self.publisher.order_book(replace(SNAPSHOT, sequence=sequence, instrument_id=instrument_id))

    def portfolio(self, number: int, account: int = 0) -> None:
        owner = replace(h.ACCOUNT, id=account_id(account))
        self.publisher.portfolio(replace(h.PORTFOLIO, account=owner, updated_at_ms=number))

    def trade(self, number: int) -> None:
        self.publisher.trade(replace(TRADE, trade_id=str(number)))

    async def settled(self) -> None:
        await until(lambda: not self.publisher.waiting)


@pytest.fixture
async def world() -> AsyncIterator[World]:
    made = World()
    running = asyncio.create_task(made.publisher.run())
    yield made
    running.cancel()
    with suppress(asyncio.CancelledError):
        await running


async def test_nothing_is_published_for_nobody(world: World) -> None:
    assert not world.publisher.has_book_subscribers(h.BTC_USDT)
    world.trade(1)
    world.book(1)
    await world.settled()
    assert world.api.requests == []
    world.publisher.account_events([])
    assert world.woken == 1


async def test_a_book_goes_out_under_each_name_that_somebody_listens_to(world: World) -> None:
    world.audience.expect(BOOK)
    assert world.publisher.has_book_subscribers(h.BTC_USDT)
    world.book(1)
    await world.settled()
    world.audience.expect(BOOK_LOWER)
    world.book(2)
    await world.settled()
    assert (world.api.data(BOOK), world.api.data(BOOK_LOWER)) == ([1, 2], [2])


async def test_of_a_portfolio_the_newest_goes_out_and_takes_no_offset(world: World) -> None:
    channel = name_of(account_id(0))
    assert not world.publisher.has_account_subscribers(account_id(0))
    world.audience.expect(channel)
    assert world.publisher.has_account_subscribers(account_id(0))
    world.api.is_down = True
    world.portfolio(1)
    await until(lambda: world.publisher.failures_total >= 2)
    world.portfolio(2)
    world.api.is_down = False
    await world.settled()
    assert world.api.data(channel) == [2]
    assert [publish.skip_history for publish in world.api.published[channel]] == [True]
    world.portfolio(13)
    world.portfolio(14, 1)
    await world.settled()
    assert world.api.data(name_of(account_id(1))) == [14], "one that cannot be encoded does not stop the rest"


async def test_portfolios_beyond_the_limit_replace_the_oldest(world: World) -> None:
    for number in range(3):
        world.portfolio(1, number)
    assert world.publisher.waiting == 2
    await world.settled()
    assert [world.api.data(name_of(account_id(number))) for number in range(3)] == [[], [1], [1]]


async def test_a_look_says_which_channels_it_did_not_know(world: World) -> None:
    channel = name_of(account_id(0))
    world.audience.expect(BOOK)
    world.api.listened = {BOOK, channel, "elsewhere:x"}
    assert await world.audience.look() == {channel}
    assert await world.audience.look() == frozenset()
    world.api.is_down = True
    assert await world.audience.look() == frozenset()
    assert channel in world.audience


async def test_while_centrifugo_is_away_the_newest_book_stays_and_trades_wait(world: World) -> None:
    world.audience.expect(BOOK)
    world.audience.expect(TRADES)
    world.api.is_down = True
    world.book(1)
    world.trade(1)
    await until(lambda: world.publisher.failures_total >= 2)
    world.book(2)
    for number in (2, 3, 4, 5, 6):
        world.trade(number)
    assert world.publisher.dropped_total == 2
    world.api.is_down = False
    await world.settled()
    assert world.api.data(BOOK) == [2]
    assert world.api.data(TRADES) == [3, 4, 5, 6]


async def test_a_lost_answer_doubles_no_trade(world: World) -> None:
    world.audience.expect(TRADES)
    world.api.loses_answers = True
    world.trade(1)
    await until(lambda: world.publisher.failures_total >= 2)
    world.api.loses_answers = False
    world.trade(2)
    await world.settled()
    assert world.api.data(TRADES) == [1, 2]


async def test_a_trade_that_is_refused_alone_is_counted_and_does_not_come_late(world: World) -> None:
    world.audience.expect(TRADES)
    world.api.refuse = lambda publish: publish.idempotency_key == "1"
    world.trade(1)
    world.trade(2)
    await world.settled()
    assert world.api.data(TRADES) == [2]
    assert world.publisher.dropped_total == 1


async def test_what_cannot_be_encoded_does_not_stop_the_rest(world: World) -> None:
    world.audience.expect(TRADES)
    world.audience.expect(BOOK)
    world.trade(13)
    world.book(13)
    world.trade(14)
    await world.settled()
    world.book(14)
    await world.settled()
    assert (world.api.data(TRADES), world.api.data(BOOK)) == ([14], [14])
    assert world.publisher.failures_total == 2


async def test_books_beyond_the_limit_replace_the_oldest(world: World) -> None:
    names = [InstrumentId(f"PAPER:{n}/USDT") for n in range(3)]
    for name in names:
        world.audience.expect(book_channels(name)[0])
        world.book(1, name)
    assert world.publisher.waiting == 2
    await world.settled()
    assert [world.api.data(book_channels(name)[0]) for name in names] == [[], [1], [1]]


async def test_a_channel_is_published_to_until_long_after_its_last_listener(world: World) -> None:
    world.api.listened = {TRADES}
    await world.audience.look()
    assert TRADES in world.audience
    world.api.listened = set()
    world.clock.at_ms += 60_000
    await world.audience.look()
    assert TRADES in world.audience
    world.clock.at_ms += 1
    world.api.is_down = True
    await world.audience.look()
    assert TRADES in world.audience, "nobody is forgotten while nobody can tell"
    world.api.is_down = False
    await world.audience.look()
    assert TRADES not in world.audience


async def test_coming_back_to_trades_that_nobody_published_is_no_recovery(world: World) -> None:
    world.api.is_down = True
    assert not await world.audience.resume(TRADES, b"0")
    assert TRADES not in world.audience
    world.api.is_down = False
    assert all(await asyncio.gather(*(world.audience.resume(TRADES, b"0") for _ in range(3))))
    assert (world.api.data(TRADES), world.api.forgotten) == ([0], [TRADES])
    world.api.refuse = lambda publish: True
    assert await world.audience.resume(TRADES, b"0"), "it is published to, so nothing is missed"
    assert not await world.audience.resume("market:trade:OTHER", b"0")
