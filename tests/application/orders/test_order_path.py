"""The order path on real PostgreSQL: two commits, one venue call, nothing twice, nothing lost."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from uuid import UUID

import pytest

from cadenza.domain import errors as e
from cadenza.domain.ids import OrderId, TradingAccountId
from cadenza.domain.market.enums import Side
from cadenza.domain.trading.enums import OrderStatus
from cadenza.domain.trading.events import OrderUpdated
from cadenza.domain.trading.kept import KeepReason
from cadenza.domain.trading.order import Order
from cadenza.domain.trading.reports import FillReport, RejectedReport
from cadenza.ports.alarms import Alarm
from tests.application.orders.order_world import (
    ACTOR,
    OrderWorld,
    another_process,
    cancels,
    fills,
    loses_the_answer,
    order_world,
)
from tests.domain.trading.worlds import ACCOUNT, BTC, NOW_MS, TENANT, D, account, request


@pytest.fixture(params=[True, False], ids=["remembering", "reading"])
async def world(database_dsn: str, request: pytest.FixtureRequest) -> AsyncIterator[OrderWorld]:
    async with order_world(database_dsn, remembers=request.param) as made:
        yield made


async def test_a_submit_is_two_transactions_one_venue_call_and_one_publication_each(world: OrderWorld) -> None:
    world.session.on_submit = fills
    before = world.trading.transactions_total
    order = await world.submit_order(ACTOR, request())
    assert order.status is OrderStatus.FILLED
    assert world.trading.transactions_total - before == 2
    assert len(world.session.submitted) == 1
    events = world.publisher.events
    assert [event.body.order.status for event in events if isinstance(event.body, OrderUpdated)] == [
        OrderStatus.SUBMITTED,
        OrderStatus.FILLED,
    ]
    assert [event.sequence for event in events] == [events[0].sequence, events[0].sequence + 1]


async def test_a_fill_from_the_stream_is_one_transaction_and_no_venue_call(world: OrderWorld) -> None:
    order = await world.submit_order(ACTOR, request())
    before = world.trading.transactions_total
    await world.sink.deliver(list(fills(order)))
    assert world.trading.transactions_total - before == 1
    assert len(world.session.submitted) == 1
    assert (await world.stored(order)).status is OrderStatus.FILLED


async def test_what_is_answered_is_what_is_stored(world: OrderWorld) -> None:
    world.session.on_submit = fills
    order = await world.submit_order(ACTOR, request(client_order_id="c1", idempotency_key="k1"))
    assert await world.stored(order) == order
    assert await world.balance("USDT") == (D(1000000) - 90 - D("0.09"), D(0))
    assert await world.balance("BTC") == (D(11), D(0))


async def test_the_order_is_on_disk_before_the_venue_hears_of_it(world: OrderWorld) -> None:
    world.session.gate.clear()
    submitting = asyncio.create_task(world.submit_order(ACTOR, request()))
    await world.session.has_submitted.wait()
    stored = await world.stored(world.session.submitted[0])
    assert stored.status is OrderStatus.SUBMITTED
    assert await world.balance("USDT") == (D(1000000), D("90.09"))
    world.session.gate.set()
    assert (await submitting).status is OrderStatus.ACCEPTED


async def test_a_hundred_equal_requests_at_once_make_one_order_and_all_hear_its_answer(world: OrderWorld) -> None:
    world.session.on_submit = fills
    asked = request(idempotency_key="once")
    orders = await asyncio.gather(*(world.submit_order(ACTOR, asked) for _ in range(100)))
    assert len({order.id for order in orders}) == 1
    assert {order.status for order in orders} == {OrderStatus.FILLED}
    assert len(world.session.submitted) == 1


async def test_keys_are_remembered_across_restarts_and_guard_the_body(world: OrderWorld, database_dsn: str) -> None:
    first = await world.submit_order(ACTOR, request(idempotency_key="k"))
    async with another_process(database_dsn) as other:
        again = await other.submit_order(ACTOR, request(idempotency_key="k"))
        assert again.id == first.id
        assert not other.session.submitted
        with pytest.raises(e.IdempotencyKeyReused):
            await other.submit_order(ACTOR, request(idempotency_key="k", quantity=D(2)))


async def test_a_refused_request_leaves_no_trace(world: OrderWorld) -> None:
    before = world.trading.transactions_total
    with pytest.raises(e.InsufficientBalance):
        await world.submit_order(
            ACTOR, request(side=Side.SELL, quantity=D(11), limit_price=D(120), idempotency_key="k")
        )
    assert not world.session.submitted
    assert not world.publisher.events
    assert world.trading.transactions_total == before
    order = await world.submit_order(ACTOR, request(idempotency_key="k"))
    assert order.status is OrderStatus.ACCEPTED


async def test_one_refusal_spoils_nobody_s_batch(world: OrderWorld) -> None:
    results = await asyncio.gather(
        *(world.submit_order(ACTOR, request(quantity=D(1))) for _ in range(20)),
        world.submit_order(ACTOR, request(quantity=D("0.0001"))),
        return_exceptions=True,
    )
    assert sum(isinstance(result, Order) for result in results) == 20
    assert isinstance(results[-1], e.LotSize)


async def test_concurrent_submits_never_spend_the_same_money(world: OrderWorld) -> None:
    results = await asyncio.gather(
        *(world.submit_order(ACTOR, request(side=Side.SELL, quantity=D(3), limit_price=D(120))) for _ in range(10)),
        return_exceptions=True,
    )
    assert sum(isinstance(result, Order) for result in results) == 3
    assert await world.balance("BTC") == (D(10), D(9))


async def test_a_lost_answer_leaves_the_order_submitted_until_the_venue_was_asked(world: OrderWorld) -> None:
    world.session.on_submit = loses_the_answer
    order = await world.submit_order(ACTOR, request())
    assert order.status is OrderStatus.SUBMITTED
    await world.reconcile(ACCOUNT, world.session)
    assert (await world.stored(order)).status is OrderStatus.FILLED
    assert len(world.session.submitted) == 1
    assert [looked.id for looked in world.session.looked_up] == [order.id]


async def test_an_order_that_the_venue_never_saw_is_rejected_with_its_lock_given_back(
    world: OrderWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.session.on_submit = loses_the_answer
    order = await world.submit_order(ACTOR, request())
    world.session.on_lookup = lambda o: [
        RejectedReport(account_id=ACCOUNT, instrument_id=BTC, order_id=o.id, at_ms=NOW_MS, reason="NOT_FOUND_AT_VENUE")
    ]
    await world.reconcile(ACCOUNT, world.session)
    assert (await world.stored(order)).status is OrderStatus.SUBMITTED, "it may still arrive"
    late_ms = world.clock.monotonic_ms() + 60_000
    monkeypatch.setattr(world.clock, "monotonic_ms", lambda: late_ms)
    await world.reconcile(ACCOUNT, world.session)
    assert (await world.stored(order)).status is OrderStatus.REJECTED
    assert await world.balance("USDT") == (D(1000000), D(0))


async def test_without_a_session_nothing_is_recorded_or_sent(world: OrderWorld) -> None:
    sent = await world.submit_order(ACTOR, request(idempotency_key="k"))
    await world.sessions.close(ACCOUNT)
    with pytest.raises(e.VenueUnavailable):
        await world.submit_order(ACTOR, request())
    assert await world.submit_order(ACTOR, request(idempotency_key="k")) == await world.stored(sent)
    async with world.storage.read() as uow:
        assert [order.id for order in await uow.orders.unresolved(ACCOUNT)] == [sent.id]
    assert len(world.session.submitted) == 1


async def test_await_closed_answers_as_soon_as_the_fill_is_booked(world: OrderWorld) -> None:
    submitting = asyncio.create_task(world.submit_order(ACTOR, request(await_closed=True)))
    await world.session.has_submitted.wait()
    await world.sink.deliver(list(fills(world.session.submitted[0])))
    assert (await submitting).status is OrderStatus.FILLED


async def test_await_closed_answers_the_open_order_when_time_is_up(world: OrderWorld) -> None:
    order = await world.submit_order(ACTOR, request(await_closed=True))
    assert order.status is OrderStatus.ACCEPTED


async def test_the_same_trade_id_is_booked_once_however_it_comes(world: OrderWorld) -> None:
    order = await world.submit_order(ACTOR, request(quantity=D(2)))
    fill = FillReport(
        account_id=ACCOUNT, order_id=order.id, at_ms=NOW_MS, trade_id="x", instrument_id=BTC,
        side=Side.BUY, price=D(90), quantity=D(1),
    )  # fmt: skip
    await asyncio.gather(*(world.sink.deliver([fill]) for _ in range(50)))
    assert (await world.stored(order)).executed_quantity == 1
    assert await world.balance("BTC") == (D(11), D(0))


async def test_a_poisoned_report_does_not_hold_the_others(world: OrderWorld) -> None:
    """The same trade id on two orders breaks a unique index: that report is kept, and everything else is booked."""
    first, second = [await world.submit_order(ACTOR, request()) for _ in range(2)]
    await world.sink.deliver([fills(first, "same")[1]])
    poisoned = fills(second, "same")[1]
    neighbour = replace(poisoned, trade_id="good", quantity=D("0.5"))
    third, _ = await asyncio.gather(
        world.submit_order(ACTOR, request()), world.sink.deliver([poisoned, neighbour, poisoned])
    )
    assert (await world.stored(third)).status is OrderStatus.ACCEPTED
    assert (await world.stored(second)).executed_quantity == D("0.5")
    assert await world.balance("BTC") == (D("11.5"), D(0))
    async with world.storage.read() as uow:
        (kept,) = await uow.kept.oldest(10)
    assert (kept.report, kept.reason) == (poisoned, KeepReason.REFUSED)
    assert "executions_once" in kept.detail
    assert Alarm.REPORT_REFUSED in {alarm for alarm, _ in world.alarms.sounded}


async def test_cancel_asks_once_and_is_idempotent(world: OrderWorld) -> None:
    order = await world.submit_order(ACTOR, request())
    canceled = await world.cancel_order(ACTOR, ACCOUNT, order.id)
    assert canceled.status is OrderStatus.CANCELED
    assert canceled.cancel_reason == "USER"
    again = await world.cancel_order(ACTOR, ACCOUNT, order.id)
    assert again.status is OrderStatus.CANCELED
    assert len(world.session.cancelled) == 1
    assert await world.balance("USDT") == (D(1000000), D(0))


async def test_a_filled_order_cannot_be_cancelled_and_the_error_carries_it(world: OrderWorld) -> None:
    world.session.on_submit = fills
    order = await world.submit_order(ACTOR, request())
    with pytest.raises(e.OrderAlreadyClosed) as refused:
        await world.cancel_order(ACTOR, ACCOUNT, order.id)
    assert refused.value.metadata["order"].id == order.id


async def test_another_tenant_s_order_is_not_found(world: OrderWorld) -> None:
    order = await world.submit_order(ACTOR, request())
    stranger = replace(ACTOR, tenant_id=type(TENANT)(int=77))
    with pytest.raises(e.TradingAccountNotFound):
        await world.cancel_order(stranger, ACCOUNT, order.id)
    with pytest.raises(e.TradingAccountNotFound):
        await world.submit_order(stranger, request())
    with pytest.raises(e.OrderNotFound):
        await world.cancel_order(ACTOR, ACCOUNT, OrderId(UUID(int=12345)))


async def test_a_pending_cancel_waits_for_the_venue(world: OrderWorld) -> None:
    order = await world.submit_order(ACTOR, request())
    world.session.on_cancel = lambda _: []
    pending = await world.cancel_order(ACTOR, ACCOUNT, order.id)
    assert pending.status is OrderStatus.PENDING_CANCEL
    await world.sink.deliver(list(cancels(order)))
    assert (await world.stored(order)).status is OrderStatus.CANCELED


async def test_batches_of_many_accounts_keep_each_log_gapless(world: OrderWorld) -> None:
    external = account().external
    owners = [
        account(id=TradingAccountId(UUID(int=1000 + n)), external=replace(external, external_id=f"x{n}"))
        for n in range(8)
    ]
    for owner in owners:
        await world.add_account(owner)
    world.session.on_submit = fills
    await asyncio.gather(
        *(world.submit_order(ACTOR, request(account_id=owner.id)) for owner in owners for _ in range(10))
    )
    for owner in owners:
        async with world.storage.read() as uow:
            events = await uow.events.after(owner.id, 0, 1000)
        assert [event.sequence for event in events] == list(range(1, len(events) + 1))
        filled = [
            b.order for b in (event.body for event in events) if isinstance(b, OrderUpdated) and b.order.is_closed
        ]
        assert len(filled) == 10


async def test_a_rejection_with_proof_closes_the_order(world: OrderWorld) -> None:
    world.session.on_submit = lambda o: [
        RejectedReport(
            account_id=ACCOUNT, instrument_id=BTC, order_id=o.id, at_ms=NOW_MS, reason="POST_ONLY_WOULD_TAKE"
        )
    ]
    order = await world.submit_order(ACTOR, request())
    assert (order.status, order.reject_reason) == (OrderStatus.REJECTED, "POST_ONLY_WOULD_TAKE")
