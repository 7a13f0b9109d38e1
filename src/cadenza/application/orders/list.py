"""List orders: newest first unless ascending, by keyset cursor or offset."""

from collections.abc import Sequence
from dataclasses import dataclass

from cadenza.application.paging import CursorCodec, Page, page_of
from cadenza.application.tenancy import require_own_account, require_own_order
from cadenza.domain.identity.actor import Actor, Scope
from cadenza.domain.ids import InstrumentId, OrderId, TradingAccountId
from cadenza.domain.market.enums import OrderType, Side
from cadenza.domain.trading.enums import OrderStatus
from cadenza.domain.trading.order import Order
from cadenza.ports.storage import Storage, UnitOfWork
from cadenza.ports.storage.trading import OrderFilter


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderQuery:
    """Selects orders; None means any, and no statuses mean any status. `start_ms` <= created_at < `end_ms`; a cursor
    wins over the offset."""

    order_id: OrderId | None = None
    statuses: frozenset[OrderStatus] = frozenset()
    is_open: bool | None = None
    account_id: TradingAccountId | None = None
    instrument_id: InstrumentId | None = None
    side: Side | None = None
    type: OrderType | None = None
    client_order_id: str | None = None
    idempotency_key: str | None = None
    start_ms: int | None = None
    end_ms: int | None = None
    limit: int = 50
    offset: int = 0
    cursor: str | None = None
    ascending: bool = False

    def fingerprint(self) -> str:
        """The text to which a cursor is bound: all filters, without the position of the page."""
        parts = (
            self.order_id, sorted(self.statuses), self.is_open, self.account_id, self.instrument_id, self.side,
            self.type, self.client_order_id, self.idempotency_key, self.start_ms, self.end_ms, self.ascending,
        )  # fmt: skip
        return f"orders|{parts!r}"


class ListOrders:
    """The use case. `total` and `has_next` are exact; a page by cursor costs the same at any depth."""

    def __init__(self, *, storage: Storage, cursors: CursorCodec) -> None:
        self._storage = storage
        self._cursors = cursors

    async def __call__(self, actor: Actor, query: OrderQuery) -> Page[Order]:
        actor.require(Scope.READ)
        filters = f"{actor.tenant_id}|{query.fingerprint()}"
        after = None if query.cursor is None else self._cursors.decode(query.cursor, filters)
        wanted = _filter(actor, query)
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
        return page_of(
            orders,
            total=total,
            offset=query.offset,
            limit=query.limit,
            cursor_of=lambda last: self._cursors.encode(last.created_at_ms, last.id, filters),
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


def _filter(actor: Actor, query: OrderQuery) -> OrderFilter:
    """Return what to read. Of a key that is limited to one account, the account is named: its index is the cheapest."""
    account_id, account_ids = query.account_id, actor.accounts
    if account_id is None and account_ids is not None and len(account_ids) == 1:
        (account_id,) = account_ids
    return OrderFilter(
        tenant_id=actor.tenant_id,
        order_id=query.order_id,
        statuses=query.statuses,
        is_open=query.is_open,
        account_id=account_id,
        account_ids=account_ids if account_id is None else None,
        instrument_id=query.instrument_id,
        side=query.side,
        type=query.type,
        client_order_id=query.client_order_id,
        idempotency_key=query.idempotency_key,
        start_ms=query.start_ms,
        end_ms=query.end_ms,
    )
