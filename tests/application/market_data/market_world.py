"""A keeper of books over connectors that do what a test says; time moves by hand."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from types import SimpleNamespace
from typing import Any

from cadenza.adapters.venues.inhouse.venue_spec import in_process_spec
from cadenza.application.market_data.keep_book import KeepBook
from cadenza.application.market_data.need_prices import NeedPrices
from cadenza.application.market_data.run_venues import RunVenues
from cadenza.domain.errors import VenueUnavailable
from cadenza.domain.ids import MOCK, PAPER, Environment, InstrumentId, Venue, VenueId
from cadenza.domain.market.book_messages import BookDelta, BookSnapshot, Level, MarketTrade
from cadenza.domain.market.book_rule import BookRule, BookSpec, Continuity
from cadenza.domain.market.instrument import Instrument, InstrumentType
from cadenza.ports.venue import ListedInstruments, MarketSink, VenueStatus
from cadenza.runtime.local import AsyncioConcurrency
from cadenza.runtime.supervisor import Supervisor
from tests.domain.trading.worlds import D, instrument
from tests.inhouse_kit import ManualClock

OKX = VenueId(Venue.OKX, Environment.LIVE)
AGE_MS_MAX = 30_000


def listed(venue_id: VenueId, symbol: str = "BTC/USDT") -> Instrument:
    return instrument(id=InstrumentId(f"{venue_id}:{symbol}"), venue_id=venue_id, symbol=symbol)


class ScriptedConnector:
    """The part of `ports.venue.VenueConnector` that market data needs. A book that is opened is sent `levels`, unless
    the venue is `silent`; `down` refuses everything, `hanging` never answers."""

    def __init__(self, venue_id: VenueId, *symbols: str) -> None:
        self.spec = replace(
            in_process_spec(venue_id, "X"),
            is_in_process=venue_id in (PAPER, MOCK),
            order_books=dict.fromkeys(InstrumentType, book_spec(venue_id)),
        )
        self.venue_id = venue_id
        self.listed = [listed(venue_id, symbol) for symbol in symbols or ("BTC/USDT",)]
        self.sinks: dict[InstrumentId, MarketSink] = {}
        self.calls: list[str] = []
        self.sequence = 100
        self.is_down = self.is_silent = False
        self.hangs: set[str] = set()
        self.fails: dict[str, Exception] = {}
        self.state = VenueStatus.ONLINE
        self.cause: str | None = None
        self.time_ms = 0
        self.on_status: Callable[[], None] = lambda: None

    async def _call(self, name: str) -> None:
        self.calls.append(name)
        if name in self.hangs:
            await asyncio.Event().wait()
        if name in self.fails:
            raise self.fails[name]
        if self.is_down:
            raise VenueUnavailable(f"{self.venue_id} does not answer")

    def remember(self, instruments: Sequence[Any]) -> None:
        self.remembered = [each.id for each in instruments]

    async def start(self) -> None:
        await self._call("start")

    async def stop(self) -> None:
        self.calls.append("stop")

    def status(self) -> VenueStatus:
        self.on_status()
        return self.state

    def trouble(self) -> str | None:
        return self.cause

    def earliest_ms(self) -> int:
        return self.time_ms

    async def instruments(self) -> ListedInstruments:
        await self._call("instruments")
        return ListedInstruments(self.listed)

    async def securities(self) -> Sequence[Any]:
        await self._call("securities")
        return []

    async def open_book(self, instrument_id: InstrumentId, sink: MarketSink) -> None:
        await self._call("open_book")
        self.sinks[instrument_id] = sink
        if not self.is_silent:
            self.snapshot(instrument_id)

    async def close_book(self, instrument_id: InstrumentId) -> None:
        self.calls.append("close_book")
        self.sinks.pop(instrument_id, None)

    def snapshot(self, id: InstrumentId, at_ms: int = 1) -> None:
        bids: tuple[Level, ...] = ((D(99), D(1)),)
        self.sinks[id].on_snapshot(
            BookSnapshot(instrument_id=id, bids=bids, asks=((D(101), D(1)),), sequence=self.sequence, at_ms=at_ms)
        )

    def delta(
        self,
        id: InstrumentId,
        previous: int,
        sequence: int,
        *,
        bids: tuple[Level, ...] = ((D(99), D(2)),),
        at_ms: int = 2,
    ) -> None:
        self.sinks[id].on_delta(
            BookDelta(instrument_id=id, bids=bids, asks=(), previous_sequence=previous, sequence=sequence, at_ms=at_ms)
        )


class Audience:
    """`ports.publisher.Publisher` that remembers."""

    def __init__(self) -> None:
        self.books: list[BookSnapshot] = []

    def account_events(self, events: Any) -> None: ...

    def order_book(self, snapshot: BookSnapshot) -> None:
        self.books.append(snapshot)

    def trade(self, trade: MarketTrade) -> None: ...

    def has_book_subscribers(self, instrument_id: InstrumentId) -> bool:
        return True


def book_spec(venue_id: VenueId) -> BookSpec:
    age_ms_max = None if venue_id in (PAPER, MOCK) else AGE_MS_MAX
    return BookSpec(rule=BookRule(continuity=Continuity.PREVIOUS), age_ms_max=age_ms_max, depth=100)


class MarketWorld:
    """One venue far away and one in this process."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.okx, self.paper = ScriptedConnector(OKX), ScriptedConnector(PAPER, "BTC/USDT", "ETH/USDT")
        self.connectors: dict[Any, Any] = {OKX: self.okx, PAPER: self.paper}
        self.instruments = {each.id: each for connector in self.connectors.values() for each in connector.listed}
        self.catalogue: Any = SimpleNamespace(
            instrument=self.instruments.get,
            instruments_of=lambda venue: [each for each in self.instruments.values() if each.venue_id == venue],
        )
        self.publisher = Audience()
        self.concurrency = AsyncioConcurrency()
        self.books = KeepBook(
            connectors=self.connectors,
            catalogue=self.catalogue,
            publisher=self.publisher,
            clock=self.clock,
            concurrency=self.concurrency,
        )

        self.prices = NeedPrices(books=self.books, concurrency=self.concurrency)

    async def maintain(self) -> None:
        """Let the keeper do what is due, to the end."""
        await self.books.maintain()
        assert await self.concurrency.drain(60_000) == 0


