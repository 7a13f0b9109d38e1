"""Loans of the cross margin account: what is borrowed, what for, and when it is repaid.

The account trades in the books of spot. It is charged no interest and is never liquidated. How much it may borrow
depends on its net value, of which the loans may be at most a multiple.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from cadenza.domain.evolve import evolve
from cadenza.domain.money import ONE, ZERO, divide
from cadenza.simulators.binance.spot.exchange import SpotExchange
from cadenza.simulators.binance.spot.records import Loan, LoanChange, MarginTerms, SpotOrder, SpotOrderRequest
from cadenza.simulators.binance.spot.symbols import PLACES
from cadenza.simulators.binance.wire.errors import VenueRefusal

SUFFIX = "/margin"
LOANS_PER_NET_VALUE = 2
"""An account may owe at most so many times its net value: a leverage of three."""

TRANSFER_OUT_LEVEL = 2
"""After a transfer out of an account with loans its assets must be worth so many times its loans."""

SIDE_EFFECTS = ("NO_SIDE_EFFECT", "MARGIN_BUY", "AUTO_REPAY", "AUTO_BORROW_REPAY")
BORROWING = frozenset({"MARGIN_BUY", "AUTO_BORROW_REPAY"})
REPAYING = frozenset({"AUTO_REPAY", "AUTO_BORROW_REPAY"})
VALUED_IN = "USDT"


def margin_account(account: str) -> str:
    """Return the name under which the cross margin account of an account is kept."""
    return f"{account}{SUFFIX}"


class CrossMargin:
    """All cross margin accounts of a venue."""

    def __init__(self, exchange: SpotExchange) -> None:
        self._exchange = exchange
        self._loans: dict[tuple[str, str], Decimal] = {}
        self.changes: list[LoanChange] = []
        self._kept = 0
        exchange.on_received = self._repay_with
        exchange.on_closed = self._repay_at_close

    def restore(self, loans: Iterable[Loan], changes: Iterable[LoanChange]) -> None:
        """Continue from what a former run wrote."""
        self._loans = {(loan.account, loan.asset): loan.amount for loan in loans}
        self.changes = list(changes)
        self._kept = len(self.changes)

    # Reading

    def borrowed(self, account: str, asset: str) -> Decimal:
        return self._loans.get((account, asset), ZERO)

    def loans(self, account: str) -> dict[str, Decimal]:
        """Return what an account owes, by asset, without what is repaid."""
        return {asset: amount for (of, asset), amount in self._loans.items() if of == account and amount}

    def values(self, account: str) -> tuple[Decimal, Decimal]:
        """Return what an account's assets and its loans are worth, in USDT."""
        assets = loans = ZERO
        for asset, (free, locked) in self._exchange.balances(account).items():
            assets += (free + locked) * self.price(asset)
        for asset, amount in self.loans(account).items():
            loans += amount * self.price(asset)
        return assets, loans

    def price(self, asset: str) -> Decimal:
        """Return the last price of an asset in USDT."""
        return ONE if asset == VALUED_IN else self._exchange.last_price(f"{asset}{VALUED_IN}")

    def borrowable(self, account: str, asset: str) -> Decimal:
        """Return how much of an asset an account may borrow."""
        assets, loans = self.values(account)
        room = (assets - loans) * LOANS_PER_NET_VALUE - loans
        return max(ZERO, divide(room, self.price(asset), PLACES))

    # Changing

    def borrow(self, account: str, asset: str, amount: Decimal, at_ms: int) -> int:
        """Lend an amount, and return the number of the loan. Raises `VenueRefusal`."""
        if amount > self.borrowable(account, asset):
            raise VenueRefusal(-3006, "Your borrow amount has exceed maximum borrow amount.")
        return self._move(account, asset, amount, at_ms)

    def repay(self, account: str, asset: str, amount: Decimal, at_ms: int) -> int:
        """Take an amount back, and return the number of the repayment. Raises `VenueRefusal`."""
        if amount > self.borrowed(account, asset):
            raise VenueRefusal(-3015, "Repay amount exceeds borrow amount.")
        if amount > self._free(account, asset):
            raise VenueRefusal(-3041, "Balance is not enough")
        return self._move(account, asset, -amount, at_ms)

    def check_transfer_out(self, account: str, asset: str, amount: Decimal) -> None:
        """Raise `VenueRefusal` when the account needs the amount, as money or as collateral."""
        assets, loans = self.values(account)
        is_needed = loans and assets - amount * self.price(asset) < loans * TRANSFER_OUT_LEVEL
        if amount > self._free(account, asset) or is_needed:
            raise VenueRefusal(-3020, "Transfer out amount exceeds max amount.")

    def place(
        self, account: str, request: SpotOrderRequest, client_order_id: str, terms: MarginTerms, at_ms: int
    ) -> SpotOrder:
        """Accept and execute an order, and borrow what it lacks when its terms say so. Raises `VenueRefusal`, and then
        nothing has changed."""
        if terms.side_effect not in BORROWING:
            return self._exchange.place(account, request, client_order_id, at_ms, terms)
        asset, needed = self._exchange.funds_for(account, request, at_ms)
        missing = max(ZERO, needed - self._free(account, asset))
        if missing:
            self.borrow(account, asset, missing, at_ms)
        try:
            lent = evolve(terms, borrowed=missing, borrowed_asset=asset)
            return self._exchange.place(account, request, client_order_id, at_ms, lent)
        except VenueRefusal:
            if missing:
                self.repay(account, asset, missing, at_ms)
            raise

    # Keeping

    def take_changes(self) -> tuple[tuple[Loan, ...], tuple[LoanChange, ...]]:
        """Return the loans that changed since the last call, as they are now, and the changes."""
        changes, self._kept = self.changes[self._kept :], len(self.changes)
        keys = dict.fromkeys((change.account, change.asset) for change in changes)
        loans = tuple(Loan(account=key[0], asset=key[1], amount=self._loans[key]) for key in keys)
        return loans, tuple(changes)

    # Helpers

    def _move(self, account: str, asset: str, amount: Decimal, at_ms: int) -> int:
        self._loans[account, asset] = self.borrowed(account, asset) + amount
        number = len(self.changes) + 1
        self.changes.append(LoanChange(account=account, asset=asset, amount=amount, number=number, at_ms=at_ms))
        self._exchange.lend(account, asset, amount, at_ms)
        return number

    def _free(self, account: str, asset: str) -> Decimal:
        free, _ = self._exchange.balances(account).get(asset, (ZERO, ZERO))
        return free

    def _repay_with(self, order: SpotOrder, asset: str, received: Decimal, at_ms: int) -> None:
        """Repay with what a fill of an order has brought."""
        if order.margin is not None and order.margin.side_effect in REPAYING:
            self._repay_some(order.account, asset, received, at_ms)

    def _repay_at_close(self, order: SpotOrder, at_ms: int) -> None:
        """Repay what was borrowed for an order that did not need it."""
        terms = order.margin
        if terms is None or not terms.borrowed or not terms.repays_at_cancel:
            return
        if order.status != "FILLED":
            self._repay_some(order.account, terms.borrowed_asset, terms.borrowed, at_ms)

    def _repay_some(self, account: str, asset: str, most: Decimal, at_ms: int) -> None:
        amount = min(most, self.borrowed(account, asset), self._free(account, asset))
        if amount > 0:
            self._move(account, asset, -amount, at_ms)
