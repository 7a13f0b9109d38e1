"""List orders: newest first unless ascending, by keyset cursor or offset."""

from collections.abc import Sequence
from dataclasses import dataclass

from cadenza.application.paging import CursorCodec, Page
from cadenza.application.tenancy import require_own_account, require_own_order
from cadenza.domain.identity.actor import Actor, Scope
from cadenza.domain.ids import InstrumentId, OrderId, TradingAccountId
from cadenza.domain.trading.enums import OrderStatus
from cadenza.domain.trading.order import Order
from cadenza.ports.storage import Storage, UnitOfWork
from cadenza.ports.storage.trading import OrderFilter


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderQuery:
    """Selects orders; None means any. `start_ms` <= created_at < `end_ms`; a cursor wins over the offset."""

    order_id: OrderId | None = None
    status: OrderStatus | None = None
    account_id: TradingAccountId | None = None
    instrument_id: InstrumentId | None = None
    start_ms: int | None = None
    end_ms: int | None = None
    limit: int = 50
    offset: int = 0
    cursor: str | None = None
    ascending: bool = False

    def fingerprint(self) -> str:
        """The text to which a cursor is bound: all filters, without the position of the page."""
        parts = (self.order_id, self.status, self.account_id, self.instrument_id, self.start_ms, self.end_ms)
        return f"orders|{'|'.join(str(part) for part in parts)}|{self.ascending}"


class ListOrders:
    """The use case. `total` and `has_next` are exact; a page by cursor costs the same at any depth."""

    def __init__(self, *, storage: Storage, cursors: CursorCodec) -> None:
        self._storage = storage
        self._cursors = cursors

    async def __call__(self, actor: Actor, query: OrderQuery) -> Page[Order]:
        actor.require(Scope.READ)
        filters = f"{actor.tenant_id}|{query.fingerprint()}"
        after = None if query.cursor is None else self._cursors.decode(query.cursor, filters)
        wanted = OrderFilter(
            tenant_id=actor.tenant_id,
            order_id=query.order_id,
            status=query.status,
            account_id=query.account_id,
            instrument_id=query.instrument_id,
            start_ms=query.start_ms,
            end_ms=query.end_ms,
            accounts=actor.accounts,
        )
        async with self._storage.read() as uow:
            await require_own_account(uow, actor, query.account_id)
            await require_own_order(uow, actor, query.order_id)
            total = await uow.orders.count(wanted)
            if after is None and query.offset > total // 2:
                orders = await self._from_the_end(uow, wanted, query, total)
            else:
                orders = await uow.orders.page(
                    wanted,
                    ascending=query.ascending,
                    after=None if after is None else (after[0], OrderId(after[1])),
                    offset=query.offset,
                    limit=query.limit + 1,
                )
        has_next = len(orders) > query.limit
        orders = orders[: query.limit]
        return Page(
            items=orders,
            total=total,
            offset=query.offset,
            limit=query.limit,
            has_next=has_next,
            next_cursor=self._cursors.encode(orders[-1].created_at_ms, orders[-1].id, filters) if has_next else None,
        )

    @staticmethod
    async def _from_the_end(uow: UnitOfWork, wanted: OrderFilter, query: OrderQuery, total: int) -> Sequence[Order]:
        """Read a page that lies nearer to the end: the database walks over the orders that it skips."""
        limit = min(query.limit + 1, total - query.offset)
        if limit <= 0:
            return []
        backwards = await uow.orders.page(
            wanted, ascending=not query.ascending, after=None, offset=total - query.offset - limit, limit=limit
        )
        return backwards[::-1]
