"""The catalogue: what is listed today, and what was recorded."""

import json
from decimal import Decimal as D
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.adapters.deribit.deribit_world import DATA, DERIBIT, INSTRUMENTS, LISTED

from cadenza.adapters.venues.deribit.names import currencies_of, external_name, symbol_of
from cadenza.adapters.venues.deribit.parse_instruments import read_instruments, securities
from cadenza.adapters.venues.kit.words import UnreadablePayload
from cadenza.domain.ids import InstrumentId
from cadenza.domain.market.enums import OrderType
from cadenza.domain.market.instrument import ExerciseStyle, InstrumentStatus, InstrumentType

RECORDED = read_instruments((DATA / "instruments-20210722.json").read_bytes(), DERIBIT)


def read(name: str, **changes: Any) -> Any:
    row = {key: value for key, value in {**LISTED[name], **changes}.items() if value is not ...}
    return read_instruments(json.dumps([row]).encode(), DERIBIT)


def test_an_inverse_perpetual_counts_dollars_and_is_settled_in_the_coin() -> None:
    found = INSTRUMENTS["BTC-PERPETUAL"]
    assert (found.id, found.type, found.is_inverse) == ("DERIBIT:BTC/USD-PERP", InstrumentType.PERPETUAL, True)
    assert (found.settled_in, found.contract_size, found.lot_size, found.pip_size) == ("BTC", 10, 10, D("0.5"))
    assert found.delivery_at_ms is None


def test_a_linear_perpetual_counts_coins() -> None:
    found = INSTRUMENTS["ETH_USDC-PERPETUAL"]
    assert (found.id, found.is_inverse, found.settled_in) == ("DERIBIT:ETH/USDC-PERP", False, "USDC")
    assert (found.lot_size, found.min_quantity, found.pip_size) == (D("0.001"), D("0.001"), D("0.05"))


def test_an_option_has_its_strike_its_end_and_steps_of_prices() -> None:
    found = INSTRUMENTS["BTC-25DEC26-100000-C"]
    assert (found.strike_price, found.exercise_style) == (100_000, ExerciseStyle.EUROPEAN)
    assert (found.delivery_at_ms, found.is_inverse, found.quote_asset) == (1798185600000, False, "BTC")
    assert (found.lot_size, found.min_quantity, found.contract_size) == (D("0.1"), D("0.1"), 1)
    assert [found.is_valid_price(D(p)) for p in ("0.0049", "0.00495", "0.005", "0.0055", "0.0051")] == [
        True, False, True, True, False,
    ]  # fmt: skip
    assert found.order_filters["optionType"] == "CALL"
    assert found.order_filters["tickSizeSteps"] == [{"abovePrice": "0.005", "tickSize": "0.0005"}]
    assert OrderType.STOP not in found.order_types


def test_a_pair_has_no_contracts() -> None:
    found = INSTRUMENTS["BTC_USDC"]
    assert (found.id, found.type, found.contract_size) == ("DERIBIT:BTC/USDC", InstrumentType.SPOT, 1)
    assert (found.settled_in, found.lot_size) == ("USDC", D("0.0001"))


@pytest.mark.parametrize(
    ("state", "status"),
    [
        ("open", InstrumentStatus.ACTIVE),
        ("locked", InstrumentStatus.INACTIVE),
        ("halted", InstrumentStatus.INACTIVE),
        ("settlement", InstrumentStatus.INACTIVE),
        ("inactive", InstrumentStatus.INACTIVE),
        ("delivered", InstrumentStatus.DELISTED),
        ("archivized", InstrumentStatus.DELISTED),
    ],
)
def test_the_states_of_a_book(state: str, status: InstrumentStatus) -> None:
    assert read("BTC-PERPETUAL", state=state).instruments[0].status is status


@pytest.mark.parametrize(
    "changes",
    [
        {"state": "dreaming"},
        {"kind": "future_combo"},
        {"instrument_type": "quadratic"},
        {"tick_size": 0},
        {"min_trade_amount": -1},
        {"base_currency": "B/C"},
        {"instrument_name": "BTC USD-PERPETUAL"},
        {"tick_size_steps": [{"above_price": 70, "tick_size": 0.7}]},
        {"settlement_period": "month", "instrument_name": "BTC-25DEC26", "expiration_timestamp": ...},
    ],
)
def test_what_cannot_be_read_is_refused_and_its_neighbours_go_on(changes: dict[str, Any]) -> None:
    odd = {key: value for key, value in {**LISTED["BTC-PERPETUAL"], **changes}.items() if value is not ...}
    found = read_instruments(json.dumps([odd, LISTED["BTC_USDC"]]).encode(), DERIBIT)
    assert [each.external_symbol for each in found.instruments] == ["BTC_USDC"]
    assert len(found.refused) == 1


def test_an_option_without_a_strike_is_refused() -> None:
    assert read("BTC-25DEC26-100000-C", strike=...).refused


def test_every_recorded_instrument_is_read() -> None:
    assert RECORDED.refused == ()
    by_name = {each.external_symbol: each for each in RECORDED.instruments}
    assert len(by_name) == 47
    assert by_name["BTC-25MAR22"].is_inverse
    assert by_name["BTC-25MAR22"].delivery_at_ms == 1648195200000
    assert not by_name["UNI_USDC-PERPETUAL"].is_inverse
    assert by_name["UNI_USDC-PERPETUAL"].settled_in == "USDC"
    assert all(external_name(each.id) == each.external_symbol for each in RECORDED.instruments)


def test_securities_are_the_assets_of_all() -> None:
    assert {each.symbol for each in securities(INSTRUMENTS.values(), DERIBIT)} == {"BTC", "ETH", "USD", "USDC"}


@pytest.mark.parametrize(
    ("name", "symbol", "currencies"),
    [
        ("BTC-PERPETUAL", "BTC/USD-PERP", ("BTC",)),
        ("ETH_USDC-PERPETUAL", "ETH/USDC-PERP", ("USDC",)),
        ("BTC-25DEC26", "BTC/USD-25DEC26", ("BTC",)),
        ("BTC-25DEC26-100000-C", "BTC/USD-25DEC26-100000-C", ("BTC",)),
        ("XRP_USDC-30AUG26-0d625-C", "XRP/USDC-30AUG26-0d625-C", ("USDC",)),
        ("ETH_BTC", "ETH/BTC", ("ETH", "BTC")),
    ],
)
def test_names_are_ours_and_the_venues(name: str, symbol: str, currencies: tuple[str, ...]) -> None:
    assert symbol_of(name) == symbol
    assert external_name(InstrumentId(f"DERIBIT:{symbol}")) == name
    assert currencies_of(name) == currencies


@given(st.text(min_size=1, max_size=30))
def test_a_name_that_is_read_is_found_again(name: str) -> None:
    try:
        symbol = symbol_of(name)
    except UnreadablePayload:
        return
    assert external_name(InstrumentId(f"DERIBIT:{symbol}")) == name
