"""The recorded catalogue as instruments: sizes in contracts are quantities here."""

import json
from decimal import Decimal as D
from typing import Any

import pytest
from tests.adapters.okx.okx_world import BY_ID, DATA, INSTRUMENTS, OKX

from cadenza.adapters.venues.okx.parse_instruments import external_name, read_instruments, securities
from cadenza.domain.ids import InstrumentId
from cadenza.domain.market.enums import OrderType, TimeInForce
from cadenza.domain.market.instrument import ExerciseStyle, Instrument, InstrumentStatus, InstrumentType, SecurityType

ROWS: dict[str, dict[str, Any]] = {
    row["instId"]: row for row in json.loads((DATA / "instruments-20220513.json").read_text())["data"]
}


def read_one(name: str, **changes: Any) -> Instrument:
    (instrument,) = read_instruments(catalogue(name, **changes), OKX).instruments
    return instrument


def catalogue(name: str, **changes: Any) -> str:
    return json.dumps({"code": "0", "data": [{**ROWS[name], **changes}]})


def test_spot() -> None:
    pair = INSTRUMENTS["BTC-USDT"]
    assert (pair.id, pair.type, pair.status) == ("OKX:BTC/USDT", InstrumentType.SPOT, InstrumentStatus.ACTIVE)
    assert (pair.lot_size, pair.pip_size, pair.min_quantity) == (D("0.00000001"), D("0.1"), D("0.00001"))
    assert (pair.base_precision, pair.quote_precision) == (8, 1)
    assert (pair.contract_size, pair.is_inverse, pair.settled_in, pair.delivery_at_ms) == (1, False, "USDT", None)
    assert pair.market_lot is not None
    assert (pair.max_quantity, pair.market_lot.max_quantity) == (D(9999999999), D(1000000))
    assert OrderType.MARKET in pair.order_types
    assert TimeInForce.GTX in pair.time_in_force_options
    assert pair.order_filters["isMarginTradingAllowed"] is True


def test_a_linear_swap_counts_in_base_units() -> None:
    """A contract is 0.01 BTC, and the lot one contract."""
    swap = INSTRUMENTS["BTC-USDT-SWAP"]
    assert (swap.id, swap.type) == ("OKX:BTC/USDT-PERP", InstrumentType.PERPETUAL)
    assert (swap.contract_size, swap.lot_size, swap.min_quantity) == (D("0.01"), D("0.01"), D("0.01"))
    assert (swap.is_inverse, swap.settled_in) == (False, "USDT")
    assert swap.max_quantity == D(ROWS["BTC-USDT-SWAP"]["maxLmtSz"]) * D("0.01")
    part = read_one("BTC-USDT-SWAP", lotSz="0.01", minSz="0.01")
    assert (part.lot_size, part.min_quantity) == (D("0.0001"), D("0.0001"))


def test_an_inverse_swap_counts_in_quote_units() -> None:
    swap = INSTRUMENTS["BTC-USD-SWAP"]
    assert (swap.id, swap.base_asset, swap.quote_asset) == ("OKX:BTC/USD-PERP", "BTC", "USD")
    assert (swap.contract_size, swap.lot_size, swap.is_inverse, swap.settled_in) == (100, 100, True, "BTC")
    assert swap.quote_security_type is SecurityType.CURRENCY


def test_a_dated_contract_is_delivered() -> None:
    future = INSTRUMENTS["BTC-USD-220527"]
    assert (future.id, future.type) == ("OKX:BTC/USD-220527", InstrumentType.FUTURES)
    assert future.delivery_at_ms == int(ROWS["BTC-USD-220527"]["expTime"])


def test_an_option_is_priced_in_what_settles_it() -> None:
    option = INSTRUMENTS["BTC-USD-220514-22000-C"]
    assert (option.id, option.type) == ("OKX:BTC/USD-220514-22000-C", InstrumentType.OPTION)
    assert (option.base_asset, option.quote_asset, option.settled_in) == ("BTC", "BTC", "BTC")
    assert (option.contract_size, option.lot_size, option.pip_size) == (D("0.1"), D("0.1"), D("0.0005"))
    assert (option.strike_price, option.exercise_style) == (D(22000), ExerciseStyle.EUROPEAN)
    assert option.order_filters["optionType"] == "CALL"
    assert OrderType.MARKET not in option.order_types


def test_a_name_leads_back_to_the_venues() -> None:
    for name, instrument in INSTRUMENTS.items():
        assert external_name(instrument.id) == name
    assert len(BY_ID) == len(ROWS)
    assert external_name(InstrumentId("OKX_UAT:BTC/USD_UM-PERP")) == "BTC-USD_UM-SWAP"


def test_a_quote_in_usd_that_another_asset_settles() -> None:
    swap = read_one("BTC-USDT-SWAP", instId="BTC-USD_UM-SWAP", uly="BTC-USD", instFamily="BTC-USD_UM", settleCcy="USDG")
    assert (swap.id, swap.quote_asset, swap.settled_in) == ("OKX:BTC/USD_UM-PERP", "USD", "USDG")


@pytest.mark.parametrize(
    ("name", "changes", "why"),
    [
        ("BTC-USDT", {"state": "dreaming"}, "instrument state"),
        ("BTC-USDT", {"instType": "EVENTS"}, "instType"),
        ("BTC-USDT", {"tickSz": ""}, "tickSz is not stated"),
        ("BTC-USDT", {"lotSz": "0"}, "not above 0"),
        ("BTC-USDT", {"lotSz": "NaN"}, "finite"),
        ("BTC-USDT", {"instId": "BTC USDT"}, "no name"),
        ("BTC-USDT-SWAP", {"ctType": "quanto"}, "ctType"),
        ("BTC-USDT-SWAP", {"ctValCcy": "USDT"}, "worth"),
        ("BTC-USDT-SWAP", {"ctVal": ""}, "ctVal is not stated"),
        ("BTC-USD-220527", {"expTime": ""}, "no expTime"),
        ("BTC-USD-220514-22000-C", {"optType": "X"}, "optType"),
    ],
)
def test_what_cannot_be_read_is_refused_by_name(name: str, changes: dict[str, Any], why: str) -> None:
    listed = read_instruments(catalogue(name, **changes), OKX)
    (refused,) = listed.refused
    assert why in refused.reason
    assert (refused.name is None) is ("instId" in changes)
    assert not listed.instruments


def test_one_that_is_there_twice_is_taken_once() -> None:
    twice = json.dumps({"code": "0", "data": [ROWS["BTC-USDT"], ROWS["BTC-USDT"]]})
    listed = read_instruments(twice, OKX)
    assert len(listed.instruments) == len(listed.refused) == 1


def test_the_assets_have_the_finest_precision() -> None:
    found = {each.symbol: each for each in securities(INSTRUMENTS.values(), OKX)}
    assert found["BTC"].precision == 8
    assert (found["USD"].type, found["BTC"].type) == (SecurityType.CURRENCY, SecurityType.CRYPTO)
