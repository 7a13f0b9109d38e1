"""One connection of a venue's public streams: names are subscribed to on demand, and granted against asked."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
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
from cadenza.network.subscriptions import Grants
from cadenza.network.websocket import ReconnectingWebSocket

NAMES_PER_REQUEST_MAX = 100
"""Names in one subscription. Venues limit messages, and not the names in one."""

GRANT_MS_MAX = 3_000
"""The venue acknowledges a subscription within this time, or it is asked again."""

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
    `names`; a venue that names only one of them leaves the other out."""

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

    Law: between `on_granted` and `on_lost` of a name no event of its stream is missing. During a renewal two
    connections may deliver the same events."""

    def on_granted(self, names: frozenset[str]) -> None: ...

    def on_lost(self, names: frozenset[str], cause: str) -> None: ...

    def on_refused(self, name: str, reason: str) -> None: ...

    def on_event(self, name: str, data: EventData, connection: int, now_ms: int) -> None: ...

    def on_unreadable(self, reason: str) -> None: ...


class MarketStream:
    """Keeps one connection with the streams that are wanted, within the limit of its route.

    A name that is wanted while the connection stands is subscribed to by a message; after a reconnect or a renewal all
    of them are. A name that the venue does not acknowledge is asked for again; one that it refuses is reported, and not
    asked for again before it is wanted again. When messages are missing, all streams are lost at once, and are
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
        self._again: set[str] = set()
        self._granted: frozenset[str] = frozenset()
        self._prepared: dict[int, frozenset[str]] = {}
        self._live: int | None = None
        self._untrusted: set[int] = set()
        """Connections that are not live yet, and whose messages are missing."""
        self._losses = 0
        """How often messages of a live connection were missing."""
        self._pending: dict[int, tuple[Grants, Sequence[str]]] = {}
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
        names = [name for name in self._wanted if name not in self._refused]
        granted: frozenset[str] = frozenset()
        for batch in _batches(names):
            granted |= await self._ask(batch, connection.send, connection.number)
        if names and not granted:
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
            for batch in _batches(missing):
                losses = self._losses
                granted = await self._ask(batch, self._socket.send, live)
                if live != self._live:
                    break  # another connection has begun meanwhile, with subscriptions of its own
                self._granted |= granted
                if losses != self._losses:  # they may have begun before that, so they begin again
                    self._again |= granted
                    self._changed.set()
                    continue
                if still_wanted := granted & self._wanted.keys():
                    self._listener.on_granted(frozenset(still_wanted))
            if any(name not in self._granted and name not in self._refused for name in self._wanted):
                await self._clock.sleep_ms(1_000)
                self._changed.set()

    async def _ask(
        self, names: Sequence[str], send: SendFrame, connection: int, *, is_wanted: bool = True
    ) -> frozenset[str]:
        """Ask on a connection, and return what was granted within `GRANT_MS_MAX`."""
        id, grants = next(self._ids), Grants(names)
        self._pending[id] = grants, names
        try:
            by_ms = self._clock.monotonic_ms() + SEND_MS_MAX
            texts = self._wire_of(connection).requests(id, names, is_wanted=is_wanted)
            ticket = await self._pacer.acquire("market", {_MESSAGES: len(texts)}, deadline_ms=by_ms)
            if isinstance(ticket, PaceRefusal):
                return frozenset()
            with ticket:
                for text in texts:
                    if not isinstance(await send(text, by_ms), Sent):
                        return frozenset()
            result = await grants.wait(self._clock, GRANT_MS_MAX)
        finally:
            del self._pending[id]
        for name, reason in result.refused.items():
            self._refused.add(name)
            self._listener.on_refused(name, reason)
        return result.granted

    # --- reading

    async def _read(self) -> None:
        while True:
            for event in await self._socket.take(EVENTS_PER_TURN_MAX):
                match event:
                    case Received():
                        await self._received(event)
                    case StreamLive():
                        self._is_live(event)
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
            case MarketEvent(name=name, data=data):
                self._listener.on_event(name, data, event.connection, event.at_ms)
            case SubscriptionReply():
                self._replied(word)
            case GoingDown() if event.connection == self._live:
                self._socket.renew()
            case MessagesMissing(reason=reason):
                self._begin_again(event.connection, reason)
            case ReplyWanted(text=text):  # on another connection than the live one the venue asks in vain, and ends it
                await self._socket.send(text, self._clock.monotonic_ms() + SEND_MS_MAX)

    def _replied(self, reply: SubscriptionReply) -> None:
        """Take an answer. One that names no request is about every request that asks for its streams."""
        for id, (grants, asked) in self._pending.items():
            if reply.id is not None and reply.id != id:
                continue
            named = asked if reply.names is None else [name for name in reply.names if name in asked]
            if reply.refusal is None:
                grants.grant(*named)
                continue
            for name in named:
                grants.refuse(name, reply.refusal)

    def _is_live(self, event: StreamLive) -> None:
        before, now = self._granted, self._prepared.pop(event.connection, frozenset())
        self._live, self._granted = event.connection, now
        self._prepared = {number: names for number, names in self._prepared.items() if number > event.connection}
        if event.replaced is not None:
            if gone := before - now:
                self._listener.on_lost(gone, "the stream was not granted again")
            now -= before
        if begun := now & self._wanted.keys():
            self._listener.on_granted(frozenset(begun))
        self._changed.set()

        if event.connection in self._untrusted:
            self._begin_again(event.connection, "messages were missing while the streams were subscribed to")
        self._untrusted = {number for number in self._untrusted if number > event.connection}

    def _begin_again(self, connection: int, reason: str) -> None:
        """Report all streams of the live connection as lost, and subscribe to them again."""
        if connection != self._live:
            self._untrusted.add(connection)
            return
        self._losses += 1
        being_asked = {name for _, asked in self._pending.values() for name in asked}
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
        granted, self._granted, self._live = self._granted, frozenset(), None
        if granted:
            self._listener.on_lost(granted, cause)


def _batches(names: Sequence[str]) -> Iterable[Sequence[str]]:
    return (names[at : at + NAMES_PER_REQUEST_MAX] for at in range(0, len(names), NAMES_PER_REQUEST_MAX))
