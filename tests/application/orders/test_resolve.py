"""An operator's word about an order in doubt, and reports that only a person can settle."""

from collections.abc import AsyncIterator

import pytest

from cadenza.application.orders.resolve import FoundFill, RequestResolution, Resolution, ResolveOrder
from cadenza.domain.errors import InstrumentNotFound, InvalidRequest
from cadenza.domain.trading.enums import OrderStatus, RejectReason
from cadenza.domain.trading.kept import KeepReason
from cadenza.domain.trading.order import Doubt, Order
from cadenza.domain.trading.reports import (
    FillReport,
    OrderStatusReport,
    RejectedReport,
    UndeterminedOutcomeReport,
    VenueOrderStatus,
)
from cadenza.ports.alarms import Alarm
from tests.application.orders.order_world import (
    ACTOR,
    OrderWorld,
    accepts,
    fills,
    loses_the_answer,
    named,
    order_world,
)
from tests.domain.trading.worlds import NOW_MS, SPEC, D, request


@pytest.fixture
async def world(database_dsn: str) -> AsyncIterator[OrderWorld]:
    async with order_world(database_dsn) as made:
        yield made


def undetermined(order: Order) -> UndeterminedOutcomeReport:
    return UndeterminedOutcomeReport(**named(order), cause="the venue has forgotten it")


async def doubtful(world: OrderWorld) -> Order:
    """An order of 1 whose outcome asking cannot determine."""
    world.session.on_submit = loses_the_answer
    order = await world.submit_order(ACTOR, request())
    await world.intake.apply([undetermined(order)])
    world.alarms.sounded.clear()
    return order


def found(trade_id: str, quantity: str) -> FoundFill:
    return FoundFill(trade_id, D(quantity), D(90), NOW_MS)


def half(order: Order, trade_id: str) -> FillReport:
    return FillReport(**named(order), trade_id=trade_id, side=order.side, price=D(90), quantity=D("0.5"))


async def resolve(world: OrderWorld, order: Order, outcome: OrderStatus, *fills: FoundFill) -> Order:
    """Do what the server does, a minute later, with a request that was recorded before."""
    world.clock.ahead_ms = 60_000
    job = ResolveOrder(storage=world.storage, committer=world.committer, intake=world.intake)
    await job(
        {
            "order_id": str(order.id),
            "outcome": outcome.value,
            "fills": [[f.trade_id, str(f.quantity), str(f.price), f.executed_at_ms] for f in fills],
        }
    )
    return await world.stored(order)


def ask_of(world: OrderWorld) -> RequestResolution:
    return RequestResolution(storage=world.storage, spec=lambda venue_id: SPEC, clock=world.clock)


def sounded(world: OrderWorld) -> list[Alarm]:
    return [alarm for alarm, _ in world.alarms.sounded]


# --- which orders


async def test_an_acknowledged_order_that_the_venue_has_forgotten_can_be_resolved(world: OrderWorld) -> None:
    order = await world.submit_order(ACTOR, request())
    await world.intake.apply([undetermined(order), undetermined(order)])
    assert sounded(world) == [Alarm.OUTCOME_UNDETERMINED]
    async with world.storage.read() as uow:
        assert [each.id for each in await uow.orders.in_doubt(0, 10)] == [order.id]
    await ask_of(world)(Resolution(order.id, OrderStatus.CANCELED))
    canceled = await resolve(world, order, OrderStatus.CANCELED)
    assert (canceled.status, canceled.is_in_doubt) == (OrderStatus.CANCELED, False)
    assert await world.balance("USDT") == (D(1_000_000), D(0))


async def test_a_session_that_takes_not_knowing_for_a_proof_raises_the_alarm_too(world: OrderWorld) -> None:
    order = await world.submit_order(ACTOR, request())
    world.clock.ahead_ms = 60_000
    await world.intake.apply([RejectedReport(**named(order), reason=RejectReason.NOT_FOUND_AT_VENUE.value)])
    assert sounded(world) == [Alarm.OUTCOME_UNDETERMINED]
    assert (await world.stored(order)).doubt is Doubt.UNDETERMINED


async def test_an_order_made_larger_after_it_was_filled_raises_an_alarm_while_it_works(world: OrderWorld) -> None:
    world.session.on_submit = fills
    order = await world.submit_order(ACTOR, request())
    shown = OrderStatusReport(
        **named(order) | {"at_ms": NOW_MS + 9}, status=VenueOrderStatus.WORKING, quantity=D(2), executed_quantity=D(1)
    )
    await world.intake.apply([shown, shown])
    assert sounded(world) == [Alarm.CLOSED_ORDER_WORKS]
    await world.intake.apply([half(order, "t2")])
    booked = await world.stored(order)
    assert (booked.status, booked.executed_quantity) == (OrderStatus.FILLED, D("1.5"))


# --- what becomes of it


