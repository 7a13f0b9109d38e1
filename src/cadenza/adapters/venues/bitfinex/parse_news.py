"""What one message of the account's channel says. A row that cannot be read is reported in its place.

An execution comes twice: `te` at once, and `tu` with its fee. It is booked by the second, so that it is booked once and
whole. A second message that does not come is missed in `awaited_executions`. If a connection ends between the two, the
history of the gap has it. A second message without a fee is booked too, and `owed_fees` asks for the fee.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import msgspec

from cadenza.adapters.venues.bitfinex.models import OrderFields, TradeFields
from cadenza.adapters.venues.bitfinex.parse import AccountScope
from cadenza.adapters.venues.bitfinex.parse_account import balance_report, position_report
from cadenza.adapters.venues.bitfinex.parse_orders import CHANGED, ENDED, NEW, order_news, own_fill
from cadenza.adapters.venues.kit.payloads import decode
from cadenza.adapters.venues.kit.unreadable import unreadable
from cadenza.adapters.venues.kit.words import UnknownMember, UnreadablePayload
from cadenza.domain.trading.reports import Report

ACCOUNT_CHANNEL = 0
HEARTBEAT = "hb"
EXECUTED, CHARGED = "te", "tu"
"""The events that bring an execution: without its fee, and with it."""
_NO_ROW = msgspec.Raw(b"null")
_BEAT_NUMBER, _NUMBER, _SENT = 2, 3, 5

SETTLED_MS = 1_000
"""What happened so long before a message left the venue had its own message before. A balance has no instant: it
contains all that the stream has named, and what is older than this."""


@dataclass(frozen=True, slots=True)
class AccountMessage:
    """A message of the account's channel. `number` counts all messages of the connection. `sent_ms` is when it left the
    venue, by its clock. A heartbeat has no row, and its instant is not read."""

    event: str
    row: msgspec.Raw
    number: int
    sent_ms: int


def account_message(data: bytes) -> AccountMessage:
    """Return a message of a connection that numbers and dates its messages: `[0, event, row, number, number among those
    of the account, instant]`, or `[0, "hb", number, instant]`. Raises `UnreadablePayload`."""
    parts = decode(list[msgspec.Raw], data)
    if len(parts) < 2 or decode(int, parts[0]) != ACCOUNT_CHANNEL:
        raise UnreadablePayload("a message is not of the account's channel")
    event = decode(str, parts[1])
    if event == HEARTBEAT and len(parts) > _BEAT_NUMBER:
        return AccountMessage(event, _NO_ROW, decode(int, parts[_BEAT_NUMBER]), 0)
    if len(parts) <= _SENT:
        raise UnreadablePayload("a message has no number or no instant")
    return AccountMessage(event, parts[2], decode(int, parts[_NUMBER]), decode(int, parts[_SENT]))


def account_news(message: AccountMessage, scope: AccountScope, named_ms: int) -> Sequence[Report]:
    """Return the reports of a message. `named_ms` is the latest instant that the stream has named before. A row that
    cannot be read is reported as such. Raises `UnknownMember` for an event that is not known."""
    if message.event in _NO_NEWS:
        return ()
    if message.event not in _READERS:
        raise UnknownMember("event of the account", message.event)
    at_ms = max(named_ms, message.sent_ms - SETTLED_MS)
    try:
        report = _READERS[message.event](message.row, scope, at_ms)
    except UnreadablePayload as error:
        return (unreadable(scope.account_id, bytes(message.row), error),)
    return () if report is None else (report,)


_Read = Callable[[msgspec.Raw, AccountScope, int], Report | None]


def _order(event: str) -> _Read:
    def read(line: msgspec.Raw, scope: AccountScope, at_ms: int) -> Report | None:
        row = decode(OrderFields, line)
        return order_news(event, row, scope) if scope.covers_order(row.symbol, row.type) else None

    return read


def _trade(line: msgspec.Raw, scope: AccountScope, at_ms: int) -> Report | None:
    return own_fill(decode(TradeFields, line), scope)


_READERS: Mapping[str, _Read] = {
    **{event: _order(event) for event in (NEW, CHANGED, ENDED)},
    CHARGED: _trade,
    "wu": balance_report,
    **dict.fromkeys(("pn", "pu", "pc"), position_report),
}
_NO_NEWS = frozenset(
    {
        HEARTBEAT,
        EXECUTED,
        "n",  # the answer to a request, or a word to all
        *("os", "ps", "ws"),  # the account as the connection finds it: it is read anyway
        *("bu", "miu", "mis"),  # what the account is worth, and its margins
        *("fos", "fon", "fou", "foc", "hfos"),  # funding
        *("fcs", "fcn", "fcu", "fcc", "hfcs"),
        *("fls", "fln", "flu", "flc", "hfls"),
        *("fte", "ftu", "hfts", "fiu", "uac", "hos"),
    }
)
"""Events that say nothing about orders, executions, balances or positions."""
