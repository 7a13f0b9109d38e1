"""PAPER's public market: prices, depth and the tape, in Decimals."""

from dataclasses import replace
from decimal import Decimal

from cadenza.adapters.venues.inhouse.tape import Tape
from cadenza.adapters.venues.paper.market.source import MarketCommand
from cadenza.domain.market.enums import Side
from cadenza.domain.market.instrument import Instrument, TopOfBook
from cadenza.domain.matching import MarketTrade, MatchingEngine, ResetMarket, SetLevel


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


def deepened(command: MarketCommand, depth: int) -> MarketCommand:
    """What the market does, `depth` times as big."""
    match command:
        case ResetMarket(bids, asks):
            more = ((price, quantity * depth) for price, quantity in bids), ((p, q * depth) for p, q in asks)
            return replace(command, bids=tuple(more[0]), asks=tuple(more[1]))
        case SetLevel(quantity=quantity) | MarketTrade(quantity=quantity):
            return replace(command, quantity=quantity * depth)


def level_depth(engine: MatchingEngine, side: Side, levels_max: int, depth: int = 1) -> list[tuple[int, int]]:
    """What can be taken (ticks, lots), the market's (which is `depth` times as big in the engine) and own orders'
    together; best first."""
    if depth == 1:
        return engine.depth(side, levels_max)
    of_market = dict(engine.market_depth(side, levels_max))

    def shown(price: int, total: int) -> int:
        available = of_market.get(price, 0)
        return total - available - (-available // depth)

    return [(price, shown(price, total)) for price, total in engine.depth(side, levels_max)]


def mark_of(engine: MatchingEngine, instrument: Instrument) -> Decimal | None:
    """What positions are valued at; by the rule that the whole house uses."""

    def price(ticks: int | None) -> Decimal | None:
        return None if ticks is None else ticks * instrument.pip_size

    top = TopOfBook(price(engine.best_bid()), price(engine.best_ask()), price(engine.last_price), 0)
    return top.mark
