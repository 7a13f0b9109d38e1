"""The laws of the lists of orders, fills and events, over a real database: pages put together are the whole list under
its filters, whatever is added between them; totals are exact; a cursor belongs to its filters."""

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cadenza.application.orders.list import ListOrders, OrderQuery
from cadenza.application.orders.list_events import EventQuery, ListEvents
from cadenza.application.orders.list_executions import ExecutionQuery, ListExecutions
from cadenza.application.paging import CursorCodec, Page
from cadenza.domain.errors import InvalidCursor, InvalidRequest
from cadenza.domain.market.enums import OrderType, Side
from cadenza.domain.trading.enums import LiquiditySide, OrderStatus
from cadenza.domain.trading.events import AccountEvent, EventKind, OrderUpdated
from cadenza.domain.trading.execution import Execution, Fee
from cadenza.domain.trading.order import Order
from cadenza.domain.trading.reports import FeeReport, FillBustedReport, FillCorrectedReport, FillReport
from tests.application.orders.order_world import ACTOR, OrderWorld, accepts, balance_report, fills, named, order_world
from tests.domain.trading.worlds import ACCOUNT, BTC, NOW_MS, D, request

CURSORS = CursorCodec(b"key")
COMMON = settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
LIMITS = st.integers(1, 9)
PICKS = st.integers(0, 99)
"""Which item of a list that grows from example to example. The draws themselves must not depend on what is stored."""


def picked(items: Sequence[Any], pick: int | None) -> Any:
    return None if pick is None else items[pick % len(items)]


@pytest.fixture
async def world(database_dsn: str) -> AsyncIterator[OrderWorld]:
    async with order_world(database_dsn) as made:
        await live(made)
        yield made


async def live(world: OrderWorld) -> None:
    """Orders of each side and several types that are filled, open and canceled, and a few other events."""
    for number in range(6):
        world.session.on_submit = fills if number % 2 else accepts
        side = Side.SELL if number % 3 == 0 else Side.BUY
        kind = OrderType.MARKET if number == 5 else OrderType.LIMIT
        order = await world.submit_order(
            ACTOR, request(side=side, type=kind, client_order_id=f"c-{number}", idempotency_key=f"k-{number}")
        )
        if number == 4:
            await world.cancel_order(ACTOR, ACCOUNT, order.id)
        if number % 2 == 0:
            await fill(world, order, number)
    await world.intake.apply([balance_report("ETH", str(number), as_of=NOW_MS + number) for number in range(3)])


async def fill(world: OrderWorld, order: Order, number: int) -> None:
    report = FillReport(
        **(named(order) | {"at_ms": NOW_MS + 7 * (number % 5)}), venue_order_id=f"V{order.id.hex}",
        trade_id=f"P{number}", side=order.side, price=D(90), quantity=D("0.001"), liquidity=LiquiditySide.MAKER,
    )  # fmt: skip
    await world.intake.apply([report])


async def walked(ask: Any, query: Any, between: Callable[[], Any] | None = None) -> tuple[list[Any], list[Page[Any]]]:
    """Read every page; `between` happens after each."""
    items: list[Any] = []
    pages: list[Page[Any]] = []
    while True:
        page = await ask(ACTOR, query)
        items += page.items
        pages.append(page)
        assert page.has_next == (page.next_cursor is not None)
        assert len(page.items) == query.limit or not page.has_next
        if page.next_cursor is None:
            return items, pages
        query = replace(query, cursor=page.next_cursor)
        if between is not None:
            await between()


async def all_events(world: OrderWorld) -> Sequence[AccountEvent]:
    async with world.storage.read() as uow:
        return await uow.events.after(ACCOUNT, 0, 100_000)


async def all_orders(world: OrderWorld) -> list[Order]:
    found = await ListOrders(storage=world.storage, cursors=CURSORS)(ACTOR, OrderQuery(limit=1000, ascending=True))
    return list(found.items)


def in_order(items: Sequence[Any], *, ascending: bool) -> list[Any]:
    return list(items) if ascending else list(items)[::-1]


def _kind_of(event: AccountEvent) -> EventKind:
    return EventKind.ORDER if isinstance(event.body, OrderUpdated) else EventKind.BALANCE_CORRECTED


