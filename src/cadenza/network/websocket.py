"""A WebSocket that comes back by itself and says when it was gone."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import nullcontext
from ssl import SSLContext

from cadenza.network.message_queue import MessageQueue
from cadenza.network.outcomes import NotSent, NotSentCause, SendOutcome
from cadenza.network.patience import PatientClock, Randomness
from cadenza.network.proxies import ProxyChoice
from cadenza.network.stream_connection import StreamConnection, StreamEnds, open_connection
from cadenza.network.stream_events import (
    LostCause,
    NotReady,
    StreamClosed,
    StreamEvent,
    StreamLimits,
    StreamLive,
    StreamLost,
    StreamTarget,
)


class ReconnectingWebSocket:
    """Keeps one stream alive over as many connections as that takes.

    `target` is asked before each connection, so an address with a token that ends, and the pace of connecting, are in
    the owner's hands. `prepare` gets the open connection and subscribes on it; the stream is live when it returns. Both
    may raise `NotReady`, after which the stream tries again; any other error ends `run` with that error.

    Law of `take`: events come in the order in which they happened. The messages of a connection lie between its
    opening and its end; those that came while `prepare` ran stand before its `StreamLive`, so the reader sees the
    replies to its subscriptions. Every `StreamLive` is followed by `StreamLost` or `StreamClosed` before the next one,
    except when the next one replaces it. `StreamClosed` is the last event. Nothing is dropped but what a lost
    connection had not delivered: when too much waits, the socket is not read.

    After a failure it pauses (exponentially, with full jitter) and tries again, for ever. A connection that was live
    for at least the longest pause starts the count again.
    """

    def __init__(
        self,
        *,
        target: Callable[[], Awaitable[StreamTarget]],
        prepare: Callable[[StreamConnection], Awaitable[None]],
        clock: PatientClock,
        randomness: Randomness,
        tls: SSLContext,
        proxies: ProxyChoice | None = None,
        limits: StreamLimits | None = None,
    ) -> None:
        self._target = target
        self._prepare = prepare
        self._clock = clock
        self._randomness = randomness
        self._limits = limits or StreamLimits()
        self._ends = StreamEnds(clock, tls, proxies or ProxyChoice(), self._limits)
        self._events: MessageQueue[StreamEvent] = MessageQueue(
            items_max=self._limits.waiting_items_max, bytes_max=self._limits.waiting_bytes_max
        )
        self._number = 0
        self._failures = 0
        self._live: StreamConnection | None = None
        self._connections: set[StreamConnection] = set()
        self._retiring: set[asyncio.Task[None]] = set()
        self._closing = asyncio.Event()
        self._renewal_asked = asyncio.Event()
        self.renewals_failed = 0
        """How many times a connection could not be renewed in time by another one. It is tried again."""

    @property
    def is_live(self) -> bool:
        return self._live is not None

    async def run(self) -> None:
        """Keep the stream alive until `close` is called or this is cancelled. Run it once, in a supervised task."""
        keeping = asyncio.create_task(self._keep())
        closing = asyncio.create_task(self._closing.wait())
        try:
            await asyncio.wait({keeping, closing}, return_when=asyncio.FIRST_COMPLETED)
            if keeping.done():
                keeping.result()
        finally:
            closing.cancel()
            keeping.cancel()
            await asyncio.gather(keeping, return_exceptions=True)
            await self._end_all()
            self._events.force(StreamClosed())

    async def take(self, events_max: int) -> list[StreamEvent]:
        """Wait for at least one event and return those that wait, at most `events_max`."""
        return await self._events.take(events_max)

    async def send(self, data: str | bytes, deadline_ms: int) -> SendOutcome:
        """Write one frame on the live connection. Nothing is kept for a later one: not live is `NOT_CONNECTED`."""
        if self._live is None:
            return NotSent(NotSentCause.NOT_CONNECTED)
        return await self._live.send(data, deadline_ms)

    def renew(self) -> None:
        """Replace the live connection now, as if it were too old: the server has said that it will close it."""
        self._renewal_asked.set()

    def close(self) -> None:
        """End the stream: `run` closes its connections and returns."""
        self._closing.set()

    async def _keep(self) -> None:
        while True:
            opened = await self._open()
            if isinstance(opened, StreamLost):
                self._failures += 1
                await self._events.put(opened)
            else:
                await self._go_live(opened, None)
                lost = await self._stay_live(opened)
                await self._events.put(lost)
                if lost.cause is LostCause.RENEWAL:
                    continue
                self._failures += 1
            await self._clock.sleep_ms(self._limits.pauses.after(self._failures, self._randomness))

    async def _stay_live(self, connection: StreamConnection) -> StreamLost:
        """Return how the stream was lost. Renewals by overlap happen in here."""
        live_since_ms = self._clock.monotonic_ms()
        while True:
            renewing = asyncio.create_task(self._renewed_in_time(connection))
            asked = asyncio.create_task(self._renewal_asked.wait())
            try:
                await asyncio.wait({connection.reading, renewing, asked}, return_when=asyncio.FIRST_COMPLETED)
                if not connection.reading.done() and not renewing.done():
                    await _discard(renewing)
                    renewing = asyncio.create_task(self._renewed(connection))
                    await asyncio.wait({connection.reading, renewing}, return_when=asyncio.FIRST_COMPLETED)
            finally:
                renewing.cancel()
                asked.cancel()
            if connection.reading.done():
                self._live = None
                if self._clock.monotonic_ms() - live_since_ms >= self._limits.pauses.most_ms:
                    self._failures = 0
                await _discard(renewing)
                return connection.reading.result()
            newer = renewing.result()
            await self._go_live(newer, connection.number)
            self._retire(connection)
            connection = newer

    async def _go_live(self, connection: StreamConnection, replaced: int | None) -> None:
        self._renewal_asked.clear()  # it was about the connection before
        await self._events.put(StreamLive(connection.number, replaced))
        self._live = connection

    async def _renewed_in_time(self, connection: StreamConnection) -> StreamConnection:
        """Return a connection to replace this one when it is too old."""
        if self._limits.renew_after_ms is None:
            await _for_ever()
        due_ms = connection.opened_ms + (self._limits.renew_after_ms or 0)
        await self._clock.sleep_ms(max(0, due_ms - self._clock.monotonic_ms()))
        return await self._renewed(connection)

    async def _renewed(self, connection: StreamConnection) -> StreamConnection:
        """Return a connection to replace this one. Without overlap this one is closed instead."""
        if not self._limits.is_renewed_by_overlap:
            self._live = None
            await connection.end(renewed=True)
            await _for_ever()  # its end is seen, and this is cancelled
        failures = 0
        while isinstance(newer := await self._open(), StreamLost):
            failures += 1
            self.renewals_failed += 1
            await self._clock.sleep_ms(self._limits.pauses.after(failures, self._randomness))
        return newer

    async def _open(self) -> StreamConnection | StreamLost:
        """Connect and prepare, for as long as the right to connect is held."""
        self._number += 1
        try:
            target = await self._target()
        except NotReady as error:
            return StreamLost(self._number, LostCause.NOT_READY, str(error))
        with target.turn or nullcontext():
            return await self._connected(target)

    async def _connected(self, target: StreamTarget) -> StreamConnection | StreamLost:
        """Whatever ends before it is live is closed here."""
        opened = await open_connection(self._number, target, self._ends, self._events)
        if isinstance(opened, StreamLost):
            return opened
        self._connections.add(opened)
        opened.reading.add_done_callback(lambda _: self._connections.discard(opened))
        preparing = asyncio.ensure_future(self._prepare(opened))
        try:
            limit_s = self._limits.prepare_ms / 1000
            await asyncio.wait({preparing, opened.reading}, timeout=limit_s, return_when=asyncio.FIRST_COMPLETED)
            if opened.reading.done():
                return opened.reading.result()
            if not preparing.done():
                raise NotReady(f"not prepared within {self._limits.prepare_ms} ms")
            preparing.result()
        except NotReady as error:
            await self._drop(opened)
            return StreamLost(opened.number, LostCause.NOT_READY, str(error))
        except BaseException:  # neither a cancel nor an owner's error may leave the connection open
            await self._drop(opened)
            raise
        finally:
            preparing.cancel()
        return opened

    def _retire(self, connection: StreamConnection) -> None:
        task = asyncio.create_task(connection.end())
        self._retiring.add(task)
        task.add_done_callback(self._retiring.discard)

    async def _drop(self, connection: StreamConnection) -> None:
        connection.abort()
        await asyncio.wait({connection.reading})

    async def _end_all(self) -> None:
        self._live = None
        for connection in self._connections:
            self._retire(connection)
        if self._retiring:
            await asyncio.wait(set(self._retiring))


async def _for_ever() -> None:
    await asyncio.get_running_loop().create_future()


async def _discard(renewing: "asyncio.Task[StreamConnection]") -> None:
    """A renewal that was overtaken: whatever it opened is closed."""
    renewing.cancel()
    await asyncio.wait({renewing})
    if not renewing.cancelled() and renewing.exception() is None:
        await renewing.result().end()
