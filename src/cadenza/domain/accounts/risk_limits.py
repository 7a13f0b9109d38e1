"""The limits that a user sets on an account's new orders, and what is remembered to check them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from cadenza.domain.ids import InstrumentId

ORDERS_PER_SECOND_MAX = 100
"""The highest limit of orders per second. The instants of so many orders are written with each order."""

QUANTITY_LIMITS_MAX = 100
"""How many instruments may have a largest quantity of their own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RiskLimits:
    """Limits of one account; None sets no limit. Values are in `currency`.

    `order_quantity_max` is in the units of each named instrument. `order_value_max` is what one order may be worth.
    `price_collar` is a ratio: how far beyond the best opposite price of the book an order may trade.
    `open_orders_max` counts orders that are open or in flight. `gross_position_max` limits the sum of all positions,
    `net_position_max` each of them; both count what open orders may still add. `daily_loss_max` is how far the
    account's equity may fall below that at the start of the day (UTC). `excluded_assets` count neither as positions
    nor in the equity: assets that no market prices, and those that are held as cash.
    """

    currency: str
    order_quantity_max: Mapping[InstrumentId, Decimal] = field(default_factory=dict)
    order_value_max: Decimal | None = None
    price_collar: Decimal | None = None
    open_orders_max: int | None = None
    gross_position_max: Decimal | None = None
    net_position_max: Decimal | None = None
    daily_loss_max: Decimal | None = None
    orders_per_second_max: int | None = None
    excluded_assets: frozenset[str] = frozenset()

    @property
    def limits_holdings(self) -> bool:
        """Whether a limit depends on what the account holds. An order that only closes passes those."""
        return not (self.gross_position_max is self.net_position_max is self.daily_loss_max is None)

    @property
    def limits_anything(self) -> bool:
        values = (
            self.order_value_max, self.price_collar, self.open_orders_max, self.gross_position_max,
            self.net_position_max, self.daily_loss_max, self.orders_per_second_max,
        )  # fmt: skip
        return bool(self.order_quantity_max) or any(value is not None for value in values)


@dataclass(frozen=True, slots=True, kw_only=True)
class DayStart:
    """The account's equity when its day was measured first. `day` counts days (UTC) since 1970."""

    day: int
    equity: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountRisk:
    """The limits, and what they are measured by. `recent_orders_ms` are the instants of the orders of the last second;
    they are noted only while `orders_per_second_max` is set."""

    limits: RiskLimits
    recent_orders_ms: tuple[int, ...] = ()
    day_start: DayStart | None = None
