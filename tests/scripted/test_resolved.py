"""What an operator states about an order in doubt, and what the venue says about it before and after."""

from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest

from cadenza.application.orders.resolve import RequestResolution, Resolution, ResolveOrder, payload_of
from cadenza.domain.errors import InvalidRequest, VenueUnavailable
from cadenza.domain.trading.enums import OrderStatus
from tests.inhouse_kit import until
from tests.scripted.kinds import only
from tests.scripted.session import Fault
from tests.scripted.specs import DESK, STREAMED, Kind
from tests.scripted.world import Trader, World

D = Decimal


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
