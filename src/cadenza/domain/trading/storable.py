"""What a report may hold so that it can be reckoned with and stored.

A connector reads what the venue sends, and a venue may send anything: a number that no database holds, or a name with a
character that no text may have.
"""

from dataclasses import fields, is_dataclass
from decimal import Decimal
from typing import Any, TypeVar

from cadenza.domain.trading.reports import OrderReport, PositionReport, Report, UnreadableReport

EXPONENT_MAX = 60
"""Of a number: it is below 10^61, and has at most 60 decimals."""

INTEGER_MAX = 2**62

R = TypeVar("R", bound=Report)

_INSTANTS = frozenset({"at_ms", "as_of"})
_NAMES: dict[Any, tuple[str, ...]] = {}
"""The fields of each kind of report."""


def storable(report: R) -> R | UnreadableReport:
    """Return the report, or an `UnreadableReport` in its place if it holds a value that cannot be stored.

    Its text is all that the report says but for the instants, so that the same fact is kept once, however often the
    venue states it.
    """
    if isinstance(report, UnreadableReport):
        return report
    values = {name: getattr(report, name) for name in _names(type(report))}
    unfit = [name for name, value in values.items() if not _is_storable(value)]
    if not unfit:
        return report
    said = {name: value for name, value in values.items() if name not in _INSTANTS and value is not None}
    order = report if isinstance(report, OrderReport) else None
    return UnreadableReport(
        account_id=report.account_id,
        at_ms=0,
        text=f"{type(report).__name__} {said!r}",
        why=f"a value cannot be stored: {', '.join(unfit)}",
        instrument_id=report.instrument_id if isinstance(report, OrderReport | PositionReport) else None,
        order_id=None if order is None else order.order_id,
        sent_id=None if order is None else order.sent_id,
        venue_order_id=None if order is None else order.venue_order_id,
    )


def _names(kind: Any) -> tuple[str, ...]:
    names = _NAMES.get(kind)
    if names is None:
        names = _NAMES[kind] = tuple(field.name for field in fields(kind))
    return names


def _is_storable(value: Any) -> bool:
    if value is None or isinstance(value, bool):
        return True
    if isinstance(value, Decimal):
        if not value.is_finite():
            return False
        exponent = value.as_tuple().exponent
        return value.adjusted() <= EXPONENT_MAX and isinstance(exponent, int) and exponent >= -EXPONENT_MAX
    if isinstance(value, int):
        return -INTEGER_MAX < value < INTEGER_MAX
    if isinstance(value, str):
        return _is_text(value)
    if isinstance(value, tuple):
        return all(map(_is_storable, value))
    if is_dataclass(value):
        return all(_is_storable(getattr(value, name)) for name in _names(type(value)))
    return True


def _is_text(text: str) -> bool:
    """Whether the text has neither NUL nor half a character."""
    if "\x00" in text:
        return False
    if text.isascii():
        return True
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
