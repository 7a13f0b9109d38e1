"""The recorded session through the parsers and the sync: the book equals the best prices that the venue published, and
any lost frame makes it stale."""

from collections.abc import Callable, Iterator

import pytest
from tests.adapters.binance.binance_world import BTC_PERP, BTC_USDT
from tests.adapters.binance.recorded_session import Recorded, spot_session, usdm_session
from tests.adapters.kit.sync_world import Listener

from cadenza.adapters.venues.binance.models import BestPricesEvent
from cadenza.adapters.venues.binance.parse_market import SPOT_BOOK_RULE, USDM_BOOK_RULE
from cadenza.adapters.venues.kit.book_sync import BookSync
from cadenza.domain.ids import InstrumentId
from cadenza.domain.market.book_messages import BookDelta, BookSnapshot
from cadenza.domain.market.book_rule import BookRule
from cadenza.domain.market.order_book import BookOutcome

Session = tuple[InstrumentId, BookRule, list[Recorded]]


@pytest.fixture(
    scope="module",
    params=[(BTC_USDT, SPOT_BOOK_RULE, spot_session), (BTC_PERP, USDM_BOOK_RULE, usdm_session)],
    ids=["spot", "usdm"],
)
def session(request: pytest.FixtureRequest) -> Session:
    instrument_id, rule, messages = request.param
    of: Callable[[], Iterator[Recorded]] = messages
    return instrument_id, rule, list(of())


def made(session: Session) -> tuple[BookSync, Listener]:
    instrument_id, rule, _ = session
    listener = Listener(rule, instrument_id)
    sync = BookSync(instrument_id, rule, listener)
    sync.begin()
    return sync, listener


def test_the_book_has_the_best_prices_that_the_venue_published(session: Session) -> None:
    """Best prices come at each change, changes of the depth every 100 ms, with the same numbers. So after each message
    the newest best prices up to the book's number are those of the book."""
    sync, listener = made(session)
    tickers: list[BestPricesEvent] = []
    compared = 0
    for message in session[2]:
        match message:
            case BookSnapshot():
                assert sync.on_snapshot(message, sync.round, 0)
            case BookDelta():
                sync.on_delta(message, 1, 0)
            case BestPricesEvent():
                tickers.append(message)
        known = [ticker for ticker in tickers[-300:] if ticker.update_id <= sync.sequence]
        if known and listener.book.is_fresh:
            newest = max(known, key=lambda ticker: ticker.update_id)
            assert listener.book.best_bid() == (newest.bid, newest.bid_quantity)
            assert listener.book.best_ask() == (newest.ask, newest.ask_quantity)
            compared += 1
    assert set(listener.outcomes) == {BookOutcome.APPLIED}
    assert compared > 1_000
    assert (listener.snapshots, listener.stales) == (1, 0)


def test_any_lost_frame_makes_the_book_stale_and_a_snapshot_mends_it(session: Session) -> None:
    depth = [message for message in session[2] if isinstance(message, BookSnapshot | BookDelta)]
    start = next(index for index, message in enumerate(depth) if isinstance(message, BookSnapshot))
    first = depth[start]
    for lost in range(start + 1, len(depth) - 1):
        sync, listener = made(session)
        for index, message in enumerate(depth[: lost + 2]):
            if isinstance(message, BookSnapshot):
                assert sync.on_snapshot(message, sync.round, 0)
            elif index != lost:
                sync.on_delta(message, 1, 0)
        assert (listener.stales, listener.levels(), sync.needs_snapshot) == (1, None, True), lost
        assert isinstance(first, BookSnapshot)
        assert not sync.on_snapshot(first, sync.round, 0), "it is from before the frame that was lost"
