"""What one message of a private socket says, row by row. A row that cannot be read is reported in its place."""

from collections.abc import Callable, Mapping, Sequence

import msgspec

from cadenza.adapters.venues.kit.lines import read_each
from cadenza.adapters.venues.kit.payloads import decode
from cadenza.adapters.venues.kit.words import UnknownMember
from cadenza.adapters.venues.okx.models import OkxAlgoOrder, OkxFrame, OkxOrder
from cadenza.adapters.venues.okx.parse import AccountScope
from cadenza.adapters.venues.okx.parse_account import balances, position_report
from cadenza.adapters.venues.okx.parse_orders import algo_news, order_news
from cadenza.adapters.venues.okx.stream import ACCOUNT, ADVANCED_ALGO_ORDERS, ALGO_ORDERS, ORDERS, POSITIONS
from cadenza.domain.trading.reports import Report, UnreadableReport

_Read = Callable[[msgspec.Raw, AccountScope], Sequence[Report]]


def account_news(data: bytes, scope: AccountScope, at_ms: int) -> list[Report]:
    """Return the reports of a push, in the order of its rows. `at_ms` is the venue's present time, for what states
    none. Raises `UnreadablePayload` for a message that is no push of our channels."""
    frame = decode(OkxFrame, data)
    if frame.channel.channel not in _READERS:
        raise UnknownMember("private channel", frame.channel.channel)
    read = _READERS[frame.channel.channel](at_ms)
    found: list[Report] = []
    for one in read_each(frame.data, scope.account_id, lambda line: read(line, scope)):
        found += (one,) if isinstance(one, UnreadableReport) else one
    return found


def _orders(at_ms: int) -> _Read:
    def read(line: msgspec.Raw, scope: AccountScope) -> Sequence[Report]:
        row = decode(OkxOrder, line)
        return order_news(row, scope) if scope.covers(row.kind, row.trade_mode) else ()

    return read


def _algo_orders(at_ms: int) -> _Read:
    def read(line: msgspec.Raw, scope: AccountScope) -> Sequence[Report]:
        row = decode(OkxAlgoOrder, line)
        return algo_news(row, scope) if scope.covers(row.kind, row.trade_mode) else ()

    return read


def _balances(at_ms: int) -> _Read:
    return lambda line, scope: balances(line, scope, at_ms)


def _positions(at_ms: int) -> _Read:
    def read(line: msgspec.Raw, scope: AccountScope) -> Sequence[Report]:
        position = position_report(line, scope, at_ms)
        return () if position is None else (position,)

    return read


_READERS: Mapping[str, Callable[[int], _Read]] = {
    ORDERS: _orders,
    ACCOUNT: _balances,
    POSITIONS: _positions,
    ALGO_ORDERS: _algo_orders,
    ADVANCED_ALGO_ORDERS: _algo_orders,
}
