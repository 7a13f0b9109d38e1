"""The catalogues: recorded symbols of spot, documented ones of USD-M, and symbols that cannot be read."""

import json
from decimal import Decimal as D
from typing import Any

import pytest
from tests.adapters.binance.binance_world import BINANCE, DATA

from cadenza.adapters.venues.binance.parse_instruments import (
    UNBOUNDED,
    ReadCatalogue,
    RefusedSymbol,
    securities,
    spot_catalogue,
    usdm_catalogue,
)
from cadenza.adapters.venues.kit.words import UnreadablePayload
from cadenza.domain.market.enums import OrderType, TimeInForce
from cadenza.domain.market.instrument import (
    Instrument,
    InstrumentStatus,
    InstrumentType,
    MarketLot,
    PriceBand,
    SecurityType,
)

RECORDED = (DATA / "exchange-info-20211012.json").read_text()


def info(*symbols: Any) -> bytes:
    return json.dumps({"timezone": "UTC", "serverTime": 1, "rateLimits": [], "symbols": symbols}).encode()


@pytest.fixture(scope="module")
def recorded() -> dict[str, Instrument]:
    catalogue = spot_catalogue(RECORDED, BINANCE)
    assert catalogue.refused == ()
    return {instrument.external_symbol: instrument for instrument in catalogue.instruments}


def test_a_recorded_symbol_of_spot(recorded: dict[str, Instrument]) -> None:
    assert recorded["ETHBTC"] == Instrument(
        id="BINANCE:ETH/BTC",  # type: ignore[arg-type]
        venue_id=BINANCE,
        symbol="ETH/BTC",
        external_symbol="ETHBTC",
        description="ETH in BTC, spot",
        type=InstrumentType.SPOT,
        status=InstrumentStatus.ACTIVE,
        base_asset="ETH",
        quote_asset="BTC",
        base_security_type=SecurityType.CRYPTO,
        quote_security_type=SecurityType.CRYPTO,
        base_precision=8,
        quote_precision=8,
        lot_size=D("0.0001"),
        pip_size=D("0.000001"),
        min_quantity=D("0.0001"),
        max_quantity=D(100000),
        min_notional=D("0.0001"),
        order_types=(
            OrderType.LIMIT,
            OrderType.MARKET,
            OrderType.STOP_LIMIT,
            OrderType.STOP_LOSS_LIMIT,
            OrderType.TAKE_PROFIT_LIMIT,
            OrderType.TRAILING_STOP,
        ),
        time_in_force_options=tuple(map(TimeInForce, ("GTC", "IOC", "FOK", "GTD", "DAY", "GTX"))),
        order_filters={
            "minPrice": "0.000001",
            "maxPrice": "922327",
            "icebergParts": 10,
            "maxNumAlgoOrders": 5,
            "isSpotTradingAllowed": True,
            "isMarginTradingAllowed": True,
        },
        is_iceberg_allowed=True,
        market_lot=MarketLot(lot_size=D("0.0001"), min_quantity=D("0.0001"), max_quantity=D("873.90727776")),
        max_open_orders=200,
        price_band=PriceBand(bid_down=D("0.2"), bid_up=D(5), ask_down=D("0.2"), ask_up=D(5)),
    )


def test_further_recorded_symbols(recorded: dict[str, Instrument]) -> None:
    assert len(recorded) == 10
    closed = {symbol for symbol, found in recorded.items() if found.status is InstrumentStatus.INACTIVE}
    assert closed == {"BCCBTC", "OAXETH", "LENDBTC"}
    assert recorded["BTCEUR"].quote_security_type is SecurityType.CURRENCY
    assert recorded["SHIBAUD"].market_lot is None
    leveraged = recorded["BTCUPUSDT"].order_filters
    assert (leveraged["maxPosition"], leveraged["isSpotTradingAllowed"]) == ("43", False)
    assert "unknownFilters" not in leveraged


