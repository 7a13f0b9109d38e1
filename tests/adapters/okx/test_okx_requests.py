"""From our orders to the venue's requests: what is sent, and what is refused before that."""

from decimal import Decimal as D
from typing import Any

import pytest
from tests.adapters.okx.okx_world import BY_ID, INVERSE, LINEAR, NOW_MS, OPTION, SENT_ID, order

from cadenza.adapters.venues.kit.request_instant import RequestInstant, TooLateToSend
from cadenza.adapters.venues.okx.orders import TradingTerms, cancel_request, new_order, number_request, query_request
from cadenza.adapters.venues.okx.requests import OkxRequest
from cadenza.domain.accounts.trading_account import AccountType, PositionMode
from cadenza.domain.errors import (
    InvalidLeverage,
    InvalidPrice,
    InvalidQuantity,
    UnsupportedOrderType,
    UnsupportedTimeInForce,
)
from cadenza.domain.market.enums import OrderType, Side, TimeInForce
from cadenza.domain.trading.order import Order

AHEAD_MS = 1_500
TIME = RequestInstant(NOW_MS + 2_000, AHEAD_MS)
SPOT, FUTURES = TradingTerms(AccountType.SPOT), TradingTerms(AccountType.FUTURES)
HEDGED = TradingTerms(AccountType.FUTURES, PositionMode.HEDGE)
STOP = {"type": OrderType.STOP, "limit_price": None, "stop_price": D("51000")}


def request(made: Order, terms: TradingTerms = SPOT, time: RequestInstant = TIME) -> OkxRequest:
    return new_order(made, BY_ID[made.instrument_id], terms, time)


def body(made: Order, terms: TradingTerms = SPOT) -> dict[str, Any]:
    found = request(made, terms).body
    assert isinstance(found, dict)
    return found


def test_a_limit_order_of_spot() -> None:
    made = request(order())
    assert (made.method, made.path) == ("POST", "/api/v5/trade/order")
    assert made.body == {
        "instId": "BTC-USDT", "tdMode": "cash", "side": "buy", "clOrdId": SENT_ID, "ordType": "limit", "px": "50000",
        "sz": "0.01",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("time_in_force", "word"),
    [(TimeInForce.GTX, "post_only"), (TimeInForce.IOC, "ioc"), (TimeInForce.FOK, "fok")],
)
def test_the_time_in_force_is_the_type(time_in_force: TimeInForce, word: str) -> None:
    assert body(order(time_in_force=time_in_force))["ordType"] == word


def test_a_market_order_of_spot_says_what_its_size_is_of_and_may_not_shrink() -> None:
    made = body(order(type=OrderType.MARKET, time_in_force=TimeInForce.IOC, limit_price=None))
    assert (made["ordType"], made["tgtCcy"], made["banAmend"]) == ("market", "base_ccy", True)
    assert "px" not in made
    swap = order(type=OrderType.MARKET, time_in_force=TimeInForce.IOC, limit_price=None, instrument_id=LINEAR)
    assert "tgtCcy" not in body(swap, FUTURES)


@pytest.mark.parametrize(
    ("instrument", "quantity", "size"), [(LINEAR, "0.03", "3"), (INVERSE, "700", "7"), (OPTION, "0.3", "3")]
)
def test_a_quantity_is_sent_in_contracts(instrument: Any, quantity: str, size: str) -> None:
    made = body(order(instrument_id=instrument, quantity=D(quantity)), FUTURES)
    assert (made["sz"], made["tdMode"]) == (size, "cross")


def test_a_quantity_that_is_no_number_of_contracts_is_refused() -> None:
    with pytest.raises(InvalidQuantity):
        body(order(instrument_id=INVERSE, quantity=D("0.000000000000000000001")), FUTURES)


@pytest.mark.parametrize(
    ("side", "closes", "row"),
    [(Side.BUY, None, "long"), (Side.SELL, None, "short"), (Side.BUY, "p", "short"), (Side.SELL, "p", "long")],
)
def test_a_hedged_order_names_its_row(side: Side, closes: Any, row: str) -> None:
    made = order(instrument_id=LINEAR, quantity=D("0.03"), side=side, position_id=closes)
    assert body(made, HEDGED)["posSide"] == row
    assert "posSide" not in body(made, FUTURES)


def test_margin_is_traded_as_cross() -> None:
    assert body(order(), TradingTerms(AccountType.MARGIN))["tdMode"] == "cross"


@pytest.mark.parametrize(
    ("type", "limit", "fields"),
    [
        (OrderType.STOP, None, {"slTriggerPx": "51000", "slTriggerPxType": "last", "slOrdPx": "-1"}),
        (OrderType.STOP_LOSS, None, {"slTriggerPx": "51000", "slTriggerPxType": "last", "slOrdPx": "-1"}),
        (OrderType.STOP_LIMIT, "51100", {"slTriggerPx": "51000", "slTriggerPxType": "last", "slOrdPx": "51100"}),
        (OrderType.TAKE_PROFIT, None, {"tpTriggerPx": "51000", "tpTriggerPxType": "last", "tpOrdPx": "-1"}),
        (OrderType.TAKE_PROFIT_LIMIT, "50900", {"tpTriggerPx": "51000", "tpTriggerPxType": "last", "tpOrdPx": "50900"}),
    ],
)
def test_stops_and_take_profits_go_to_the_algo_service(type: OrderType, limit: str | None, fields: Any) -> None:
    price = None if limit is None else D(limit)
    made = request(order(type=type, limit_price=price, stop_price=D("51000"), instrument_id=LINEAR), FUTURES)
    assert made.path == "/api/v5/trade/order-algo"
    assert made.body == {
        "instId": "BTC-USDT-SWAP", "tdMode": "cross", "side": "buy", "algoClOrdId": SENT_ID, "ordType": "conditional",
        "sz": "1", **fields,
    }  # fmt: skip


