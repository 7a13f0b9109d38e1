"""Events and replies about orders and money of spot and margin, as documented, become reports."""

from decimal import Decimal as D
from typing import Any

import pytest
from tests.adapters.binance.binance_world import ACCOUNT, BTC_USDT, ETH_BTC, SENT_ID, SPOT, order, payload

from cadenza.adapters.venues.binance.models import (
    BinanceMarginAccount,
    BinanceSpotAccount,
    BinanceSpotOrder,
    BinanceSpotTrade,
)
from cadenza.adapters.venues.binance.parse import UserNews
from cadenza.adapters.venues.binance.parse_spot import (
    cancel_reports,
    facts_of_order,
    fill_report,
    margin_balances,
    spot_balances,
    submit_reports,
    user_news,
)
from cadenza.adapters.venues.kit.order_facts import external, facts_of_ours
from cadenza.adapters.venues.kit.order_facts import status as status_of
from cadenza.adapters.venues.kit.payloads import decode, decode_list
from cadenza.adapters.venues.kit.words import UnknownMember, UnreadablePayload
from cadenza.domain.accounts.trading_account import AccountType
from cadenza.domain.market.enums import OrderType, Side, TimeInForce
from cadenza.domain.trading.enums import CancelReason, LiquiditySide
from cadenza.domain.trading.execution import Fee
from cadenza.domain.trading.reports import (
    AcceptedReport,
    BalanceReport,
    CanceledReport,
    ExternalOrderReport,
    FillReport,
    OrderStatusReport,
    RejectedReport,
    Report,
    VenueOrderStatus,
)

EXECUTION_REPORT: dict[str, Any] = {
    "e": "executionReport",
    "E": 1499405658658,
    "s": "ETHBTC",
    "c": "mUvoqJxFIILMdfAW5iGSOW",
    "S": "BUY",
    "o": "LIMIT",
    "f": "GTC",
    "q": "1.00000000",
    "p": "0.10264410",
    "P": "0.00000000",
    "F": "0.00000000",
    "g": -1,
    "C": "",
    "x": "NEW",
    "X": "NEW",
    "r": "NONE",
    "i": 4293153,
    "l": "0.00000000",
    "z": "0.00000000",
    "L": "0.00000000",
    "n": "0",
    "N": None,
    "T": 1499405658657,
    "t": -1,
    "I": 8641984,
    "w": True,
    "m": False,
    "M": False,
    "O": 1499405658657,
    "Z": "0.00000000",
    "Y": "0.00000000",
    "Q": "0.00000000",
    "W": 1499405658657,
    "V": "NONE",
}
TRADE = {"x": "TRADE", "X": "PARTIALLY_FILLED", "l": "0.4", "z": "0.4", "L": "0.1", "n": "0.0004", "N": "ETH", "t": 77}
NAMES = {
    "account_id": ACCOUNT,
    "at_ms": 1499405658657,
    "instrument_id": ETH_BTC,
    "sent_id": "mUvoqJxFIILMdfAW5iGSOW",
    "venue_order_id": "4293153",
}


def news(event: dict[str, Any], account: AccountType = AccountType.SPOT) -> UserNews:
    return user_news(payload({"subscriptionId": 0, "event": event}), SPOT, account)


def reports(**changes: Any) -> tuple[Report, ...]:
    """What the documented event says with some of its fields changed."""
    return news({**EXECUTION_REPORT, **changes}).reports


def one(**changes: Any) -> Any:
    (report,) = reports(**changes)
    return report


def test_a_new_order_is_reported_whoever_placed_it() -> None:
    assert reports() == (
        ExternalOrderReport(
            **NAMES,
            side=Side.BUY,
            type=OrderType.LIMIT,
            time_in_force=TimeInForce.GTC,
            quantity=D(1),
            executed_quantity=D(0),
            limit_price=D("0.1026441"),
        ),
    )


@pytest.mark.parametrize(
    ("wire", "type", "time_in_force"),
    [
        ({"o": "LIMIT_MAKER"}, OrderType.LIMIT, TimeInForce.GTX),
        ({"o": "MARKET", "p": "0.0"}, OrderType.MARKET, TimeInForce.IOC),
        ({"o": "STOP_LOSS_LIMIT", "P": "0.09", "f": "IOC"}, OrderType.STOP_LOSS_LIMIT, TimeInForce.IOC),
        ({"o": "TAKE_PROFIT", "p": "0", "P": "0.2"}, OrderType.TAKE_PROFIT, TimeInForce.GTC),
        ({"o": "STOP_LOSS", "p": "0", "d": 4}, OrderType.TRAILING_STOP, TimeInForce.GTC),
    ],
)
def test_types_and_times_of_new_orders(wire: dict[str, Any], type: OrderType, time_in_force: TimeInForce) -> None:
    report = one(**wire)
    assert (report.type, report.time_in_force) == (type, time_in_force)
    assert report.limit_price == (D("0.1026441") if "p" not in wire else None)
    assert report.stop_price == (D(wire["P"]) if "P" in wire else None)


