"""What a session reports of a text that it cannot read."""

from cadenza.adapters.venues.kit.order_names import names_of
from cadenza.domain.ids import TradingAccountId
from cadenza.domain.trading.order import Order
from cadenza.domain.trading.reports import UnreadableReport
from cadenza.domain.trading.storable import bounded


def unreadable(account_id: TradingAccountId, text: bytes | str, why: Exception) -> UnreadableReport:
    """Return the report of a text that names nothing that can be read."""
    return bounded(UnreadableReport(account_id=account_id, at_ms=0, text=_text(text), why=str(why)))


def unreadable_of(order: Order, text: bytes | str, why: Exception) -> UnreadableReport:
    """Return the report of an answer about our order."""
    return bounded(
        UnreadableReport(
            **names_of(order),
            at_ms=0,
            text=_text(text),
            why=str(why),
            venue_order_id=order.venue_order_id,
        )
    )


def _text(text: bytes | str) -> str:
    return text if isinstance(text, str) else text.decode(errors="backslashreplace")
