"""Whose turn it is: accounts that wait for their venue, a limited number of each venue at a time."""

from collections import Counter
from collections.abc import Iterable

from cadenza.domain.accounts.trading_account import TradingAccount
from cadenza.domain.ids import TradingAccountId, VenueId

_Queues = dict[VenueId, dict[TradingAccountId, TradingAccount]]


class Turns:
    """A venue that does not answer holds up its own accounts only. Within a venue, wanted accounts come first; then
    those that did not fail the last time, so that accounts which fail again and again do not hold up the others; each
    group in the order in which they were added."""

    def __init__(self, per_venue_max: int) -> None:
        self._per_venue_max = per_venue_max
        self._fresh: _Queues = {}
        self._failed: _Queues = {}
        self._waiting: dict[TradingAccountId, TradingAccount] = {}
        self._busy: dict[TradingAccountId, VenueId] = {}
        self._busy_count: Counter[VenueId] = Counter()

    def __contains__(self, account_id: TradingAccountId) -> bool:
        """Return whether the account waits for its turn, or has it."""
        return account_id in self._waiting or account_id in self._busy

    def add(self, account: TradingAccount, *, has_failed: bool) -> None:
        """Let an account wait that is not contained."""
        queues = self._failed if has_failed else self._fresh
        queues.setdefault(account.venue_id, {})[account.id] = account
        self._waiting[account.id] = account

    def take(self, wanted: Iterable[TradingAccountId]) -> TradingAccount | None:
        """Give an account its turn, until `end`. None when no account waits whose venue has room."""
        account = next((self._waiting[id] for id in wanted if self._may_take(id)), None) or self._first()
        if account is None:
            return None
        del self._waiting[account.id]
        for queues in (self._fresh, self._failed):
            queue = queues.get(account.venue_id, {})
            queue.pop(account.id, None)
            if not queue:
                queues.pop(account.venue_id, None)
        self._busy[account.id] = account.venue_id
        self._busy_count[account.venue_id] += 1
        return account

    def end(self, account_id: TradingAccountId) -> None:
        """End the account's turn."""
        self._busy_count[self._busy.pop(account_id)] -= 1

    def _may_take(self, account_id: TradingAccountId) -> bool:
        account = self._waiting.get(account_id)
        return account is not None and self._has_room(account.venue_id)

    def _has_room(self, venue_id: VenueId) -> bool:
        return self._busy_count[venue_id] < self._per_venue_max

    def _first(self) -> TradingAccount | None:
        for queues in (self._fresh, self._failed):
            for venue_id, queue in queues.items():
                if self._has_room(venue_id):
                    return next(iter(queue.values()))
        return None
