"""The keys that a connector uses: each with its durable nonces, and the order in which its requests leave.

The venue takes a private request only if its nonce is larger than every nonce that it has seen from the key (10114
otherwise). A nonce here is an instant in microseconds, or one more than the last one where the clock does not go on.
"""

import asyncio
import heapq
import itertools
from dataclasses import dataclass, field
from hashlib import sha256
from types import TracebackType
from weakref import WeakValueDictionary

from cadenza.adapters.venues.bitfinex.credential import BitfinexSigner
from cadenza.domain.errors import CredentialRejected, DatabaseUnavailable, VenueUnavailable
from cadenza.ports.clock import Clock
from cadenza.ports.venue import VenueMemories, VenueMemory
from cadenza.ports.venue.memory import MemoryTakenOver

NONCE_MAX = 2**53 - 1
"""The venue takes no larger one."""

RESERVED_MS = 5_000
"""So much time of nonces is written to disk ahead, so that a key in use writes once in so long."""

OVERTAKE_MS = 1_000
"""A request that has had no answer for so long does not hold the others of its key up any longer. If one of them
overtakes it, the venue refuses it."""

WAITING_MAX = 2_000
"""Requests of one key that may wait for their turn."""

_COUNTER = "nonce"
_US_PER_MS = 1_000


