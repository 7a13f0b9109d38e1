"""Settlement: every day at 08:00 UTC the profits of futures enter the balances and day orders end; what expires is
delivered at the price of its index."""

from __future__ import annotations

from decimal import Decimal

from cadenza.simulators.deribit.trading.exchange import DeribitExchange
from cadenza.simulators.deribit.trading.order_request import GOOD_TIL_DAY
from cadenza.simulators.deribit.trading.records import InstrumentState

DAY_MS = 24 * 60 * 60 * 1000
SETTLEMENT_MS = 8 * 60 * 60 * 1000
"""The instant of a day (UTC) at which it ends."""

SETTLEMENT = "settlement"


class SettlementClock:
    """`settled_ms` is the last settlement. Several that a stopped simulator missed are made up for by one."""

    def __init__(self, exchange: DeribitExchange, now_ms: int) -> None:
        self._exchange = exchange
        self.settled_ms = last_settlement(now_ms)
        self._changed = True

    def restore(self, settled_ms: int | None) -> None:
        """Continue from the last settlement of a former run."""
        self._changed = settled_ms is None
        self.settled_ms = self.settled_ms if settled_ms is None else settled_ms

    def advance(self, now_ms: int) -> None:
        """Deliver what has expired, and settle the day when its end has come."""
        for name, instrument in self._exchange.instruments.items():
            if instrument.expiry_ms is not None and instrument.expiry_ms <= now_ms and self._exchange.is_listed(name):
                self.deliver(name, None, now_ms)
        if last_settlement(now_ms) > self.settled_ms:
            self.settled_ms = last_settlement(now_ms)
            self._changed = True
            self.settle(now_ms)

    def settle(self, at_ms: int) -> None:
        """End day orders, and let profits enter the balances."""
        exchange = self._exchange
        for order in exchange.orders.all_orders():
            if order.is_open and order.time_in_force == GOOD_TIL_DAY:
                exchange.close(order, SETTLEMENT, at_ms)
        for position in exchange.ledger.all_positions():
            if position.size or position.realized or position.funding:
                exchange.ledger.settle(position, at_ms)
                exchange.news.position_changed(position.account, position.instrument)
        for wallet in exchange.ledger.all_wallets():
            exchange.ledger.close_session(wallet.account, wallet.currency, at_ms)
            exchange.news.money_changed(wallet.account, wallet.currency)

    def deliver(self, name: str, price: Decimal | None, at_ms: int) -> None:
        """End an instrument: its orders are canceled and its positions closed at a price, by default the index's."""
        exchange, instrument = self._exchange, self._exchange.instruments[name]
        price = exchange.prices.index(instrument.index) if price is None else price
        for order in exchange.orders.all_orders():
            if order.is_open and order.instrument == name:
                exchange.close(order, SETTLEMENT, at_ms)
        for position in exchange.ledger.holders(name):
            exchange.ledger.deliver(position, price, at_ms)
            exchange.news.position_changed(position.account, name)
            exchange.note_money(position.account, instrument)
        exchange.set_state(InstrumentState(instrument=name, state="delivered", delivery_price=price))

    def take_settled_ms(self) -> int | None:
        """Return the last settlement if it is new since the last call."""
        is_new, self._changed = self._changed, False
        return self.settled_ms if is_new else None


def last_settlement(now_ms: int) -> int:
    """Return the last 08:00 UTC that has passed."""
    return (now_ms - SETTLEMENT_MS) // DAY_MS * DAY_MS + SETTLEMENT_MS