@COMMON
@given(
    data=st.data(), limit=LIMITS, ascending=st.booleans(), kind=st.sampled_from([None, *EventKind]),
    is_of_order=st.booleans(), grows=st.booleans(),
)  # fmt: skip
async def test_events(
    world: OrderWorld, data: st.DataObject, limit: int, ascending: bool, kind: EventKind | None, is_of_order: bool,
    grows: bool,
) -> None:  # fmt: skip
    whole, orders = await all_events(world), await all_orders(world)
    order_id = picked([order.id for order in orders], data.draw(PICKS)) if is_of_order else None
    times = [event.at_ms for event in whole]
    start_ms, end_ms = picked(times, data.draw(st.none() | PICKS)), picked(times, data.draw(st.none() | PICKS))
    query = EventQuery(
        account_id=ACCOUNT, order_id=order_id, kind=kind, start_ms=start_ms, end_ms=end_ms, limit=limit,
        ascending=ascending,
    )  # fmt: skip

    def selected(events: Sequence[AccountEvent]) -> list[AccountEvent]:
        return [
            event
            for event in events
            if (kind is None or _kind_of(event) is kind)
            and (order_id is None or event.order_id == order_id)
            and (start_ms is None or event.at_ms >= start_ms)
            and (end_ms is None or event.at_ms < end_ms)
        ]

    async def grow() -> None:
        await fill(world, orders[0], 1000 + len(await all_events(world)))

    found, pages = await walked(ListEvents(storage=world.storage, cursors=CURSORS), query, grow if grows else None)
    assert pages[0].total == len(selected(whole))
    final = selected(await all_events(world))
    if ascending:
        assert found == final
    else:
        assert found == in_order(selected(whole), ascending=False)
    assert pages[-1].total == len(final)


@COMMON
@given(
    data=st.data(), limit=LIMITS, ascending=st.booleans(), side=st.sampled_from([None, *Side]),
    is_busted=st.sampled_from([None, True, False]), is_of_order=st.booleans(), grows=st.booleans(),
)  # fmt: skip
async def test_executions(
    world: OrderWorld, data: st.DataObject, limit: int, ascending: bool, side: Side | None, is_busted: bool | None,
    is_of_order: bool, grows: bool,
) -> None:  # fmt: skip
    orders = await all_orders(world)
    whole = sorted(
        (each for order in orders for each in order.executions), key=lambda each: (each.executed_at_ms, each.id)
    )
    order_id = picked([order.id for order in orders], data.draw(PICKS)) if is_of_order else None
    times = [execution.executed_at_ms for execution in whole]
    start_ms, end_ms = picked(times, data.draw(st.none() | PICKS)), picked(times, data.draw(st.none() | PICKS))
    instrument_id = data.draw(st.sampled_from([None, BTC]))
    query = ExecutionQuery(
        account_id=data.draw(st.sampled_from([ACCOUNT, None])) if is_of_order else ACCOUNT, order_id=order_id,
        instrument_id=instrument_id, side=side, is_busted=is_busted, start_ms=start_ms, end_ms=end_ms, limit=limit,
        ascending=ascending,
    )  # fmt: skip
    selected = [
        execution
        for execution in whole
        if (order_id is None or execution.order_id == order_id)
        and (side is None or execution.side is side)
        and (is_busted is None or execution.is_busted is is_busted)
        and (start_ms is None or execution.executed_at_ms >= start_ms)
        and (end_ms is None or execution.executed_at_ms < end_ms)
    ]

    async def grow() -> None:
        await fill(world, orders[0], 1000 + len(await all_events(world)))

    found, pages = await walked(ListExecutions(storage=world.storage, cursors=CURSORS), query, grow if grows else None)
    known = {execution.id for execution in whole}
    assert pages[0].total == len(selected)
    assert [execution for execution in found if execution.id in known] == in_order(selected, ascending=ascending)
    assert len({execution.id for execution in found}) == len(found)


