"""What the platform says of an account's money, from a session's snapshot."""

from decimal import Decimal

from cadenza.domain.accounts.trading_account import AccountType
from cadenza.domain.money import ONE
from cadenza.domain.trading.portfolio import MarkedPosition, Summary, summarize
from cadenza.domain.trading.venue_books import adopt_snapshot
from cadenza.domain.trading.venue_spec import Books
from tests.domain.trading.worlds import state, venue_spec
from tests.simulated_kit import SimulatedDesk

VENUES_BOOKS = venue_spec(books=dict.fromkeys(AccountType, Books.VENUE))


async def summary_of(desk: SimulatedDesk, mark: Decimal) -> Summary:
    """Return the summary of what the desk's instrument is settled in, and of its positions at a mark."""
    instrument, snapshot = desk.instrument, await desk.session.snapshot()
    books = state(desk.account, {}, traded=instrument, market=None, spec=VENUES_BOOKS)
    adopt_snapshot(
        books, desk.account.id, snapshot.balances, snapshot.positions, as_of=snapshot.as_of, at_ms=snapshot.at_ms
    )
    positions = [
        MarkedPosition(position=each, instrument=instrument, mark=mark) for each in books.positions(desk.account.id)
    ]
    asset = instrument.settled_in
    balances = [each for each in books.balances(desk.account.id) if each.asset == asset]
    return summarize(tuple(balances), tuple(positions), asset, {asset: ONE}.get)