class VenueRun:
    """The venues of a world, each run by a supervised task."""

    def __init__(self, world: MarketWorld) -> None:
        self.world = world
        self.listed: list[VenueId] = []
        self.unlisted: set[VenueId] = set()
        self.changes: list[tuple[VenueId, VenueStatus, str | None]] = []
        self.came_online: list[VenueId] = []
        self.looks = 0
        self._supervisor = Supervisor(backoff_ms_first=1, backoff_ms_max=5)
        refresh: Any = self._refresh
        self.venues = RunVenues(
            connectors=world.connectors,
            catalogue=world.catalogue,
            refresh=refresh,
            books=world.books,
            clock=world.clock,
            concurrency=world.concurrency,
            on_change=lambda venue_id, now: self.changes.append((venue_id, now.status, now.cause)),
            on_online=self.came_online.append,
        )
        for connector in (world.okx, world.paper):
            connector.on_status = self._looked

    def start(self) -> None:
        for venue_id in self.world.connectors:
            self._supervisor.start(f"venue {venue_id}", partial(self.venues.run, venue_id))

    async def stop(self) -> None:
        assert await self._supervisor.stop(5_000) == []

    async def maintain(self) -> None:
        """Let the keeper do what is due, to the end."""
        await self.world.maintain()

    async def _refresh(self, venue_id: VenueId) -> None:
        self.listed.append(venue_id)
        if venue_id in self.unlisted:
            raise VenueUnavailable("no list")

    def _looked(self) -> None:
        self.looks += 1