def test_an_order_that_waits_for_its_list_is_there_too() -> None:
    assert isinstance(one(X="PENDING_NEW"), ExternalOrderReport)


def test_an_execution_with_its_fee() -> None:
    assert reports(**TRADE, m=True) == (
        FillReport(
            **NAMES,
            trade_id="77",
            side=Side.BUY,
            price=D("0.1"),
            quantity=D("0.4"),
            fees=(Fee("ETH", D("0.0004")),),
            liquidity=LiquiditySide.MAKER,
        ),
    )


def test_fees_of_nothing_and_rebates() -> None:
    assert one(**{**TRADE, "n": "0", "N": None}).fees == ()
    assert one(**{**TRADE, "n": "-0.1", "N": "BNB"}).fees == (Fee("BNB", D("-0.1")),)
    assert one(**TRADE).liquidity is LiquiditySide.TAKER


def test_the_last_execution_states_the_whole_order() -> None:
    fill, whole = reports(**{**TRADE, "X": "FILLED", "l": "0.6", "z": "1.0", "Z": "0.1"})
    assert isinstance(fill, FillReport)
    assert whole == OrderStatusReport(
        **NAMES,
        side=Side.BUY,
        type=OrderType.LIMIT,
        status=VenueOrderStatus.FILLED,
        quantity=D(1),
        executed_quantity=D(1),
        executed_price=D("0.1"),
        limit_price=D("0.1026441"),
    )


def test_an_execution_without_a_counterparty_on_the_book() -> None:
    assert one(**{**TRADE, "t": -1, "a": 1234, "b": "ONE_PARTY_TRADE_REPORT"}).trade_id == "allocation-1234"
    with pytest.raises(UnreadablePayload, match="neither a trade id"):
        reports(**{**TRADE, "t": -1})


@pytest.mark.parametrize("wrong", [{"l": "0"}, {"L": "0"}, {"L": "NaN"}, {"l": "Infinity"}, {"N": None}, {"z": "1E99"}])
def test_an_execution_that_is_none_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(UnreadablePayload):
        reports(**{**TRADE, **wrong})


def test_a_canceled_order_is_named_by_its_own_id_and_not_by_the_cancels() -> None:
    canceled = one(x="CANCELED", X="CANCELED", c="the cancel", C=NAMES["sent_id"], z="0.4", Z="0.04")
    assert canceled == CanceledReport(**NAMES, reason=CancelReason.USER, executed_quantity=D("0.4"))
    assert one(x="CANCELED", X="CANCELED", C="").sent_id == NAMES["sent_id"]


@pytest.mark.parametrize(
    ("wire", "reason"),
    [
        ({"eR": "UNFILLED_IOC_QUANTITY_EXPIRED", "f": "IOC"}, CancelReason.IOC_REMAINDER),
        ({"eR": "UNFILLED_FOK_ORDER_EXPIRED", "f": "FOK"}, CancelReason.FOK_NOT_FILLABLE),
        ({"eR": "INSUFFICIENT_LIQUIDITY", "o": "MARKET"}, CancelReason.IOC_REMAINDER),
        ({"eR": "EXECUTION_RULE_PRICE_RANGE_EXCEEDED"}, CancelReason.VENUE),
        ({"eR": "EXCHANGE_CANCELED"}, CancelReason.VENUE),
        ({"eR": "OCO_TRIGGER"}, CancelReason.VENUE),
        ({"eR": "OTO_PHASE_ONE_EXPIRED"}, CancelReason.VENUE),
        ({"eR": "REJECTED", "o": "STOP_LOSS"}, CancelReason.VENUE),
        ({"f": "FOK"}, CancelReason.FOK_NOT_FILLABLE),
        ({"f": "IOC"}, CancelReason.IOC_REMAINDER),
        ({"o": "MARKET"}, CancelReason.IOC_REMAINDER),
        ({"eR": "NONE"}, CancelReason.VENUE),
        ({"X": "EXPIRED_IN_MATCH"}, CancelReason.SELF_TRADE),
        ({"X": "EXPIRED_IN_MATCH", "x": "TRADE_PREVENTION", "A": "0.6"}, CancelReason.SELF_TRADE),
    ],
)
def test_why_an_order_ended_that_nobody_canceled(wire: dict[str, Any], reason: CancelReason) -> None:
    ended = one(**{"x": "EXPIRED", "X": "EXPIRED", "z": "0.4", "Z": "0.04", **wire})
    assert ended == CanceledReport(**NAMES, reason=reason, executed_quantity=D("0.4"))


