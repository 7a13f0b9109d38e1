"""The words of an order, one enum each; spelled as in the code (the wire's `CANCELLED` is translated in `wire/`)."""

from enum import StrEnum


class QuantityType(StrEnum):
    BASE = "BASE"
    QUOTE = "QUOTE"
    POSITION_RATIO = "POSITION_RATIO"
    POSITION_PERCENTAGE = "POSITION_PERCENTAGE"


class OrderStatus(StrEnum):
    CREATED = "CREATED"
    SUBMITTED = "SUBMITTED"
    ACCEPTED = "ACCEPTED"
    PARTIALLY_FILLED = "PARTIALLY_FILLED"
    PENDING_CANCEL = "PENDING_CANCEL"
    FILLED = "FILLED"
    CANCELED = "CANCELED"
    REJECTED = "REJECTED"
    EXPIRED = "EXPIRED"
    REVOKED = "REVOKED"

    @property
    def is_closed(self) -> bool:
        """Closed states are final."""
        return self in CLOSED_STATUSES


CLOSED_STATUSES = frozenset(
    {OrderStatus.FILLED, OrderStatus.CANCELED, OrderStatus.REJECTED, OrderStatus.EXPIRED, OrderStatus.REVOKED}
)


class RejectReason(StrEnum):
    """Why a venue refused an order, with proof; a reason that we do not know keeps the venue's own text beside
    OTHER."""

    POST_ONLY_WOULD_TAKE = "POST_ONLY_WOULD_TAKE"
    STOP_WOULD_TRIGGER = "STOP_WOULD_TRIGGER"
    INSUFFICIENT_BALANCE = "INSUFFICIENT_BALANCE"
    INSUFFICIENT_MARGIN = "INSUFFICIENT_MARGIN"
    INVALID_ORDER = "INVALID_ORDER"
    INSTRUMENT_NOT_TRADABLE = "INSTRUMENT_NOT_TRADABLE"
    RATE_LIMITED = "RATE_LIMITED"
    QUOTE_UNUSABLE = "QUOTE_UNUSABLE"
    NOT_SENT = "NOT_SENT"
    NOT_FOUND_AT_VENUE = "NOT_FOUND_AT_VENUE"
    DUPLICATE_SENT_ID = "DUPLICATE_SENT_ID"
    OTHER = "OTHER"


RESOLVED_BY_OPERATOR = "RESOLVED_BY_OPERATOR"
"""The reason of a rejected order that an operator found not to have arrived. No venue gives it."""


class CancelReason(StrEnum):
    USER = "USER"
    IOC_REMAINDER = "IOC_REMAINDER"
    FOK_NOT_FILLABLE = "FOK_NOT_FILLABLE"
    ACCOUNT_DISABLED = "ACCOUNT_DISABLED"
    VENUE = "VENUE"
    RISK = "RISK"
    SELF_TRADE = "SELF_TRADE"
    EXPIRED = "EXPIRED"


class LiquiditySide(StrEnum):
    MAKER = "MAKER"
    TAKER = "TAKER"
