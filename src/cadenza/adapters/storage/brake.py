"""Trading modes of tenants, mass cancels and dead-man's switches in PostgreSQL."""

from collections.abc import Mapping, Sequence

import asyncpg

from cadenza.adapters.storage.rows import Row, orders_of
from cadenza.adapters.storage.statuses import OPEN_STATUSES
from cadenza.domain.accounts.dead_mans_switch import DeadMansSwitch
from cadenza.domain.accounts.trading_account import TradingMode
from cadenza.domain.identity.origin import Origin, OriginKind
from cadenza.domain.ids import InstrumentId, MassCancelId, OrderId, TenantId, TradingAccountId
from cadenza.domain.market.enums import Side
from cadenza.domain.trading.enums import OrderStatus
from cadenza.domain.trading.mass_cancel import MassCancel, MassCancelOutcome, OrderSelection
from cadenza.domain.trading.order import Order
from cadenza.ports.storage.brake import OrderToCancel

_SELECTED = f"""
INSERT INTO mass_cancel_orders
SELECT $1, o.account_id, o.id FROM orders o JOIN trading_accounts a ON a.id = o.account_id
WHERE a.tenant_id = $2 AND ($3::uuid IS NULL OR o.account_id = $3) AND ($4::uuid[] IS NULL OR o.account_id = ANY($4))
    AND ($5::text IS NULL OR o.instrument_id = $5) AND ($6::text IS NULL OR o.side = $6)
    AND o.status IN {OPEN_STATUSES} AND (NOT $7 OR o.status = 'SUBMITTED')
"""
_OPEN = f"""
FROM mass_cancel_orders m JOIN orders o ON o.id = m.order_id
WHERE m.mass_cancel_id = $1 AND o.status IN {OPEN_STATUSES}
"""

_FINISHED = """
SELECT id FROM (
    SELECT id, sum(size) OVER (ORDER BY finished_at_ms, id) - size AS before FROM (
        SELECT m.id, m.finished_at_ms, (
            SELECT count(*) FROM mass_cancel_orders o WHERE o.mass_cancel_id = m.id
        ) AS size
        FROM mass_cancels m WHERE m.finished_at_ms < $1 ORDER BY m.finished_at_ms, m.id LIMIT 1000
    ) sized
) summed WHERE before < $2
"""


