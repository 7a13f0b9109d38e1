"""Events and replies about orders and money of USD-M, as documented, become reports."""

from decimal import Decimal as D
from typing import Any

import pytest
from tests.adapters.binance.binance_world import ACCOUNT, BNB_PERP, BTC_PERP, SENT_ID, USDM, order, payload

from cadenza.adapters.venues.binance.models_usdm import UsdmAccount, UsdmOrder, UsdmPosition, UsdmTrade
from cadenza.adapters.venues.binance.parse import UserNews
from cadenza.adapters.venues.binance.parse_usdm import (
    cancel_reports,
    facts_of_order,
    fill_report,
    submit_reports,
    usdm_balances,
    usdm_positions,
    user_news,
)
from cadenza.adapters.venues.binance.usdm_dialect import UsdmDialect
from cadenza.adapters.venues.kit.order_facts import external, facts_of_ours, status
from cadenza.adapters.venues.kit.payloads import decode, decode_list
from cadenza.adapters.venues.kit.words import UnknownMember, UnreadablePayload
from cadenza.domain.accounts.trading_account import PositionMode, PositionSide
from cadenza.domain.market.enums import OrderType, Side, TimeInForce
from cadenza.domain.trading.enums import CancelReason, LiquiditySide
from cadenza.domain.trading.execution import Fee
from cadenza.domain.trading.reports import (
    AcceptedReport,
    CanceledReport,
    ExpiredReport,
    ExternalOrderReport,
    FillReport,
    OrderStatusReport,
    PositionReport,
    RejectedReport,
    Report,
    VenueOrderStatus,
)

UPDATE: dict[str, Any] = {
    "s": "BTCUSDT",
    "c": SENT_ID,
    "S": "SELL",
    "o": "LIMIT",
    "f": "GTC",
    "q": "0.010",
    "p": "7103.04",
    "ap": "0",
    "sp": "0",
    "x": "NEW",
    "X": "NEW",
    "i": 8886774,
    "l": "0",
    "z": "0",
    "L": "0",
    "N": "USDT",
    "n": "0",
    "T": 1568879465650,
    "t": 0,
    "b": "0",
    "a": "9.91",
    "m": False,
    "R": False,
    "wt": "CONTRACT_PRICE",
    "ot": "LIMIT",
    "ps": "BOTH",
    "cp": False,
    "rp": "0",
    "pP": False,
    "si": 0,
    "ss": 0,
    "V": "EXPIRE_TAKER",
    "pm": "NONE",
    "gtd": 0,
    "er": "0",
}
TRADE = {"x": "TRADE", "X": "PARTIALLY_FILLED", "l": "0.004", "z": "0.004", "L": "7103.1", "n": "0.0113", "t": 99}
NAMES = {
    "account_id": ACCOUNT,
    "at_ms": 1568879465650,
    "instrument_id": BTC_PERP,
    "sent_id": SENT_ID,
    "venue_order_id": "8886774",
}


def news(**changes: Any) -> UserNews:
    event = {"e": "ORDER_TRADE_UPDATE", "E": 1568879465651, "T": 1568879465650, "o": {**UPDATE, **changes}}
    return user_news(payload(event), USDM)


def reports(**changes: Any) -> tuple[Report, ...]:
    return news(**changes).reports


def one(**changes: Any) -> Any:
    (report,) = reports(**changes)
    return report


def test_a_new_order() -> None:
    assert news() == UserNews(
        reports=(
            ExternalOrderReport(
                **NAMES,
                side=Side.SELL,
                type=OrderType.LIMIT,
                time_in_force=TimeInForce.GTC,
                quantity=D("0.01"),
                executed_quantity=D(0),
                limit_price=D("7103.04"),
            ),
        ),
        wants_margin=True,
    )


@pytest.mark.parametrize(
    ("wire", "type", "time_in_force"),
    [
        ({"f": "GTX"}, OrderType.LIMIT, TimeInForce.GTX),
        ({"f": "GTD", "gtd": 1693207680000}, OrderType.LIMIT, TimeInForce.GTD),
        ({"f": "RPI"}, OrderType.LIMIT, TimeInForce.GTX),
        ({"o": "MARKET", "ot": "MARKET"}, OrderType.MARKET, TimeInForce.IOC),
        ({"o": "STOP", "ot": "STOP"}, OrderType.STOP_LIMIT, TimeInForce.GTC),
        ({"o": "TAKE_PROFIT_MARKET", "ot": "TAKE_PROFIT_MARKET"}, OrderType.TAKE_PROFIT, TimeInForce.GTC),
    ],
)
def test_types_and_times(wire: dict[str, Any], type: OrderType, time_in_force: TimeInForce) -> None:
    report = one(**wire)
    assert (report.type, report.time_in_force) == (type, time_in_force)
    assert report.expire_at_ms == wire.get("gtd")


