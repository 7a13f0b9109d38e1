"""Requests that a venue executes late, at every venue that has a simulator: the connection of an order or cancel breaks
while the venue holds the request back. It is executed or refused later, and ends equal to the simulator's ledger.

A venue's tests derive a class from the cases, and give the fixture `desk`, whose requests go through a relay. The clock
is stopped while the venue holds a request back, so it is executed when a case says so, however fast the machine is.
"""

import asyncio
from collections.abc import Callable, Sequence
from decimal import Decimal
from itertools import count

import pytest
from tests.inhouse_kit import kinds, until
from tests.serving import eventually
from tests.simulated_kit import SEND_WITHIN_MS, SimulatedDesk

from cadenza.domain.trading.enums import OrderStatus
from cadenza.domain.trading.order import Doubt, Order
from cadenza.domain.trading.reports import Report

SUBMIT_MS, CANCEL_MS = 2_000, 4_000
HALF = Decimal("0.5")
POLLS_PER_STEP = 10
"""The clock goes on by a step after so many looks at what is waited for, a millisecond each or more."""


class LateCases:
    """The cases. `desk` has an order of 1 that rests in the market, or a conditional order."""

    async def test_an_order_that_arrives_in_time_works(self, desk: SimulatedDesk) -> None:
        reply = await broken_submit(desk, SUBMIT_MS)
        assert await desk.truth() == []
        await arrive(desk, "place", SUBMIT_MS)
        shown = await look_up(desk)
        end = desk.believed(reply, shown)
        assert (end.status, end.is_in_doubt) == (OrderStatus.ACCEPTED, False)
        assert await desk.truth() == ["NEW"]

    async def test_an_order_that_arrives_between_its_deadline_and_its_fence(self, desk: SimulatedDesk) -> None:
        """Until the fence nothing calls it dead."""
        late_ms = SEND_WITHIN_MS + _margin_ms(desk) - 2_000
        reply = await broken_submit(desk, late_ms)
        desk.venue.clock.advance(SEND_WITHIN_MS)
        early = await look_up(desk)
        assert kinds(early) == ["UnknownOutcome"]
        await arrive(desk, "place", late_ms - SEND_WITHIN_MS)
        desk.venue.clock.advance(2_001)
        late = await look_up_twice(desk)
        end = desk.believed(reply, early, late)
        expected = (OrderStatus.REJECTED, []) if desk.is_checked_inside else (OrderStatus.ACCEPTED, ["NEW"])
        assert (end.status, await desk.truth()) == expected
        assert not end.is_in_doubt

    async def test_an_order_that_arrives_after_its_fence(self, desk: SimulatedDesk) -> None:
        """Where its venue refuses it then, it is dead before. Where the venue may take it in at any time, it is not:
        asking cannot show how it stands, and once it shows itself, it works and can be canceled."""
        until_fence_ms = SEND_WITHIN_MS + _margin_ms(desk) + 1
        reply = await broken_submit(desk, until_fence_ms + 10_000)
        early = await look_up(desk)
        assert kinds(early) == ["UnknownOutcome"]
        desk.venue.clock.advance(until_fence_ms)
        fenced = await look_up_twice(desk)
        assert kinds(fenced) == ["Rejected" if desk.is_checked_inside else "UndeterminedOutcome"]
        doubtful = desk.believed(reply, early, fenced)
        await arrive(desk, "place", 10_000)
        if desk.is_checked_inside:
            late = await look_up_twice(desk)
            assert desk.believed(reply, early, fenced, late).status is doubtful.status is OrderStatus.REJECTED
            assert await desk.truth() == []
            return
        assert (doubtful.status, doubtful.doubt) == (OrderStatus.SUBMITTED, Doubt.UNDETERMINED)
        await until(lambda: "ExternalOrder" in kinds(desk.sink.reports), "the stream shows it")
        works = desk.believed(reply, early, fenced)
        assert (works.status, works.is_in_doubt) == (OrderStatus.ACCEPTED, False)
        assert await desk.truth() == ["NEW"]
        await canceled_again(desk, works, reply, early, fenced)

    @pytest.mark.parametrize("is_looked_up", [False, True])
    async def test_a_cancel_that_is_executed_late(self, desk: SimulatedDesk, is_looked_up: bool) -> None:
        """Between its loss and its execution the order works, also when the venue is asked. That question makes
        BITFINEX refuse the late cancel, and a repeated one ends the order."""
        accepted = await desk.session.submit(desk.order)
        works = desk.believed(accepted)
        reply = await broken_cancel(desk, works, CANCEL_MS)
        early = await look_up(desk, works) if is_looked_up else ()
        assert desk.believed(accepted, reply, early).status is OrderStatus.ACCEPTED
        assert await desk.truth() == ["NEW"]
        await arrive(desk, "cancel", CANCEL_MS)
        if not is_looked_up:
            assert await desk.truth() == ["CANCELED"]
        await canceled_again(desk, works, accepted, reply, early)

    async def test_an_order_and_its_cancel_that_are_executed_late_with_a_fill_between(
        self, desk: SimulatedDesk
    ) -> None:
        """The cancel is asked for before the order has arrived, so it names the order by our id."""
        reply = await broken_submit(desk, SUBMIT_MS)
        refused = await broken_cancel(desk, desk.order, CANCEL_MS)
        assert await desk.truth() == []
        await arrive(desk, "place", SUBMIT_MS)
        executed = Decimal(0)
        if desk.order.limit_price is not None:
            await desk.fill(HALF)
            executed = HALF
        await arrive(desk, "cancel", CANCEL_MS - SUBMIT_MS)
        shown = await look_up(desk)
        end = await canceled_again(desk, desk.believed(reply, refused, shown), reply, refused, shown)
        assert end.executed_quantity == executed


