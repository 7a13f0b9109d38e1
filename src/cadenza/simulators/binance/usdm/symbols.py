"""What USD-M lists: perpetual contracts and one with a delivery date, with the filters that BINANCE gives such ones."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from cadenza.domain.money import ZERO
from cadenza.simulators.binance.wire.numbers import places

ORDER_TYPES = ("LIMIT", "MARKET", "STOP", "STOP_MARKET", "TAKE_PROFIT", "TAKE_PROFIT_MARKET", "TRAILING_STOP_MARKET")
TIMES_IN_FORCE = ("GTC", "IOC", "FOK", "GTX", "GTD")
STATUSES = ("TRADING", "PENDING_TRADING", "TRADING_HALT", "PRE_DELIVERING", "DELIVERING", "SETTLING", "CLOSE")
STP_MODE = "EXPIRE_TAKER"
"""The one self-trade prevention mode that the engine knows."""

MAKER_RATE, TAKER_RATE = Decimal("0.0002"), Decimal("0.0005")
FUNDING_RATE = Decimal("0.0001")
FUNDING_MS = 8 * 60 * 60 * 1000
ASSET_PLACES = 8
ASSETS = ("USDT", "USDC")
PERPETUAL_DELIVERY_MS = 4_133_404_800_000
_ONBOARD_MS = 1_704_067_200_000


@dataclass(frozen=True, slots=True)
class LeverageBracket:
    """Positions worth at most `cap` may have `leverage`. They need `rate` of their value, less `cum`, as maintenance
    margin."""

    number: int
    floor: Decimal
    cap: Decimal
    leverage: int
    rate: Decimal
    cum: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class FuturesSymbol:
    """A contract with its filters. Prices are in quote units, quantities in base units."""

    base: str
    quote: str
    tick: Decimal
    lot: Decimal
    opening_price: Decimal
    quantity_max: Decimal
    market_quantity_max: Decimal
    notional_min: Decimal
    price_places: int
    quantity_places: int
    brackets: tuple[LeverageBracket, ...]
    delivery: str | None = None
    delivery_ms: int = PERPETUAL_DELIVERY_MS
    price_max: Decimal = Decimal(1_000_000)
    open_orders_max: int = 200
    algo_orders_max: int = 10
    multiplier_up: Decimal = Decimal("1.05")
    multiplier_down: Decimal = Decimal("0.95")
    trigger_protect: Decimal = Decimal("0.05")

    @property
    def pair(self) -> str:
        return f"{self.base}{self.quote}"

    @property
    def name(self) -> str:
        return self.pair if self.delivery is None else f"{self.pair}_{self.delivery}"

    @property
    def level_quantity(self) -> Decimal:
        return self.notional_min * 2_000 / self.opening_price

    @property
    def margin_asset(self) -> str:
        return self.quote

    @property
    def is_perpetual(self) -> bool:
        return self.delivery is None

    def price(self, value: Decimal) -> str:
        return places(value, self.price_places)

    def quantity(self, value: Decimal) -> str:
        return places(value, self.quantity_places)

    def bracket(self, notional: Decimal) -> LeverageBracket:
        """Return the bracket of a position's value; the last one has no end."""
        return next((bracket for bracket in self.brackets if notional <= bracket.cap), self.brackets[-1])

    def filters(self) -> list[dict[str, object]]:
        return [
            {
                "filterType": "PRICE_FILTER",
                "minPrice": self.price(self.tick),
                "maxPrice": self.price(self.price_max),
                "tickSize": self.price(self.tick),
            },
            {
                "filterType": "LOT_SIZE",
                "minQty": self.quantity(self.lot),
                "maxQty": self.quantity(self.quantity_max),
                "stepSize": self.quantity(self.lot),
            },
            {
                "filterType": "MARKET_LOT_SIZE",
                "minQty": self.quantity(self.lot),
                "maxQty": self.quantity(self.market_quantity_max),
                "stepSize": self.quantity(self.lot),
            },
            {"filterType": "MAX_NUM_ORDERS", "limit": self.open_orders_max},
            {"filterType": "MAX_NUM_ALGO_ORDERS", "limit": self.algo_orders_max},
            {"filterType": "MIN_NOTIONAL", "notional": str(self.notional_min)},
            {
                "filterType": "PERCENT_PRICE",
                "multiplierUp": places(self.multiplier_up, 4),
                "multiplierDown": places(self.multiplier_down, 4),
                "multiplierDecimal": "4",
            },
        ]

    def payload(self, status: str) -> dict[str, object]:
        """The contract as `exchangeInfo` shows it."""
        first = self.brackets[0]
        return {
            "symbol": self.name,
            "pair": self.pair,
            "contractType": "PERPETUAL" if self.is_perpetual else "CURRENT_QUARTER",
            "deliveryDate": self.delivery_ms,
            "onboardDate": _ONBOARD_MS,
            "status": status,
            "maintMarginPercent": places(first.rate * 100, 4),
            "requiredMarginPercent": places(Decimal(100) / first.leverage, 4),
            "baseAsset": self.base,
            "quoteAsset": self.quote,
            "marginAsset": self.margin_asset,
            "pricePrecision": self.price_places,
            "quantityPrecision": self.quantity_places,
            "baseAssetPrecision": ASSET_PLACES,
            "quotePrecision": ASSET_PLACES,
            "underlyingType": "COIN",
            "underlyingSubType": ["PoW"],
            "triggerProtect": places(self.trigger_protect, 4),
            "liquidationFee": places(ZERO, 6),
            "marketTakeBound": "0.05",
            "maxMoveOrderLimit": 10000,
            "filters": self.filters(),
            "orderTypes": list(ORDER_TYPES),
            "timeInForce": list(TIMES_IN_FORCE),
        }


