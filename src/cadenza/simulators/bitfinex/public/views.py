"""Books as the socket's channels and REST show them: levels by price at a precision, or single orders."""

from __future__ import annotations

from collections import defaultdict
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from zlib import crc32

import msgspec

from cadenza.domain.market.enums import Side
from cadenza.domain.money import ZERO
from cadenza.simulators.bitfinex.symbols import PLACES
from cadenza.simulators.bitfinex.trading.exchange import BitfinexExchange
from cadenza.simulators.bitfinex.wire.numbers import number, number_text

RAW = "R0"
PRECISIONS = {"P0": 5, "P1": 4, "P2": 3, "P3": 2, "P4": 1}
"""Significant digits of the prices of a book's levels."""

LENGTHS = (1, 25, 100, 250)
CHECKSUM_LEVELS = 25
_DEPTH_MAX = 5_000
_SIGNED_FROM, _WRAP = 2**31, 2**32

BookKey = Decimal | int
"""A price, or the id of an order."""


class BookLine(msgspec.Struct, frozen=True):
    """A line of a book: a price with the count of its orders and their amount, or an order with its price and amount.
    Asks have negative amounts."""

    key: BookKey
    price: Decimal
    count: int
    amount: Decimal

    def row(self) -> list[object]:
        if isinstance(self.key, int):
            return [self.key, number(self.price), number(self.amount)]
        return [number(self.price), self.count, number(self.amount)]

    def removal(self) -> list[object]:
        """Return the row that takes the line out of a book."""
        side = 1 if self.amount > 0 else -1
        return [self.key, 0, side] if isinstance(self.key, int) else [number(self.price), 0, side]


class BookViews:
    """Reads the exchange's books. The orders of the counter-market have ids of their own, one at each price."""

    def __init__(self, exchange: BitfinexExchange) -> None:
        self._exchange = exchange
        self._ids: dict[tuple[str, Side, Decimal], int] = {}

    def lines(self, name: str, precision: str, length: int) -> list[BookLine]:
        """Return the bids and then the asks of a book, best first, at most `length` of each."""
        if precision == RAW:
            return [line for side in (Side.BUY, Side.SELL) for line in self._orders(name, side)[:length]]
        return [line for side in (Side.BUY, Side.SELL) for line in self._levels(name, side, precision)[:length]]

    def _levels(self, name: str, side: Side, precision: str) -> list[BookLine]:
        counts: dict[Decimal, int] = defaultdict(int)
        amounts: dict[Decimal, Decimal] = defaultdict(lambda: ZERO)
        for _, price, amount in self._visible(name, side):
            level = _grouped(price, PRECISIONS[precision], side)
            counts[level] += 1
            amounts[level] += amount
        return [
            BookLine(key=price, price=price, count=counts[price], amount=amount * side.sign)
            for price, amount in amounts.items()
        ]

    def _orders(self, name: str, side: Side) -> list[BookLine]:
        return [
            BookLine(key=id, price=price, count=1, amount=amount * side.sign)
            for id, price, amount in self._visible(name, side)
        ]

    def _visible(self, name: str, side: Side) -> list[tuple[int, Decimal, Decimal]]:
        """Return (id, price, amount) of every order that everyone sees, best price first."""
        own: dict[Decimal, list[tuple[int, Decimal]]] = defaultdict(list)
        for order in self._exchange.resting(name, side):
            if not order.is_hidden:
                own[order.price].append((order.order_id, order.remaining))
        rows = []
        for price, amount in self._exchange.depth(name, side, _DEPTH_MAX):
            market = amount - sum((each for _, each in own[price]), ZERO)
            if market > 0:
                rows.append((self._market_id(name, side, price), price, market))
            rows += [(id, price, each) for id, each in own[price]]
        return rows

    def _market_id(self, name: str, side: Side, price: Decimal) -> int:
        key = name, side, price
        if key not in self._ids:
            self._ids[key] = self._exchange.next_id()
        return self._ids[key]


def checksum(lines: list[BookLine]) -> int:
    """Return the CRC32 over the first 25 bids and asks by turns, as a signed integer."""
    bids = [line for line in lines if line.amount > 0][:CHECKSUM_LEVELS]
    asks = [line for line in lines if line.amount < 0][:CHECKSUM_LEVELS]
    parts: list[str] = []
    for index in range(CHECKSUM_LEVELS):
        for side in (bids, asks):
            if index < len(side):
                line = side[index]
                parts += [
                    str(line.key) if isinstance(line.key, int) else number_text(line.key),
                    number_text(line.amount),
                ]
    value = crc32(":".join(parts).encode())
    return value - _WRAP if value >= _SIGNED_FROM else value


def _grouped(price: Decimal, digits: int, side: Side) -> Decimal:
    """Return the price at which a book of so many digits shows an order: bids round down, asks up."""
    step = max(PLACES, Decimal(1).scaleb(price.adjusted() - digits + 1))
    return price.quantize(step, ROUND_FLOOR if side is Side.BUY else ROUND_CEILING)
