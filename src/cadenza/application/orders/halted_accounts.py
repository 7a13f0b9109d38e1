"""The accounts that are halted, in memory: so that an order which was recorded before the halt is not sent after it."""

from collections.abc import Iterable

from cadenza.domain.accounts.trading_account import TradingAccount, TradingMode
from cadenza.domain.ids import TenantId, TradingAccountId
from cadenza.domain.trading.order import Order


class HaltedAccounts:
    """Follows what this process commits. It decides nothing about new orders: the committer does, by the account's row.
    After a start nothing is noted, and nothing needs to be, because no order is sent that this process did not
    record."""

    def __init__(self) -> None:
        self._accounts: set[TradingAccountId] = set()
        self._tenants: set[TenantId] = set()

    def note(self, accounts: Iterable[TradingAccount]) -> None:
        """Note the accounts as they were committed."""
        for account in accounts:
            if account.effective_trading_mode is TradingMode.HALTED:
                self._accounts.add(account.id)
            elif self._accounts:
                self._accounts.discard(account.id)

    def note_tenant(self, tenant_id: TenantId, mode: TradingMode) -> None:
        """Note the mode of a tenant as it was committed."""
        if mode is TradingMode.HALTED:
            self._tenants.add(tenant_id)
        else:
            self._tenants.discard(tenant_id)

    def covers(self, order: Order) -> bool:
        """Return whether the order's account is halted."""
        return order.account_id in self._accounts or order.tenant_id in self._tenants