def test_the_stop_price_of_a_trailing_stop_means_nothing() -> None:
    trailing = one(o="TRAILING_STOP_MARKET", ot="TRAILING_STOP_MARKET", p="0", sp="7103.04", AP="7476.89", cr="5.0")
    assert (trailing.type, trailing.stop_price, trailing.limit_price) == (OrderType.TRAILING_STOP, None, None)
    assert one(o="STOP_MARKET", ot="STOP_MARKET", sp="7103.04").stop_price == D("7103.04")


def test_an_execution() -> None:
    assert reports(**TRADE, ps="SHORT", m=True) == (
        FillReport(
            **NAMES,
            trade_id="99",
            side=Side.SELL,
            price=D("7103.1"),
            quantity=D("0.004"),
            fees=(Fee("USDT", D("0.0113")),),
            liquidity=LiquiditySide.MAKER,
            position_side=PositionSide.SHORT,
        ),
    )
    assert one(**TRADE).position_side is None


def test_the_last_execution_states_the_whole_order() -> None:
    fill, whole = reports(**{**TRADE, "X": "FILLED", "z": "0.010", "ap": "7103.08"})
    assert isinstance(fill, FillReport)
    assert isinstance(whole, OrderStatusReport)
    assert (whole.status, whole.executed_quantity, whole.executed_price) == (
        VenueOrderStatus.FILLED,
        D("0.01"),
        D("7103.08"),
    )


@pytest.mark.parametrize(
    "client_id",
    ["autoclose-1602756346532", "adl_autoclose", "settlement_autoclose-16090", "delivery_autoclose-16090"],
)
def test_an_order_by_which_the_venue_closes_a_position(client_id: str) -> None:
    assert one(c=client_id).is_liquidation
    by_venue = {**TRADE, "c": client_id, "x": "CALCULATED", "o": "LIQUIDATION", "ot": "LIQUIDATION", "f": "IOC"}
    placed, fill = reports(**by_venue)
    assert isinstance(placed, ExternalOrderReport)
    assert (placed.is_liquidation, placed.executed_quantity, placed.type) == (True, D(0), OrderType.LIMIT)
    assert isinstance(fill, FillReport)
    assert not one(c=f"my-{client_id}").is_liquidation


def test_an_execution_without_a_trade_id_is_stated_and_not_booked() -> None:
    whole = one(**{**TRADE, "x": "CALCULATED", "t": 0})
    assert isinstance(whole, OrderStatusReport)
    assert (whole.status, whole.executed_quantity) == (VenueOrderStatus.WORKING, D("0.004"))


@pytest.mark.parametrize(
    ("wire", "reason"),
    [
        ({"x": "CANCELED", "X": "CANCELED"}, CancelReason.USER),
        ({"er": "1", "X": "EXPIRED_IN_MATCH"}, CancelReason.SELF_TRADE),
        ({"er": "2", "f": "IOC"}, CancelReason.IOC_REMAINDER),
        ({"er": "3", "f": "IOC"}, CancelReason.SELF_TRADE),
        ({"er": "4"}, CancelReason.VENUE),
        ({"er": "5"}, CancelReason.RISK),
        ({"er": "6"}, CancelReason.VENUE),
        ({"er": "7"}, CancelReason.VENUE),
        ({"er": "8"}, CancelReason.VENUE),
        ({"er": "9", "o": "MARKET", "ot": "MARKET"}, CancelReason.IOC_REMAINDER),
        ({"er": "10", "f": "FOK"}, CancelReason.FOK_NOT_FILLABLE),
        ({"er": "11", "f": "GTX"}, CancelReason.VENUE),
        ({"f": "FOK"}, CancelReason.FOK_NOT_FILLABLE),
        ({"f": "GTX"}, CancelReason.VENUE),
    ],
)
def test_why_an_order_ended(wire: dict[str, Any], reason: CancelReason) -> None:
    ended = one(**{"x": "EXPIRED", "X": "EXPIRED", "z": "0.004", **wire})
    assert ended == CanceledReport(**NAMES, reason=reason, executed_quantity=D("0.004"))


