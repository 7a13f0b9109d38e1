"""What the sessions of venues on the network do alike."""

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from ssl import SSLContext
from typing import Any, Generic, Protocol, TypeVar

from cadenza.adapters.venues.kit.order_calls import Reports, SubmitCall
from cadenza.adapters.venues.kit.session_life import SessionLife
from cadenza.adapters.venues.kit.user_stream import UserStream
from cadenza.adapters.venues.kit.venue_clock import VenueClock
from cadenza.domain.ids import TradingAccountId
from cadenza.domain.trading.order import Order
from cadenza.domain.trading.reports import Report
from cadenza.domain.trading.venue_spec import VenueSpec
from cadenza.network.patience import Randomness
from cadenza.network.proxies import ProxyChoice
from cadenza.network.stream_connection import StreamConnection
from cadenza.network.stream_events import StreamLimits, StreamLost, StreamTarget
from cadenza.ports.clock import Clock
from cadenza.ports.venue import AccountSnapshot, ExecutionSession, SessionSink

RestT = TypeVar("RestT")
InstrumentsT = TypeVar("InstrumentsT")


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionParts(Generic[RestT, InstrumentsT]):
    """What all sessions of a connector share. `missing` takes the names that the venue uses and `instruments` lacks;
    `limits` are those of each stream."""

    spec: VenueSpec
    rest: RestT
    instruments: InstrumentsT
    missing: Callable[[str], None]
    clock: Clock
    randomness: Randomness
    tls: SSLContext
    proxies: ProxyChoice
    limits: StreamLimits


class StreamOpening(Protocol):
    """How a connection for the account's news is opened; both are as `ReconnectingWebSocket` calls them."""

    async def target(self) -> StreamTarget: ...

    async def subscribe(self, connection: StreamConnection) -> None: ...


class NetworkedSession(ExecutionSession, ABC):
    """Implements of `ExecutionSession` how calls about orders are made, how the account is read, and how the session
    ends. A venue's session adds what it asks of the venue, and the methods that are missing here."""

    def __init__(
        self,
        account_id: TradingAccountId,
        sink: SessionSink,
        parts: SessionParts[Any, Any],
        *,
        venue_clock: VenueClock,
        stream: str,
        settled_until: Callable[[int], int] = lambda instant_ms: instant_ms,
    ) -> None:
        """`venue_clock`, `stream` and `settled_until` are those of `SessionLife`."""
        self._account_id = account_id
        self._clock = parts.clock
        self._stream_parts = parts
        self._life = SessionLife(
            account_id=account_id,
            sink=sink,
            clock=parts.clock,
            venue_clock=venue_clock,
            stream=stream,
            settled_until=settled_until,
        )
        self._orders = self._life.new_orders

    def _news_stream(
        self,
        opening: StreamOpening,
        take: Callable[[bytes], Awaitable[None]],
        *,
        on_lost: Callable[[StreamLost], None],
        on_live: Callable[[], None] | None = None,
    ) -> UserStream:
        """Make a stream that ends the session when it fails. The session is live with it, unless `on_live` says
        when."""
        parts = self._stream_parts
        return UserStream(
            name=str(self._account_id),
            target=opening.target,
            subscribe=opening.subscribe,
            take=take,
            on_live=on_live or self._life.live,
            on_lost=on_lost,
            failed=self._life.link.ended,
            clock=parts.clock,
            randomness=parts.randomness,
            tls=parts.tls,
            proxies=parts.proxies,
            limits=parts.limits,
        )

    # What a venue's session says

    @abstractmethod
    async def open(self) -> None:
        """Return when all streams are live. Raises `CredentialRejected` and `VenueUnavailable`, and is closed then."""

    @abstractmethod
    async def _submit(self, order: Order, call: SubmitCall) -> Reports:
        """Send an order; `call.leaving` makes the request."""

    @abstractmethod
    async def _cancel(self, order: Order) -> Reports:
        """Ask the venue to cancel an order that may have left."""

    # `ExecutionSession`

    async def submit(self, order: Order) -> Sequence[Report]:
        return await self._orders.submit(order, lambda call: self._submit(order, call))

    async def cancel(self, order: Order) -> Sequence[Report]:
        return self._life.calls.withdraw(order) or await self._life.calls.other(self._cancel(order))

    def withdraw_unsent(self, is_meant: Callable[[Order], bool]) -> None:
        self._life.calls.withdraw_unsent(is_meant)

    async def snapshot(self) -> AccountSnapshot:
        snapshot = await self._life.snapshot()
        await self._life.delivery.wait_idle()
        return snapshot

    def venue_time_ms(self) -> int:
        return self._life.venue_time_ms()

    def is_caught_up(self) -> bool:
        return self._life.is_caught_up

    @property
    def is_closed(self) -> bool:
        return self._life.is_closed

    async def close(self) -> None:
        await self._life.close()
