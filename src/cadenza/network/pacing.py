"""Calls leave at the pace that the other side allows."""

import asyncio
from collections.abc import Mapping, Sequence
from types import TracebackType

from cadenza.network.pace_queue import Charges, PaceQueue, PaceRefusal, PaceRefusalCause
from cadenza.network.pace_windows import MeterKey, WindowLimit
from cadenza.network.patience import PatientClock


class PaceTicket:
    """The right to send one call, now. Settle it when the call has ended, whatever its outcome; as a context manager
    it does that by itself. Until then the call counts as being under way."""

    def __init__(self, pacer: "Pacer", number: int) -> None:
        self._pacer = pacer
        self._number: int | None = number

    def settle(self, counted: Charges | None = None) -> None:
        """The call has ended. `counted` is what the other side counts for it where that differs from the charge, by
        meter. Only the first settling counts."""
        if self._number is not None:
            number, self._number = self._number, None
            self._pacer._settle(number, counted)

    def give_back(self) -> None:
        """The call was not sent: nothing is counted for it."""
        if self._number is not None:
            number, self._number = self._number, None
            self._pacer._give_back(number)

    def __enter__(self) -> "PaceTicket":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.settle()


class Pacer:
    """`PaceQueue` for tasks of one event loop: one object for all that share a limit, so all sessions of an address.

    Law: that of `PaceQueue`; besides, a caller that waits is woken as soon as it may leave, and a caller that is
    cancelled while it waits takes no room from anybody. `TokenBuckets` is something else: it turns callers of our own
    server away at once, one key at a time, and nobody waits there.
    """

    def __init__(
        self, limits: Mapping[str, Sequence[WindowLimit]], *, clock: PatientClock, waiting_max: int = 10_000
    ) -> None:
        """`waiting_max` is for each of the two lanes."""
        self._clock = clock
        self._queue = PaceQueue(limits, waiting_max=waiting_max)
        self._turns: dict[int, asyncio.Future[PaceTicket | PaceRefusal]] = {}
        self._timer: asyncio.Task[None] | None = None
        self._timer_ms = 0
        self._is_closed = False

    async def acquire(
        self, caller: str, charges: Charges, *, deadline_ms: int, is_urgent: bool = False
    ) -> PaceTicket | PaceRefusal:
        """Wait until a call with these charges may leave. Return at once when it cannot before `deadline_ms`, and after
        `close`."""
        if self._is_closed:
            return PaceRefusal(PaceRefusalCause.CLOSED, self._clock.monotonic_ms())
        asked = self._queue.ask(
            caller, charges, deadline_ms=deadline_ms, now_ms=self._clock.monotonic_ms(), is_urgent=is_urgent
        )
        if isinstance(asked, PaceRefusal):
            return asked
        turn: asyncio.Future[PaceTicket | PaceRefusal] = asyncio.get_running_loop().create_future()
        self._turns[asked] = turn
        self._advance()
        try:
            return await turn
        except asyncio.CancelledError:
            if self._turns.pop(asked, None) is not None:
                self._queue.withdraw(asked)
                self._advance()
            elif not turn.cancelled() and isinstance(ticket := turn.result(), PaceTicket):
                ticket.give_back()  # it was let go, and cancelled before it knew
            raise

    def hold(self, key: MeterKey, duration_ms: int) -> None:
        """Nothing that charges this meter leaves for so long, urgent or not: after `Retry-After`, or a ban."""
        self._queue.hold(key, self._clock.monotonic_ms() + duration_ms)
        self._advance()

    def raise_to(self, key: MeterKey, length_ms: int, used: int) -> None:
        """The other side says how much of the window of `length_ms` is used. Ours is raised to that, never lowered."""
        self._queue.raise_to(key, length_ms, used, self._clock.monotonic_ms())
        self._advance()

    def use_limits(self, limits: Mapping[str, Sequence[WindowLimit]]) -> None:
        """Keep these limits from now on, also for the callers that wait. They name every kind of before."""
        self._queue.use_limits(limits)
        self._advance()

    def close(self) -> None:
        """Refuse the callers that wait and all that come later. Idempotent."""
        self._is_closed = True
        self._stop_timer()
        turns, self._turns = self._turns, {}
        for number, turn in turns.items():
            self._queue.withdraw(number)
            if not turn.done():
                turn.set_result(PaceRefusal(PaceRefusalCause.CLOSED, self._clock.monotonic_ms()))

    def _settle(self, number: int, counted: Charges | None) -> None:
        self._queue.settle(number, self._clock.monotonic_ms(), counted)
        self._advance()

    def _give_back(self, number: int) -> None:
        self._queue.give_back(number, self._clock.monotonic_ms())
        self._advance()

    def _advance(self) -> None:
        if self._is_closed:
            return
        while decisions := self._queue.advance(self._clock.monotonic_ms()):
            for decision in decisions:
                turn = self._turns.pop(decision.number)
                if not turn.done():
                    turn.set_result(decision.refusal or PaceTicket(self, decision.number))
                elif decision.refusal is None:  # cancelled in this very turn of the event loop
                    self._queue.give_back(decision.number, self._clock.monotonic_ms())
        self._set_timer(self._queue.next_ms())

    def _set_timer(self, at_ms: int | None) -> None:
        if at_ms is None or (self._timer is not None and self._timer_ms <= at_ms):
            return  # a timer that is early only looks and sets itself again
        self._stop_timer()
        self._timer_ms = at_ms
        self._timer = asyncio.create_task(self._wake(at_ms))

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    async def _wake(self, at_ms: int) -> None:
        await self._clock.sleep_ms(max(0, at_ms - self._clock.monotonic_ms()))
        self._timer = None
        self._advance()