def test_a_prevented_self_trade_may_only_make_an_order_smaller() -> None:
    smaller = one(x="TRADE_PREVENTION", X="PARTIALLY_FILLED", z="0.4", Z="0.04", A="0.1", B="0.1")
    assert (smaller.status, smaller.quantity, smaller.executed_quantity) == (
        VenueOrderStatus.WORKING,
        D("0.9"),
        D("0.4"),
    )


def test_an_amended_order_is_named_by_its_former_client_id() -> None:
    amended = one(x="REPLACED", q="0.7", c="another", C=NAMES["sent_id"])
    assert (amended.sent_id, amended.status, amended.quantity) == (NAMES["sent_id"], VenueOrderStatus.WORKING, D("0.7"))


@pytest.mark.parametrize(
    ("wire", "reason"),
    [
        ("WOULD_MATCH_IMMEDIATELY", "POST_ONLY_WOULD_TAKE"),
        ("INSUFFICIENT_BALANCES", "INSUFFICIENT_BALANCE"),
        ("STOP_PRICE_WOULD_TRIGGER_IMMEDIATELY", "STOP_WOULD_TRIGGER"),
        ("OCO_BAD_PRICES", "INVALID_ORDER"),
        ("NONE", "OTHER"),
    ],
)
def test_a_rejected_order(wire: str, reason: str) -> None:
    assert one(x="REJECTED", X="REJECTED", r=wire) == RejectedReport(**NAMES, reason=reason)


def test_an_order_for_an_amount_of_the_quote_asset_is_as_large_as_what_it_executed() -> None:
    by_amount = {"o": "MARKET", "p": "0", "q": "0.00000000", "Q": "0.1"}
    assert reports(**by_amount) == ()
    placed, whole, fill = reports(**{**TRADE, **by_amount})
    assert isinstance(placed, ExternalOrderReport)
    assert isinstance(whole, OrderStatusReport)
    assert isinstance(fill, FillReport)
    assert (placed.quantity, placed.executed_quantity) == (D("0.4"), D(0))
    assert (whole.quantity, whole.executed_quantity, fill.quantity) == (D("0.4"), D("0.4"), D("0.4"))


@pytest.mark.parametrize(
    ("wire", "table", "text"),
    [
        ({"x": "BORN"}, "spot execution type", "BORN"),
        ({"X": "ODD"}, "spot order status", "ODD"),
        ({"o": "ICEBERG"}, "spot order type", "ICEBERG"),
        ({"f": "GTD"}, "spot time in force", "GTD"),
        ({"S": "SHORT"}, "side", "SHORT"),
        ({"s": "NEWUSDT"}, "symbol", "NEWUSDT"),
        ({"x": "REJECTED", "X": "REJECTED", "r": "ODD"}, "spot reject reason", "ODD"),
        ({"x": "EXPIRED", "X": "EXPIRED", "eR": "ODD"}, "spot expiry reason", "ODD"),
    ],
)
def test_an_unknown_word_is_refused_by_name(wire: dict[str, Any], table: str, text: str) -> None:
    with pytest.raises(UnknownMember) as caught:
        reports(**wire)
    assert (caught.value.table, caught.value.text) == (table, text)


def test_balances_as_they_are_now() -> None:
    event = {
        "e": "outboundAccountPosition",
        "E": 1564034571105,
        "u": 1564034571073,
        "B": [{"a": "ETH", "f": "10000.000000", "l": "2.5"}],
    }
    word = BalanceReport(
        account_id=ACCOUNT,
        at_ms=1564034571073,
        asset="ETH",
        total=D("10002.5"),
        locked=D("2.5"),
        borrowed=D(0),
        as_of=1564034571073,
    )
    assert news(event).reports == (word,)
    # What a margin account owes is not in the event, so that is compared and not reported.
    assert news(event, AccountType.MARGIN) == UserNews(stated=(word,), wants_margin=True)


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        ({"e": "balanceUpdate", "E": 1, "a": "BTC", "d": "100.0", "T": 1}, UserNews(wants_snapshot=True)),
        ({"e": "externalLockUpdate", "E": 1, "a": "NEO", "d": "10.0", "T": 1}, UserNews(wants_snapshot=True)),
        ({"e": "eventStreamTerminated", "E": 1}, UserNews(is_stream_over=True)),
        ({"e": "listStatus", "E": 1, "s": "ETHBTC", "g": 2, "c": "OCO"}, UserNews()),
    ],
)
def test_events_that_state_no_result(event: dict[str, Any], expected: UserNews) -> None:
    assert news(event) == expected


