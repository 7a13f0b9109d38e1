"""Keep sessions: every connected account has an open session, every session that was restored is reconciled, and every
interrupted operation is brought to an end.

One supervised loop calls `tick`; after a start the first tick opens everything and reconciles it. Requests are answered
meanwhile. An order of an account whose session is expected waits for that session, which is opened before the others.
"""

from collections.abc import Awaitable, Callable, Mapping

from cadenza.application.accounts.change_account import AccountChanger
from cadenza.application.accounts.connect_account import ConnectAccount
from cadenza.application.accounts.disconnect_account import DisconnectAccount
from cadenza.application.accounts.follow_credentials import FollowCredentials
from cadenza.application.accounts.keys import Keys
from cadenza.application.accounts.open_session import STREAMING, OpenSession
from cadenza.application.accounts.update_account import disabled, enabled
from cadenza.application.orders.reconcile import Reconcile
from cadenza.application.orders.sessions import Restored, Sessions
from cadenza.domain.accounts.operation import Operation, OperationType
from cadenza.domain.accounts.trading_account import TradingAccount
from cadenza.domain.errors import CadenzaError, CredentialRevoked, VenueUnavailable
from cadenza.domain.ids import CredentialId, TradingAccountId, VenueId
from cadenza.ports.clock import Clock
from cadenza.ports.concurrency import Concurrency
from cadenza.ports.storage import Storage

OPENED_AT_ONCE_MAX = 32
"""Sessions that are opened at a time, so that a venue that does not answer does not hold up the others one by one."""

RECONCILE_MS_MAX = 120_000
"""How long reconciling a restored session may take. Then it is started again."""

_AT_THE_VENUE = frozenset({OperationType.CONNECT, OperationType.CREDENTIAL_REVOKE})
"""Operations that need the venue or a session with it."""

RETRY_DELAY_MS = 1_000
RETRY_DELAY_MS_MAX = 60_000


