"""List the audit log of a tenant."""

from dataclasses import dataclass

from cadenza.application.paging import CursorCodec, Page, page_of
from cadenza.domain.identity.actor import Actor, Scope
from cadenza.domain.identity.audit import AuditEntry, AuditId, AuditKind
from cadenza.ports.storage import Storage
from cadenza.ports.storage.api_keys import AuditFilter


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditQuery:
    """Selects entries; None means any. `start_ms` <= at < `end_ms`; a cursor wins over the offset."""

    kind: AuditKind | None = None
    start_ms: int | None = None
    end_ms: int | None = None
    limit: int = 50
    offset: int = 0
    cursor: str | None = None

    def fingerprint(self) -> str:
        return f"audit|{self.kind}|{self.start_ms}|{self.end_ms}"


class ListAudit:
    """The use case; newest first. A key that is limited to some accounts or environments sees the entries of its
    accounts only."""

    def __init__(self, *, storage: Storage, cursors: CursorCodec) -> None:
        self._storage = storage
        self._cursors = cursors

    async def __call__(self, actor: Actor, query: AuditQuery) -> Page[AuditEntry]:
        actor.require(Scope.ADMIN)
        filters = f"{actor.tenant_id}|{query.fingerprint()}"
        after = None if query.cursor is None else self._cursors.decode(query.cursor, filters)
        wanted = AuditFilter(
            tenant_id=actor.tenant_id,
            kind=query.kind,
            start_ms=query.start_ms,
            end_ms=query.end_ms,
            accounts=actor.accounts,
        )
        async with self._storage.read() as uow:
            total = await uow.audit.count(wanted)
            entries = await uow.audit.page(
                wanted,
                after=None if after is None else (after[0], AuditId(after[1])),
                offset=query.offset,
                limit=query.limit + 1,
            )
        return page_of(
            entries,
            total=total,
            offset=query.offset,
            limit=query.limit,
            cursor_of=lambda last: self._cursors.encode(last.at_ms, last.id, filters),
        )
