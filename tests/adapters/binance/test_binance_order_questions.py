"""Questions about single orders of which the venue knows much, or has forgotten a part."""

from collections.abc import AsyncIterator
from decimal import Decimal as D
from pathlib import Path

import pytest
from tests.binance_kit import ASK, BID, Desk, open_desk, simulated_binance
from tests.conformance.harness import believed
from tests.inhouse_kit import kinds

from cadenza.adapters.venues.binance.spec import DAY_MS
from cadenza.domain.market.enums import Side, TimeInForce
from cadenza.domain.trading.enums import OrderStatus
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
