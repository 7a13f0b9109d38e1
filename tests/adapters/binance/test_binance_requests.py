"""Our orders as requests: every type and time in force that the venue has, and a refusal with its name for the rest."""

from decimal import Decimal as D
from itertools import product
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.adapters.binance.binance_world import BINANCE, DATA, NOW_MS, SENT_ID, order

from cadenza.adapters.venues.binance.mapping import spot_terms, usdm_terms
from cadenza.adapters.venues.binance.orders import (
    CLIENT_ID,
    cancel_request,
    client_id,
    margin_order,
    query_request,
    spot_order,
    usdm_cancel_request,
    usdm_order,
    usdm_query_request,
)
from cadenza.adapters.venues.binance.parse_instruments import spot_catalogue
from cadenza.adapters.venues.binance.requests import BinanceRequest, stamp
from cadenza.adapters.venues.kit.request_instant import RequestInstant, TooLateToSend
from cadenza.domain.accounts.trading_account import PositionMode
from cadenza.domain.errors import (
    CadenzaError,
    InvalidExpiry,
    InvalidLeverage,
    InvalidPrice,
    UnsupportedOrderType,
    UnsupportedTimeInForce,
)
from cadenza.domain.ids import OrderId, PositionId
from cadenza.domain.market.enums import OrderType, Side, TimeInForce
from cadenza.domain.money import parse_decimal
from cadenza.domain.trading.checks import LIMIT_TYPES
from cadenza.domain.trading.enums import QuantityType
from cadenza.domain.trading.order import Expiry, Order
from cadenza.domain.trading.venue_spec import DerivedSentId

BTC_USDT = next(
    each
    for each in spot_catalogue((DATA / "exchange-info-20211012.json").read_text(), BINANCE).instruments
    if each.external_symbol == "BTCUSDT"
)
TIME = RequestInstant(NOW_MS, ahead_ms=-40)
STAMP = {"recvWindow": 10_000, "timestamp": NOW_MS - 40}
T, TIF = OrderType, TimeInForce


def spot(**changes: Any) -> dict[str, Any]:
    return spot_order(order(**changes), BTC_USDT, TIME).parameters


def usdm(mode: PositionMode = PositionMode.NETTING, **changes: Any) -> BinanceRequest:
    return usdm_order(order(**changes), BTC_USDT, TIME, mode)


def terms(parameters: dict[str, Any]) -> dict[str, Any]:
    """What sets one order apart from another."""
    common = {"symbol", "side", "newClientOrderId", "clientAlgoId", "newOrderRespType", "recvWindow", "timestamp"}
    return {name: value for name, value in parameters.items() if name not in common}


def test_a_whole_request_of_spot() -> None:
    assert spot_order(order(), BTC_USDT, TIME) == BinanceRequest(
        "POST",
        "/api/v3/order",
        {
            "symbol": "BTCUSDT",
            "side": "BUY",
            "type": "LIMIT",
            "timeInForce": "GTC",
            "quantity": "0.01",
            "price": "50000",
            "newClientOrderId": SENT_ID,
            "newOrderRespType": "FULL",
            **STAMP,
        },
    )


STOPPED = {"stop_price": D("51000.10")}
MARKET_STOP = {**STOPPED, "limit_price": None}
TRAILING = {"type": T.TRAILING_STOP, "limit_price": None, "stop_price": D(50_500)}
QUANTITY = {"quantity": "0.01"}


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"time_in_force": TIF.IOC}, {"type": "LIMIT", "timeInForce": "IOC", "price": "50000"}),
        ({"time_in_force": TIF.FOK}, {"type": "LIMIT", "timeInForce": "FOK", "price": "50000"}),
        ({"time_in_force": TIF.GTX}, {"type": "LIMIT_MAKER", "price": "50000"}),
        ({"type": T.MARKET, "time_in_force": TIF.IOC, "limit_price": None}, {"type": "MARKET"}),
        ({"type": T.STOP, **MARKET_STOP}, {"type": "STOP_LOSS", "stopPrice": "51000.1"}),
        ({"type": T.STOP_LOSS, **MARKET_STOP}, {"type": "STOP_LOSS", "stopPrice": "51000.1"}),
        ({"type": T.TAKE_PROFIT, **MARKET_STOP}, {"type": "TAKE_PROFIT", "stopPrice": "51000.1"}),
        (
            {"type": T.STOP_LIMIT, **STOPPED},
            {"type": "STOP_LOSS_LIMIT", "timeInForce": "GTC", "price": "50000", "stopPrice": "51000.1"},
        ),
        (
            {"type": T.TAKE_PROFIT_LIMIT, "time_in_force": TIF.FOK, **STOPPED},
            {"type": "TAKE_PROFIT_LIMIT", "timeInForce": "FOK", "price": "50000", "stopPrice": "51000.1"},
        ),
    ],
)
def test_types_and_times_of_spot(changes: dict[str, Any], expected: dict[str, Any]) -> None:
    assert terms(spot(**changes)) == {**expected, **QUANTITY}


