"""Open an account's session with its venue, and reconcile what happened before."""

from cadenza.application.accounts.keys import Keys
from cadenza.application.accounts.refused_keys import RefusedKeys
from cadenza.application.orders.reconcile import Reconcile
from cadenza.application.orders.sessions import Sessions
from cadenza.domain.accounts.credential import Credential, Secrets
from cadenza.domain.accounts.trading_account import AccountStatus, TradingAccount
from cadenza.domain.errors import CadenzaError, CredentialRejected, CredentialRevoked
from cadenza.domain.ids import TradingAccountId
from cadenza.ports.storage import Storage

STREAMING = (AccountStatus.ACTIVE, AccountStatus.INACTIVE, AccountStatus.SUSPENDED)
"""Accounts in these states have a session, or have one as soon as their venue accepts their key."""

OPENINGS_MAX = 3
"""How often a session is opened again because the key changed meanwhile. Then the keeper of sessions continues."""


class OpenSession:
    """Opens sessions, each signed by the account's first live key. Safe to repeat."""

    def __init__(
        self, *, storage: Storage, sessions: Sessions, keys: Keys, refused_keys: RefusedKeys, reconcile: Reconcile
    ) -> None:
        self._storage = storage
        self._sessions = sessions
        self._keys = keys
        self._refused_keys = refused_keys
        self._reconcile = reconcile

    async def __call__(self, account: TradingAccount) -> None:
        """Open the session. Raises the cause of a failure and then leaves no session, so that the next try asks the
        venue again. While the venue does not accept the key, the account is SUSPENDED. It also closes a session that is
        obsolete because the account was archived or its key changed meanwhile. New orders wait until it has ended."""
        self._sessions.hold_orders(account)
        try:
            await self._open(account.id)
        except BaseException:  # also when cancelled: no session is left that is not reconciled
            await self._sessions.close(account.id)
            raise
        finally:
            self._sessions.release_orders(account.id)

    async def again(self, account_id: TradingAccountId) -> None:
        """Open the session again if another key has to sign from now on, so that orders need not wait for the keeper. A
        session that the right key signs stays as it is; if that cannot be determined, the session is closed. If the
        venue or the database does not answer, the keeper goes on trying."""
        try:
            async with self._storage.read() as uow:
                account = await uow.accounts.get(account_id)
            if account is not None and account.status in STREAMING:
                await self._open_again(account)
        except CadenzaError:
            await self._sessions.close(account_id)

    async def _open_again(self, account: TradingAccount) -> None:
        self._sessions.hold_orders(account)
        try:
            await self.close_outdated(account.id)
            if not self._sessions.is_open(account.id):
                await self(account)
        finally:
            self._sessions.release_orders(account.id)

    async def close_outdated(self, account_id: TradingAccountId) -> None:
        """Close the session unless the account's first live key signs it."""
        async with self._storage.read() as uow:
            account = await uow.accounts.get(account_id)
            if account is None:
                return
            try:
                signer, _ = await self._keys.open_first(uow, account.tenant_id, account.credential_ids)
            except CredentialRevoked:
                signer = None
        if signer is None or self._sessions.signer(account_id) != signer:
            await self._sessions.close(account_id)

    async def _open(self, account_id: TradingAccountId) -> None:
        right = await self._right(account_id)
        for _ in range(OPENINGS_MAX):
            if right is None:
                return
            account, signer, secrets = right
            try:
                session = await self._sessions.open(account, secrets, signer)
            except CredentialRejected as error:
                right = await self._right(account_id)
                if right is not None and right[1] != signer:
                    continue  # another key signs by now, and the session may be open with it
                if right is not None:
                    await self._refused_keys.refused(account, signer, error)
                raise
            # A disconnect archives first, a rotation or revocation changes the key first, and closes afterwards: it
            # either meets this session, or is seen here.
            right = await self._right(account_id)
            if right is not None and self._sessions.signer(account_id) == right[1]:
                await self._refused_keys.accepted(right[0])
                await self._reconcile(account_id, session)
                return
            await self._sessions.close(account_id)

    async def _right(self, account_id: TradingAccountId) -> tuple[TradingAccount, Credential, Secrets] | None:
        """Return the account with the key that signs for it, or None if it must not have a session. Raises
        `CredentialRevoked` when no live key is left."""
        async with self._storage.read() as uow:
            account = await uow.accounts.get(account_id)
            if account is None or account.status not in STREAMING:
                return None
            return account, *await self._keys.open_first(uow, account.tenant_id, account.credential_ids)