def test_the_deadline_is_the_expiry_on_the_venues_clock() -> None:
    assert request(order()).expires_ms == NOW_MS + 10_000 + AHEAD_MS
    assert request(order(send_before_ms=None)).expires_ms is None


def test_an_algo_order_carries_a_timestamp_that_is_too_old_after_its_deadline() -> None:
    made = request(order(**STOP))
    assert made.expires_ms is None
    assert made.timestamp_ms == NOW_MS + 10_000 + AHEAD_MS - 30_000
    late = request(order(**STOP, send_before_ms=NOW_MS + 60_000))
    assert late.timestamp_ms == TIME.venue_ms


@pytest.mark.parametrize("made", [order(), order(**STOP)])
def test_nothing_is_made_after_the_deadline(made: Order) -> None:
    with pytest.raises(TooLateToSend):
        request(made, time=RequestInstant(NOW_MS + 10_000, AHEAD_MS))


def test_a_clock_that_was_set_back_does_not_move_the_deadline() -> None:
    made = request(order(), time=RequestInstant(NOW_MS - 3_600_000, 0))
    assert made.expires_ms == NOW_MS - 3_600_000 + 10_000


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"leverage": 3}, InvalidLeverage),
        ({"time_in_force": TimeInForce.OPG}, UnsupportedTimeInForce),
        ({"type": OrderType.MARKET, "time_in_force": TimeInForce.FOK, "limit_price": None}, UnsupportedTimeInForce),
        ({"type": OrderType.QUOTED}, UnsupportedOrderType),
        ({"type": OrderType.TRAILING_STOP}, UnsupportedOrderType),
        ({"limit_price": None}, InvalidPrice),
        ({**STOP, "time_in_force": TimeInForce.IOC}, UnsupportedTimeInForce),
        ({**STOP, "stop_price": None}, InvalidPrice),
        ({**STOP, "instrument_id": OPTION}, UnsupportedOrderType),
        ({"type": OrderType.MARKET, "time_in_force": TimeInForce.IOC, "instrument_id": OPTION}, UnsupportedOrderType),
    ],
)
def test_what_the_venue_lacks_is_refused(changes: dict[str, Any], error: type[Exception]) -> None:
    with pytest.raises(error):
        request(order(**changes), FUTURES)


def test_a_fill_or_kill_option_has_a_type_of_its_own() -> None:
    made = order(instrument_id=OPTION, quantity=D("0.1"), time_in_force=TimeInForce.FOK)
    assert body(made, TradingTerms(AccountType.OPTIONS))["ordType"] == "op_fok"


@pytest.mark.parametrize("sent_id", [None, "a-b", "x" * 33, "ü"])
def test_an_id_that_the_venue_does_not_take_is_a_defect(sent_id: str | None) -> None:
    with pytest.raises(ValueError, match="no id that OKX takes"):
        request(order(sent_id=sent_id))


def test_a_cancel_and_a_question_name_the_order_by_the_venues_number_once_that_is_known() -> None:
    unknown, known = order(), order(venue_order_id="312")
    assert cancel_request(unknown, "BTC-USDT").body == {"instId": "BTC-USDT", "clOrdId": SENT_ID}
    assert cancel_request(known, "BTC-USDT").body == {"instId": "BTC-USDT", "ordId": "312"}
    assert query_request(unknown, "BTC-USDT").query == {"instId": "BTC-USDT", "clOrdId": SENT_ID}
    assert query_request(known, "BTC-USDT").query == {"instId": "BTC-USDT", "ordId": "312"}


def test_an_algo_order_is_canceled_and_asked_for_where_it_is() -> None:
    waiting, known = order(**STOP), order(**STOP, venue_order_id="algo-7")
    triggered = order(**STOP, venue_order_id="312")
    assert cancel_request(waiting, "BTC-USDT").body == [{"instId": "BTC-USDT", "algoClOrdId": SENT_ID}]
    assert cancel_request(known, "BTC-USDT").body == [{"instId": "BTC-USDT", "algoId": "7"}]
    assert cancel_request(triggered, "BTC-USDT").path == "/api/v5/trade/cancel-order"
    assert query_request(waiting, "BTC-USDT").query == {"algoClOrdId": SENT_ID}
    assert query_request(known, "BTC-USDT").query == {"algoId": "7"}
    assert query_request(triggered, "BTC-USDT").query == {"instId": "BTC-USDT", "ordId": "312"}


def test_a_question_about_a_number() -> None:
    by_number, by_algo = number_request("312", "BTC-USDT"), number_request("algo-7", "BTC-USDT")
    assert by_number is not None
    assert by_algo is not None
    assert (by_number.query, by_algo.query) == ({"instId": "BTC-USDT", "ordId": "312"}, {"algoId": "7"})
    assert number_request("not a number", "BTC-USDT") is None
