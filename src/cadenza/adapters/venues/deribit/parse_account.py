"""Balances and positions, as reports. The venue states no instants with them: the caller gives one, and numbers them
(`as_of`)."""

from decimal import Decimal

import msgspec

from cadenza.adapters.venues.deribit import mapping
from cadenza.adapters.venues.deribit.models import CurrencyFunds, PositionRow
from cadenza.adapters.venues.deribit.parse import AccountScope
from cadenza.adapters.venues.kit.order_facts import sane
from cadenza.adapters.venues.kit.payloads import decode
from cadenza.adapters.venues.kit.words import UnreadablePayload
from cadenza.domain.accounts.trading_account import PositionSide
from cadenza.domain.market.instrument import Instrument, InstrumentType
from cadenza.domain.money import ZERO
from cadenza.domain.trading.reports import BalanceReport, PositionReport


def balance_report(line: msgspec.Raw, scope: AccountScope, at_ms: int) -> BalanceReport:
    """Return the balance of one currency. The total is the cash with what futures have realised since the last
    settlement; what margins hold of it is locked. Where the sum is below zero, the account has nothing and owes. Raises
    `UnreadablePayload`."""
    row = decode(CurrencyFunds, line)
    cash = sane(row.balance) + sane(row.realized or ZERO)
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
    instrument = scope.instrument(row.instrument)
    quantity = abs(sane(row.size)) * mapping.POSITION_SIGNS.of(row.direction)
    return PositionReport(
        account_id=scope.account_id,
        at_ms=at_ms,
        instrument_id=instrument.id,
        side=PositionSide.NET,
        quantity=quantity,
        entry_price=sane(row.average_price or ZERO),
        leverage=row.leverage,
        maintenance_margin=row.maintenance_margin,
        settled_cost=_settled_cost(row, instrument, quantity),
        as_of=at_ms,
    )


def _settled_cost(row: PositionRow, instrument: Instrument, quantity: Decimal) -> Decimal | None:
    """Return the cost from which the profit counts that the cash does not hold. The daily settlement pays the profit of
    a future into the cash, and leaves the average price as it is. `settlement_price` does not say it: a position that
    was opened or increased since then has another. An option's profit is paid when it ends."""
    if instrument.type is InstrumentType.OPTION or not quantity:
        return None
    if not row.mark or row.floating is None:
        raise UnreadablePayload(f"a position in {row.instrument} has no mark price, or no profit since its settlement")
    worth, profit = instrument.cost(quantity, sane(row.mark)), sane(row.floating)
    return worth + profit if instrument.is_inverse else worth - profit
