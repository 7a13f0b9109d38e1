"""A venue that answers late or never holds no request for long, and is asked what became of the order."""

import asyncio
from collections.abc import AsyncIterator, Sequence

import pytest

from cadenza.application.orders import submit
from cadenza.domain.trading.enums import OrderStatus
from cadenza.domain.trading.order import Doubt, Order
from cadenza.domain.trading.reports import Report
from tests.application.orders.order_world import (
    ACTOR,
    KEY,
    OrderWorld,
    accepts,
    cancels,
    credential_of,
    fills,
    order_world,
    secrets_of,
)
from tests.domain.trading.worlds import ACCOUNT, account, request, venue_spec
from tests.serving import eventually

WAITS_MS = 200
ANSWERED_WITHIN_S = 30
"""What a defect would wait for never comes: the venue says nothing in these tests."""


@pytest.fixture
async def world(database_dsn: str) -> AsyncIterator[OrderWorld]:
    async with order_world(database_dsn) as made:
        made.connector.spec = venue_spec(reply_ms_max=WAITS_MS)
        yield made


@pytest.fixture
async def silent(world: OrderWorld) -> AsyncIterator[OrderWorld]:
    """Its venue takes orders and says nothing."""
    world.session.gate.clear()
    yield world
    world.session.gate.set()


class ClosesTheSession:
    """`ports.failpoints.Failpoints`: the session goes just before the venue would be asked, once."""

    def __init__(self, world: OrderWorld) -> None:
        self._world = world
        self._has_gone = False

    def reach(self, name: str) -> None:
        if name == "cancel.before_venue" and not self._has_gone:
            self._has_gone = True
            self._world.sessions._links.clear()


@pytest.mark.parametrize("await_closed", [False, True])
async def test_a_submit_is_answered_with_the_order_as_it_is(silent: OrderWorld, await_closed: bool) -> None:
    async with asyncio.timeout(ANSWERED_WITHIN_S):
        order = await silent.submit_order(ACTOR, request(await_closed=await_closed))
    assert order.status is OrderStatus.SUBMITTED
    assert len(silent.session.submitted) == 1


async def test_what_the_stream_reported_meanwhile_is_in_the_answer(silent: OrderWorld) -> None:
    submitting = asyncio.create_task(silent.submit_order(ACTOR, request()))
    await silent.session.has_submitted.wait()
    await silent.sink.deliver(accepts(silent.session.submitted[0]))
    async with asyncio.timeout(ANSWERED_WITHIN_S):
        assert (await submitting).status is OrderStatus.ACCEPTED


async def test_a_venue_that_does_not_reply_is_asked_what_became_of_the_order(silent: OrderWorld) -> None:
    submitting = asyncio.create_task(silent.submit_order(ACTOR, request()))
    await silent.session.has_submitted.wait()
    async with asyncio.timeout(ANSWERED_WITHIN_S):
        order = await submitting
    assert order.doubt is Doubt.UNANSWERED
    await silent.reconcile(ACCOUNT, silent.session)
    assert (await silent.stored(order)).status is OrderStatus.FILLED
    assert len(silent.session.submitted) == 1


async def test_a_cancel_that_is_not_answered_stays_a_wish(world: OrderWorld) -> None:
    async def says_nothing(order: Order) -> Sequence[Report]:
        await asyncio.Event().wait()
        return []

    order = await world.submit_order(ACTOR, request())
    world.session.cancel = says_nothing  # type: ignore[method-assign]
    async with asyncio.timeout(ANSWERED_WITHIN_S):
        answered = await world.cancel_order(ACTOR, ACCOUNT, order.id)
    assert answered.status is OrderStatus.PENDING_CANCEL


async def test_a_cancel_whose_session_goes_meanwhile_is_answered_and_repeated(world: OrderWorld) -> None:
    order = await world.submit_order(ACTOR, request())
    world.cancel_order._send_cancel._failpoints = ClosesTheSession(world)
    answered = await world.cancel_order(ACTOR, ACCOUNT, order.id)
    assert answered == await world.stored(order)
    assert answered.status is OrderStatus.PENDING_CANCEL
    world.session.on_lookup, world.session.on_cancel = accepts, cancels
    await world.sessions.open(account(), secrets_of("first", KEY), credential_of(KEY))
    await world.inquire._lookup(world.session, [answered.id])
    assert (await world.stored(order)).status is OrderStatus.CANCELED


async def test_a_repeat_awaits_the_close_as_the_first_does(world: OrderWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(submit, "AWAIT_CLOSED_MS_MAX", 60_000)  # it closes when all wait, however slow the machine is
    asked = request(await_closed=True, idempotency_key="k")
    first = asyncio.create_task(world.submit_order(ACTOR, asked))
    await world.session.has_submitted.wait()
    again = [asyncio.create_task(world.submit_order(ACTOR, asked)) for _ in range(3)]
    sent = world.session.submitted[0]

    async def all_wait() -> bool:
        return len(world.waiters._waiting[sent.id]) == 1 + len(again)

    await eventually(all_wait)
    await world.sink.deliver(fills(sent))
    orders = await asyncio.gather(first, *again)
    assert {order.status for order in orders} == {OrderStatus.FILLED}
    assert len({order.id for order in orders}) == 1


async def test_a_repeat_awaits_the_close_no_longer_than_the_first_does(world: OrderWorld) -> None:
    order = await world.submit_order(ACTOR, request(idempotency_key="k"))
    async with asyncio.timeout(ANSWERED_WITHIN_S):
        again = await world.submit_order(ACTOR, request(idempotency_key="k", await_closed=True))
    assert again == order
    assert not world.waiters._waiting
