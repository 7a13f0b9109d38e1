"""An order's log: the order as it is stored can be read from it, and it costs a small row for each decision."""

from collections.abc import AsyncIterator, Sequence

import pytest

from cadenza.adapters.storage.bodies import event_text
from cadenza.application.orders.apply_report import ApplyReports
from cadenza.domain.evolve import evolve
from cadenza.domain.trading.enums import OrderStatus
from cadenza.domain.trading.events import AccountEvent, OrderUpdated
from cadenza.domain.trading.execution import Fee
from cadenza.domain.trading.order import Order
from cadenza.domain.trading.reports import FillReport, Report
from cadenza.wire.push import encode_account_event
from tests.application.orders.order_world import ACTOR, OrderWorld, cancels, fills, order_world
from tests.domain.trading.worlds import ACCOUNT, NOW_MS, D, request

FILLS = 60


@pytest.fixture
async def world(database_dsn: str) -> AsyncIterator[OrderWorld]:
    async with order_world(database_dsn) as made:
        yield made


def fill(order: Order, number: int) -> Report:
    """The fill of a share: number and totals have as many digits for each."""
    return FillReport(
        account_id=ACCOUNT, order_id=order.id, venue_order_id=f"V{order.id.hex}", at_ms=NOW_MS + number,
        trade_id=f"T{number:04d}", instrument_id=order.instrument_id, side=order.side, price=D(90), quantity=D("0.01"),
        fees=(Fee("USDT", D("0.01")),),
    )  # fmt: skip


async def logged(world: OrderWorld) -> Sequence[AccountEvent]:
    async with world.storage.read() as uow:
        return await uow.events.after(ACCOUNT, 0, 1_000)


def folded(events: Sequence[AccountEvent]) -> Order:
    """The order as a subscriber of the channel knows it: the newest totals, and every execution that came."""
    bodies = [event.body for event in events if isinstance(event.body, OrderUpdated)]
    executions = {execution.trade_id: execution for body in bodies for execution in body.executions}
    in_order = sorted(executions.values(), key=lambda execution: execution.sort_key)
    return evolve(bodies[-1].order, executions=tuple(in_order))


async def test_an_order_of_many_fills_costs_the_log_and_a_push_the_same_for_each(world: OrderWorld) -> None:
    order = await world.submit_order(ACTOR, request())
    before = len(await logged(world))
    for number in range(FILLS):
        await world.committer.commit_report(ApplyReports([fill(order, number)]))
    events = (await logged(world))[before:]
    assert len(events) == FILLS
    stored_bytes = [len(event_text(event.body)[1]) for event in events]
    pushed_bytes = [len(encode_account_event(event)) for event in events]
    for sizes in (stored_bytes, pushed_bytes):
        assert max(sizes) - min(sizes) <= 8, "only totals grow, by digits"
    assert folded(await logged(world)) == await world.stored(order)


async def test_the_fills_of_one_decision_are_one_event(world: OrderWorld) -> None:
    order = await world.submit_order(ACTOR, request())
    before = len(await logged(world))
    await world.sink.deliver([fill(order, 2), fill(order, 1)])
    await world.sink.deliver([fill(order, 1), fill(order, 3)])
    bodies = [event.body for event in (await logged(world))[before:]]
    added = [[execution.trade_id for execution in body.executions] for body in bodies if isinstance(body, OrderUpdated)]
    assert added == [["T0001", "T0002"], ["T0003"]], "by time, and none twice"
    assert all(body.order.executions == () for body in bodies if isinstance(body, OrderUpdated))


async def test_an_event_without_a_fill_has_no_executions(world: OrderWorld) -> None:
    order = await world.submit_order(ACTOR, request())
    await world.sink.deliver([fill(order, 1)])
    await world.sink.deliver(list(cancels(order)))
    last = (await logged(world))[-1].body
    assert isinstance(last, OrderUpdated)
    assert (last.order.status, last.order.executed_quantity) == (OrderStatus.CANCELED, D("0.01"))
    assert last.executions == ()


async def test_the_log_says_the_order_as_it_is_stored(world: OrderWorld) -> None:
    world.session.on_submit = fills
    order = await world.submit_order(ACTOR, request())
    assert folded(await logged(world)) == await world.stored(order)
