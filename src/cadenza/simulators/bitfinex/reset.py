"""Beginning again, with the same keys, while the simulator runs."""

from __future__ import annotations

from decimal import Decimal

from cadenza.exchange import ResetMarket
from cadenza.simulators.bitfinex.trading.records import CANCELED
from cadenza.simulators.bitfinex.venue import BitfinexVenue


def reset(venue: BitfinexVenue) -> None:
    """Give every account its opening deposits, without open orders and positions. Symbols trade again between the first
    levels of their market, no faults are armed, and maintenance is over. What happened stays in the histories, and ids
    and nonces go on counting."""
    exchange, settings, at_ms = venue.exchange, venue.settings, venue.now_ms()
    venue.faults.clear()
    venue.requests_public.in_maintenance = False
    exchange.paused.clear()
    for name in exchange.symbols:
        exchange.set_mark(name, None)
        exchange.apply(name, ResetMarket((), (), at_ms))  # what own orders took of the levels is forgotten
    ledger = exchange.ledger
    for account in sorted(ledger.accounts()):
        for order in exchange.registry.open_orders(account):
            if exchange.registry.order(*order.key).is_open:
                exchange.end(order, CANCELED, at_ms)
        for position in ledger.positions(account):
            exchange.drop_position(position, at_ms)
        deposits = settings.opening.get(account, settings.deposits)
        opening = {(type, code): amount for type, of in deposits.items() for code, amount in of.items()}
        held = {(wallet.type, wallet.currency): wallet.balance for wallet in ledger.wallets(account)}
        for type, currency in sorted(opening.keys() | held.keys()):
            missing = opening.get((type, currency), Decimal(0)) - held.get((type, currency), Decimal(0))
            if missing:
                ledger.move((account, type, currency), missing, f"Reset ({currency})", at_ms)
    exchange.open(at_ms)
