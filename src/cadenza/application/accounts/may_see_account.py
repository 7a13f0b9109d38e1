"""Whether a caller may see an account. An account that a caller may not see does not exist for it."""

from cadenza.domain.identity.actor import Actor
from cadenza.domain.ids import TradingAccountId
from cadenza.ports.storage import Storage


class MaySeeAccount:
    """Both sockets ask this before a client may subscribe to an account."""

    def __init__(self, *, storage: Storage) -> None:
        self._storage = storage

    async def __call__(self, actor: Actor, account_id: TradingAccountId) -> bool:
        """Return whether the account belongs to the actor's tenant, and to the accounts of the actor's key. Raises
        `DatabaseUnavailable`."""
        if not actor.sees(account_id):
            return False
        async with self._storage.read() as uow:
            account = await uow.accounts.get(account_id)
        return account is not None and account.tenant_id == actor.tenant_id
