"""Instruments (what is traded) and securities (the assets they are made of).

Quantities are in base units for spot and for linear contracts (contracts times contract size), in quote units for
inverse contracts. An inverse contract is worth a fixed amount of the quote currency and is settled in another asset,
as a rule the base asset: a position of 1000 USD in BTC-PERPETUAL gains and loses bitcoin.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from typing import Any

from cadenza.domain.ids import InstrumentId, SecurityId, VenueId
from cadenza.domain.market.enums import OrderType, Side, TimeInForce
from cadenza.domain.money import AVERAGE_PLACES, ONE, average_price, divide, is_multiple


class InstrumentType(StrEnum):
    SPOT = "SPOT"
    FUTURES = "FUTURES"
    OPTION = "OPTION"
    PERPETUAL = "PERPETUAL"
    DERIVATIVE = "DERIVATIVE"


class InstrumentStatus(StrEnum):
    ACTIVE = "ACTIVE"
    INACTIVE = "INACTIVE"
    DISABLED = "DISABLED"
    DELISTED = "DELISTED"


class SecurityType(StrEnum):
    CASH = "CASH"
    STOCK = "STOCK"
    CRYPTO = "CRYPTO"
    CURRENCY = "CURRENCY"
    COMMODITY = "COMMODITY"
    INDEX = "INDEX"
    BOND = "BOND"
    DERIVATIVE = "DERIVATIVE"
    OPTION = "OPTION"
    FUTURE = "FUTURE"
    FUTURES = "FUTURES"
    PERPETUAL = "PERPETUAL"
    FOREX = "FOREX"


class ExerciseStyle(StrEnum):
    EUROPEAN = "EUROPEAN"
    AMERICAN = "AMERICAN"


INITIAL_TO_MAINTENANCE_MIN = 2
"""The initial margin of a new position is at least so many times its maintenance margin. So spread and fees do not
liquidate it at once."""

ROUNDED_COST_UNIT = Decimal("1e-18")
"""The cost of an inverse contract is exact to this."""

MANY_COSTS_PLACES = 8
"""Decimals of the average price of an inverse contract whose cost is the sum of any number of rounded costs, each of
more than 1e-10 times the square of the price."""


def cost_of(quantity: Decimal, price: Decimal, *, is_inverse: bool) -> Decimal:
    """`Instrument.cost`, where nothing else of the instrument is known."""
    return divide(quantity, price) if is_inverse else quantity * price


def average_price_of(
    cost: Decimal, quantity: Decimal, *, is_inverse: bool, inverse_places_max: int = AVERAGE_PLACES
) -> Decimal:
    """`Instrument.average_price`, where nothing else of the instrument is known."""
    if not is_inverse or cost == 0:
        return average_price(cost, quantity)
    price = quantity / cost
    error = price * price / abs(quantity) * ROUNDED_COST_UNIT
    return divide(quantity, cost, max(0, min(inverse_places_max, -error.adjusted() - 2)))


PriceStep = tuple[Decimal, Decimal]
"""(from this price on, the step of prices)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceBand:
    """How far from the venue's reference price a limit price may be, as factors of it: a BUY between `bid_down` and
    `bid_up`, a SELL between `ask_down` and `ask_up`."""

    bid_down: Decimal
    bid_up: Decimal
    ask_down: Decimal
    ask_up: Decimal

    def around(self, reference: Decimal, side: Side) -> tuple[Decimal, Decimal]:
        """Return the lowest and the highest limit price of an order of this side."""
        down, up = (self.bid_down, self.bid_up) if side is Side.BUY else (self.ask_down, self.ask_up)
        return reference * down, reference * up


