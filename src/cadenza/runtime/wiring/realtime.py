"""Where clients' WebSockets end: at our own socket, or at Centrifugo in front of us."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import asdict, dataclass
from ipaddress import ip_network
from typing import Protocol
from urllib.parse import urlsplit

import structlog
from litestar.handlers import HTTPRouteHandler

from cadenza.adapters.engines.centrifugo.audience import Audience
from cadenza.adapters.engines.centrifugo.configuration import Facts
from cadenza.adapters.engines.centrifugo.limits import CentrifugoLimits
from cadenza.adapters.engines.centrifugo.publisher import CentrifugoPublisher, PublicationWire
from cadenza.adapters.engines.centrifugo.relay import Relay
from cadenza.adapters.engines.centrifugo.server_api import ApiFailed, ServerApi
from cadenza.adapters.realtime.broker import ReadBook
from cadenza.adapters.realtime.channels import book_channels, name_of, trade_channel
from cadenza.adapters.realtime.feeds import Feeds, HoldFeed
from cadenza.adapters.realtime.gate import Gate
from cadenza.adapters.realtime.limits import RealtimeLimits
from cadenza.adapters.realtime.node import Node
from cadenza.adapters.realtime.proxy import PATH, Proxy, RequestPortfolio
from cadenza.adapters.realtime.readings import Reading
from cadenza.adapters.realtime.rpc import Rpcs
from cadenza.adapters.vault.keyring import KeyRing, derive
from cadenza.adapters.vault.tokens import signing_key
from cadenza.application.system.check_health import HealthStatus
from cadenza.application.use_cases import UseCases
from cadenza.domain.identity.actor import Actor
from cadenza.domain.identity.user import ROLE
from cadenza.domain.ids import InstrumentId, SessionId, TradingAccountId
from cadenza.network.client_address import Networks
from cadenza.ports.clock import Clock
from cadenza.ports.concurrency import Concurrency
from cadenza.ports.failpoints import Failpoints
from cadenza.ports.ids import Ids
from cadenza.ports.publisher import Publisher
from cadenza.ports.storage import Storage
from cadenza.runtime.config import Settings
from cadenza.runtime.supervisor import Supervisor
from cadenza.runtime.wiring.identity import ISSUER
from cadenza.wire.push import encode_account_event, encode_order_book, encode_portfolio, encode_trade

log = structlog.get_logger(__name__)

HEALTH_TIMEOUT_S = 1.0
"""A Centrifugo that takes longer to answer is not well."""

ACCOUNT_HISTORY_MS = 24 * 3_600_000
"""How long Centrifugo remembers what was published of an account."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlatformServices:
    """What the socket asks of the platform. Functions, because the platform publishes through the socket and so is made
    after it."""

    authenticate: Callable[[str, str], Awaitable[Actor]]
    session_actor: Callable[[SessionId], Awaitable[Actor]]
    may_see_account: Callable[[Actor, TradingAccountId], Awaitable[bool]]
    instrument_exists: Callable[[Actor, InstrumentId], bool]
    hold_feed: HoldFeed
    release_feed: HoldFeed
    read_book: ReadBook
    request_portfolio: RequestPortfolio
    use_cases: Callable[[], UseCases]

    @property
    def gate(self) -> Gate:
        return Gate(
            authenticate=self.authenticate,
            may_see_account=self.may_see_account,
            instrument_exists=self.instrument_exists,
        )


class Realtime(Protocol):
    """One of the two. `node` is our own socket, where there is one."""

    publisher: Publisher
    node: Node | None
    routes: Sequence[HTTPRouteHandler]

    async def start(self, supervisor: Supervisor) -> None:
        """Begin to work."""

    async def shutdown(self) -> None:
        """Close the clients' connections, because the server stops."""

    async def close(self) -> None:
        """Let go of everything, after the supervised tasks have ended."""

    def readings(self) -> Sequence[Reading]:
        """Return what there is to measure."""

    def sessions_ended(self, session_ids: Collection[SessionId]) -> None:
        """Take note of sessions that this process has ended."""

    async def health(self) -> HealthStatus:
        """Report the health of the server to which clients connect. Answers fast and never raises."""