async def look_up(desk: SimulatedDesk, order: Order | None = None, *, step_ms: int = 1) -> Sequence[Report]:
    looking = asyncio.create_task(desk.session.lookup([order or desk.order]))
    await _passing(desk, looking.done, "the answer", step_ms)
    return looking.result()


async def look_up_twice(desk: SimulatedDesk) -> Sequence[Report]:
    """Look the order up. An order is called dead after a second question, which comes after a pause."""
    return await look_up(desk, step_ms=10)


async def broken_submit(desk: SimulatedDesk, late_ms: int) -> Sequence[Report]:
    """Submit the order, which the venue takes in so much later, and break the connection before that."""
    desk.venue.clock.stop()
    await desk.venue.fault(desk.about("place"), "late", delay_ms=late_ms)
    return await _broken(desk, asyncio.create_task(desk.session.submit(desk.order)))


async def broken_cancel(desk: SimulatedDesk, order: Order, late_ms: int) -> Sequence[Report]:
    """Cancel the order in the same way."""
    desk.venue.clock.stop()
    await desk.venue.fault(desk.about(_cancel_of(order)), "late", delay_ms=late_ms)
    return await _broken(desk, asyncio.create_task(desk.session.cancel(order)))


async def _broken(desk: SimulatedDesk, calling: "asyncio.Task[Sequence[Report]]") -> Sequence[Report]:
    await _passing(desk, lambda: not desk.venue.simulator.venue.faults.requests, "the request's arrival")
    desk.venue.cut_requests()
    await _passing(desk, calling.done, "the end of the call")
    reply = calling.result()
    assert kinds(reply) == ["UnknownOutcome"]
    return reply


async def _passing(desk: SimulatedDesk, condition: Callable[[], bool], what: str, step_ms: int = 1) -> None:
    """Let everything run until the condition holds, and the clock go on a little: some requests wait for a turn."""
    polls = count(1)

    def holds() -> bool:
        is_true = condition()
        if not is_true and next(polls) % POLLS_PER_STEP == 0:
            desk.venue.clock.advance(step_ms)
        return is_true

    await until(holds, what)


async def arrive(desk: SimulatedDesk, what: str, after_ms: int) -> None:
    """Let so much time pass, and wait until the venue has executed or refused the request."""
    names = {desk.about(each) for each in (what, "cancel_by_our_id") if each.startswith(what)}

    async def answered() -> int:
        return sum(each["name"] in names for each in await desk.venue.get("requests"))

    before = await answered()
    desk.venue.clock.advance(after_ms)

    async def is_answered() -> bool:
        return await answered() > before

    await eventually(is_answered)


async def canceled_again(desk: SimulatedDesk, order: Order, *reports: Sequence[Report]) -> Order:
    """Repeat the cancel, as the platform does until it is confirmed, and wait until the order has ended."""
    desk.venue.clock.go_on()
    again = await desk.session.cancel(order)
    await until(lambda: desk.believed(*reports, again).status is OrderStatus.CANCELED, "the end")
    end = desk.believed(*reports, again)
    assert not end.is_in_doubt
    assert await desk.truth() == ["CANCELED"]
    return end


def _cancel_of(order: Order) -> str:
    return "cancel_by_our_id" if order.venue_order_id is None else "cancel"


def _margin_ms(desk: SimulatedDesk) -> int:
    fence = desk.connector.spec.fence
    assert fence is not None
    return int(fence.margin_ms)