SPOT_SYMBOL: dict[str, Any] = {
    "symbol": "币安人生USDT",
    "status": "TRADING",
    "baseAsset": "币安人生",
    "baseAssetPrecision": 8,
    "quoteAsset": "USDT",
    "quotePrecision": 8,
    "quoteAssetPrecision": 8,
    "orderTypes": ["LIMIT", "LIMIT_MAKER", "MARKET", "STOP_LOSS", "STOP_LOSS_LIMIT", "TAKE_PROFIT"],
    "icebergAllowed": True,
    "allowTrailingStop": True,
    "isSpotTradingAllowed": True,
    "isMarginTradingAllowed": False,
    "filters": [
        {"filterType": "PRICE_FILTER", "minPrice": "0.0001", "maxPrice": "0.0", "tickSize": "0.00010000"},
        {"filterType": "LOT_SIZE", "minQty": "0.10000000", "maxQty": "92141578.00000000", "stepSize": "0.10000000"},
        {"filterType": "MARKET_LOT_SIZE", "minQty": "1.0", "maxQty": "0.00000000", "stepSize": "0.50000000"},
        {"filterType": "ICEBERG_PARTS", "limit": 100},
        {
            "filterType": "TRAILING_DELTA",
            "minTrailingAboveDelta": 10,
            "maxTrailingAboveDelta": 2000,
            "minTrailingBelowDelta": 20,
            "maxTrailingBelowDelta": 1000,
        },
        {
            "filterType": "PERCENT_PRICE_BY_SIDE",
            "bidMultiplierUp": "1.2",
            "bidMultiplierDown": "0.2",
            "askMultiplierUp": "5",
            "askMultiplierDown": "0.8",
            "avgPriceMins": 5,
        },
        {
            "filterType": "NOTIONAL",
            "minNotional": "5.00000000",
            "applyMinToMarket": True,
            "maxNotional": "9000000.00000000",
            "applyMaxToMarket": False,
            "avgPriceMins": 5,
        },
        {"filterType": "MIN_NOTIONAL", "minNotional": "1", "applyToMarket": True, "avgPriceMins": 5},
        {"filterType": "MAX_NUM_ORDERS", "maxNumOrders": 200},
        {"filterType": "MAX_NUM_ALGO_ORDERS", "maxNumAlgoOrders": 5},
        {"filterType": "MAX_NUM_ICEBERG_ORDERS", "maxNumIcebergOrders": 6},
        {"filterType": "MAX_NUM_ORDER_LISTS", "maxNumOrderLists": 20},
        {"filterType": "MAX_NUM_ORDER_AMENDS", "maxNumOrderAmends": 10},
        {"filterType": "MAX_POSITION", "maxPosition": "10.5000"},
    ],
    "permissionSets": [["SPOT", "MARGIN"]],
    "defaultSelfTradePreventionMode": "EXPIRE_MAKER",
}


def spot(**changes: Any) -> Instrument:
    catalogue = spot_catalogue(info({**SPOT_SYMBOL, **changes}), BINANCE)
    assert catalogue.refused == ()
    return catalogue.instruments[0]


def with_filter(kind: str, **changes: Any) -> list[dict[str, Any]]:
    return [{**each, **changes} if each["filterType"] == kind else each for each in SPOT_SYMBOL["filters"]]


def without_filter(kind: str) -> list[dict[str, Any]]:
    return [each for each in SPOT_SYMBOL["filters"] if each["filterType"] != kind]


def test_all_documented_filters_of_a_symbol_whose_name_is_not_ascii() -> None:
    found = spot()
    assert (found.id, found.external_symbol) == ("BINANCE:币安人生/USDT", "币安人生USDT")
    assert (found.min_notional, found.max_notional, found.max_open_orders) == (D(5), D(9000000), 200)
    assert found.price_band == PriceBand(bid_down=D("0.2"), bid_up=D("1.2"), ask_down=D("0.8"), ask_up=D(5))
    assert found.market_lot == MarketLot(lot_size=D("0.5"), min_quantity=D(1), max_quantity=D(92141578))
    assert OrderType.TRAILING_STOP in found.order_types, "the platform holds it, and the venue gets a MARKET order"
    assert found.order_filters == {
        "minPrice": "0.0001",
        "icebergParts": 100,
        "trailingDelta": {"above": [10, 2000], "below": [20, 1000]},
        "maxNumAlgoOrders": 5,
        "maxNumIcebergOrders": 6,
        "maxNumOrderLists": 20,
        "maxNumOrderAmends": 10,
        "maxPosition": "10.5",
        "isSpotTradingAllowed": True,
        "isMarginTradingAllowed": False,
    }