class KeyTurn:
    """The right to send one request of a key, with its nonce. It ends with the context."""

    __slots__ = ("_key", "nonce")

    def __init__(self, order: "KeyOrder", nonce: int) -> None:
        self._order = order
        self.nonce = nonce

    def __enter__(self) -> "KeyTurn":
        return self

    def __exit__(
        self, type: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._order.end(self)


@dataclass(order=True, slots=True)
class _WaitingTurn:
    """Urgent ones are first, then those that came first."""

    is_later: bool
    number: int
    by_ms: int = field(compare=False)
    granted: asyncio.Future[bool] = field(compare=False)


class KeyOrder:
    """The requests of one key, in their order.

    Law: requests leave in the order of their nonces, one at a time: the next one leaves when the last one was answered,
    or after `OVERTAKE_MS`. Urgent ones leave before the others that wait. No nonce is given twice, and none is smaller
    than one that was given before, whatever restarts and whatever the clock does.
    """

    def __init__(self, api_key: str, memories: VenueMemories, clock: Clock) -> None:
        self.is_lost = False
        """Whether another process has begun to use the key. Nothing is sent with it from here then."""
        self._scope = f"nonces of {sha256(api_key.encode()).hexdigest()}"
        self._memories = memories
        self._clock = clock
        self._memory: VenueMemory | None = None
        self._last = 0
        self._reserved = 0
        self._holder: object | None = None
        """Whose turn it is: a `KeyTurn`, or a mark of one that does not have its nonce yet."""
        self._since_ms = 0
        self._waiting: list[_WaitingTurn] = []
        self._numbers = itertools.count()
        self._alarm: asyncio.Task[None] | None = None
        self._is_closed = False

    async def turn(self, by_ms: int, *, is_urgent: bool = False) -> KeyTurn | None:
        """Wait for the turn of a request, until `by_ms` (our monotonic clock) at most; None when there is none by then,
        when too many requests wait, or after `close`. Raises `VenueUnavailable` when the nonce cannot be written to
        disk, and `CredentialRejected` when another process has begun to use the key."""
        if not await self._granted(by_ms, is_urgent):
            return None
        try:
            turn = KeyTurn(self, await self._next_nonce())
        except BaseException:
            self._pass_on()
            raise
        self._holder, self._since_ms = turn, self._clock.monotonic_ms()
        self._watch()
        return turn

    def end(self, turn: KeyTurn) -> None:
        """The request of this turn was answered, or will not be."""
        if self._holder is turn:
            self._pass_on()

    def close(self) -> None:
        """Give no turn any more. Idempotent."""
        self._is_closed = True
        self._stop_alarm()
        for each in self._waiting:
            _settle(each, False)
        self._waiting.clear()

    # The order of sending

    async def _granted(self, by_ms: int, is_urgent: bool) -> bool:
        if self._is_closed or len(self._waiting) >= WAITING_MAX or self._clock.monotonic_ms() > by_ms:
            return False
        if self._holder is None:
            self._holder = object()
            return True
        granted: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        waiting = _WaitingTurn(not is_urgent, next(self._numbers), by_ms, granted)
        heapq.heappush(self._waiting, waiting)
        self._watch()
        try:
            return await granted
        except asyncio.CancelledError:
            if waiting in self._waiting:
                self._waiting.remove(waiting)
                heapq.heapify(self._waiting)
            elif granted.done() and not granted.cancelled() and granted.result():
                self._pass_on()  # it was its turn, and it was cancelled before it knew
            raise

    def _pass_on(self) -> None:
        """Give the turn to the next one. Those whose time is over are told."""
        self._stop_alarm()
        self._holder = None
        now_ms = self._clock.monotonic_ms()
        for late in [each for each in self._waiting if each.by_ms < now_ms]:
            self._waiting.remove(late)
            _settle(late, False)
        heapq.heapify(self._waiting)
        while self._waiting and self._holder is None:
            if _settle(heapq.heappop(self._waiting), True):
                self._holder = object()

    def _watch(self) -> None:
        """See to it that a request without an answer does not hold up those that wait."""
        if self._waiting and isinstance(self._holder, KeyTurn) and self._alarm is None:
            self._alarm = asyncio.create_task(self._overtake(self._holder))

    async def _overtake(self, turn: KeyTurn) -> None:
        await self._clock.sleep_ms(max(0, self._since_ms + OVERTAKE_MS - self._clock.monotonic_ms()))
        self._alarm = None
        self.end(turn)

    def _stop_alarm(self) -> None:
        alarm, self._alarm = self._alarm, None
        if alarm is not None:
            alarm.cancel()

    # Nonces

    async def _next_nonce(self) -> int:
        """Return the next nonce, once a restart can only go on after it."""
        if self.is_lost:
            raise CredentialRejected(_TAKEN)
        present_us = self._clock.now_ms() * _US_PER_MS
        try:
            if self._memory is None:
                memory = await self._memories.open(self._scope)
                self._last = self._reserved = await memory.next(_COUNTER, first=min(present_us, NONCE_MAX))
                self._memory = memory
            nonce = max(self._last + 1, present_us)
            if nonce > NONCE_MAX:
                raise VenueUnavailable(f"the clock shows an instant beyond the largest nonce of the venue, {NONCE_MAX}")
            if nonce > self._reserved:
                until = nonce + RESERVED_MS * _US_PER_MS
                await self._memory.advance(_COUNTER, until)
                self._reserved = until
        except MemoryTakenOver:
            self.is_lost = True
            raise CredentialRejected(_TAKEN) from None
        except DatabaseUnavailable as error:
            raise VenueUnavailable(f"a nonce cannot be kept: {error}") from error
        self._last = nonce
        return nonce


_TAKEN = "another process has begun to use the key"


@dataclass(frozen=True, slots=True)
class PrivateKey:
    """A credential, in use. Two with the same key share its order, whoever has them."""

    signer: BitfinexSigner
    order: KeyOrder

    async def turn(self, by_ms: int, *, is_urgent: bool = False) -> KeyTurn | None:
        """As `KeyOrder.turn`."""
        return await self.order.turn(by_ms, is_urgent=is_urgent)


class PrivateKeys:
    """The keys of one connector."""

    def __init__(self, memories: VenueMemories, clock: Clock) -> None:
        self._memories = memories
        self._clock = clock
        self._orders: WeakValueDictionary[str, KeyOrder] = WeakValueDictionary()
        self._is_closed = False

    def of(self, signer: BitfinexSigner) -> PrivateKey:
        """Return the key. One that another process has taken over is begun again."""
        order = self._orders.get(signer.api_key)
        if order is None or order.is_lost:
            order = self._orders[signer.api_key] = KeyOrder(signer.api_key, self._memories, self._clock)
        if self._is_closed:
            order.close()
        return PrivateKey(signer, order)

    def close(self) -> None:
        """Send nothing any more. Idempotent."""
        self._is_closed = True
        for order in list(self._orders.values()):
            order.close()


def _settle(waiting: _WaitingTurn, is_granted: bool) -> bool:
    """Return whether whoever waits still does."""
    if waiting.granted.done():
        return False
    waiting.granted.set_result(is_granted)
    return True
