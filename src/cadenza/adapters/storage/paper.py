"""The ledger of a venue that runs in this process, on PostgreSQL. A batch is one statement, so it needs one transaction
and one round trip."""

from collections.abc import Sequence
from functools import cache
from typing import Any
from uuid import UUID

import asyncpg
import msgspec

from cadenza.adapters.storage.connections import Connections
from cadenza.domain.accounts.trading_account import AccountType, PositionMode, PositionSide
from cadenza.domain.ids import InstrumentId, PositionId, TradingAccountId, VenueId
from cadenza.domain.market.enums import OrderType, Side, TimeInForce
from cadenza.domain.trading.enums import LiquiditySide, OrderStatus
from cadenza.domain.trading.execution import Fee
from cadenza.domain.trading.position import Position
from cadenza.exchange.records import (
    EngineMemory,
    LedgerBalance,
    LedgerPosition,
    OrderHistory,
    VenueAccount,
    VenueChanges,
    VenueFill,
    VenueOrder,
    VenueState,
)
from cadenza.exchange.state import MarketLevel
from cadenza.ports.exchange_ledger import ORDERS_PER_PAGE_MAX, HistoryCursor, HistoryPage, LedgerTakenOver

_Columns = tuple[tuple[str, str], ...]

_ACCOUNT: _Columns = (
    ("external_id", "text"), ("type", "text"), ("position_mode", "text"), ("max_leverage", "int"),
    ("opened_at_ms", "bigint"),
)  # fmt: skip
_ORDER: _Columns = (
    ("venue_order_id", "text"), ("external_id", "text"), ("order_id", "uuid"), ("account_id", "uuid"),
    ("instrument_id", "text"), ("side", "text"), ("type", "text"), ("time_in_force", "text"), ("quantity", "numeric"),
    ("remaining", "numeric"), ("limit_price", "numeric"), ("stop_price", "numeric"), ("trail_distance", "numeric"),
    ("expire_at_ms", "bigint"), ("leverage", "int"), ("position_side", "text"), ("is_closing", "bool"),
    ("is_liquidation", "bool"), ("status", "text"), ("reason", "text"), ("hold_rate", "numeric"),
    ("is_triggered", "bool"), ("sequence", "bigint"), ("queue_ahead", "numeric"), ("script", "text"),
    ("created_at_ms", "bigint"), ("updated_at_ms", "bigint"),
)  # fmt: skip
_ORDER_CHANGING = (
    "remaining", "stop_price", "trail_distance", "status", "reason", "hold_rate", "is_triggered", "sequence",
    "queue_ahead", "script", "updated_at_ms",
)  # fmt: skip
_FILL: _Columns = (
    ("trade_id", "text"), ("venue_order_id", "text"), ("price", "numeric"), ("quantity", "numeric"),
    ("fee_asset", "text"), ("fee_quantity", "numeric"), ("liquidity", "text"),
    ("position_side", "text"), ("leverage", "int"), ("at_ms", "bigint"),
)  # fmt: skip
_BALANCE: _Columns = (("owner", "text"), ("asset", "text"), ("total", "numeric"))
_POSITION: _Columns = (
    ("external_id", "text"), ("instrument_id", "text"), ("side", "text"), ("quantity", "numeric"),
    ("entry_cost", "numeric"), ("leverage", "int"), ("created_at_ms", "bigint"), ("updated_at_ms", "bigint"),
)  # fmt: skip
_POSTING: _Columns = (
    ("source", "text"), ("target", "text"), ("asset", "text"), ("amount", "numeric"), ("kind", "text"),
    ("trade_id", "text"), ("at_ms", "bigint"),
)  # fmt: skip
_ENGINE: _Columns = (
    ("instrument_id", "text"), ("last_price", "bigint"), ("sequence", "bigint"), ("trade_sequence", "bigint"),
    ("now_ms", "bigint"), ("levels", "jsonb"),
)  # fmt: skip

