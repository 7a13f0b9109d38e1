"""Open an account's session with its venue, and learn what happened while there was none."""

from cadenza.application.accounts.keys import Keys
from cadenza.application.orders.reconcile import Reconcile
from cadenza.application.orders.sessions import Sessions
from cadenza.domain.accounts.credential import Credential
from cadenza.domain.accounts.trading_account import AccountStatus, TradingAccount
from cadenza.domain.errors import CadenzaError
from cadenza.domain.ids import TradingAccountId
from cadenza.ports.storage import Storage

STREAMING = (AccountStatus.ACTIVE, AccountStatus.INACTIVE)
"""Accounts in these states have a session."""


class OpenSession:
    """Signs with the account's first live key. Safe to repeat."""

    def __init__(self, *, storage: Storage, sessions: Sessions, keys: Keys, reconcile: Reconcile) -> None:
        self._storage = storage
        self._sessions = sessions
        self._keys = keys
        self._reconcile = reconcile

    async def __call__(self, account: TradingAccount) -> None:
        """Raises the cause when it fails, and leaves no session then, so that the next try asks the venue again, nor
        one that is not right any more: the account was archived meanwhile, or its key changed, which `again` or the
        keeper opens it with. New orders wait until it has ended."""
        self._sessions.expect(account)
        try:
            async with self._storage.read() as uow:
                signer, secrets = await self._keys.open_first(uow, account.tenant_id, account.credential_ids)
            session = await self._sessions.open(account, secrets)
            # A disconnect archives first, a rotation or revocation changes the key first, and closes afterwards: it
            # either meets this session, or is seen here.
            if not await self._is_still_right(account.id, signer):
                await self._sessions.close(account.id)
                return
            await self._reconcile.whole_account(account.id, session)
        except CadenzaError:
            await self._sessions.close(account.id)
            raise
        finally:
            self._sessions.settle(account.id)

    async def again(self, account_id: TradingAccountId) -> None:
        """Open it anew where it should be open, as another key signs from now on: orders need not wait for the keeper.
        Where the venue does not answer, the keeper goes on trying."""
        async with self._storage.read() as uow:
            account = await uow.accounts.get(account_id)
        if account is None or account.status not in STREAMING:
            await self._sessions.close(account_id)
            return
        self._sessions.expect(account)
        try:
            await self._sessions.close(account_id)
            await self(account)
        except CadenzaError:
            return
        finally:
            self._sessions.settle(account_id)

    async def _is_still_right(self, account_id: TradingAccountId, signer: Credential) -> bool:
        async with self._storage.read() as uow:
            account = await uow.accounts.get(account_id)
            is_current = await self._keys.current(uow, signer) == signer
        return is_current and account is not None and account.status in STREAMING
