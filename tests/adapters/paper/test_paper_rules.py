"""PAPER by the rules of orders: self-trades, positions row by row, liquidation of hedged accounts, quotes."""

from dataclasses import replace
from decimal import Decimal
from uuid import UUID, uuid5

import pytest
from tests.inhouse_kit import kinds, until
from tests.paper_bench import PERPETUAL, SPOT, Bench

from cadenza.adapters.venues.inhouse.accounts import AccountSettings
from cadenza.adapters.venues.paper import PaperVenueSettings
from cadenza.adapters.venues.paper.market.instruments import INSTRUMENTS
from cadenza.domain.accounts.trading_account import AccountType, PositionMode, PositionSide, TradingAccount
from cadenza.domain.ids import PositionId, QuoteId
from cadenza.domain.market.enums import OrderType, Side, TimeInForce
from cadenza.domain.trading.enums import CancelReason, RejectReason
from cadenza.domain.trading.order import Order
from cadenza.domain.trading.reports import ExternalOrderReport

HEDGED = PaperVenueSettings(accounts=AccountSettings(position_mode=PositionMode.HEDGE))


def closing(bench: Bench, account: TradingAccount, side: Side, quantity: str, price: str | None = None) -> Order:
    """An order that names a position."""
    order = bench.order(account, PERPETUAL, side, quantity, price)
    return replace(order, position_id=PositionId(uuid5(UUID(int=0), side.value)))


@pytest.mark.parametrize("number", [1, 2])
async def test_an_order_that_meets_its_own_account_is_canceled(bench: Bench, number: int) -> None:
    """Also when another trading account of the same key placed the one that rests."""
    account, session, _ = await bench.session()
    resting = bench.order(account, SPOT, Side.SELL, "1", "60005")
    await session.submit(resting)
    taker_account, taker, _ = await bench.session(number=number)
    reports = await taker.submit(bench.order(taker_account, SPOT, Side.BUY, "2"))
    assert kinds(reports) == ["Accepted", "Canceled"]
    assert reports[-1].reason is CancelReason.SELF_TRADE
    assert [order.order_id for order in (await session.snapshot()).open_orders] == [resting.id]


async def test_before_it_meets_itself_it_takes_what_stands_before(bench: Bench) -> None:
    account, session, _ = await bench.session()
    await session.submit(bench.order(account, SPOT, Side.SELL, "1", "60015"))
    reports = await session.submit(bench.order(account, SPOT, Side.BUY, "2", "60020"))
    assert kinds(reports) == ["Accepted", "Fill", "Canceled"]
    assert (reports[1].price, reports[1].quantity) == (Decimal(60010), Decimal(1))


async def test_quoted_orders_are_refused(bench: Bench) -> None:
    account, session, _ = await bench.session()
    order = bench.order(
        account,
        SPOT,
        Side.BUY,
        "1",
        type=OrderType.QUOTED,
        time_in_force=TimeInForce.FOK,
        quote_id=QuoteId(UUID(int=3)),
    )
    (report,) = await session.submit(order)
    assert report.reason == RejectReason.INVALID_ORDER
    assert all(OrderType.QUOTED not in instrument.order_types for instrument in INSTRUMENTS)


@pytest.mark.parametrize(
    "fields",
    [
        {"type": OrderType.LIMIT},
        {"type": OrderType.MARKET, "price": "60000"},
        {"type": OrderType.MARKET, "stop": "60000"},
        {"type": OrderType.STOP},
        {"type": OrderType.STOP, "stop": "61000", "price": "61000"},
        {"type": OrderType.STOP_LIMIT, "stop": "61000"},
        {"type": OrderType.TRAILING_STOP},
        {"type": OrderType.LIMIT, "price": "50000", "time_in_force": TimeInForce.GTD},
        {"type": OrderType.LIMIT, "price": "50000", "expire_at_ms": 9_999_999_999_999},
        {"type": OrderType.LIMIT, "price": "50000", "time_in_force": TimeInForce.OPG},
        {"type": OrderType.LIMIT, "price": "-50000"},
    ],
)
async def test_fields_that_do_not_fit_the_type_are_refused(bench: Bench, fields: dict[str, object]) -> None:
    account, session, _ = await bench.session()
    (report,) = await session.submit(bench.order(account, SPOT, Side.BUY, "1", **fields))
    assert report.reason == RejectReason.INVALID_ORDER


async def test_a_netting_flip_needs_margin_for_what_it_opens_only(bench: Bench) -> None:
    account, session, _ = await bench.session(AccountType.MARGIN)
    assert kinds(await session.submit(bench.order(account, PERPETUAL, Side.BUY, "50", leverage=5))) == [
        "Accepted",
        "Fill",
    ]
    reports = await session.submit(bench.order(account, PERPETUAL, Side.SELL, "80"))  # closes 50, opens 30
    assert kinds(reports)[0] == "Accepted"
    (position,) = (await session.snapshot()).positions
    assert (position.quantity, position.entry_price) == (Decimal(-30), Decimal(59990))


async def test_a_flip_beyond_the_margin_is_refused_and_changes_nothing(bench: Bench) -> None:
    account, session, _ = await bench.session(AccountType.MARGIN)
    await session.submit(bench.order(account, PERPETUAL, Side.BUY, "10", leverage=2))
    (report,) = await session.submit(bench.order(account, PERPETUAL, Side.SELL, "90"))
    assert report.reason == RejectReason.INSUFFICIENT_MARGIN
    assert [position.quantity for position in (await session.snapshot()).positions] == [Decimal(10)]


