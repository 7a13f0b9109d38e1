"""What an operator states about an order in doubt, and what the venue says about it before and after."""

from dataclasses import replace
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest

from cadenza.application.orders.resolve import FoundFill, RequestResolution, Resolution, ResolveOrder, payload_of
from cadenza.domain.errors import InvalidRequest, VenueUnavailable
from cadenza.domain.trading.enums import OrderStatus
from cadenza.domain.trading.execution import Fee
from cadenza.domain.trading.kept import KeepReason
from cadenza.ports.alarms import Alarm
from tests.inhouse_kit import until
from tests.scripted.kinds import only
from tests.scripted.session import Fault
from tests.scripted.specs import COMPARED, DESK, STREAMED, Kind
from tests.scripted.truth import check_truth
from tests.scripted.venue import VenueFill
from tests.scripted.world import Trader, World

D = Decimal
Fees = tuple[Fee, ...] | None


def ask_of(world: World, kind: Kind, clock: Any = None) -> RequestResolution:
    return RequestResolution(storage=world.process.storage, spec=lambda venue_id: kind.spec, clock=clock or world.clock)


def resolve_of(world: World) -> ResolveOrder:
    trading = world.process.trading
    return ResolveOrder(storage=world.process.storage, committer=trading.committer, intake=trading.intake)


@only(STREAMED, DESK)
async def test_an_order_whose_reply_may_still_come_cannot_be_resolved(world: World, trader: Trader, kind: Kind) -> None:
    trader.session.hold_stream()
    trader.script.next("submit", Fault.HOLD_REPLY)
    answer = trader.submitting()
    await until(lambda: trader.script.waiting > 0, "the order's arrival")
    (order,) = await trader.orders()
    resolution = Resolution(order.id, OrderStatus.REJECTED)
    ask = ask_of(world, kind)
    with pytest.raises(InvalidRequest, match="may still reply"):
        await ask(resolution)
    with pytest.raises(VenueUnavailable):
        await resolve_of(world)(payload_of(resolution))
    trader.script.let_go()
    answered = await answer
    assert (answered.status, answered.is_in_doubt) == (OrderStatus.ACCEPTED, False)
    assert trader.at_venue(order).is_working


@only(STREAMED)
async def test_an_order_without_a_reply_can_be_resolved_once_it_is_late(
    world: World, trader: Trader, kind: Kind
) -> None:
    trader.session.hold_stream()
    trader.script.always("lookup", Fault.REFUSE)
    trader.script.next("submit", Fault.LOSE_REQUEST)
    order = await trader.submit()
    resolution = Resolution(order.id, OrderStatus.REJECTED)
    ask = ask_of(world, kind)
    world.clock.advance(kind.spec.send_within_ms + kind.spec.reply_ms_max + 1)
    await ask(resolution)
    await resolve_of(world)(payload_of(resolution))
    assert (await trader.order(order)).status is OrderStatus.REJECTED


@only(STREAMED)
async def test_a_deadline_of_a_wrong_clock_keeps_nobody_from_resolving_the_order(
    world: World, trader: Trader, kind: Kind
) -> None:
    trader.session.hold_stream()
    trader.script.always("lookup", Fault.REFUSE)
    trader.script.next("submit", Fault.LOSE_REQUEST)
    order = await trader.submit()
    ask = ask_of(world, kind, SimpleNamespace(now_ms=lambda: order.created_at_ms - 86_400_000))
    assert (await ask(Resolution(order.id, OrderStatus.REJECTED))).id == order.id


