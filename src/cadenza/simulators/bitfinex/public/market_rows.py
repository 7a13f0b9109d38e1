"""Tickers, trades and the status of derivatives as the venue's arrays show them."""

from __future__ import annotations

from collections import defaultdict, deque
from decimal import Decimal

from cadenza.domain.market.enums import Side
from cadenza.domain.money import ZERO, divide
from cadenza.simulators.bitfinex.trading.exchange import BitfinexExchange
from cadenza.simulators.bitfinex.wire.numbers import number
from cadenza.simulators.kit.records import TapeTrade

TAPE_MAX = 10_000
"""Trades of a symbol that are remembered."""

FUNDING_PERIOD_MS = 8 * 60 * 60 * 1000
_TOP = 25
_RATIO_PLACES = 4


class MarketRows:
    """What everyone may know of the markets besides their books."""

    def __init__(self, exchange: BitfinexExchange) -> None:
        self._exchange = exchange
        self.tapes: dict[str, deque[TapeTrade]] = defaultdict(lambda: deque(maxlen=TAPE_MAX))

    def remember(self, trade: TapeTrade) -> None:
        self.tapes[trade.symbol].append(trade)

    def ticker(self, name: str) -> list[object]:
        """Return best bid, its depth, best ask, its depth, change, relative change, last price, volume, high, low."""
        bids = self._exchange.depth(name, Side.BUY, _TOP)
        asks = self._exchange.depth(name, Side.SELL, _TOP)
        tape, last = self.tapes[name], self._exchange.last_price(name)
        prices = [trade.price for trade in tape] or [last]
        values = (
            bids[0][0] if bids else ZERO,
            _total(bids),
            asks[0][0] if asks else ZERO,
            _total(asks),
            last - prices[0],
            divide(last - prices[0], prices[0], _RATIO_PLACES),
            last,
            sum((trade.quantity for trade in tape), ZERO),
            max(prices),
            min(prices),
        )
        return [number(value) for value in values]

    def derivative(self, name: str, now_ms: int) -> list[object]:
        """Return the status of a derivative: 0 time, 2 its price, 3 the price of its pair, 7 the next funding, 14 mark
        price, 17 open interest."""
        row: list[object] = [None] * 23
        row[0] = now_ms
        row[2] = row[3] = number(self._exchange.last_price(name))
        row[5] = number(ZERO)
        row[7] = (now_ms // FUNDING_PERIOD_MS + 1) * FUNDING_PERIOD_MS
        row[8], row[9], row[11] = number(ZERO), 0, number(ZERO)
        row[14] = number(self._exchange.mark(name))
        interest = (abs(each.amount) for each in self._exchange.ledger.all_positions() if each.symbol == name)
        row[17] = number(sum(interest, ZERO))
        row[21], row[22] = number(Decimal("-0.0005")), number(Decimal("0.0025"))
        return row


def tape_row(trade: TapeTrade) -> list[object]:
    """Return a trade: id, time, amount, price. What a seller took has a negative amount."""
    amount = -trade.quantity if trade.is_buyer_maker else trade.quantity
    return [trade.trade_id, trade.at_ms, number(amount), number(trade.price)]


def _total(levels: list[tuple[Decimal, Decimal]]) -> Decimal:
    return sum((amount for _, amount in levels), ZERO)
