"""PAPER's public market: prices, depth and the tape, in Decimals."""

from decimal import Decimal

from cadenza.adapters.venues.inhouse.tape import Tape
from cadenza.domain.market.instrument import Instrument, TopOfBook
from cadenza.domain.market.order_book import Level
from cadenza.domain.matching import MarketTrade, MatchingEngine
from cadenza.domain.trading.enums import Side


def print_trade(tape: Tape, instrument: Instrument, command: MarketTrade) -> None:
    """A trade between others."""
    tape.add(
        instrument.id,
        f"M{command.at_ms}-{tape.next_print()}",
        command.price * instrument.pip_size,
        command.quantity * instrument.lot_size,
        command.aggressor_side,
        command.at_ms,
    )


def level_depth(engine: MatchingEngine, instrument: Instrument, side: Side, levels_max: int) -> list[Level]:
    """What can be taken, the market's and own orders' together; best first."""
    pip, lot = instrument.pip_size, instrument.lot_size
    return [(price * pip, quantity * lot) for price, quantity in engine.depth(side, levels_max)]


def mark_of(engine: MatchingEngine, instrument: Instrument) -> Decimal | None:
    """What positions are valued at; by the rule that the whole house uses."""

    def price(ticks: int | None) -> Decimal | None:
        return None if ticks is None else ticks * instrument.pip_size

    top = TopOfBook(price(engine.best_bid()), price(engine.best_ask()), price(engine.last_price), 0)
    return top.mark
