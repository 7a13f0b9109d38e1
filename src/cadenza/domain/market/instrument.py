"""Instruments (what is traded) and securities (the assets they are made of)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from typing import Any

from cadenza.domain.ids import InstrumentId, SecurityId, VenueId
from cadenza.domain.market.enums import OrderType, TimeInForce


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Instrument:
    """What a venue lists. `lot_size` and `pip_size` are the steps of quantity and price, in base and in quote units.

    `contract_size` is base units per unit of quantity (1 for spot). `initial_margin` and `maintenance_margin` are rates
    of the notional at leverage 1/`initial_margin`; None where the instrument is not margined.
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


@dataclass(frozen=True, slots=True)
class TopOfBook:
    """The best prices and the last trade as last seen; None where there is none. Only fresh ones are handed out."""

    bid: Decimal | None
    ask: Decimal | None
    last: Decimal | None
    at_ms: int

    @property
    def mark(self) -> Decimal | None:
        """The price that positions are valued at: the middle of the book, else the last trade, else the side there
        is."""
        if self.bid is not None and self.ask is not None:
            return (self.bid + self.ask) / 2
        return self.last or self.bid or self.ask
