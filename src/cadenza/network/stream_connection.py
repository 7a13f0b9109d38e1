"""One WebSocket connection: opening, reading, watching, sending, ending."""

import asyncio
from dataclasses import dataclass
from ssl import SSLContext
from typing import Literal

from aiohttp import (
    ClientError,
    ClientResponse,
    ClientSession,
    ClientTimeout,
    ClientWebSocketResponse,
    DummyCookieJar,
    TCPConnector,
    ThreadedResolver,
    WSCloseCode,
    WSMsgType,
    WSServerHandshakeError,
)
from yarl import URL

from cadenza.network.aiohttp_watch import (
    Attempt,
    ConnectionUnusable,
    WatchedRequest,
    WouldSendAgain,
    detail_of,
    watching,
)
from cadenza.network.gate import CallGate, Entry
from cadenza.network.message_queue import MessageQueue
from cadenza.network.outcomes import NotSent, NotSentCause, OutcomeUnknown, SendOutcome, Sent, UnknownCause
from cadenza.network.patience import PatientClock
from cadenza.network.proxies import ProxyChoice
from cadenza.network.stream_events import LostCause, Received, StreamEvent, StreamLimits, StreamLost, StreamTarget


@dataclass(frozen=True, slots=True)
class StreamEnds:
    """What every connection of a stream shares."""

    clock: PatientClock
    tls: SSLContext
    proxies: ProxyChoice
    limits: StreamLimits


class StreamConnection:
    """An open connection. `reading` ends when the connection does, with the event that says why; it raises nothing."""

    def __init__(
        self,
        number: int,
        ends: StreamEnds,
        session: ClientSession,
        socket: ClientWebSocketResponse[Literal[False]],
        transport: asyncio.Transport,
        handshake: ClientResponse,
        events: MessageQueue[StreamEvent],
    ) -> None:
        self.number = number
        self._clock = ends.clock
        self._limits = ends.limits
        self._pong = None if ends.limits.pong_text is None else ends.limits.pong_text.encode()
        self._session = session
        self._socket = socket
        self._transport = transport
        self._handshake = handshake
        self._events = events
        self._gate = CallGate(inside_max=1, waiting_max=ends.limits.sends_waiting_max)
        self.opened_ms = self._heard_ms = self._message_ms = ends.clock.monotonic_ms()
        self._is_held = False
        self._said_goodbye = False
        self._lost: StreamLost | None = None
        self.reading = asyncio.create_task(self._read())

    async def send(self, data: str | bytes, deadline_ms: int) -> SendOutcome:
        """Write one frame. `Sent` says that all of it was handed to the connection while that was open."""
        remaining_ms = deadline_ms - self._clock.monotonic_ms()
        if remaining_ms <= 0:
            return NotSent(NotSentCause.DEADLINE)
        has_left = False
        scope = asyncio.timeout(remaining_ms / 1000)
        try:
            async with scope:
                entry = await self._gate.enter()
                if entry is not Entry.IN:
                    return NotSent(NotSentCause.FULL if entry is Entry.FULL else NotSentCause.NOT_CONNECTED)
                try:
                    if self._said_goodbye or self._socket.closed or self._transport.is_closing():
                        return NotSent(NotSentCause.NOT_CONNECTED)
                    if self._transport.get_write_buffer_size() > self._limits.unsent_bytes_max:
                        return NotSent(NotSentCause.FULL)
                    has_left = True
                    await self._write(data)
                    return Sent()
                finally:
                    self._gate.leave()
        except TimeoutError:
            return OutcomeUnknown(UnknownCause.DEADLINE) if has_left else NotSent(NotSentCause.DEADLINE)
        except (ClientError, OSError) as error:
            return OutcomeUnknown(UnknownCause.DISCONNECTED, detail_of(error))

    async def end(self, *, renewed: bool = False) -> None:
        """Send a close frame and wait for the server's, for at most `closing_ms`. What the server sends before that is
        delivered."""
        if renewed:
            self._lose(LostCause.RENEWAL)
        try:
            async with asyncio.timeout(self._limits.closing_ms / 1000):
                await self._say_goodbye()
                await asyncio.shield(self.reading)
        except (TimeoutError, ClientError, OSError):
            self.abort()
            await self.reading

    def abort(self) -> None:
        """End the connection at once. Messages that were not delivered are dropped."""
        self.reading.cancel()

    async def _write(self, data: str | bytes) -> None:
        await (self._socket.send_str(data) if isinstance(data, str) else self._socket.send_bytes(data))

    async def _read(self) -> StreamLost:
        beside = [asyncio.create_task(self._watch()), asyncio.create_task(self._ping())]
        try:
            await self._read_to_the_end()
        except asyncio.CancelledError:
            self._lose(LostCause.DISCONNECTED, "ended by this side")
        except (TimeoutError, ClientError, OSError) as error:
            self._lose(LostCause.DISCONNECTED, detail_of(error))
        finally:
            for task in beside:
                task.cancel()
            self._gate.close()
            self._transport.abort()
            self._handshake.close()  # a connection that is collected without that is logged as unclosed
            await self._session.close()
        assert self._lost is not None
        return self._lost

    async def _read_to_the_end(self) -> None:
        while True:
            message = await self._socket.receive()
            self._heard_ms = self._clock.monotonic_ms()
            if message.type is WSMsgType.TEXT and message.data == self._pong:
                continue
            if message.type is WSMsgType.TEXT or message.type is WSMsgType.BINARY:
                received = Received(self.number, message.data, message.type is WSMsgType.TEXT, self._heard_ms)
                self._message_ms = self._heard_ms
                if not self._events.offer(received, len(message.data)):
                    await self._wait_for_room(received)
            elif message.type is WSMsgType.PING:
                await self._socket.pong(message.data)
            elif message.type is not WSMsgType.PONG:
                self._lose(*_ending(message.type, message.data, message.extra))
                if message.type is WSMsgType.CLOSE:
                    await self._say_goodbye()
                    # Closed, not aborted, so that the reply leaves; the abort that follows ends what does not.
                    await asyncio.wait_for(self._session.close(), self._limits.closing_ms / 1000)
                return

    async def _say_goodbye(self) -> None:
        """aiohttp's own way of closing throws away what the server still sends, and waits 10 s for a second frame when
        the first had no code."""
        if not self._said_goodbye and not self._transport.is_closing():
            self._said_goodbye = True
            await self._socket.send_frame(WSCloseCode.OK.to_bytes(2, "big"), WSMsgType.CLOSE)

    async def _wait_for_room(self, received: Received) -> None:
        self._is_held = True
        await self._events.put(received, len(received.data))
        self._is_held = False
        self._heard_ms = self._message_ms = self._clock.monotonic_ms()

    async def _watch(self) -> None:
        """End the connection when it has been silent for too long."""
        while True:
            now_ms = self._clock.monotonic_ms()
            if self._is_held:
                self._heard_ms = self._message_ms = now_ms
            silent_from_ms = self._heard_ms + self._limits.silence_ms
            if self._limits.message_silence_ms is not None:
                silent_from_ms = min(silent_from_ms, self._message_ms + self._limits.message_silence_ms)
            if now_ms > silent_from_ms:
                self._lose(LostCause.SILENCE)
                self._transport.abort()
                return
            await self._clock.sleep_ms(silent_from_ms + 1 - now_ms)

    async def _ping(self) -> None:
        while True:
            await self._clock.sleep_ms(self._limits.ping_ms)
            try:
                await self._socket.ping()
                if self._limits.ping_text is not None:
                    await self._write(self._limits.ping_text)
            except (ClientError, OSError) as error:
                self._lose(LostCause.DISCONNECTED, detail_of(error))
                self._transport.abort()
                return

    def _lose(self, cause: LostCause, detail: str = "") -> None:
        """Keep the first cause: those that follow are its consequences."""
        if self._lost is None:
            self._lost = StreamLost(self.number, cause, detail)


