"""Storage: a unit of work over repositories, one per aggregate.

`async with storage.begin() as uow:` is one transaction. Law: changes that `await uow.commit()` did not commit are
rolled back when the block is left. After a commit the unit must not be used any more. `storage.read()` gives the same
repositories for reading. Everything read in one unit is of one instant, so a page agrees with its total, an order with
its executions and a balance with its position, whatever is committed meanwhile. A database that does not answer raises
`DatabaseUnavailable`.
"""

from contextlib import AbstractAsyncContextManager
from typing import Protocol

from cadenza.ports.jobs import Jobs
from cadenza.ports.storage.accounts import (
    AccountRepository,
    CredentialRepository,
    OperationRepository,
    SubscriptionRepository,
)
from cadenza.ports.storage.api_keys import ApiKeyRepository, AuditRepository
from cadenza.ports.storage.brake import BrakeRepository
from cadenza.ports.storage.identity import IdentityRepository
from cadenza.ports.storage.market import CatalogueRepository, VenueConditions
from cadenza.ports.storage.relay import RelayRepository
from cadenza.ports.storage.trading import EventLog, ExecutionQueries, KeptReports, NewsGaps, OrderQueries

__all__ = ["Storage", "UnitOfWork"]


class UnitOfWork(Protocol):
    """The repositories of one transaction."""

    orders: OrderQueries
    executions: ExecutionQueries
    kept: KeptReports
    gaps: NewsGaps
    events: EventLog
    accounts: AccountRepository
    credentials: CredentialRepository
    operations: OperationRepository
    subscriptions: SubscriptionRepository
    catalogue: CatalogueRepository
    venues: VenueConditions
    identity: IdentityRepository
    api_keys: ApiKeyRepository
    audit: AuditRepository
    jobs: Jobs
    relay: RelayRepository
    brake: BrakeRepository

    async def commit(self) -> None: ...


class Storage(Protocol):
    """The committer reads and writes through `ports.storage.trading` instead."""

    def begin(self) -> AbstractAsyncContextManager[UnitOfWork]: ...

    def read(self) -> AbstractAsyncContextManager[UnitOfWork]: ...