async def resolved_with(world: World, trader: Trader, *, price: str, quantity: str, fees: Fees = None) -> VenueFill:
    """Resolve an order in doubt with the trade id of its only fill of 0.5 at 100, but with the terms that are given."""
    trader.session.hold_stream()
    trader.script.always("lookup", Fault.REFUSE)
    trader.script.next("submit", Fault.LOSE_REPLY)
    order = await trader.submit(quantity="1")
    fill = trader.venue.fill(trader.at_venue(order), "0.5")
    trader.venue.cancel(trader.at_venue(order))
    await world.pass_time(70_000, 2_000)
    found = FoundFill(fill.trade_id, D(quantity), D(price), fill.at_ms, fill.fees if fees is None else fees)
    await resolve_of(world)(payload_of(Resolution(order.id, OrderStatus.CANCELED, (found,))))
    (typed,) = (await trader.order(order)).executions
    assert (typed.price, typed.quantity, typed.is_by_operator) == (D(price), D(quantity), True)
    trader.script.always("lookup", None)
    world.alarms.sounded.clear()
    return fill


WRONG = [("100", "0.5", ()), ("101", "0.5", None), ("101", "0.5", ()), ("100", "0.25", None), ("99", "0.75", None)]
wrong_words = pytest.mark.parametrize(
    ("price", "quantity", "fees"), WRONG, ids=["no fee", "price", "price, no fee", "less", "more"]
)


@wrong_words
@only(DESK, COMPARED, STREAMED)
async def test_the_venues_own_fill_replaces_what_the_operator_stated(
    world: World, trader: Trader, price: str, quantity: str, fees: Fees
) -> None:
    fill = await resolved_with(world, trader, price=price, quantity=quantity, fees=fees)
    trader.session.release_stream()
    await trader.heard()
    await world.pass_time(20_000, 1_000)
    (order,) = await trader.orders()
    (booked,) = order.executions
    assert (booked.price, booked.quantity, booked.fees) == (fill.price, fill.quantity, fill.fees)
    assert (order.status, order.executed_quantity, order.is_in_doubt) == (OrderStatus.CANCELED, D("0.5"), False)
    assert not booked.is_by_operator
    assert not world.alarms.of(Alarm.REPORT_REFUSED)
    await check_truth(trader)


@wrong_words
@only(DESK, STREAMED)
async def test_a_replay_replaces_what_the_operator_stated(
    world: World, trader: Trader, price: str, quantity: str, fees: Fees
) -> None:
    fill = await resolved_with(world, trader, price=price, quantity=quantity, fees=fees)
    await world.crash()
    await world.pass_time(20_000, 1_000)
    (booked,) = (await trader.orders())[0].executions
    assert (booked.price, booked.quantity, booked.fees) == (fill.price, fill.quantity, fill.fees)
    await check_truth(trader)


@only(STREAMED, DESK)
async def test_a_fill_that_contradicts_a_booked_one_is_kept_with_one_alarm(world: World, trader: Trader) -> None:
    order = await trader.submit(quantity="1")
    fill = trader.venue.fill(trader.at_venue(order), "0.5")
    await trader.heard()
    booked = await trader.order(order)
    good = trader.session.parse.fill(fill)
    odd = replace(good, quantity=D("0.25"), price=D("99"))
    trader.session.report(good, odd, replace(odd, sent_id=order.sent_id), replace(good, fees=()))
    await trader.heard()
    trader.session.report(odd)
    await trader.heard()
    assert (await trader.order(order)).executions == booked.executions
    (kept,) = await world.kept()
    assert kept.reason is KeepReason.OTHER_EXECUTION
    assert "0.5 at 100" in kept.detail
    assert len(world.alarms.of(Alarm.REPORT_REFUSED)) == 1


@only(STREAMED, DESK)
async def test_a_fill_that_comes_again_with_its_fees_brings_them(world: World, trader: Trader) -> None:
    order = await trader.submit(quantity="1")
    trader.session.hold_stream()
    fill = trader.venue.fill(trader.at_venue(order), "0.5")
    good = trader.session.parse.fill(fill)
    assert good.fees
    trader.session.report(replace(good, fees=()))
    await trader.heard()
    assert (await trader.order(order)).fees == ()
    trader.session.release_stream()
    await trader.heard()
    assert (await trader.order(order)).fees == good.fees
    assert not world.alarms.sounded
    await world.settle()
    await check_truth(trader)