async def open_connection(
    number: int, target: StreamTarget, ends: StreamEnds, events: MessageQueue[StreamEvent]
) -> StreamConnection | StreamLost:
    """Connect and shake hands within `connect_ms`. Messages go to `events`; while that is full, nothing is read."""
    attempt = Attempt()
    session = ClientSession(
        connector=TCPConnector(ssl=ends.tls, resolver=ThreadedResolver()),
        cookie_jar=DummyCookieJar(),
        request_class=WatchedRequest,
        middlewares=(watching(attempt),),
        timeout=ClientTimeout(total=None),
        headers={"User-Agent": "cadenza"},
        skip_auto_headers=["Accept", "Accept-Encoding"],
        trust_env=False,
    )
    try:
        async with asyncio.timeout(ends.limits.connect_ms / 1000):
            socket = await session.ws_connect(
                URL(target.url, encoded=True),
                headers=target.headers,
                proxy=ends.proxies.proxy_for(target.url),
                max_msg_size=ends.limits.message_bytes_max,
                autoping=False,
                autoclose=False,
                decode_text=False,
            )
        transport, handshake = attempt.transport, attempt.response
        if transport is not None and handshake is not None:
            return StreamConnection(number, ends, session, socket, transport, handshake, events)
        lost = StreamLost(number, LostCause.DISCONNECTED)
    except WSServerHandshakeError as error:
        headers = {name.lower(): value for name, value in (error.headers or {}).items()}
        lost = StreamLost(number, LostCause.HANDSHAKE, error.message, error.status, headers)
    except (TimeoutError, ClientError, OSError, WouldSendAgain, ConnectionUnusable) as error:
        lost = StreamLost(number, LostCause.CONNECT, detail_of(error))
    except BaseException:  # a cancelled connect must close its session too
        await session.close()
        raise
    await session.close()
    return lost


def _ending(kind: WSMsgType, data: object, extra: str | None) -> tuple[LostCause, str]:
    if kind is WSMsgType.CLOSE:
        return LostCause.PEER_CLOSED, f"{data} {extra or ''}".strip()
    if kind is WSMsgType.ERROR:
        return LostCause.UNREADABLE, str(data)
    return LostCause.DISCONNECTED, ""
