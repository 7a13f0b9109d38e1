"""The connector of BINANCE: its catalogue, its credentials, and the sessions and feeds that it opens."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from ssl import SSLContext

import structlog

from cadenza.adapters.venues.binance import credential
from cadenza.adapters.venues.binance.catalogue import read_catalogue
from cadenza.adapters.venues.binance.credential import BinanceSigner
from cadenza.adapters.venues.binance.dialects import MarginDialect, MarketDialect, SpotDialect
from cadenza.adapters.venues.binance.endpoints import BinanceMarket
from cadenza.adapters.venues.binance.execution import BinanceSession, SessionParts
from cadenza.adapters.venues.binance.known_instruments import KnownInstruments
from cadenza.adapters.venues.binance.market_data import MarketFeeds
from cadenza.adapters.venues.binance.market_desk import feed_parts
from cadenza.adapters.venues.binance.models import BinanceRateLimit
from cadenza.adapters.venues.binance.parse_instruments import ReadCatalogue, securities
from cadenza.adapters.venues.binance.reached_accounts import ReachableAccounts
from cadenza.adapters.venues.binance.rest import CONNECTIONS_MAX, BinanceRest
from cadenza.adapters.venues.binance.spec import SPOT_LIMITS, SPOT_WS_API, USDM_LIMITS, USDM_STREAM, PaceLimits
from cadenza.adapters.venues.binance.stream import (
    SignedSubscription,
    TokenSubscription,
    UserListenKey,
    UserStreamOpening,
)
from cadenza.adapters.venues.binance.usdm_dialect import UsdmDialect
from cadenza.adapters.venues.kit.unlisted_symbols import UnlistedSymbols
from cadenza.domain.accounts.credential import CredentialType, Secrets
from cadenza.domain.accounts.trading_account import AccountType, PositionMode, TradingAccount
from cadenza.domain.errors import VenueUnavailable
from cadenza.domain.ids import InstrumentId
from cadenza.domain.market.instrument import Security
from cadenza.domain.trading.venue_spec import VenueSpec
from cadenza.network.http import HttpClient, HttpClientLimits
from cadenza.network.patience import Randomness
from cadenza.network.proxies import ProxyChoice
from cadenza.network.tls import client_tls
from cadenza.ports.clock import Clock
from cadenza.ports.venue import (
    ExecutionSession,
    ListedInstruments,
    MarketSink,
    SessionSink,
    UnreadableInstrument,
    VenueMemories,
    VenueStatus,
    VerifiedKey,
)

_LIMIT_TYPES = {
    ("REQUEST_WEIGHT", "MINUTE", 1): "weight_per_minute",
    ("ORDERS", "SECOND", 10): "orders_per_10_s",
    ("ORDERS", "MINUTE", 1): "orders_per_minute",
    ("ORDERS", "DAY", 1): "orders_per_day",
}
"""The limits of the catalogue that are kept, and where."""

_USUAL = {BinanceMarket.SPOT: SPOT_LIMITS, BinanceMarket.USDM: USDM_LIMITS}


@dataclass(slots=True)
class _Running:
    """What a started connector has."""

    http: HttpClient
    rest: BinanceRest
    tls: SSLContext
    tasks: list[asyncio.Task[None]]
    unlisted: UnlistedSymbols
    accounts: ReachableAccounts
    market: MarketFeeds


class BinanceConnector:
    """Implements `VenueConnector` for one environment."""

    def __init__(
        self,
        *,
        spec: VenueSpec,
        clock: Clock,
        randomness: Randomness,
        memories: VenueMemories,
        proxies: ProxyChoice | None = None,
        limits: Mapping[BinanceMarket, PaceLimits] | None = None,
    ) -> None:
        """`limits` are the venue's until its catalogue has been read."""
        self._spec = spec
        self._clock = clock
        self._randomness = randomness
        self._memories = memories
        self._proxies = proxies or ProxyChoice()
        self._limits = limits or {}
        self._instruments = KnownInstruments()
        self._listed = ListedInstruments(())
        self._read_markets: set[BinanceMarket] = set()
        self._sessions: set[BinanceSession] = set()
        self._running: _Running | None = None
        self._why_not_started = ""
        self._log = structlog.get_logger("cadenza.venue").bind(venue=str(spec.venue_id))

    @property
    def spec(self) -> VenueSpec:
        return self._spec

    async def start(self) -> None:
        """Reach the venue, measure its clock and read its catalogue."""
        if self._running is not None:
            return
        tls = await asyncio.to_thread(client_tls)
        http = HttpClient(
            clock=self._clock,
            randomness=self._randomness,
            tls=tls,
            proxies=self._proxies,
            limits=HttpClientLimits(connections_max=len(BinanceMarket) * CONNECTIONS_MAX),
        )
        rest = BinanceRest(urls=self._spec.urls, http=http, clock=self._clock, limits=self._limits)
        try:
            self._read_markets.clear()
            await self._read_catalogue(rest)
        except BaseException as error:  # a failed start leaves nothing open
            self._why_not_started = str(error)
            await http.close()
            rest.close()
            raise
        unlisted = UnlistedSymbols(lambda: self._read_catalogue(rest), self._clock)
        tasks = [
            asyncio.create_task(rest.clock_of(market).run(), name=f"clock of {self._spec.venue_id} {market.value}")
            for market in (BinanceMarket.SPOT, BinanceMarket.USDM)
            if rest.has(market)
        ]
        tasks.append(asyncio.create_task(unlisted.run(), name=f"unlisted symbols of {self._spec.venue_id}"))
        parts = feed_parts(
            rest=rest,
            urls=self._spec.urls,
            clock=self._clock,
            randomness=self._randomness,
            tls=tls,
            proxies=self._proxies,
        )
        accounts = ReachableAccounts(rest, self._memories)
        market = MarketFeeds(parts, self._instruments.instrument)
        self._running = _Running(http, rest, tls, tasks, unlisted, accounts, market)

    async def stop(self) -> None:
        running, self._running = self._running, None
        for session in list(self._sessions):
            await session.close()
        self._sessions.clear()
        if running is not None:
            await running.market.stop()
            for task in running.tasks:
                task.cancel()
            await asyncio.gather(*running.tasks, return_exceptions=True)
            await running.http.close()
            running.rest.close()

    def status(self) -> VenueStatus:
        """Whether the last request for the time was answered by every market that was reached. Each is asked every
        30 s, and at once when a stream is lost."""
        return VenueStatus.OFFLINE if self._running is None or self._away() else VenueStatus.ONLINE

    def trouble(self) -> str | None:
        """Return why markets do not answer. Spot is not named, because nothing works without it."""
        if self._running is None or not (away := self._away()):
            return None
        first, trouble = away[0], self._running.rest.trouble(away[0])
        return trouble if trouble is None or first is BinanceMarket.SPOT else f"{first.value}: {trouble}"

    def check_credential(self, type: CredentialType, secrets: Secrets) -> None:
        credential.check_credential(type, secrets)

    async def instruments(self) -> ListedInstruments:
        await self._read_catalogue(self._require().rest)
        return self._listed

    async def securities(self) -> Sequence[Security]:
        self._require()
        return securities(self._listed.instruments, self._spec.venue_id)

    async def verify(self, type: CredentialType, secrets: Secrets) -> VerifiedKey:
        signer = BinanceSigner(type, secrets)
        return await self._require().accounts.reached(signer)

    async def open_session(
        self, account: TradingAccount, type: CredentialType, secrets: Secrets, sink: SessionSink
    ) -> ExecutionSession:
        running = self._require()
        signer = BinanceSigner(type, secrets)
        reached = await running.accounts.again(account, signer)
        parts = SessionParts(
            spec=self._spec,
            rest=running.rest,
            instruments=self._instruments,
            missing=running.unlisted.miss,
            memories=self._memories,
            clock=self._clock,
            randomness=self._randomness,
            tls=running.tls,
            proxies=self._proxies,
        )
        opening: UserStreamOpening
        dialect: MarketDialect
        if account.external.type is AccountType.FUTURES:
            dialect = UsdmDialect(reached.position_mode or PositionMode.NETTING)
            opening = UserListenKey(self._spec.urls[USDM_STREAM], signer, running.rest, self._clock)
        elif account.external.type is AccountType.MARGIN:
            dialect = MarginDialect()
            opening = TokenSubscription(self._spec.urls[SPOT_WS_API], signer, running.rest, self._clock)
        else:
            dialect = SpotDialect()
            opening = SignedSubscription(self._spec.urls[SPOT_WS_API], signer, running.rest, self._clock)
        session = BinanceSession(parts, account, signer, dialect, sink, opening)
        self._sessions = {each for each in self._sessions if not each.is_closed}
        self._sessions.add(session)
        await session.open()
        return session

    @property
    def market(self) -> MarketFeeds | None:
        """The feeds of a started connector."""
        return None if self._running is None else self._running.market

    async def open_book(self, instrument_id: InstrumentId, sink: MarketSink) -> None:
        await self._require().market.open_book(instrument_id, sink)

    async def close_book(self, instrument_id: InstrumentId) -> None:
        if self._running is not None:
            await self._running.market.close_book(instrument_id)

    # Helpers

    def _away(self) -> list[BinanceMarket]:
        """Return the markets that were reached, and whose last request for the time was not answered."""
        running, reached = self._require(), (BinanceMarket.SPOT, BinanceMarket.USDM)
        return [each for each in reached if each in self._read_markets and not running.rest.clock_of(each).is_answered]

    def _require(self) -> _Running:
        if self._running is None:
            raise VenueUnavailable(
                f"{self._spec.venue_id} is not reached: {self._why_not_started or 'it is being tried'}"
            )
        return self._running

    async def _read_catalogue(self, rest: BinanceRest) -> None:
        """Read what every market lists. A market that was read before must be read; one that was never read is left
        out, because its hosts may not serve this region."""
        listed = [await self._read_market(rest, BinanceMarket.SPOT)]
        if rest.has(BinanceMarket.USDM):
            try:
                listed.append(await self._read_market(rest, BinanceMarket.USDM))
            except VenueUnavailable as error:
                if BinanceMarket.USDM in self._read_markets:
                    raise
                self._log.warning("market_left_out", market=BinanceMarket.USDM.value, cause=str(error))
        self._listed = ListedInstruments(
            tuple(each for read in listed for each in read.instruments),
            tuple(UnreadableInstrument(each.symbol, each.reason) for read in listed for each in read.refused),
        )

    async def _read_market(self, rest: BinanceRest, market: BinanceMarket) -> ReadCatalogue:
        """Read a market's list, and at its first reading its time and its limits."""
        if market not in self._read_markets and not await rest.clock_of(market).measure():
            raise VenueUnavailable(rest.trouble(market) or f"BINANCE {market.value} does not answer with its time")
        catalogue = await read_catalogue(rest, market, self._spec.venue_id)
        if market not in self._read_markets:
            rest.use_limits(market, _pace_limits(catalogue.limits, self._limits.get(market, _USUAL[market])))
            self._read_markets.add(market)
        for refused in catalogue.refused:
            self._log.warning("symbol_refused", symbol=refused.symbol, reason=refused.reason)
        self._instruments.keep(market, catalogue.instruments, catalogue.refused)
        return catalogue


def _pace_limits(stated: Sequence[BinanceRateLimit], usual: PaceLimits) -> PaceLimits:
    """Return the limits that the venue states; the usual ones where it states none."""
    found = {
        name: each.limit
        for each in stated
        if (name := _LIMIT_TYPES.get((each.type, each.interval, each.count))) and each.limit > 0
    }
    limits = replace(usual, **found)
    return replace(limits, reserved_weight=min(limits.reserved_weight, limits.weight_per_minute // 2))
