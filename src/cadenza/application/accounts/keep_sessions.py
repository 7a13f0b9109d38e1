"""Keep sessions: every connected account has an open session, every session that was restored is reconciled, and every
interrupted operation is brought to an end.

One supervised loop calls `tick`, which waits for no venue: after a start the first tick begins to open everything.
Requests are answered meanwhile. An order of an account whose session is being opened waits for that session, which is
opened before the others.
"""

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from typing import Any

from cadenza.application.accounts.change_account import AccountChanger
from cadenza.application.accounts.connect_account import ConnectAccount
from cadenza.application.accounts.disconnect_account import DisconnectAccount
from cadenza.application.accounts.follow_credentials import FollowCredentials
from cadenza.application.accounts.keys import Keys
from cadenza.application.accounts.open_session import STREAMING, OpenSession
from cadenza.application.accounts.restore_pauses import RestorePauses
from cadenza.application.accounts.turns import Turns
from cadenza.application.accounts.update_account import disabled, enabled
from cadenza.application.orders.reconcile import Reconcile
from cadenza.application.orders.sessions import Sessions
from cadenza.domain.accounts.operation import Operation, OperationType
from cadenza.domain.accounts.trading_account import TradingAccount
from cadenza.domain.errors import CadenzaError, CredentialRevoked, InternalError
from cadenza.domain.ids import CredentialId, TradingAccountId, VenueId
from cadenza.ports.clock import Clock
from cadenza.ports.concurrency import Concurrency
from cadenza.ports.storage import Storage

ACCOUNTS_PER_VENUE_MAX = 8
"""The most accounts of one venue whose sessions are opened or reconciled at a time; the others of that venue wait."""

FIRST_TRIES_MS_MAX = 60_000
"""Whatever waits for every session to have been tried waits at most this long, counted from the start."""

_AT_THE_VENUE = frozenset({OperationType.CONNECT, OperationType.CREDENTIAL_REVOKE})
"""Operations that need the venue or a session with it."""

RETRY_DELAY_MS = 1_000
RETRY_DELAY_MS_MAX = 60_000


