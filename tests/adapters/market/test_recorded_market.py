"""The packaged recording: what is played back is what was recorded, and orders fill as it justifies."""

from dataclasses import replace
from decimal import Decimal

import pytest

from cadenza.adapters.venues.paper.market.playback import PlayedBook, RecordedMarket
from cadenza.adapters.venues.paper.market.recording import (
    PACKAGED_RECORDING,
    BookImage,
    BookTicker,
    DepthUpdate,
    Header,
    Message,
    Print,
    Recording,
    RecordingError,
    read_recording,
)
from cadenza.adapters.venues.paper.market.verification import Mismatch, Verdict, verify
from cadenza.domain.market.enums import Side
from cadenza.exchange import PublicTrade, ResetMarket, SetLevel

HEADER = Header(
    symbol="BTC/USDT",
    tick_size=Decimal("0.01"),
    lot_size=Decimal("0.000001"),
    started_at_ms=1_000,
    source="made up",
    licence="none",
)
SESSION: tuple[Message, ...] = (
    DepthUpdate(0, 1, 90, 99, ((100, 1),), ()),
    BookTicker(1_000, 103, (101, 4), (105, 5)),
    DepthUpdate(2_000, 2, 100, 102, ((100, 7),), ((106, 8),)),
    BookImage(5_000, 100, ((100, 3), (99, 2)), ((105, 5), (107, 9))),
    DepthUpdate(9_000, 3, 103, 104, ((101, 4),), ((105, 6),)),
    BookTicker(12_000, 105, (100, 7), (105, 1)),
    Print(13_000, 4, 1, 101, 4, Side.SELL),
    DepthUpdate(20_000, 5, 105, 106, ((101, 0),), ((105, 1),)),
)


@pytest.fixture(scope="module")
def packaged() -> Recording:
    return read_recording(PACKAGED_RECORDING)


def test_the_packaged_recording_is_the_market_that_was_recorded(packaged: Recording) -> None:
    """The rules are in `verification.RULES`; these are the trials of each, and none failed."""
    assert verify(packaged) == Verdict(
        messages=41_249,
        best_price_messages=28_037,
        depth_updates=3_448,
        equal_books=3_432,
        equal_levels=1_044_140,
        market_orders=85,
        market_order_fills=1_830,
        limit_orders=686,
        limit_order_fills_by_trades=945,
        limit_order_fills_by_levels=356,
    )


def forge(recording: Recording, forgery: str) -> Recording:
    """The session's start with one lie: about a depth update, or about the newest best-price message that it
    contains."""
    messages = list(recording.messages[:1_500])
    update = next(m for m in reversed(messages[:1_400]) if isinstance(m, DepthUpdate) and m.bids and m.asks)
    tickers = [m for m in messages if isinstance(m, BookTicker) and m.update_id <= update.last_id]
    (bid, quantity), ask = tickers[-1].bid, tickers[-1].ask
    lies: dict[str, tuple[Message, Message]] = {
        "price": (tickers[-1], replace(tickers[-1], bid=(bid - 1, quantity))),
        "quantity": (tickers[-1], replace(tickers[-1], ask=(ask[0], ask[1] + 1))),
        "best": (update, replace(update, bids=(*update.bids, (bid, quantity + 1)))),
        "gap": (update, replace(update, first_id=update.first_id + 1)),
    }
    true, lie = lies[forgery]
    messages[messages.index(true)] = lie
    return Recording(recording.header, tuple(messages))


@pytest.mark.parametrize("forgery", ["price", "quantity", "best", "gap"])
def test_a_forged_message_is_found(packaged: Recording, forgery: str) -> None:
    with pytest.raises((Mismatch, RecordingError)):
        verify(forge(packaged, forgery))


def play(messages: tuple[Message, ...]) -> tuple[dict[Side, dict[int, int]], list[object]]:
    """Play the messages and keep the displayed market as the commands tell it."""
    book, shown, commands = PlayedBook(), {Side.BUY: {}, Side.SELL: {}}, []  # type: ignore[var-annotated]
    for message in messages:
        for command in book.play(message, 0):
            commands.append(command)
            if isinstance(command, ResetMarket):
                shown = {Side.BUY: dict(command.bids), Side.SELL: dict(command.asks)}
            elif isinstance(command, SetLevel):
                shown[command.side][command.price] = command.quantity
                shown[command.side] = {price: quantity for price, quantity in shown[command.side].items() if quantity}
            assert not shown[Side.BUY] or not shown[Side.SELL] or max(shown[Side.BUY]) < min(shown[Side.SELL])
    return shown, commands