def test_a_post_only_order_that_would_take_was_refused() -> None:
    refused = one(x="EXPIRED", X="EXPIRED", f="GTX", er="11")
    assert refused == RejectedReport(**NAMES, reason="POST_ONLY_WOULD_TAKE")


@pytest.mark.parametrize("wire", [{"x": "CANCELED", "X": "CANCELED"}, {"x": "EXPIRED", "X": "EXPIRED"}])
def test_an_order_whose_time_has_come(wire: dict[str, Any]) -> None:
    good_till = {"f": "GTD", "gtd": 1568879465000, "z": "0.004"}
    assert one(**wire, **good_till) == ExpiredReport(**NAMES, executed_quantity=D("0.004"))
    on_time = one(**wire, **{**good_till, "gtd": NAMES["at_ms"]})
    assert isinstance(on_time, ExpiredReport)
    canceled = one(x="CANCELED", X="CANCELED", f="GTD", gtd=1568879466000)
    assert isinstance(canceled, CanceledReport)


def test_an_amendment_states_the_new_terms() -> None:
    amended = one(x="AMENDMENT", q="0.02", p="7000")
    assert (amended.status, amended.quantity, amended.limit_price) == (VenueOrderStatus.WORKING, D("0.02"), D(7000))


def test_an_order_that_was_triggered_waits_for_its_new_id() -> None:
    assert news(o="MARKET", ot="STOP_MARKET", c="x-another").follows_algo == "8886774"
    assert news(**{**TRADE, "o": "LIMIT", "ot": "TAKE_PROFIT"}).follows_algo == "8886774"
    assert news(o="STOP_MARKET", ot="STOP_MARKET").follows_algo is None


@pytest.mark.parametrize(
    ("wire", "table"),
    [
        ({"x": "BORN"}, "USD-M execution type"),
        ({"X": "PENDING_NEW"}, "USD-M order status"),
        ({"o": "LIMIT_MAKER"}, "USD-M order type"),
        ({"f": "DAY"}, "USD-M time in force"),
        ({"er": "12"}, "USD-M expiry reason"),
        ({"ps": "NET", **TRADE}, "positionSide"),
        ({"s": "NEWUSDT"}, "symbol"),
    ],
)
def test_an_unknown_word_is_refused_by_name(wire: dict[str, Any], table: str) -> None:
    with pytest.raises(UnknownMember) as caught:
        reports(**wire)
    assert caught.value.table == table


# --- replies

ORDER_REPLY: dict[str, Any] = {
    "orderId": 336829446,
    "symbol": "BTCUSDT",
    "status": "NEW",
    "clientOrderId": SENT_ID,
    "price": "42088.00",
    "avgPrice": "0.00",
    "origQty": "0.100",
    "executedQty": "0.000",
    "cumQty": "0.000",
    "cumQuote": "0.00000",
    "timeInForce": "GTC",
    "type": "LIMIT",
    "reduceOnly": False,
    "closePosition": False,
    "side": "BUY",
    "positionSide": "BOTH",
    "stopPrice": "0.00",
    "workingType": "CONTRACT_PRICE",
    "priceProtect": False,
    "origType": "LIMIT",
    "priceMatch": "NONE",
    "selfTradePreventionMode": "NONE",
    "goodTillDate": 0,
    "updateTime": 1705385954229,
}
OURS = order(instrument_id=BTC_PERP)


def reply(**changes: Any) -> UsdmOrder:
    return decode(UsdmOrder, payload(ORDER_REPLY, **changes))


def test_the_reply_to_a_new_order_states_what_was_executed_and_brings_no_fills() -> None:
    (accepted,) = submit_reports(reply(), USDM, OURS)
    assert isinstance(accepted, AcceptedReport)
    assert (accepted.order_id, accepted.venue_order_id, accepted.executed_quantity) == (OURS.id, "336829446", D(0))
    (filled,) = submit_reports(reply(status="FILLED", executedQty="0.100"), USDM, OURS)
    assert isinstance(filled, AcceptedReport)
    assert filled.executed_quantity == D("0.1")
    first, ended = submit_reports(reply(status="EXPIRED", timeInForce="IOC", executedQty="0.040"), USDM, OURS)
    assert isinstance(first, AcceptedReport)
    assert isinstance(ended, CanceledReport)
    assert (ended.reason, ended.executed_quantity) == (CancelReason.IOC_REMAINDER, D("0.04"))


