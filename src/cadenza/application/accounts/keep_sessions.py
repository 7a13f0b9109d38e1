"""Keep sessions: every connected account has an open session, every interrupted operation is brought to an end, and
every order without an answer is asked for.

One supervised loop calls `tick`; after a start the first tick opens everything and reconciles it. Requests need not
wait for that: orders of an account whose session is expected wait for it, and it is opened before the others.
"""

from collections.abc import Mapping, Sequence

from cadenza.application.accounts.change_account import AccountChanger
from cadenza.application.accounts.connect_account import ConnectAccount
from cadenza.application.accounts.disconnect_account import DisconnectAccount
from cadenza.application.accounts.follow_credentials import FollowCredentials
from cadenza.application.accounts.keys import Keys
from cadenza.application.accounts.open_session import STREAMING, OpenSession
from cadenza.application.accounts.update_account import disabled, enabled
from cadenza.application.orders.reconcile import Reconcile
from cadenza.application.orders.sessions import Sessions
from cadenza.domain.accounts.operation import Operation, OperationType
from cadenza.domain.accounts.trading_account import TradingAccount
from cadenza.domain.errors import CadenzaError, CredentialRevoked, VenueUnavailable
from cadenza.domain.ids import CredentialId, TradingAccountId
from cadenza.domain.trading.order import Order
from cadenza.ports.clock import Clock
from cadenza.ports.concurrency import Concurrency
from cadenza.ports.storage import Storage

OPENED_AT_ONCE_MAX = 32
"""Sessions opened at a time: one venue that does not answer must not keep the others waiting one by one."""

ASK_MS_MAX = 10_000
"""How long a venue that is asked about orders is waited for; then it is asked again."""

RETRY_DELAY_MS = 1_000
RETRY_DELAY_MS_MAX = 60_000


class KeepSessions:
    """Idempotent and safe to run for ever. A venue that does not answer is tried again, ever more seldom."""

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
        self._clock = clock
        self._not_before_ms: dict[TradingAccountId, int] = {}
        self._delay_ms: dict[TradingAccountId, int] = {}
        self._due: dict[TradingAccountId, TradingAccount] = {}
        self.has_tried_all = False
        """Whether every session that was to be opened at the start has been tried."""
        self.failing: dict[TradingAccountId, str] = {}

    async def settle_operations(self) -> None:
        """Bring to an end what a crash left PENDING. The last commit of a change ends its operation, so a PENDING one
        was not made to the end: it is made now, or, where that needs what is gone, FAILED. That of a rotation ends with
        the commit that puts the new key in, so where it is PENDING the old key is in place."""
        async with self._storage.read() as uow:
            pending = await uow.operations.pending()
        for operation in pending:
            try:
                await self._settle(operation)
            except CadenzaError:
                continue  # the operation has been ended as FAILED, with the cause

    async def find_due(self) -> None:
        """Expect the sessions that should be open, are not and are due; `tick` opens them. One that a key signs which
        was revoked or rotated is due as well: whoever changed it could not close it, as the database was away."""
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
        signer = self._sessions.signer(account.id)
        if signer is None:
            return self._sessions.is_open(account.id)
        first = next((id for id in account.credential_ids if id in versions), None)
        return signer.id == first and signer.version == versions[first]

    async def tick(self) -> None:
        """Open what should be open and is due, and ask about orders that wait too long for an answer."""
        await self.find_due()
        await self._concurrency.gather(*(self._open_due() for _ in range(min(OPENED_AT_ONCE_MAX, len(self._due)))))
        self.has_tried_all = True
        waiting = (await self._reconcile.waiting()).items()
        await self._concurrency.gather(
            *(self._ask(account_id, orders) for account_id, orders in waiting if self._sessions.is_open(account_id))
        )

    async def _open_due(self) -> None:
        """Open what is due, one after another, those first that an order waits for."""
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
        try:
            await self._open_session(account)
        except CredentialRevoked:
            await self._follow.lock_forgotten(account.id)

    async def _ask(self, account_id: TradingAccountId, orders: Sequence[Order]) -> None:
        try:
            if not await self._concurrency.within(ASK_MS_MAX, self._asked(account_id, orders)):
                raise VenueUnavailable("the venue does not say what became of its orders")
        except CadenzaError as error:
            self.failing[account_id] = error.code
        else:
            self.failing.pop(account_id, None)

    async def _asked(self, account_id: TradingAccountId, orders: Sequence[Order]) -> bool:
        await self._reconcile.ask(self._sessions.get(account_id), orders)
        return True

    def _back_off(self, account_id: TradingAccountId, error: CadenzaError) -> None:
        delay_ms = self._delay_ms.get(account_id, RETRY_DELAY_MS)
        self._delay_ms[account_id] = min(delay_ms * 2, RETRY_DELAY_MS_MAX)
        self._not_before_ms[account_id] = self._clock.monotonic_ms() + delay_ms
        self.failing[account_id] = error.code

    async def _settle(self, operation: Operation) -> None:
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