class KeepSessions:
    """Keeps the sessions open. `tick` is idempotent. A venue that does not answer is tried again with growing
    pauses."""

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
        self._due: dict[TradingAccountId, TradingAccount] = {}
        self._reconciling: set[TradingAccountId] = set()
        self._interrupted: list[Operation] = []
        self.has_tried_all = False
        """Whether every session that has to be opened at the start has been tried."""
        self.failing: dict[TradingAccountId, str] = {}

    async def settle_operations(self) -> None:
        """Settle the operations that a crash left PENDING. Call it before requests are accepted. The last commit of a
        change ends its operation, so a PENDING one is incomplete: it is completed now, or FAILED if that needs what the
        crash destroyed. A rotation's operation ends with the commit that stores the new key; while it is PENDING, the
        old key is in place. Operations that need their venue are left to `settle_at_venues`, so that no venue delays a
        start.
        """
        async with self._storage.read() as uow:
            pending = await uow.operations.pending()
        self._interrupted = [operation for operation in pending if operation.type in _AT_THE_VENUE]
        for operation in pending:
            if operation.type not in _AT_THE_VENUE:
                await self._settle(operation)

    async def settle_at_venues(self) -> None:
        """Settle the remaining PENDING operations, each as soon as its venue has been tried."""
        interrupted, self._interrupted = self._interrupted, []
        await self._concurrency.gather(*map(self._settle_at_venue, interrupted))

    async def _settle_at_venue(self, operation: Operation) -> None:
        async with self._storage.read() as uow:
            account = await uow.accounts.get(operation.account_id)
        if account is not None:
            await self._first_try(account.venue_id)
        await self._settle(operation)

    async def find_due(self) -> None:
        """Expect the sessions that should be open, are closed and are due; `tick` opens them. A session that a revoked
        or rotated key still signs is due too: it was not closed with the change, because the database did not
        answer."""
        async with self._storage.read() as uow:
            accounts = await uow.accounts.with_status(STREAMING)
            versions = await uow.credentials.live_versions(
                {id for account in accounts for id in account.credential_ids}
            )
        now_ms = self._clock.monotonic_ms()
        for account in accounts:
            is_due = not self._is_rightly_open(account, versions) and now_ms >= self._not_before_ms.get(account.id, 0)
            if is_due and account.id not in self._due:
                self._due[account.id] = account
                self._sessions.expect(account)

    def _is_rightly_open(self, account: TradingAccount, versions: Mapping[CredentialId, int]) -> bool:
        if not self._sessions.is_open(account.id):
            return False
        signer = self._sessions.signer(account.id)
        if signer is None:
            return True
        first = next((id for id in account.credential_ids if id in versions), None)
        return signer.id == first and signer.version == versions[first]

    async def tick(self) -> None:
        """Open the sessions that are due, and reconcile the restored ones."""
        await self.find_due()
        if self._interrupted:
            self._concurrency.spawn("settle operations at venues", self.settle_at_venues())
        await self._concurrency.gather(*(self._open_due() for _ in range(min(OPENED_AT_ONCE_MAX, len(self._due)))))
        self.has_tried_all = True
        now_ms = self._clock.monotonic_ms()
        for restored in self._sessions.to_reconcile():
            account_id = restored.account_id
            if account_id not in self._reconciling and self._not_before_ms.get(account_id, now_ms) <= now_ms:
                self._reconciling.add(account_id)
                self._concurrency.spawn(f"reconcile {account_id}", self._reconcile_restored(restored))

    async def _open_due(self) -> None:
        """Open the due sessions one after another. Those that an order waits for come first."""
        while self._due:
            wanted = next((each for each in self._sessions.wanted() if each in self._due), None)
            account = self._due.pop(wanted or next(iter(self._due)))
            try:
                await self._open(account)
            finally:
                self._sessions.settle(account.id)

    async def _open(self, account: TradingAccount) -> None:
        try:
            await self._open_or_lock(account)
        except CadenzaError as error:
            self._back_off(account.id, error)
        else:
            self._delay_ms.pop(account.id, None)
            self.failing.pop(account.id, None)

    async def _open_or_lock(self, account: TradingAccount) -> None:
        await self._first_try(account.venue_id)
        try:
            await self._open_session(account)
        except CredentialRevoked:
            await self._follow.lock_forgotten(account.id)

    async def _reconcile_restored(self, restored: Restored) -> None:
        account_id = restored.account_id
        try:
            if not await self._concurrency.within(RECONCILE_MS_MAX, self._reconciled(restored)):
                raise VenueUnavailable("the venue did not report in time what happened while the session was lost")
        except CadenzaError as error:
            self._back_off(account_id, error)
        else:
            self._delay_ms.pop(account_id, None)
            self.failing.pop(account_id, None)
        finally:
            self._reconciling.discard(account_id)

    async def _reconciled(self, restored: Restored) -> bool:
        await self._reconcile(restored.account_id, restored.session, restored.gap_since_ms)
        self._sessions.reconciled(restored)
        return True

    def _back_off(self, account_id: TradingAccountId, error: CadenzaError) -> None:
        delay_ms = self._delay_ms.get(account_id, RETRY_DELAY_MS)
        self._delay_ms[account_id] = min(delay_ms * 2, RETRY_DELAY_MS_MAX)
        self._not_before_ms[account_id] = self._clock.monotonic_ms() + delay_ms
        self.failing[account_id] = error.code

    def try_again(self) -> None:
        """Retry at the next `tick` the accounts of a venue that has come back, without their remaining pause."""
        self._not_before_ms.clear()

    async def _settle(self, operation: Operation) -> None:
        try:
            await self._settled(operation)
        except CadenzaError:
            return  # the operation has been ended as FAILED, with the cause

    async def _settled(self, operation: Operation) -> None:
        match operation.type:
            case OperationType.CONNECT:
                await self._settle_connect(operation)
            case OperationType.DISCONNECT:
                await self._disconnect.settle(operation)
            case OperationType.ENABLE:
                await self._changer.finish(operation, enabled)
            case OperationType.DISABLE:
                await self._changer.finish(operation, disabled)
            case OperationType.CREDENTIAL_REVOKE:
                await self._follow(operation)
            case OperationType.UPDATE | OperationType.CREDENTIAL_ROTATE:
                await self._changer.fail(operation, "INTERRUPTED")

    async def _settle_connect(self, operation: Operation) -> None:
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
