"""Beginning again, with the same keys, while the simulator runs."""

from __future__ import annotations

from decimal import Decimal

from cadenza.domain.evolve import evolve
from cadenza.domain.money import ZERO
from cadenza.simulators.okx.trading.exchange import SYSTEM
from cadenza.simulators.okx.trading.records import OkxAccountMode
from cadenza.simulators.okx.venue import OkxVenue


def reset(venue: OkxVenue) -> None:
    """Give every account its opening deposits and modes, without open orders and positions. Instruments trade again
    between the first levels of their market, and no faults are armed. What happened stays in the histories, ids go on
    counting, and leverages stay as they are."""
    exchange, settings, at_ms = venue.exchange, venue.settings, venue.now_ms()
    venue.faults.clear()
    venue.memory_age_ms = 0
    ledger = exchange.ledger
    for account in ledger.accounts():
        for algo in venue.algos.of(account):
            if algo.is_open:
                venue.algos.cancel(algo, at_ms)
        for order in exchange.registry.open_orders(account):
            exchange.cancel(order, SYSTEM, at_ms)
        for position in ledger.positions(account):
            ledger.put_position(evolve(position, amount=ZERO, cost=ZERO, margin=ZERO, updated_ms=at_ms))
        for asset in {*ledger.assets(account), *settings.deposits}:
            missing = settings.deposits.get(asset, Decimal(0)) - ledger.figures(account, asset).cash
            if missing:
                venue.deposit(account, asset, missing, at_ms)
        ledger.set_mode(
            OkxAccountMode(
                account=account,
                level=settings.account_level,
                position_mode=settings.position_mode,
                borrows=settings.borrows,
            )
        )
    for name in exchange.instruments:
        exchange.states[name] = "live"
        exchange.set_mark(name, None, at_ms)
    exchange.open(at_ms)
