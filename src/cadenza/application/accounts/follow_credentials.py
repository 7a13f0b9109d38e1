"""Bring an account in line with its credentials: a live one signs for it, and an account without a live one is
locked."""

from cadenza.application.accounts.change_account import AccountChanger, Transition
from cadenza.application.accounts.open_session import STREAMING, OpenSession
from cadenza.application.orders.sessions import Sessions
from cadenza.domain.accounts.credential import CredentialStatus
from cadenza.domain.accounts.operation import Operation, OperationType
from cadenza.domain.accounts.trading_account import AccountStatus, TradingAccount
from cadenza.domain.identity.origin import PLATFORM, Origin
from cadenza.domain.ids import CredentialId, TradingAccountId
from cadenza.ports.storage import Storage, UnitOfWork
from cadenza.ports.storage.accounts import CredentialFilter


class FollowCredentials:
    """Ends the operation that a change of a credential began for its account. Safe to repeat. A session that another
    live key signs continues. If another key has to sign, new orders wait for its session.
    """

    def __init__(
        self, *, storage: Storage, sessions: Sessions, open_session: OpenSession, changer: AccountChanger
    ) -> None:
        self._storage = storage
        self._sessions = sessions
        self._open_session = open_session
        self._changer = changer

    async def __call__(self, operation: Operation, origin: Origin = PLATFORM) -> None:
        """Follow the change, which `origin` caused. After a failure no session is left, and the keeper of sessions
        opens the right one."""
        try:
            await self._follow(operation, origin)
        except BaseException:  # after any failure it is unknown which key may sign
            await self._sessions.close(operation.account_id)
            raise

    async def _follow(self, operation: Operation, origin: Origin) -> None:
        async with self._storage.read() as uow:
            account = await uow.accounts.get(operation.account_id)
            if account is None:
                return
            is_live = await _has_live_credential(uow, account)
        self._sessions.hold_orders(account)
        try:
            await self._open_session.close_outdated(account.id)
            transition = _unchanged if is_live else locked_with(account.credential_ids)
            await self._changer.finish(operation, transition, origin)
            await self._open_session.again(account.id)
        finally:
            self._sessions.release_orders(account.id)

    async def sign_again(self, account_id: TradingAccountId) -> None:
        """Bring the session of an account that continues in line with its changed key."""
        await self._open_session.again(account_id)

    async def lock_forgotten(self, account_id: TradingAccountId) -> None:
        """Lock an account without a live credential that is not locked yet. This happens when the last credential was
        revoked before the account became visible, and the process died before its connect could notice."""
        async with self._storage.read() as uow:
            account = await uow.accounts.get(account_id)
            if account is None or account.status not in STREAMING or await _has_live_credential(uow, account):
                return
        await self(await self._changer.begin(account, OperationType.CREDENTIAL_REVOKE))


async def _has_live_credential(uow: UnitOfWork, account: TradingAccount) -> bool:
    filter = CredentialFilter(tenant_id=account.tenant_id, status=CredentialStatus.CREATED, ids=account.credential_ids)
    return bool(await uow.credentials.list(filter))


def _unchanged(account: TradingAccount, now_ms: int) -> TradingAccount:
    return account


def locked_with(credential_ids: tuple[CredentialId, ...]) -> Transition:
    """Lock the account, unless a connect has given it other credentials meanwhile: these were found not to reach it any
    more."""

    def locked(account: TradingAccount, now_ms: int) -> TradingAccount:
        gone = (AccountStatus.DISCONNECTED, AccountStatus.DELETED, AccountStatus.LOCKED)
        if account.status in gone or account.credential_ids != credential_ids:
            return account
        return account.with_status(AccountStatus.LOCKED, now_ms)

    return locked