@pytest.mark.parametrize("time", [TIF.GTD, TIF.DAY])
def test_what_the_platform_expires_goes_out_without_an_end(time: TIF) -> None:
    ours = {"time_in_force": time, "expire_at_ms": NOW_MS + 60_000, "expiry": Expiry.HERE}
    assert spot(**ours) == spot(time_in_force=TIF.GTC)
    assert usdm(**ours) == usdm(time_in_force=TIF.GTC)
    stop = {"type": T.STOP, **MARKET_STOP}
    assert spot(**stop, **ours) == spot(**stop)
    assert usdm(**stop, **ours) == usdm(**stop)


@pytest.mark.parametrize(
    ("changes", "cause", "named"),
    [
        ({"type": T.QUOTED}, UnsupportedOrderType, "no QUOTED orders"),
        ({"time_in_force": TIF.GTD}, UnsupportedTimeInForce, "not as GTD"),
        ({"time_in_force": TIF.DAY}, UnsupportedTimeInForce, "GTC, IOC, FOK, not as DAY"),
        ({"type": T.STOP_LIMIT, "time_in_force": TIF.GTX, **STOPPED}, UnsupportedTimeInForce, "STOP_LIMIT orders as"),
        ({"type": T.MARKET, "time_in_force": TIF.FOK}, UnsupportedTimeInForce, "MARKET orders as IOC, not as FOK"),
        ({"type": T.STOP, "time_in_force": TIF.IOC, **MARKET_STOP}, UnsupportedTimeInForce, "STOP orders as GTC"),
        ({"limit_price": None}, InvalidPrice, "need a limit price"),
        ({"type": T.STOP, "limit_price": None}, InvalidPrice, "need a stop price"),
        (TRAILING, UnsupportedOrderType, "no TRAILING_STOP orders"),
    ],
)
def test_what_spot_lacks_is_refused_by_name(changes: dict[str, Any], cause: type[CadenzaError], named: str) -> None:
    with pytest.raises(cause, match=named):
        spot(**changes)


def test_an_amount_of_the_quote_asset_is_sent_as_the_quantity_that_was_recorded() -> None:
    parameters = spot(
        type=T.MARKET,
        time_in_force=TIF.IOC,
        limit_price=None,
        quantity_type=QuantityType.QUOTE,
        asked_quantity=D(500),
        quantity=D("0.00999"),
    )
    assert parameters["quantity"] == "0.00999"
    assert "quoteOrderQty" not in parameters


@pytest.mark.parametrize(("leverage", "effect"), [(None, "AUTO_REPAY"), (1, "AUTO_REPAY"), (3, "AUTO_BORROW_REPAY")])
def test_margin_borrows_only_where_leverage_was_asked_for(leverage: int | None, effect: str) -> None:
    request = margin_order(order(leverage=leverage), BTC_USDT, TIME)
    assert request.path == "/sapi/v1/margin/order"
    assert request.parameters == {**spot(), "isIsolated": "FALSE", "sideEffectType": effect}