async def test_two_closing_orders_cannot_close_the_same_row_twice() -> None:
    bench = Bench(HEDGED)
    await bench.connector.start()
    account, session, _ = await bench.session(AccountType.MARGIN)
    await session.submit(bench.order(account, PERPETUAL, Side.BUY, "3", leverage=10))
    assert kinds(await session.submit(closing(bench, account, Side.SELL, "2", "61000"))) == ["Accepted"]
    (refused,) = await session.submit(closing(bench, account, Side.SELL, "2", "61000"))
    assert refused.reason == RejectReason.INVALID_ORDER
    assert kinds(await session.submit(closing(bench, account, Side.SELL, "1"))) == ["Accepted", "Fill"]
    assert [position.quantity for position in (await session.snapshot()).positions] == [Decimal(2)]
    await bench.connector.stop()


async def test_opening_against_a_hedged_row_leaves_it_alone() -> None:
    bench = Bench(HEDGED)
    await bench.connector.start()
    account, session, _ = await bench.session(AccountType.MARGIN)
    for side, quantity in ((Side.BUY, "3"), (Side.SELL, "5"), (Side.BUY, "1")):
        await session.submit(bench.order(account, PERPETUAL, side, quantity, leverage=10))
    rows = {position.side: position.quantity for position in (await session.snapshot()).positions}
    assert rows == {PositionSide.LONG: Decimal(4), PositionSide.SHORT: Decimal(-5)}
    reports = await session.submit(closing(bench, account, Side.BUY, "5"))
    assert {report.position_side for report in reports[1:]} == {PositionSide.SHORT}
    rows = {position.side: position.quantity for position in (await session.snapshot()).positions}
    assert rows == {PositionSide.LONG: Decimal(4)}
    await bench.connector.stop()


async def test_a_hedged_account_is_liquidated_row_by_row() -> None:
    bench = Bench(HEDGED)
    await bench.connector.start()
    account, session, sink = await bench.session(AccountType.MARGIN)
    await session.submit(bench.order(account, PERPETUAL, Side.BUY, "100", leverage=20))
    await session.submit(bench.order(account, PERPETUAL, Side.SELL, "10", leverage=20))
    bench.show(PERPETUAL, {"45000": "200"}, {"45010": "200"})
    await bench.tick()
    await until(lambda: len(sink.fills) >= 2, "the liquidations")
    assert all(order.is_liquidation for order in sink.of(ExternalOrderReport))
    assert {(fill.position_side, fill.quantity) for fill in sink.fills} == {
        (PositionSide.LONG, Decimal(100)),
        (PositionSide.SHORT, Decimal(10)),
    }
    assert (await session.snapshot()).positions == ()
    assert 0 <= bench.total(account.external.external_id, "USDT") < 110 * PERPETUAL.pip_size
    await bench.connector.stop()


async def test_one_quote_asset_does_not_answer_for_another(bench: Bench) -> None:
    """A call in USDT leaves the orders and positions in USD alone."""
    euro = next(i for i in INSTRUMENTS if i.symbol == "EUR/USD")
    account, session, sink = await bench.session(AccountType.MARGIN)
    bench.show(euro, {"1.08000": "1000000"}, {"1.08010": "1000000"})
    await bench.tick()
    await session.submit(bench.order(account, euro, Side.BUY, "1000", leverage=2))
    resting = bench.order(account, euro, Side.BUY, "1000", "1.00000", leverage=2)
    await session.submit(resting)
    await session.submit(bench.order(account, PERPETUAL, Side.BUY, "100", leverage=20))
    bench.show(PERPETUAL, {"45000": "200"}, {"45010": "200"})
    await bench.tick()
    await until(lambda: bool(sink.fills), "the liquidation")
    snapshot = await session.snapshot()
    assert [position.instrument_id for position in snapshot.positions] == [euro.id]
    assert [order.order_id for order in snapshot.open_orders] == [resting.id]


async def test_equity_at_the_maintenance_margin_is_enough(bench: Bench) -> None:
    """Liquidation starts below it, not at it."""
    account, session, sink = await bench.session(AccountType.MARGIN)
    await session.submit(bench.order(account, PERPETUAL, Side.BUY, "100", leverage=20))
    owner = account.external.external_id
    ledger = bench.connector._exchange.office.ledger
    cost = Decimal(50) * Decimal(60010) + Decimal(50) * Decimal(60020)
    least = (cost - ledger.total(owner, "USDT")) / (100 * (1 - Decimal("0.005")))  # the mark where both are equal
    above = (least / 2 // Decimal("0.1") + 1) * Decimal("0.2")
    bench.show(PERPETUAL, {str(above - Decimal("0.1")): "200"}, {str(above + Decimal("0.1")): "200"})
    await bench.tick()
    assert sink.reports == []
    below = above - Decimal("0.4")
    bench.show(PERPETUAL, {str(below - Decimal("0.1")): "200"}, {str(below + Decimal("0.1")): "200"})
    await bench.tick()
    await until(lambda: bool(sink.fills), "the liquidation")
    assert sink.of(ExternalOrderReport)[0].is_liquidation
