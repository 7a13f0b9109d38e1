"""A venue that does not verify a key holds up no caller."""

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest
from tests.application.orders.stored_keys import secrets_of
from tests.inhouse_kit import until
from tests.scripted.clock import FakeClock, FakeConcurrency

from cadenza.application.accounts.reached_accounts import reached_accounts
from cadenza.domain.errors import VenueUnavailable
from cadenza.ports.venue import VERIFY_MS_MAX


async def test_a_key_is_not_waited_for_longer_than_the_port_says() -> None:
    clock, asked, cancelled = FakeClock(), asyncio.Event(), asyncio.Event()

    async def verify(*given: Any) -> None:
        asked.set()
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()

    connector: Any = SimpleNamespace(verify=verify)
    credential: Any = SimpleNamespace(type=None, venue_id="OKX")
    no_alarms: Any = None
    asking = asyncio.ensure_future(
        reached_accounts(connector, credential, secrets_of("first", "key"), no_alarms, FakeConcurrency(clock))
    )
    await until(asked.is_set, "the request")
    clock.advance(VERIFY_MS_MAX - 1)
    await asyncio.sleep(0)
    assert not cancelled.is_set()
    clock.advance(1)
    with pytest.raises(VenueUnavailable):
        await asyncio.wait_for(asking, 60)
    assert cancelled.is_set()