def test_the_reply_to_a_cancel_and_to_a_question() -> None:
    (canceled,) = cancel_reports(reply(status="CANCELED", executedQty="0.010"), USDM, OURS)
    assert isinstance(canceled, CanceledReport)
    assert (canceled.reason, canceled.executed_quantity) == (CancelReason.USER, D("0.01"))
    facts = facts_of_order(reply(status="PARTIALLY_FILLED", executedQty="0.010", avgPrice="42088"), USDM)
    works = status(facts_of_ours(facts, OURS))
    assert isinstance(works, OrderStatusReport)
    assert (works.status, works.executed_price) == (VenueOrderStatus.WORKING, D(42088))
    assert external(facts_of_order(reply(clientOrderId="web_1"), USDM)).quantity == D("0.1")


def test_a_triggered_order_is_ours_by_its_id_at_the_venue() -> None:
    ours = order(instrument_id=BTC_PERP, venue_order_id="336829446", former_venue_order_ids=("algo-5",))
    report = status(facts_of_ours(facts_of_order(reply(clientOrderId="x-another"), USDM), ours))
    assert isinstance(report, OrderStatusReport)
    assert (report.order_id, report.sent_id) == (ours.id, SENT_ID)


def test_executions_of_the_history() -> None:
    trade = {
        "buyer": False,
        "commission": "-0.07819010",
        "commissionAsset": "USDT",
        "id": 698759,
        "maker": False,
        "orderId": 25851813,
        "price": "7819.01",
        "qty": "0.002",
        "quoteQty": "15.63802",
        "realizedPnl": "-0.91539999",
        "side": "SELL",
        "positionSide": "LONG",
        "symbol": "BTCUSDT",
        "time": 1569514978020,
    }
    report = fill_report(decode(UsdmTrade, payload(trade)), USDM)
    assert (report.trade_id, report.venue_order_id, report.side) == ("698759", "25851813", Side.SELL)
    assert (report.price, report.quantity, report.fees) == (D("7819.01"), D("0.002"), (Fee("USDT", D("-0.0781901")),))
    assert (report.position_side, report.liquidity) == (PositionSide.LONG, LiquiditySide.TAKER)


# --- money

ACCOUNT_UPDATE: dict[str, Any] = {
    "e": "ACCOUNT_UPDATE",
    "E": 1564745798939,
    "T": 1564745798938,
    "a": {
        "m": "ORDER",
        "B": [{"a": "USDT", "wb": "122624.12345678", "cw": "100.12345678", "bc": "50.12345678"}],
        "P": [
            {
                "s": "BTCUSDT",
                "pa": "20",
                "ep": "6563.66500",
                "bep": "0",
                "cr": "0",
                "up": "2850.21200",
                "mt": "isolated",
                "iw": "13200.70726908",
                "ps": "LONG",
            },
            {"s": "BTCUSDT", "pa": "-10", "ep": "6563.86000", "ps": "SHORT"},
            {"s": "BNBUSDT", "pa": "0", "ep": "0.00000", "ps": "BOTH"},
        ],
    },
}


def test_what_changed_of_the_account() -> None:
    balance, long, short, none = user_news(payload(ACCOUNT_UPDATE), USDM).reports
    assert (balance.asset, balance.total, balance.locked) == ("USDT", D("122624.12345678"), None)  # type: ignore[attr-defined]
    assert long == PositionReport(
        account_id=ACCOUNT,
        at_ms=1564745798938,
        instrument_id=BTC_PERP,
        side=PositionSide.LONG,
        quantity=D(20),
        entry_price=D("6563.665"),
        as_of=1564745798938,
    )
    assert isinstance(short, PositionReport)
    assert (short.side, short.quantity) == (PositionSide.SHORT, D(-10))
    assert isinstance(none, PositionReport)
    assert (none.side, none.quantity, none.instrument_id) == (PositionSide.NET, D(0), BNB_PERP)


