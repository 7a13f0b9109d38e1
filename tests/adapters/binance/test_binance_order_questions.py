"""Questions about single orders of which the venue knows much, or has forgotten a part."""

from collections.abc import AsyncIterator
from dataclasses import replace
from decimal import Decimal as D
from pathlib import Path

import pytest
from tests.binance_kit import ASK, BID, Desk, open_desk, simulated_binance
from tests.conformance.harness import believed
from tests.inhouse_kit import kinds
from tests.simulators.binance.trader import Trader

from cadenza.adapters.venues.binance.spec import DAY_MS, FENCE
from cadenza.domain.market.enums import OrderType, Side, TimeInForce
from cadenza.domain.trading.enums import OrderStatus
from cadenza.domain.trading.order import Order
from cadenza.domain.trading.reports import FillReport


@pytest.fixture
async def usdm_desk(tmp_path: Path) -> AsyncIterator[Desk]:
    async with simulated_binance(tmp_path) as venue, open_desk(venue, market="usdm") as opened:
        yield opened


async def silence(desk: Desk) -> None:
    """Nothing comes over the stream any more."""
    await desk.venue.post("faults", {"events": [{"on": "user", "kind": "silence"}]})


async def pass_days(desk: Desk, days: int) -> None:
    """Let days go by while the connector does not run."""
    await desk.connector.stop()
    desk.venue.clock.advance(days * DAY_MS)
    await desk.again()


@pytest.mark.parametrize("market", ["spot", "usdm"])
async def test_a_lookup_brings_every_execution_of_an_order_that_has_more_than_a_page(
    tmp_path: Path, market: str
) -> None:
    count = 1_003  # the venue lists 1,000 at most
    async with simulated_binance(tmp_path) as venue, open_desk(venue, market=market) as desk:
        levels = [(Side.SELL, ASK + D(n) / 10, D("0.001")) for n in range(count)]
        shown = (Side.BUY, BID, D(3)), *levels
        await venue.market("BTCUSDT", *shown, clear=True, market="usdm" if market == "usdm" else "spot")
        await silence(desk)
        await venue.fault("order.place", "reset_after")
        order = desk.limit(str(count * D("0.001")), None, time_in_force=TimeInForce.IOC)
        await desk.session.submit(order)
        found = await desk.session.lookup([order])
    fills = [each for each in found if isinstance(each, FillReport)]
    assert len({each.trade_id for each in fills}) == len(fills) == count
    assert sum(each.quantity for each in fills) == order.quantity


async def test_executions_from_weeks_ago_are_found(usdm_desk: Desk) -> None:
    """USD-M answers with those of the last seven days, unless it is asked for others."""
    desk = usdm_desk
    await silence(desk)
    order = desk.limit("5", str(ASK))  # more than the book has
    accepted = await desk.session.submit(order)
    known = believed(order, accepted)
    assert known.missing_quantity == D(3)
    await pass_days(desk, 15)
    found = await desk.session.lookup([known])
    end = believed(order, [*accepted, *found])
    assert (end.status, end.executed_quantity) == (OrderStatus.PARTIALLY_FILLED, D(3))
    assert not end.is_in_doubt
    again = await desk.session.identify(desk.instrument.id, known.venue_order_id or "")
    assert "Fill" in kinds(again)


async def triggered(desk: Desk) -> tuple[Order, int]:
    """A STOP_LIMIT of which only the submit was answered: it has been triggered since, and rests. Return it with the
    number of the order that it became."""
    await silence(desk)
    order = replace(desk.limit("0.5", "60050", type=OrderType.STOP_LIMIT, stop="60100"), time_in_force=TimeInForce.GTC)
    known = believed(order, await desk.session.submit(order))
    levels = (Side.BUY, D(60090), D(3)), (Side.SELL, D(60110), D(3))
    await desk.venue.market("BTCUSDT", *levels, clear=True, market="usdm")
    async with Trader(desk.venue.simulator, clock=desk.venue.clock.now_ms) as trader:
        await trader.trade_usdm("60100", "0.001", "BUY")
        (child,) = (await trader.usdm("GET", "v1/openOrders")).ok
    return known, child["orderId"]


async def test_a_triggered_order_that_ended_and_that_the_venue_has_forgotten_has_ended(usdm_desk: Desk) -> None:
    """The venue still knows the conditional order, and not the one that it became: that one executed nothing."""
    desk = usdm_desk
    known, number = await triggered(desk)
    async with Trader(desk.venue.simulator, clock=desk.venue.clock.now_ms) as trader:
        canceled = await trader.usdm("DELETE", "v1/order", symbol="BTCUSDT", orderId=number)
        assert canceled.status == 200
    await pass_days(desk, 4)
    found = await desk.session.lookup([known])
    assert kinds(found) == ["Accepted", "UnknownOutcome"], "the query may be behind its new name"
    renamed = believed(known, found)
    desk.venue.clock.advance(FENCE.margin_ms + 1)
    found = await desk.session.lookup([renamed])
    assert kinds(found) == ["Canceled"]
    end = believed(renamed, found)
    assert (end.status, end.executed_quantity, end.venue_order_id) == (OrderStatus.CANCELED, D(0), str(number))
    assert await desk.session.identify(desk.instrument.id, known.venue_order_id or "") == []


async def test_a_triggered_order_that_the_venue_does_not_know_yet_may_still_come(usdm_desk: Desk) -> None:
    """However old the conditional order is: the query may be behind the matching engine."""
    desk = usdm_desk
    known, number = await triggered(desk)
    await desk.venue.fault("order.status", "error_before", status=400, body='{"code":-2013,"msg":"no such order"}')
    old = replace(known, created_at_ms=known.created_at_ms - 5 * DAY_MS)
    found = await desk.session.lookup([old])
    assert kinds(found) == ["Accepted", "UnknownOutcome"]
    renamed = believed(old, found)
    assert renamed.venue_order_id == str(number)
    await desk.venue.fault("order.status", "error_before", status=400, body='{"code":-2013,"msg":"no such order"}')
    assert kinds(await desk.session.lookup([renamed])) == ["UnknownOutcome"], "also by its new number"
    assert believed(renamed, await desk.session.lookup([renamed])).status is OrderStatus.ACCEPTED


async def test_a_triggered_order_that_executed_something_and_was_forgotten_cannot_be_determined(
    usdm_desk: Desk,
) -> None:
    desk = usdm_desk
    known, _ = await triggered(desk)
    known = replace(known, stated_quantity=D("0.1"))
    await pass_days(desk, 4)
    await desk.venue.fault("order.status", "error_before", status=400, body='{"code":-2013,"msg":"no such order"}')
    found = await desk.session.lookup([known])
    assert kinds(found) == ["Accepted", "UnknownOutcome"], "the query may be behind its new name"
    renamed = replace(believed(known, found), stated_quantity=D("0.1"))
    desk.venue.clock.advance(FENCE.margin_ms + 1)
    await desk.venue.fault("order.status", "error_before", status=400, body='{"code":-2013,"msg":"no such order"}')
    assert kinds(await desk.session.lookup([renamed])) == ["UndeterminedOutcome"]