async def test_the_found_fills_are_booked(world: OrderWorld) -> None:
    resolved = await resolve(world, await doubtful(world), OrderStatus.CANCELED, found("t1", "0.5"))
    assert (resolved.status, resolved.executed_quantity) == (OrderStatus.CANCELED, D("0.5"))
    assert not sounded(world)


async def test_a_found_fill_that_does_not_fit_is_kept_with_an_alarm(world: OrderWorld) -> None:
    order = await doubtful(world)
    await world.intake.apply([half(order, "t1")])  # after the operator looked
    resolved = await resolve(world, order, OrderStatus.CANCELED, found("t2", "0.75"))
    assert (resolved.status, resolved.executed_quantity) == (OrderStatus.CANCELED, D("0.5"))
    assert sounded(world) == [Alarm.REPORT_REFUSED]
    async with world.storage.read() as uow:
        assert [kept.reason for kept in await uow.kept.oldest(10)] == [KeepReason.MORE_THAN_ORDERED]


async def test_a_found_fill_that_cannot_be_booked_does_not_stop_the_resolution(
    world: OrderWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise InstrumentNotFound("gone")

    order = await doubtful(world)
    monkeypatch.setattr("cadenza.domain.trading.apply.book", refuse)
    resolved = await resolve(world, order, OrderStatus.CANCELED, found("t1", "0.5"))
    assert (resolved.status, resolved.executed_quantity) == (OrderStatus.CANCELED, D(0))
    assert sounded(world) == [Alarm.REPORT_REFUSED]
    async with world.storage.read() as uow:
        assert [kept.reason for kept in await uow.kept.oldest(10)] == [KeepReason.REFUSED]


async def test_a_found_fill_that_another_order_has_is_kept_and_the_others_are_booked(world: OrderWorld) -> None:
    world.session.on_submit = fills
    first = await world.submit_order(ACTOR, request())
    taken = f"T{first.id.hex}"
    order = await doubtful(world)
    resolved = await resolve(world, order, OrderStatus.CANCELED, found(taken, "0.25"), found("t2", "0.5"))
    assert (resolved.status, resolved.executed_quantity) == (OrderStatus.CANCELED, D("0.5"))
    assert not resolved.is_in_doubt
    assert sounded(world) == [Alarm.REPORT_REFUSED]
    async with world.storage.read() as uow:
        (kept,) = await uow.kept.oldest(10)
    assert (kept.reason, getattr(kept.report, "trade_id", None)) == (KeepReason.REFUSED, taken)


@pytest.mark.parametrize("at_ms", [NOW_MS * 1_000, 10**19, -1], ids=["microseconds", "beyond 64 bits", "before 1970"])
async def test_a_found_fill_with_an_instant_that_no_calendar_holds(world: OrderWorld, at_ms: int) -> None:
    order = await doubtful(world)
    odd = FoundFill("t1", D("0.5"), D(90), at_ms)
    with pytest.raises(InvalidRequest, match="is not the time of a fill"):
        await ask_of(world)(Resolution(order.id, OrderStatus.CANCELED, [odd]))
    resolved = await resolve(world, order, OrderStatus.CANCELED, odd, found("t2", "0.25"))
    assert (resolved.status, resolved.executed_quantity) == (OrderStatus.CANCELED, D("0.25"))
    assert sounded(world) == [Alarm.REPORT_UNREADABLE]


async def test_a_found_fill_whose_name_cannot_be_stored_is_refused(world: OrderWorld) -> None:
    order = await doubtful(world)
    with pytest.raises(InvalidRequest, match="a value that cannot be stored: trade_id"):
        await ask_of(world)(Resolution(order.id, OrderStatus.CANCELED, [found("t\x00", "0.5")]))


async def test_an_order_that_was_executed_since_it_was_called_never_arrived_is_canceled(world: OrderWorld) -> None:
    order = await doubtful(world)
    await world.intake.apply([half(order, "t1")])
    resolved = await resolve(world, order, OrderStatus.REJECTED)
    assert (resolved.status, resolved.executed_quantity) == (OrderStatus.CANCELED, D("0.5"))
    assert await world.balance("USDT") == (D(1_000_000) - 45, D(0))


async def test_a_second_resolution_is_refused_while_the_first_one_waits(world: OrderWorld) -> None:
    order = await doubtful(world)
    ask = ask_of(world)
    await ask(Resolution(order.id, OrderStatus.REJECTED))
    with pytest.raises(InvalidRequest, match="waiting for the server"):
        await ask(Resolution(order.id, OrderStatus.CANCELED))


async def test_an_order_that_is_settled_by_then_stays_as_it_is(world: OrderWorld) -> None:
    order = await doubtful(world)
    await world.intake.apply(accepts(order))
    assert (await resolve(world, order, OrderStatus.CANCELED)).status is OrderStatus.ACCEPTED
