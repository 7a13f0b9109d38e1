"""The copy of the catalogue in memory follows its tables, whatever fails in between."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from typing import Any

import pytest

from cadenza.adapters.storage.database import SqlStorage, open_pool
from cadenza.application.market_data.catalogue import Catalogue
from cadenza.application.market_data.disable_instrument import DisableInstrument
from cadenza.application.market_data.refresh_catalogue import RefreshCatalogue
from cadenza.application.market_data.sync_instruments import SyncInstruments
from cadenza.domain.errors import DatabaseUnavailable
from cadenza.domain.market.instrument import InstrumentStatus
from cadenza.domain.trading.venue_spec import InstrumentListing
from cadenza.runtime.local import AsyncioConcurrency
from tests.application.market_data.market_world import OKX, ScriptedConnector, listed
from tests.scripted.world import TENANT, actor_of

BTC, ETH = listed(OKX, "BTC/USDT"), listed(OKX, "ETH/USDT")
ACTOR = actor_of(TENANT)


class Storage(SqlStorage):
    """Reads are counted, and fail while `is_away`."""

    is_away = False
    reads = 0

    def read(self) -> Any:
        self.reads += 1
        if self.is_away:
            raise DatabaseUnavailable("away")
        return super().read()


@dataclass
class World:
    storage: Storage
    connector: ScriptedConnector
    catalogue: Catalogue
    parts: dict[str, Any]

    async def refresh(self) -> None:
        await RefreshCatalogue(**self.parts)(OKX)

    def status(self, instrument: Any = ETH) -> InstrumentStatus:
        found = self.catalogue.instrument(instrument.id)
        assert found is not None
        return found.status


@pytest.fixture
async def world(database_dsn: str) -> AsyncIterator[World]:
    pool = await open_pool(database_dsn, connections_max=4)
    storage, connector = Storage(pool), ScriptedConnector(OKX, "BTC/USDT", "ETH/USDT")
    connector.spec = replace(connector.spec, listing=InstrumentListing.LISTED)
    catalogue = Catalogue(storage=storage)
    parts = {
        "storage": storage,
        "connectors": {OKX: connector},
        "catalogue": catalogue,
        "concurrency": AsyncioConcurrency(),
    }
    made = World(storage, connector, catalogue, parts)
    await catalogue.load()
    await made.refresh()
    yield made
    await pool.close()


async def test_a_list_that_brings_nothing_new_is_not_loaded_again(world: World) -> None:
    before = world.storage.reads
    await world.refresh()
    assert world.storage.reads == before


async def test_a_load_that_failed_is_made_up_for_by_the_next_refresh(world: World) -> None:
    world.connector.listed = [BTC]
    world.storage.is_away = True
    with pytest.raises(DatabaseUnavailable):
        await world.refresh()
    world.storage.is_away = False
    await world.refresh()
    assert world.status() is InstrumentStatus.DELISTED


async def test_a_tenants_decision_whose_load_failed_is_made_up_for_too(world: World) -> None:
    disable = DisableInstrument(storage=world.storage, catalogue=world.catalogue)
    world.storage.is_away = True
    with pytest.raises(DatabaseUnavailable):
        await disable(ACTOR, ETH.id)
    world.storage.is_away = False
    await world.refresh()
    assert world.catalogue.for_tenant(TENANT, ETH.id).status is InstrumentStatus.DISABLED


async def test_a_list_that_was_compared_before_another_change_is_written_whole(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The sync has found nothing new when the refresh takes ETH off; the sync commits later, so its list counts."""
    begin, gate, arrived = world.storage.begin, asyncio.Event(), asyncio.Event()

    class Later:
        def __init__(self) -> None:
            self._inner = begin()

        async def __aenter__(self) -> Any:
            arrived.set()
            await gate.wait()
            return await self._inner.__aenter__()

        async def __aexit__(self, *failure: Any) -> Any:
            return await self._inner.__aexit__(*failure)

    monkeypatch.setattr(world.storage, "begin", Later)
    syncing = asyncio.create_task(SyncInstruments(**world.parts)(ACTOR, OKX, ()))
    await arrived.wait()
    monkeypatch.undo()
    world.connector.listed = [BTC]
    await world.refresh()
    assert world.status() is InstrumentStatus.DELISTED
    gate.set()
    await syncing
    assert world.status() is InstrumentStatus.ACTIVE


async def test_a_load_that_began_before_a_commit_does_not_stand_for_it(world: World) -> None:
    """Somebody else's load begins between the announcement of a change and its commit, and ends first."""
    with world.catalogue.changing_listing():
        await world.catalogue.load()
    assert world.catalogue.is_behind
    await world.catalogue.load()
    assert not world.catalogue.is_behind
