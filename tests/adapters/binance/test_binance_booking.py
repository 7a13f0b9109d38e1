"""What the parsers make of payloads, booked by the domain: an order ends the same whatever comes twice or late."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from tests.adapters.binance.binance_world import payload
from tests.adapters.binance.test_binance_algo_orders import ALGO
from tests.adapters.binance.test_binance_spot_orders import EXECUTION_REPORT, FULL_REPLY
from tests.adapters.binance.test_binance_usdm_orders import UPDATE
from tests.domain.trading.worlds import ACCOUNT, BTC, NOW_MS, D, account, state, submit, venue_spec

from cadenza.adapters.venues.binance import parse_spot, parse_usdm
from cadenza.adapters.venues.binance.models import (
    BinanceSpotOrder,
)
from cadenza.adapters.venues.binance.parse import AccountScope
from cadenza.adapters.venues.kit.payloads import decode
from cadenza.domain.accounts.trading_account import AccountType
from cadenza.domain.market.enums import OrderType, Side
from cadenza.domain.trading.apply import apply_or_keep
from cadenza.domain.trading.enums import OrderStatus
from cadenza.domain.trading.execution import Fee
from cadenza.domain.trading.order import Order
from cadenza.domain.trading.reports import Report
from cadenza.domain.trading.state import TradingState
from cadenza.domain.trading.venue_spec import Books, FundsCheck

SCOPE = AccountScope(ACCOUNT, {"BTCUSDT": BTC})
SPEC = venue_spec(books=dict.fromkeys(AccountType, Books.VENUE), funds_check=FundsCheck.AT_VENUE)
ORDER_ID = "4293153"


def event(order: Order, **changes: Any) -> tuple[Report, ...]:
    found = {**EXECUTION_REPORT, "s": "BTCUSDT", "c": order.sent_id, "q": "1", "p": "90", **changes}
    frame = payload({"subscriptionId": 0, "event": found})
    return parse_spot.user_news(frame, SCOPE, AccountType.SPOT).reports


def trade(order: Order, id: int, quantity: str, executed: str, at_ms: int) -> tuple[Report, ...]:
    status = "FILLED" if executed == "1" else "PARTIALLY_FILLED"
    fee = {"n": "0.0001", "N": "BNB"}
    return event(
        order, x="TRADE", X=status, t=id, l=quantity, z=executed, L="89.5", Z=executed, T=NOW_MS + at_ms, **fee
    )


def now(world: TradingState, order: Order) -> Order:
    found = world.order(order.id)
    assert found is not None
    return found


@given(st.lists(st.integers(0, 4), min_size=1, max_size=12), st.permutations(range(5)))
def test_a_spot_order_is_filled_whatever_comes_twice_or_late(repeated: list[int], last: list[int]) -> None:
    world = state(account(), spec=SPEC)
    order = submit(world)
    reply = payload(
        FULL_REPLY,
        orderId=int(ORDER_ID),
        clientOrderId=order.sent_id,
        side="BUY",
        price="90",
        origQty="1",
        executedQty="0.25",
        status="PARTIALLY_FILLED",
        transactTime=NOW_MS + 1,
        fills=[
            {"price": "89.5", "qty": "0.25", "commission": "0.0001", "commissionAsset": "BNB", "tradeId": 1},
        ],
    )
    said = [
        parse_spot.submit_reports(decode(BinanceSpotOrder, reply), SCOPE, order),
        event(order, T=NOW_MS + 1),
        trade(order, 1, "0.25", "0.25", 1),
        trade(order, 2, "0.25", "0.5", 2),
        trade(order, 3, "0.5", "1", 3),
    ]
    for each in (*repeated, *last):
        for report in said[each]:
            apply_or_keep(world, report)
    done = now(world, order)
    assert done.status is OrderStatus.FILLED
    assert (done.executed_quantity, done.executed_cost, done.doubt) == (D(1), D("89.5"), None)
    assert done.fees == (Fee("BNB", D("0.0003")),)
    assert [execution.trade_id for execution in done.executions] == ["1", "2", "3"]
    assert done.venue_order_id == ORDER_ID


def test_a_canceled_order_waits_for_the_fill_that_the_venue_counts() -> None:
    world = state(account(), spec=SPEC)
    order = submit(world)
    canceled = event(order, x="CANCELED", X="CANCELED", c="the cancel", C=order.sent_id, z="0.25", T=NOW_MS + 9)
    for report in (*event(order, T=NOW_MS + 1), *canceled):
        apply_or_keep(world, report)
    assert not now(world, order).is_closed
    for report in trade(order, 1, "0.25", "0.25", 1):
        apply_or_keep(world, report)
    assert (now(world, order).status, now(world, order).executed_quantity) == (OrderStatus.CANCELED, D("0.25"))


def test_a_triggered_stop_of_usdm_stays_one_order() -> None:
    world = state(account(AccountType.FUTURES), spec=SPEC, traded=None)
    order = submit(world, type=OrderType.STOP, side=Side.SELL, stop_price=D(80))
    algo = {**ALGO, "caid": order.sent_id, "s": "BTCUSDT", "o": "STOP_MARKET", "q": "1", "tp": "80", "p": "0"}
    became = {**UPDATE, "c": "x-another", "o": "MARKET", "ot": "STOP_MARKET", "q": "1", "p": "0", "i": 55}
    filled = {"x": "TRADE", "X": "FILLED", "l": "1", "z": "1", "L": "79.5", "t": 7, "T": NOW_MS + 3}

    def hear(kind: str, found: dict[str, Any]) -> None:
        news = parse_usdm.user_news(payload({"e": kind, "E": NOW_MS, "T": NOW_MS, "o": found}), SCOPE)
        for report in news.reports:
            apply_or_keep(world, report)

    hear("ALGO_UPDATE", algo)
    assert now(world, order).venue_order_id == "algo-2148719"
    hear("ALGO_UPDATE", {**algo, "X": "TRIGGERED", "ai": "55"})
    hear("ORDER_TRADE_UPDATE", {**became, "T": NOW_MS + 2})
    hear("ORDER_TRADE_UPDATE", {**became, **filled})
    hear("ALGO_UPDATE", {**algo, "X": "FINISHED", "ai": "55", "aq": "1"})
    done = now(world, order)
    assert (done.status, done.executed_quantity, done.venue_order_id) == (OrderStatus.FILLED, D(1), "55")
    assert done.former_venue_order_ids == ("algo-2148719",)
    assert set(world.changed.created) == {order.id}
    assert not world.changed.kept


def test_an_order_that_comes_before_its_rename_would_be_taken_for_another() -> None:
    """Why a session holds back what `follows_algo` marks."""
    world = state(account(AccountType.FUTURES), spec=SPEC, traded=None)
    order = submit(world, type=OrderType.STOP, side=Side.SELL, stop_price=D(80))
    became = {**UPDATE, "c": "x-another", "o": "MARKET", "ot": "STOP_MARKET", "q": "1", "p": "0", "i": 55}
    news = parse_usdm.user_news(payload({"e": "ORDER_TRADE_UPDATE", "E": 1, "T": 1, "o": became}), SCOPE)
    for report in news.reports:
        apply_or_keep(world, report)
    assert news.follows_algo == "55"
    assert len(world.changed.created) == 2
    assert now(world, order).venue_order_id is None
