"""Documented payloads about orders and executions, as reports."""

from decimal import Decimal as D
from typing import Any

import pytest
from tests.adapters.okx.okx_world import (
    ALGO_ROW,
    BTC_USDT,
    FILL,
    FUTURES,
    INVERSE,
    LINEAR,
    OPTION,
    OPTIONS,
    ORDER_ROW,
    SENT_ID,
    SPOT,
    SWAP,
    order,
    payload,
)
from tests.inhouse_kit import kinds

from cadenza.adapters.venues.kit.payloads import decode
from cadenza.adapters.venues.kit.words import UnknownMember, UnreadablePayload
from cadenza.adapters.venues.okx import mapping
from cadenza.adapters.venues.okx.models import OkxAlgoOrder, OkxFill, OkxOrder, OkxOrderRow
from cadenza.adapters.venues.okx.parse import AccountScope
from cadenza.adapters.venues.okx.parse_orders import (
    accepted_report,
    algo_news,
    facts_of_algo,
    facts_of_order,
    fill_report,
    order_news,
)
from cadenza.domain.accounts.trading_account import PositionSide
from cadenza.domain.market.enums import OrderType, Side, TimeInForce
from cadenza.domain.trading.enums import CancelReason, LiquiditySide, RejectReason
from cadenza.domain.trading.execution import Fee
from cadenza.domain.trading.reports import (
    AcceptedReport,
    CanceledReport,
    ExternalOrderReport,
    FillReport,
    OrderStatusReport,
    RejectedReport,
    Report,
    VenueOrderStatus,
)

ORDER_ID = "2497956918703120384"


def news(scope: AccountScope = SPOT, **changes: Any) -> tuple[Report, ...]:
    return order_news(decode(OkxOrder, payload(ORDER_ROW, **changes)), scope)


def algo(of: AccountScope = FUTURES, **changes: Any) -> tuple[Report, ...]:
    return algo_news(decode(OkxAlgoOrder, payload(ALGO_ROW, **changes)), of)


# --- the channel `orders`


def test_an_order_that_works_is_announced() -> None:
    (report,) = news()
    assert isinstance(report, ExternalOrderReport)
    assert (report.instrument_id, report.sent_id, report.venue_order_id) == (BTC_USDT, SENT_ID, ORDER_ID)
    assert (report.side, report.type, report.time_in_force) == (Side.BUY, OrderType.LIMIT, TimeInForce.GTC)
    assert (report.quantity, report.limit_price, report.executed_quantity) == (D("0.01"), D(50000), 0)
    assert report.at_ms == 1746947317402


def test_an_execution_has_its_fee_and_its_first_one_announces_the_order() -> None:
    announced, fill = news(**FILL)
    assert isinstance(announced, ExternalOrderReport)
    assert announced.executed_quantity == 0
    assert isinstance(fill, FillReport)
    assert (fill.trade_id, fill.price, fill.quantity) == ("1518905529", D("49999.5"), D("0.004"))
    assert (fill.fees, fill.liquidity) == ((Fee("BTC", D("0.000004")),), LiquiditySide.TAKER)
    assert (fill.at_ms, fill.position_side, fill.sent_id) == (1746947317500, None, SENT_ID)
    assert kinds(news(**{**FILL, "accFillSz": "0.008"})) == ["Fill"]


def test_a_rebate_is_a_negative_fee() -> None:
    *_, fill = news(**{**FILL, "fillFee": "0.2", "fillFeeCcy": "USDT", "execType": "M"})
    assert isinstance(fill, FillReport)
    assert (fill.fees, fill.liquidity) == ((Fee("USDT", D("-0.2")),), LiquiditySide.MAKER)


def test_the_last_execution_states_the_order_after_it() -> None:
    last = {**FILL, "state": "filled", "accFillSz": "0.01"}
    fill, stated = news(**last)
    assert isinstance(fill, FillReport)
    assert isinstance(stated, OrderStatusReport)
    assert (stated.status, stated.executed_quantity) == (VenueOrderStatus.FILLED, D("0.01"))


