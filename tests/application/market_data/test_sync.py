"""A venue that does not send its lists holds up no caller."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from cadenza.application.market_data.refresh_catalogue import RefreshCatalogue
from cadenza.application.market_data.sync_instruments import SyncInstruments
from cadenza.application.market_data.sync_securities import SyncSecurities
from cadenza.domain.errors import VenueUnavailable
from cadenza.ports.venue import CATALOGUE_MS_MAX
from tests.application.market_data.market_world import OKX, ScriptedConnector
from tests.inhouse_kit import until
from tests.scripted.clock import FakeClock, FakeConcurrency
from tests.scripted.world import TENANT, actor_of

ACTOR = actor_of(TENANT)
Asked = Callable[[dict[str, Any]], Coroutine[Any, Any, object]]

ASKED: dict[str, Asked] = {
    "instruments": lambda parts: SyncInstruments(**parts)(ACTOR, OKX, ()),
    "securities": lambda parts: SyncSecurities(**parts)(ACTOR, OKX),
    "both": lambda parts: RefreshCatalogue(**parts)(OKX),
}


@pytest.mark.parametrize("name", ASKED)
async def test_lists_that_do_not_come_are_not_waited_for_longer_than_the_port_says(name: str) -> None:
    clock, connector = FakeClock(), ScriptedConnector(OKX)
    connector.hangs = {"instruments", "securities"}
    parts = {
        "storage": None,
        "connectors": {OKX: connector},
        "catalogue": None,
        "concurrency": FakeConcurrency(clock),
    }
    asking = asyncio.ensure_future(ASKED[name](parts))
    try:
        await until(lambda: bool(connector.calls), "the request")
        clock.advance(CATALOGUE_MS_MAX)
        with pytest.raises(VenueUnavailable):
            await asyncio.wait_for(asking, 60)
    finally:
        asking.cancel()