def wire_realtime(
    settings: Settings,
    services: PlatformServices,
    *,
    keys: KeyRing,
    storage: Storage,
    clock: Clock,
    ids: Ids,
    concurrency: Concurrency,
    failpoints: Failpoints,
) -> Realtime:
    """Make the one that the settings name."""
    if settings.realtime == "centrifugo":
        return _Centrifugo(settings, services, keys=keys, storage=storage, clock=clock, failpoints=failpoints)
    node = Node(
        authenticate=services.authenticate,
        may_see_account=services.may_see_account,
        instrument_exists=services.instrument_exists,
        hold_feed=services.hold_feed,
        release_feed=services.release_feed,
        read_book=services.read_book,
        request_portfolio=lambda account_id: services.request_portfolio(account_id, delay_ms=0),
        use_cases=services.use_cases,
        storage=storage,
        clock=clock,
        ids=ids,
        concurrency=concurrency,
        limits=socket_limits(settings),
        trusted_proxies=trusted_proxies(settings),
    )
    return _Embedded(node)


class _Embedded:
    """Our own socket."""

    routes: Sequence[HTTPRouteHandler] = ()

    def __init__(self, node: Node) -> None:
        self.node: Node | None = node
        self.publisher: Publisher = node
        self.shutdown = node.shutdown
        self.readings = node.readings
        self.sessions_ended = node.sessions_ended

    async def start(self, supervisor: Supervisor) -> None:
        """Nothing runs before the first client comes."""

    async def health(self) -> HealthStatus:
        """It is here as long as we are."""
        return HealthStatus.HEALTHY

    async def close(self) -> None:
        """Nothing is left after `shutdown`."""


class _Centrifugo:
    """Centrifugo in front of us: a relay, a publisher, and answers to its questions."""

    node: Node | None = None

    def __init__(
        self,
        settings: Settings,
        services: PlatformServices,
        *,
        keys: KeyRing,
        storage: Storage,
        clock: Clock,
        failpoints: Failpoints,
    ) -> None:
        limits = CentrifugoLimits()
        self._limits = limits
        self._clock = clock
        self._api = ServerApi(
            settings.centrifugo.api_url, key=api_key(settings, keys), timeout_ms=limits.request_timeout_ms
        )
        self._audience = Audience(self._api, clock=clock, limits=limits)
        self._relay = Relay(
            self._api,
            storage=storage,
            channel_of=name_of,
            encode=encode_account_event,
            clock=clock,
            failpoints=failpoints,
            limits=limits,
        )
        self._publisher = CentrifugoPublisher(
            self._api,
            self._audience,
            wire=PublicationWire(
                account_channel=name_of,
                book_channels=book_channels,
                trade_channel=trade_channel,
                encode_portfolio=encode_portfolio,
                encode_book=encode_order_book,
                encode_trade=encode_trade,
            ),
            wake_relay=self._relay.wake,
            clock=clock,
            limits=limits,
        )
        self.publisher: Publisher = self._publisher
        self._proxy = Proxy(
            secret=proxy_secret(settings, keys),
            gate=services.gate,
            session_actor=services.session_actor,
            feeds=Feeds(hold=services.hold_feed, release=services.release_feed),
            rpcs=Rpcs(services.use_cases),
            audience=self._audience,
            read_book=services.read_book,
            request_portfolio=services.request_portfolio,
            clock=clock,
        )
        self.routes: Sequence[HTTPRouteHandler] = self._proxy.routes()

    async def start(self, supervisor: Supervisor) -> None:
        await self._relay.begin()
        self._proxy.catch_up(await self._audience.look())
        supervisor.start("relay account events", self._relay.run)
        supervisor.start("publish views and trades", self._publisher.run)
        supervisor.start("look for subscribers", self._look)

    async def shutdown(self) -> None:
        """Clients stay where they are: Centrifugo goes on without us, and the log keeps what is to be published."""

    def sessions_ended(self, session_ids: Collection[SessionId]) -> None:
        """Centrifugo knows connections by their users only; it asks us about the session with every question."""

    async def health(self) -> HealthStatus:
        try:
            async with asyncio.timeout(HEALTH_TIMEOUT_S):
                await self._api.ping()
        except (ApiFailed, TimeoutError) as error:
            log.warning("Centrifugo is not well", reason=str(error) or "no answer")
            return HealthStatus.DEGRADED
        return HealthStatus.HEALTHY

    async def close(self) -> None:
        await self._api.close()

    def readings(self) -> Sequence[Reading]:
        relay, publisher = self._relay, self._publisher
        return [
            Reading("cadenza_relay_published", "counter", "Account events relayed", lambda: relay.published_total),
            Reading(
                "cadenza_relay_failures", "counter", "Rounds of the relay that failed", lambda: relay.failures_total
            ),
            Reading(
                "cadenza_market_published",
                "counter",
                "Publications that are not account events",
                lambda: publisher.published_total,
            ),
            Reading("cadenza_market_dropped", "counter", "Trades not published", lambda: publisher.dropped_total),
            Reading("cadenza_market_failures", "counter", "Requests that failed", lambda: publisher.failures_total),
            Reading("cadenza_market_waiting", "gauge", "Publications that wait", lambda: publisher.waiting),
            Reading("cadenza_market_channels", "gauge", "Channels with subscribers", lambda: len(self._audience)),
            Reading(
                "cadenza_proxy_questions", "counter", "Questions of Centrifugo", lambda: self._proxy.questions_total
            ),
        ]

    async def _look(self) -> None:
        while True:
            await self._clock.sleep_ms(self._limits.audience_poll_ms)
            self._proxy.catch_up(await self._audience.look())
            await self._proxy.keep(self._audience.channels)