def test_a_canceled_order_says_how_much_was_executed() -> None:
    (report,) = news(state="canceled", cancelSource="1", accFillSz="0.004")
    assert isinstance(report, CanceledReport)
    assert (report.reason, report.executed_quantity) == (CancelReason.USER, D("0.004"))


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("0", CancelReason.VENUE),
        ("1", CancelReason.USER),
        ("3", CancelReason.RISK),
        ("13", CancelReason.FOK_NOT_FILLABLE),
        ("14", CancelReason.IOC_REMAINDER),
        ("32", CancelReason.SELF_TRADE),
    ],
)
def test_the_source_of_a_cancel_says_why(source: str, reason: CancelReason) -> None:
    (report,) = news(state="canceled", cancelSource=source)
    assert isinstance(report, CanceledReport)
    assert report.reason is reason


def test_a_post_only_order_that_would_take_is_refused() -> None:
    """The venue takes it in, and cancels it."""
    (report,) = news(ordType="post_only", state="canceled", cancelSource="31")
    assert isinstance(report, RejectedReport)
    assert report.reason == RejectReason.POST_ONLY_WOULD_TAKE
    (executed,) = news(ordType="post_only", state="canceled", cancelSource="31", accFillSz="0.004")
    assert isinstance(executed, CanceledReport)


def test_the_rest_of_a_market_order_that_ended_as_filled_is_canceled() -> None:
    (report,) = news(ordType="market", px="", tgtCcy="base_ccy", state="filled", accFillSz="0.004")
    assert isinstance(report, CanceledReport)
    assert (report.reason, report.executed_quantity) == (CancelReason.IOC_REMAINDER, D("0.004"))
    with pytest.raises(UnreadablePayload, match="not all of it"):
        news(state="filled", accFillSz="0.004")


def test_an_order_for_an_amount_is_as_large_as_what_it_executed() -> None:
    bought = {"ordType": "market", "px": "", "tgtCcy": "quote_ccy", "sz": "200"}
    assert news(**bought) == ()
    announced, stated, fill = news(**{**FILL, **bought})
    assert isinstance(announced, ExternalOrderReport)
    assert isinstance(stated, OrderStatusReport)
    assert isinstance(fill, FillReport)
    assert (announced.quantity, announced.executed_quantity) == (D("0.004"), 0)
    assert (stated.quantity, fill.quantity) == (D("0.004"), D("0.004"))


def test_an_amendment_states_the_order_again() -> None:
    (report,) = news(amendResult="0", sz="0.02")
    assert isinstance(report, OrderStatusReport)
    assert (report.status, report.quantity) == (VenueOrderStatus.WORKING, D("0.02"))


def test_sizes_of_contracts_are_quantities() -> None:
    announced, fill = news(FUTURES, **{**FILL, **SWAP, "accFillSz": "2", "fillSz": "2", "posSide": "short"})
    assert isinstance(announced, ExternalOrderReport)
    assert isinstance(fill, FillReport)
    assert (announced.instrument_id, announced.quantity) == (LINEAR, D("0.03"))
    assert (fill.quantity, fill.position_side) == (D("0.02"), PositionSide.SHORT)
    (inverse,) = news(FUTURES, **{**SWAP, "instId": "BTC-USD-SWAP"})
    assert isinstance(inverse, ExternalOrderReport)
    assert (inverse.instrument_id, inverse.quantity) == (INVERSE, D(300))
    option = {"instId": "BTC-USD-220514-22000-C", "instType": "OPTION", "sz": "3", "px": "0.05", "ordType": "op_fok"}
    (optional,) = news(OPTIONS, **option)
    assert isinstance(optional, ExternalOrderReport)
    assert (optional.instrument_id, optional.quantity, optional.time_in_force) == (OPTION, D("0.3"), TimeInForce.FOK)


def test_a_liquidation_is_announced_with_each_of_its_executions() -> None:
    row = {**FILL, **SWAP, "category": "full_liquidation", "clOrdId": "", "ordType": "market", "px": ""}
    announced, fill = news(FUTURES, **{**row, "accFillSz": "3", "fillSz": "1", "state": "partially_filled"})
    assert isinstance(announced, ExternalOrderReport)
    assert (announced.is_liquidation, announced.executed_quantity, announced.sent_id) == (True, D("0.02"), None)
    assert isinstance(fill, FillReport)


