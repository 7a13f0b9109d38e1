"""Calls about orders: none is made twice, and its reply is reported even if nobody waits for it any more."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from cadenza.adapters.venues.kit.not_sent import not_sent_report
from cadenza.adapters.venues.kit.order_names import names_of
from cadenza.domain.ids import OrderId
from cadenza.domain.trading.order import Order
from cadenza.domain.trading.reports import NotSentReport, Report, WithdrawnReport

REPLY_MS_MAX = 15_000
"""How long the reply to an order or cancel is waited for. Venues give a request up earlier (BINANCE after 10 s)."""

Reports = Sequence[Report]

T = TypeVar("T")
R = TypeVar("R")


@dataclass(slots=True, kw_only=True)
class SubmitCall:
    """One submit of an order. Whoever makes it calls `leave`, or makes its request by `leaving`, before the first byte
    may leave."""

    until_ms: int
    task: asyncio.Task[Reports] = field(init=False)
    has_begun: bool = False
    has_left: bool = False
    order: Order
    taken_back: Report | None = None
    """What is reported of an order that did not leave and never will."""

    def leave(self) -> None:
        self.has_left = True

    def leaving(self, make: Callable[[T], R]) -> Callable[[T], R]:
        """Return what makes a request by `make` when it may leave: from then on the order may have left."""

        def made(instant: T) -> R:
            request = make(instant)
            self.leave()
            return request

        return made

    @property
    def is_proved_unsent(self) -> bool:
        """Whether the call has ended with the proof that no byte left."""
        has_ended = self.task.done() and not self.task.cancelled() and self.task.exception() is None
        return has_ended and any(isinstance(report, NotSentReport) for report in self.task.result())


class OrderCalls:
    """Makes the calls of one session. `late` takes the reports of a call whose caller has left.

    Law: a caller that stops waiting does not cancel the call. An order that is submitted again while it may still be
    sent, or after it may have left, gets the first call's reply, and nothing is sent: a venue that takes an id again
    would execute the order twice. After a `NotSentReport` the call is made again, because the platform then submits a
    trailing stop again. An order that is withdrawn before its submit has left is not sent. Once `close` was called, no
    other order leaves.
    """

    def __init__(self, late: Callable[[Reports], Awaitable[None]], now_ms: Callable[[], int]) -> None:
        self._late = late
        self._now_ms = now_ms
        self._running: set[asyncio.Task[Any]] = set()
        self._submits: dict[OrderId, SubmitCall] = {}
        self._is_closed = False

    async def submit(self, order: Order, work: Callable[[SubmitCall], Coroutine[Any, Any, Reports]]) -> Reports:
        """Submit an order whose deadline has not passed."""
        self._forget_old()
        call = self._submits.get(order.id)
        if call is not None and call.is_proved_unsent:
            del self._submits[order.id]
            call = None
        if call is None and self._is_closed:
            return [self._ended_before(order)]
        if call is None:
            call = self._submits[order.id] = SubmitCall(order=order, until_ms=order.send_before_ms or self._now_ms())
            call.task = self._start(self._submit(order, call, work))
        return await self._wait(call.task)

    def withdraw(self, order: Order) -> Reports:
        """Take an order back whose submit waits and has not left: it never will. Both the submit and this call report
        that. An empty answer means that the order may have left, or was never submitted here."""
        call = self._submits.get(order.id)
        return [] if call is None else self._take_back(call, self._withdrawn(order))

    def withdraw_unsent(self, is_meant: Callable[[Order], bool]) -> None:
        """Take back every order that is meant and has not left; its submit reports that."""
        for call in self._submits.values():
            if is_meant(call.order):
                self._take_back(call, self._withdrawn(call.order))

    def close(self) -> None:
        """Take back every order that has not left: its submit reports that it was not sent. Replies of the others are
        still awaited."""
        self._is_closed = True
        for call in self._submits.values():
            self._take_back(call, self._ended_before(call.order))

    async def other(self, work: Coroutine[Any, Any, Reports]) -> Reports:
        """Make any other call."""
        return await self._wait(self._start(work))

    def _start(self, work: Coroutine[Any, Any, Reports]) -> asyncio.Task[Reports]:
        return self._keep(asyncio.create_task(work))

    def _keep(self, task: asyncio.Task[Any]) -> asyncio.Task[Any]:
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        return task

    async def _submit(
        self, order: Order, call: SubmitCall, work: Callable[[SubmitCall], Coroutine[Any, Any, Reports]]
    ) -> Reports:
        if call.taken_back is not None:
            return [call.taken_back]
        call.has_begun = True
        try:
            return await work(call)
        except asyncio.CancelledError:
            if call.taken_back is None:
                raise
            return [call.taken_back]

    def _take_back(self, call: SubmitCall, report: Report) -> Reports:
        if call.has_left or call.task.done():
            return []
        if call.taken_back is None:
            call.taken_back = report
            if call.has_begun:
                call.task.cancel()
        return [call.taken_back]

    def _withdrawn(self, order: Order) -> Report:
        return WithdrawnReport(**names_of(order), at_ms=self._now_ms())

    def _ended_before(self, order: Order) -> Report:
        return not_sent_report(order, "the session ended before it could leave", self._now_ms())

    async def _wait(self, task: asyncio.Task[Reports]) -> Reports:
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            self._keep(asyncio.create_task(self._deliver_late(task)))
            raise

    async def _deliver_late(self, task: asyncio.Task[Reports]) -> None:
        await self._late(await task)

    def _forget_old(self) -> None:
        now_ms = self._now_ms()
        while self._submits:
            order_id, call = next(iter(self._submits.items()))
            if call.until_ms >= now_ms or not call.task.done():
                return
            del self._submits[order_id]