async def ask_centrifugo(settings: Settings, keys: KeyRing) -> None:
    """Ask Centrifugo's server API for a sign of life. Raises `ApiFailed`."""
    limits = CentrifugoLimits()
    api = ServerApi(settings.centrifugo.api_url, key=api_key(settings, keys), timeout_ms=limits.request_timeout_ms)
    try:
        await api.ping()
    finally:
        await api.close()


def trusted_proxies(settings: Settings) -> Networks:
    """The proxies that are believed when they name their client."""
    return tuple(map(ip_network, settings.http.trusted_proxies))


def socket_limits(settings: Settings) -> RealtimeLimits:
    """The limits of our own socket, and of Centrifugo as far as it has them."""
    return RealtimeLimits(**asdict(settings.socket))


def api_key(settings: Settings, keys: KeyRing) -> str:
    """The key of Centrifugo's server API."""
    return settings.centrifugo.api_key or derive(keys.active().secret, "centrifugo server api").hex()


def proxy_secret(settings: Settings, keys: KeyRing) -> str:
    """What Centrifugo shows us when it asks."""
    return settings.centrifugo.proxy_secret or derive(keys.active().secret, "centrifugo proxy").hex()


def centrifugo_facts(settings: Settings, keys: KeyRing, *, address: str, allowed_origins: tuple[str, ...]) -> Facts:
    """What `cadenza centrifugo config` writes: the limits are those of our own socket."""
    limits = socket_limits(settings)
    own_url = settings.centrifugo.proxy_url or f"http://127.0.0.1:{settings.port}"
    return Facts(
        token_key=signing_key(keys.active()),
        token_issuer=ISSUER,
        token_audience=ROLE,
        api_key=api_key(settings, keys),
        proxy_url=own_url.rstrip("/") + PATH,
        proxy_secret=proxy_secret(settings, keys),
        address=address,
        port=urlsplit(settings.centrifugo.api_url).port or 8000,
        allowed_origins=allowed_origins,
        frame_bytes_max=limits.frame_bytes_max,
        channels_per_connection_max=limits.channels_per_connection_max,
        connections_per_user_max=limits.connections_per_user_max,
        connections_max=limits.connections_max,
        queue_bytes_max=limits.queue_bytes_max,
        rpcs_in_flight_max=limits.rpcs_in_flight_max,
        history_items_max=limits.history_items_max,
        market_history_age_ms_max=limits.history_age_ms_max,
        account_history_age_ms_max=ACCOUNT_HISTORY_MS,
        connect_timeout_ms=limits.connect_timeout_ms,
        ping_interval_ms=limits.ping_interval_ms,
        pong_timeout_ms=limits.pong_timeout_ms,
        expiry_delay_ms=limits.expiry_delay_ms,
    )