def test_what_came_before_the_snapshot_is_used_from_where_it_continues() -> None:
    """Updates up to 100 are in the snapshot; 100..102 overlaps it; the best-price message 103 is newer than both."""
    shown, commands = play(SESSION[:4])
    assert len(commands) == 1
    assert shown == {Side.BUY: {101: 4, 100: 7, 99: 2}, Side.SELL: {105: 5, 106: 8, 107: 9}}


def test_a_best_price_message_removes_what_is_better_and_a_depth_update_confirms_it() -> None:
    shown, commands = play(SESSION[:6])
    assert shown == {Side.BUY: {100: 7, 99: 2}, Side.SELL: {105: 1, 106: 8, 107: 9}}
    after, later = play(SESSION)
    assert after == shown
    assert later[len(commands) :] == [PublicTrade(Side.SELL, 101, 4, 0)]


def test_an_older_best_price_message_changes_nothing() -> None:
    book = PlayedBook()
    book.play(SESSION[3], 0)
    assert book.play(BookTicker(6_000, 100, (50, 1), (200, 1)), 0) == []


def test_a_gap_in_the_updates_is_refused() -> None:
    gap = DepthUpdate(9_000, 3, 104, 105, (), ())
    with pytest.raises(RecordingError, match="the update 103 is missing"):
        play((*SESSION[:4], gap))


def test_the_market_plays_in_time_trades_early_and_round_and_round() -> None:
    market = RecordedMarket(Recording(HEADER, SESSION), start_ms=10_000)
    opening = market.advance(10_000)
    assert [type(command) for _, command in opening] == [ResetMarket]
    assert market.advance(10_003) == []
    assert {command.at_ms for _, command in market.advance(10_004)} == {10_004}
    rest = [command for _, command in market.advance(10_015)]
    assert [command for command in rest if isinstance(command, PublicTrade)] == [PublicTrade(Side.SELL, 101, 4, 10_006)]
    again = [command for _, command in market.advance(10_016)]
    assert [type(command) for command in again] == [ResetMarket]


def test_twice_the_speed_takes_half_the_time() -> None:
    slow = RecordedMarket(Recording(HEADER, SESSION), start_ms=0).advance(14)
    fast = RecordedMarket(Recording(HEADER, SESSION), start_ms=0, speed_percent=200).advance(7)
    assert len(slow) == len(fast) > 3


def test_any_slicing_of_the_time_plays_the_same(packaged: Recording) -> None:
    whole = list(RecordedMarket(packaged, start_ms=7).advance(5_007))
    sliced = RecordedMarket(packaged, start_ms=7)
    steps = [command for to_ms in [*range(7, 5_007, 13), 5_007] for command in sliced.advance(to_ms)]
    assert steps == whole


def test_time_that_goes_back_does_nothing_and_a_long_pause_is_not_made_up_for(packaged: Recording) -> None:
    market = RecordedMarket(packaged, start_ms=0)
    market.advance(1_000)
    assert market.advance(999) == ()
    assert market.advance(1_000 + 3_600_000) == []
    later = market.advance(1_100 + 3_600_000)
    assert later
    assert all(command.at_ms > 3_600_000 for _, command in later)


def test_what_cannot_be_played_is_refused() -> None:
    with pytest.raises(RecordingError, match="no snapshot"):
        RecordedMarket(Recording(HEADER, SESSION[:2]), start_ms=0)
    with pytest.raises(RecordingError, match="lists no DOGE/USDT"):
        RecordedMarket(Recording(replace(HEADER, symbol="DOGE/USDT"), SESSION), start_ms=0)
    with pytest.raises(ValueError, match="speed"):
        RecordedMarket(Recording(HEADER, SESSION), start_ms=0, speed_percent=0)


def test_the_recorded_instrument_has_the_recordings_steps(packaged: Recording) -> None:
    market = RecordedMarket(packaged, start_ms=0)
    (instrument,) = market.instruments
    assert (instrument.id, instrument.pip_size, instrument.lot_size) == (
        "PAPER:BTC/USDT",
        Decimal("0.01"),
        Decimal("0.000001"),
    )
    assert {security.symbol for security in market.securities} == {"BTC", "USDT"}
