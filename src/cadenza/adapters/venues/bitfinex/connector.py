"""The connector of BITFINEX: its catalogue, its credentials, and the sessions and feeds that it opens."""

from collections.abc import Sequence
from ssl import SSLContext

from cadenza.adapters.venues.bitfinex import credential
from cadenza.adapters.venues.bitfinex.catalogue import read_catalogue
from cadenza.adapters.venues.bitfinex.credential import BitfinexSigner
from cadenza.adapters.venues.bitfinex.execution import BitfinexExecution, BitfinexParts
from cadenza.adapters.venues.bitfinex.known_instruments import KnownInstruments
from cadenza.adapters.venues.bitfinex.market_data import feed_parts
from cadenza.adapters.venues.bitfinex.pace import CONNECTIONS_MAX
from cadenza.adapters.venues.bitfinex.parse_instruments import securities
from cadenza.adapters.venues.bitfinex.private_connects import PrivateConnects
from cadenza.adapters.venues.bitfinex.private_keys import PrivateKeys
from cadenza.adapters.venues.bitfinex.reached_accounts import ReachableAccounts
from cadenza.adapters.venues.bitfinex.rest import BitfinexRest
from cadenza.adapters.venues.bitfinex.signing_key import signed_since_ms
from cadenza.adapters.venues.bitfinex.sockets import PUBLIC_CONNECTS, STREAM_LIMITS
from cadenza.adapters.venues.kit.connect_pace import ConnectPace
from cadenza.adapters.venues.kit.networked_connector import Ground, NetworkedConnector
from cadenza.adapters.venues.kit.snapshot_feeds import SnapshotFeeds
from cadenza.adapters.venues.kit.venue_clock import VenueClock
from cadenza.domain.accounts.credential import CredentialType, Secrets
from cadenza.domain.accounts.trading_account import TradingAccount
from cadenza.domain.market.instrument import Instrument, Security
from cadenza.domain.trading.venue_spec import VenueSpec
from cadenza.network.http import HttpClient
from cadenza.network.patience import Randomness
from cadenza.network.proxies import ProxyChoice
from cadenza.network.stream_events import StreamLimits
from cadenza.ports.clock import Clock
from cadenza.ports.venue import ListedInstruments, SessionSink, UnreadableInstrument, VenueMemories, VerifiedKey

BitfinexGround = Ground[BitfinexRest, SnapshotFeeds]


class BitfinexConnector(NetworkedConnector[BitfinexRest, SnapshotFeeds]):
    """Implements `VenueConnector` for one environment."""

    def __init__(
        self,
        *,
        spec: VenueSpec,
        clock: Clock,
        randomness: Randomness,
        memories: VenueMemories,
        proxies: ProxyChoice | None = None,
        limits: StreamLimits = STREAM_LIMITS,
    ) -> None:
        """`memories` keep the nonces of keys, which key an account has, and when sockets were opened. `limits` are
        those of every socket."""
        super().__init__(
            spec=spec, clock=clock, randomness=randomness, proxies=proxies, connections_max=CONNECTIONS_MAX
        )
        self._limits = limits
        self._instruments = KnownInstruments()
        self._memories = memories
        self._keys = PrivateKeys(memories, clock)
        self._private_connects = PrivateConnects(clock, memories)
        """The pace of the private host, which all sessions share."""

    def remember(self, instruments: Sequence[Instrument]) -> None:
        self._instruments.remember(instruments)

    def check_credential(self, type: CredentialType, secrets: Secrets) -> None:
        credential.check_credential(type, secrets)

    async def securities(self) -> Sequence[Security]:
        self._require()
        return securities(self._listed.instruments, self._spec.venue_id)

    async def verify(self, type: CredentialType, secrets: Secrets) -> VerifiedKey:
        return await self._accounts(self._require().rest).reached(self._keys.of(BitfinexSigner(type, secrets)))

    # What the connector is made of

    def _accounts(self, rest: BitfinexRest) -> ReachableAccounts:
        return ReachableAccounts(rest, self._spec.venue_id)

    def _make_client(self, http: HttpClient) -> BitfinexRest:
        return BitfinexRest(urls=self._spec.urls, http=http, clock=self._clock)

    def _clocks(self, rest: BitfinexRest) -> Sequence[VenueClock]:
        return [rest.clock]

    def _trouble(self, rest: BitfinexRest) -> str | None:
        return rest.trouble

    async def _read_catalogue(self, rest: BitfinexRest) -> ListedInstruments:
        catalogue = await read_catalogue(rest, self._spec.venue_id)
        self._instruments.keep(catalogue)
        return ListedInstruments(
            catalogue.instruments, tuple(UnreadableInstrument(each.name, each.reason) for each in catalogue.refused)
        )

    def _make_feeds(self, rest: BitfinexRest, tls: SSLContext) -> SnapshotFeeds:
        parts = feed_parts(
            spec=self._spec,
            venue_clock=rest.clock,
            clock=self._clock,
            randomness=self._randomness,
            tls=tls,
            proxies=self._proxies,
            connects=ConnectPace(self._clock, PUBLIC_CONNECTS),
            limits=self._limits,
        )
        return SnapshotFeeds(parts, self._instruments.instrument)

    async def _make_session(
        self,
        ground: BitfinexGround,
        account: TradingAccount,
        type: CredentialType,
        secrets: Secrets,
        sink: SessionSink,
    ) -> BitfinexExecution:
        key = self._keys.of(BitfinexSigner(type, secrets))
        await self._accounts(ground.rest).again(account, key)
        parts = BitfinexParts(
            spec=self._spec,
            rest=ground.rest,
            instruments=self._instruments,
            missing=ground.missing,
            connects=self._private_connects,
            clock=self._clock,
            randomness=self._randomness,
            tls=ground.tls,
            proxies=self._proxies,
            limits=self._limits,
        )
        since_ms = await signed_since_ms(self._memories, account.id, key.api_key, self._clock.now_ms())
        return BitfinexExecution(parts, account, key, sink, signed_since_ms=since_ms)
