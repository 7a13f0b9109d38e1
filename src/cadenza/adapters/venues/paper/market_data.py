"""PAPER's public market: prices, depth and trades."""

from dataclasses import replace
from decimal import Decimal

from cadenza.adapters.venues.inhouse.trade_tape import TradeTape
from cadenza.adapters.venues.paper.market.source import MarketCommand
from cadenza.domain.market.enums import Side
from cadenza.domain.market.instrument import Instrument, TopOfBook
from cadenza.exchange import MatchingEngine, PublicTrade, ResetMarket, SetLevel


def print_trade(tape: TradeTape, instrument: Instrument, command: PublicTrade) -> None:
    """Add a trade between other participants to the tape."""
    tape.add(
        instrument.id,
        f"M{command.at_ms}-{tape.next_print()}",
        command.price * instrument.pip_size,
        command.quantity * instrument.lot_size,
        command.aggressor_side,
        command.at_ms,
    )


def deepened(command: MarketCommand, depth: int) -> MarketCommand:
    """Return the command with all quantities multiplied by `depth`."""
    match command:
        case ResetMarket(bids, asks):
            more = ((price, quantity * depth) for price, quantity in bids), ((p, q * depth) for p, q in asks)
            return replace(command, bids=tuple(more[0]), asks=tuple(more[1]))
        case SetLevel(quantity=quantity) | PublicTrade(quantity=quantity):
            return replace(command, quantity=quantity * depth)


def level_depth(engine: MatchingEngine, side: Side, levels_max: int, depth: int = 1) -> list[tuple[int, int]]:
    """Return what can be taken, as (ticks, lots), best first: the market's quantity plus own orders. The engine has the
    market's quantity multiplied by `depth`."""
    if depth == 1:
        return engine.depth(side, levels_max)
    of_market = dict(engine.market_depth(side, levels_max))

    def shown(price: int, total: int) -> int:
        available = of_market.get(price, 0)
        return total - available - (-available // depth)

    return [(price, shown(price, total)) for price, total in engine.depth(side, levels_max)]


def mark_of(engine: MatchingEngine, instrument: Instrument) -> Decimal | None:
    """Return PAPER's mark price: the middle of what the market displays, else its last trade, else the side there is,
    so that a position has a price however thin its market is. What users took, rested and traded with each other does
    not count."""

    def price(ticks: int | None) -> Decimal | None:
        return None if ticks is None else ticks * instrument.pip_size

    bid, ask = engine.best_displayed(Side.BUY), engine.best_displayed(Side.SELL)
    return TopOfBook(price(bid), price(ask), price(engine.last_price), 0).estimate
