"""Feeds are open before anybody listens, whoever comes and goes meanwhile."""

import asyncio
from contextlib import suppress

import pytest
from tests.adapters.http import http_world as h

from cadenza.adapters.realtime.channels import ChannelKind
from cadenza.adapters.realtime.codes import LIMIT_EXCEEDED, Refusal
from cadenza.adapters.realtime.feeds import Feeds
from cadenza.domain.errors import CadenzaError, Overloaded
from cadenza.domain.ids import InstrumentId

BTC, ETH = h.BTC_USDT, InstrumentId("PAPER:ETH/USDT")


class Market:
    """Opens and closes feeds when the test lets it."""

    def __init__(self) -> None:
        self.may_open, self.may_close = asyncio.Event(), asyncio.Event()
        self.asked: list[InstrumentId] = []
        self.open: set[InstrumentId] = set()
        self.closing: list[InstrumentId] = []
        self.failure: CadenzaError | None = None
        self.feeds = Feeds(hold=self._hold, release=self._release)

    async def _hold(self, instrument_id: InstrumentId) -> None:
        self.asked.append(instrument_id)
        await self.may_open.wait()
        if self.failure is not None:
            raise self.failure
        self.open.add(instrument_id)

    async def _release(self, instrument_id: InstrumentId) -> None:
        self.open.discard(instrument_id)
        self.closing.append(instrument_id)
        await self.may_close.wait()


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


@pytest.fixture
async def market() -> Market:
    return Market()


async def test_who_comes_while_a_feed_is_opened_waits_for_it(market: Market) -> None:
    both = [asyncio.create_task(market.feeds.hold(BTC)) for _ in range(2)]
    await settle()
    assert not any(each.done() for each in both)
    market.may_open.set()
    await asyncio.gather(*both)
    assert market.asked == [BTC]


async def test_a_failure_to_open_is_shared_and_tried_again_by_the_next(market: Market) -> None:
    market.failure = Overloaded("too many feeds")
    both = [asyncio.create_task(market.feeds.hold(BTC)) for _ in range(2)]
    await settle()
    market.may_open.set()
    reply = await asyncio.gather(*both, return_exceptions=True)
    assert [isinstance(each, Refusal) and each.error for each in reply] == [LIMIT_EXCEEDED] * 2
    assert market.asked == [BTC]
    market.failure = None
    await market.feeds.hold(BTC)
    assert market.open == {BTC}


async def test_one_that_leaves_meanwhile_takes_the_opening_from_nobody(market: Market) -> None:
    first, second = (asyncio.create_task(market.feeds.hold(BTC)) for _ in range(2))
    await settle()
    first.cancel()
    with suppress(asyncio.CancelledError):
        await first
    market.may_open.set()
    await second
    assert market.open == {BTC}


async def test_a_feed_that_somebody_comes_to_while_another_is_let_go_stays(market: Market) -> None:
    market.may_open.set()
    for instrument_id in (BTC, ETH):
        await market.feeds.hold(instrument_id)
    await market.feeds.release_idle(set())
    assert market.open == {BTC, ETH}, "who has just asked has not joined yet"
    letting_go = asyncio.create_task(market.feeds.release_idle(set()))
    await settle()
    (later,) = {BTC, ETH} - {*market.closing}
    await market.feeds.hold(later)
    market.may_close.set()
    await letting_go
    await market.feeds.release_idle({(ChannelKind.TRADE, later)})
    assert market.open == {later}
    await market.feeds.release_idle(set())
    assert market.open == set()
