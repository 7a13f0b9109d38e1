"""One connection of a venue's public streams: names are subscribed to on demand, and granted against asked."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import count
from ssl import SSLContext
from typing import Any, Protocol

from cadenza.adapters.venues.kit.connect_pace import ConnectPace
from cadenza.adapters.venues.kit.words import UnreadablePayload
from cadenza.network.outcomes import SendOutcome, Sent
from cadenza.network.pace_queue import PaceRefusal
from cadenza.network.pace_windows import MeterKey, WindowLimit
from cadenza.network.pacing import Pacer
from cadenza.network.patience import PatientClock, Randomness
from cadenza.network.proxies import ProxyChoice
from cadenza.network.stream_connection import StreamConnection
from cadenza.network.stream_events import (
    NotReady,
    Received,
    StreamClosed,
    StreamLimits,
    StreamLive,
    StreamLost,
    StreamTarget,
)
from cadenza.network.subscriptions import GrantResult, Grants
from cadenza.network.websocket import ReconnectingWebSocket

NAMES_PER_REQUEST_MAX = 100
"""Names in one subscription. Venues limit messages, and not the names in one."""

GRANT_MS_MAX = 3_000
"""The venue acknowledges a subscription within this time, or it is asked again."""

EVENTS_HELD_MAX, BYTES_HELD_MAX = 10_000, 32 * 1024 * 1024
"""What is kept of a connection that is not live yet. One that brings more has to subscribe again once it is live."""

EVENTS_PER_TURN_MAX = 500
SEND_MS_MAX = 5_000

SendFrame = Callable[[str, int], Awaitable[SendOutcome]]

_MESSAGES = MeterKey("messages", "")


EventData = Any
"""What a venue's wire makes of an event, and its channels read: as a rule the payload, as it came. What is between them
only hands it on."""


@dataclass(frozen=True, slots=True)
class MarketEvent:
    """An event of the stream of this name."""

    name: str
    data: EventData


@dataclass(frozen=True, slots=True, kw_only=True)
class SubscriptionReply:
    """The answer to a request: granted, or refused for a `refusal`. It names the request by `id`, or the streams by
    `names`; a venue that names only one of them leaves the other out.

    Without `names` it is about the request as a whole, and no other answer follows. With no name in `names`, one stream
    of the request is refused, the venue does not say which one, and it answers the others by themselves."""

    id: int | None = None
    names: tuple[str, ...] | None = None
    refusal: str | None = None


@dataclass(frozen=True, slots=True)
class GoingDown:
    """The venue says that it will end this connection."""


@dataclass(frozen=True, slots=True)
class MessagesMissing:
    """Messages of this connection are missing, or must not be trusted: each of its streams may lack something."""

    reason: str


@dataclass(frozen=True, slots=True)
class ReplyWanted:
    """The venue wants this text back, or it takes us for gone."""

    text: str


MarketWord = MarketEvent | SubscriptionReply | GoingDown | MessagesMissing | ReplyWanted | None
"""What a message is; None for one that says nothing."""


class MarketStreamWire(Protocol):
    """How a venue's public streams are spoken to, on one connection. Pure."""

    def requests(self, id: int, names: Sequence[str], *, is_wanted: bool) -> Sequence[str]:
        """Return the messages that subscribe to streams, or unsubscribe from them. `id` is theirs, where the venue
        repeats it in its answers."""

    def read(self, data: bytes) -> MarketWord:
        """Raises `UnreadablePayload`."""


@dataclass(frozen=True, slots=True)
class MarketStreamRoute:
    """An address of combined streams. `messages` are the limits of what we ask for on a connection; a venue that counts
    pings and pongs as well allows more than that. `opening` is sent first on each connection."""

    url: str
    streams_max: int
    messages: tuple[WindowLimit, ...]
    opening: tuple[str, ...] = ()


class MarketStreamListener(Protocol):
    """Takes what a connection delivers. No method blocks.

    Law: events are those of live connections, and between `on_granted` and `on_lost` of a name no event of its stream
    is missing. What a connection brought before it was live comes as soon as it is; after a renewal that may be what
    the connection before it has delivered already."""

    def on_granted(self, names: frozenset[str]) -> None: ...

    def on_lost(self, names: frozenset[str], cause: str) -> None: ...

    def on_refused(self, name: str, reason: str) -> None: ...

    def on_event(self, name: str, data: EventData, connection: int, now_ms: int) -> None: ...

    def on_unreadable(self, reason: str) -> None: ...


