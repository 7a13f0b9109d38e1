"""Balances and positions, as reports. The venue states no instants with them: the caller gives one, and numbers them
(`as_of`)."""

import msgspec

from cadenza.adapters.venues.deribit import mapping
from cadenza.adapters.venues.deribit.models import CurrencyFunds, PositionRow
from cadenza.adapters.venues.deribit.parse import AccountScope
from cadenza.adapters.venues.kit.order_facts import sane
from cadenza.adapters.venues.kit.payloads import decode
from cadenza.domain.accounts.trading_account import PositionSide
from cadenza.domain.money import ZERO
from cadenza.domain.trading.reports import BalanceReport, PositionReport


def balance_report(line: msgspec.Raw, scope: AccountScope, at_ms: int) -> BalanceReport:
    """Return the balance of one currency. The total is the cash; what margins hold of it is locked. Where the cash is
    below zero, the account has nothing and owes. Raises `UnreadablePayload`."""
    row = decode(CurrencyFunds, line)
    cash = sane(row.balance)
    total = max(cash, ZERO)
    locked = ZERO if row.available is None else min(max(total - sane(row.available), ZERO), total)
    return BalanceReport(
        account_id=scope.account_id,
        at_ms=at_ms,
        asset=row.currency,
        total=total,
        locked=locked,
        borrowed=max(-cash, ZERO),
        as_of=at_ms,
    )


def position_report(line: msgspec.Raw, scope: AccountScope, at_ms: int) -> PositionReport | None:
    """Return a position; None for one that is not our account's. Raises `UnreadablePayload`."""
    row = decode(PositionRow, line)
    if not scope.covers(row.instrument):
        return None
    return PositionReport(
        account_id=scope.account_id,
        at_ms=at_ms,
        instrument_id=scope.instrument(row.instrument).id,
        side=PositionSide.NET,
        quantity=abs(sane(row.size)) * mapping.POSITION_SIGNS.of(row.direction),
        entry_price=sane(row.average_price or ZERO),
        leverage=row.leverage,
        maintenance_margin=row.maintenance_margin,
        as_of=at_ms,
    )
