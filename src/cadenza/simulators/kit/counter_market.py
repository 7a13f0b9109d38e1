"""The counter-market: what other participants display and trade, from a seed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from random import Random

from cadenza.domain.market.enums import Side
from cadenza.exchange import EngineCommand, PublicTrade, ResetMarket
from cadenza.simulators.kit.engines import ListedSymbol

LEVELS = 20
_SPACING = Decimal("0.0001")

MarketCommand = tuple[str, EngineCommand]


@dataclass(frozen=True, slots=True)
class LadderShape:
    """In ticks: the distance of two levels, and how far the middle walks at once."""

    spacing: int
    stride: int


def usual_shape(symbol: ListedSymbol) -> LadderShape:
    """Return levels at about a hundredth of a percent of the price."""
    spacing = max(1, int(symbol.opening_price * _SPACING / symbol.tick))
    return LadderShape(spacing=spacing, stride=max(1, spacing // 5))


class SeededMarket:
    """A ladder of levels around a middle price for each symbol. Every `step_ms` the middle walks, quantities change and
    somebody may trade; with `step_ms` 0 the market stands still. The same seed and times give the same commands.
    `shape` returns the ladder of a symbol; levels that would have no price are left out."""

    def __init__(
        self,
        symbols: Iterable[ListedSymbol],
        seed: int,
        step_ms: int,
        shape: Callable[[ListedSymbol], LadderShape] = usual_shape,
    ) -> None:
        self._symbols = {symbol.name: symbol for symbol in symbols}
        self._shapes = {name: shape(symbol) for name, symbol in self._symbols.items()}
        self._seed = seed
        self._step_ms = step_ms
        self._middles = {name: int(symbol.opening_price / symbol.tick) for name, symbol in self._symbols.items()}
        self._next_ms = 0

    def open(self, last_prices: dict[str, int], at_ms: int) -> Iterator[MarketCommand]:
        """Yield the first ladders and a first trade. `last_prices` (ticks) is where a former run ended: a market that
        moves goes on from there."""
        self._next_ms = at_ms + self._step_ms
        if self._step_ms:
            self._middles.update(last_prices)
        for name, symbol in self._symbols.items():
            yield name, self._ladder(symbol, Random(f"{self._seed}/{name}"), at_ms)  # noqa: S311 - repeatable
            if name not in last_prices:
                yield name, PublicTrade(Side.BUY, self._middles[name], 1, at_ms)

    def advance(self, to_ms: int) -> Iterator[MarketCommand]:
        """Yield what happens until `to_ms`, with that instant: orders were placed since the steps were due, and no
        execution may be earlier than its order. A market that was not asked for more than a minute skips what lies
        before it."""
        if not self._step_ms:
            return
        self._next_ms = max(self._next_ms, to_ms - 60_000)
        while self._next_ms <= to_ms:
            number = self._next_ms // self._step_ms
            self._next_ms += self._step_ms
            for name, symbol in self._symbols.items():
                yield from self._step(name, symbol, number, to_ms)

    def _step(self, name: str, symbol: ListedSymbol, number: int, at_ms: int) -> Iterator[MarketCommand]:
        draw = Random(f"{self._seed}/{name}/{number}")  # noqa: S311 - a market that must be repeatable
        opening = int(symbol.opening_price / symbol.tick)
        spacing, stride = self._shapes[name].spacing, self._shapes[name].stride
        pull = 1 if self._middles[name] < opening else -1  # back to the opening price, so that no walk leaves its band
        middle = self._middles[name] + stride * draw.choice((-1, 0, 0, 1, pull))
        self._middles[name] = max(spacing * (LEVELS + 1), middle)
        yield name, self._ladder(symbol, draw, at_ms)
        if draw.random() < 0.3:
            side = draw.choice((Side.BUY, Side.SELL))
            price = self._middles[name] + side.sign * spacing
            yield name, PublicTrade(side, price, draw.randint(1, max(1, _level_lots(symbol) // 10)), at_ms)

    def _ladder(self, symbol: ListedSymbol, draw: Random, at_ms: int) -> ResetMarket:
        middle, spacing = self._middles[symbol.name], self._shapes[symbol.name].spacing
        most = _level_lots(symbol)
        sizes = [most if not self._step_ms else draw.randint(most // 2, most) for _ in range(2 * LEVELS)]
        return ResetMarket(
            bids=tuple((middle - spacing * (n + 1), sizes[n]) for n in range(LEVELS) if middle > spacing * (n + 1)),
            asks=tuple((middle + spacing * (n + 1), sizes[LEVELS + n]) for n in range(LEVELS)),
            at_ms=at_ms,
        )


def _level_lots(symbol: ListedSymbol) -> int:
    return max(10, int(symbol.level_quantity / symbol.lot))
