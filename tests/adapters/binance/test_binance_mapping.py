"""The tables of words: each word goes to the wire and comes back, and a word that is not listed is refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cadenza.adapters.venues.binance import mapping
from cadenza.adapters.venues.kit.words import UnknownMember, WordTable
from cadenza.domain.accounts.trading_account import PositionSide
from cadenza.domain.market.enums import OrderType, Side, TimeInForce
from cadenza.domain.market.instrument import InstrumentStatus, InstrumentType

TABLES = {name: table for name, table in vars(mapping).items() if isinstance(table, WordTable)}
SAME_TRIGGER = {
    OrderType.STOP: OrderType.STOP_LOSS,
    OrderType.STOP_LIMIT: OrderType.STOP_LOSS_LIMIT,
}
"""Two of our words for one trigger."""


def plain(type: OrderType) -> OrderType:
    return SAME_TRIGGER.get(type, type)


@pytest.mark.parametrize("name", TABLES)
@given(text=st.one_of(st.text(max_size=20), st.sampled_from(["", "new", "NEW ", " NEW", "Buy", "UNKNOWN", "None"])))
def test_a_word_that_is_not_listed_is_refused_with_its_text(name: str, text: str) -> None:
    table = TABLES[name]
    if text in table:
        table.of(text)
        return
    with pytest.raises(UnknownMember) as caught:
        table.of(text)
    assert caught.value.text == text
    assert repr(text[:64]) in str(caught.value)


def test_sides_go_both_ways() -> None:
    assert {mapping.SIDES.of(mapping.SIDE_WORDS[side]) for side in Side} == set(Side)
    assert {mapping.SIDE_WORDS[mapping.SIDES.of(word)] for word in mapping.SIDES} == set(mapping.SIDES)
    words = mapping.POSITION_SIDE_WORDS
    assert {mapping.POSITION_SIDES.of(words[side]) for side in PositionSide} == set(PositionSide)
    assert {words[mapping.POSITION_SIDES.of(word)] for word in mapping.POSITION_SIDES} == set(mapping.POSITION_SIDES)


@given(st.sampled_from(sorted(mapping.SPOT_TYPE_WORDS)), st.sampled_from(sorted(mapping.SPOT_TIME_WORDS)))
def test_types_and_times_of_spot_come_back(type: OrderType, time: TimeInForce) -> None:
    word, time_word = mapping.SPOT_TYPE_WORDS[type], mapping.SPOT_TIME_WORDS[time]
    back, time_back = mapping.spot_terms(word, time_word)
    assert plain(back) is plain(type)
    if type is OrderType.MARKET:
        assert time_back is (TimeInForce.FOK if time is TimeInForce.FOK else TimeInForce.IOC)
    else:
        assert time_back is time


def test_post_only_comes_back_on_both_markets() -> None:
    assert mapping.spot_terms(mapping.SPOT_POST_ONLY, "GTC") == (OrderType.LIMIT, TimeInForce.GTX)
    word = mapping.USDM_TIME_WORDS[TimeInForce.GTX]
    assert mapping.usdm_terms("LIMIT", word) == (OrderType.LIMIT, TimeInForce.GTX)


@given(
    st.sampled_from(sorted({**mapping.USDM_PLAIN_TYPE_WORDS, **mapping.USDM_ALGO_TYPE_WORDS})),
    st.sampled_from(sorted(mapping.USDM_TIME_WORDS)),
)
def test_types_and_times_of_usdm_come_back(type: OrderType, time: TimeInForce) -> None:
    words = {**mapping.USDM_PLAIN_TYPE_WORDS, **mapping.USDM_ALGO_TYPE_WORDS}
    back, time_back = mapping.usdm_terms(words[type], mapping.USDM_TIME_WORDS[time])
    assert plain(back) is plain(type)
    assert time_back is (TimeInForce.IOC if (type, time) == (OrderType.MARKET, TimeInForce.GTC) else time)


def test_every_type_of_ours_is_sent_somewhere_but_quotes_and_trailing_stops() -> None:
    sent = set(OrderType) - {OrderType.QUOTED, OrderType.TRAILING_STOP}
    assert set(mapping.SPOT_TYPE_WORDS) == sent
    plain_types, algo_types = set(mapping.USDM_PLAIN_TYPE_WORDS), set(mapping.USDM_ALGO_TYPE_WORDS)
    assert plain_types | algo_types == sent
    assert not plain_types & algo_types
    assert set(mapping.USDM_ALGO_TYPE_WORDS.values()) == mapping.CONDITIONAL_TYPES - {"TRAILING_STOP_MARKET"}


def test_every_type_of_the_wire_is_one_that_we_send_or_that_only_the_venue_places() -> None:
    sent = {*mapping.SPOT_TYPE_WORDS.values(), mapping.SPOT_POST_ONLY}
    assert set(mapping.SPOT_TYPES) == sent
    assert set(mapping.USDM_TYPES) == {"LIMIT", "MARKET", "LIQUIDATION", *mapping.CONDITIONAL_TYPES}


def test_only_a_symbol_that_trades_is_active() -> None:
    for table in (mapping.SPOT_SYMBOL_STATUSES, mapping.CONTRACT_STATUSES):
        assert [word for word in table if table.of(word) is InstrumentStatus.ACTIVE] == ["TRADING"]
    delisted = [
        word for word in mapping.CONTRACT_STATUSES if mapping.CONTRACT_STATUSES.of(word) is InstrumentStatus.DELISTED
    ]
    assert delisted == ["SETTLING", "DELIVERED", "CLOSE"]


def test_contracts_are_perpetual_or_delivered() -> None:
    assert {mapping.CONTRACT_TYPES.of(word) for word in mapping.CONTRACT_TYPES} == {
        InstrumentType.PERPETUAL,
        InstrumentType.FUTURES,
    }
    assert mapping.CONTRACT_TYPES.of("TRADIFI_PERPETUAL") is InstrumentType.PERPETUAL
