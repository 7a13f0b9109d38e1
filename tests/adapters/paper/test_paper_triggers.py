"""PAPER's orders that wait: what triggers them, what they hold meanwhile, what a restart leaves of them."""

from decimal import Decimal

import pytest
from tests.inhouse_kit import kinds, until
from tests.paper_bench import SPOT, Bench

from cadenza.domain.market.enums import OrderType, Side, TimeInForce
from cadenza.domain.trading.enums import CancelReason, RejectReason
from cadenza.domain.trading.reports import CanceledReport, TriggerMovedReport


async def trade_at(bench: Bench, price: str) -> None:
    """The market trades at this price, and then shows it as its best bid."""
    bench.show(SPOT, {price: "1"}, {str(Decimal(price) + 10): "1"})
    bench.market.trade(SPOT, price)
    await bench.tick()


@pytest.mark.parametrize(
    ("type", "side", "stop", "quiet", "reached"),
    [
        (OrderType.STOP, Side.BUY, "60500", "60499", "60500"),
        (OrderType.STOP, Side.SELL, "59500", "59501", "59500"),
        (OrderType.STOP_LOSS, Side.BUY, "60500", "60499", "60501"),
        (OrderType.STOP_LOSS, Side.SELL, "59500", "59501", "59499"),
        (OrderType.TAKE_PROFIT, Side.BUY, "59500", "59501", "59500"),
        (OrderType.TAKE_PROFIT, Side.SELL, "60500", "60499", "60500"),
    ],
)
async def test_a_stop_is_triggered_by_a_trade(
    bench: Bench, type: OrderType, side: Side, stop: str, quiet: str, reached: str
) -> None:
    account, session, sink = await bench.session()
    await trade_at(bench, "60000")
    order = bench.order(account, SPOT, side, "0.1", type=type, stop=stop)
    assert kinds(await session.submit(order)) == ["Accepted"]
    await trade_at(bench, quiet)
    await bench.tick()
    assert sink.reports == []
    await trade_at(bench, reached)
    await until(lambda: bool(sink.fills), "the fill")
    assert [fill.order_id for fill in sink.fills] == [order.id]


@pytest.mark.parametrize("type", [OrderType.STOP_LIMIT, OrderType.STOP_LOSS_LIMIT])
async def test_a_stop_limit_rests_once_it_is_triggered_after_a_restart_too(bench: Bench, type: OrderType) -> None:
    account, session, _ = await bench.session()
    await trade_at(bench, "60000")
    order = bench.order(account, SPOT, Side.BUY, "1", "60405", type=type, stop="60400")
    assert kinds(await session.submit(order)) == ["Accepted"]
    await trade_at(bench, "60400")
    await until(lambda: bench.disk.orders[f"P{order.id.hex}"].is_triggered, "the trigger")
    await bench.connector.stop()
    await bench.restart(books=False)
    _, session, sink = await bench.session()
    bench.show(SPOT, {"60300": "1"}, {"60420": "1"})
    await bench.tick()
    assert sink.reports == []  # it rests at 60405
    bench.market.level(SPOT, Side.SELL, "60405", "1")
    await bench.tick()
    await until(lambda: bool(sink.fills), "the fill")
    assert sink.fills[0].price == Decimal(60405)


async def test_a_trailing_stop_goes_on_ratcheting_after_a_restart(bench: Bench) -> None:
    account, session, _ = await bench.session()
    await trade_at(bench, "60000")
    order = bench.order(account, SPOT, Side.SELL, "0.1", type=OrderType.TRAILING_STOP, stop="59900")
    await session.submit(order)
    await trade_at(bench, "60050")
    await bench.connector.stop()
    await bench.restart(books=False)
    _, session, sink = await bench.session()
    await trade_at(bench, "60030")  # down: it stays
    await trade_at(bench, "60080")
    await until(lambda: bool(sink.reports), "the move")
    moves = sink.of(TriggerMovedReport)
    assert [move.stop_price for move in moves] == [Decimal(59980)]
    await trade_at(bench, "59980")
    await until(lambda: bool(sink.fills), "the fill")


