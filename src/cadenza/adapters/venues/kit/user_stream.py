"""A session's stream of news: kept alive, read in order, with replies to its own requests."""

import asyncio
from collections.abc import Awaitable, Callable
from ssl import SSLContext
from typing import Generic, TypeVar

from cadenza.adapters.venues.kit.supervision import watch
from cadenza.network.patience import PatientClock, Randomness
from cadenza.network.proxies import ProxyChoice
from cadenza.network.stream_connection import StreamConnection
from cadenza.network.stream_events import Received, StreamClosed, StreamLimits, StreamLive, StreamLost, StreamTarget
from cadenza.network.websocket import ReconnectingWebSocket

R = TypeVar("R")
EVENTS_PER_TURN_MAX = 500


class PendingReplies(Generic[R]):
    """Requests over a stream whose replies are awaited, by their ids."""

    def __init__(self) -> None:
        self._waiting: dict[str, asyncio.Future[R]] = {}

    def expect(self, id: str) -> asyncio.Future[R]:
        """Return what becomes the reply to the request with this id."""
        reply: asyncio.Future[R] = asyncio.get_running_loop().create_future()
        self._waiting[id] = reply
        reply.add_done_callback(lambda _: self._waiting.pop(id, None))
        return reply

    def resolve(self, id: str, reply: R) -> None:
        """A reply has come. One that nobody expects changes nothing."""
        waiting = self._waiting.get(id)
        if waiting is not None and not waiting.done():
            waiting.set_result(reply)


class UserStream:
    """Keeps a stream alive and hands its messages to `take`, one after another, in the order of the venue.

    `target` and `subscribe` are those of `ReconnectingWebSocket`. Law: `on_live` and `on_lost` are called in the order
    of what happened, between the messages of before and after. While `take` waits, nothing more is read. After an error
    that nobody expects, of the stream or of one of these functions, the stream has stopped: it is logged, and `failed`
    is called with the cause.
    """

    def __init__(
        self,
        *,
        name: str,
        target: Callable[[], Awaitable[StreamTarget]],
        subscribe: Callable[[StreamConnection], Awaitable[None]],
        take: Callable[[bytes], Awaitable[None]],
        on_live: Callable[[], None],
        on_lost: Callable[[StreamLost], None],
        failed: Callable[[str], None],
        clock: PatientClock,
        randomness: Randomness,
        tls: SSLContext,
        proxies: ProxyChoice,
        limits: StreamLimits,
    ) -> None:
        self._name = name
        self._owner_target = target
        self._subscribe = subscribe
        self._take = take
        self._on_live = on_live
        self._on_lost = on_lost
        self._failed = failed
        self._connection: StreamConnection | None = None
        self._socket = ReconnectingWebSocket(
            target=self._target,
            prepare=self._prepare,
            clock=clock,
            randomness=randomness,
            tls=tls,
            proxies=proxies,
            limits=limits,
        )
        self._tasks: list[asyncio.Task[None]] = []
        self.is_busy = False
        """Whether messages were taken from the socket, and not all of them were handed on."""
        self.had_turn = asyncio.Event()
        """Set when the first connection may be opened, or its owner has said that it cannot: from then on the venue is
        waited for, and no longer our own pace."""

    def start(self) -> None:
        self._tasks = [
            asyncio.create_task(self._socket.run(), name=f"stream of {self._name}"),
            asyncio.create_task(self._read(), name=f"news of {self._name}"),
        ]
        for task in self._tasks:
            watch(task, self._failed)

    def reconnect(self) -> None:
        """End the present connection, so that another one is opened."""
        if self._connection is not None:
            self._connection.abort()

    async def close(self) -> None:
        """End the stream. Nothing is handed on afterwards. Idempotent."""
        tasks, self._tasks = self._tasks, []
        for task in reversed(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _target(self) -> StreamTarget:
        try:
            return await self._owner_target()
        finally:
            self.had_turn.set()

    async def _prepare(self, connection: StreamConnection) -> None:
        self._connection = connection
        await self._subscribe(connection)

    async def _read(self) -> None:
        while True:
            for event in await self._socket.take(EVENTS_PER_TURN_MAX):
                self.is_busy = True
                match event:
                    case Received():
                        await self._take(event.data)
                    case StreamLive():
                        self._on_live()
                    case StreamLost():
                        self._on_lost(event)
                    case StreamClosed():
                        return
            self.is_busy = False
