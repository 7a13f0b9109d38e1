"""The rule of a trailing stop that the platform holds (`trailing.py`): what a public trade does to its trigger."""

from dataclasses import dataclass
from decimal import Decimal

from cadenza.domain.market.enums import Side
from cadenza.domain.market.instrument import TopOfBook


@dataclass(frozen=True, slots=True, kw_only=True)
class Trail:
    """What the platform knows of such an order beside its trigger, which is `Order.stop_price`. `distance` is in quote
    units. `released_at_ms` names the present release by when it was begun (our clock): its commit makes the order
    one that is about to be sent. None while the order is held."""

    distance: Decimal
    released_at_ms: int | None = None


def reference_of(top: TopOfBook | None, side: Side) -> Decimal | None:
    """Return the price that a new trigger is compared with: the last public trade, before any the best price of the
    other side; None without a fresh price."""
    if top is None:
        return None
    return top.last or (top.ask if side is Side.BUY else top.bid)


def is_reached(side: Side, trigger: Decimal, price: Decimal) -> bool:
    """Return whether a trade at `price` releases an order with this trigger."""
    return price >= trigger if side is Side.BUY else price <= trigger


def after_trade(side: Side, distance: Decimal, trigger: Decimal, price: Decimal) -> Decimal:
    """Return the trigger after a trade at `price`: moved favourably, or the same."""
    return min(trigger, price + distance) if side is Side.BUY else max(trigger, price - distance)