class _Request:
    """A request for streams on a connection, and how the venue has answered it so far."""

    def __init__(self, id: int, connection: int, names: Sequence[str]) -> None:
        self.id = id
        self.names = names
        self.grants = Grants(names)
        self.unnamed = 0
        """How many of its streams the venue refused without a word about which."""
        self._connection = connection

    def is_answered_by(self, reply: SubscriptionReply, connection: int) -> bool:
        """Whether a reply on a connection is about it. One without an id is about the request that asks for its
        streams."""
        if connection != self._connection:
            return False
        if reply.id is not None:
            return reply.id == self.id
        return not reply.names or any(name in self.names for name in reply.names)

    def take(self, reply: SubscriptionReply) -> None:
        """Take an answer. A refusal is about the streams that it names; one that names none is about the stream of a
        request that has only one."""
        own = [name for name in self.names if reply.names is None or name in reply.names]
        if reply.refusal is None:
            self.grants.grant(*own)
        elif len(self.names) == 1 or (own and reply.names is not None):
            for name in own or self.names:
                self.grants.refuse(name, reply.refusal)
        else:
            self.unnamed += len(self.names) if reply.names is None else 1
        if self.unnamed >= len(self.grants.result().unanswered):
            self.grants.end()


@dataclass(slots=True)
class _HeldEvents:
    """What a connection has brought that is not live yet: each event with its instant."""

    connection: int = 0
    events: list[tuple[MarketEvent, int]] = field(default_factory=list)
    bytes: int = 0


