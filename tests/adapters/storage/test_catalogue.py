"""Every fact of an instrument comes back from the database as it was."""

from dataclasses import replace
from decimal import Decimal as D

import pytest
from tests.domain.trading.worlds import instrument

from cadenza.adapters.storage.catalogue import ROWS_AT_A_TIME_MAX
from cadenza.adapters.storage.database import SqlStorage, open_pool
from cadenza.domain.ids import InstrumentId
from cadenza.domain.market.instrument import Instrument, InstrumentStatus, InstrumentType, MarketLot, PriceBand
from cadenza.domain.trading.storable import CATALOGUE_ID_LENGTH_MAX, SMALL_INTEGER_MAX, can_be_listed

PLAIN = instrument()
RICH = instrument(
    id=InstrumentId("PAPER:BTC/USD:PERP"), symbol="BTC/USD:PERP", type=InstrumentType.PERPETUAL,
    contract_size=D(10), settlement_asset="BTC", is_inverse=True,
    price_steps=((D("0.005"), D("0.0005")), (D(1), D("0.05"))), price_significant_digits=5,
    market_lot=MarketLot(lot_size=D(10), min_quantity=D(20), max_quantity=D("3E+5")), max_open_orders=200,
    price_band=PriceBand(bid_down=D("0.2"), bid_up=D(5), ask_down=D("0.3"), ask_up=D(4)),
)  # fmt: skip
LARGEST = replace(
    PLAIN, id=InstrumentId("".join(chr(0x10000 + n) for n in range(CATALOGUE_ID_LENGTH_MAX))),
    base_precision=SMALL_INTEGER_MAX, max_quantity=D("9E+60"), min_notional=D("1E-60"), order_filters={"a": ["\x01"]},
)  # fmt: skip
"""At the limits of what can be listed."""


@pytest.mark.parametrize("written", [PLAIN, RICH, LARGEST], ids=["plain", "rich", "largest"])
async def test_an_instrument_comes_back_as_it_was(database_dsn: str, written: Instrument) -> None:
    assert can_be_listed(written)
    pool = await open_pool(database_dsn, connections_max=2)
    try:
        storage = SqlStorage(pool)
        for version in (replace(written, description="before", price_steps=(), price_band=None), written):
            async with storage.begin() as uow:
                await uow.catalogue.upsert_instruments([version])
                await uow.commit()
        async with storage.read() as uow:
            assert list(await uow.catalogue.instruments()) == [written]
    finally:
        await pool.close()


async def test_an_unreadable_instrument_keeps_its_row_as_inactive_and_a_missing_one_is_delisted(
    database_dsn: str,
) -> None:
    pool = await open_pool(database_dsn, connections_max=2)
    rows = [
        named("A/X", "AX"), named("B/X", "BX"), named("C/X", "CX"),
        named("A/X-PERP", "AX"), replace(named("D/X", "DX"), status=InstrumentStatus.DELISTED),
    ]  # fmt: skip
    try:
        storage = SqlStorage(pool)
        async with storage.begin() as uow:
            await uow.catalogue.upsert_instruments(rows)
            readable = [rows[3].id]
            for changed in (1, 0):
                assert await uow.catalogue.deactivate_unreadable(PLAIN.venue_id, ["AX", "DX"], readable) == changed
                listed = [*readable, rows[1].id]
                assert await uow.catalogue.delist_missing(PLAIN.venue_id, listed, ["AX", "DX"]) == changed
            await uow.commit()
        async with storage.read() as uow:
            kept = {each.symbol: each for each in await uow.catalogue.instruments()}
        assert {symbol: each.status.value for symbol, each in kept.items()} == {
            "A/X": "INACTIVE", "B/X": "ACTIVE", "C/X": "DELISTED", "A/X-PERP": "ACTIVE", "D/X": "DELISTED"
        }  # fmt: skip
        assert kept["A/X"] == replace(rows[0], status=InstrumentStatus.INACTIVE), "the rules stay"
    finally:
        await pool.close()


async def test_more_instruments_than_are_read_at_once_come_back(database_dsn: str) -> None:
    pool = await open_pool(database_dsn, connections_max=2)
    rows = [named(f"A{number}/X", f"A{number}X") for number in range(2 * ROWS_AT_A_TIME_MAX + 1)]
    try:
        storage = SqlStorage(pool)
        async with storage.begin() as uow:
            await uow.catalogue.upsert_instruments(rows)
            await uow.commit()
        async with storage.read() as uow:
            found = await uow.catalogue.instruments()
        assert {each.id: each for each in found} == {each.id: each for each in rows}
    finally:
        await pool.close()


def named(symbol: str, external_symbol: str) -> Instrument:
    return replace(PLAIN, id=InstrumentId(f"{PLAIN.venue_id}:{symbol}"), symbol=symbol, external_symbol=external_symbol)