@pytest.mark.parametrize(
    ("rule", "lot"),
    [
        ({"minQty": "0", "maxQty": "10", "stepSize": "0.01"}, ("0.1", "0.1", "10")),
        ({"minQty": "0.1", "maxQty": "99999999", "stepSize": "0.2"}, ("0.2", "0.1", "92141578")),
        ({"minQty": "0.1", "maxQty": "92141578", "stepSize": "0.1"}, None),
        ({"minQty": "0", "maxQty": "0", "stepSize": "0"}, None),
    ],
)
def test_the_tighter_of_two_rules_holds_for_market_orders(rule: dict[str, str], lot: tuple[str, ...] | None) -> None:
    found = spot(filters=with_filter("MARKET_LOT_SIZE", **rule)).market_lot
    if lot is None:
        assert found is None
    else:
        step, least, most = map(D, lot)
        assert found == MarketLot(lot_size=step, min_quantity=least, max_quantity=most)


@pytest.mark.parametrize(
    ("wire", "status"),
    [
        ("TRADING", InstrumentStatus.ACTIVE),
        ("BREAK", InstrumentStatus.INACTIVE),
        ("HALT", InstrumentStatus.INACTIVE),
        ("END_OF_DAY", InstrumentStatus.INACTIVE),
        ("CANCEL_ONLY", InstrumentStatus.INACTIVE),
    ],
)
def test_statuses_of_symbols(wire: str, status: InstrumentStatus) -> None:
    assert spot(status=wire).status is status


def test_steps_that_are_switched_off_leave_the_precision() -> None:
    found = spot(filters=with_filter("LOT_SIZE", stepSize="0.0", minQty="0"))
    assert (found.lot_size, found.min_quantity) == (D("1E-8"), D("1E-8"))
    assert spot(filters=with_filter("PRICE_FILTER", tickSize="0")).pip_size == D("1E-8")


def test_a_rule_or_a_type_that_is_not_known_is_noted_and_refuses_nothing() -> None:
    new_rule = {"filterType": "T_PLUS_SELL", "endTime": 5}
    found = spot(filters=[*SPOT_SYMBOL["filters"], new_rule], orderTypes=["LIMIT", "PEGGED_BEST"])
    assert found.order_filters["unknownFilters"] == ["T_PLUS_SELL"]
    assert found.order_filters["unknownOrderTypes"] == ["PEGGED_BEST"]
    assert found.order_types == (OrderType.LIMIT,)
    assert TimeInForce.GTX not in found.time_in_force_options


