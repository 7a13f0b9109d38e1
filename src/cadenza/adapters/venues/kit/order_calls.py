"""Calls about orders: each is made once, and its reply is reported even if nobody waits for it any more."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import Any

from cadenza.domain.ids import OrderId
from cadenza.domain.trading.order import Order
from cadenza.domain.trading.reports import Report

Reports = Sequence[Report]


class OrderCalls:
    """Makes the calls of one session. `late` takes the reports of a call whose caller has left.

    Law: a caller that stops waiting does not cancel the call. An order that is submitted again while it may still be
    sent gets the first call's reply, and nothing is sent. (The platform never does that; a venue that takes an id again
    would execute the order twice.)
    """

    def __init__(self, late: Callable[[Reports], Awaitable[None]], now_ms: Callable[[], int]) -> None:
        self._late = late
        self._now_ms = now_ms
        self._running: set[asyncio.Task[Any]] = set()
        self._submits: dict[OrderId, tuple[int, asyncio.Task[Reports]]] = {}

    async def submit(self, order: Order, work: Callable[[], Coroutine[Any, Any, Reports]]) -> Reports:
        """Submit an order whose deadline has not passed."""
        self._forget_old()
        known = self._submits.get(order.id)
        task = self._start(work()) if known is None else known[1]
        if known is None:
            self._submits[order.id] = (order.send_before_ms or self._now_ms(), task)
        return await self._wait(task)

    async def other(self, work: Coroutine[Any, Any, Reports]) -> Reports:
        """Make any other call."""
        return await self._wait(self._start(work))

    def _start(self, work: Coroutine[Any, Any, Reports]) -> asyncio.Task[Reports]:
        return self._keep(asyncio.create_task(work))

    def _keep(self, task: asyncio.Task[Any]) -> asyncio.Task[Any]:
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        return task

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
            order_id, (until_ms, task) = next(iter(self._submits.items()))
            if until_ms >= now_ms or not task.done():
                return
            del self._submits[order_id]
