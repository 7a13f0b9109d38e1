"""The catalogue: names, limits, environments, and what cannot be read."""

import gzip
import json
from decimal import Decimal as D
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.adapters.bitfinex.market_world import BITFINEX, DATA, RECORDED, UAT, catalogue, limits, lists, named

from cadenza.adapters.venues.bitfinex.known_instruments import KnownInstruments
from cadenza.adapters.venues.bitfinex.names import ALIASES, AssetNames, codes_of, is_of
from cadenza.adapters.venues.bitfinex.parse_instruments import read_instruments, securities
from cadenza.adapters.venues.kit.words import UnreadablePayload
from cadenza.domain.ids import Environment, InstrumentId
from cadenza.domain.market.instrument import InstrumentStatus, InstrumentType, SecurityType


def test_a_pair_is_a_spot_instrument_with_the_venues_limits() -> None:
    found = named()["tBTCUSD"]
    assert (found.id, found.symbol) == ("BITFINEX:BTC/USD", "BTC/USD")
    assert (found.type, found.status) == (InstrumentType.SPOT, InstrumentStatus.ACTIVE)
    assert (found.min_quantity, found.max_quantity, found.lot_size) == (D("0.00004"), 2000, D("1e-8"))
    assert (found.initial_margin, found.settled_in, found.contract_size) == (None, "USD", 1)
    assert found.order_filters["isMarginTradingAllowed"] is True
    assert found.order_filters["initialMargin"] == "0.2"
    assert named()["tETHBTC"].order_filters["isMarginTradingAllowed"] is False
    assert (found.base_security_type, found.quote_security_type) == (SecurityType.CRYPTO, SecurityType.CURRENCY)


@pytest.mark.parametrize(
    ("price", "is_valid"),
    [
        ("60001", True), ("60001.5", False), ("6000.1", True), ("6000.15", False), ("278200", True), ("278210", True),
        ("278201", False), ("0.068965", True), ("0.0689655", False), ("0.00002505", True), ("0.000025051", False),
        ("0.00000001", True), ("0.000000015", False),
    ],
)  # fmt: skip
def test_prices_have_five_significant_digits_and_eight_places(price: str, is_valid: bool) -> None:
    assert named()["tBTCUSD"].is_valid_price(D(price)) is is_valid


def test_every_recorded_price_is_valid() -> None:
    """Levels of books of 2021, between 0.00001 and 400000."""
    instrument = named()["tBTCUSD"]
    with gzip.open(DATA / "channels-20210417.gz", "rt", encoding="utf-8") as file:
        frames = [json.loads(line.partition(" ")[2], parse_float=D) for line in file]
    rows = [frame[1] for frame in frames if isinstance(frame, list) and isinstance(frame[1], list)]
    prices = {D(row[0]) for row in rows if len(row) == 3 and not isinstance(row[0], list)}
    assert len(prices) > 200
    assert [price for price in prices if not instrument.is_valid_price(price)] == []


def test_a_derivative_is_a_linear_perpetual_settled_in_what_its_collateral_stands_for() -> None:
    found = named()["tBTCF0:USTF0"]
    assert (found.id, found.type) == ("BITFINEX:BTC/USDT-PERP", InstrumentType.PERPETUAL)
    assert (found.base_asset, found.quote_asset, found.settled_in) == ("BTC", "USDT", "USDT")
    assert not found.is_inverse
    assert (found.initial_margin, found.maintenance_margin, found.leverage_max) == (D("0.01"), D("0.005"), 100)
    assert named()["tDOTF0:BTCF0"].id == "BITFINEX:DOT/BTC-PERP"


def test_paper_currencies_are_uats_and_all_others_lives() -> None:
    assert not [name for name in named() if "TEST" in name]
    assert sorted(named(UAT)) == ["tTESTBTC:TESTUSD", "tTESTBTCF0:TESTUSDTF0"]
    assert named(UAT)["tTESTBTCF0:TESTUSDTF0"].id == "BITFINEX_UAT:TESTBTC/TESTUSDT-PERP"


def test_names_are_the_venues_own_map_then_the_table_then_the_code() -> None:
    names = {each.symbol for each in catalogue().instruments}
    assert {"BTC/USDT", "IOTA/ETH", "MDOGE/USD", "DOGE/USD", "MANA/BTC"} <= names
    known = AssetNames()
    assert [known.asset_of(code) for code in ("UST", "USTF0", "BTC", "LUNA2", "LUNA")] == [
        "USDT", "USDT", "BTC", "LUNA", "LUNC",
    ]  # fmt: skip
    assert AssetNames(["MNA"], {"MNA": "MANA2"}).asset_of("MNA") == "MANA2"


def test_a_name_that_two_currencies_claim_is_given_to_none_but_the_one_spelled_so() -> None:
    names = AssetNames(["BCHN", "BCH", "X", "Y"], {"X": "Zed", "Y": "ZED"})
    assert [names.asset_of(code) for code in ("BCHN", "BCH", "X", "Y")] == ["BCHN", "BCH", "X", "Y"]


CODES = st.text("ABU", min_size=2, max_size=3)


