"""What the connectors of venues on the network do alike: begin, end, know their sessions, and read their catalogue."""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from ssl import SSLContext
from typing import Generic, Protocol, TypeVar

import structlog

from cadenza.adapters.venues.kit.networked_session import NetworkedSession
from cadenza.adapters.venues.kit.unlisted_symbols import UnlistedSymbols
from cadenza.adapters.venues.kit.venue_clock import VenueClock, earliest_of
from cadenza.domain.accounts.credential import CredentialType, Secrets
from cadenza.domain.accounts.trading_account import TradingAccount
from cadenza.domain.errors import VenueUnavailable
from cadenza.domain.ids import InstrumentId
from cadenza.domain.market.instrument import Instrument
from cadenza.domain.trading.venue_spec import VenueSpec
from cadenza.network.http import HttpClient, HttpClientLimits
from cadenza.network.patience import Randomness
from cadenza.network.proxies import ProxyChoice
from cadenza.network.tls import client_tls
from cadenza.ports.clock import Clock
from cadenza.ports.venue import ExecutionSession, ListedInstruments, MarketSink, SessionSink, VenueStatus


class RawClient(Protocol):
    """Sends the venue's requests."""

    def close(self) -> None:
        """Send nothing any more. Idempotent."""


class BookFeeds(Protocol):
    """The public half of `VenueConnector`."""

    async def open_book(self, instrument_id: InstrumentId, sink: MarketSink) -> None: ...

    async def close_book(self, instrument_id: InstrumentId) -> None: ...

    async def stop(self) -> None:
        """Close all feeds and connections. Idempotent."""


R = TypeVar("R", bound=RawClient)
F = TypeVar("F", bound=BookFeeds)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground(Generic[R, F]):
    """What a started connector stands on. `missing` is called with a symbol that the catalogue lacks; it is read again
    then."""

    http: HttpClient
    tls: SSLContext
    rest: R
    market: F
    missing: Callable[[str], None]
    tasks: Sequence[asyncio.Task[None]]


