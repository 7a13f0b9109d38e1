"""The names of our order, as every report about it carries them."""

from typing import TypedDict

from cadenza.domain.ids import InstrumentId, OrderId, TradingAccountId
from cadenza.domain.trading.order import Order


class OurNames(TypedDict):
    account_id: TradingAccountId
    instrument_id: InstrumentId
    order_id: OrderId
    sent_id: str | None


def names_of(order: Order) -> OurNames:
    """Return the fields of a report that name the order."""
    return {
        "account_id": order.account_id,
        "instrument_id": InstrumentId(order.instrument_id),
        "order_id": order.id,
        "sent_id": order.sent_id,
    }
