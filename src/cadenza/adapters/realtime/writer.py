"""What waits for one client, and the turn in which all of it is written.

Everything that is sent to a connection during one turn of the event loop goes out as one frame, in one write: lines
joined by newlines. Most of what a message costs is the kernel's price of a write, so the speed comes from here.
"""

from collections import deque
from collections.abc import Callable

from cadenza.adapters.realtime.transport import Transport

FRAME_BYTES_TARGET = 65_536
"""What waits is split into frames of about this size; a line is never split. Clients limit frames to 1 MiB or more."""

WRITES_PER_TURN_MAX = 256
"""Writes in one turn of the event loop; the rest waits for the next, so that orders do not wait for publications."""


class Writer:
    """The queue of one connection. Law: never a blank line; never more than `queue_bytes_max` waiting.

    When the client does not read (`block`), lines wait; of each book and of each account's portfolio only the newest
    waits. When more than the limit waits, what waits is dropped and `on_overflow` is called.
    """

    __slots__ = (
        "_bytes_max",
        "_flusher",
        "_is_blocked",
        "_newest",
        "_on_overflow",
        "_queue",
        "_queued_bytes",
        "_transport",
    )

    def __init__(
        self, transport: Transport, flusher: "Flusher", *, queue_bytes_max: int, on_overflow: Callable[[], None]
    ) -> None:
        self._transport = transport
        self._flusher = flusher
        self._bytes_max = queue_bytes_max
        self._on_overflow = on_overflow
        self._queue: list[bytes] = []
        self._queued_bytes = 0
        self._newest: dict[str, bytes] | None = None
        self._is_blocked = False

    @property
    def queued_bytes(self) -> int:
        return self._queued_bytes

    @property
    def is_blocked(self) -> bool:
        """Whether the client does not read."""
        return self._is_blocked

    def append(self, lines: bytes) -> None:
        """Send one line, or several that are joined already."""
        if not self._queue and not self._is_blocked:
            self._flusher.add(self)
        self._queue.append(lines)
        self._queued_bytes += len(lines)
        if self._is_blocked:
            self._check()

    def append_newest(self, channel: str, lines: bytes) -> None:
        """Send a view: it replaces an earlier one of the channel that still waits."""
        if not self._is_blocked:
            self.append(lines)
            return
        if self._newest is None:
            self._newest = {}
        self._queued_bytes += len(lines) - len(self._newest.get(channel, b""))
        self._newest[channel] = lines
        self._check()

    def forget_newest(self, channel: str) -> None:
        """Drop the view of a channel that waits; its subscriber has left."""
        if self._newest:
            self._queued_bytes -= len(self._newest.pop(channel, b""))

    def flush(self) -> None:
        """Write what waits, as far as the transport takes it."""
        queue = self._queue
        if self._is_blocked or not queue:
            return
        if len(queue) == 1:
            payload = queue[0]
            queue.clear()
            self._queued_bytes = 0
            self._send(payload)
        elif self._queued_bytes <= FRAME_BYTES_TARGET:
            payload = b"\n".join(queue)
            queue.clear()
            self._queued_bytes = 0
            self._send(payload)
        else:
            self._flush_in_parts()

    def block(self) -> None:
        """Note that the client does not read."""
        self._is_blocked = True

    def unblock(self) -> None:
        """Note that it reads again."""
        self._is_blocked = False
        if self._newest:
            self._queue.extend(self._newest.values())
            self._newest = None
        if self._queue:
            self._flusher.add(self)

    def drop(self) -> None:
        """Forget what waits."""
        self._queue.clear()
        self._newest = None
        self._queued_bytes = 0

    def _flush_in_parts(self) -> None:
        waiting = self._queue
        taken = 0
        while taken < len(waiting) and not self._is_blocked:
            begin, size = taken, 0
            while taken < len(waiting) and (size == 0 or size + len(waiting[taken]) <= FRAME_BYTES_TARGET):
                size += len(waiting[taken])
                taken += 1
            self._queued_bytes -= size
            self._send(b"\n".join(waiting[begin:taken]))
        del waiting[:taken]
        if self._is_blocked:
            self._check()

    def _send(self, payload: bytes) -> None:
        self._flusher.bytes_total += len(payload)
        self._flusher.writes_total += 1
        self._transport.send(payload)

    def _check(self) -> None:
        if self._queued_bytes > self._bytes_max:
            self.drop()
            self._on_overflow()


class Flusher:
    """Writes what waits once per turn of the event loop: `deliver` hands publications to writers, then they write."""

    def __init__(self, *, call_soon: Callable[[Callable[[], None]], object], deliver: Callable[[], None]) -> None:
        self._call_soon = call_soon
        self._deliver = deliver
        self._waiting: deque[Writer] = deque()
        self._is_scheduled = False
        self.bytes_total = 0
        self.writes_total = 0

    def add(self, writer: Writer) -> None:
        """Have the writer write in the coming turn."""
        self._waiting.append(writer)
        if not self._is_scheduled:
            self.schedule()

    def schedule(self) -> None:
        """Have a turn soon."""
        if not self._is_scheduled:
            self._is_scheduled = True
            self._call_soon(self._turn)

    def _turn(self) -> None:
        waiting = self._waiting
        try:
            self._deliver()
            count = min(len(waiting), WRITES_PER_TURN_MAX)
            for _ in range(count):
                waiting.popleft().flush()
        finally:  # a defect costs one writer its turn, not all of them all turns to come
            self._is_scheduled = False
            if waiting:
                self.schedule()
