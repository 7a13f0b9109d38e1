"""The shared catalogue, and each tenant's own view of it."""

from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import astuple
from decimal import Decimal
from itertools import islice
from typing import Any

import asyncpg
import msgspec

from cadenza.adapters.storage.rows import Row, venue_id_of
from cadenza.adapters.storage.statuses import OPEN_STATUSES
from cadenza.domain.ids import InstrumentId, SecurityId, TenantId, VenueId
from cadenza.domain.market.enums import OrderType, TimeInForce
from cadenza.domain.market.instrument import (
    ExerciseStyle,
    Instrument,
    InstrumentStatus,
    InstrumentType,
    MarketLot,
    PriceBand,
    Security,
    SecurityType,
)
from cadenza.ports.storage.market import TenantOverride

ROWS_AT_A_TIME_MAX = 100
"""So many rows are written or read at once. A venue lists thousands of instruments, and nothing else runs while they
are converted."""

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.decode


_INSTRUMENT_COLUMNS = (
    "venue, environment, symbol, external_symbol, description, type, status, base_asset, quote_asset, "
    "base_security_type, quote_security_type, base_precision, quote_precision, lot_size, pip_size, min_quantity, "
    "max_quantity, min_notional, max_notional, order_types, time_in_force_options, order_filters, trading_hours, "
    "maker_fee, taker_fee, initial_margin, maintenance_margin, is_iceberg_allowed, iceberg_min_quantity, "
    "delivery_at_ms, exercise_style, strike_price, contract_size, settlement_asset, is_inverse, price_steps, "
    "price_significant_digits, market_lot, max_open_orders, price_band"
)
_SECURITY_COLUMNS = 'venue, environment, symbol, type, "precision", scale, min_quantity, lot_size'


def _upsert(table: str, columns: str) -> str:
    """Insert rows, or overwrite all of their columns but the id."""
    excluded = ", ".join(f"EXCLUDED.{column}" for column in columns.split(", "))
    return f"""
    INSERT INTO {table} SELECT * FROM unnest($1::{table}[])
    ON CONFLICT (id) DO UPDATE SET ({columns}) = ROW ({excluded})
    """


_UPSERT_INSTRUMENTS = _upsert("instruments", _INSTRUMENT_COLUMNS)
_UPSERT_SECURITIES = _upsert("securities", _SECURITY_COLUMNS)
_DEACTIVATE = """
UPDATE instruments SET status = 'INACTIVE'
WHERE venue = $1 AND environment = $2 AND status NOT IN ('INACTIVE', 'DELISTED')
    AND external_symbol = ANY($3::text[]) AND NOT id = ANY($4::text[])
"""
_DELIST = """
UPDATE instruments SET status = 'DELISTED'
WHERE venue = $1 AND environment = $2 AND status <> 'DELISTED'
    AND NOT id = ANY($3::text[]) AND NOT external_symbol = ANY($4::text[])
"""
_SET_OVERRIDE = """
INSERT INTO instrument_overrides VALUES ($1, $2, $3, $4)
ON CONFLICT (tenant_id, instrument_id) DO UPDATE
SET is_disabled = EXCLUDED.is_disabled, is_deleted = EXCLUDED.is_deleted
"""
_OPEN_USE = f"""
SELECT (
    SELECT count(*) FROM orders JOIN trading_accounts AS account ON account.id = orders.account_id
    WHERE account.tenant_id = $1 AND orders.instrument_id = $2
        AND orders.status IN {OPEN_STATUSES}
) + (
    SELECT count(*) FROM positions JOIN trading_accounts AS account ON account.id = positions.account_id
    WHERE account.tenant_id = $1 AND positions.instrument_id = $2 AND positions.status = 'OPEN'
)
"""