GTD = {"time_in_force": TIF.GTD, "expire_at_ms": NOW_MS + 700_123}


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, {"type": "LIMIT", "timeInForce": "GTC", "price": "50000"}),
        ({"time_in_force": TIF.GTX}, {"type": "LIMIT", "timeInForce": "GTX", "price": "50000"}),
        (GTD, {"type": "LIMIT", "timeInForce": "GTD", "price": "50000", "goodTillDate": NOW_MS + 700_000}),
        ({"type": T.MARKET, "time_in_force": TIF.IOC, "limit_price": None}, {"type": "MARKET"}),
    ],
)
def test_orders_of_the_matching_engine_of_usdm(changes: dict[str, Any], expected: dict[str, Any]) -> None:
    request = usdm(**changes)
    assert (request.method, request.path) == ("POST", "/fapi/v1/order")
    assert terms(request.parameters) == {**expected, **QUANTITY}
    assert request.parameters["newOrderRespType"] == "RESULT"
    assert {name: request.parameters[name] for name in STAMP} == STAMP


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"type": T.STOP, **MARKET_STOP}, {"type": "STOP_MARKET", "triggerPrice": "51000.1"}),
        ({"type": T.STOP_LOSS, **MARKET_STOP}, {"type": "STOP_MARKET", "triggerPrice": "51000.1"}),
        ({"type": T.TAKE_PROFIT, **MARKET_STOP}, {"type": "TAKE_PROFIT_MARKET", "triggerPrice": "51000.1"}),
        (
            {"type": T.STOP_LOSS_LIMIT, "time_in_force": TIF.IOC, **STOPPED},
            {"type": "STOP", "timeInForce": "IOC", "price": "50000", "triggerPrice": "51000.1"},
        ),
        (
            {"type": T.TAKE_PROFIT_LIMIT, **STOPPED},
            {"type": "TAKE_PROFIT", "timeInForce": "GTC", "price": "50000", "triggerPrice": "51000.1"},
        ),
    ],
)
def test_conditional_orders_of_usdm_go_to_the_algo_service(changes: dict[str, Any], expected: dict[str, Any]) -> None:
    request = usdm(**changes)
    assert (request.method, request.path) == ("POST", "/fapi/v1/algoOrder")
    assert request.parameters["clientAlgoId"] == SENT_ID
    assert "newClientOrderId" not in request.parameters
    assert terms(request.parameters) == {
        **expected,
        **QUANTITY,
        "algoType": "CONDITIONAL",
        "workingType": "CONTRACT_PRICE",
    }


@pytest.mark.parametrize(
    ("side", "position_id", "row"),
    [
        (Side.BUY, None, "LONG"),
        (Side.SELL, None, "SHORT"),
        (Side.BUY, PositionId(UUID(int=3)), "SHORT"),
        (Side.SELL, PositionId(UUID(int=3)), "LONG"),
    ],
)
def test_a_hedged_order_names_its_row(side: Side, position_id: PositionId | None, row: str) -> None:
    hedged = usdm(PositionMode.HEDGE, side=side, position_id=position_id)
    assert hedged.parameters["positionSide"] == row
    stop = usdm(PositionMode.HEDGE, side=side, position_id=position_id, type=T.STOP, **MARKET_STOP)
    assert stop.parameters["positionSide"] == row
    assert "positionSide" not in usdm(side=side, position_id=position_id).parameters


@pytest.mark.parametrize(
    ("changes", "cause", "named"),
    [
        ({"type": T.QUOTED}, UnsupportedOrderType, "no QUOTED orders"),
        ({"time_in_force": TIF.DAY}, UnsupportedTimeInForce, "not as DAY"),
        ({"type": T.MARKET, "time_in_force": TIF.FOK}, UnsupportedTimeInForce, "not as FOK"),
        ({"type": T.STOP_LIMIT, "time_in_force": TIF.GTX, **STOPPED}, UnsupportedTimeInForce, "not as GTX"),
        ({"type": T.STOP_LIMIT, **GTD, **STOPPED}, UnsupportedTimeInForce, "not as GTD"),
        ({"time_in_force": TIF.GTD}, InvalidExpiry, "expireAt"),
        ({**GTD, "expire_at_ms": NOW_MS + 599_960}, InvalidExpiry, "more than 600 s"),
        ({**GTD, "expire_at_ms": 253_402_300_800_000}, InvalidExpiry, "more than 600 s"),
        ({"leverage": 10}, InvalidLeverage, "leverage by instrument"),
        (TRAILING, UnsupportedOrderType, "no TRAILING_STOP orders"),
    ],
)
def test_what_usdm_lacks_is_refused_by_name(changes: dict[str, Any], cause: type[CadenzaError], named: str) -> None:
    with pytest.raises(cause, match=named):
        usdm(**changes)


