"""The connector of OKX: its catalogue, its credentials, and the sessions and feeds that it opens."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from ssl import SSLContext

import structlog

from cadenza.adapters.venues.kit.connect_pace import ConnectPace
from cadenza.adapters.venues.kit.snapshot_feeds import SnapshotFeeds
from cadenza.adapters.venues.kit.unlisted_symbols import UnlistedSymbols
from cadenza.adapters.venues.okx import credential
from cadenza.adapters.venues.okx.catalogue import read_catalogue
from cadenza.adapters.venues.okx.credential import OkxSigner
from cadenza.adapters.venues.okx.execution import OkxSession, SessionParts
from cadenza.adapters.venues.okx.known_instruments import KnownInstruments
from cadenza.adapters.venues.okx.market_data import feed_parts
from cadenza.adapters.venues.okx.pace import CONNECTIONS_MAX
from cadenza.adapters.venues.okx.parse_instruments import securities
from cadenza.adapters.venues.okx.reached_accounts import ReachableAccounts
from cadenza.adapters.venues.okx.rest import OkxRest
from cadenza.adapters.venues.okx.sockets import CONNECTS, STREAM_LIMITS
from cadenza.domain.accounts.credential import CredentialType, Secrets
from cadenza.domain.accounts.trading_account import TradingAccount
from cadenza.domain.errors import VenueUnavailable
from cadenza.domain.ids import Environment, InstrumentId
from cadenza.domain.market.instrument import Security
from cadenza.domain.trading.venue_spec import VenueSpec
from cadenza.network.http import HttpClient, HttpClientLimits
from cadenza.network.patience import Randomness
from cadenza.network.proxies import ProxyChoice
from cadenza.network.stream_events import StreamLimits
from cadenza.network.tls import client_tls
from cadenza.ports.clock import Clock
from cadenza.ports.venue import (
    ExecutionSession,
    ListedInstruments,
    MarketSink,
    SessionSink,
    UnreadableInstrument,
    VenueStatus,
    VerifiedKey,
)


@dataclass(slots=True)
class _Running:
    """What a started connector has."""

    http: HttpClient
    rest: OkxRest
    tls: SSLContext
    tasks: list[asyncio.Task[None]]
    unlisted: UnlistedSymbols
    accounts: ReachableAccounts
    connects: ConnectPace
    market: SnapshotFeeds


class OkxConnector:
    """Implements `VenueConnector` for one environment."""

    def __init__(
        self,
        *,
        spec: VenueSpec,
        clock: Clock,
        randomness: Randomness,
        proxies: ProxyChoice | None = None,
        limits: StreamLimits = STREAM_LIMITS,
    ) -> None:
        """`limits` are those of every socket."""
        self._spec = spec
        self._clock = clock
        self._randomness = randomness
        self._proxies = proxies or ProxyChoice()
        self._limits = limits
        self._instruments = KnownInstruments()
        self._listed = ListedInstruments(())
        self._sessions: set[OkxSession] = set()
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
            limits=HttpClientLimits(connections_max=CONNECTIONS_MAX),
        )
        is_demo = self._spec.venue_id.environment is not Environment.LIVE
        rest = OkxRest(urls=self._spec.urls, http=http, clock=self._clock, is_demo=is_demo)
        try:
            if not await rest.clock.measure():
                raise VenueUnavailable(rest.trouble or "OKX does not answer with its time")
            await self._read_catalogue(rest)
        except BaseException as error:  # a failed start leaves nothing open
            self._why_not_started = str(error)
            await http.close()
            rest.close()
            raise
        unlisted = UnlistedSymbols(lambda: self._read_catalogue(rest), self._clock)
        tasks = [
            asyncio.create_task(rest.clock.run(), name=f"clock of {self._spec.venue_id}"),
            asyncio.create_task(unlisted.run(), name=f"unlisted symbols of {self._spec.venue_id}"),
        ]
        connects = ConnectPace(self._clock, CONNECTS)
        market = self._feeds(rest, tls, connects)
        self._running = _Running(http, rest, tls, tasks, unlisted, ReachableAccounts(rest), connects, market)

    async def stop(self) -> None:
        running, self._running = self._running, None
        for session in list(self._sessions):
            await session.close()
        self._sessions.clear()
        if running is not None:
            await running.market.stop()
            running.connects.close()
            for task in running.tasks:
                task.cancel()
            await asyncio.gather(*running.tasks, return_exceptions=True)
            await running.http.close()
            running.rest.close()

    def status(self) -> VenueStatus:
        """Whether the last request for the time was answered. It is asked for every 30 s, and at once when a socket is
        lost."""
        running = self._running
        return VenueStatus.ONLINE if running is not None and running.rest.clock.is_answered else VenueStatus.OFFLINE

    def trouble(self) -> str | None:
        return None if self._running is None else self._running.rest.trouble

    def check_credential(self, type: CredentialType, secrets: Secrets) -> None:
        credential.check_credential(type, secrets)

    async def instruments(self) -> ListedInstruments:
        await self._read_catalogue(self._require().rest)
        return self._listed

    async def securities(self) -> Sequence[Security]:
        self._require()
        return securities(self._listed.instruments, self._spec.venue_id)

    async def verify(self, type: CredentialType, secrets: Secrets) -> VerifiedKey:
        return await self._require().accounts.reached(OkxSigner(type, secrets))

    async def open_session(
        self, account: TradingAccount, type: CredentialType, secrets: Secrets, sink: SessionSink
    ) -> ExecutionSession:
        running, signer = self._require(), OkxSigner(type, secrets)
        reached = await running.accounts.again(account, signer)
        parts = SessionParts(
            spec=self._spec,
            rest=running.rest,
            instruments=self._instruments,
            missing=running.unlisted.miss,
            connects=running.connects,
            clock=self._clock,
            randomness=self._randomness,
            tls=running.tls,
            proxies=self._proxies,
            limits=self._limits,
        )
        session = OkxSession(parts, account, reached, signer, sink)
        self._sessions = {each for each in self._sessions if not each.is_closed}
        self._sessions.add(session)
        await session.open()
        return session

    @property
    def market(self) -> SnapshotFeeds | None:
        """The feeds of a started connector."""
        return None if self._running is None else self._running.market

    async def open_book(self, instrument_id: InstrumentId, sink: MarketSink) -> None:
        await self._require().market.open_book(instrument_id, sink)

    async def close_book(self, instrument_id: InstrumentId) -> None:
        if self._running is not None:
            await self._running.market.close_book(instrument_id)

    # Helpers

    def _require(self) -> _Running:
        if self._running is None:
            raise VenueUnavailable(
                f"{self._spec.venue_id} is not reached: {self._why_not_started or 'it is being tried'}"
            )
        return self._running

    def _feeds(self, rest: OkxRest, tls: SSLContext, connects: ConnectPace) -> SnapshotFeeds:
        parts = feed_parts(
            spec=self._spec,
            venue_clock=rest.clock,
            clock=self._clock,
            randomness=self._randomness,
            tls=tls,
            proxies=self._proxies,
            connects=connects,
            limits=self._limits,
        )
        return SnapshotFeeds(parts, self._instruments.instrument)

    async def _read_catalogue(self, rest: OkxRest) -> None:
        catalogue = await read_catalogue(rest, self._spec.venue_id)
        for refused in catalogue.refused:
            self._log.warning("symbol_refused", symbol=refused.name, reason=refused.reason)
        self._instruments.keep(catalogue.instruments, catalogue.refused)
        self._listed = ListedInstruments(
            catalogue.instruments, tuple(UnreadableInstrument(each.name, each.reason) for each in catalogue.refused)
        )
