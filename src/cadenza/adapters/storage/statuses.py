"""Statuses of orders, as SQL lists. Partial indexes of the migrations have the same text, so that PostgreSQL uses them
for these queries; `tests/adapters/storage/test_statuses.py` compares both."""

from cadenza.domain.trading.enums import OrderStatus


def _sql(*statuses: OrderStatus) -> str:
    return "(" + ", ".join(f"'{status.value}'" for status in statuses) + ")"


_OPEN = tuple(status for status in OrderStatus if not status.is_closed)

OPEN_STATUSES = _sql(*_OPEN)
"""An order in one of these is open."""

EXPIRING_STATUSES = _sql(*(status for status in _OPEN if status is not OrderStatus.PENDING_CANCEL))
"""An order in one of these may have to be expired (`Order.is_overdue`)."""