_TABLES: dict[str, tuple[_Columns, tuple[str, ...], tuple[str, ...]]] = {
    "paper_account": (_ACCOUNT, ("external_id",), ()),
    "paper_order": (_ORDER, ("venue_order_id",), _ORDER_CHANGING),
    "paper_fill": (_FILL, (), ()),
    "paper_balance": (_BALANCE, ("owner", "asset"), ("total",)),
    "paper_position": (
        _POSITION, ("external_id", "instrument_id", "side"),
        ("quantity", "entry_cost", "leverage", "created_at_ms", "updated_at_ms"),
    ),
    "paper_posting": (_POSTING, (), ()),
    "paper_engine": (_ENGINE, ("instrument_id",), ("last_price", "sequence", "trade_sequence", "now_ms", "levels")),
}  # fmt: skip
"""(columns, conflict key, columns that a conflict updates) by table. No key: rows are new, a conflict is a defect."""


@cache
def _commit_statement(tables: tuple[str, ...]) -> str:
    """One statement: the fence, then these tables from a JSON array of rows each, if the fence let us through.

    A batch names the tables that it changed only, as each costs something without rows too. JSON is one parameter a
    table, and is made and read in less time than an array for each of its columns.
    """
    parts = ["writer AS (UPDATE paper_venue SET trade_sequence = $3 WHERE venue = $1 AND epoch = $2 RETURNING 1)"]
    for parameter, table in enumerate(tables, 4):
        columns, key, changing = _TABLES[table]
        names = ", ".join(name for name, _ in columns)
        types = ", ".join(f"{name} {type}" for name, type in columns)
        updates = ", ".join(f"{name} = excluded.{name}" for name in changing)
        conflict = f" ON CONFLICT (venue, {', '.join(key)}) DO UPDATE SET {updates}" if changing else ""
        parts.append(
            f"{table}_rows AS (INSERT INTO {table} (venue, {names})"
            f" SELECT $1, rows.* FROM writer, json_to_recordset(${parameter}) AS rows({types}){conflict})"
        )
    return f"WITH {', '.join(parts)} SELECT count(*) FROM writer"


_encode = msgspec.json.Encoder().encode
_SELECT_ORDERS = f"SELECT {', '.join(name for name, _ in _ORDER)} FROM paper_order WHERE venue = $1"
_SELECT_ORDERS_AFTER = (
    f"{_SELECT_ORDERS} AND external_id = $2 AND updated_at_ms >= $3 AND (updated_at_ms, venue_order_id) > ($3, $4)"
    " ORDER BY updated_at_ms, venue_order_id LIMIT $5"
)
"""`LIMIT NULL` is no limit."""
_SELECT_COVERED_SINCE = """
    SELECT owner, asset, total FROM paper_balance AS balance
    WHERE venue = $1 AND owner = $2 AND EXISTS (
        SELECT FROM paper_posting AS posting
        WHERE posting.venue = $1 AND posting.target = $2 AND posting.at_ms >= $3
            AND kind = 'INSURANCE' AND posting.asset = balance.asset
    )
    ORDER BY asset
"""
_SELECT_FILLS = (
    f"SELECT {', '.join(name for name, _ in _FILL)} FROM paper_fill"
    " WHERE venue = $1 AND venue_order_id = ANY($2::text[]) ORDER BY at_ms, length(trade_id), trade_id"
)


