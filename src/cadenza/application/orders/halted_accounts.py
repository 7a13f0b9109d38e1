"""The accounts that are halted, in memory: so that an order which was recorded before the halt is not sent after it."""

from collections.abc import Callable, Iterable

from cadenza.domain.accounts.trading_account import TradingAccount, TradingMode
from cadenza.domain.ids import TenantId, TradingAccountId
from cadenza.domain.trading.order import Order

Withdraw = Callable[[Callable[[Order], bool]], None]
"""Takes back the orders that a predicate means and of which no byte has left (`ExecutionSession.withdraw_unsent`)."""


class HaltedAccounts:
    """Follows what this process commits. It decides nothing about new orders: the committer does, by the account's row.
    A new halt takes back at once what waits within the sessions. After a start nothing is noted, and nothing needs to
    be, because no order is sent that this process did not record."""

    def __init__(self, withdraw: Withdraw) -> None:
        self._withdraw = withdraw
        self._accounts: set[TradingAccountId] = set()
        self._tenants: set[TenantId] = set()

    def note(self, accounts: Iterable[TradingAccount]) -> None:
        """Note the accounts as they are in the database."""
        added = False
        for account in accounts:
            if account.effective_trading_mode is not TradingMode.HALTED:
                self._accounts.discard(account.id)
            elif account.id not in self._accounts:
                self._accounts.add(account.id)
                added = True
        if added:
            self._withdraw(self.withholds)

    def note_tenant(self, tenant_id: TenantId, mode: TradingMode) -> None:
        """Note the mode of a tenant as it was committed."""
        if mode is TradingMode.HALTED:
            self._tenants.add(tenant_id)
            self._withdraw(self.withholds)
        else:
            self._tenants.discard(tenant_id)

    def withholds(self, order: Order) -> bool:
        """Return whether a recorded order is not sent any more, because its account is halted. A trailing stop that is
        released is sent all the same."""
        is_halted = order.account_id in self._accounts or order.tenant_id in self._tenants
        return is_halted and order.trail is None
