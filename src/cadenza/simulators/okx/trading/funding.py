"""Funding of swaps: long positions pay short ones, or the other way round where the rate is negative."""

from __future__ import annotations

from decimal import Decimal

from cadenza.domain.evolve import evolve
from cadenza.simulators.okx.instruments import SWAP
from cadenza.simulators.okx.trading.exchange import OkxExchange
from cadenza.simulators.okx.trading.ledger import FUNDING
from cadenza.simulators.okx.trading.records import OkxBill

FUNDING_RATE = Decimal("0.0001")
INTERVAL_MS = 8 * 60 * 60 * 1_000
PAID, RECEIVED = "173", "174"


def next_funding_ms(now_ms: int) -> int:
    return (now_ms // INTERVAL_MS + 1) * INTERVAL_MS


def settle_funding(exchange: OkxExchange, symbol: str, rate: Decimal, at_ms: int) -> None:
    """Let the positions in a swap pay `rate` of their value at the mark price."""
    instrument = exchange.instruments[symbol]
    assert instrument.type == SWAP
    for account in exchange.ledger.accounts():
        for position in exchange.ledger.positions(account, symbol):
            worth = instrument.value(position.amount, exchange.mark(symbol))
            change = -worth * rate
            exchange.ledger.put_position(evolve(position, realized=position.realized + change, updated_ms=at_ms))
            exchange.ledger.move(
                OkxBill(
                    bill_id=0,
                    account=account,
                    asset=instrument.settle,
                    change=change,
                    after=change,
                    type=FUNDING,
                    subtype=RECEIVED if change > 0 else PAID,
                    symbol=symbol,
                    instrument_type=instrument.type,
                    quantity=abs(position.amount),
                    price=exchange.mark(symbol),
                    profit=change,
                    mode=position.mode,
                    at_ms=at_ms,
                )
            )


class FundingTimer:
    """Funding of all swaps, every eight hours. A restart that missed one does not pay it later."""

    def __init__(self, exchange: OkxExchange, now_ms: int) -> None:
        self._exchange = exchange
        self._next_ms = next_funding_ms(now_ms)

    def advance(self, now_ms: int) -> None:
        if now_ms < self._next_ms:
            return
        self._next_ms = next_funding_ms(now_ms)
        for name, instrument in self._exchange.instruments.items():
            if instrument.type == SWAP:
                settle_funding(self._exchange, name, FUNDING_RATE, now_ms)