@pytest.mark.parametrize(
    ("symbol", "reason"),
    [
        ({"status": "ODD"}, "spot symbol status has no entry for 'ODD'"),
        ({"baseAssetPrecision": "8"}, "Expected `int`"),
        ({"baseAssetPrecision": 40}, "precision of 40"),
        ({"baseAsset": "A/B"}, "is no name"),
        ({"symbol": "A\nB"}, "is no name"),
        ({"quoteAsset": ""}, "is no name"),
        ({"filters": without_filter("LOT_SIZE")}, "no LOT_SIZE"),
        ({"filters": without_filter("PRICE_FILTER")}, "no LOT_SIZE or no PRICE_FILTER"),
        ({"filters": with_filter("LOT_SIZE", maxQty="0")}, "no quantity"),
        ({"filters": with_filter("LOT_SIZE", stepSize="NaN")}, "not finite"),
        ({"filters": with_filter("PRICE_FILTER", tickSize="-1")}, "below 0"),
        ({"filters": with_filter("MARKET_LOT_SIZE", stepSize="0.3333")}, "do not fit"),
        ({"filters": with_filter("NOTIONAL", minNotional="x")}, "Invalid decimal"),
        ({"filters": [{"filter": "?"}]}, "filterType"),
    ],
)
def test_a_symbol_that_cannot_be_read_is_refused_and_spoils_no_other(symbol: dict[str, Any], reason: str) -> None:
    good = {**SPOT_SYMBOL, "symbol": "ETHUSDT", "baseAsset": "ETH"}
    catalogue = spot_catalogue(info(good, {**SPOT_SYMBOL, **symbol}, 7, SPOT_SYMBOL), BINANCE)
    assert [found.external_symbol for found in catalogue.instruments] == ["ETHUSDT", "币安人生USDT"]
    first, second = catalogue.refused
    names = {"quoteAsset": "USDT", "symbol": "币安人生USDT", "baseAsset": "币安人生"} | symbol
    is_named, has_assets = names["symbol"] != "A\nB", names["baseAsset"] != "A/B" and names["quoteAsset"] != ""
    assert first.symbol == (names["symbol"] if is_named else None)
    assert first.id == ("BINANCE:币安人生/USDT" if is_named and has_assets else None)
    assert reason in first.reason
    assert (second.symbol, second.id) == (None, None)


def test_a_symbol_that_is_there_twice_counts_once() -> None:
    twice = spot_catalogue(info(SPOT_SYMBOL, SPOT_SYMBOL), BINANCE)
    assert len(twice.instruments) == 1
    assert twice.refused == (
        RefusedSymbol("币安人生USDT", f"{twice.instruments[0].id} is there twice", twice.instruments[0].id),
    )


@pytest.mark.parametrize("reply", [b"", b"{}", b"<html>", b'{"serverTime":1,"symbols":{}}'])
def test_a_reply_that_is_no_catalogue_raises(reply: bytes) -> None:
    with pytest.raises(UnreadablePayload):
        spot_catalogue(reply, BINANCE)


USDM_SYMBOL: dict[str, Any] = {
    "symbol": "BTCUSDT",
    "pair": "BTCUSDT",
    "contractType": "PERPETUAL",
    "deliveryDate": 4133404800000,
    "onboardDate": 1598252400000,
    "status": "TRADING",
    "maintMarginPercent": "2.5000",
    "requiredMarginPercent": "5.0000",
    "baseAsset": "BTC",
    "quoteAsset": "USDT",
    "marginAsset": "USDT",
    "pricePrecision": 5,
    "quantityPrecision": 0,
    "baseAssetPrecision": 8,
    "quotePrecision": 8,
    "underlyingType": "COIN",
    "underlyingSubType": ["PoW"],
    "triggerProtect": "0.15",
    "filters": [
        {"filterType": "PRICE_FILTER", "maxPrice": "300", "minPrice": "0.0001", "tickSize": "0.0001"},
        {"filterType": "LOT_SIZE", "maxQty": "10000000", "minQty": "1", "stepSize": "1"},
        {"filterType": "MARKET_LOT_SIZE", "maxQty": "590119", "minQty": "1", "stepSize": "1"},
        {"filterType": "MAX_NUM_ORDERS", "limit": 200},
        {"filterType": "MAX_NUM_ALGO_ORDERS", "limit": 10},
        {"filterType": "MIN_NOTIONAL", "notional": "5.0"},
        {
            "filterType": "PERCENT_PRICE",
            "multiplierUp": "1.1500",
            "multiplierDown": "0.8500",
            "multiplierDecimal": "4",
        },
        {"filterType": "POSITION_RISK_CONTROL", "positionControlSide": "NONE"},
    ],
    "OrderType": ["LIMIT", "MARKET"],
    "orderTypes": ["LIMIT", "MARKET", "STOP", "STOP_MARKET", "TAKE_PROFIT", "TRAILING_STOP_MARKET"],
    "timeInForce": ["GTC", "IOC", "FOK", "GTX", "GTD", "RPI"],
    "liquidationFee": "0.010000",
    "marketTakeBound": "0.30",
}


