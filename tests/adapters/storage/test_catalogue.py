"""Every fact of an instrument comes back from the database as it was."""

from dataclasses import replace
from decimal import Decimal as D

import pytest
from tests.domain.trading.worlds import instrument

from cadenza.adapters.storage.database import SqlStorage, open_pool
from cadenza.domain.ids import InstrumentId
from cadenza.domain.market.instrument import Instrument, InstrumentType, MarketLot, PriceBand

PLAIN = instrument()
RICH = instrument(
    id=InstrumentId("PAPER:BTC/USD:PERP"), symbol="BTC/USD:PERP", type=InstrumentType.PERPETUAL,
    contract_size=D(10), settlement_asset="BTC", is_inverse=True,
    price_steps=((D("0.005"), D("0.0005")), (D(1), D("0.05"))), price_significant_digits=5,
    market_lot=MarketLot(lot_size=D(10), min_quantity=D(20), max_quantity=D("3E+5")), max_open_orders=200,
    price_band=PriceBand(bid_down=D("0.2"), bid_up=D(5), ask_down=D("0.3"), ask_up=D(4)),
)  # fmt: skip


@pytest.mark.parametrize("written", [PLAIN, RICH], ids=["plain", "rich"])
async def test_an_instrument_comes_back_as_it_was(database_dsn: str, written: Instrument) -> None:
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