class KeepSessions:
    """Keeps the sessions open. `tick` is idempotent. A venue that does not answer is tried again with growing pauses,
    and so is an account whose session is lost again and again (`RestorePauses`)."""

    def __init__(
        self,
        *,
        storage: Storage,
        sessions: Sessions,
        keys: Keys,
        open_session: OpenSession,
        reconcile: Reconcile,
        connect: ConnectAccount,
        disconnect: DisconnectAccount,
        follow: FollowCredentials,
        changer: AccountChanger,
        first_try: Callable[[VenueId], Awaitable[None]],
        clock: Clock,
        concurrency: Concurrency,
    ) -> None:
        self._concurrency = concurrency
        self._storage = storage
        self._sessions = sessions
        self._keys = keys
        self._open_session = open_session
        self._reconcile = reconcile
        self._connect = connect
        self._disconnect = disconnect
        self._follow = follow
        self._changer = changer
        self._first_try = first_try
        self._clock = clock
        self._not_before_ms: dict[TradingAccountId, int] = {}
        self._delay_ms: dict[TradingAccountId, int] = {}
        self._restores = RestorePauses()
        self._turns = Turns(ACCOUNTS_PER_VENUE_MAX)
        self._to_open: set[TradingAccountId] = set()
        self._untried: set[TradingAccountId] | None = None
        self._tried_by_ms = clock.monotonic_ms() + FIRST_TRIES_MS_MAX
        self._interrupted: list[Operation] = []
        self.failing: dict[TradingAccountId, str] = {}

    @property
    def has_tried_all(self) -> bool:
        """Whether every session that had to be opened at the start has been tried once (opened and reconciled, or
        failed), or has had its time for that."""
        return self._untried == set() or self._clock.monotonic_ms() >= self._tried_by_ms

    async def finish_operations(self) -> None:
        """Settle the operations that a crash left PENDING. Call it before requests are accepted. The last commit of a
        change ends its operation, so a PENDING one is incomplete: it is completed now, or FAILED if that needs what the
        crash destroyed. A rotation's operation ends with the commit that stores the new key; while it is PENDING, the
        old key is in place. Operations that need their venue are left to `finish_at_venues`, so that no venue delays a
        start.
        """
        async with self._storage.read() as uow:
            pending = await uow.operations.pending()
        self._interrupted = [operation for operation in pending if operation.type in _AT_THE_VENUE]
        for operation in pending:
            if operation.type not in _AT_THE_VENUE:
                await self._finish(operation)

    async def finish_at_venues(self) -> None:
        """Settle the remaining PENDING operations, each as soon as its venue has been tried."""
        interrupted, self._interrupted = self._interrupted, []
        await self._concurrency.gather(*map(self._finish_at_venue, interrupted))

    async def _finish_at_venue(self, operation: Operation) -> None:
        async with self._storage.read() as uow:
            account = await uow.accounts.get(operation.account_id)
        if account is not None:
            await self._first_try(account.venue_id)
        await self._finish(operation)

    async def find_due(self) -> None:
        """Expect the sessions that should be open, are closed and are due; `tick` opens them. A session that a revoked
        or rotated key still signs is due too: it was not closed with the change, because the database did not
        answer."""
        async with self._storage.read() as uow:
            accounts = await uow.accounts.with_status(STREAMING)
            versions = await uow.credentials.live_versions(
                {id for account in accounts for id in account.credential_ids}
            )
        self._forget_others({account.id for account in accounts})
        for account in accounts:
            is_due = not self._is_rightly_open(account, versions) and self._may_try(account.id)
            if is_due and account.id not in self._turns and self._may_open_again(account.id):
                self._to_open.add(account.id)
                self._turns.add(account, has_failed=account.id in self.failing)
                self._sessions.hold_orders(account)
        if self._untried is None:
            self._untried = set(self._to_open)

    def _may_try(self, account_id: TradingAccountId) -> bool:
        return self._clock.monotonic_ms() >= self._not_before_ms.get(account_id, 0)

    def _may_open_again(self, account_id: TradingAccountId) -> bool:
        """Return False during the pause of an account whose sessions end again and again. A session that was closed
        here is opened at once."""
        has_ended = self._sessions.signer(account_id) is not None and not self._sessions.is_open(account_id)
        return not has_ended or self._may_restore(account_id)

    def _may_restore(self, account_id: TradingAccountId) -> bool:
        return self._restores.may_restore(account_id, self._clock.monotonic_ms())

    def _forget_others(self, account_ids: Collection[TradingAccountId]) -> None:
        """Forget the failures of accounts that have no session any more."""
        known: Sequence[dict[TradingAccountId, Any]] = (
            self._not_before_ms,
            self._delay_ms,
            self.failing,
            self._sessions.refused_keys,
        )
        for of_accounts in known:
            for account_id in of_accounts.keys() - account_ids:
                del of_accounts[account_id]

    def _is_rightly_open(self, account: TradingAccount, versions: Mapping[CredentialId, int]) -> bool:
        signer = self._sessions.signer(account.id)
        if signer is None or not self._sessions.is_open(account.id):
            return False
        first = next((id for id in account.credential_ids if id in versions), None)
        return signer.id == first and signer.version == versions[first]

    async def tick(self) -> None:
        """Begin to open the sessions that are due and to reconcile the restored ones, as far as their venues have room.
        The others follow as soon as there is room again."""
        self._restores.tick(self._clock.monotonic_ms())
        await self.find_due()
        if self._interrupted:
            self._concurrency.spawn("finish operations at venues", self.finish_at_venues())
        for restored in self._sessions.to_reconcile():
            account = restored.account
            if account.id not in self._turns and self._may_try(account.id) and self._may_restore(account.id):
                self._turns.add(account, has_failed=account.id in self.failing)
        self._take_turns()

    def _take_turns(self) -> None:
        while (account := self._turns.take(self._sessions.waited_for())) is not None:
            self._concurrency.spawn(f"session of {account.id}", self._take_turn(account))

    async def _take_turn(self, account: TradingAccount) -> None:
        """Open the account's session, or reconcile the restored one. Afterwards another account takes its turn."""
        failure: str | None = InternalError.code
        try:
            if account.id in self._to_open:
                await self._open(account)
            else:
                await self._reconcile_restored(account.id)
            failure = None
        except CadenzaError as error:
            failure = error.code
        finally:
            self._note(account.id, failure)
            self._turns.end(account.id)
        self._take_turns()

    async def _open(self, account: TradingAccount) -> None:
        try:
            await self._first_try(account.venue_id)
            await self._open_session(account)
        except CredentialRevoked:
            await self._follow.lock_forgotten(account.id)
        finally:
            self._to_open.discard(account.id)
            if self._untried:
                self._untried.discard(account.id)
            self._sessions.release_orders(account.id)

    async def _reconcile_restored(self, account_id: TradingAccountId) -> None:
        """Reconcile the account, unless its session was closed or lost again while it waited for its turn."""
        for restored in self._sessions.to_reconcile():
            if restored.account.id == account_id:
                await self._reconcile(account_id, restored.session, restored.gap_since_ms)
                self._sessions.reconciled(restored)

    def _note(self, account_id: TradingAccountId, failure: str | None) -> None:
        """Note how trying an account went. After a failure the pause before the next try is twice as long."""
        if failure is None:
            self._delay_ms.pop(account_id, None)
            self.failing.pop(account_id, None)
            self._restores.restored(account_id, self._clock.monotonic_ms())
            return
        delay_ms = self._delay_ms.get(account_id, RETRY_DELAY_MS)
        self._delay_ms[account_id] = min(delay_ms * 2, RETRY_DELAY_MS_MAX)
        self._not_before_ms[account_id] = self._clock.monotonic_ms() + delay_ms
        self.failing[account_id] = failure

    def try_again(self) -> None:
        """Retry at the next `tick` the accounts of a venue that has come back, without their remaining pause."""
        self._not_before_ms.clear()

    async def _finish(self, operation: Operation) -> None:
        try:
            await self._finished(operation)
        except CadenzaError:
            return  # the operation has been ended as FAILED, with the cause

    async def _finished(self, operation: Operation) -> None:
        match operation.type:
            case OperationType.CONNECT:
                await self._finish_connect(operation)
            case OperationType.DISCONNECT:
                await self._disconnect.finish(operation)
            case OperationType.ENABLE:
                await self._changer.finish(operation, enabled)
            case OperationType.DISABLE:
                await self._changer.finish(operation, disabled)
            case OperationType.CREDENTIAL_REVOKE:
                await self._follow(operation)
            case OperationType.UPDATE | OperationType.CREDENTIAL_ROTATE:
                await self._changer.fail(operation, "INTERRUPTED")

    async def _finish_connect(self, operation: Operation) -> None:
        async with self._storage.read() as uow:
            account = await uow.accounts.get(operation.account_id)
        if account is None:
            return
        try:
            async with self._storage.read() as uow:
                opened = await self._keys.open_first(uow, account.tenant_id, account.credential_ids)
        except CadenzaError as error:
            await self._changer.fail(operation, error.code)
            raise
        await self._connect.activate(account, [opened], operation)
