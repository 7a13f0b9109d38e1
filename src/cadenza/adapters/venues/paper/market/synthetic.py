"""An endless market made from a seed. It uses integers only, and the same seed always gives the same market.

Drivers move the prices; a driver is a mean-reverting random walk in parts per billion. Related instruments share a
driver (BTC/USD, BTC/USDT and the perpetual all follow the bitcoin's). Each also has a small driver of its own. So
related instruments move together and the differences between them stay small.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from random import Random

from cadenza.adapters.venues.paper.market.instruments import INSTRUMENTS, SECURITIES
from cadenza.adapters.venues.paper.market.source import CATCH_UP_MAX_MS, MarketCommand
from cadenza.domain.ids import InstrumentId
from cadenza.domain.market.enums import Side
from cadenza.domain.market.instrument import Instrument, Security
from cadenza.exchange import PublicTrade, ResetMarket, SetLevel

STEP_MS = 250
LEVELS_PER_SIDE = 30
_BILLION = 1_000_000_000
_DEVIATION_MAX_PPB = 200_000_000
_REFRESHES_PER_STEP = 2
_TRADES_PERCENT = 35


@dataclass(slots=True)
class Driver:
    """A mean-reverting walk. A step moves it by at most `stride_ppb`; after about `reversion_steps` steps it is
    half-way back. It is bounded, so that a price made with it never reaches zero."""

    stride_ppb: int
    reversion_steps: int
    random: Random
    deviation_ppb: int = 0

    def step(self) -> None:
        pull = abs(self.deviation_ppb) // self.reversion_steps * (1 if self.deviation_ppb < 0 else -1)
        moved = self.deviation_ppb + pull + self.random.randint(-self.stride_ppb, self.stride_ppb)
        self.deviation_ppb = max(-_DEVIATION_MAX_PPB, min(_DEVIATION_MAX_PPB, moved))


@dataclass(frozen=True, slots=True)
class Shape:
    """The shape of a symbol's book: prices in ticks, quantities in lots. The best prices are `half_spread_ticks` from
    the middle. Deeper levels are at multiples of `gap_ticks`; their quantities start near `size_lots` and grow with the
    distance."""

    driver: str
    reference_ticks: int
    half_spread_ticks: int
    gap_ticks: int
    size_lots: int
    own_stride_ppb: int


_DRIVERS = {"BTC": (47_000, 57_600), "ETH": (58_000, 57_600), "EUR": (6_000, 57_600)}
_OWN_REVERSION_STEPS = 2_400
_SHAPES = {
    "BTC/USDT": Shape("BTC", 6_000_000, 2, 100, 30_000, 0),
    "ETH/USDT": Shape("ETH", 300_000, 1, 8, 60_000, 0),
    "BTC/USD": Shape("BTC", 6_000_000, 50, 150, 20_000, 800),
    "EUR/USD": Shape("EUR", 108_000, 1, 2, 400_000, 0),
    "BTC/USDT-PERP": Shape("BTC", 600_000, 1, 10, 600, 1_500),
    "ETH/USDT-PERP": Shape("ETH", 300_000, 1, 8, 8_000, 1_500),
}


@dataclass(slots=True)
class BookMaker:
    """Makes one instrument's book and trades. It draws from its own random stream, so no instrument affects another."""

    instrument_id: InstrumentId
    shape: Shape
    driver: Driver
    own: Driver
    random: Random
    levels: dict[Side, dict[int, int]] = field(default_factory=lambda: {Side.BUY: {}, Side.SELL: {}})

    def open(self, at_ms: int) -> ResetMarket:
        for side, prices in self._target_prices().items():
            self.levels[side] = {price: self._quantity(rank) for rank, price in enumerate(prices)}
        return ResetMarket(
            tuple(self.levels[Side.BUY].items()),
            tuple(self.levels[Side.SELL].items()),
            at_ms,
        )

    def step(self, at_ms: int) -> Iterator[MarketCommand]:
        """Make a trade in some steps, then move the book to the middle. Removals come first, so the book is never
        crossed."""
        if self.random.randrange(100) < _TRADES_PERCENT:
            yield from self._trade(at_ms)
        self.own.step()
        target = self._target_prices()
        for side, prices in target.items():
            for price in sorted(self.levels[side].keys() - set(prices)):
                del self.levels[side][price]
                yield SetLevel(side, price, 0, at_ms)
        for side, prices in target.items():
            refreshed = {self.random.randrange(LEVELS_PER_SIDE) for _ in range(_REFRESHES_PER_STEP)}
            for rank, price in enumerate(prices):
                if price not in self.levels[side] or rank in refreshed:
                    self.levels[side][price] = self._quantity(rank)
                    yield SetLevel(side, price, self.levels[side][price], at_ms)

    def _trade(self, at_ms: int) -> Iterator[MarketCommand]:
        """Trade a part of the best level, and now and then all of it."""
        aggressor = Side.BUY if self.random.randrange(2) else Side.SELL
        levels = self.levels[aggressor.opposite]
        price = min(levels) if aggressor is Side.BUY else max(levels)
        displayed = levels[price]
        quantity = min(
            displayed,
            1 + self.random.randrange(displayed) * self.random.randrange(1, 121) // 100,
        )
        yield PublicTrade(aggressor, price, quantity, at_ms)
        levels[price] -= quantity
        if not levels[price]:
            del levels[price]
        yield SetLevel(aggressor.opposite, price, displayed - quantity, at_ms)

    def _target_prices(self) -> dict[Side, list[int]]:
        """Return the prices of both sides, best first."""
        shape = self.shape
        deviation = self.driver.deviation_ppb + self.own.deviation_ppb
        middle = shape.reference_ticks * (_BILLION + deviation) // _BILLION
        bid, ask = middle - shape.half_spread_ticks, middle + shape.half_spread_ticks
        below, above = (bid - 1) // shape.gap_ticks, ask // shape.gap_ticks + 1
        deeper = range(LEVELS_PER_SIDE - 1)
        return {
            Side.BUY: [bid, *((below - rank) * shape.gap_ticks for rank in deeper)],
            Side.SELL: [ask, *((above + rank) * shape.gap_ticks for rank in deeper)],
        }

    def _quantity(self, rank: int) -> int:
        size = self.shape.size_lots * (4 + rank) // 4
        return self.random.randint(max(1, size // 4), size * 7 // 4)


class SyntheticMarket:
    """Six instruments around the clock. Implements `MarketSource`."""

    def __init__(self, *, seed: int, start_ms: int) -> None:
        self._drivers = {
            name: Driver(stride, reversion, _stream(seed, f"driver {name}"))
            for name, (stride, reversion) in _DRIVERS.items()
        }
        self._makers = [self._maker(seed, instrument) for instrument in INSTRUMENTS]
        self._is_open = False
        self._seen_ms = start_ms
        self._next_ms = start_ms

    def _maker(self, seed: int, instrument: Instrument) -> BookMaker:
        shape = _SHAPES[instrument.symbol]
        own = Driver(
            shape.own_stride_ppb,
            _OWN_REVERSION_STEPS,
            _stream(seed, f"own {instrument.symbol}"),
        )
        return BookMaker(
            instrument.id,
            shape,
            self._drivers[shape.driver],
            own,
            _stream(seed, f"book {instrument.symbol}"),
        )

    @property
    def instruments(self) -> Sequence[Instrument]:
        return INSTRUMENTS

    @property
    def securities(self) -> Sequence[Security]:
        return SECURITIES

    def is_suspended(self, instrument_id: InstrumentId) -> bool:
        return False

    def advance(self, to_ms: int) -> Sequence[tuple[InstrumentId, MarketCommand]]:
        if to_ms < self._seen_ms:
            return ()
        if to_ms - self._seen_ms > CATCH_UP_MAX_MS:
            self._next_ms += to_ms - self._seen_ms
        self._seen_ms = to_ms
        commands: list[tuple[InstrumentId, MarketCommand]] = []
        while self._next_ms <= to_ms:
            commands.extend(self._step(self._next_ms))
            self._next_ms += STEP_MS
        return commands

    def _step(self, at_ms: int) -> Iterator[tuple[InstrumentId, MarketCommand]]:
        if not self._is_open:
            self._is_open = True
            for maker in self._makers:
                yield maker.instrument_id, maker.open(at_ms)
            return
        for driver in self._drivers.values():
            driver.step()
        for maker in self._makers:
            for command in maker.step(at_ms):
                yield maker.instrument_id, command


def _stream(seed: int, name: str) -> Random:
    """Return a random stream for one use. Python seeds from text by a fixed hash, so it is the same on every
    machine."""
    return Random(f"{seed}/{name}")  # noqa: S311  # reproducible on purpose, and nothing secret
