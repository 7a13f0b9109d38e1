"""All orders of an account in a symbol are canceled by one request, where BINANCE says what became of each."""

from collections.abc import AsyncIterator, Sequence
from decimal import Decimal
from pathlib import Path

import pytest
from tests.binance_kit import Desk, open_desk, simulated_binance
from tests.conformance.harness import believed
from tests.inhouse_kit import kinds

from cadenza.domain.market.enums import Side
from cadenza.domain.trading.enums import OrderStatus
from cadenza.domain.trading.order import Order
from cadenza.domain.trading.reports import OrderReport, Report

D = Decimal
CANCEL_ALL = "openOrders.cancelAll"


@pytest.fixture(params=["spot", "margin"])
async def desk(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Desk]:
    async with simulated_binance(tmp_path) as venue, open_desk(venue, market=request.param) as opened:
        yield opened


async def resting(desk: Desk, count: int) -> list[Order]:
    """Place so many orders; return them as the venue acknowledged them."""
    orders = [desk.resting("0.5") for _ in range(count)]
    return [believed(order, await desk.session.submit(order)) for order in orders]


def about(order: Order, reports: Sequence[Report]) -> list[Report]:
    return [each for each in reports if isinstance(each, OrderReport) and each.order_id == order.id]


async def made(desk: Desk, name: str) -> int:
    return sum(1 for each in await desk.venue.get("requests") if each["name"] == name)


async def test_one_request_ends_all_and_the_reply_says_so(desk: Desk) -> None:
    orders = await resting(desk, 3)
    reply = await desk.session.cancel_all(desk.instrument.id, orders)
    for order in orders:
        assert believed(order, about(order, reply)).status is OrderStatus.CANCELED
        assert await desk.truth(order) == ["CANCELED"]
    assert (await made(desk, CANCEL_ALL), await made(desk, "order.cancel")) == (1, 0)


async def test_what_was_executed_before_counts(desk: Desk) -> None:
    (order,) = await resting(desk, 1)
    assert order.limit_price is not None
    await desk.venue.market(desk.instrument.external_symbol, (Side.SELL, order.limit_price, D("0.4")), market="spot")
    reply = await desk.session.cancel_all(desk.instrument.id, [order])
    (ended,) = about(order, reply)
    assert getattr(ended, "executed_quantity", None) == D("0.4")


@pytest.mark.parametrize("kind", ["reset_after", "error_after", "reset_before", "error_before"])
async def test_without_an_answer_nothing_is_said_of_any_order(desk: Desk, kind: str) -> None:
    orders = await resting(desk, 2)
    await desk.venue.fault(CANCEL_ALL, kind)
    assert await desk.session.cancel_all(desk.instrument.id, orders) == []
    truth = [await desk.truth(order) for order in orders]
    assert truth == ([["CANCELED"]] * 2 if kind.endswith("after") else [["NEW"]] * 2)
    for order in orders:
        await desk.session.cancel(order)
        assert await desk.truth(order) == ["CANCELED"]


async def test_nothing_open_is_no_rejection(desk: Desk) -> None:
    (order,) = await resting(desk, 1)
    await desk.session.cancel(order)
    assert kinds(await desk.session.cancel_all(desk.instrument.id, [order])) == []
