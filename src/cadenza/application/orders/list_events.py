"""List the events of an account's log: what happened in it, and who caused it."""

from dataclasses import dataclass

from cadenza.application.paging import CursorCodec, Page, page_of
from cadenza.application.tenancy import own_account, own_order
from cadenza.domain.errors import OrderNotFound
from cadenza.domain.identity.actor import Actor, Scope
from cadenza.domain.ids import OrderId, TradingAccountId
from cadenza.domain.trading.events import AccountEvent, EventKind
from cadenza.ports.storage import Storage
from cadenza.ports.storage.trading import EventFilter, EventSpan


@dataclass(frozen=True, slots=True, kw_only=True)
class EventQuery:
    """Selects events of an account; None means any. `start_ms` <= at < `end_ms`, by our clock."""

    account_id: TradingAccountId
    order_id: OrderId | None = None
    kind: EventKind | None = None
    start_ms: int | None = None
    end_ms: int | None = None
    limit: int = 50
    cursor: str | None = None
    ascending: bool = False

    def fingerprint(self) -> str:
        """The text to which a cursor is bound: all filters, without the position of the page."""
        parts = (self.account_id, self.order_id, self.kind, self.start_ms, self.end_ms, self.ascending)
        return f"events|{parts!r}"


class ListEvents:
    """The use case: newest first unless ascending. `total` and `has_next` are exact, and a page costs the same at any
    depth. The log only grows, so pages that are read one after another have no gap and nothing twice."""

    def __init__(self, *, storage: Storage, cursors: CursorCodec) -> None:
        self._storage = storage
        self._cursors = cursors

    async def __call__(self, actor: Actor, query: EventQuery) -> Page[AccountEvent]:
        actor.require(Scope.READ)
        filters = f"{actor.tenant_id}|{query.fingerprint()}"
        after = None if query.cursor is None else self._cursors.decode(query.cursor, filters)[0]
        wanted = EventFilter(
            account_id=query.account_id,
            order_id=query.order_id,
            kind=query.kind,
            start_ms=query.start_ms,
            end_ms=query.end_ms,
        )
        async with self._storage.read() as uow:
            await own_account(uow, actor, query.account_id)
            if query.order_id is not None:
                order = await own_order(uow, actor, query.order_id)
                if order.account_id != query.account_id:
                    raise OrderNotFound("there is no such order in the trading account")
            span = await uow.events.span(wanted)
            found = await uow.events.page(
                wanted, _rest(span, after, ascending=query.ascending), ascending=query.ascending, limit=query.limit + 1
            )
        return page_of(
            found,
            total=span.total,
            limit=query.limit,
            cursor_of=lambda last: self._cursors.encode(last.sequence, query.account_id, filters),
        )


def _rest(span: EventSpan, after: int | None, *, ascending: bool) -> EventSpan:
    """Return what of the span lies after the event with the sequence `after`."""
    if after is None:
        return span
    if ascending:
        return span._replace(first=max(span.first, after + 1))
    return span._replace(last=min(span.last, after - 1))