@pytest.mark.parametrize(
    "odd",
    [
        {"ordType": "dreaming"},
        {"state": "dreaming"},
        {"state": "canceled", "cancelSource": "999"},
        {"side": "both"},
        {"category": "dreaming"},
        {"instId": "DOGE-MOON"},
        {**FILL, "execType": "X"},
        {**FILL, "posSide": "up"},
    ],
)
def test_an_unknown_word_is_refused_and_named(odd: dict[str, Any]) -> None:
    with pytest.raises(UnknownMember):
        news(**odd)


# --- orders of the algo service


def test_a_stop_is_announced_under_an_id_of_its_own() -> None:
    (report,) = algo()
    assert isinstance(report, ExternalOrderReport)
    assert (report.venue_order_id, report.sent_id) == ("algo-706620792746729480", SENT_ID)
    assert (report.type, report.stop_price, report.limit_price) == (OrderType.STOP_LOSS, D(95000), None)
    assert (report.quantity, report.side) == (D("0.03"), Side.SELL)


@pytest.mark.parametrize(
    ("changes", "type", "trigger", "limit"),
    [
        ({"slOrdPx": "94900"}, OrderType.STOP_LOSS_LIMIT, D(95000), D(94900)),
        (
            {"slTriggerPx": "", "slOrdPx": "", "tpTriggerPx": "99000", "tpOrdPx": "-1"},
            OrderType.TAKE_PROFIT,
            D(99000),
            None,
        ),
        (
            {"slTriggerPx": "", "slOrdPx": "", "tpTriggerPx": "99000", "tpOrdPx": "99100"},
            OrderType.TAKE_PROFIT_LIMIT,
            D(99000),
            D(99100),
        ),
        ({"ordType": "trigger", "triggerPx": "96000", "ordPx": "-1"}, OrderType.STOP, D(96000), None),
        ({"ordType": "trigger", "triggerPx": "96000", "ordPx": "95500"}, OrderType.STOP_LIMIT, D(96000), D(95500)),
        ({"ordType": "move_order_stop", "moveTriggerPx": "94000"}, OrderType.TRAILING_STOP, D(94000), None),
    ],
)
def test_kinds_of_algo_orders(changes: dict[str, Any], type: OrderType, trigger: D, limit: D | None) -> None:
    (report,) = algo(**changes)
    assert isinstance(report, ExternalOrderReport)
    assert (report.type, report.stop_price, report.limit_price) == (type, trigger, limit)


def test_what_is_not_one_order_is_refused() -> None:
    with pytest.raises(UnreadablePayload):
        algo(ordType="oco")
    with pytest.raises(UnreadablePayload):
        algo(tpTriggerPx="99000")


def test_a_triggered_stop_gets_the_id_of_what_it_has_become() -> None:
    (renamed,) = algo(state="effective", ordId="706620792746730010")
    assert isinstance(renamed, AcceptedReport)
    assert (renamed.former_venue_order_id, renamed.venue_order_id) == ("algo-706620792746729480", "706620792746730010")
    assert renamed.sent_id == SENT_ID
    assert algo(state="effective") == ()
    (by_list,) = algo(state="effective", ordId="", ordIdList=["706620792746730010"])
    assert by_list == renamed


def test_the_order_that_a_stop_has_become_names_it() -> None:
    """So the rename comes first, whatever the algo channel says, and when."""
    row = {**FILL, **SWAP, "ordType": "market", "px": "", "clOrdId": "", "accFillSz": "2", "fillSz": "2"}
    renamed, announced, fill = news(FUTURES, **row, algoId="706620792746729480", algoClOrdId=SENT_ID)
    assert isinstance(renamed, AcceptedReport)
    assert (renamed.former_venue_order_id, renamed.venue_order_id) == ("algo-706620792746729480", ORDER_ID)
    assert isinstance(announced, ExternalOrderReport)
    assert isinstance(fill, FillReport)
    assert renamed.sent_id == announced.sent_id == fill.sent_id == SENT_ID


def test_ends_of_algo_orders() -> None:
    (canceled,) = algo(state="canceled")
    assert isinstance(canceled, CanceledReport)
    assert (canceled.reason, canceled.executed_quantity) == (CancelReason.USER, 0)
    (failed,) = algo(state="order_failed", failCode="51008")
    assert isinstance(failed, RejectedReport)


def test_an_algo_order_that_closes_a_position_has_no_quantity() -> None:
    assert algo(sz="") == ()
    assert facts_of_algo(decode(OkxAlgoOrder, payload(ALGO_ROW, sz="")), FUTURES) is None