class CatalogueSql:
    """`ports.storage.market.CatalogueRepository`."""

    def __init__(self, connection: "asyncpg.Connection[asyncpg.Record]") -> None:
        self._connection = connection

    async def upsert_instruments(self, instruments: Sequence[Instrument]) -> None:
        await self._write(_UPSERT_INSTRUMENTS, map(_instrument_row, instruments))

    async def deactivate_unreadable(
        self, venue_id: VenueId, external_symbols: Sequence[str], readable: Sequence[InstrumentId]
    ) -> int:
        venue, environment = venue_id.venue.value, venue_id.environment.value
        done = await self._connection.execute(_DEACTIVATE, venue, environment, list(external_symbols), list(readable))
        return _count(done)

    async def delist_missing(
        self, venue_id: VenueId, listed: Sequence[InstrumentId], external_symbols: Sequence[str]
    ) -> int:
        venue, environment = venue_id.venue.value, venue_id.environment.value
        done = await self._connection.execute(_DELIST, venue, environment, list(listed), list(external_symbols))
        return _count(done)

    async def upsert_securities(self, securities: Sequence[Security]) -> None:
        await self._write(_UPSERT_SECURITIES, map(_security_row, securities))

    async def instruments(self) -> Sequence[Instrument]:
        return [_instrument_of(row) async for row in self._rows("SELECT * FROM instruments ORDER BY id")]

    async def securities(self) -> Sequence[Security]:
        return [_security_of(row) async for row in self._rows("SELECT * FROM securities ORDER BY id")]

    async def overrides(self) -> Sequence[tuple[TenantId, TenantOverride]]:
        rows = await self._connection.fetch("SELECT * FROM instrument_overrides")
        return [
            (row["tenant_id"], TenantOverride(row["instrument_id"], row["is_disabled"], row["is_deleted"]))
            for row in rows
        ]

    async def set_override(self, tenant_id: TenantId, override: TenantOverride) -> None:
        await self._connection.execute(
            _SET_OVERRIDE, tenant_id, override.instrument_id, override.is_disabled, override.is_deleted
        )

    async def deleted_securities(self) -> Sequence[tuple[TenantId, SecurityId]]:
        rows = await self._connection.fetch("SELECT tenant_id, security_id FROM deleted_securities")
        return [(row["tenant_id"], row["security_id"]) for row in rows]

    async def set_security_deleted(self, tenant_id: TenantId, security_id: SecurityId, is_deleted: bool) -> None:
        if is_deleted:
            sql = "INSERT INTO deleted_securities VALUES ($1, $2) ON CONFLICT DO NOTHING"
        else:
            sql = "DELETE FROM deleted_securities WHERE tenant_id = $1 AND security_id = $2"
        await self._connection.execute(sql, tenant_id, security_id)

    async def open_use_of(self, tenant_id: TenantId, instrument_id: InstrumentId) -> int:
        count: int = await self._connection.fetchval(_OPEN_USE, tenant_id, instrument_id)
        return count

    async def _write(self, statement: str, rows: Iterable[tuple[Any, ...]]) -> None:
        left = iter(rows)
        while some := list(islice(left, ROWS_AT_A_TIME_MAX)):
            await self._connection.execute(statement, some)

    async def _rows(self, query: str) -> AsyncIterator[asyncpg.Record]:
        cursor = await self._connection.cursor(query)
        while rows := await cursor.fetch(ROWS_AT_A_TIME_MAX):
            for row in rows:
                yield row


def _count(done: str) -> int:
    """Return how many rows a statement changed, by what the database says of it."""
    return int(done.rpartition(" ")[2])


