"""A server that is told to stop while a venue lets an order wait: it stops soon, and the client hears what is so."""

import asyncio
import time
from pathlib import Path

import pytest

from tests.e2e.trader import Trader
from tests.serving import Serving, eventually

pytestmark = pytest.mark.asyncio(loop_scope="session")

STOPPED_WITHIN_S = 25.0
"""5 s for requests and what remains of the 5 s that their venue has; here tests run beside it. The venue itself would
take 2 minutes."""


async def test_an_order_that_waits_for_its_venue_is_answered_though_the_server_stops(tmp_path: Path) -> None:
    server = await Serving.start(tmp_path / "data")
    try:
        async with Trader(server.url, venue="MOCK") as trader:
            await trader.enter()
            await trader.connect()
            asked = {"orderType": "LIMIT", "limitPrice": "20000", "awaitClosed": True}
            waiting = asyncio.create_task(trader.try_submit(clientOrderId="mock.ack-delay:120000#1", **asked))

            async def is_on_disk() -> bool:
                return bool(await trader.orders())

            await eventually(is_on_disk)
            began = time.monotonic()
            assert await server.stop() == 0
            assert time.monotonic() - began < STOPPED_WITHIN_S
            answer = await waiting
            if answer.status != 200:  # 6 s had not passed when the 5 s of the stop had
                assert (answer.status, answer.code) == (500, "STOPPING")
                assert answer.body["details"]["request_id"] == answer.headers["x-request-id"]
            assert "Exception in ASGI application" not in server.log_file.read_text()
    finally:
        await server.kill()
