"""The connector of OKX: its catalogue, its credentials, and the sessions and feeds that it opens."""

from collections.abc import Sequence
from ssl import SSLContext

from cadenza.adapters.venues.kit.connect_pace import ConnectPace
from cadenza.adapters.venues.kit.networked_connector import Ground, NetworkedConnector
from cadenza.adapters.venues.kit.snapshot_feeds import SnapshotFeeds
from cadenza.adapters.venues.kit.venue_clock import VenueClock
from cadenza.adapters.venues.okx import credential
from cadenza.adapters.venues.okx.catalogue import read_catalogue
from cadenza.adapters.venues.okx.credential import OkxSigner
from cadenza.adapters.venues.okx.execution import OkxParts, OkxSession
from cadenza.adapters.venues.okx.known_instruments import KnownInstruments
from cadenza.adapters.venues.okx.market_data import feed_parts
from cadenza.adapters.venues.okx.pace import CONNECTIONS_MAX
from cadenza.adapters.venues.okx.parse_instruments import securities
from cadenza.adapters.venues.okx.reached_accounts import ReachableAccounts
from cadenza.adapters.venues.okx.rest import OkxRest
from cadenza.adapters.venues.okx.sockets import CONNECTS, STREAM_LIMITS
from cadenza.domain.accounts.credential import CredentialType, Secrets
from cadenza.domain.accounts.trading_account import TradingAccount
from cadenza.domain.ids import Environment
from cadenza.domain.market.instrument import Instrument, Security
from cadenza.domain.trading.venue_spec import VenueSpec
from cadenza.network.http import HttpClient
from cadenza.network.patience import Randomness
from cadenza.network.proxies import ProxyChoice
from cadenza.network.stream_events import StreamLimits
from cadenza.ports.clock import Clock
from cadenza.ports.venue import ListedInstruments, SessionSink, UnreadableInstrument, VerifiedKey

OkxGround = Ground[OkxRest, SnapshotFeeds]


class OkxConnector(NetworkedConnector[OkxRest, SnapshotFeeds]):
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
        super().__init__(
            spec=spec, clock=clock, randomness=randomness, proxies=proxies, connections_max=CONNECTIONS_MAX
        )
        self._limits = limits
        self._instruments = KnownInstruments()

    def remember(self, instruments: Sequence[Instrument]) -> None:
        self._instruments.remember(instruments)

    def check_credential(self, type: CredentialType, secrets: Secrets) -> None:
        credential.check_credential(type, secrets)

    async def securities(self) -> Sequence[Security]:
        self._require()
        return securities(self._listed.instruments, self._spec.venue_id)

    async def verify(self, type: CredentialType, secrets: Secrets) -> VerifiedKey:
        return await ReachableAccounts(self._require().rest).reached(OkxSigner(type, secrets))

    # What the connector is made of

    def _make_client(self, http: HttpClient) -> OkxRest:
        is_demo = self._spec.venue_id.environment is not Environment.LIVE
        return OkxRest(urls=self._spec.urls, http=http, clock=self._clock, is_demo=is_demo)

    def _clocks(self, rest: OkxRest) -> Sequence[VenueClock]:
        return [rest.clock]

    def _trouble(self, rest: OkxRest) -> str | None:
        return rest.trouble

    async def _read_catalogue(self, rest: OkxRest) -> ListedInstruments:
        catalogue = await read_catalogue(rest, self._spec.venue_id)
        self._instruments.keep(catalogue.instruments, catalogue.refused)
        return ListedInstruments(
            catalogue.instruments, tuple(UnreadableInstrument(each.name, each.reason) for each in catalogue.refused)
        )

    def _make_feeds(self, rest: OkxRest, tls: SSLContext) -> SnapshotFeeds:
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
        self, ground: OkxGround, account: TradingAccount, type: CredentialType, secrets: Secrets, sink: SessionSink
    ) -> OkxSession:
        signer = OkxSigner(type, secrets)
        reached = await ReachableAccounts(ground.rest).again(account, signer)
        parts = OkxParts(
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
        return OkxSession(parts, account, reached, signer, sink)