def test_a_closing_event_of_the_connection_has_no_subscription() -> None:
    frame = payload({"event": {"e": "serverShutdown", "E": 1}})
    assert user_news(frame, SPOT, AccountType.SPOT) == UserNews(is_stream_over=True)


@pytest.mark.parametrize("frame", [b"", b"{}", b"[]", b'{"event":1}', b'{"subscriptionId":0,"event":{"e":"odd"}}'])
def test_a_message_that_cannot_be_read(frame: bytes) -> None:
    with pytest.raises(UnreadablePayload):
        user_news(frame, SPOT, AccountType.SPOT)


# --- replies

FULL_REPLY: dict[str, Any] = {
    "symbol": "BTCUSDT",
    "orderId": 28,
    "orderListId": -1,
    "clientOrderId": SENT_ID,
    "transactTime": 1507725176595,
    "price": "50000.00000000",
    "origQty": "10.00000000",
    "executedQty": "10.00000000",
    "origQuoteOrderQty": "0.000000",
    "cummulativeQuoteQty": "10.00000000",
    "status": "FILLED",
    "timeInForce": "GTC",
    "type": "LIMIT",
    "side": "SELL",
    "workingTime": 1507725176595,
    "selfTradePreventionMode": "NONE",
    "fills": [
        {"price": "4000.0", "qty": "1.0", "commission": "4.0", "commissionAsset": "USDT", "tradeId": 56},
        {"price": "3999.0", "qty": "9.0", "commission": "19.995", "commissionAsset": "USDT", "tradeId": 57},
    ],
}
OURS = order(quantity=D(10), side=Side.SELL)


def reply(**changes: Any) -> BinanceSpotOrder:
    return decode(BinanceSpotOrder, payload(FULL_REPLY, **changes))


def test_the_reply_to_a_new_order_brings_its_fills() -> None:
    accepted, first, second = submit_reports(reply(), SPOT, OURS)
    assert isinstance(accepted, AcceptedReport)
    assert (accepted.order_id, accepted.sent_id, accepted.venue_order_id) == (OURS.id, SENT_ID, "28")
    assert (accepted.executed_quantity, accepted.at_ms) == (D(10), 1507725176595)
    assert isinstance(first, FillReport)
    assert (first.trade_id, first.price, first.quantity, first.fees) == ("56", D(4000), D(1), (Fee("USDT", D(4)),))
    assert first.liquidity is LiquiditySide.TAKER
    assert isinstance(second, FillReport)
    assert second.trade_id == "57"


def test_a_new_order_that_ended_at_once() -> None:
    ended = reply(status="EXPIRED", timeInForce="IOC", executedQty="1.0", fills=FULL_REPLY["fills"][:1])
    kinds = submit_reports(ended, SPOT, OURS)
    assert [type(each) for each in kinds] == [AcceptedReport, FillReport, CanceledReport]
    assert kinds[-1].reason is CancelReason.IOC_REMAINDER
    assert kinds[-1].executed_quantity == D(1)
    (refused,) = submit_reports(reply(status="REJECTED", executedQty="0", fills=[]), SPOT, OURS)
    assert isinstance(refused, RejectedReport)


def test_a_reply_about_another_order_is_not_believed() -> None:
    for changed in ({"clientOrderId": "another"}, {"symbol": "ETHBTC"}):
        with pytest.raises(UnreadablePayload, match="another order"):
            submit_reports(reply(**changed), SPOT, OURS)


def test_a_reply_without_its_amounts_is_not_believed() -> None:
    for missing in ("executedQty", "status", "orderId", "transactTime"):
        with pytest.raises(UnreadablePayload):
            submit_reports(reply(**{missing: ...}), SPOT, OURS)


def test_the_reply_to_a_cancel_names_the_order_by_its_original_id() -> None:
    canceled = reply(
        status="CANCELED", clientOrderId="the cancel", origClientOrderId=SENT_ID, executedQty="4", fills=...
    )
    (report,) = cancel_reports(canceled, SPOT, OURS)
    assert isinstance(report, CanceledReport)
    assert (report.sent_id, report.reason, report.executed_quantity) == (SENT_ID, CancelReason.USER, D(4))


