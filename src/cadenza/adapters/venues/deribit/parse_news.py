"""What one message of the account's channels says, row by row. A row that cannot be read is reported in its place."""

from collections.abc import Iterable

import msgspec

from cadenza.adapters.venues.deribit.models import AccountChanges, OrderRow, RpcFrame, UserTrade
from cadenza.adapters.venues.deribit.parse import AccountScope
from cadenza.adapters.venues.deribit.parse_account import balance_report, position_report
from cadenza.adapters.venues.deribit.parse_orders import fill_report, is_triggered, order_facts, order_news
from cadenza.adapters.venues.kit.lines import read_each
from cadenza.adapters.venues.kit.payloads import decode
from cadenza.adapters.venues.kit.unreadable import unreadable
from cadenza.adapters.venues.kit.words import UnknownMember, UnreadablePayload
from cadenza.domain.trading.reports import BalanceReport, FillReport, Report, UnreadableReport

CHANGES, PORTFOLIO = "user.changes.", "user.portfolio."


def is_portfolio(frame: RpcFrame) -> bool:
    return frame.params.channel.startswith(PORTFOLIO)


def portfolio_news(frame: RpcFrame, scope: AccountScope, at_ms: int) -> BalanceReport:
    """Return the balance that a message of `user.portfolio` states. `at_ms` is the latest instant that the stream has
    named: the venue sends the figures after what they follow from. Raises `UnreadablePayload`."""
    return balance_report(frame.params.data, scope, at_ms)


def changes_news(frame: RpcFrame, scope: AccountScope, at_ms: int) -> list[Report]:
    """Return the reports of a message of `user.changes`: orders with their executions, then the position as it is after
    them. `at_ms` is the latest instant that the stream named before. Raises `UnreadablePayload` for a message that is
    none of that channel's."""
    if not frame.params.channel.startswith(CHANGES):
        raise UnknownMember("private channel", frame.params.channel)
    changes = decode(AccountChanges, frame.params.data)
    fills = read_each(changes.trades, scope.account_id, lambda line: fill_report(decode(UserTrade, line), scope))
    reports = _order_reports(changes, fills, scope)
    now_ms = max([at_ms, *(report.at_ms for report in reports)])
    positions = read_each(
        [*changes.positions, *changes.position], scope.account_id, lambda line: position_report(line, scope, now_ms)
    )
    return [*reports, *positions]


def _order_reports(
    changes: AccountChanges, fills: Iterable[FillReport | UnreadableReport], scope: AccountScope
) -> list[Report]:
    """An order that a trigger order has become stands first, because its rename comes before all else."""
    odd: list[Report] = []
    waiting: dict[str | None, list[FillReport]] = {}
    for fill in fills:
        if isinstance(fill, UnreadableReport):
            odd.append(fill)
        else:
            waiting.setdefault(fill.venue_order_id, []).append(fill)
    renamed: list[Report] = []
    others: list[Report] = []
    for line in changes.orders:
        try:
            row = decode(OrderRow, line)
            if is_triggered(row):
                continue
            facts = order_facts(row, scope)
            own = renamed if facts.former_venue_order_id is not None else others
            own += order_news(row, facts, waiting.pop(row.id, []))
        except UnreadablePayload as error:
            odd.append(unreadable(scope.account_id, bytes(line), error))
    left = [fill for each in waiting.values() for fill in each]
    return [*renamed, *others, *left, *odd]


def raw_frame(data: bytes | msgspec.Raw) -> RpcFrame:
    """Return a message of a socket. Raises `UnreadablePayload`."""
    return decode(RpcFrame, data)