def test_an_algo_order_for_an_amount_has_no_quantity_before_it_is_triggered() -> None:
    bought = {"instId": "BTC-USDT", "instType": "SPOT", "tdMode": "cash", "side": "buy", "posSide": "net", "sz": "1000"}
    assert algo(SPOT, **bought, tgtCcy="quote_ccy") == ()
    assert algo(SPOT, **bought, tgtCcy="quote_ccy", state="canceled") == ()
    (in_base,) = algo(SPOT, **bought, tgtCcy="base_ccy")
    assert isinstance(in_base, ExternalOrderReport)
    assert in_base.quantity == D(1000)
    (at_a_limit,) = algo(SPOT, **bought, tgtCcy="quote_ccy", slOrdPx="97000")
    assert isinstance(at_a_limit, ExternalOrderReport), "only a size of a market order is an amount"


# --- answers


def test_the_reply_to_a_new_order_accepts_it() -> None:
    row = decode(
        OkxOrderRow, payload({"ordId": "312", "clOrdId": SENT_ID, "ts": "1695190491421", "sCode": "0", "sMsg": ""})
    )
    report = accepted_report(row, order(), 7)
    assert (report.venue_order_id, report.at_ms, report.executed_quantity) == ("312", 1695190491421, 0)
    algo_row = decode(OkxOrderRow, payload({"algoId": "1234", "algoClOrdId": SENT_ID, "sCode": "0"}))
    assert accepted_report(algo_row, order(), 7).venue_order_id == "algo-1234"
    assert accepted_report(algo_row, order(), 7).at_ms == 7
    for odd in ({"ordId": "312", "clOrdId": "other"}, {"ordId": "", "clOrdId": SENT_ID}):
        with pytest.raises(UnreadablePayload):
            accepted_report(decode(OkxOrderRow, payload(odd)), order(), 7)


def test_an_execution_of_the_history_names_its_order_by_number() -> None:
    row = {
        "instType": "SPOT", "instId": "BTC-USDT", "tradeId": "-7", "ordId": "123", "clOrdId": SENT_ID, "billId": "9",
        "fillPx": "29594.1", "fillSz": "0.001", "side": "sell", "posSide": "net", "execType": "T", "feeCcy": "USDT",
        "fee": "-0.0295941", "ts": "1705449605015", "fillTime": "1705449605012",
    }  # fmt: skip
    fill = fill_report(decode(OkxFill, payload(row)), SPOT)
    assert (fill.venue_order_id, fill.sent_id, fill.trade_id) == ("123", None, "-7")
    assert (fill.side, fill.fees, fill.at_ms) == (Side.SELL, (Fee("USDT", D("0.0295941")),), 1705449605012)
    assert fill_report(decode(OkxFill, payload(row, fillTime=...)), SPOT).at_ms == 1705449605015


def test_the_same_order_is_the_same_whatever_shows_it() -> None:
    """A push and an answer have the same fields, but for those of an execution."""
    answer = {name: text for name, text in ORDER_ROW.items() if not name.startswith(("fillFee", "execType"))}
    pushed, answered = (
        facts_of_order(decode(OkxOrder, payload(row, state="canceled", cancelSource="1")), SPOT)
        for row in (ORDER_ROW, answer)
    )
    assert pushed == answered


@pytest.mark.parametrize(
    ("kind", "mode", "belongs_to"),
    [
        ("SPOT", "cash", {"SPOT", "MARGIN"}),
        ("SPOT", "cross", {"MARGIN"}),
        ("MARGIN", "cross", {"MARGIN"}),
        ("MARGIN", "isolated", set()),
        ("SWAP", "cross", {"FUTURES"}),
        ("SWAP", "isolated", {"FUTURES"}),
        ("FUTURES", "cross", {"FUTURES"}),
        ("OPTION", "cash", {"OPTIONS"}),
    ],
)
def test_a_row_belongs_to_the_accounts_that_trade_its_kind(kind: str, mode: str, belongs_to: set[str]) -> None:
    found = {type.value for type in mapping.KIND_WORDS if mapping.trades_kind(type, kind, mode)}
    assert found == belongs_to


def test_a_row_of_an_unknown_kind_is_refused() -> None:
    with pytest.raises(UnknownMember):
        SPOT.covers("EVENTS")
