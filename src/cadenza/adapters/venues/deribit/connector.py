"""The connector of DERIBIT: its catalogue, its credentials, and the sessions and feeds that it opens."""

from collections.abc import Mapping, Sequence
from ssl import SSLContext

from cadenza.adapters.venues.deribit import credential
from cadenza.adapters.venues.deribit.catalogue import read_catalogue
from cadenza.adapters.venues.deribit.credential import DeribitSigner
from cadenza.adapters.venues.deribit.execution import DeribitParts, DeribitSession
from cadenza.adapters.venues.deribit.known_instruments import KnownInstruments
from cadenza.adapters.venues.deribit.market_data import feed_parts
from cadenza.adapters.venues.deribit.parse_instruments import securities
from cadenza.adapters.venues.deribit.reached_accounts import ReachableAccounts
from cadenza.adapters.venues.deribit.requests import RequestPool
from cadenza.adapters.venues.deribit.rest import CONNECTIONS_MAX, CREDIT_WINDOWS, DeribitRest
from cadenza.adapters.venues.deribit.sockets import CONNECTS, SOCKETS_FOR_BOOKS, SOCKETS_MAX, STREAM_LIMITS
from cadenza.adapters.venues.kit.connect_pace import ConnectPace
from cadenza.adapters.venues.kit.networked_connector import Ground, NetworkedConnector
from cadenza.adapters.venues.kit.snapshot_feeds import SnapshotFeeds
from cadenza.adapters.venues.kit.venue_clock import VenueClock
from cadenza.domain.accounts.credential import CredentialType, Secrets
from cadenza.domain.accounts.trading_account import TradingAccount
from cadenza.domain.market.instrument import Instrument, Security
from cadenza.domain.trading.venue_spec import VenueSpec
from cadenza.network.http import HttpClient
from cadenza.network.pace_windows import WindowLimit
from cadenza.network.patience import Randomness
from cadenza.network.proxies import ProxyChoice
from cadenza.network.stream_events import StreamLimits
from cadenza.ports.clock import Clock
from cadenza.ports.venue import ListedInstruments, SessionSink, UnreadableInstrument, VerifiedKey

DeribitGround = Ground[DeribitRest, SnapshotFeeds]


class DeribitConnector(NetworkedConnector[DeribitRest, SnapshotFeeds]):
    """Implements `VenueConnector` for one environment."""

    def __init__(
        self,
        *,
        spec: VenueSpec,
        clock: Clock,
        randomness: Randomness,
        proxies: ProxyChoice | None = None,
        credits: Mapping[RequestPool, WindowLimit] = CREDIT_WINDOWS,
        limits: StreamLimits = STREAM_LIMITS,
        sockets_max: int = SOCKETS_MAX,
    ) -> None:
        """`limits` are those of every socket, `credits` those of the user's tier at the venue. `sockets_max` is how
        many sockets the venue takes of our address."""
        super().__init__(
            spec=spec,
            clock=clock,
            randomness=randomness,
            proxies=proxies,
            connections_max=CONNECTIONS_MAX,
            sessions_max=sockets_max - SOCKETS_FOR_BOOKS,
        )
        self._limits = limits
        self._credits = credits
        self._instruments = KnownInstruments()

    def remember(self, instruments: Sequence[Instrument]) -> None:
        self._instruments.remember(instruments)

    def check_credential(self, type: CredentialType, secrets: Secrets) -> None:
        credential.check_credential(type, secrets)

    async def securities(self) -> Sequence[Security]:
        self._require()
        return securities(self._listed.instruments, self._spec.venue_id)

    async def verify(self, type: CredentialType, secrets: Secrets) -> VerifiedKey:
        return await ReachableAccounts(self._require().rest).reached(DeribitSigner(type, secrets))

    # What the connector is made of

    def _make_client(self, http: HttpClient) -> DeribitRest:
        return DeribitRest(
            urls=self._spec.urls, http=http, clock=self._clock, randomness=self._randomness, credits=self._credits
        )

    def _clocks(self, rest: DeribitRest) -> Sequence[VenueClock]:
        return [rest.clock]

    def _trouble(self, rest: DeribitRest) -> str | None:
        return rest.trouble

    async def _read_catalogue(self, rest: DeribitRest) -> ListedInstruments:
        catalogue = await read_catalogue(rest, self._spec.venue_id)
        self._instruments.keep(catalogue.instruments)
        return ListedInstruments(
            catalogue.instruments, tuple(UnreadableInstrument(each.name, each.reason) for each in catalogue.refused)
        )

    def _make_feeds(self, rest: DeribitRest, tls: SSLContext) -> SnapshotFeeds:
        parts = feed_parts(
            spec=self._spec,
            venue_clock=rest.clock,
            clock=self._clock,
            randomness=self._randomness,
            tls=tls,
            proxies=self._proxies,
            connects=ConnectPace(self._clock, CONNECTS),
            limits=self._limits,
        )
        return SnapshotFeeds(parts, self._instruments.instrument)

    async def _make_session(
        self, ground: DeribitGround, account: TradingAccount, type: CredentialType, secrets: Secrets, sink: SessionSink
    ) -> DeribitSession:
        signer = DeribitSigner(type, secrets)
        await ReachableAccounts(ground.rest).again(account, signer)
        parts = DeribitParts(
            spec=self._spec,
            rest=ground.rest,
            instruments=self._instruments,
            missing=ground.missing,
            connects=ground.market.connects,
            clock=self._clock,
            randomness=self._randomness,
            tls=ground.tls,
            proxies=self._proxies,
            limits=self._limits,
        )
        return DeribitSession(parts, account, signer, sink)
