"""BINANCE's public market alone: no credential, no account. PAPER mirrors it."""

import asyncio
from collections.abc import Mapping

import structlog

from cadenza.adapters.venues.binance.catalogue import read_catalogue
from cadenza.adapters.venues.binance.endpoints import BinanceMarket
from cadenza.adapters.venues.binance.market_data import MarketFeeds
from cadenza.adapters.venues.binance.market_desk import feed_parts
from cadenza.adapters.venues.binance.rest import BinanceRest
from cadenza.adapters.venues.binance.spec import SPOT_LIMITS, USDM_LIMITS, PaceLimits
from cadenza.adapters.venues.kit.feed_tasks import restarted_task
from cadenza.adapters.venues.kit.venue_clock import VenueClock, earliest_of
from cadenza.domain.errors import VenueUnavailable
from cadenza.domain.ids import InstrumentId
from cadenza.domain.market.instrument import Instrument
from cadenza.domain.trading.venue_spec import VenueSpec
from cadenza.network.http import HttpClient
from cadenza.network.patience import Randomness
from cadenza.network.proxies import ProxyChoice
from cadenza.network.tls import client_tls
from cadenza.ports.clock import Clock
from cadenza.ports.venue import MarketSink

SHARE = 4
"""The venue counts weight by address, and a connector of the same address trades: the public market uses one part in so
many of it."""

MARKETS = (BinanceMarket.SPOT, BinanceMarket.USDM)
log = structlog.get_logger(__name__)


class BinancePublicMarket:
    """Books, trades and marks of spot and USD-M, with a client of its own.

    A market whose catalogue cannot be read at the start is read when one of its instruments may be meant.
    """

    def __init__(
        self, *, spec: VenueSpec, clock: Clock, randomness: Randomness, proxies: ProxyChoice | None = None
    ) -> None:
        self._spec = spec
        self._clock = clock
        self._randomness = randomness
        self._proxies = proxies or ProxyChoice()
        self._listed: dict[InstrumentId, Instrument] = {}
        self._unread: set[BinanceMarket] = set()
        self._http: HttpClient | None = None
        self._rest: BinanceRest | None = None
        self._feeds: MarketFeeds | None = None
        self._clocks: tuple[VenueClock, ...] = ()
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Read the catalogue of spot. Raises `VenueUnavailable`; it may be called again then."""
        if self._feeds is not None:
            return
        tls = await asyncio.to_thread(client_tls)
        self._http = HttpClient(clock=self._clock, randomness=self._randomness, tls=tls, proxies=self._proxies)
        self._rest = BinanceRest(urls=self._spec.urls, http=self._http, clock=self._clock, limits=_limits())
        self._unread = {market for market in MARKETS if self._rest.has(market)}
        try:
            await self._read(BinanceMarket.SPOT)
        except BaseException:  # a failed start leaves nothing open
            await self.stop()
            raise
        parts = feed_parts(
            rest=self._rest,
            urls=self._spec.urls,
            clock=self._clock,
            randomness=self._randomness,
            tls=tls,
            proxies=self._proxies,
        )
        self._feeds = MarketFeeds(parts, self._listed.get)
        self._measure(self._rest)

    async def stop(self) -> None:
        """Close all feeds. Idempotent."""
        feeds, self._feeds = self._feeds, None
        http, self._http = self._http, None
        rest, self._rest = self._rest, None
        tasks, self._tasks, self._clocks = self._tasks, [], ()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if feeds is not None:
            await feeds.stop()
        if http is not None:
            await http.close()
        if rest is not None:
            rest.close()

    def earliest_ms(self) -> int:
        """See `VenueConnector.earliest_ms`."""
        return earliest_of(self._clocks)

    async def open_book(self, instrument_id: InstrumentId, sink: MarketSink) -> None:
        """See `VenueConnector.open_book`."""
        feeds = self._require()
        if instrument_id not in self._listed:
            for market in sorted(self._unread):
                await self._read(market)
        await feeds.open_book(instrument_id, sink)

    async def close_book(self, instrument_id: InstrumentId) -> None:
        """See `VenueConnector.close_book`."""
        if self._feeds is not None:
            await self._feeds.close_book(instrument_id)

    def _require(self) -> MarketFeeds:
        if self._feeds is None:
            raise VenueUnavailable("the public market of BINANCE is not started")
        return self._feeds

    def _measure(self, rest: BinanceRest) -> None:
        """Measure the clocks of the markets, from now on."""
        self._clocks = tuple(dict.fromkeys(rest.clock_of(market) for market in MARKETS if rest.has(market)))
        rest.doubt_clocks()
        self._tasks = [restarted_task("BINANCE", "public clock", clock.run, self._clock) for clock in self._clocks]

    async def _read(self, market: BinanceMarket) -> None:
        assert self._rest is not None
        catalogue = await read_catalogue(self._rest, market, self._spec.venue_id)
        for refused in catalogue.refused:
            log.warning("symbol_refused", symbol=refused.symbol, reason=refused.reason)
        self._listed.update((each.id, each) for each in catalogue.instruments)
        self._unread.discard(market)


def _limits() -> Mapping[BinanceMarket, PaceLimits]:
    of = {BinanceMarket.SPOT: SPOT_LIMITS, BinanceMarket.USDM: USDM_LIMITS}
    return {
        market: PaceLimits(
            weight_per_minute=limits.weight_per_minute // SHARE,
            orders_per_10_s=None,
            reserved_weight=0,
            order_weight=0,
        )
        for market, limits in of.items()
    }