def test_a_good_till_date_is_more_than_ten_minutes_away() -> None:
    whole_second = RequestInstant(NOW_MS, ahead_ms=0)
    for expire_at_ms, is_taken in ((NOW_MS + 600_000, False), (NOW_MS + 601_000, True)):
        asked = order(time_in_force=TIF.GTD, expire_at_ms=expire_at_ms)
        if is_taken:
            sent = usdm_order(asked, BTC_USDT, whole_second, PositionMode.NETTING)
            assert sent.parameters["goodTillDate"] == expire_at_ms
        else:
            with pytest.raises(InvalidExpiry):
                usdm_order(asked, BTC_USDT, whole_second, PositionMode.NETTING)


# --- time


@pytest.mark.parametrize(("left_ms", "window_ms"), [(1, 1), (10_000, 10_000), (60_000, 60_000), (60_001, 60_000)])
def test_the_venue_gets_the_deadline_in_its_own_time(left_ms: int, window_ms: int) -> None:
    parameters = stamp(RequestInstant(NOW_MS, ahead_ms=250), NOW_MS + left_ms)
    assert parameters == {"recvWindow": window_ms, "timestamp": NOW_MS + 250}


@pytest.mark.parametrize("back_ms", [1, 5_000, 45_000, 3_600_000])
def test_a_wall_clock_that_was_set_back_widens_no_window(back_ms: int) -> None:
    """The order was recorded, then our clock was set back: the venue would take the order after its fence."""
    behind = RequestInstant(NOW_MS - back_ms, ahead_ms=back_ms - 40)
    recorded, conditional = order(send_before_ms=NOW_MS + 10_000), {**STOPPED, "type": T.STOP_LIMIT}
    for request in (
        spot_order(recorded, BTC_USDT, behind),
        margin_order(recorded, BTC_USDT, behind),
        usdm_order(recorded, BTC_USDT, behind, PositionMode.NETTING),
        usdm_order(order(**conditional), BTC_USDT, behind, PositionMode.NETTING),
    ):
        assert {name: request.parameters[name] for name in STAMP} == STAMP


@pytest.mark.parametrize("late_ms", [0, 1, 100_000])
def test_nothing_is_sent_after_its_deadline(late_ms: int) -> None:
    with pytest.raises(TooLateToSend):
        spot_order(order(send_before_ms=NOW_MS - late_ms), BTC_USDT, TIME)
    with pytest.raises(TooLateToSend):
        usdm(send_before_ms=NOW_MS - late_ms)


# --- ids and numbers


@given(st.uuids())
def test_derived_ids_fit_the_venues_alphabet(id: UUID) -> None:
    for rule in (DerivedSentId(prefix="cz-"), DerivedSentId(is_uuid=True)):
        assert client_id(order(sent_id=rule.of(OrderId(id))))


@given(st.text(max_size=40))
def test_an_id_that_the_venue_would_refuse_is_not_sent(text: str) -> None:
    if CLIENT_ID.fullmatch(text):
        assert client_id(order(sent_id=text)) == text
    else:
        with pytest.raises(ValueError, match="no id that BINANCE takes"):
            client_id(order(sent_id=text))


PLAIN = st.decimals(min_value=D("1E-18"), max_value=D("1E18"), allow_nan=False, places=None)


@given(PLAIN, PLAIN)
def test_numbers_go_out_exactly_and_without_exponents(quantity: D, price: D) -> None:
    parameters = spot(quantity=quantity, limit_price=price)
    for name, value in (("quantity", quantity), ("price", price)):
        text = parameters[name]
        assert set(text) <= set("0123456789.")
        assert D(text) == value
    assert parse_decimal(spot(quantity=D("1E+5"))["quantity"]) == D(100_000)


