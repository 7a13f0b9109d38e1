"""PAPER's public market: prices, depth and the tape, in Decimals."""

from decimal import Decimal

from cadenza.domain.ids import InstrumentId
from cadenza.domain.market.instrument import Instrument, TopOfBook
from cadenza.domain.market.order_book import Level
from cadenza.domain.market.order_book import MarketTrade as PublicTrade
from cadenza.domain.matching import MarketTrade, MatchingEngine
from cadenza.domain.trading.enums import Side

TRADES_MAX = 10_000
"""Trades kept until they are told; older ones are forgotten first: the tape is news, not money."""


class Tape:
    """What was traded, own orders and the public's, until it is taken."""

    def __init__(self) -> None:
        self._trades: list[PublicTrade] = []
        self._prints_total = 0

    def print(self, instrument: Instrument, command: MarketTrade) -> None:
        """A trade between others."""
        self._prints_total += 1
        self.add(
            instrument.id,
            f"M{command.at_ms}-{self._prints_total}",
            command.price * instrument.pip_size,
            command.quantity * instrument.lot_size,
            command.aggressor_side,
            command.at_ms,
        )

    def add(
        self, id: InstrumentId, trade_id: str, price: Decimal, quantity: Decimal, aggressor: Side, at_ms: int
    ) -> None:
        self._trades.append(
            PublicTrade(
                instrument_id=id, trade_id=trade_id, price=price, quantity=quantity, aggressor=aggressor, at_ms=at_ms
            )
        )
        if len(self._trades) > TRADES_MAX:
            del self._trades[: TRADES_MAX // 2]

    def take(self) -> list[PublicTrade]:
        trades, self._trades = self._trades, []
        return trades


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
