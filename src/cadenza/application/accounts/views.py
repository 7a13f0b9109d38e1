"""The results of the account use cases."""

from collections.abc import Iterable
from dataclasses import dataclass

from cadenza.domain.accounts.credential import Credential
from cadenza.domain.accounts.trading_account import TradingAccount
from cadenza.domain.ids import CredentialId
from cadenza.ports.storage import UnitOfWork
from cadenza.ports.storage.accounts import CredentialFilter


@dataclass(frozen=True, slots=True)
class AccountView:
    """An account with the facts of its credentials."""

    account: TradingAccount
    credentials: tuple[Credential, ...]


async def with_credentials(uow: UnitOfWork, accounts: Iterable[TradingAccount]) -> list[AccountView]:
    """Return views of accounts of one or several tenants, in their order."""
    accounts = list(accounts)
    known: dict[CredentialId, Credential] = {}
    for tenant_id in {account.tenant_id for account in accounts}:
        ids = {i for account in accounts if account.tenant_id == tenant_id for i in account.credential_ids}
        found = await uow.credentials.list(CredentialFilter(tenant_id=tenant_id, ids=tuple(ids)))
        known.update((credential.id, credential) for credential in found)
    return [AccountView(account, tuple(known[i] for i in account.credential_ids if i in known)) for account in accounts]
