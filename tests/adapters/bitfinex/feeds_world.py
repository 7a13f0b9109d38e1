"""Feeds of BITFINEX over real sockets, against its simulator."""

import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import aiohttp
from tests.adapters.kit.sync_world import Listener
from tests.simulated_kit import FastClock

from cadenza.adapters.venues.bitfinex.catalogue import read_catalogue
from cadenza.adapters.venues.bitfinex.known_instruments import KnownInstruments
from cadenza.adapters.venues.bitfinex.market_data import feed_parts
from cadenza.adapters.venues.bitfinex.pace import CONNECTIONS_MAX
from cadenza.adapters.venues.bitfinex.rest import BitfinexRest
from cadenza.adapters.venues.bitfinex.sockets import PUBLIC_CONNECTS, STREAM_LIMITS
from cadenza.adapters.venues.bitfinex.spec import BOOK_RULE, spec_of
from cadenza.adapters.venues.kit.connect_pace import ConnectPace
from cadenza.adapters.venues.kit.snapshot_feeds import SnapshotFeeds
from cadenza.domain.ids import Environment, InstrumentId
from cadenza.domain.market.enums import Side
from cadenza.domain.market.instrument import Instrument
from cadenza.network.http import HttpClient, HttpClientLimits
from cadenza.network.patience import RetryPauses
from cadenza.network.proxies import ProxyChoice
from cadenza.network.tls import client_tls
from cadenza.runtime.local import SystemClock, SystemIds
from cadenza.simulators.bitfinex.server import BitfinexSimulator, run_bitfinex
from cadenza.simulators.bitfinex.settings import BitfinexSettings

LIMITS = replace(STREAM_LIMITS, pauses=RetryPauses(first_ms=20, most_ms=200))


@dataclass
class Market:
    """A simulator whose market a test moves, and the connector's public half."""

    simulator: BitfinexSimulator
    rest: BitfinexRest
    feeds: SnapshotFeeds
    known: KnownInstruments
    http: aiohttp.ClientSession

    def instrument(self, id: InstrumentId) -> Instrument:
        found = self.known.instrument(id)
        assert found is not None
        return found

    async def post(self, path: str, **order: Any) -> None:
        async with self.http.post(f"{self.simulator.url}/simulator/{path}", json=order) as reply:
            assert reply.status == 200, await reply.text()

    async def lose(self, event: str, kind: str = "drop") -> None:
        """One frame of this kind does not arrive as it should."""
        await self.post("faults", events=[{"on": "market", "event": event, "kind": kind, "times": 1}])

    async def sockets(self, action: str, symbol: str = "") -> None:
        await self.post("sockets", action=action, symbol=symbol)

    async def show(self, symbol: str, side: str, price: str, quantity: str) -> None:
        await self.post("market", symbol=symbol, levels=[{"side": side, "price": price, "quantity": quantity}])

    async def trade(self, symbol: str, side: str, price: str, quantity: str) -> None:
        await self.post("market", symbol=symbol, trade_side=side, trade_price=price, trade_quantity=quantity)

    def has_book_of(self, heard: Listener, symbol: str) -> bool:
        """Whether the book that a listener keeps is the venue's own, to the last level."""
        venue = self.simulator.venue.exchange
        bids, asks = ([(p, q) for p, q in venue.depth(symbol, side, 250)] for side in (Side.BUY, Side.SELL))
        shown = heard.book.snapshot(250)
        return shown is not None and (list(shown.bids), list(shown.asks)) == (bids, asks)


@asynccontextmanager
async def market(
    directory: Path, *, environment: Environment = Environment.LIVE, factor: int = 1, **settings: Any
) -> AsyncIterator[Market]:
    chosen = BitfinexSettings(data_dir=directory, **{"is_limited": False, **settings})
    clock = FastClock(factor)
    async with run_bitfinex(chosen, SystemClock(), SystemIds()) as simulator, aiohttp.ClientSession() as http:
        spec = spec_of(environment, base=simulator.url)
        tls = client_tls()
        client = HttpClient(
            clock=clock,
            randomness=random.Random(1),
            tls=tls,
            proxies=ProxyChoice(),
            limits=HttpClientLimits(connections_max=CONNECTIONS_MAX),
        )
        rest = BitfinexRest(urls=spec.urls, http=client, clock=clock)
        assert await rest.clock.measure(), rest.trouble
        known = KnownInstruments()
        known.keep(await read_catalogue(rest, spec.venue_id))
        connects = ConnectPace(clock, PUBLIC_CONNECTS)
        parts = feed_parts(
            spec=spec, venue_clock=rest.clock, clock=clock, randomness=random.Random(1), tls=tls,
            proxies=ProxyChoice(), connects=connects, limits=LIMITS,
        )  # fmt: skip
        feeds = SnapshotFeeds(parts, known.instrument)
        try:
            yield Market(simulator, rest, feeds, known, http)
        finally:
            await feeds.stop()
            connects.close()
            rest.close()
            await client.close()


def listener(id: InstrumentId) -> Listener:
    return Listener(BOOK_RULE, id)


def d(text: str) -> Decimal:
    return Decimal(text)
