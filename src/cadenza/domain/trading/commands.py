"""Commands: requests of clients about orders, decoded from the wire."""

import hashlib
from dataclasses import dataclass
from decimal import Decimal

from cadenza.domain.ids import InstrumentId, PositionId, QuoteId, TradingAccountId
from cadenza.domain.market.enums import OrderType, Side, TimeInForce
from cadenza.domain.money import Rounding, to_plain
from cadenza.domain.trading.enums import QuantityType


@dataclass(frozen=True, slots=True, kw_only=True)
class SubmitOrderRequest:
    """A new order as requested. None means that a field was not given. `await_closed` changes the reply and not the
    order."""

    account_id: TradingAccountId
    instrument_id: InstrumentId
    side: Side
    type: OrderType
    quantity: Decimal
    quantity_type: QuantityType = QuantityType.BASE
    rounding: Rounding = Rounding.NONE
    limit_price: Decimal | None = None
    stop_price: Decimal | None = None
    time_in_force: TimeInForce | None = None
    expire_at_ms: int | None = None
    position_id: PositionId | None = None
    quote_id: QuoteId | None = None
    leverage: int | None = None
    client_order_id: str | None = None
    idempotency_key: str | None = None
    await_closed: bool = False

    def fingerprint(self) -> bytes:
        """SHA-256 of the fields in which equal requests agree: all but the idempotency key and `await_closed`. Numbers
        count by value, so `1.0` equals `1`."""
        fields = (
            self.account_id, self.instrument_id, self.side, self.type, to_plain(self.quantity), self.quantity_type,
            self.rounding, _plain(self.limit_price), _plain(self.stop_price), self.time_in_force, self.expire_at_ms,
            self.position_id, self.quote_id, self.leverage, self.client_order_id,
        )  # fmt: skip
        text = "\x1f".join(["" if field is None else str(field) for field in fields])
        return hashlib.sha256(text.encode()).digest()


def _plain(value: Decimal | None) -> str | None:
    return None if value is None else to_plain(value)
