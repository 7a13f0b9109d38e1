"""The synthetic market: the same from the same seed, and a market that could be one."""

from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cadenza.adapters.venues.paper.market import CATCH_UP_MAX_MS, MarketCommand, MarketKind, MarketSettings, open_market
from cadenza.adapters.venues.paper.market.synthetic import LEVELS_PER_SIDE, STEP_MS, SyntheticMarket
from cadenza.domain.ids import InstrumentId
from cadenza.domain.market.enums import OrderType, Side
from cadenza.domain.market.instrument import Instrument
from cadenza.domain.money import is_multiple
from cadenza.exchange import MatchingEngine, PublicTrade, ResetMarket, SetLevel

START_MS = 1_700_000_000_000
Commands = list[tuple[InstrumentId, MarketCommand]]


def advanced(seed: int, times_ms: Sequence[int]) -> Commands:
    market = SyntheticMarket(seed=seed, start_ms=START_MS)
    return [command for time_ms in times_ms for command in market.advance(START_MS + time_ms)]


def test_the_same_seed_gives_the_same_market_and_another_gives_another() -> None:
    once = advanced(7, [20_000])
    assert advanced(7, [20_000]) == once
    assert advanced(8, [20_000]) != once


@settings(max_examples=20)
@given(st.lists(st.integers(0, 8_000), max_size=12))
def test_any_slicing_of_the_time_gives_the_same_market(cuts: list[int]) -> None:
    assert advanced(3, [*sorted(cuts), 8_000]) == advanced(3, [8_000])


def test_it_opens_with_a_snapshot_of_every_instrument_and_goes_on_in_order() -> None:
    commands = advanced(1, [5_000])
    instruments = SyntheticMarket(seed=1, start_ms=START_MS).instruments
    opening = commands[: len(instruments)]
    assert [instrument_id for instrument_id, _ in opening] == [instrument.id for instrument in instruments]
    assert all(isinstance(command, ResetMarket) for _, command in opening)
    times = [command.at_ms for _, command in commands]
    assert times == sorted(times)
    assert set(times) == set(range(START_MS, START_MS + 5_001, STEP_MS))


def test_time_that_goes_back_does_nothing_and_a_long_pause_is_not_made_up_for() -> None:
    market = SyntheticMarket(seed=1, start_ms=START_MS)
    market.advance(START_MS + 1_000)
    assert market.advance(START_MS + 999) == ()
    after_pause_ms = START_MS + 1_000 + CATCH_UP_MAX_MS + 1
    assert market.advance(after_pause_ms) == []
    resumed = [command for _, command in market.advance(after_pause_ms + STEP_MS)]
    assert {command.at_ms for command in resumed} == {after_pause_ms + STEP_MS}


@pytest.mark.parametrize("seed", [1, 2])
def test_minutes_of_it_never_show_a_crossed_thin_or_empty_book(seed: int) -> None:
    market = SyntheticMarket(seed=seed, start_ms=START_MS)
    engines = {instrument.id: MatchingEngine() for instrument in market.instruments}
    prints = dict.fromkeys(engines, 0)
    for minute in range(4):
        for instrument_id, command in market.advance(START_MS + minute * 60_000):
            engine = engines[instrument_id]
            if isinstance(command, PublicTrade):
                prints[instrument_id] += 1
                best = engine.best_ask() if command.aggressor_side is Side.BUY else engine.best_bid()
                assert command.price == best, "a print takes the best level, before the level shows it"
            engine.apply(command)
            bid, ask = engine.best_bid(), engine.best_ask()
            assert bid is None or ask is None or 0 < bid < ask
    assert min(prints.values()) > 50
    for engine in engines.values():
        for side in Side:
            levels = engine.market_depth(side, 1_000)
            assert len(levels) == LEVELS_PER_SIDE >= 20
            assert all(quantity > 0 for _, quantity in levels)


def middle(market: SyntheticMarket, symbol: str) -> int:
    """The middle of the book, times 2 x 10^8 quote units."""
    instrument = next(instrument for instrument in market.instruments if instrument.symbol == symbol)
    maker = next(maker for maker in market._makers if maker.instrument_id == instrument.id)
    return (max(maker.levels[Side.BUY]) + min(maker.levels[Side.SELL])) * int(instrument.pip_size.scaleb(8))


def test_for_a_simulated_day_prices_stay_near_their_reference_and_their_kin() -> None:
    """Only the drivers walk through the whole day; the books are looked at once in ten simulated minutes."""
    market = SyntheticMarket(seed=5, start_ms=0)
    market.advance(0)
    steps_per_day = 24 * 3_600_000 // STEP_MS
    own = [maker.own for maker in market._makers]
    for step in range(steps_per_day):
        for driver in (*market._drivers.values(), *own):
            driver.step()
        if step % 2_400 == 0:
            for maker in market._makers:
                maker.open(step * STEP_MS)
            assert 50_000 * 2 * 10**8 < middle(market, "BTC/USDT") < 70_000 * 2 * 10**8
            assert middle(market, "EUR/USD") > 0
            for kin, of in (("BTC/USD", "BTC/USDT"), ("BTC/USDT-PERP", "BTC/USDT"), ("ETH/USDT-PERP", "ETH/USDT")):
                gap = abs(middle(market, kin) - middle(market, of))
                assert gap * 1_000 < middle(market, of), f"{kin} is more than 0.1 % from {of}"


def test_prices_come_out_where_the_reference_is() -> None:
    market = SyntheticMarket(seed=1, start_ms=0)
    market.advance(0)
    assert abs(middle(market, "BTC/USDT") - 60_000 * 2 * 10**8) < 10**8 * 200
    assert abs(middle(market, "BTC/USDT-PERP") - 60_000 * 2 * 10**8) < 10**8 * 200
    assert abs(middle(market, "EUR/USD") - 108 * 2 * 10**6) < 10**6


def instruments() -> Sequence[Instrument]:
    return SyntheticMarket(seed=1, start_ms=0).instruments


@pytest.mark.parametrize("instrument", instruments(), ids=lambda instrument: instrument.symbol)
def test_an_instrument_is_consistent_in_itself(instrument: Instrument) -> None:
    assert instrument.id == f"PAPER:{instrument.symbol}"
    assert is_multiple(instrument.min_quantity, instrument.lot_size)
    assert is_multiple(instrument.max_quantity, instrument.lot_size)
    assert 0 < instrument.min_quantity < instrument.max_quantity
    assert OrderType.QUOTED not in instrument.order_types
    assert instrument.quote_asset in {security.symbol for security in SyntheticMarket(seed=1, start_ms=0).securities}


def test_the_settings_choose_the_market() -> None:
    synthetic = open_market(MarketSettings(seed=7), start_ms=START_MS)
    assert list(synthetic.advance(START_MS + 20_000)) == advanced(7, [20_000])
    recorded = open_market(MarketSettings(kind=MarketKind.RECORDING), start_ms=START_MS)
    assert [instrument.symbol for instrument in recorded.instruments] == ["BTC/USDT"]
    (_, opening), *_rest = recorded.advance(START_MS)
    assert isinstance(opening, ResetMarket)
    assert not any(isinstance(command, SetLevel) for _, command in recorded.advance(START_MS))
