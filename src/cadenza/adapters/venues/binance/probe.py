"""A probe of BINANCE: the facts of its markets that the connector relies on, asked of the venue itself.

Each fact is one that only a live account can confirm, or that the venue may change.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from ssl import SSLContext
from typing import Protocol

from cadenza.adapters.venues.binance.credential import BinanceSigner
from cadenza.adapters.venues.binance.endpoints import BinanceMarket
from cadenza.adapters.venues.binance.probe_desk import ProbeDesk, ProbeParameters
from cadenza.adapters.venues.binance.probe_facts import MarginFacts, SpotFacts
from cadenza.adapters.venues.binance.probe_usdm import UsdmFacts
from cadenza.adapters.venues.binance.rest import BinanceRest
from cadenza.adapters.venues.binance.spec import USDM_STREAM
from cadenza.adapters.venues.binance.stream import USER_STREAM_LIMITS, UserListenKey
from cadenza.adapters.venues.kit.probe import ProbeAsk, ProbeFinding, findings_of
from cadenza.adapters.venues.kit.user_stream import UserStream
from cadenza.domain.trading.venue_spec import VenueSpec
from cadenza.network.patience import Randomness
from cadenza.network.proxies import ProxyChoice
from cadenza.ports.clock import Clock


class _Facts(Protocol):
    def readings(self) -> Mapping[str, ProbeAsk]:
        """The facts that need no order. The first one shows whether the market is reached."""

    def trades(self) -> Mapping[str, ProbeAsk]:
        """The facts that need orders."""


class BinanceProbe:
    """Implements `VenueProbe`: spot first, then the other markets of the environment. Where the first fact of a market
    cannot be seen, nothing more is asked there."""

    def __init__(
        self,
        *,
        spec: VenueSpec,
        rest: BinanceRest,
        signer: BinanceSigner,
        clock: Clock,
        randomness: Randomness,
        tls: SSLContext,
        proxies: ProxyChoice,
    ) -> None:
        self._spec = spec
        self._rest = rest
        self._signer = signer
        self._clock = clock
        self._randomness = randomness
        self._tls = tls
        self._proxies = proxies

    async def findings(self, *, with_orders: bool) -> AsyncIterator[ProbeFinding]:
        for facts in self._markets():
            async for finding in findings_of({**facts.readings(), **(facts.trades() if with_orders else {})}):
                yield finding

    def _markets(self) -> Iterator[_Facts]:
        yield SpotFacts(self._desk(BinanceMarket.SPOT))
        if self._rest.has(BinanceMarket.MARGIN):
            yield MarginFacts(self._desk(BinanceMarket.MARGIN, {"isIsolated": "FALSE"}))
        if self._rest.has(BinanceMarket.USDM):
            yield UsdmFacts(self._desk(BinanceMarket.USDM), self._spec.urls[USDM_STREAM], self._new_stream)

    def _desk(self, market: BinanceMarket, further: ProbeParameters | None = None) -> ProbeDesk:
        return ProbeDesk(
            market,
            venue_id=self._spec.venue_id,
            rest=self._rest,
            signer=self._signer,
            clock=self._clock,
            further=further,
        )

    def _new_stream(
        self, opening: UserListenKey, take: Callable[[bytes], Awaitable[None]], on_live: Callable[[], None]
    ) -> UserStream:
        return UserStream(
            name="probe",
            target=opening.target,
            subscribe=opening.subscribe,
            take=take,
            on_live=on_live,
            on_lost=lambda event: None,
            failed=lambda cause: None,
            clock=self._clock,
            randomness=self._randomness,
            tls=self._tls,
            proxies=self._proxies,
            limits=USER_STREAM_LIMITS,
        )
