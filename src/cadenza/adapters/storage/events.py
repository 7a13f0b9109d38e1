"""Reading the accounts' event logs."""

from collections.abc import Sequence

import asyncpg

from cadenza.adapters.storage.bodies import event_body
from cadenza.adapters.storage.filters import Where
from cadenza.adapters.storage.rows import Row
from cadenza.domain.identity.origin import OPERATOR, PLATFORM, VENUE, Origin, OriginKind
from cadenza.domain.ids import TradingAccountId
from cadenza.domain.trading.events import AccountEvent, EventKind
from cadenza.network.slices import in_slices
from cadenza.ports.storage.trading import EventFilter, EventSpan

# As the index `account_events_of_rare_kinds` has it.
_IS_RARE = f"kind <> '{EventKind.ORDER}'"


class EventLogSql:
    """`ports.storage.trading.EventLog`."""

    def __init__(self, connection: asyncpg.Connection) -> None:
        self._connection = connection

    async def after(self, account_id: TradingAccountId, sequence: int, limit: int) -> Sequence[AccountEvent]:
        rows = await self._connection.fetch(
            "SELECT * FROM account_events WHERE account_id = $1 AND sequence > $2 ORDER BY sequence LIMIT $3",
            account_id,
            sequence,
            limit,
        )
        return [_event_of(row) for row in rows]

    async def span(self, filter: EventFilter) -> EventSpan:
        if filter.kind is EventKind.ORDER and filter.order_id is None:
            return await self._span_of_orders(filter)
        if filter == EventFilter(account_id=filter.account_id):
            last = await self._connection.fetchval(
                "SELECT max(sequence) FROM account_events WHERE account_id = $1", filter.account_id
            )
            return EventSpan(total=last or 0, first=1, last=last or 0)  # sequences have no gap
        where = _where(filter)
        row = await self._connection.fetchrow(
            f"SELECT count(*) AS total, min(sequence) AS first, max(sequence) AS last FROM account_events {where.sql}",
            *where.parameters,
        )
        return EventSpan(total=row["total"], first=row["first"] or 1, last=row["last"] or 0)

    async def _span_of_orders(self, filter: EventFilter) -> EventSpan:
        """Nearly all events are about orders, so the few others are counted."""
        whole = EventFilter(account_id=filter.account_id, start_ms=filter.start_ms, end_ms=filter.end_ms)
        span = await self.span(whole)
        where = _where(whole)
        where.add(_IS_RARE)
        others: int = await self._connection.fetchval(
            f"SELECT count(*) FROM account_events {where.sql}", *where.parameters
        )
        return EventSpan(total=span.total - others, first=span.first, last=span.last)

    async def page(
        self, filter: EventFilter, span: EventSpan, *, ascending: bool, limit: int
    ) -> Sequence[AccountEvent]:
        where = _where(filter)
        where.add("sequence BETWEEN {} AND {}", span.first, span.last)
        rows = await self._connection.fetch(
            f"SELECT * FROM account_events {where.sql} ORDER BY sequence {'ASC' if ascending else 'DESC'} "
            f"LIMIT {where.parameter(limit)}",
            *where.parameters,
        )
        return await in_slices(rows, lambda part: map(_event_of, part))

    async def last_at_ms(self, account_id: TradingAccountId) -> int | None:
        at_ms: int | None = await self._connection.fetchval(
            "SELECT at_ms FROM account_events WHERE account_id = $1 ORDER BY sequence DESC LIMIT 1", account_id
        )
        return at_ms

    async def epoch(self) -> str:
        epoch: str = await self._connection.fetchval("SELECT epoch FROM installation")
        return epoch


def _where(filter: EventFilter) -> Where:
    where = Where()
    where.add("account_id = {}", filter.account_id)
    where.add("order_id = {}", filter.order_id)
    where.add("kind = {}", filter.kind)
    if filter.kind is not None and filter.kind is not EventKind.ORDER:
        where.add(_IS_RARE)
    where.add("at_ms >= {}", filter.start_ms)
    where.add("at_ms < {}", filter.end_ms)
    return where


def _event_of(row: Row) -> AccountEvent:
    return AccountEvent(
        account_id=row["account_id"],
        tenant_id=row["tenant_id"],
        sequence=row["sequence"],
        at_ms=row["at_ms"],
        body=event_body(row["kind"], row["body"]),
        origin=_origin_of(row),
    )


_NOBODY = {OriginKind.OPERATOR: OPERATOR, OriginKind.PLATFORM: PLATFORM, OriginKind.VENUE: VENUE}


def _origin_of(row: Row) -> Origin:
    if row["origin"] != OriginKind.USER:
        return _NOBODY[OriginKind(row["origin"])]
    return Origin(
        user_id=row["user_id"],
        key_id=row["key_id"],
        request_id=row["request_id"] or "",
        client=row["client"] or "",
    )
