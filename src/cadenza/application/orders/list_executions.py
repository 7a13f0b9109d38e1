"""List the executions (fills) of an account or of an order."""

from dataclasses import dataclass

from cadenza.application.paging import CursorCodec, Page, page_of
from cadenza.application.tenancy import own_account, own_order
from cadenza.domain.errors import InvalidRequest
from cadenza.domain.identity.actor import Actor, Scope
from cadenza.domain.ids import ExecutionId, InstrumentId, OrderId, TradingAccountId
from cadenza.domain.market.enums import Side
from cadenza.domain.trading.execution import Execution
from cadenza.ports.storage import Storage
from cadenza.ports.storage.trading import ExecutionFilter


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecutionQuery:
    """Selects executions of an account, of an order, or of an order in that account; one of both must be given. None
    means any. `start_ms` <= executed_at < `end_ms`, by the venue's clock."""

    account_id: TradingAccountId | None = None
    order_id: OrderId | None = None
    instrument_id: InstrumentId | None = None
    side: Side | None = None
    is_busted: bool | None = None
    start_ms: int | None = None
    end_ms: int | None = None
    limit: int = 50
    cursor: str | None = None
    ascending: bool = False

    def fingerprint(self) -> str:
        """The text to which a cursor is bound: all filters, without the position of the page."""
        parts = (
            self.account_id, self.order_id, self.instrument_id, self.side, self.is_busted, self.start_ms, self.end_ms,
            self.ascending,
        )  # fmt: skip
        return f"executions|{parts!r}"


class ListExecutions:
    """The use case: each execution as it is now, with corrections and late fees; a busted one is marked. Newest first
    unless ascending. `total` and `has_next` are exact, and a page costs the same at any depth. A fill that becomes
    known late has its place by its own time, so a page that was read before it does not have it."""

    def __init__(self, *, storage: Storage, cursors: CursorCodec) -> None:
        self._storage = storage
        self._cursors = cursors

    async def __call__(self, actor: Actor, query: ExecutionQuery) -> Page[Execution]:
        actor.require(Scope.READ)
        if query.account_id is None and query.order_id is None:
            raise InvalidRequest(
                "tradingAccountId: needed, unless tradeOrderId is given", {"field": "tradingAccountId"}
            )
        filters = f"{actor.tenant_id}|{query.fingerprint()}"
        after = None if query.cursor is None else self._cursors.decode(query.cursor, filters)
        wanted = ExecutionFilter(
            account_id=query.account_id,
            order_id=query.order_id,
            instrument_id=query.instrument_id,
            side=query.side,
            is_busted=query.is_busted,
            start_ms=query.start_ms,
            end_ms=query.end_ms,
        )
        async with self._storage.read() as uow:
            if query.account_id is not None:
                await own_account(uow, actor, query.account_id)
            if query.order_id is not None:
                await own_order(uow, actor, query.order_id)
            total = await uow.executions.count(wanted)
            found = await uow.executions.page(
                wanted,
                ascending=query.ascending,
                after=None if after is None else (after[0], ExecutionId(after[1])),
                limit=query.limit + 1,
            )
        return page_of(
            found,
            total=total,
            limit=query.limit,
            cursor_of=lambda last: self._cursors.encode(last.executed_at_ms, last.id, filters),
        )
