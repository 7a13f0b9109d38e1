"""Balances and positions, as reports. The venue states no instants with them: the caller gives one, and numbers them
(`as_of`)."""

import msgspec

from cadenza.adapters.venues.bitfinex import mapping
from cadenza.adapters.venues.bitfinex.models import PositionFields, WalletFields
from cadenza.adapters.venues.bitfinex.parse import AccountScope
from cadenza.adapters.venues.kit.order_facts import sane
from cadenza.adapters.venues.kit.payloads import decode
from cadenza.domain.accounts.trading_account import AccountType, PositionSide
from cadenza.domain.money import ZERO
from cadenza.domain.trading.reports import BalanceReport, PositionReport


def balance_report(line: msgspec.Raw, scope: AccountScope, at_ms: int) -> BalanceReport | None:
    """Return what a wallet has of a currency; None for one that is not our account's. Where it is below zero, the
    account has nothing and owes. Raises `UnreadablePayload`."""
    row = decode(WalletFields, line)
    if not scope.covers_wallet(row.type, row.currency):
        return None
    balance = sane(row.balance)
    total = max(balance, ZERO)
    locked = None if row.available is None else min(max(total - sane(row.available), ZERO), total)
    return BalanceReport(
        account_id=scope.account_id,
        at_ms=at_ms,
        asset=scope.asset(row.currency),
        total=total,
        locked=locked,
        borrowed=max(-balance, ZERO),
        as_of=at_ms,
    )


def position_report(line: msgspec.Raw, scope: AccountScope, at_ms: int) -> PositionReport | None:
    """Return a position; None for one that is not our account's. The leverage of a position in a pair follows from the
    margin, and is not stated. Raises `UnreadablePayload`."""
    row = decode(PositionFields, line)
    if not scope.covers_position(row.symbol):
        return None
    is_open = mapping.POSITION_STATUSES.of(row.status)
    leverage = row.leverage if scope.account_type is AccountType.FUTURES else None
    return PositionReport(
        account_id=scope.account_id,
        at_ms=at_ms,
        instrument_id=scope.instrument(row.symbol).id,
        side=PositionSide.NET,
        quantity=sane(row.amount) if is_open else ZERO,
        entry_price=sane(row.base_price or ZERO),
        leverage=int(leverage) if leverage and leverage == int(leverage) else None,
        as_of=at_ms,
    )
