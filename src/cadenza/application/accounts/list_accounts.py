"""List accounts and their operations."""

from dataclasses import dataclass
from uuid import UUID

from cadenza.application.accounts.views import AccountView, with_credentials
from cadenza.application.paging import CursorCodec, Page, page_of
from cadenza.application.tenancy import require_own_account
from cadenza.domain.accounts.operation import Operation, OperationType
from cadenza.domain.accounts.trading_account import AccountStatus
from cadenza.domain.errors import InsufficientScope, InvalidRequest
from cadenza.domain.identity.actor import Actor, Scope
from cadenza.domain.ids import OperationId, TenantId, TradingAccountId, UserId, VenueId
from cadenza.ports.storage import Storage
from cadenza.ports.storage.accounts import AccountFilter, OperationFilter


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountQuery:
    """Selects accounts; None means any. `user_id` and `tenant_id` need the scope admin; another tenant needs an
    operator."""

    account_id: TradingAccountId | None = None
    venue_id: VenueId | None = None
    status: AccountStatus | None = None
    user_id: UserId | None = None
    tenant_id: str | None = None
    limit: int = 50
    offset: int = 0


class ListAccounts:
    """The use case; newest first."""

    def __init__(self, *, storage: Storage) -> None:
        self._storage = storage

    async def __call__(self, actor: Actor, query: AccountQuery) -> Page[AccountView]:
        actor.require(Scope.READ)
        if query.user_id is not None or query.tenant_id is not None:
            actor.require(Scope.ADMIN)
        wanted = AccountFilter(
            tenant_id=_tenant(actor, query.tenant_id),
            account_id=query.account_id,
            venue_id=query.venue_id,
            status=query.status,
            user_id=query.user_id,
            accounts=actor.accounts,
        )
        async with self._storage.read() as uow:
            await require_own_account(uow, actor, query.account_id, tenant_id=wanted.tenant_id)
            total = await uow.accounts.count(wanted)
            accounts = await uow.accounts.page(wanted, offset=query.offset, limit=query.limit)
            views = await with_credentials(uow, accounts)
        return Page(
            items=views,
            total=total,
            offset=query.offset,
            limit=query.limit,
            has_next=query.offset + len(views) < total,
        )


def _tenant(actor: Actor, asked: str | None) -> TenantId:
    """Only an operator may look into another tenant."""
    if asked is None or asked == str(actor.tenant_id):
        return actor.tenant_id
    if not actor.is_operator:
        raise InsufficientScope(
            "another tenant's accounts are for operators", ("operator",), tuple(sorted(s.value for s in actor.scopes))
        )
    try:
        return TenantId(UUID(asked))
    except ValueError:
        raise InvalidRequest("tenantId is unknown") from None


@dataclass(frozen=True, slots=True, kw_only=True)
class OperationQuery:
    """Selects operations; None means any. `start_ms` <= created_at < `end_ms`; a cursor wins over the offset."""

    account_id: TradingAccountId | None = None
    type: OperationType | None = None
    start_ms: int | None = None
    end_ms: int | None = None
    limit: int = 50
    offset: int = 0
    cursor: str | None = None

    def fingerprint(self) -> str:
        return f"operations|{self.account_id}|{self.type}|{self.start_ms}|{self.end_ms}"


class ListOperations:
    """The use case; newest first."""

    def __init__(self, *, storage: Storage, cursors: CursorCodec) -> None:
        self._storage = storage
        self._cursors = cursors

    async def __call__(self, actor: Actor, query: OperationQuery) -> Page[Operation]:
        actor.require(Scope.READ)
        filters = f"{actor.tenant_id}|{query.fingerprint()}"
        after = None if query.cursor is None else self._cursors.decode(query.cursor, filters)
        wanted = OperationFilter(
            tenant_id=actor.tenant_id,
            account_id=query.account_id,
            type=query.type,
            start_ms=query.start_ms,
            end_ms=query.end_ms,
            accounts=actor.accounts,
        )
        async with self._storage.read() as uow:
            await require_own_account(uow, actor, query.account_id)
            total = await uow.operations.count(wanted)
            operations = await uow.operations.page(
                wanted,
                after=None if after is None else (after[0], OperationId(after[1])),
                offset=query.offset,
                limit=query.limit + 1,
            )
        return page_of(
            operations,
            total=total,
            offset=query.offset,
            limit=query.limit,
            cursor_of=lambda last: self._cursors.encode(last.created_at_ms, last.id, filters),
        )