class BrakeSql:
    """`ports.storage.brake.BrakeRepository`."""

    def __init__(self, connection: asyncpg.Connection) -> None:
        self._connection = connection

    async def tenant_mode(self, tenant_id: TenantId, *, lock: bool = False) -> TradingMode:
        if lock:  # the tenant's row, because a tenant without a mode has no row of modes
            await self._connection.execute("SELECT FROM tenants WHERE id = $1 FOR UPDATE", tenant_id)
        mode = await self._connection.fetchval("SELECT mode FROM tenant_trading_modes WHERE tenant_id = $1", tenant_id)
        return TradingMode.ACTIVE if mode is None else TradingMode(mode)

    async def set_tenant_mode(self, tenant_id: TenantId, mode: TradingMode) -> None:
        await self._connection.execute(
            "INSERT INTO tenant_trading_modes VALUES ($1, $2) ON CONFLICT (tenant_id) DO UPDATE SET mode = $2",
            tenant_id,
            mode.value,
        )
        await self._connection.execute(
            """
            UPDATE trading_accounts SET tenant_trading_mode = $2 WHERE id IN (
                SELECT id FROM trading_accounts WHERE tenant_id = $1 ORDER BY id FOR UPDATE
            )
            """,
            tenant_id,
            mode.value,
        )

    async def add_mass_cancel(self, mass_cancel: MassCancel) -> None:
        s, origin = mass_cancel.selection, mass_cancel.origin
        accounts = None if s.accounts is None else sorted(s.accounts)
        side = None if s.side is None else s.side.value
        await self._connection.execute(
            "INSERT INTO mass_cancels VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)",
            mass_cancel.id,
            s.tenant_id,
            s.account_id,
            accounts,
            s.instrument_id,
            side,
            s.is_unacknowledged,
            origin.kind.value,
            origin.user_id,
            origin.key_id,
            origin.request_id,
            origin.client,
            mass_cancel.requested_at_ms,
            mass_cancel.finished_at_ms,
        )
        await self._connection.execute(
            _SELECTED, mass_cancel.id, s.tenant_id, s.account_id, accounts, s.instrument_id, side, s.is_unacknowledged
        )

    async def get_mass_cancel(self, id: MassCancelId) -> MassCancel | None:
        row = await self._connection.fetchrow("SELECT * FROM mass_cancels WHERE id = $1", id)
        return None if row is None else _mass_cancel_of(row)

    async def unfinished_mass_cancels(self, after: MassCancelId | None, limit: int) -> Sequence[MassCancelId]:
        rows = await self._connection.fetch(
            "SELECT id FROM mass_cancels WHERE finished_at_ms IS NULL AND ($1::uuid IS NULL OR id > $1) "
            "ORDER BY id LIMIT $2",
            after,
            limit,
        )
        return [MassCancelId(row["id"]) for row in rows]

    async def finish_mass_cancel(self, id: MassCancelId, at_ms: int) -> bool:
        done = await self._connection.execute(
            "UPDATE mass_cancels SET finished_at_ms = $2 WHERE id = $1 AND finished_at_ms IS NULL", id, at_ms
        )
        return str(done) == "UPDATE 1"

    async def accounts_to_cancel(self, id: MassCancelId) -> Sequence[TradingAccountId]:
        rows = await self._connection.fetch(f"SELECT DISTINCT m.account_id {_OPEN} ORDER BY 1", id)
        return [TradingAccountId(row["account_id"]) for row in rows]

    async def orders_to_cancel(
        self, id: MassCancelId, account_id: TradingAccountId, *, after: OrderToCancel | None, limit: int
    ) -> Sequence[OrderToCancel]:
        instrument_id, order_id = (None, None) if after is None else after
        rows = await self._connection.fetch(
            f"SELECT o.instrument_id, o.id {_OPEN} AND m.account_id = $2 "
            "AND ($3::text IS NULL OR (o.instrument_id, o.id) > ($3, $4::uuid)) "
            "ORDER BY o.instrument_id, o.id LIMIT $5",
            id,
            account_id,
            instrument_id,
            order_id,
            limit,
        )
        return [OrderToCancel(InstrumentId(row["instrument_id"]), OrderId(row["id"])) for row in rows]

    async def open_counts(self, account_id: TradingAccountId) -> Mapping[InstrumentId, int]:
        rows = await self._connection.fetch(
            f"SELECT instrument_id, count(*) AS count FROM orders WHERE account_id = $1 AND status IN {OPEN_STATUSES} "
            "GROUP BY instrument_id",
            account_id,
        )
        return {InstrumentId(row["instrument_id"]): row["count"] for row in rows}

    async def accounts_of(self, id: MassCancelId) -> Sequence[TradingAccountId]:
        rows = await self._connection.fetch(
            "SELECT DISTINCT account_id FROM mass_cancel_orders WHERE mass_cancel_id = $1 ORDER BY 1", id
        )
        return [TradingAccountId(row["account_id"]) for row in rows]

    async def outcome(self, id: MassCancelId, account_id: TradingAccountId | None = None) -> MassCancelOutcome:
        rows = await self._connection.fetch(
            "SELECT o.status, count(*) AS count FROM mass_cancel_orders m JOIN orders o ON o.id = m.order_id "
            "WHERE m.mass_cancel_id = $1 AND ($2::uuid IS NULL OR m.account_id = $2) GROUP BY o.status",
            id,
            account_id,
        )
        return MassCancelOutcome(counts={OrderStatus(row["status"]): row["count"] for row in rows})

    async def orders_of(self, id: MassCancelId, *, offset: int, limit: int) -> Sequence[Order]:
        rows = await self._connection.fetch(
            "SELECT o.* FROM mass_cancel_orders m JOIN orders o ON o.id = m.order_id WHERE m.mass_cancel_id = $1 "
            "ORDER BY o.id LIMIT $2 OFFSET $3",
            id,
            limit,
            offset,
        )
        return orders_of(rows, ())

    async def purge(self, before_ms: int, *, rows_max: int) -> int:
        ids = [row["id"] for row in await self._connection.fetch(_FINISHED, before_ms, rows_max)]
        await self._connection.execute("DELETE FROM mass_cancel_orders WHERE mass_cancel_id = ANY($1)", ids)
        await self._connection.execute("DELETE FROM mass_cancels WHERE id = ANY($1)", ids)
        return len(ids)

    async def put_switch(self, switch: DeadMansSwitch) -> None:
        await self._connection.execute(
            """
            INSERT INTO dead_mans_switches VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
            ON CONFLICT (tenant_id, account_id) DO UPDATE SET
                user_id = excluded.user_id, key_id = excluded.key_id, period_ms = excluded.period_ms,
                armed_at_ms = excluded.armed_at_ms, due_at_ms = excluded.due_at_ms,
                fired_at_ms = excluded.fired_at_ms, mass_cancel_id = excluded.mass_cancel_id
            """,
            switch.tenant_id,
            switch.account_id,
            switch.user_id,
            switch.key_id,
            switch.period_ms,
            switch.armed_at_ms,
            switch.due_at_ms,
            switch.fired_at_ms,
            switch.mass_cancel_id,
        )

    async def remove_switch(self, tenant_id: TenantId, account_id: TradingAccountId | None) -> bool:
        done = await self._connection.execute(
            "DELETE FROM dead_mans_switches WHERE tenant_id = $1 AND account_id IS NOT DISTINCT FROM $2",
            tenant_id,
            account_id,
        )
        return str(done) == "DELETE 1"

    async def move_switch(self, former_id: TradingAccountId, account_id: TradingAccountId) -> None:
        await self._connection.execute(
            "UPDATE dead_mans_switches SET account_id = $2 WHERE account_id = $1 AND fired_at_ms IS NULL",
            former_id,
            account_id,
        )

    async def get_switch(
        self, tenant_id: TenantId, account_id: TradingAccountId | None, *, lock: bool = False
    ) -> DeadMansSwitch | None:
        row = await self._connection.fetchrow(
            "SELECT * FROM dead_mans_switches WHERE tenant_id = $1 AND account_id IS NOT DISTINCT FROM $2"
            + (" FOR UPDATE" if lock else ""),
            tenant_id,
            account_id,
        )
        return None if row is None else _switch_of(row)

    async def switches_of(self, tenant_id: TenantId) -> Sequence[DeadMansSwitch]:
        rows = await self._connection.fetch(
            "SELECT * FROM dead_mans_switches WHERE tenant_id = $1 ORDER BY account_id NULLS FIRST", tenant_id
        )
        return [_switch_of(row) for row in rows]

    async def armed_switches(self) -> Sequence[DeadMansSwitch]:
        rows = await self._connection.fetch(
            "SELECT s.* FROM dead_mans_switches s LEFT JOIN trading_accounts a ON a.id = s.account_id "
            "WHERE s.fired_at_ms IS NULL AND (a.id IS NULL OR a.status NOT IN ('SETUP', 'DISCONNECTED', 'DELETED')) "
            "ORDER BY s.due_at_ms"
        )
        return [_switch_of(row) for row in rows]


def _mass_cancel_of(row: Row) -> MassCancel:
    accounts = row["accounts"]
    selection = OrderSelection(
        tenant_id=row["tenant_id"],
        account_id=row["account_id"],
        accounts=None if accounts is None else frozenset(accounts),
        instrument_id=row["instrument_id"],
        side=None if row["side"] is None else Side(row["side"]),
        is_unacknowledged=row["is_unacknowledged"],
    )
    return MassCancel(
        id=row["id"],
        selection=selection,
        origin=Origin(
            kind=OriginKind(row["origin_kind"]),
            user_id=row["user_id"],
            key_id=row["key_id"],
            request_id=row["request_id"],
            client=row["client"],
        ),
        requested_at_ms=row["requested_at_ms"],
        finished_at_ms=row["finished_at_ms"],
    )


def _switch_of(row: Row) -> DeadMansSwitch:
    return DeadMansSwitch(**row)
