"""The pairs and derivatives that the simulator lists."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_DOWN, Decimal

from cadenza.domain.money import ZERO
from cadenza.simulators.kit.counter_market import LadderShape
from cadenza.simulators.kit.engines import ListedSymbol

D = Decimal
PRICE_DIGITS = 5
"""Prices have five significant digits, and eight decimals at most. A finer one is cut."""

PLACES = D("0.00000001")
"""The last decimal of amounts and prices."""

_FINER = 3
"""A pair whose price falls to a thousandth still has all its digits."""

_LEVEL_VALUE = D(10_000)
"""About what a level of the counter-market is worth, in dollars."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BitfinexSymbol:
    """A pair, or a perpetual derivative of one. `least` and `most` limit an order's amount. `initial_margin` and
    `maintenance_margin` are shares of a position's value; a pair without them is not traded on margin."""

    base: str
    quote: str
    least: Decimal
    most: Decimal
    opening_price: Decimal
    dollar_price: Decimal
    initial_margin: Decimal | None = None
    maintenance_margin: Decimal | None = None

    @property
    def pair(self) -> str:
        """The pair as lists have it: with a colon where a code is longer than three letters."""
        colon = ":" if len(self.base) > 3 or len(self.quote) > 3 else ""
        return f"{self.base}{colon}{self.quote}"

    @property
    def name(self) -> str:
        return f"t{self.pair}"

    @property
    def is_derivative(self) -> bool:
        return self.base.endswith("F0")

    @property
    def is_margin(self) -> bool:
        """Whether orders without `EXCHANGE` are taken."""
        return self.initial_margin is not None

    @property
    def slashed(self) -> str:
        """The pair as texts name it."""
        return f"{self.base}/{self.quote}"

    @property
    def lot(self) -> Decimal:
        return PLACES

    @property
    def tick(self) -> Decimal:
        return max(PLACES, price_step(self.opening_price).scaleb(-_FINER))

    @property
    def level_quantity(self) -> Decimal:
        return _LEVEL_VALUE / self.dollar_price

    def cut(self, price: Decimal) -> Decimal:
        """Return a price with the digits that the venue keeps."""
        if not price:
            return ZERO
        return price.quantize(price_step(price), ROUND_DOWN) // self.tick * self.tick


def price_step(price: Decimal) -> Decimal:
    """Return the distance of two prices of five digits."""
    return max(PLACES, D(1).scaleb(price.adjusted() - PRICE_DIGITS + 1))


def bitfinex_ladder(symbol: ListedSymbol) -> LadderShape:
    """Return the ladder of a symbol. Every price of it has five digits."""
    step = int(price_step(symbol.opening_price) / symbol.tick)
    spacing = max(1, int(symbol.opening_price * D("0.0001") / symbol.tick) // step)
    return LadderShape(spacing=spacing * step, stride=step)


def _pair(base: str, quote: str, least: str, most: str, price: str, dollars: str, *, margin: bool) -> BitfinexSymbol:
    return BitfinexSymbol(
        base=base,
        quote=quote,
        least=D(least),
        most=D(most),
        opening_price=D(price),
        dollar_price=D(dollars),
        initial_margin=D("0.2") if margin else None,
        maintenance_margin=D("0.1") if margin else None,
    )


def _derivative(base: str, quote: str, least: str, most: str, price: str) -> BitfinexSymbol:
    return BitfinexSymbol(
        base=base,
        quote=quote,
        least=D(least),
        most=D(most),
        opening_price=D(price),
        dollar_price=D(price),
        initial_margin=D("0.01"),
        maintenance_margin=D("0.005"),
    )


SYMBOLS = (
    _pair("BTC", "USD", "0.00004", "2000", "60000", "60000", margin=True),
    _pair("BTC", "UST", "0.00004", "2000", "60000", "60000", margin=True),
    _pair("ETH", "USD", "0.0006", "5000", "3000", "3000", margin=True),
    _pair("ETH", "BTC", "0.0006", "5000", "0.05", "3000", margin=True),
    _pair("LTC", "USD", "0.04", "5000", "80", "80", margin=False),
    _pair("DOGE", "USD", "22", "500000", "0.1", "0.1", margin=False),
    _pair("UST", "USD", "4", "20000000", "1", "1", margin=False),
    _pair("TESTBTC", "TESTUSD", "0.00004", "2000", "60000", "60000", margin=False),
    _pair("TESTBTC", "TESTUSDT", "0.00004", "2000", "60000", "60000", margin=False),
    _derivative("BTCF0", "USTF0", "0.00004", "100", "60000"),
    _derivative("ETHF0", "USTF0", "0.0006", "1000", "3000"),
    _derivative("TESTBTCF0", "TESTUSDTF0", "0.00004", "100", "60000"),
)
CURRENCIES = tuple(sorted({code for symbol in SYMBOLS for code in (symbol.base, symbol.quote)}))
NAMES = {
    "BTC": "Bitcoin",
    "ETH": "Ethereum",
    "LTC": "Litecoin",
    "DOGE": "Dogecoin",
    "USD": "US Dollar",
    "UST": "Tether USDt",
    "USTF0": "USDt0",
    "BTCF0": "BTC Perp",
    "ETHF0": "ETH Perp",
    "TESTBTC": "Test BTC",
    "TESTUSD": "Test USD",
    "TESTUSDT": "Test USDT",
    "TESTBTCF0": "Test BTC Perp",
    "TESTUSDTF0": "Test USDT0",
}
OTHER_NAMES = {"UST": "USDt", "USTF0": "USDt0", "TESTUSDT": "TESTUSDt", "TESTUSDTF0": "TESTUSDt0"}
"""Currencies whose code at the venue is not their usual one."""

UNDERLYING = {code: code.removesuffix("F0") for code in CURRENCIES if code.endswith("F0")}