@dataclass(frozen=True, slots=True, kw_only=True)
class MarketLot:
    """The quantities of MARKET orders, where they differ from those of other orders."""

    lot_size: Decimal
    min_quantity: Decimal
    max_quantity: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Instrument:
    """What a venue lists.

    `lot_size`, `min_quantity` and `max_quantity` are quantities: in base units, for an inverse contract in quote units.
    `market_lot` stands in their place for MARKET orders. `pip_size` is the step of prices, in quote units per base
    unit; `price_steps`, lowest first, raise it from given prices on. A price has at most `price_significant_digits`.

    `contract_size` is how much quantity one contract of the venue is: base units for a linear contract, quote units for
    an inverse one, 1 for spot. Connectors convert by it; everywhere else there are quantities only.
    `settlement_asset` None is the quote asset, or for an inverse contract the base asset.

    `initial_margin` and `maintenance_margin` are rates of the notional at leverage 1/`initial_margin`; None where the
    instrument is not margined. `max_open_orders` (of an account, in this instrument) and `price_band` are kept by the
    venue, which refuses what breaks them; None where it has none. The platform checks the band too, by its own mark.
    """

    id: InstrumentId
    venue_id: VenueId
    symbol: str
    external_symbol: str
    description: str = ""
    type: InstrumentType
    status: InstrumentStatus
    base_asset: str
    quote_asset: str
    base_security_type: SecurityType
    quote_security_type: SecurityType
    base_precision: int
    quote_precision: int
    lot_size: Decimal
    pip_size: Decimal
    min_quantity: Decimal
    max_quantity: Decimal
    min_notional: Decimal
    max_notional: Decimal | None = None
    order_types: tuple[OrderType, ...]
    time_in_force_options: tuple[TimeInForce, ...]
    order_filters: Mapping[str, Any] = field(default_factory=dict)
    trading_hours: Mapping[str, Any] = field(default_factory=dict)
    maker_fee: Decimal = Decimal(0)
    taker_fee: Decimal = Decimal(0)
    initial_margin: Decimal | None = None
    maintenance_margin: Decimal | None = None
    is_iceberg_allowed: bool = False
    iceberg_min_quantity: Decimal | None = None
    delivery_at_ms: int | None = None
    exercise_style: ExerciseStyle | None = None
    strike_price: Decimal | None = None
    contract_size: Decimal = ONE
    settlement_asset: str | None = None
    is_inverse: bool = False
    price_steps: tuple[PriceStep, ...] = ()
    price_significant_digits: int | None = None
    market_lot: MarketLot | None = None
    max_open_orders: int | None = None
    price_band: PriceBand | None = None

    @property
    def settled_in(self) -> str:
        """The asset of profits, losses and margins."""
        return self.settlement_asset or (self.base_asset if self.is_inverse else self.quote_asset)

    @property
    def leverage_max(self) -> int | None:
        """The highest leverage that leaves room above the maintenance margin; None where the instrument has none."""
        if not self.maintenance_margin:
            return None
        return max(1, int(ONE / (self.maintenance_margin * INITIAL_TO_MAINTENANCE_MIN)))

    def price_step(self, price: Decimal) -> Decimal:
        """Return the step of prices at a price (> 0)."""
        step = self.pip_size
        for from_price, raised in self.price_steps:
            if price >= from_price:
                step = raised
        if self.price_significant_digits is not None:
            step = max(step, ONE.scaleb(price.adjusted() + 1 - self.price_significant_digits))
        return step

    def is_valid_price(self, price: Decimal) -> bool:
        """Whether an order may name the price."""
        return price > 0 and is_multiple(price, self.price_step(price))

    def notional(self, quantity: Decimal, price: Decimal) -> Decimal:
        """Return what a quantity at a price is worth in quote units."""
        return quantity if self.is_inverse else quantity * price

    def cost(self, quantity: Decimal, price: Decimal) -> Decimal:
        """Return what a quantity at a price is worth in the settlement asset, signed like the quantity.

        It is exact, but of an inverse contract rounded at the 18th decimal where the division does not come out even.
        """
        return cost_of(quantity, price, is_inverse=self.is_inverse)

    def average_price(self, cost: Decimal, quantity: Decimal) -> Decimal:
        """Return the price at which a quantity has that cost, with at most 12 decimals; 0 for nothing. Of an inverse
        contract it is the harmonic mean of the prices paid, without the decimals that a rounded cost cannot carry."""
        return average_price_of(cost, quantity, is_inverse=self.is_inverse)

    def profit(self, entry_cost: Decimal, exit_cost: Decimal) -> Decimal:
        """Return what going in at one cost and out at the other has brought, in the settlement asset; both costs are
        signed like the position that was held. An inverse position gains as its cost in that asset falls."""
        return entry_cost - exit_cost if self.is_inverse else exit_cost - entry_cost


@dataclass(frozen=True, slots=True, kw_only=True)
class Security:
    """An asset that a venue holds for its clients: a coin, a currency, a share.
    Precision and scale in decimal places."""

    id: SecurityId
    venue_id: VenueId
    symbol: str
    type: SecurityType
    precision: int
    scale: int
    min_quantity: Decimal
    lot_size: Decimal


SPREAD_SHARE_MAX = Decimal("0.25")
"""The widest spread, as a share of the middle, of a book whose middle is a price: neither side is then further than an
eighth from it. Small markets and those of test environments are wider than large ones; a book that nobody keeps up is
wider still."""


@dataclass(frozen=True, slots=True)
class TopOfBook:
    """The best prices, the last trade and the venue's own mark price; None where there is none. Only those of a fresh
    book are given out."""

    bid: Decimal | None
    ask: Decimal | None
    last: Decimal | None
    at_ms: int
    venue_mark: Decimal | None = None

    @property
    def mark(self) -> Decimal | None:
        """The price that assets and positions are valued at: the venue's own, else the middle of the book. None in a
        book with one side, and in one whose spread is more than `SPREAD_SHARE_MAX` of its middle: its orders do not say
        what the instrument is worth, and nobody knows how old its last trade is."""
        if self.venue_mark is not None or self.bid is None or self.ask is None:
            return self.venue_mark
        middle = (self.bid + self.ask) / 2
        return middle if self.ask - self.bid <= SPREAD_SHARE_MAX * middle else None

    @property
    def estimate(self) -> Decimal | None:
        """A price that an order is measured against, where any price is better than none: the venue's own, else the
        middle of the book, however wide it is, else the last trade, else the side there is. It values nothing."""
        if self.venue_mark is not None:
            return self.venue_mark
        if self.bid is not None and self.ask is not None:
            return (self.bid + self.ask) / 2
        return self.last or self.bid or self.ask