QUERIED = {"transactTime": ..., "fills": ..., "time": 1499827319559, "updateTime": 1499827319560, "isWorking": True}


@pytest.mark.parametrize(
    ("wire", "status", "reason"),
    [
        ({"status": "NEW", "executedQty": "0"}, VenueOrderStatus.WORKING, CancelReason.VENUE),
        ({"status": "PENDING_NEW", "executedQty": "0"}, VenueOrderStatus.WORKING, CancelReason.VENUE),
        ({"status": "PARTIALLY_FILLED", "executedQty": "4"}, VenueOrderStatus.WORKING, CancelReason.VENUE),
        ({"status": "FILLED"}, VenueOrderStatus.FILLED, CancelReason.VENUE),
        ({"status": "CANCELED", "executedQty": "4"}, VenueOrderStatus.CANCELED, CancelReason.USER),
        ({"status": "EXPIRED", "type": "MARKET"}, VenueOrderStatus.CANCELED, CancelReason.IOC_REMAINDER),
        ({"status": "EXPIRED_IN_MATCH"}, VenueOrderStatus.CANCELED, CancelReason.SELF_TRADE),
        ({"status": "EXPIRED", "expiryReason": "EXCHANGE_CANCELED"}, VenueOrderStatus.CANCELED, CancelReason.VENUE),
    ],
)
def test_the_answer_to_a_question(wire: dict[str, Any], status: VenueOrderStatus, reason: CancelReason) -> None:
    report = status_of(facts_of_ours(facts_of_order(reply(**QUERIED, **wire), SPOT), OURS))
    assert isinstance(report, OrderStatusReport)
    assert (report.status, report.cancel_reason, report.at_ms) == (status, reason, 1499827319560)
    assert (report.order_id, report.executed_quantity) == (OURS.id, D(wire.get("executedQty", "10")))


def test_an_order_that_nobody_knows_yet_is_adopted_from_the_answer() -> None:
    placed = external(facts_of_order(reply(**QUERIED), SPOT))
    assert (placed.order_id, placed.quantity) == (None, D(10))


def test_a_cost_that_the_venue_has_forgotten_gives_no_price() -> None:
    report = status_of(facts_of_ours(facts_of_order(reply(**QUERIED, cummulativeQuoteQty="-1"), SPOT), OURS))
    assert isinstance(report, OrderStatusReport)
    assert report.executed_price is None


def test_executions_of_the_history() -> None:
    trade = {
        "symbol": "BTCUSDT",
        "id": 28457,
        "orderId": 100234,
        "orderListId": -1,
        "price": "4.00000100",
        "qty": "12.00000000",
        "quoteQty": "48.000012",
        "commission": "10.10000000",
        "commissionAsset": "BNB",
        "time": 1499865549590,
        "isBuyer": True,
        "isMaker": False,
        "isBestMatch": True,
    }
    (found,) = decode_list(BinanceSpotTrade, b"[" + payload(trade) + b"]")
    assert fill_report(found, SPOT) == FillReport(
        account_id=ACCOUNT,
        at_ms=1499865549590,
        instrument_id=BTC_USDT,
        venue_order_id="100234",
        trade_id="28457",
        side=Side.BUY,
        price=D("4.000001"),
        quantity=D(12),
        fees=(Fee("BNB", D("10.1")),),
        liquidity=LiquiditySide.TAKER,
    )


def test_the_balances_of_an_account_leave_out_those_of_nothing() -> None:
    account = {
        "canTrade": True,
        "updateTime": 123456789,
        "permissions": ["SPOT"],
        "balances": [
            {"asset": "BTC", "free": "4723846.89208129", "locked": "0.1"},
            {"asset": "LTC", "free": "0.00000000", "locked": "0.00000000"},
        ],
    }
    (balance,) = spot_balances(decode(BinanceSpotAccount, payload(account)), SPOT, 5)
    assert (balance.asset, balance.total, balance.locked, balance.as_of) == ("BTC", D("4723846.99208129"), D("0.1"), 5)


def test_what_a_margin_account_owes_includes_the_interest() -> None:
    rows = [
        {"asset": "USDT", "borrowed": "100", "free": "20", "interest": "0.5", "locked": "5", "netAsset": "-75.5"},
        {"asset": "BTC", "borrowed": "0", "free": "0", "interest": "0", "locked": "0", "netAsset": "0"},
    ]
    account = decode(BinanceMarginAccount, payload({"tradeEnabled": True, "userAssets": rows}))
    (balance,) = margin_balances(account, SPOT, 5)
    assert (balance.total, balance.locked, balance.borrowed) == (D(25), D(5), D("100.5"))