def _brackets(*rows: tuple[str, int, str]) -> tuple[LeverageBracket, ...]:
    """Return brackets from (cap, leverage, rate). `cum` keeps the maintenance margin continuous between them."""
    brackets: list[LeverageBracket] = []
    floor = cum = ZERO
    for number, (cap, leverage, text) in enumerate(rows, start=1):
        rate = Decimal(text)
        if brackets:
            cum += floor * (rate - brackets[-1].rate)
        brackets.append(LeverageBracket(number, floor, Decimal(cap), leverage, rate, cum))
        floor = Decimal(cap)
    return tuple(brackets)


_MAJOR = _brackets(("300000", 125, "0.004"), ("3000000", 50, "0.01"), ("100000000", 20, "0.025"))
_DATED = _brackets(("500000", 50, "0.01"), ("10000000", 20, "0.025"))


def _contract(
    base: str,
    quote: str,
    price: str,
    steps: tuple[str, int, str, int],
    notional_min: str,
    delivery: tuple[str, int] | None = None,
) -> FuturesSymbol:
    tick, price_places, lot, quantity_places = steps
    return FuturesSymbol(
        base=base,
        quote=quote,
        tick=Decimal(tick),
        lot=Decimal(lot),
        opening_price=Decimal(price),
        quantity_max=Decimal(1_000),
        market_quantity_max=Decimal(120),
        notional_min=Decimal(notional_min),
        price_places=price_places,
        quantity_places=quantity_places,
        brackets=_MAJOR if delivery is None else _DATED,
        delivery=None if delivery is None else delivery[0],
        delivery_ms=PERPETUAL_DELIVERY_MS if delivery is None else delivery[1],
    )


SYMBOLS = (
    _contract("BTC", "USDT", "60000", ("0.10", 2, "0.001", 3), "100"),
    _contract("ETH", "USDT", "3000", ("0.01", 2, "0.001", 3), "20"),
    _contract("BTC", "USDC", "60000", ("0.1", 1, "0.001", 3), "100"),
    _contract("BTC", "USDT", "61000", ("0.1", 1, "0.001", 3), "100", ("301227", 1_924_588_800_000)),
)