class MarketStream:
    """Keeps one connection with the streams that are wanted, within the limit of its route.

    A name that is wanted while the connection stands is subscribed to by a message; after a reconnect or a renewal all
    of them are. A name that the venue does not acknowledge is asked for again; one that it refuses is reported, and not
    asked for again before it is wanted again. A refusal that does not say which streams it is about touches none: those
    that stay unanswered are asked for one by one. When messages are missing, all streams are lost at once, and are
    subscribed to again.
    """

    def __init__(
        self,
        route: MarketStreamRoute,
        wire: Callable[[], MarketStreamWire],
        listener: MarketStreamListener,
        *,
        clock: PatientClock,
        randomness: Randomness,
        tls: SSLContext,
        connects: ConnectPace,
        proxies: ProxyChoice | None = None,
        limits: StreamLimits,
    ) -> None:
        """`wire` makes what speaks to one connection."""
        self._route = route
        self._make_wire = wire
        self._wires: dict[int, MarketStreamWire] = {}
        self._listener = listener
        self._clock = clock
        self._connects = connects
        self._pacer = Pacer({_MESSAGES.kind: route.messages}, clock=clock)
        self._wanted: dict[str, None] = {}
        self._refused: set[str] = set()
        self._alone: dict[str, None] = {}
        """Names that are asked for by requests of their own: the venue refused others with them, or them."""
        self._again: set[str] = set()
        self._granted: frozenset[str] = frozenset()
        self._prepared: dict[int, frozenset[str]] = {}
        self._live: int | None = None
        self._live_last = 0
        """The last connection that was live."""
        self._held = _HeldEvents()
        self._untrusted: set[int] = set()
        """Connections that are not live yet, and whose messages are missing."""
        self._losses = 0
        """How often messages of a live connection were missing."""
        self._pending: dict[int, _Request] = {}
        self._ids = count(1)
        self._changed = asyncio.Event()
        self._socket = ReconnectingWebSocket(
            target=self._target,
            prepare=self._prepare,
            clock=clock,
            randomness=randomness,
            tls=tls,
            proxies=proxies,
            limits=limits,
        )
        self.cause = "the stream is not connected yet"
        """Why the stream was not live when it last was not."""

    @property
    def is_live(self) -> bool:
        return self._live is not None

    @property
    def room(self) -> int:
        """How many more names can be wanted."""
        return self._route.streams_max - len(self._wanted)

    @property
    def is_empty(self) -> bool:
        return not self._wanted

    def want(self, names: Iterable[str]) -> None:
        """Subscribe to these streams, now and after each reconnect."""
        asked = frozenset(names)
        self._wanted.update(dict.fromkeys(sorted(asked)))
        self._refused -= asked
        if stands := asked & self._granted:  # dropped a moment ago, and not unsubscribed from yet
            self._listener.on_granted(stands)
        self._changed.set()

    def want_again(self, names: Iterable[str]) -> None:
        """Unsubscribe from streams that are granted, and subscribe again: a venue that sends a snapshot with each
        subscription sends another one."""
        self._again |= set(names) & self._granted & self._wanted.keys()
        self._changed.set()

    def drop(self, names: Iterable[str]) -> None:
        """Unsubscribe from these streams. Events that are on their way may still come."""
        for name in names:
            self._wanted.pop(name, None)
            self._alone.pop(name, None)
            self._refused.discard(name)
        self._changed.set()

    def close(self) -> None:
        """End the stream: `run` returns."""
        self._socket.close()

    async def run(self) -> None:
        """Keep the connection until `close` is called or this is cancelled. All streams are lost then."""
        tasks = [asyncio.create_task(work) for work in (self._socket.run(), self._read(), self._keep_subscribed())]
        try:
            await asyncio.wait(tasks[:2], return_when=asyncio.FIRST_EXCEPTION)
        finally:
            for task in tasks:
                task.cancel()
            results = await asyncio.gather(*tasks, return_exceptions=True)
            self._pacer.close()
            self._lost("the stream was closed")
        for result in results:
            if isinstance(result, Exception):
                raise result

    # --- connecting

    async def _target(self) -> StreamTarget:
        return StreamTarget(self._route.url, turn=await self._connects.turn("market"))

    async def _prepare(self, connection: StreamConnection) -> None:
        """Subscribe on a new connection, before it is live."""
        for text in self._route.opening:
            if not isinstance(await connection.send(text, self._clock.monotonic_ms() + SEND_MS_MAX), Sent):
                raise NotReady("the connection could not be opened for messages")
        names = [name for name in self._wanted if name not in self._refused and name not in self._alone]
        granted: frozenset[str] = frozenset()
        for batch in _batches(names):
            granted |= (await self._ask(batch, connection.send, connection.number)).granted
        if names and not any(name in granted or name in self._refused or name in self._alone for name in names):
            raise NotReady("the venue acknowledged no subscription")
        self._prepared[connection.number] = granted

    async def _keep_subscribed(self) -> None:
        """Bring the subscriptions of the live connection in line with what is wanted."""
        while True:
            await self._changed.wait()
            self._changed.clear()
            live = self._live
            if live is None:
                continue
            again, self._again = self._again & self._granted, set()
            surplus = [name for name in self._granted if name not in self._wanted or name in again]
            for batch in _batches(surplus):
                self._granted -= frozenset(batch)
                await self._ask(batch, self._socket.send, live, is_wanted=False)
            missing = [name for name in self._wanted if name not in self._granted and name not in self._refused]
            for batch in self._requests(missing):
                losses = self._losses
                result = await self._ask(batch, self._socket.send, live)
                if live != self._live:
                    break  # another connection has begun meanwhile, with subscriptions of its own
                self._granted |= result.granted
                if losses != self._losses:  # they may have begun before that, so they begin again
                    self._again |= result.granted
                    self._changed.set()
                elif still_wanted := result.granted & self._wanted.keys():
                    self._listener.on_granted(frozenset(still_wanted))
                if len(batch) == 1 and result.unanswered & self._alone.keys():
                    break  # others that are asked for alone would hold up what is asked for next as long
            if any(name not in self._granted and name not in self._refused for name in self._wanted):
                await self._clock.sleep_ms(1_000)
                self._changed.set()

    def _requests(self, names: Sequence[str]) -> Sequence[Sequence[str]]:
        """Return the names as requests ask for them."""
        together = [name for name in names if name not in self._alone]
        return [*_batches(together), *([name] for name in self._alone if name in names)]

    async def _ask(
        self, names: Sequence[str], send: SendFrame, connection: int, *, is_wanted: bool = True
    ) -> GrantResult:
        """Ask on a connection, and return what was answered within `GRANT_MS_MAX`."""
        request = _Request(next(self._ids), connection, names)
        self._pending[request.id] = request
        try:
            by_ms = self._clock.monotonic_ms() + SEND_MS_MAX
            texts = self._wire_of(connection).requests(request.id, names, is_wanted=is_wanted)
            ticket = await self._pacer.acquire("market", {_MESSAGES: len(texts)}, deadline_ms=by_ms)
            if isinstance(ticket, PaceRefusal):
                return request.grants.result()
            with ticket:
                for text in texts:
                    if not isinstance(await send(text, by_ms), Sent):
                        return request.grants.result()
            result = await request.grants.wait(self._clock, GRANT_MS_MAX)
        finally:
            del self._pending[request.id]
        if is_wanted:
            self._note(request, result)
        return result

    def _note(self, request: _Request, result: GrantResult) -> None:
        """Report what was refused, and remember how the rest is asked for."""
        for name in request.names:
            if name not in self._wanted:
                continue
            if name in result.unanswered:
                if request.unnamed or name in self._alone:
                    self._alone.pop(name, None)  # it is the last one of them now
                    self._alone[name] = None
                continue
            self._alone.pop(name, None)
            if name in result.refused:
                self._refused.add(name)
                self._listener.on_refused(name, result.refused[name])

    # --- reading

    async def _read(self) -> None:
        while True:
            for event in await self._socket.take(EVENTS_PER_TURN_MAX):
                match event:
                    case Received():
                        await self._received(event)
                    case StreamLive():
                        await self._is_live(event)
                    case StreamLost():
                        self._lost(f"{event.cause.value} {event.detail}".strip())
                    case StreamClosed():
                        return
            await asyncio.sleep(0)  # a busy stream leaves room for others

    async def _received(self, event: Received) -> None:
        try:
            word = self._wire_of(event.connection).read(event.data)
        except UnreadablePayload as error:
            self._listener.on_unreadable(str(error))
            return
        match word:
            case MarketEvent(name=name, data=data) if event.connection == self._live:
                self._listener.on_event(name, data, event.connection, event.at_ms)
            case MarketEvent() if event.connection > self._live_last:
                self._hold(word, event)
            case SubscriptionReply():
                for request in self._pending.values():
                    if request.is_answered_by(word, event.connection):
                        request.take(word)
            case GoingDown() if event.connection == self._live:
                self._socket.renew()
            case MessagesMissing(reason=reason):
                self._begin_again(event.connection, reason)
            case ReplyWanted(text=text):  # on another connection than the live one the venue asks in vain, and ends it
                await self._socket.send(text, self._clock.monotonic_ms() + SEND_MS_MAX)

    def _hold(self, word: MarketEvent, event: Received) -> None:
        """Keep an event until its connection is live. Should that never be, nobody hears of it."""
        if event.connection in self._untrusted:
            return
        if self._held.connection != event.connection:
            self._held = _HeldEvents(event.connection)
        self._held.events.append((word, event.at_ms))
        self._held.bytes += len(event.data)
        if len(self._held.events) > EVENTS_HELD_MAX or self._held.bytes > BYTES_HELD_MAX:
            self._begin_again(event.connection, "too much came before the streams were subscribed to")

    async def _is_live(self, event: StreamLive) -> None:
        before, now = self._granted, self._prepared.pop(event.connection, frozenset())
        held, self._held = self._held, _HeldEvents()
        self._live, self._live_last, self._granted = event.connection, event.connection, now
        self._prepared = {number: names for number, names in self._prepared.items() if number > event.connection}
        if event.replaced is not None:
            if gone := before - now:
                self._listener.on_lost(gone, "the stream was not granted again")
            now -= before
        if held.connection == event.connection:
            await self._deliver(held)
        if begun := now & self._granted & self._wanted.keys():
            self._listener.on_granted(begun)
        self._changed.set()

        if event.connection in self._untrusted:
            self._begin_again(event.connection, "messages were missing while the streams were subscribed to")
        self._untrusted = {number for number in self._untrusted if number > event.connection}

    async def _deliver(self, held: _HeldEvents) -> None:
        for number, (word, at_ms) in enumerate(held.events, 1):
            self._listener.on_event(word.name, word.data, held.connection, at_ms)
            if number % EVENTS_PER_TURN_MAX == 0:
                await asyncio.sleep(0)

    def _begin_again(self, connection: int, reason: str) -> None:
        """Report all streams of the live connection as lost, and subscribe to them again."""
        if connection != self._live:
            self._untrusted.add(connection)
            self._held = _HeldEvents()
            return
        self._losses += 1
        being_asked = {name for request in self._pending.values() for name in request.names}
        lost = frozenset((self._granted - self._again) | being_asked)
        self._again |= self._granted
        if lost:
            self._listener.on_lost(lost, reason)
        self._changed.set()

    def _wire_of(self, connection: int) -> MarketStreamWire:
        """Return what speaks to a connection. Beside the live one there is at most one that takes its place."""
        wire = self._wires.get(connection)
        if wire is None:
            self._wires = {number: each for number, each in self._wires.items() if number == self._live}
            wire = self._wires[connection] = self._make_wire()
        return wire

    def _lost(self, cause: str) -> None:
        self.cause = cause
        self._held = _HeldEvents()
        granted, self._granted, self._live = self._granted, frozenset(), None
        if granted:
            self._listener.on_lost(granted, cause)


def _batches(names: Sequence[str]) -> Iterable[Sequence[str]]:
    return (names[at : at + NAMES_PER_REQUEST_MAX] for at in range(0, len(names), NAMES_PER_REQUEST_MAX))
