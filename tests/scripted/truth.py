"""Compares the platform with the venue's ledger of truth."""

from collections import Counter
from decimal import Decimal

from cadenza.domain.accounts.trading_account import AccountType
from cadenza.domain.money import ZERO
from cadenza.domain.trading.order import Order
from tests.scripted.world import Trader


async def check_truth(trader: Trader, *, are_books_settled: bool = True) -> None:
    """Assert: no order was sent twice, every fill of the venue is booked once and exactly, nothing else is booked, and
    the books are the venue's word (where it keeps them), else the sum of the fills."""
    check_sent_once(trader)
    orders = list(await trader.orders())
    check_fills(trader, orders)
    if are_books_settled:
        await check_books(trader)


def check_sent_once(trader: Trader) -> None:
    sent = Counter(
        request.names[0] for request in trader.venue.requests("submit") if request.external_id == trader.at.external_id
    )
    assert all(count == 1 for count in sent.values()), f"sent more than once: {sent}"


def check_fills(trader: Trader, orders: list[Order]) -> None:
    booked = Counter(
        (execution.instrument_id, execution.trade_id, execution.price, execution.quantity, execution.fees)
        for order in orders
        for execution in order.executions
        if not execution.is_busted
    )
    happened = Counter(
        (fill.order.instrument_id, fill.trade_id, fill.price, fill.quantity, fill.fees)
        for fill in trader.at.fills()
        if not fill.is_busted
    )
    assert booked == happened
    for order in orders:
        assert order.executed_quantity == sum((e.quantity for e in order.executions if not e.is_busted), ZERO)


async def check_books(trader: Trader) -> None:
    if trader.venue.kind.spec.snapshots or trader.venue.kind.has_venue_books:
        ours = {asset: balance.total for asset, balance in (await trader.balances()).items() if balance.total}
        theirs = {asset: total for asset, total in trader.at.totals.items() if total}
        assert ours == theirs
    else:
        assert {asset: balance.total for asset, balance in (await trader.balances()).items()} == _moved(trader)
    if trader.at.type is not AccountType.SPOT:
        held = {p.instrument_id: (p.quantity, p.entry_cost) for p in await trader.positions() if p.quantity}
        assert held == {id: values for id, values in trader.at.positions.items() if values[0]}


def _moved(trader: Trader) -> dict[str, Decimal]:
    """What the venue's fills moved: all that an account without any balance knows."""
    moved: dict[str, Decimal] = {}
    instruments = {instrument.id: instrument for instrument in trader.venue.instruments}
    for fill in trader.at.fills():
        if fill.is_busted:
            continue
        instrument, sign = instruments[fill.order.instrument_id], fill.order.side.sign
        changes = [
            (instrument.base_asset, sign * fill.quantity),
            (instrument.quote_asset, -sign * fill.quantity * fill.price),
            *((fee.asset, -fee.quantity) for fee in fill.fees),
        ]
        for asset, change in changes:
            moved[asset] = moved.get(asset, ZERO) + change
    return moved
