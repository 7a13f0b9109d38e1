"""Balances and positions, as reports. The caller numbers them (`as_of`)."""

import msgspec

from cadenza.adapters.venues.kit.order_facts import sane
from cadenza.adapters.venues.kit.payloads import decode
from cadenza.adapters.venues.okx import mapping
from cadenza.adapters.venues.okx.models import OkxAccount, OkxBalance, OkxPosition, amount, instant, number
from cadenza.adapters.venues.okx.parse import AccountScope
from cadenza.domain.accounts.trading_account import PositionSide
from cadenza.domain.money import ZERO
from cadenza.domain.trading.reports import BalanceReport, PositionReport


def balances(line: msgspec.Raw, scope: AccountScope, at_ms: int) -> list[BalanceReport]:
    """Return the balances of an account as a push or an answer states them; `at_ms` where it states no instant."""
    account = decode(OkxAccount, line)
    return [
        balance_report(each, scope, instant(each.updated) or instant(account.updated) or at_ms)
        for each in account.details
    ]


def balance_report(row: OkxBalance, scope: AccountScope, at_ms: int) -> BalanceReport:
    """Return the balance of one asset. Where it is below zero the account has nothing and owes: at least so much."""
    cash = amount(row.cash)
    total, free = max(cash, ZERO), number(row.free)
    locked = ZERO if free is None else min(max(total - free, ZERO), total)
    return BalanceReport(
        account_id=scope.account_id,
        at_ms=at_ms,
        asset=row.asset,
        total=sane(total),
        locked=locked,
        borrowed=max(abs(amount(row.owed)), -cash, ZERO),
        as_of=at_ms,
    )


def position_report(line: msgspec.Raw, scope: AccountScope, at_ms: int) -> PositionReport | None:
    """Return a position; None for one that is not our account's. Raises `UnreadablePayload`."""
    row = decode(OkxPosition, line)
    if not scope.covers(row.kind) or row.kind == "MARGIN":
        return None
    instrument = scope.instrument(row.instrument)
    side = mapping.POSITION_SIDES.of(row.position_side)
    size = amount(row.size) * instrument.contract_size
    leverage = number(row.leverage)
    instant_ms = instant(row.updated) or at_ms
    return PositionReport(
        account_id=scope.account_id,
        at_ms=instant_ms,
        instrument_id=instrument.id,
        side=side,
        quantity=-abs(size) if side is PositionSide.SHORT else size,
        entry_price=amount(row.entry_price),
        leverage=int(leverage) if leverage is not None and leverage == int(leverage) else None,
        maintenance_margin=number(row.maintenance_margin),
        as_of=instant_ms,
    )
