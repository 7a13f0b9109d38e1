"""How far the news of each account is known to be complete (`TradingAccount.complete_until_ms`): moved where no report
moves it.

A replay moves it to the instant at which the replay began, also when it brought nothing. A live stream that has
delivered all that it received moves it although it is silent, so that an account in which nothing happens is not asked
for a time that its venue has forgotten. A session that may have missed something moves it back; that is on disk before
the account is reconciled, so a crash in between loses nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from cadenza.application.orders.committer import Committer
from cadenza.application.orders.sessions import Sessions
from cadenza.domain.errors import CadenzaError
from cadenza.domain.ids import TradingAccountId
from cadenza.domain.trading.state import TradingState
from cadenza.domain.trading.venue_spec import NewsSource
from cadenza.ports.clock import Clock
from cadenza.ports.storage import Storage
from cadenza.ports.storage.trading import BatchKeys

EVERY_MS = 60_000
"""How often silence is noted: each live account is written once in this time at most."""

ACCOUNTS_PER_CHANGE_MAX = 100

DRIFT_PARTS = 100
"""While a stream is silent, the mark moves at most a hundredth faster than our monotonic clock. So no step of a wall
clock moves it into the future."""


@dataclass(frozen=True, slots=True)
class MoveMarks:
    """A change: the news of these accounts is complete until then (the venue's clock)."""

    until_ms: Mapping[TradingAccountId, int]

    def name_keys(self, keys: BatchKeys) -> None:
        keys.accounts.update(self.until_ms)

    def decide(self, state: TradingState) -> None:
        for account_id, until_ms in self.until_ms.items():
            state.move_complete_until(account_id, until_ms)


@dataclass(frozen=True, slots=True)
class MoveMarkBack:
    """A change: what happened in the account since then (the venue's clock) may have been missed."""

    account_id: TradingAccountId
    since_ms: int

    def name_keys(self, keys: BatchKeys) -> None:
        keys.accounts.add(self.account_id)

    def decide(self, state: TradingState) -> None:
        state.incomplete_since(self.account_id, self.since_ms)


@dataclass(frozen=True, slots=True)
class _Heard:
    """A live account was complete until `venue_ms` at the instant `monotonic_ms`."""

    venue_ms: int
    monotonic_ms: int

    def most_ms(self, now_ms: int) -> int:
        """Return how far the venue's clock can have come by now."""
        elapsed_ms = now_ms - self.monotonic_ms
        return self.venue_ms + elapsed_ms + elapsed_ms // DRIFT_PARTS


class MarkComplete:
    """One supervised loop calls `tick`, which waits for no venue."""

    def __init__(self, *, storage: Storage, committer: Committer, sessions: Sessions, clock: Clock) -> None:
        self._storage = storage
        self._committer = committer
        self._sessions = sessions
        self._clock = clock
        self._heard: dict[TradingAccountId, _Heard] = {}
        self._due_ms = clock.monotonic_ms() + EVERY_MS

    async def replayed(self, account_id: TradingAccountId, begun_ms: int) -> None:
        """Note that a replay is booked that the session began at `begun_ms` (the venue's clock)."""
        await self._committer.commit_report(MoveMarks({account_id: begun_ms}))

    async def may_have_missed(self, account_id: TradingAccountId, since_ms: int) -> None:
        """Note that reports since `since_ms` (the venue's clock) may have been missed. On disk when this returns."""
        await self._committer.commit_report(MoveMarkBack(account_id, since_ms))

    async def tick(self) -> None:
        """Once a minute, move the marks of the live accounts whose streams have delivered all that they received. The
        mark of an account stays while the venue has to be asked about one of its orders."""
        now_ms = self._clock.monotonic_ms()
        if now_ms < self._due_ms:
            return
        self._due_ms = now_ms + EVERY_MS
        self._heard = {account_id: self._hear(account_id, now_ms) for account_id in self._sessions.live()}
        complete = [a for a in self._heard if self._sessions.has_reported_all(a) and self._hears_all(a)]
        try:
            async with self._storage.read() as uow:
                awaiting = set(await uow.orders.accounts_awaiting())
            marks = [(a, self._heard[a].venue_ms) for a in complete if a not in awaiting]
            for start in range(0, len(marks), ACCOUNTS_PER_CHANGE_MAX):
                await self._committer.commit(MoveMarks(dict(marks[start : start + ACCOUNTS_PER_CHANGE_MAX])))
        except CadenzaError:
            return  # the marks stay where they are, and the next round moves them

    def _hear(self, account_id: TradingAccountId, now_ms: int) -> _Heard:
        venue_ms, before = self._sessions.get(account_id).venue_time_ms(), self._heard.get(account_id)
        return _Heard(venue_ms if before is None else min(venue_ms, before.most_ms(now_ms)), now_ms)

    def _hears_all(self, account_id: TradingAccountId) -> bool:
        """Return whether the venue reports what happens. Where only replies report, silence shows nothing."""
        return self._sessions.spec_of(account_id).account_news is not NewsSource.REPLY
