"""Compare our ledger with the venue's snapshot, for an account whose books our ledger keeps. A difference that no
report explains, found twice in a row, is corrected and shown. Where the venue has no snapshots and its stream reports a
balance or position all the same, a difference that is found twice in a row is shown and never corrected: the word may
lack, or contain, fills that are booked later.

A correction takes the venue's word for the sum of everything that happened. What is booked after it counts once more.
So nothing is corrected while a report that waits, or an order in doubt, may explain the difference; it is only shown.
"""

from collections.abc import Collection
from dataclasses import dataclass
from decimal import Decimal

from cadenza.application.orders.committer import Committer
from cadenza.domain.ids import TradingAccountId
from cadenza.domain.trading.reports import BalanceReport, PositionReport
from cadenza.domain.trading.state import TradingState
from cadenza.domain.trading.venue_books import apply_snapshot, differences, without_untraded
from cadenza.ports.alarms import Alarm, Alarms
from cadenza.ports.storage import Storage
from cadenza.ports.storage.trading import BatchKeys
from cadenza.ports.venue import AccountSnapshot

Word = BalanceReport | PositionReport

Difference = tuple[str, Decimal, Decimal]
"""A difference: the asset, or the instrument with its side; our value; the venue's value."""


@dataclass(frozen=True, slots=True)
class CompareSnapshot:
    """A change: compare a snapshot with our ledger, provided that nothing happened in the account since `sequence`; the
    differences are its decision (None when something did). Those that are the `correctable` ones are corrected.
    Positions that the account does not trade are left out."""

    account_id: TradingAccountId
    snapshot: AccountSnapshot
    sequence: int
    correctable: tuple[Difference, ...]

    def name_keys(self, keys: BatchKeys) -> None:
        keys.accounts.add(self.account_id)

    def decide(self, state: TradingState) -> tuple[Difference, ...] | None:
        account = state.account(self.account_id)
        if account.last_sequence != self.sequence or account.adopted_at_ms is None:
            return None
        snapshot = self.snapshot
        positions = without_untraded(state, account.id, snapshot.positions)
        found = differences(state, account.id, snapshot.balances, positions, is_whole=snapshot.is_whole)
        if found and found == self.correctable:
            apply_snapshot(
                state,
                account.id,
                snapshot.balances,
                positions,
                as_of=snapshot.as_of,
                at_ms=snapshot.at_ms,
                is_whole=snapshot.is_whole,
            )
        return found


@dataclass(frozen=True, slots=True)
class CompareWords:
    """A change that changes nothing: compare single words of the venue with our ledger. The differences are its
    decision; there are none while the account has no snapshot to continue from."""

    account_id: TradingAccountId
    words: tuple[Word, ...]

    def name_keys(self, keys: BatchKeys) -> None:
        keys.accounts.add(self.account_id)

    def decide(self, state: TradingState) -> tuple[Difference, ...]:
        if state.account(self.account_id).adopted_at_ms is None:
            return ()
        balances = [word for word in self.words if isinstance(word, BalanceReport)]
        positions = [word for word in self.words if isinstance(word, PositionReport)]
        return differences(state, self.account_id, balances, positions, is_whole=False)


class CompareBooks:
    """Compares, and remembers what differs. `differing` are the accounts with a difference that was shown and could not
    be corrected yet."""

    def __init__(self, *, storage: Storage, committer: Committer, alarms: Alarms) -> None:
        self._storage = storage
        self._committer = committer
        self._alarms = alarms
        self._expected: dict[TradingAccountId, tuple[Difference, ...]] = {}
        self._words: dict[TradingAccountId, dict[object, Word]] = {}
        """The newest word of each balance and position that no fill of the account is newer than."""
        self.differing: dict[TradingAccountId, tuple[Difference, ...]] = {}
        self.corrections_total = 0

    async def __call__(self, account_id: TradingAccountId, snapshot: AccountSnapshot, sequence: int) -> bool:
        """Compare a snapshot that was taken after the account was at `sequence`. Return whether a new difference was
        found, which a second snapshot has to confirm."""
        expected = self._expected.pop(account_id, ())
        is_explained = await self._may_be_explained(account_id)
        correctable = () if is_explained else expected
        found = await self._committer.commit_report(CompareSnapshot(account_id, snapshot, sequence, correctable))
        if found is None:
            return False
        if not found:
            self.differing.pop(account_id, None)
            return False
        if found == correctable:
            self.differing.pop(account_id, None)
            self.corrections_total += 1
            self._show(account_id, found, is_corrected=True)
            return False
        self._expected[account_id] = found
        if found == expected and self.differing.get(account_id) != found:
            self.differing[account_id] = found
            self._show(account_id, found, is_corrected=False)
        return found != expected

    def note(self, word: Word) -> None:
        """Remember a word of the venue's stream for `compare_words`."""
        words = self._words.setdefault(word.account_id, {})
        subject = word.asset if isinstance(word, BalanceReport) else (word.instrument_id, word.side)
        known = words.get(subject)
        if known is None or known.as_of < word.as_of:
            words[subject] = word

    def forget(self, account_id: TradingAccountId, at_ms: int) -> None:
        """Forget the words from before a fill of that instant (the venue's clock): they lack it."""
        words = self._words.pop(account_id, {})
        if later := {subject: word for subject, word in words.items() if word.at_ms >= at_ms}:
            self._words[account_id] = later

    async def compare_words(self, account_id: TradingAccountId) -> bool:
        """Compare what the venue's stream reported with our ledger. Return whether a new difference was found, which a
        second comparison has to confirm."""
        words = tuple(self._words.get(account_id, {}).values())
        expected = self._expected.pop(account_id, ())
        if not words:
            return False
        found = await self._committer.commit_report(CompareWords(account_id, words))
        if not found:
            self.differing.pop(account_id, None)
            return False
        self._expected[account_id] = found
        if found == expected and self.differing.get(account_id) != found:
            self.differing[account_id] = found
            self._show(account_id, found, is_corrected=False)
        return found != expected

    def start_again(self, account_id: TradingAccountId) -> None:
        """The account's open orders could not all be looked up: what was found before does not count."""
        self._expected.pop(account_id, None)

    def keep_only(self, account_ids: Collection[TradingAccountId]) -> None:
        """Forget the other accounts."""
        for known in (self._expected, self.differing, self._words):
            for account_id in known.keys() - set(account_ids):
                del known[account_id]

    async def _may_be_explained(self, account_id: TradingAccountId) -> bool:
        """Whether something may be booked later that the snapshot contains. Read after the snapshot: what the venue had
        reported by then is on disk."""
        async with self._storage.read() as uow:
            return await uow.kept.may_move_money(account_id) or await uow.orders.has_order_in_doubt(account_id)

    def _show(self, account_id: TradingAccountId, found: tuple[Difference, ...], *, is_corrected: bool) -> None:
        facts = {"account_id": account_id, "differences": found, "is_corrected": is_corrected}
        self._alarms.sound(Alarm.BOOKS_DIFFER, facts)
