"""The orders of the suite: around a venue's prices, each with an id of its own."""

from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any
from uuid import UUID

from cadenza.domain.ids import OrderId
from cadenza.domain.market.enums import OrderType, Side, TimeInForce
from cadenza.domain.market.instrument import Instrument
from cadenza.domain.trading.order import Expiry, Order
from cadenza.domain.trading.reports import ExternalOrderReport
from cadenza.domain.trading.venue_spec import DerivedSentId, Support
from tests.conformance.harness import Trader, VenueUnderTest
from tests.inhouse_kit import make_order


@dataclass(slots=True)
class Orders:
    """Makes orders, each with an id of its own."""

    venue: VenueUnderTest
    made: int = 0

    def limit(self, trader: Trader, side: Side, quantity: Decimal, price: Decimal, **fields: Any) -> Order:
        return self._make(trader, side, quantity, price=str(price), **fields)

    def resting(self, trader: Trader, side: Side, quantity: Decimal, **fields: Any) -> Order:
        """A LIMIT order that the book does not meet, a little behind the best price of its own side."""
        prices = self.venue.prices
        best = prices.bid if side is Side.BUY else prices.ask
        step = self.venue.spot.price_step(best)
        return self.limit(trader, side, quantity, best - side.sign * 5 * step, **fields)

    def market(self, trader: Trader, side: Side, quantity: Decimal, **fields: Any) -> Order:
        """A MARKET order; for an instrument that takes none, a LIMIT order that takes what is there and never rests."""
        if OrderType.MARKET in self.venue.spot.order_types:
            return self._make(trader, side, quantity, **fields)
        price = self.venue.prices.taking(side)
        return self.limit(trader, side, quantity, price, time_in_force=TimeInForce.IOC, **fields)

    def of_kind(
        self, trader: Trader, type: OrderType, time_in_force: TimeInForce, now_ms: int, instrument: Instrument
    ) -> Order:
        """A BUY of this kind that rests or takes little: prices far from its trigger, an expiry an hour away."""
        ask = self.venue.prices.ask
        step = instrument.price_step(ask)
        distance = min(5000, int(ask / step) // 4) * step
        is_take_profit = type in (OrderType.TAKE_PROFIT, OrderType.TAKE_PROFIT_LIMIT)
        stop = ask - distance if is_take_profit else ask + distance
        is_limit = type is OrderType.LIMIT or type.value.endswith("_LIMIT")
        has_stop = type not in (OrderType.MARKET, OrderType.LIMIT, OrderType.QUOTED)
        order = self._make(trader, Side.BUY, least_quantity(instrument, ask), instrument=instrument)
        support = self.venue.connector.spec.support_of(instrument.type, type, time_in_force)
        return replace(
            order,
            type=type,
            time_in_force=time_in_force,
            limit_price=ask - 2 * distance if is_limit else None,
            stop_price=stop if has_stop else None,
            expiry=Expiry.HERE if support is Support.EMULATED else None,
            expire_at_ms=now_ms + 3_600_000 if time_in_force in (TimeInForce.GTD, TimeInForce.DAY) else None,
        )

    def adopted(self, trader: Trader, order: Order, placed: ExternalOrderReport) -> Order:
        """Another account's order, as this one adopts it: under an id of its own."""
        self.made += 1
        return replace(
            order,
            id=OrderId(UUID(int=self.made)),
            account_id=trader.account.id,
            venue_order_id=placed.venue_order_id,
            is_external=True,
        )

    def _make(self, trader: Trader, side: Side, quantity: Decimal, **fields: Any) -> Order:
        self.made += 1
        instrument = fields.pop("instrument", self.venue.spot)
        price = fields.pop("price", None)
        order = make_order(trader.account, instrument, side, str(quantity), price, number=self.made, **fields)
        spec = self.venue.connector.spec
        sent_id = spec.sent_id.of(order.id) if isinstance(spec.sent_id, DerivedSentId) else str(self.made)
        send_before_ms = order.created_at_ms + spec.send_within_ms
        return replace(order, sent_id=fields.get("sent_id", sent_id), send_before_ms=send_before_ms)


def least_quantity(instrument: Instrument, price: Decimal) -> Decimal:
    """The least quantity that meets every limit at twice the price's distance to nothing: in whole lots."""
    lots = int(instrument.min_notional * 2 / price / instrument.lot_size) + 1
    return max(lots * instrument.lot_size, instrument.min_quantity)


def makes_sense(type: OrderType, time_in_force: TimeInForce) -> bool:
    """What the house itself lets through: market orders end at once; post-only is for limits."""
    if type in (OrderType.MARKET, OrderType.QUOTED):
        return time_in_force in (TimeInForce.IOC, TimeInForce.FOK)
    return time_in_force is not TimeInForce.GTX or type is OrderType.LIMIT
