"""Funding: every eight hours the long positions of perpetual contracts pay the short ones, or the reverse."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from cadenza.domain.evolve import evolve
from cadenza.domain.money import ONE
from cadenza.simulators.binance.usdm.exchange import FuturesExchange
from cadenza.simulators.binance.usdm.symbols import ASSET_PLACES, FUNDING_MS, FUNDING_RATE


@dataclass(frozen=True, slots=True)
class FundingSettlement:
    """What was paid in a symbol: `rate` of a position's value at the mark price."""

    symbol: str
    rate: Decimal
    mark: Decimal
    at_ms: int


class FundingClock:
    """Settles at whole multiples of eight hours. What a stopped simulator missed is not made up for."""

    def __init__(self, exchange: FuturesExchange, now_ms: int) -> None:
        self._exchange = exchange
        self.next_ms = (now_ms // FUNDING_MS + 1) * FUNDING_MS
        self.settlements: list[FundingSettlement] = []

    def advance(self, now_ms: int) -> None:
        """Settle all perpetual contracts when their time has come."""
        if now_ms < self.next_ms:
            return
        for name, symbol in self._exchange.symbols.items():
            if symbol.is_perpetual:
                self.settle(name, FUNDING_RATE, self.next_ms)
        self.next_ms = (now_ms // FUNDING_MS + 1) * FUNDING_MS

    def settle(self, symbol: str, rate: Decimal, at_ms: int) -> None:
        """Let the positions in a symbol pay, or be paid, at the present mark price."""
        exchange, ledger = self._exchange, self._exchange.ledger
        mark, asset = exchange.mark(symbol), exchange.symbol(symbol).margin_asset
        self.settlements.append(FundingSettlement(symbol, rate, mark, at_ms))
        for account in ledger.accounts():
            for position in ledger.positions(account, symbol):
                fee = (-position.amount * mark * rate).quantize(ONE.scaleb(-ASSET_PLACES))
                is_isolated = ledger.setting(account, symbol).is_isolated
                if is_isolated:
                    ledger.put_position(evolve(position, isolated=position.isolated + fee, updated_ms=at_ms))
                ledger.move(account, asset, fee, "FUNDING_FEE", at_ms, symbol)
                exchange.note_account(account, "FUNDING_FEE", at_ms, symbol, fee, has_positions=is_isolated)
        exchange.on_price(symbol, at_ms)