@COMMON
@given(
    data=st.data(), limit=LIMITS, ascending=st.booleans(), side=st.sampled_from([None, *Side]),
    is_open=st.sampled_from([None, True, False]), statuses=st.frozensets(st.sampled_from(OrderStatus), max_size=3),
    type=st.sampled_from([None, OrderType.LIMIT, OrderType.MARKET]), is_of_account=st.booleans(),
)  # fmt: skip
async def test_orders(
    world: OrderWorld, data: st.DataObject, limit: int, ascending: bool, side: Side | None, is_open: bool | None,
    statuses: frozenset[OrderStatus], type: OrderType | None, is_of_account: bool,
) -> None:  # fmt: skip
    whole = await all_orders(world)
    client_order_id = data.draw(st.none() | st.sampled_from(["c-1", "c-4", "no such"]))
    key = data.draw(st.none() | st.sampled_from(["k-1", "k-4", "no such"]))
    query = OrderQuery(
        account_id=ACCOUNT if is_of_account else None, statuses=statuses, is_open=is_open, side=side, type=type,
        client_order_id=client_order_id, idempotency_key=key, limit=limit, ascending=ascending,
    )  # fmt: skip
    selected = [
        order
        for order in whole
        if (not statuses or order.status in statuses)
        and (is_open is None or order.is_closed is not is_open)
        and (side is None or order.side is side)
        and (type is None or order.type is type)
        and client_order_id in (None, order.client_order_id)
        and key in (None, order.idempotency_key)
    ]
    found, pages = await walked(ListOrders(storage=world.storage, cursors=CURSORS), query)
    assert found == in_order(selected, ascending=ascending)
    assert {page.total for page in pages} == {len(selected)}


async def test_executions_are_shown_as_they_are_now(world: OrderWorld) -> None:
    world.session.on_submit = lambda order: fills(order, "T1")
    order = await world.submit_order(ACTOR, request())
    facts = named(order) | {"trade_id": "T1"}
    await world.intake.apply([FeeReport(**(facts | {"at_ms": NOW_MS + 1}), fees=(Fee("BNB", D("0.5")),))])
    (late,) = await executions(world, order)
    assert late.fees == (Fee("BNB", D("0.5")),)
    corrected = FillCorrectedReport(**(facts | {"at_ms": NOW_MS + 2}), side=order.side, price=D(91), quantity=D("0.5"))
    await world.intake.apply([corrected])
    (now,) = await executions(world, order)
    assert (now.id, now.price, now.quantity, now.corrected_at_ms) == (late.id, D(91), D("0.5"), NOW_MS + 2)
    await world.intake.apply([FillBustedReport(**(facts | {"at_ms": NOW_MS + 3}))])
    (busted,) = await executions(world, order)
    assert busted.is_busted
    assert await executions(world, order, is_busted=False) == []


async def executions(world: OrderWorld, order: Order, **more: Any) -> Sequence[Execution]:
    page = await ListExecutions(storage=world.storage, cursors=CURSORS)(
        ACTOR, ExecutionQuery(order_id=order.id, **more)
    )
    assert page.total == len(page.items)
    return page.items


async def test_a_cursor_belongs_to_its_filters(world: OrderWorld) -> None:
    events, fills_of, orders = (
        ListEvents(storage=world.storage, cursors=CURSORS),
        ListExecutions(storage=world.storage, cursors=CURSORS),
        ListOrders(storage=world.storage, cursors=CURSORS),
    )
    cases: list[tuple[Any, Any, list[dict[str, Any]]]] = [
        (events, EventQuery(account_id=ACCOUNT, limit=1), [{"kind": EventKind.ORDER}, {"ascending": True}]),
        (
            fills_of,
            ExecutionQuery(account_id=ACCOUNT, limit=1),
            [{"side": Side.BUY}, {"is_busted": False}, {"instrument_id": BTC}],
        ),
        (
            orders,
            OrderQuery(limit=1),
            [{"is_open": True}, {"side": Side.BUY}, {"statuses": frozenset(OrderStatus)}, {"client_order_id": "c-1"},
             {"idempotency_key": "k"}, {"type": OrderType.LIMIT}, {"account_id": ACCOUNT}],
        ),
    ]  # fmt: skip
    cursors = []
    for ask, query, others in cases:
        cursor = (await ask(ACTOR, query)).next_cursor
        cursors.append(cursor)
        assert (await ask(ACTOR, replace(query, cursor=cursor, limit=2))).items
        for other in others:
            with pytest.raises(InvalidCursor):
                await ask(ACTOR, replace(query, cursor=cursor, **other))
    for ask, query, _ in cases:
        for cursor in ("", "nonsense", "A" * 48, *cursors):
            if cursor != cursors[[each[0] for each in cases].index(ask)]:
                with pytest.raises(InvalidCursor):
                    await ask(ACTOR, replace(query, cursor=cursor))


async def test_executions_of_everything_are_not_listed(world: OrderWorld) -> None:
    with pytest.raises(InvalidRequest, match="tradingAccountId"):
        await ListExecutions(storage=world.storage, cursors=CURSORS)(ACTOR, ExecutionQuery(side=Side.BUY))
