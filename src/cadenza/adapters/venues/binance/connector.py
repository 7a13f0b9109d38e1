"""The connector of BINANCE: its catalogue, its credentials, and the sessions and feeds that it opens."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from ssl import SSLContext

from cadenza.adapters.venues.binance import credential
from cadenza.adapters.venues.binance.catalogue import read_catalogue
from cadenza.adapters.venues.binance.credential import BinanceSigner
from cadenza.adapters.venues.binance.dialects import MarginDialect, MarketDialect, SpotDialect
from cadenza.adapters.venues.binance.endpoints import BinanceMarket
from cadenza.adapters.venues.binance.execution import BinanceParts, BinanceSession
from cadenza.adapters.venues.binance.known_instruments import KnownInstruments
from cadenza.adapters.venues.binance.market_data import MarketFeeds
from cadenza.adapters.venues.binance.market_desk import feed_parts
from cadenza.adapters.venues.binance.models import BinanceRateLimit
from cadenza.adapters.venues.binance.parse_instruments import ReadCatalogue, securities
from cadenza.adapters.venues.binance.reached_accounts import ReachableAccounts
from cadenza.adapters.venues.binance.rest import CONNECTIONS_MAX, BinanceRest
from cadenza.adapters.venues.binance.spec import SPOT_LIMITS, SPOT_WS_API, USDM_LIMITS, USDM_STREAM, PaceLimits
from cadenza.adapters.venues.binance.stream import (
    USER_STREAM_LIMITS,
    SignedSubscription,
    TokenSubscription,
    UserListenKey,
    UserStreamOpening,
)
from cadenza.adapters.venues.binance.stream_wire import USER_CONNECTS
from cadenza.adapters.venues.binance.usdm_dialect import UsdmDialect
from cadenza.adapters.venues.kit.connect_pace import ConnectPace
from cadenza.adapters.venues.kit.networked_connector import Ground, NetworkedConnector
from cadenza.adapters.venues.kit.venue_clock import VenueClock
from cadenza.domain.accounts.credential import CredentialType, Secrets
from cadenza.domain.accounts.trading_account import AccountType, TradingAccount
from cadenza.domain.errors import VenueUnavailable
from cadenza.domain.market.instrument import Instrument, Security
from cadenza.domain.trading.venue_spec import VenueSpec
from cadenza.network.http import HttpClient
from cadenza.network.patience import Randomness
from cadenza.network.proxies import ProxyChoice
from cadenza.ports.clock import Clock
from cadenza.ports.venue import (
    ListedInstruments,
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


BinanceGround = Ground[BinanceRest, MarketFeeds]


class BinanceConnector(NetworkedConnector[BinanceRest, MarketFeeds]):
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
        super().__init__(
            spec=spec,
            clock=clock,
            randomness=randomness,
            proxies=proxies,
            connections_max=len(BinanceMarket) * CONNECTIONS_MAX,
        )
        self._memories = memories
        self._limits = limits or {}
        self._instruments = KnownInstruments()
        self._read_markets: set[BinanceMarket] = set()
        spot, usdm = (ConnectPace(clock, USER_CONNECTS) for _ in range(2))
        self._connects = {BinanceMarket.SPOT: spot, BinanceMarket.MARGIN: spot, BinanceMarket.USDM: usdm}

    def status(self) -> VenueStatus:
        """Whether the last request for the time was answered by every market that was reached. Each is asked every
        30 s, and at once when a stream is lost."""
        return VenueStatus.OFFLINE if self._ground is None or self._away() else VenueStatus.ONLINE

    def remember(self, instruments: Sequence[Instrument]) -> None:
        self._instruments.remember(instruments)

    def check_credential(self, type: CredentialType, secrets: Secrets) -> None:
        credential.check_credential(type, secrets)

    async def securities(self) -> Sequence[Security]:
        self._require()
        return securities(self._listed.instruments, self._spec.venue_id)

    async def verify(self, type: CredentialType, secrets: Secrets) -> VerifiedKey:
        return await self._accounts(self._require().rest).reached(BinanceSigner(type, secrets))

    # What the connector is made of

    def _make_client(self, http: HttpClient) -> BinanceRest:
        return BinanceRest(urls=self._spec.urls, http=http, clock=self._clock, limits=self._limits)

    def _clocks(self, rest: BinanceRest) -> Sequence[VenueClock]:
        return [rest.clock_of(market) for market in (BinanceMarket.SPOT, BinanceMarket.USDM) if rest.has(market)]

    async def _measure_clocks(self, rest: BinanceRest) -> None:
        """Each is measured when its market is read first, because a market may be left out."""
        self._read_markets.clear()

    def _trouble(self, rest: BinanceRest) -> str | None:
        """Return why markets do not answer. Spot is not named, because nothing works without it."""
        if not (away := self._away()):
            return None
        first, trouble = away[0], rest.trouble(away[0])
        return trouble if trouble is None or first is BinanceMarket.SPOT else f"{first.value}: {trouble}"

    def _make_feeds(self, rest: BinanceRest, tls: SSLContext) -> MarketFeeds:
        parts = feed_parts(
            rest=rest,
            urls=self._spec.urls,
            clock=self._clock,
            randomness=self._randomness,
            tls=tls,
            proxies=self._proxies,
        )
        return MarketFeeds(parts, self._instruments.instrument)

    async def _make_session(
        self, ground: BinanceGround, account: TradingAccount, type: CredentialType, secrets: Secrets, sink: SessionSink
    ) -> BinanceSession:
        signer = BinanceSigner(type, secrets)
        accounts = self._accounts(ground.rest)
        reached = await accounts.again(account, signer)
        parts = BinanceParts(
            spec=self._spec,
            rest=ground.rest,
            instruments=self._instruments,
            missing=ground.missing,
            memories=self._memories,
            clock=self._clock,
            randomness=self._randomness,
            tls=ground.tls,
            proxies=self._proxies,
            connects=self._connects,
            limits=USER_STREAM_LIMITS,
        )
        opening: UserStreamOpening
        dialect: MarketDialect
        if account.external.type is AccountType.FUTURES:
            dialect = UsdmDialect(account.position_mode)
            opening = UserListenKey(self._spec.urls[USDM_STREAM], signer, ground.rest, self._clock)
        elif account.external.type is AccountType.MARGIN:
            dialect = MarginDialect()
            opening = TokenSubscription(self._spec.urls[SPOT_WS_API], signer, ground.rest, self._clock)
        else:
            dialect = SpotDialect()
            opening = SignedSubscription(self._spec.urls[SPOT_WS_API], signer, ground.rest, self._clock)
        return BinanceSession(
            parts, account, signer, dialect, sink, opening, reached, lambda: accounts.again(account, signer)
        )

    # Helpers

    def _away(self) -> list[BinanceMarket]:
        """Return the markets that were reached, and whose last request for the time was not answered."""
        rest, reached = self._require().rest, (BinanceMarket.SPOT, BinanceMarket.USDM)
        return [each for each in reached if each in self._read_markets and not rest.clock_of(each).is_answered]

    def _accounts(self, rest: BinanceRest) -> ReachableAccounts:
        return ReachableAccounts(rest, self._memories)

    async def _read_catalogue(self, rest: BinanceRest) -> ListedInstruments:
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
        return ListedInstruments(
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
    return replace(
        limits,
        reserved_weight=min(limits.reserved_weight, limits.weight_per_minute // 2),
        order_weight=min(limits.order_weight, limits.weight_per_minute // 4),
    )
