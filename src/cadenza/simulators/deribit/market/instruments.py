"""What DERIBIT lists: perpetuals, futures and options (inverse, and linear in USDC), and spot pairs.

The names, sizes and fields follow the venue. The opening prices are the simulator's own.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from cadenza.domain.money import ONE, ZERO, Rounding, is_multiple, round_to_step
from cadenza.simulators.deribit.wire.numbers import number

PERPETUAL_MS = 32_503_708_800_000
EXPIRY_MS = 1_924_588_800_000
"""27 December 2030, 08:00 UTC."""

EXPIRY = "27DEC30"
_CREATED_MS = 1_704_067_200_000
INVERSE, LINEAR = "reversed", "linear"
FUTURE, OPTION, SPOT = "future", "option", "spot"
KINDS = (FUTURE, OPTION, SPOT, "future_combo", "option_combo")
STATES = ("open", "settlement", "delivered", "inactive", "locked", "halted", "archivized")
CURRENCIES = {"BTC": "Bitcoin", "ETH": "Ethereum", "USDC": "USD Coin", "USDT": "Tether USD"}
PLACES = {"BTC": 8, "ETH": 8, "USDC": 6, "USDT": 6}
"""Decimals of money."""

INDEXES = {
    "btc_usd": Decimal(60_000),
    "eth_usd": Decimal(3_000),
    "btc_usdc": Decimal(60_000),
    "eth_usdc": Decimal(3_000),
    "eth_btc": Decimal("0.05"),
}
"""Opening prices of the indexes."""


@dataclass(frozen=True, slots=True)
class TickStep:
    """Above a price the tick is larger."""

    above: Decimal
    tick: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class DeribitInstrument:
    """An instrument. `lot` is the least amount and its step: USD of an inverse future, base units of all others.
    `level_quantity` is about what others show at a price. `tick` is the smallest price step; `steps` raise it above
    given prices, the lowest first."""

    id: int
    name: str
    kind: str
    base: str
    quote: str
    counter: str
    settlement: str
    type: str | None
    index: str
    contract_size: Decimal
    lot: Decimal
    tick: Decimal
    opening_price: Decimal
    level_quantity: Decimal
    maker: Decimal
    taker: Decimal
    max_leverage: int = 1
    steps: tuple[TickStep, ...] = ()
    expiry_ms: int | None = None
    strike: Decimal | None = None
    option_type: str | None = None

    @property
    def is_inverse(self) -> bool:
        return self.type == INVERSE

    @property
    def is_inverse_future(self) -> bool:
        """Whether amounts are in USD, and profit is in the coin."""
        return self.kind == FUTURE and self.type == INVERSE

    @property
    def is_perpetual(self) -> bool:
        return self.kind == FUTURE and self.expiry_ms is None

    @property
    def id_currency(self) -> str:
        """The currency under which its orders and trades are numbered."""
        return self.settlement

    def is_of(self, currency: str) -> bool:
        """Whether a list of that currency shows it: by its settlement, a spot pair by both of its assets."""
        return currency == "any" or currency in ((self.base, self.quote) if self.kind == SPOT else (self.settlement,))

    def tick_at(self, price: Decimal) -> Decimal:
        return next((step.tick for step in reversed(self.steps) if price > step.above), self.tick)

    def is_on_tick(self, price: Decimal) -> bool:
        return is_multiple(price, self.tick_at(price))

    def down(self, price: Decimal) -> Decimal:
        """Return the next price that is not above this one."""
        return round_to_step(price, self.tick_at(price), Rounding.FLOOR)

    def up(self, price: Decimal) -> Decimal:
        return round_to_step(price, self.tick_at(price), Rounding.CEIL)

    def contracts(self, amount: Decimal) -> Decimal:
        return amount / self.contract_size

    def payload(self, state: str) -> dict[str, object]:
        """The instrument as `get_instruments` shows it."""
        row: dict[str, object] = {
            "instrument_id": self.id,
            "instrument_name": self.name,
            "kind": self.kind,
            "state": state,
            "is_active": state not in ("delivered", "archivized", "inactive"),
            "base_currency": self.base,
            "quote_currency": self.quote,
            "counter_currency": self.counter,
            "price_index": self.index,
            "contract_size": number(self.contract_size),
            "min_trade_amount": number(self.lot),
            "tick_size": number(self.tick),
            "tick_size_steps": [
                {"above_price": number(step.above), "tick_size": number(step.tick)} for step in self.steps
            ],
            "maker_commission": number(self.maker),
            "taker_commission": number(self.taker),
            "creation_timestamp": _CREATED_MS,
            "expiration_timestamp": PERPETUAL_MS if self.expiry_ms is None else self.expiry_ms,
            "rfq": False,
            "block_trade_commission": number(self.taker / 2),
            "block_trade_min_trade_amount": number(self.lot * 1_000),
            "block_trade_tick_size": number(self.tick / 5),
        }
        if self.kind != SPOT:
            row |= {"settlement_currency": self.settlement, "instrument_type": self.type}
            row["settlement_period"] = "perpetual" if self.is_perpetual else "month"
        if self.kind == FUTURE:
            row |= {
                "future_type": self.type,
                "max_leverage": self.max_leverage,
                "max_liquidation_commission": number(Decimal("0.0075")),
            }
        if self.strike is not None:
            row |= {"strike": number(self.strike), "option_type": self.option_type}
        return row


def _future(id: int, base: str, quote: str, price: str, tick: str, lot: str, *, dated: bool) -> DeribitInstrument:
    is_inverse = quote == "USD"
    stem = base if is_inverse else f"{base}_{quote}"
    opening, step = Decimal(price), Decimal(tick)
    return DeribitInstrument(
        id=id,
        name=f"{stem}-{EXPIRY if dated else 'PERPETUAL'}",
        kind=FUTURE,
        base=base,
        quote=quote,
        counter=quote,
        settlement=base if is_inverse else quote,
        type=INVERSE if is_inverse else LINEAR,
        index=f"{base}_{quote}".lower(),
        contract_size=Decimal(lot),
        lot=Decimal(lot),
        tick=step,
        opening_price=opening,
        level_quantity=Decimal(lot) * 10_000,
        maker=ZERO,
        taker=Decimal("0.0005"),
        max_leverage=50,
        expiry_ms=EXPIRY_MS if dated else None,
    )


def _option(id: int, base: str, quote: str, strike: int, option_type: str, price: str, lot: str) -> DeribitInstrument:
    is_inverse = quote == "USD"
    stem = base if is_inverse else f"{base}_{quote}"
    tick, above, larger = ("0.0001", "0.005", "0.0005") if is_inverse else ("1", "100", "5")
    return DeribitInstrument(
        id=id,
        name=f"{stem}-{EXPIRY}-{strike}-{option_type[0].upper()}",
        kind=OPTION,
        base=base,
        quote=base if is_inverse else quote,
        counter=quote,
        settlement=base if is_inverse else quote,
        type=INVERSE if is_inverse else LINEAR,
        index=f"{base}_{quote}".lower(),
        contract_size=ONE,
        lot=Decimal(lot),
        tick=Decimal(tick),
        opening_price=Decimal(price),
        level_quantity=Decimal(lot) * 1_000,
        maker=Decimal("0.0003"),
        taker=Decimal("0.0003"),
        steps=(TickStep(Decimal(above), Decimal(larger)),),
        expiry_ms=EXPIRY_MS,
        strike=Decimal(strike),
        option_type=option_type,
    )


def _pair(id: int, base: str, quote: str, price: str, tick: str, lot: str) -> DeribitInstrument:
    opening, step = Decimal(price), Decimal(tick)
    return DeribitInstrument(
        id=id,
        name=f"{base}_{quote}",
        kind=SPOT,
        base=base,
        quote=quote,
        counter=quote,
        settlement=quote,
        type=None,
        index=f"{base}_{quote}".lower(),
        contract_size=Decimal(lot),
        lot=Decimal(lot),
        tick=step,
        opening_price=opening,
        level_quantity=Decimal(lot) * 10_000,
        maker=ZERO,
        taker=ZERO,
    )


INSTRUMENTS = (
    _future(124_972, "BTC", "USD", "60000", "0.5", "10", dated=False),
    _future(124_973, "ETH", "USD", "3000", "0.05", "1", dated=False),
    _future(124_974, "BTC", "USDC", "60000", "1", "0.0001", dated=False),
    _future(124_975, "ETH", "USDC", "3000", "0.05", "0.001", dated=False),
    _future(234_567, "BTC", "USD", "61000", "2.5", "10", dated=True),
    _future(234_568, "BTC", "USDC", "61000", "1", "0.0001", dated=True),
    _option(345_678, "BTC", "USD", 60_000, "call", "0.05", "0.1"),
    _option(345_679, "BTC", "USD", 60_000, "put", "0.045", "0.1"),
    _option(345_680, "ETH", "USD", 3_000, "call", "0.06", "1"),
    _option(345_681, "BTC", "USDC", 60_000, "call", "3000", "0.01"),
    _pair(456_789, "BTC", "USDC", "60000", "1", "0.0001"),
    _pair(456_790, "ETH", "USDC", "3000", "0.1", "0.001"),
    _pair(456_791, "ETH", "BTC", "0.05", "0.00001", "0.001"),
)