def test_the_stream_s_positions_have_the_leverage_that_was_stated_last() -> None:
    dialect = UsdmDialect(PositionMode.HEDGE)
    event = payload(ACCOUNT_UPDATE)
    assert [each.leverage for each in dialect.news(event, USDM).reports[1:]] == [None, None, None]  # type: ignore[attr-defined]
    settings = [{"symbol": "BTCUSDT", "leverage": 21}, {"symbol": "BNBUSDT", "leverage": 3}]
    dialect.money([payload({"assets": []}), b"[]", b"[" + b",".join(map(payload, settings)) + b"]"], USDM, 7)
    changed = dialect.news(payload({"e": "ACCOUNT_CONFIG_UPDATE", "E": 1, "ac": {"s": "BTCUSDT", "l": 25}}), USDM)
    dialect.news(payload({"e": "ACCOUNT_CONFIG_UPDATE", "E": 1, "ai": {"j": True}}), USDM)
    assert changed == UserNews(wants_margin=True)
    news = dialect.news(event, USDM)
    assert [each.leverage for each in news.reports[1:]] == [25, 25, 3]  # type: ignore[attr-defined]
    assert news.wants_margin, "how much margin is in use now is not said"


def test_a_position_with_the_sign_of_the_other_side_is_refused() -> None:
    wrong = {"m": "ORDER", "B": [], "P": [{"s": "BTCUSDT", "pa": "10", "ep": "6563.86", "ps": "SHORT"}]}
    with pytest.raises(UnreadablePayload, match="sign of the other side"):
        user_news(payload(ACCOUNT_UPDATE, a=wrong), USDM)


def test_the_account_and_its_positions_leave_out_those_of_nothing() -> None:
    assets = [
        asset_row("USDT", "23.72469206", "20"),
        asset_row("USDC", "0.0", "0"),
    ]
    (balance,) = usdm_balances(decode(UsdmAccount, payload({"assets": assets})), USDM, 7)
    assert (balance.total, balance.locked, balance.as_of) == (D("23.72469206"), D("3.72469206"), 7)
    rows = [
        position_row("BTCUSDT", "-0.5", "0.385", "0.125"),
        position_row("BNBUSDT", "0", "0.0", "0"),
    ]
    positions = decode_list(UsdmPosition, b"[" + b",".join(payload(row) for row in rows) + b"]")
    (position,) = usdm_positions(positions, USDM, 7, {"BTCUSDT": 20})
    assert (position.instrument_id, position.quantity, position.as_of) == (BTC_PERP, D("-0.5"), 7)
    assert (position.leverage, position.maintenance_margin) == (20, D("0.125"))


@pytest.mark.parametrize(("available", "locked"), [("80", "20"), ("0", "100"), ("130", "0")])
def test_what_is_not_available_is_locked_and_profit_is_no_part_of_the_balance(available: str, locked: str) -> None:
    assets = [asset_row("USDT", "100", available)]
    (balance,) = usdm_balances(decode(UsdmAccount, payload({"assets": assets})), USDM, 7)
    assert (balance.total, balance.locked) == (D(100), D(locked))


def asset_row(asset: str, wallet: str, available: str) -> dict[str, Any]:
    amounts = {"walletBalance": wallet, "crossWalletBalance": wallet, "availableBalance": available}
    return {"asset": asset, **amounts, "updateTime": 1720736417660}


def position_row(symbol: str, amount: str, price: str, margin: str) -> dict[str, Any]:
    amounts = {"positionAmt": amount, "entryPrice": price, "maintMargin": margin}
    return {"symbol": symbol, "positionSide": "BOTH", **amounts, "updateTime": 1}


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        ({"e": "TRADE_LITE", "E": 1, "s": "BTCUSDT", "q": "0.1"}, UserNews()),
        ({"e": "MARGIN_CALL", "E": 1}, UserNews()),
        ({"e": "ACCOUNT_CONFIG_UPDATE", "E": 1, "ac": {"s": "BTCUSDT", "l": 25}}, UserNews(wants_margin=True)),
        ({"e": "listenKeyExpired", "E": "1736996475556", "listenKey": "K"}, UserNews(is_stream_over=True)),
    ],
)
def test_events_that_state_no_result(event: dict[str, Any], expected: UserNews) -> None:
    assert user_news(payload(event), USDM) == expected


def test_an_unknown_event_is_refused() -> None:
    with pytest.raises(UnknownMember):
        user_news(b'{"e":"NEW_KIND"}', USDM)
