"""Accounts, credentials, operations and subscriptions."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from cadenza.domain.accounts.balance import Balance
from cadenza.domain.accounts.credential import Credential, CredentialStatus, CredentialType
from cadenza.domain.accounts.operation import Operation, OperationType
from cadenza.domain.accounts.trading_account import AccountStatus, TradingAccount
from cadenza.domain.ids import (
    CredentialId,
    InstrumentId,
    OperationId,
    SubscriptionId,
    TenantId,
    TradingAccountId,
    UserId,
    VenueId,
)
from cadenza.domain.market.subscription import Subscription, SubscriptionType
from cadenza.domain.trading.position import Position


@dataclass(frozen=True, slots=True)
class SealedSecrets:
    """Secret material as stored: AES-256-GCM ciphertext under a per-record key that the master key `key_id` wraps."""

    key_id: str
    wrapped_key: bytes
    nonce: bytes
    ciphertext: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountFilter:
    """Selects accounts; None means any. Only an operator may leave `tenant_id` None. `accounts` are the only ones that
    exist for the caller."""

    tenant_id: TenantId | None
    account_id: TradingAccountId | None = None
    venue_id: VenueId | None = None
    status: AccountStatus | None = None
    user_id: UserId | None = None
    is_archived: bool | None = None
    accounts: Collection[TradingAccountId] | None = None


class AccountRepository(Protocol):
    """Adds and reads accounts. The committer makes all changes of existing accounts, because they may run into other
    changes."""

    async def add(self, account: TradingAccount) -> bool:
        """Insert the account. When the tenant has that external account connected already, write nothing and return
        False."""

    async def get(self, account_id: TradingAccountId, *, lock: bool = False) -> TradingAccount | None: ...

    async def get_many(self, account_ids: Sequence[TradingAccountId]) -> Sequence[TradingAccount]:
        """Return those of the accounts that exist, in any order."""

    async def find_connected(self, tenant_id: TenantId, venue_id: VenueId, external_id: str) -> TradingAccount | None:
        """Return the tenant's account for that external account unless it was disconnected."""

    async def find_former(self, tenant_id: TenantId, venue_id: VenueId, external_id: str) -> TradingAccount | None:
        """Return the newest of the tenant's accounts for that external account that were disconnected."""

    async def page(self, filter: AccountFilter, *, offset: int, limit: int) -> Sequence[TradingAccount]:
        """Newest first, by (created_at, id)."""

    async def count(self, filter: AccountFilter) -> int: ...

    async def with_status(self, statuses: Sequence[AccountStatus]) -> Sequence[TradingAccount]:
        """Return accounts of all tenants, for the platform's own work."""

    async def balances(self, account_ids: Sequence[TradingAccountId]) -> Sequence[Balance]: ...

    async def positions(self, account_ids: Sequence[TradingAccountId]) -> Sequence[Position]:
        """Return all open positions, and for each account the newest 100 of those that closed within the last day."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CredentialFilter:
    tenant_id: TenantId
    type: CredentialType | None = None
    status: CredentialStatus | None = None
    ids: tuple[CredentialId, ...] | None = None


class CredentialRepository(Protocol):
    async def add(self, credential: Credential, sealed: SealedSecrets) -> None: ...

    async def update(self, credential: Credential, sealed: SealedSecrets | None = None) -> None:
        """Write status, times and version, and the sealed secrets when given."""

    async def get(
        self, credential_id: CredentialId, *, lock: bool = False
    ) -> tuple[Credential, SealedSecrets] | None: ...

    async def list(self, filter: CredentialFilter) -> Sequence[Credential]:
        """Newest first."""

    async def live_versions(self, ids: Collection[CredentialId]) -> Mapping[CredentialId, int]:
        """Return the versions of those credentials that are not revoked."""

    async def accounts_using(self, credential_id: CredentialId) -> Sequence[TradingAccountId]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class OperationFilter:
    """Selects operations; None means any. `accounts` are the only ones that exist for the caller."""

    tenant_id: TenantId
    account_id: TradingAccountId | None = None
    type: OperationType | None = None
    start_ms: int | None = None
    end_ms: int | None = None
    accounts: Collection[TradingAccountId] | None = None


class OperationRepository(Protocol):
    async def add(self, operation: Operation) -> None: ...

    async def finish(self, operation: Operation) -> None: ...

    async def page(
        self, filter: OperationFilter, *, after: tuple[int, OperationId] | None, offset: int, limit: int
    ) -> Sequence[Operation]:
        """Newest first, by (created_at, id)."""

    async def count(self, filter: OperationFilter) -> int: ...

    async def pending(self) -> Sequence[Operation]:
        """Return the operations that are PENDING, as a crash leaves them."""


class SubscriptionRepository(Protocol):
    async def add(self, subscription: Subscription) -> Subscription:
        """Insert the subscription, or return the tenant's ACTIVE one for the same target."""

    async def get(self, subscription_id: SubscriptionId) -> Subscription | None: ...

    async def find_active(
        self,
        tenant_id: TenantId,
        type: SubscriptionType,
        *,
        account_id: TradingAccountId | None = None,
        instrument_id: InstrumentId | None = None,
    ) -> Subscription | None: ...

    async def update(self, subscription: Subscription) -> None: ...

    async def active(
        self,
        tenant_id: TenantId | None,
        type: SubscriptionType,
        *,
        account_id: TradingAccountId | None = None,
        instrument_id: InstrumentId | None = None,
    ) -> Sequence[Subscription]:
        """Return ACTIVE subscriptions, newest first; those of all tenants when `tenant_id` is None."""