async def test_a_trailing_stop_on_the_wrong_side_is_refused(bench: Bench) -> None:
    account, session, _ = await bench.session()
    await trade_at(bench, "60000")
    for side, stop in ((Side.SELL, "60100"), (Side.BUY, "59900")):
        order = bench.order(account, SPOT, side, "0.1", type=OrderType.TRAILING_STOP, stop=stop)
        (report,) = await session.submit(order)
        assert report.reason == RejectReason.STOP_WOULD_TRIGGER


@pytest.mark.parametrize("type", [OrderType.STOP, OrderType.STOP_LOSS, OrderType.TRAILING_STOP])
@pytest.mark.parametrize("restarts", [False, True])
async def test_a_triggered_buy_never_spends_more_than_it_holds(bench: Bench, type: OrderType, restarts: bool) -> None:
    """The market jumps beyond what the account has: it buys what its hold pays for and gives up the rest."""
    account, session, sink = await bench.session()
    owner = account.external.external_id
    await trade_at(bench, "60000")
    order = bench.order(account, SPOT, Side.BUY, "15", type=type, stop="60500")  # and holds 2 % more: up to 61710
    assert kinds(await session.submit(order)) == ["Accepted"]
    if restarts:
        await bench.connector.stop()
        await bench.restart(books=False)
        _, _, sink = await bench.session()
    bench.show(SPOT, {"61000": "1"}, {"61010": "2", "61710": "2", "61711": "3", "90000": "50"})
    bench.market.trade(SPOT, "61000")
    await bench.tick()
    await until(lambda: bool(sink.of(CanceledReport)), "the end")
    assert [(fill.price, fill.quantity) for fill in sink.fills] == [
        (Decimal(61010), Decimal(2)),
        (Decimal(61710), Decimal(2)),
    ]
    (canceled,) = sink.of(CanceledReport)
    assert canceled.reason is CancelReason.IOC_REMAINDER
    assert bench.total(owner, "USDT") > 0
    assert bench.connector._exchange.office.ledger.locked(owner, "USDT") == 0


async def test_a_buy_that_waits_may_use_all_that_is_free(bench: Bench) -> None:
    account, session, _ = await bench.session()
    await trade_at(bench, "60000")
    more = bench.order(account, SPOT, Side.BUY, "16.52", type=OrderType.STOP, stop="60500")  # and a fee of 0.1 %
    (refused,) = await session.submit(more)
    assert refused.reason == RejectReason.INSUFFICIENT_BALANCE
    order = bench.order(account, SPOT, Side.BUY, "16.51", type=OrderType.STOP, stop="60500")
    assert kinds(await session.submit(order)) == ["Accepted"]
    free = bench.connector._exchange.office.ledger.free(account.external.external_id, "USDT")
    assert abs(free) < Decimal("0.00000001")


async def test_a_triggered_fok_counts_only_what_it_can_pay(bench: Bench) -> None:
    account, session, sink = await bench.session()
    await trade_at(bench, "60000")
    order = bench.order(account, SPOT, Side.BUY, "15", type=OrderType.STOP, stop="60500", time_in_force=TimeInForce.FOK)
    await session.submit(order)
    bench.show(SPOT, {"61000": "1"}, {"61010": "2", "63600": "50"})
    bench.market.trade(SPOT, "61000")
    await bench.tick()
    await until(lambda: bool(sink.of(CanceledReport)), "the end")
    assert sink.fills == []
    assert sink.of(CanceledReport)[0].reason is CancelReason.FOK_NOT_FILLABLE


async def test_a_triggered_sell_takes_what_there_is(bench: Bench) -> None:
    account, session, sink = await bench.session()
    await trade_at(bench, "60000")
    order = bench.order(account, SPOT, Side.SELL, "2", type=OrderType.STOP_LOSS, stop="59500")
    await session.submit(order)
    bench.show(SPOT, {"40000": "1", "30000": "5"}, {"41000": "1"})
    bench.market.trade(SPOT, "41000")
    await bench.tick()
    await until(lambda: len(sink.fills) == 2, "the fills")
    assert [fill.price for fill in sink.fills] == [Decimal(40000), Decimal(30000)]
