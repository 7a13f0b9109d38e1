"""Move the mark of each account (`TradingAccount.complete_until_ms`): everything that happened in the account before it
has been reported and booked. Reports move it as well, when they are applied (`ApplyReports`).

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
from cadenza.ports.clock import Clock
from cadenza.ports.failpoints import Failpoints
from cadenza.ports.storage import Storage
from cadenza.ports.storage.trading import BatchKeys

EVERY_MS = 60_000
"""How often silence is noted: each live account is written once in this time at most."""

EVERY_MS_WITHOUT_LIMIT = 600_000
"""How often that is done where the venue's replay reaches back without a limit, so that no gap threatens."""

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

    def __init__(
        self, *, storage: Storage, committer: Committer, sessions: Sessions, clock: Clock, failpoints: Failpoints
    ) -> None:
        self._storage = storage
        self._committer = committer
        self._sessions = sessions
        self._clock = clock
        self._failpoints = failpoints
        self._heard: dict[TradingAccountId, _Heard] = {}
        self._due_ms: dict[TradingAccountId, int] = {}

    async def replayed(self, account_id: TradingAccountId, begun_ms: int) -> None:
        """Note that a replay is booked that the session began at `begun_ms` (the venue's clock)."""
        await self._committer.commit_report(MoveMarks({account_id: begun_ms}))

    async def may_have_missed(self, account_id: TradingAccountId, since_ms: int) -> None:
        """Note that reports since `since_ms` (the venue's clock) may have been missed. On disk when this returns."""
        await self._committer.commit_report(MoveMarkBack(account_id, since_ms))
        self._failpoints.reach("mark.after_moving_back")

    async def tick(self) -> None:
        """Move the marks of the live accounts that are due and whose streams have delivered all that they received. The
        mark of an account stays while the venue has to be asked about an order of it in doubt."""
        now_ms = self._clock.monotonic_ms()
        live = self._sessions.live()
        self._due_ms = {a: self._due_ms.get(a, now_ms + self._period_ms(a)) for a in live}
        self._heard = {a: heard for a, heard in self._heard.items() if a in self._due_ms}
        due = [a for a in live if self._due_ms[a] <= now_ms]
        if not due:
            return
        for account_id in due:
            self._due_ms[account_id] = now_ms + self._period_ms(account_id)
            self._heard[account_id] = self._hear(account_id, now_ms)
        marks = {a: self._heard[a].venue_ms for a in due if self._sessions.has_reported_all(a)}
        try:
            async with self._storage.read() as uow:
                in_doubt = set(await uow.orders.accounts_in_doubt())
            await self._move({a: until_ms for a, until_ms in marks.items() if a not in in_doubt})
        except CadenzaError:
            return  # the marks stay where they are, and the next round moves them

    async def _move(self, marks: Mapping[TradingAccountId, int]) -> None:
        accounts = list(marks)
        for start in range(0, len(accounts), ACCOUNTS_PER_CHANGE_MAX):
            part = accounts[start : start + ACCOUNTS_PER_CHANGE_MAX]
            # A session that has found a gap meanwhile moves its mark back, and this must not undo that.
            still = {
                account_id: marks[account_id] for account_id in part if self._sessions.has_reported_all(account_id)
            }
            if still:
                await self._committer.commit(MoveMarks(still))

    def _period_ms(self, account_id: TradingAccountId) -> int:
        depth_ms = self._sessions.spec_of(account_id).replay_depth_ms(self._sessions.type_of(account_id))
        return EVERY_MS_WITHOUT_LIMIT if depth_ms is None else EVERY_MS

    def _hear(self, account_id: TradingAccountId, now_ms: int) -> _Heard:
        venue_ms, before = self._sessions.get(account_id).venue_time_ms(), self._heard.get(account_id)
        return _Heard(venue_ms if before is None else min(venue_ms, before.most_ms(now_ms)), now_ms)