def _instrument_row(instrument: Instrument) -> tuple[Any, ...]:
    i = instrument
    return (
        i.id, i.venue_id.venue.value, i.venue_id.environment.value, i.symbol, i.external_symbol, i.description,
        i.type.value, i.status.value, i.base_asset, i.quote_asset, i.base_security_type.value,
        i.quote_security_type.value, i.base_precision, i.quote_precision, i.lot_size, i.pip_size, i.min_quantity,
        i.max_quantity, i.min_notional, i.max_notional, [kind.value for kind in i.order_types],
        [option.value for option in i.time_in_force_options], _encode(i.order_filters).decode(),
        _encode(i.trading_hours).decode(), i.maker_fee, i.taker_fee, i.initial_margin, i.maintenance_margin,
        i.is_iceberg_allowed, i.iceberg_min_quantity, i.delivery_at_ms, i.exercise_style and i.exercise_style.value,
        i.strike_price, i.contract_size, i.settlement_asset, i.is_inverse,
        [number for step in i.price_steps for number in step], i.price_significant_digits,
        i.market_lot and list(astuple(i.market_lot)), i.max_open_orders, i.price_band and list(astuple(i.price_band)),
    )  # fmt: skip


def _instrument_of(row: Row) -> Instrument:
    style = row["exercise_style"]
    return Instrument(
        id=row["id"],
        venue_id=venue_id_of(row),
        symbol=row["symbol"],
        external_symbol=row["external_symbol"],
        description=row["description"],
        type=InstrumentType(row["type"]),
        status=InstrumentStatus(row["status"]),
        base_asset=row["base_asset"],
        quote_asset=row["quote_asset"],
        base_security_type=SecurityType(row["base_security_type"]),
        quote_security_type=SecurityType(row["quote_security_type"]),
        base_precision=row["base_precision"],
        quote_precision=row["quote_precision"],
        lot_size=row["lot_size"],
        pip_size=row["pip_size"],
        min_quantity=row["min_quantity"],
        max_quantity=row["max_quantity"],
        min_notional=row["min_notional"],
        max_notional=row["max_notional"],
        order_types=tuple(OrderType(kind) for kind in row["order_types"]),
        time_in_force_options=tuple(TimeInForce(option) for option in row["time_in_force_options"]),
        order_filters=_decode(row["order_filters"]),
        trading_hours=_decode(row["trading_hours"]),
        maker_fee=row["maker_fee"],
        taker_fee=row["taker_fee"],
        initial_margin=row["initial_margin"],
        maintenance_margin=row["maintenance_margin"],
        is_iceberg_allowed=row["is_iceberg_allowed"],
        iceberg_min_quantity=row["iceberg_min_quantity"],
        delivery_at_ms=row["delivery_at_ms"],
        exercise_style=None if style is None else ExerciseStyle(style),
        strike_price=row["strike_price"],
        contract_size=row["contract_size"],
        settlement_asset=row["settlement_asset"],
        is_inverse=row["is_inverse"],
        price_steps=tuple(zip(row["price_steps"][::2], row["price_steps"][1::2], strict=True)),
        price_significant_digits=row["price_significant_digits"],
        market_lot=_market_lot(row["market_lot"]),
        max_open_orders=row["max_open_orders"],
        price_band=_price_band(row["price_band"]),
    )


def _market_lot(numbers: Sequence[Decimal] | None) -> MarketLot | None:
    if numbers is None:
        return None
    lot_size, min_quantity, max_quantity = numbers
    return MarketLot(lot_size=lot_size, min_quantity=min_quantity, max_quantity=max_quantity)


def _price_band(numbers: Sequence[Decimal] | None) -> PriceBand | None:
    if numbers is None:
        return None
    bid_down, bid_up, ask_down, ask_up = numbers
    return PriceBand(bid_down=bid_down, bid_up=bid_up, ask_down=ask_down, ask_up=ask_up)


def _security_row(security: Security) -> tuple[Any, ...]:
    return (
        security.id, security.venue_id.venue.value, security.venue_id.environment.value, security.symbol,
        security.type.value, security.precision, security.scale, security.min_quantity, security.lot_size,
    )  # fmt: skip


def _security_of(row: Row) -> Security:
    return Security(
        id=row["id"],
        venue_id=venue_id_of(row),
        symbol=row["symbol"],
        type=SecurityType(row["type"]),
        precision=row["precision"],
        scale=row["scale"],
        min_quantity=row["min_quantity"],
        lot_size=row["lot_size"],
    )