class NetworkedConnector(ABC, Generic[R, F]):
    """Implements what `VenueConnector` says of starting, stopping, sessions and feeds, for one environment. A venue's
    connector says what these are made of, and adds what is about keys."""

    def __init__(
        self,
        *,
        spec: VenueSpec,
        clock: Clock,
        randomness: Randomness,
        proxies: ProxyChoice | None,
        connections_max: int,
        sessions_max: int | None = None,
    ) -> None:
        """`connections_max`: connections for requests that are open at the same time, to all hosts together.
        `sessions_max`: sessions that are open at the same time, where the venue limits the sockets of an address; what
        it takes beyond that is left to books. One more is refused as `VenueUnavailable`."""
        self._spec = spec
        self._clock = clock
        self._randomness = randomness
        self._proxies = proxies or ProxyChoice()
        self._connections_max = connections_max
        self._sessions_max = sessions_max
        self._listed = ListedInstruments(())
        self._sessions: set[NetworkedSession] = set()
        self._ground: Ground[R, F] | None = None
        self._why_not_started = ""
        self._log = structlog.get_logger("cadenza.venue").bind(venue=str(spec.venue_id))

    # What a venue's connector says

    @abstractmethod
    def remember(self, instruments: Sequence[Instrument]) -> None:
        """As `VenueConnector`."""

    @abstractmethod
    def _make_client(self, http: HttpClient) -> R:
        """Make the raw client of this start."""

    @abstractmethod
    def _clocks(self, rest: R) -> Sequence[VenueClock]:
        """Return the clocks of the venue's hosts, which are measured from time to time."""

    @abstractmethod
    async def _read_catalogue(self, rest: R) -> ListedInstruments:
        """Return what the venue lists, and keep it for sessions and feeds. Raises `VenueUnavailable`."""

    @abstractmethod
    def _make_feeds(self, rest: R, tls: SSLContext) -> F:
        """Make the feeds of this start, and what else is made anew with each."""

    @abstractmethod
    async def _make_session(
        self, ground: Ground[R, F], account: TradingAccount, type: CredentialType, secrets: Secrets, sink: SessionSink
    ) -> NetworkedSession:
        """Make a session; it is opened by the caller. Raises `CredentialRejected` and `VenueUnavailable`."""

    @abstractmethod
    def _trouble(self, rest: R) -> str | None:
        """Return in words why the last request was not answered, if it was not."""

    # `VenueConnector`

    @property
    def spec(self) -> VenueSpec:
        return self._spec

    async def start(self) -> None:
        """Reach the venue, measure its clocks and read its catalogue."""
        if self._ground is not None:
            return
        tls = await asyncio.to_thread(client_tls)
        http = HttpClient(
            clock=self._clock,
            randomness=self._randomness,
            tls=tls,
            proxies=self._proxies,
            limits=HttpClientLimits(connections_max=self._connections_max),
        )
        rest = self._make_client(http)
        try:
            await self._measure_clocks(rest)
            await self._take_over_catalogue(rest)
        except BaseException as error:  # a failed start leaves nothing open
            self._why_not_started = str(error)
            await http.close()
            rest.close()
            raise
        unlisted = UnlistedSymbols(lambda: self._take_over_catalogue(rest), self._clock)
        works = [("unlisted symbols", unlisted.run()), *(("clock", clock.run()) for clock in self._clocks(rest))]
        self._ground = Ground(
            http=http,
            tls=tls,
            rest=rest,
            market=self._make_feeds(rest, tls),
            missing=unlisted.miss,
            tasks=[asyncio.create_task(work, name=f"{what} of {self._spec.venue_id}") for what, work in works],
        )

    async def stop(self) -> None:
        ground, self._ground = self._ground, None
        for session in list(self._sessions):
            await session.close()
        self._sessions.clear()
        if ground is not None:
            await ground.market.stop()
            for task in ground.tasks:
                task.cancel()
            await asyncio.gather(*ground.tasks, return_exceptions=True)
            await ground.http.close()
            ground.rest.close()

    def status(self) -> VenueStatus:
        """Whether the last request for the time was answered by every clock. Each is asked every 30 s, and at once when
        a socket is lost."""
        ground = self._ground
        is_online = ground is not None and all(clock.is_answered for clock in self._clocks(ground.rest))
        return VenueStatus.ONLINE if is_online else VenueStatus.OFFLINE

    def trouble(self) -> str | None:
        return None if self._ground is None else self._trouble(self._ground.rest)

    def earliest_ms(self) -> int:
        return 0 if self._ground is None else earliest_of(self._clocks(self._ground.rest))

    async def instruments(self) -> ListedInstruments:
        await self._take_over_catalogue(self._require().rest)
        return self._listed

    async def open_session(
        self, account: TradingAccount, type: CredentialType, secrets: Secrets, sink: SessionSink
    ) -> ExecutionSession:
        session = await self._make_session(self._require(), account, type, secrets, sink)
        self._sessions = {each for each in self._sessions if not each.is_closed}
        if self._sessions_max is not None and len(self._sessions) >= self._sessions_max:
            await session.close()
            raise VenueUnavailable(
                f"{len(self._sessions)} accounts of {self._spec.venue_id} have a socket each, and the others that it "
                "allows an address are kept for books: disconnect an account, or reach the venue from another address"
            )
        self._sessions.add(session)
        await session.open()
        return session

    @property
    def market(self) -> F | None:
        """The feeds of a started connector."""
        return None if self._ground is None else self._ground.market

    async def open_book(self, instrument_id: InstrumentId, sink: MarketSink) -> None:
        await self._require().market.open_book(instrument_id, sink)

    async def close_book(self, instrument_id: InstrumentId) -> None:
        if self._ground is not None:
            await self._ground.market.close_book(instrument_id)

    # Helpers

    def _require(self) -> Ground[R, F]:
        """Return the ground of a started connector. Raises `VenueUnavailable`."""
        if self._ground is None:
            raise VenueUnavailable(
                f"{self._spec.venue_id} is not reached: {self._why_not_started or 'it is being tried'}"
            )
        return self._ground

    async def _measure_clocks(self, rest: R) -> None:
        """Measure the clocks before anything else is asked. Raises `VenueUnavailable`."""
        for clock in self._clocks(rest):
            if not await clock.measure():
                raise VenueUnavailable(
                    self._trouble(rest) or f"{self._spec.venue_id.venue.value} does not answer with its time"
                )

    async def _take_over_catalogue(self, rest: R) -> None:
        self._listed = await self._read_catalogue(rest)
        for each in self._listed.unreadable:
            self._log.warning("symbol_refused", symbol=each.external_symbol, reason=each.cause)
