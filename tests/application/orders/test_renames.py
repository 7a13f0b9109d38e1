"""A rename that comes after the order that it names was reported, and adopted as an order of its own."""

import pytest

from cadenza.domain.market.enums import OrderType, TimeInForce
from cadenza.domain.trading.enums import LiquiditySide
from cadenza.domain.trading.kept import KeepReason
from cadenza.domain.trading.order import Doubt, Order
from cadenza.domain.trading.reports import AcceptedReport, ExternalOrderReport, FillReport, Report
from tests.application.orders.order_world import ACTOR, named, order_world
from tests.domain.trading.worlds import ACCOUNT, BTC, NOW_MS, D, request


def rename(order: Order, **names: object) -> AcceptedReport:
    found = {**named(order), "order_id": None, "sent_id": order.sent_id, **names}
    return AcceptedReport(**found, venue_order_id="55", former_venue_order_id="algo-77", executed_quantity=D(0))


@pytest.mark.parametrize("by_lookup", [False, True])
async def test_ours_is_in_doubt_for_an_operator_and_the_fill_is_booked_once(database_dsn: str, by_lookup: bool) -> None:
    async with order_world(database_dsn) as world:
        world.session.on_submit = lambda order: [
            AcceptedReport(**named(order), venue_order_id="algo-77", executed_quantity=D(0))
        ]
        order = await world.submit_order(ACTOR, request())
        names = {"account_id": ACCOUNT, "instrument_id": BTC, "venue_order_id": "55", "at_ms": NOW_MS + 5}
        adopted = ExternalOrderReport(
            **names, sent_id="venue-made", side=order.side, type=OrderType.MARKET, time_in_force=TimeInForce.IOC,
            quantity=order.quantity, executed_quantity=D(0),
        )  # fmt: skip
        fill = FillReport(
            **names, trade_id="9", side=order.side, price=D(100), quantity=D("0.5"), liquidity=LiquiditySide.TAKER
        )
        await world.intake.apply([adopted, fill])
        link: Report = rename(order, order_id=order.id) if by_lookup else rename(order)
        for _ in range(2):
            await world.intake.apply([link])
        ours = await world.stored(order)
        assert (ours.venue_order_id, ours.executed_quantity, ours.doubt) == ("algo-77", D(0), Doubt.UNDETERMINED)
        async with world.storage.read() as uow:
            (other,) = [each for each in await uow.orders.unresolved(ACCOUNT) if each.id != order.id]
            kept = [each.reason for each in await uow.kept.oldest(10)]
        assert (other.venue_order_id, other.executed_quantity) == ("55", D("0.5"))
        assert kept == [KeepReason.OTHER_ORDER]