@given(st.lists(CODES, unique=True, min_size=1), st.dictionaries(CODES, CODES))
def test_no_two_currencies_have_one_name(codes: list[str], usual: dict[str, str]) -> None:
    names = AssetNames(codes, usual)
    assert len({names.asset_of(code) for code in codes}) == len(codes)


@pytest.mark.parametrize("code", ["", "btc", "BTC/", "A" * 21, "BT C", "BTC\n"])
def test_what_would_break_an_id_is_no_code(code: str) -> None:
    with pytest.raises(UnreadablePayload):
        AssetNames().asset_of(code)


def test_a_pair_is_split_in_the_middle_or_at_its_colon() -> None:
    assert codes_of("BTCUSD") == ("BTC", "USD")
    assert codes_of("DOGE:USD") == ("DOGE", "USD")
    assert codes_of("TESTBTC:TESTUSD") == ("TESTBTC", "TESTUSD")
    for pair in ("BTCUSDT", "BTC", "", "BTC:", ":USD", "BTC:USD:X", "btcusd"):
        with pytest.raises(UnreadablePayload):
            codes_of(pair)
    assert not is_of(Environment.LIVE, "TESTBTC:TESTUSD")


BROKEN: list[tuple[dict[str, Any], str | None, str]] = [
    ({"info": [limits(pair) for pair in RECORDED]}, "tBTCUSD", "states no limits"),
    ({"info": [["BTCUSD", [None]]]}, "tBTCUSD", "not a"),
    ({"info": [limits("BTCUSD", None)]}, "tBTCUSD", "smallest or its largest"),
    ({"info": [limits("BTCUSD", "0.1", None)]}, "tBTCUSD", "smallest or its largest"),
    ({"info": [limits("BTCUSD", "0")]}, "tBTCUSD", "not above 0"),
    ({"info": [limits("BTCUSD", "Infinity")]}, "tBTCUSD", "not finite"),
    ({"info": [limits("BTCUSD"), 7, ["BTCUST"]]}, "tBTCUST", "states no limits"),
    ({"exchange": ["BTCUSD", "BTCUSD"]}, "tBTCUSD", "there twice"),
    ({"exchange": ["BTCUSD", "BTCUS"]}, "tBTCUS", "no pair"),
    ({"exchange": ["BTCUSD", 7]}, None, "not a str"),
    ({"exchange": ["USTUST", "BTCUSD"], "info": [limits("USTUST"), limits("BTCUSD")]}, "tUSTUST", "the same"),
]


@pytest.mark.parametrize(("changed", "name", "reason"), BROKEN)
def test_what_cannot_be_read_is_named_and_leaves_its_neighbours(
    changed: dict[str, Any], name: str | None, reason: str
) -> None:
    found = catalogue(**changed)
    assert [each for each in found.refused if each.name == name and reason in each.reason], found.refused
    assert "tBTCF0:USTF0" in {each.external_symbol for each in found.instruments}


@pytest.mark.parametrize("body", [b"", b"{}", b"[]", b"[[],[],[]]", lists(exchange={}), lists(sym=[["UST"]])])
def test_lists_that_are_unreadable_as_a_whole_are_no_catalogue(body: bytes) -> None:
    with pytest.raises(UnreadablePayload):
        read_instruments(body, BITFINEX)


def test_the_recorded_list_of_pairs_is_read() -> None:
    """The list of the venue on 17 April 2021, without its limits: each pair is named and refused for that alone."""
    with gzip.open(DATA / "pairs-20210417.json.gz", "rt", encoding="utf-8") as file:
        exchange, currencies, futures = (json.loads(line)[0] for line in file)
    found = catalogue(exchange=exchange, futures=futures, currencies=currencies, info=[], info_futures=[], sym=[])
    assert len(found.refused) == len([each for each in (*exchange, *futures) if "TEST" not in each])
    assert {each.reason for each in found.refused} == {"the venue states no limits of it"}
    every = [limits(pair) for pair in (*exchange, *futures)]
    full = catalogue(exchange=exchange, futures=futures, currencies=currencies, info=every, info_futures=[], sym=[])
    assert full.refused == ()
    assert len({each.id for each in full.instruments}) == len(full.instruments) > 300


def test_what_was_listed_once_stays_known() -> None:
    known = KnownInstruments()
    known.keep(catalogue())
    known.keep(catalogue(exchange=["BTCUSD"], futures=[]))
    assert known["tETHBTC"].id == "BITFINEX:ETH/BTC"
    assert known.instrument(InstrumentId("BITFINEX:ETH/BTC")) is known["tETHBTC"]
    assert known.instrument(InstrumentId("BITFINEX:NONE/BTC")) is None
    assert known.asset_of("UST") == "USDT"
    assert len(known) == len(list(known))


def test_securities_are_the_assets_of_all_instruments() -> None:
    found = {each.symbol: each for each in securities(catalogue().instruments, BITFINEX)}
    assert {"BTC", "USD", "USDT", "ETH", "DOT"} <= set(found)
    assert (found["USD"].type, found["BTC"].type) == (SecurityType.CURRENCY, SecurityType.CRYPTO)
    assert found["BTC"].precision == 8


def test_aliases_are_no_chain() -> None:
    """A name that is another code's alias would be named again by nobody, but read twice by people."""
    assert {code for code, name in ALIASES.items() if ALIASES.get(name) == code} == set()
