"""MOCK's public market: a book that never moves."""

from decimal import Decimal

from cadenza.adapters.venues.mock.spec import BOOKS, LEVELS_PER_SIDE
from cadenza.domain.ids import InstrumentId
from cadenza.domain.market.enums import Side
from cadenza.domain.market.instrument import Instrument


def book_depth(instrument: Instrument, side: Side, levels_max: int) -> list[tuple[int, int]]:
    """Return (ticks, lots), best first."""
    book = BOOKS[instrument.id]
    best, step = (
        int(price // instrument.pip_size) for price in (book.bid if side is Side.BUY else book.ask, book.step)
    )
    lots = int(book.quantity // instrument.lot_size)
    return [(best - side.sign * step * rank, lots) for rank in range(min(LEVELS_PER_SIDE, levels_max))]


def mark_of(id: InstrumentId) -> Decimal:
    return BOOKS[id].middle


def taking_price(id: InstrumentId, side: Side) -> Decimal:
    """Return the price that a taker of this side trades at."""
    book = BOOKS[id]
    return book.ask if side is Side.BUY else book.bid


def is_marketable(id: InstrumentId, side: Side, limit_price: Decimal | None) -> bool:
    """Whether an order with that limit trades with the book at once. Without a limit it always does."""
    return limit_price is None or (taking_price(id, side) - limit_price) * side.sign <= 0


def fill_price(id: InstrumentId, side: Side, limit_price: Decimal | None) -> Decimal:
    """Return the book's price if the limit allows it, else the limit, which is then better than the book."""
    if limit_price is not None and not is_marketable(id, side, limit_price):
        return limit_price
    return taking_price(id, side)