class PostgresExchangeLedger:
    """Implements `ExchangeLedger` for one venue. `desk` is what the venue's turns use, so that no long reading delays
    them."""

    def __init__(self, pool: asyncpg.Pool, venue_id: VenueId, desk: Connections | None = None) -> None:
        self._connections = Connections(pool)
        self._desk = desk or self._connections
        self._venue = str(venue_id)
        self._epoch = 0

    async def take_over(self) -> VenueState:
        async with self._connections.use() as connection:
            self._epoch = await connection.fetchval(
                "INSERT INTO paper_venue (venue, epoch, trade_sequence) VALUES ($1, 1, 0)"
                " ON CONFLICT (venue) DO UPDATE SET epoch = paper_venue.epoch + 1 RETURNING epoch",
                self._venue,
            )
        return await self.reload()

    async def reload(self) -> VenueState:
        async with self._connections.use() as connection, _one_moment(connection):
            venue = await connection.fetchrow(
                "SELECT epoch, trade_sequence FROM paper_venue WHERE venue = $1", self._venue
            )
            if venue is None or venue["epoch"] != self._epoch:
                raise LedgerTakenOver(f"another process runs {self._venue}")
            orders = await connection.fetch(
                f"{_SELECT_ORDERS} AND status = 'ACCEPTED' ORDER BY created_at_ms, venue_order_id", self._venue
            )
            accounts = await self._select(connection, "paper_account", _ACCOUNT)
            balances = await self._select(connection, "paper_balance", _BALANCE)
            positions = await self._select(connection, "paper_position", _POSITION, "quantity <> 0")
            engines = await self._select(connection, "paper_engine", _ENGINE)
        return VenueState(
            trade_sequence=venue["trade_sequence"],
            accounts=tuple(_account(row) for row in accounts),
            orders=tuple(_order(row) for row in orders),
            balances=tuple(LedgerBalance(**dict(row)) for row in balances),
            positions=tuple(_position(row) for row in positions),
            engines=tuple(_engine(row) for row in engines),
        )

    async def commit(self, changes: VenueChanges) -> None:
        rows: dict[str, Sequence[Any]] = {
            "paper_account": changes.accounts,
            "paper_order": changes.orders,
            "paper_fill": [_fill_row(fill) for fill in changes.fills],
            "paper_balance": changes.balances,
            "paper_position": [_position_row(held) for held in changes.positions],
            "paper_posting": changes.postings,
            "paper_engine": [_engine_row(engine) for engine in changes.engines],
        }
        changed = {table: _encode(values).decode() for table, values in rows.items() if values}
        statement = _commit_statement(tuple(changed))
        async with self._desk.use() as connection:
            if not await connection.fetchval(
                statement, self._venue, self._epoch, changes.trade_sequence, *changed.values()
            ):
                raise LedgerTakenOver(f"another process runs {self._venue}")

    async def histories(self, venue_order_ids: Sequence[str]) -> Sequence[OrderHistory]:
        async with self._desk.use() as connection:
            orders = await connection.fetch(
                f"{_SELECT_ORDERS} AND venue_order_id = ANY($2::text[])", self._venue, venue_order_ids
            )
            return await self._with_fills(connection, orders)

    async def since(self, external_id: str, since_ms: int, after: HistoryCursor | None = None) -> HistoryPage:
        start = after or HistoryCursor(since_ms, "")
        async with self._connections.use() as connection, _one_moment(connection):
            orders = await self._after(connection, external_id, start, ORDERS_PER_PAGE_MAX + 1)
            if len(orders) > ORDERS_PER_PAGE_MAX:
                orders = orders[:ORDERS_PER_PAGE_MAX]
                last = HistoryCursor(orders[-1]["updated_at_ms"], orders[-1]["venue_order_id"])
                return HistoryPage(histories=await self._with_fills(connection, orders), next=last)
            covered = await connection.fetch(_SELECT_COVERED_SINCE, self._venue, external_id, since_ms)
            if covered and after is not None:
                # An order of an earlier page may have changed again in the same millisecond; the
                # balance contains that change.
                orders = await self._after(connection, external_id, HistoryCursor(after.updated_at_ms, ""), None)
            histories = await self._with_fills(connection, orders)
        return HistoryPage(histories=histories, covered=[LedgerBalance(**dict(row)) for row in covered])

    async def _after(
        self, connection: asyncpg.Connection, external_id: str, place: HistoryCursor, orders_max: int | None
    ) -> list[Any]:
        arguments = self._venue, external_id, place.updated_at_ms, place.venue_order_id, orders_max
        return list(await connection.fetch(_SELECT_ORDERS_AFTER, *arguments))

    async def _with_fills(self, connection: Any, orders: Sequence[Any]) -> list[OrderHistory]:
        if not orders:
            return []
        fills: dict[str, list[VenueFill]] = {order["venue_order_id"]: [] for order in orders}
        for row in await connection.fetch(_SELECT_FILLS, self._venue, list(fills)):
            fills[row["venue_order_id"]].append(_fill(row))
        return [OrderHistory(_order(row), tuple(fills[row["venue_order_id"]])) for row in orders]

    async def _select(self, connection: Any, table: str, columns: _Columns, condition: str = "TRUE") -> Sequence[Any]:
        names = ", ".join(name for name, _ in columns)
        rows: Sequence[Any] = await connection.fetch(
            f"SELECT {names} FROM {table} WHERE venue = $1 AND {condition}", self._venue
        )
        return rows