def usdm(**changes: Any) -> ReadCatalogue:
    return usdm_catalogue(info({**USDM_SYMBOL, **changes}), BINANCE)


def test_a_perpetual() -> None:
    (found,) = usdm().instruments
    assert (found.id, found.external_symbol, found.type) == (
        "BINANCE:BTC/USDT-PERP",
        "BTCUSDT",
        InstrumentType.PERPETUAL,
    )
    assert (found.lot_size, found.pip_size, found.min_notional) == (D(1), D("0.0001"), D(5))
    assert (found.contract_size, found.is_inverse, found.settled_in, found.delivery_at_ms) == (
        D(1),
        False,
        "USDT",
        None,
    )
    assert found.market_lot == MarketLot(lot_size=D(1), min_quantity=D(1), max_quantity=D(590119))
    assert (found.max_open_orders, found.order_filters["maxNumAlgoOrders"]) == (200, 10)
    assert found.price_band == PriceBand(bid_down=D(0), bid_up=D("1.15"), ask_down=D("0.85"), ask_up=UNBOUNDED)
    assert set(found.order_types) == {
        OrderType.LIMIT,
        OrderType.MARKET,
        OrderType.STOP,
        OrderType.STOP_LOSS,
        OrderType.STOP_LIMIT,
        OrderType.STOP_LOSS_LIMIT,
        OrderType.TAKE_PROFIT_LIMIT,
        OrderType.TRAILING_STOP,
    }
    assert [time.value for time in found.time_in_force_options] == ["GTC", "IOC", "FOK", "GTX", "GTD", "DAY"]


def test_a_contract_that_is_delivered() -> None:
    dated = usdm(symbol="BTCUSDT_261225", contractType="CURRENT_QUARTER", deliveryDate=1798185600000)
    (found,) = dated.instruments
    assert (found.symbol, found.type, found.delivery_at_ms) == (
        "BTC/USDT-261225",
        InstrumentType.FUTURES,
        1798185600000,
    )


@pytest.mark.parametrize(
    ("wire", "reason", "id"),
    [
        ({"contractType": ""}, "contract type has no entry for ''", "BINANCE:BTC/USDT-PERP"),
        ({"contractType": "CURRENT_QUARTER"}, "no date in its name", "BINANCE:BTC/USDT-PERP"),
        ({"status": "ODD"}, "contract status", "BINANCE:BTC/USDT-PERP"),
        ({"underlyingType": "WEATHER"}, "underlying type has no entry for 'WEATHER'", "BINANCE:BTC/USDT-PERP"),
        ({"symbol": "BTCUSDT_261225", "contractType": "WEEKLY"}, "contract type", "BINANCE:BTC/USDT-261225"),
        ({"symbol": "BTCUSDT_X", "contractType": "WEEKLY"}, "contract type", None),
    ],
)
def test_a_contract_that_cannot_be_read(wire: dict[str, Any], reason: str, id: str | None) -> None:
    catalogue = usdm(**wire)
    assert catalogue.instruments == ()
    (refused,) = catalogue.refused
    assert reason in refused.reason
    assert (refused.symbol, refused.id) == (wire.get("symbol", "BTCUSDT"), id)


def test_a_contract_on_a_share() -> None:
    (found,) = usdm(contractType="TRADIFI_PERPETUAL", underlyingType="EQUITY", baseAsset="TSLA").instruments
    assert (found.type, found.base_security_type) == (InstrumentType.PERPETUAL, SecurityType.STOCK)


def test_securities_are_the_assets_of_the_instruments(recorded: dict[str, Instrument]) -> None:
    found = {security.symbol: security for security in securities(recorded.values(), BINANCE)}
    assert " ".join(found) == "AUD BCC BTC BTCUP ETH EUR LEND OAX QTUM SHIB TRY USDT"
    assert (found["EUR"].type, found["BTC"].type) == (SecurityType.CURRENCY, SecurityType.CRYPTO)
    assert (found["BTC"].id, found["BTC"].precision, found["BTC"].lot_size) == ("BINANCE:BTC", 8, D("1E-8"))