def test_what_is_sent_is_read_back_as_the_same_order() -> None:
    sent = 0
    for type, time, side in product(OrderType, TimeInForce, Side):
        asked = order(
            type=type,
            time_in_force=time,
            side=side,
            limit_price=D(50_000) if type in LIMIT_TYPES else None,
            stop_price=None if type in (T.LIMIT, T.MARKET) else D(50_000) + 1_000 * side.sign,
            expire_at_ms=NOW_MS + 3_600_000 if time is TIF.GTD else None,
        )
        for send, read in ((_spot, spot_terms), (_usdm, usdm_terms)):
            try:
                parameters = send(asked)
            except (UnsupportedOrderType, UnsupportedTimeInForce):
                continue
            sent += 1
            stated = (str(parameters["type"]), str(parameters.get("timeInForce", "GTC")))
            back, back_time = read(*stated)  # type: ignore[operator]
            assert back.value.replace("_LOSS", "") == type.value.replace("_LOSS", "")
            assert back_time is time
            assert parameters["side"] == side.value
    # Spot: LIMIT 4, MARKET 1, three stops with a limit 3 each, three without one; USD-M has GTD besides.
    assert sent == 2 * (17 + 18)


def _spot(asked: Order) -> dict[str, Any]:
    return spot_order(asked, BTC_USDT, TIME).parameters


def _usdm(asked: Order) -> dict[str, Any]:
    mode = PositionMode.NETTING
    return usdm_order(asked, BTC_USDT, TIME, mode).parameters


# --- cancels and questions

ANY_TIME = {"recvWindow": 5_000, "timestamp": NOW_MS - 40}
FOREIGN = {"is_external": True, "sent_id": "web_1", "venue_order_id": "77"}


def test_cancels_and_questions_of_spot_and_margin() -> None:
    expected = {"symbol": "BTCUSDT", "origClientOrderId": SENT_ID, **ANY_TIME}
    assert cancel_request(order(), "BTCUSDT", TIME) == BinanceRequest("DELETE", "/api/v3/order", expected)
    assert query_request(order(), "BTCUSDT", TIME) == BinanceRequest("GET", "/api/v3/order", expected)
    foreign = cancel_request(order(**FOREIGN), "BTCUSDT", TIME, is_margin=True)
    assert foreign.path == "/sapi/v1/margin/order"
    assert foreign.parameters == {"symbol": "BTCUSDT", "isIsolated": "FALSE", "orderId": 77, **ANY_TIME}


@pytest.mark.parametrize(
    ("changes", "path", "name"),
    [
        ({}, "/fapi/v1/order", {"symbol": "BTCUSDT", "origClientOrderId": SENT_ID}),
        (FOREIGN, "/fapi/v1/order", {"symbol": "BTCUSDT", "orderId": 77}),
        ({"type": T.STOP}, "/fapi/v1/algoOrder", {"clientAlgoId": SENT_ID}),
        ({"venue_order_id": "88"}, "/fapi/v1/order", {"symbol": "BTCUSDT", "orderId": 88}),
        ({"type": T.STOP, "venue_order_id": "algo-5"}, "/fapi/v1/algoOrder", {"algoId": 5}),
        ({**FOREIGN, "venue_order_id": "algo-5"}, "/fapi/v1/algoOrder", {"algoId": 5}),
        ({"type": T.STOP, "venue_order_id": "88"}, "/fapi/v1/order", {"symbol": "BTCUSDT", "orderId": 88}),
    ],
    ids=["unanswered", "foreign", "unanswered stop", "answered", "waiting stop", "foreign stop", "triggered stop"],
)
def test_cancels_and_questions_of_usdm_go_where_the_order_is(
    changes: dict[str, Any], path: str, name: dict[str, Any]
) -> None:
    for build, method in ((usdm_cancel_request, "DELETE"), (usdm_query_request, "GET")):
        assert build(order(**changes), "BTCUSDT", TIME) == BinanceRequest(method, path, {**name, **ANY_TIME})


def test_an_order_without_any_name_cannot_be_asked_for() -> None:
    with pytest.raises(ValueError, match="no id that BINANCE takes"):
        cancel_request(order(sent_id=None, venue_order_id=None), "BTCUSDT", TIME)
