"""Growing pauses before an account is reconciled again whose session is lost again and again. To reconcile it, the
platform asks the venue for a whole replay and for many orders: to do that each second would lead to a ban."""

from cadenza.application.orders.backoff import Backoff
from cadenza.domain.ids import TradingAccountId

STANDS_MS = 60_000
"""An account that was reconciled and has had no outage to reconcile for so long has no pause any more."""


class RestorePauses:
    """The first outage is reconciled at once. A later one waits until 2 s after the account was last reconciled, the
    next one 4 s, and so on up to a minute. The time is the process's monotonic clock."""

    def __init__(self) -> None:
        self._pauses: Backoff[TradingAccountId] = Backoff(first_delay_ms=0)
        self._stands_since_ms: dict[TradingAccountId, int] = {}

    def may_restore(self, account_id: TradingAccountId, now_ms: int) -> bool:
        """Return whether the account, which has an outage, may be reconciled now."""
        self._stands_since_ms.pop(account_id, None)
        return bool(self._pauses.due([account_id], now_ms))

    def restored(self, account_id: TradingAccountId, now_ms: int) -> None:
        """Note that the account is reconciled."""
        self._pauses.tried([account_id], now_ms)
        self._stands_since_ms[account_id] = now_ms

    def tick(self, now_ms: int) -> None:
        """Forget the accounts that have stood for `STANDS_MS`."""
        stood = [account_id for account_id, since in self._stands_since_ms.items() if now_ms - since >= STANDS_MS]
        self._pauses.forget(stood)
        for account_id in stood:
            del self._stands_since_ms[account_id]
