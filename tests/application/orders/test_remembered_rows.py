"""What a process remembers of accounts never decides anything that is not so."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from decimal import Decimal
from random import Random

import pytest

from cadenza.adapters.storage import remembered
from cadenza.domain import errors as e
from cadenza.domain.market.enums import OrderType, Side, TimeInForce
from cadenza.domain.trading.enums import OrderStatus
from cadenza.domain.trading.order import Order
from cadenza.domain.trading.reports import (
    AcceptedReport,
    ExternalOrderReport,
    FillReport,
    OrderStatusReport,
    Report,
    VenueOrderStatus,
)
from cadenza.domain.trading.venue_spec import CountedSentId
from tests.application.orders.order_world import (
    ACTOR,
    OrderWorld,
    another_process,
    balance_report,
    cancels,
    fills,
    loses_the_answer,
    order_world,
)
from tests.domain.trading.worlds import ACCOUNT, BTC, NOW_MS, D, request


@pytest.fixture
async def world(database_dsn: str) -> AsyncIterator[OrderWorld]:
    async with order_world(database_dsn) as made:
        yield made


@pytest.fixture
async def other(world: OrderWorld, database_dsn: str) -> AsyncIterator[OrderWorld]:
    async with another_process(database_dsn) as made:
        yield made


def deposit(asset: str, total: str) -> Report:
    """A balance that is newer than those with which the world begins."""
    return balance_report(asset, total, as_of=NOW_MS + 1)


async def test_orders_in_an_account_just_used_read_nothing(world: OrderWorld) -> None:
    await world.submit_order(ACTOR, request())
    before = world.trading.reads_total
    order = await world.submit_order(ACTOR, request(client_order_id="c", idempotency_key="k"))
    await world.sink.deliver(list(fills(order)))
    assert world.trading.reads_total == before
    assert (await world.stored(order)).status is OrderStatus.FILLED


async def test_money_that_another_process_brought_can_be_spent(world: OrderWorld, other: OrderWorld) -> None:
    await world.submit_order(ACTOR, request())
    await other.sink.deliver([deposit("BTC", "50")])
    order = await world.submit_order(ACTOR, request(side=Side.SELL, quantity=D(40), limit_price=D(120)))
    assert order.status is OrderStatus.ACCEPTED


async def test_money_that_another_process_spent_cannot(world: OrderWorld, other: OrderWorld) -> None:
    selling = request(side=Side.SELL, quantity=D(6), limit_price=D(120))
    await world.submit_order(ACTOR, request())
    await other.submit_order(ACTOR, selling)
    with pytest.raises(e.InsufficientBalance):
        await world.submit_order(ACTOR, selling)
    assert await world.balance("BTC") == (D(10), D(6))


async def test_a_repeated_request_is_known_when_its_order_is_forgotten(world: OrderWorld) -> None:
    world.session.on_submit = fills
    first = await world.submit_order(ACTOR, request(idempotency_key="k", client_order_id="c"))
    again = await world.submit_order(ACTOR, request(idempotency_key="k", client_order_id="c"))
    assert again.id == first.id
    with pytest.raises(e.IdempotencyKeyReused):
        await world.submit_order(ACTOR, request(idempotency_key="k", quantity=D(2)))
    with pytest.raises(e.DuplicateClientOrderId):
        await world.submit_order(ACTOR, request(idempotency_key="l", client_order_id="c"))
    assert len(world.session.submitted) == 1


async def test_a_key_that_another_process_took_is_taken(world: OrderWorld, other: OrderWorld) -> None:
    await world.submit_order(ACTOR, request())
    first = await other.submit_order(ACTOR, request(idempotency_key="k"))
    again = await world.submit_order(ACTOR, request(idempotency_key="k"))
    assert again.id == first.id
    assert len(world.session.submitted) == 1


async def test_a_report_that_another_process_kept_is_applied(world: OrderWorld, other: OrderWorld) -> None:
    await world.submit_order(ACTOR, request())
    fill = FillReport(
        account_id=ACCOUNT, order_id=None, venue_order_id="V-early", at_ms=NOW_MS, trade_id="t", instrument_id=BTC,
        side=Side.BUY, price=D(90), quantity=D(1), fees=(),
    )  # fmt: skip
    await other.sink.deliver([fill])
    world.session.on_submit = lambda order: [
        AcceptedReport(
            account_id=ACCOUNT,
            order_id=order.id,
            venue_order_id="V-early",
            at_ms=NOW_MS,
            instrument_id=BTC,
            executed_quantity=D(0),
        )
    ]
    order = await world.submit_order(ACTOR, request())
    assert (await world.stored(order)).status is OrderStatus.FILLED


async def test_no_more_is_remembered_than_allowed(world: OrderWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remembered, "ACCOUNT_ORDERS_MAX", 2)
    orders = [await world.submit_order(ACTOR, request()) for _ in range(4)]
    before = world.trading.reads_total
    await world.sink.deliver(list(fills(orders[3])))
    assert world.trading.reads_total == before
    await world.sink.deliver(list(fills(orders[0])))
    assert world.trading.reads_total == before + 1
    monkeypatch.setattr(remembered, "ORDERS_MAX", 0)
    await world.submit_order(ACTOR, request())
    before = world.trading.reads_total
    await world.submit_order(ACTOR, request())
    assert world.trading.reads_total == before + 2  # the intent, and the answer


async def test_what_a_stream_repeats_about_a_closed_order_reads_nothing(
    world: OrderWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remembered, "ACCOUNT_CLOSED_ORDERS_MAX", 3)
    orders = [await world.submit_order(ACTOR, request()) for _ in range(4)]
    for order in orders:
        await world.sink.deliver(list(fills(order)))
    reads = []
    for order in (orders[3], orders[0], orders[2]):
        before = world.trading.reads_total
        stated = OrderStatusReport(
            account_id=ACCOUNT, order_id=None, sent_id=order.sent_id, instrument_id=BTC, at_ms=NOW_MS + 1,
            status=VenueOrderStatus.FILLED, quantity=order.quantity, executed_quantity=order.quantity,
        )  # fmt: skip
        await world.sink.deliver([stated])
        reads.append(world.trading.reads_total - before)
        assert (await world.stored(order)).stated_at_ms == NOW_MS + 1
    assert reads == [0, 1, 0], "the first order was forgotten; reading it forgets no other"


async def test_a_stream_that_names_an_order_by_both_ids_before_its_reply_reads_nothing(world: OrderWorld) -> None:
    await world.submit_order(ACTOR, request())
    world.session.on_submit = loses_the_answer
    order = await world.submit_order(ACTOR, request())
    before = world.trading.reads_total
    accepted, fill = fills(order)
    await world.sink.deliver([replace(each, order_id=None, sent_id=order.sent_id) for each in (accepted, fill)])
    assert world.trading.reads_total == before
    assert (await world.stored(order)).status is OrderStatus.FILLED


def works_at(venue_order_id: str) -> ExternalOrderReport:
    return ExternalOrderReport(
        account_id=ACCOUNT, instrument_id=BTC, sent_id="bot-1", venue_order_id=venue_order_id, at_ms=NOW_MS,
        side=Side.BUY, type=OrderType.LIMIT, time_in_force=TimeInForce.GTC, quantity=D(2), executed_quantity=D(0),
        limit_price=D(90),
    )  # fmt: skip


def fill_at(venue_order_id: str, trade_id: str, sent_id: str = "bot-1") -> FillReport:
    return FillReport(
        account_id=ACCOUNT, instrument_id=BTC, sent_id=sent_id, venue_order_id=venue_order_id, at_ms=NOW_MS,
        trade_id=trade_id, side=Side.BUY, price=D(90), quantity=D(1),
    )  # fmt: skip


async def executed_by_venue_id(world: OrderWorld) -> dict[str | None, Decimal]:
    async with world.storage.read() as uow:
        return {order.venue_order_id: order.executed_quantity for order in await uow.orders.unresolved(ACCOUNT)}


async def test_the_other_order_with_a_client_id_is_read_when_only_the_first_is_remembered(
    world: OrderWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remembered, "ACCOUNT_ORDERS_MAX", 1)
    for report in (works_at("v1"), works_at("v2"), fill_at("v1", "t1"), fill_at("v2", "t2")):
        await world.sink.deliver([report])
    assert await executed_by_venue_id(world) == {"v1": D(1), "v2": D(1)}


async def test_two_orders_with_a_client_id_that_are_remembered_read_nothing(world: OrderWorld) -> None:
    for report in (works_at("v1"), works_at("v2")):
        await world.sink.deliver([report])
    before = world.trading.reads_total
    await world.sink.deliver([fill_at("v2", "t1"), fill_at("v1", "t2")])
    assert world.trading.reads_total == before
    assert await executed_by_venue_id(world) == {"v1": D(1), "v2": D(1)}


async def test_one_batch_names_our_order_and_shows_another_with_its_client_id(
    world: OrderWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remembered, "ACCOUNT_ORDERS_MAX", 1)
    await world.sink.deliver([replace(works_at("v2"), sent_id=None)])
    world.session.on_submit = loses_the_answer
    ours = await world.submit_order(ACTOR, request(quantity=D(2)))
    assert ours.sent_id is not None
    named = replace(works_at("v1"), sent_id=ours.sent_id)
    await world.sink.deliver([named, fill_at("v2", "t1", ours.sent_id)])
    assert await executed_by_venue_id(world) == {"v1": D(0), "v2": D(1)}


async def test_another_order_with_our_number_is_found_while_the_venue_has_not_named_ours(world: OrderWorld) -> None:
    """At a venue that takes a number twice."""
    world.connector.spec = replace(world.connector.spec, sent_id=CountedSentId(counter="c", is_shared=True))
    await world.sink.deliver([replace(works_at("v0"), sent_id=None)])
    world.session.on_submit = loses_the_answer
    ours = await world.submit_order(ACTOR, request(quantity=D(1)))
    assert ours.sent_id is not None
    await world.sink.deliver([replace(works_at("v2"), sent_id=ours.sent_id)])
    before = world.trading.reads_total
    await world.sink.deliver([fill_at("v2", "t1", ours.sent_id)])
    assert world.trading.reads_total == before
    await world.sink.deliver([replace(works_at("v1"), sent_id=ours.sent_id, quantity=D(1))])
    await world.sink.deliver([fill_at("v1", "t2", ours.sent_id)])
    assert await executed_by_venue_id(world) == {None: D(0), "v0": D(0), "v2": D(1)}, "it may be ours, or not"
    await world.sink.deliver([replace(works_at("v1"), order_id=ours.id)])
    assert await executed_by_venue_id(world) == {"v0": D(0), "v2": D(1)}
    found = await world.stored(ours)
    assert (found.status, found.venue_order_id, found.executed_quantity) == (OrderStatus.FILLED, "v1", D(1))


async def test_an_answer_that_names_an_adopted_order_leaves_ours_and_the_account_as_they_are(world: OrderWorld) -> None:
    """The adopted order had other terms when it was announced, and is amended into ours."""
    world.connector.spec = replace(world.connector.spec, sent_id=CountedSentId(counter="c", is_shared=True))
    world.session.on_submit = loses_the_answer
    ours = await world.submit_order(ACTOR, request(quantity=D(1)))
    await world.sink.deliver([replace(works_at("v1"), sent_id=ours.sent_id)])
    await world.sink.deliver([replace(works_at("v1"), order_id=ours.id, quantity=D(1))])
    assert await executed_by_venue_id(world) == {None: D(0), "v1": D(0)}
    found = await world.stored(ours)
    assert (found.status, found.venue_order_id, found.is_awaited) == (OrderStatus.SUBMITTED, None, True)


async def reads_of_fills(world: OrderWorld, order: Order, count: int) -> list[int]:
    """Fill one unit of the order so often, each time by itself; return how often each fill read the database."""
    reads = []
    for trade in range(count):
        before = world.trading.reads_total
        fill = FillReport(
            account_id=ACCOUNT, order_id=order.id, at_ms=NOW_MS, trade_id=f"{order.id}-{trade}",
            instrument_id=BTC, side=Side.BUY, price=D(90), quantity=D(1), fees=(),
        )  # fmt: skip
        await world.sink.deliver([fill])
        reads.append(world.trading.reads_total - before)
    return reads


async def test_no_more_executions_are_remembered_than_allowed(
    world: OrderWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remembered, "EXECUTIONS_MAX", 2)
    order = await world.submit_order(ACTOR, request(quantity=D(5)))
    assert await reads_of_fills(world, order, 5) == [0, 0, 0, 1, 1]


async def test_orders_that_are_forgotten_make_room_for_the_executions_of_others(
    world: OrderWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remembered, "EXECUTIONS_MAX", 4)
    monkeypatch.setattr(remembered, "ACCOUNT_CLOSED_ORDERS_MAX", 0)
    for _ in range(3):
        order = await world.submit_order(ACTOR, request(quantity=D(4)))
        assert await reads_of_fills(world, order, 4) == [0, 0, 0, 0], "a forgotten order counts no more"


async def test_an_order_of_very_many_executions_is_read_again(
    world: OrderWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remembered, "ORDER_EXECUTIONS_MAX", 2)
    order = await world.submit_order(ACTOR, request(quantity=D(4)))
    assert await reads_of_fills(world, order, 4) == [0, 0, 0, 1]
    stored = await world.stored(order)
    assert (stored.status, len(stored.executions)) == (OrderStatus.FILLED, 4)


@pytest.mark.parametrize("seed", range(4))
async def test_two_processes_on_one_account_add_up(world: OrderWorld, other: OrderWorld, seed: int) -> None:
    """Orders, fills and cancels from both at once: what is locked is what open orders hold, and the log has no gap."""
    random = Random(seed)
    known: list[Order] = []

    async def act(process: OrderWorld) -> None:
        for _ in range(15):
            choice = random.random()
            if choice < 0.6 or not known:
                side = random.choice(list(Side))
                price = D(random.randint(60, 95)) if side is Side.BUY else D(random.randint(110, 140))
                quantity = D(random.randint(100, 300)) / 1000
                asked = request(side=side, quantity=quantity, limit_price=price)
                known.append(await process.submit_order(ACTOR, asked))
            elif choice < 0.8:
                await process.sink.deliver(list(fills(random.choice(known))))
            else:
                await process.sink.deliver(list(cancels(random.choice(known))))

    await asyncio.gather(act(world), act(world), act(other), act(other))
    stored = [await world.stored(order) for order in known]
    for asset in ("USDT", "BTC"):
        held = (o.reservation.remaining for o in stored if o.reservation is not None and o.reservation.asset == asset)
        assert (await world.balance(asset))[1] == sum(held, D(0))
    bought = sum((o.executed_quantity * (1 if o.side is Side.BUY else -1) for o in stored), D(0))
    assert (await world.balance("BTC"))[0] == 10 + bought
    async with world.storage.read() as uow:
        events = await uow.events.after(ACCOUNT, 0, 10_000)
    assert [event.sequence for event in events] == list(range(1, len(events) + 1))