def _one_moment(connection: asyncpg.Connection) -> asyncpg.transaction.Transaction:
    """All statements within see the rows of the same moment."""
    return connection.transaction(isolation="repeatable_read", readonly=True)


def _fill_row(fill: VenueFill) -> dict[str, Any]:
    fee = fill.fees[0] if fill.fees else None
    return {
        "trade_id": fill.trade_id,
        "venue_order_id": fill.venue_order_id,
        "price": fill.price,
        "quantity": fill.quantity,
        "fee_asset": fee and fee.asset,
        "fee_quantity": fee and fee.quantity,
        "liquidity": fill.liquidity,
        "position_side": fill.position_side,
        "leverage": fill.leverage,
        "at_ms": fill.at_ms,
    }


def _position_row(held: LedgerPosition) -> dict[str, Any]:
    names = (name for name, _ in _POSITION if name != "external_id")
    return {"external_id": held.external_id} | {name: getattr(held.position, name) for name in names}


def _engine_row(engine: EngineMemory) -> dict[str, Any]:
    levels = [(level.side, level.price, level.displayed, level.taken) for level in engine.levels]
    return {name: getattr(engine, name) for name, _ in _ENGINE} | {"levels": levels}


def _account(row: Any) -> VenueAccount:
    fields = dict(row)
    fields["type"] = AccountType(fields["type"])
    fields["position_mode"] = PositionMode(fields["position_mode"])
    return VenueAccount(**fields)


def _order(row: Any) -> VenueOrder:
    fields = dict(row)
    fields["instrument_id"] = InstrumentId(fields["instrument_id"])
    fields["side"] = Side(fields["side"])
    fields["type"] = OrderType(fields["type"])
    fields["time_in_force"] = TimeInForce(fields["time_in_force"])
    fields["status"] = OrderStatus(fields["status"])
    fields["position_side"] = _position_side(fields["position_side"])
    return VenueOrder(**fields)


def _fill(row: Any) -> VenueFill:
    return VenueFill(
        venue_order_id=row["venue_order_id"],
        trade_id=row["trade_id"],
        price=row["price"],
        quantity=row["quantity"],
        fees=(Fee(row["fee_asset"], row["fee_quantity"]),) if row["fee_asset"] else (),
        liquidity=LiquiditySide(row["liquidity"]),
        position_side=_position_side(row["position_side"]),
        leverage=row["leverage"],
        at_ms=row["at_ms"],
    )


def _position(row: Any) -> LedgerPosition:
    nobody = UUID(int=0)
    position = Position(
        id=PositionId(nobody),
        account_id=TradingAccountId(nobody),
        instrument_id=InstrumentId(row["instrument_id"]),
        side=PositionSide(row["side"]),
        quantity=row["quantity"],
        entry_cost=row["entry_cost"],
        leverage=row["leverage"],
        created_at_ms=row["created_at_ms"],
        updated_at_ms=row["updated_at_ms"],
    )
    return LedgerPosition(external_id=row["external_id"], position=position)


def _engine(row: Any) -> EngineMemory:
    levels = [MarketLevel(Side(side), *numbers) for side, *numbers in msgspec.json.decode(row["levels"])]
    return EngineMemory(
        instrument_id=InstrumentId(row["instrument_id"]),
        last_price=row["last_price"],
        sequence=row["sequence"],
        trade_sequence=row["trade_sequence"],
        now_ms=row["now_ms"],
        levels=tuple(levels),
    )


def _position_side(text: str | None) -> PositionSide | None:
    return None if text is None else PositionSide(text)
