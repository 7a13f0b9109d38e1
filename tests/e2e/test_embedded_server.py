"""What `make run` starts, killed and crowded: the server with its own PostgreSQL, every setting at its default."""

import asyncio
import os
import signal
import time
from pathlib import Path

import aiohttp
import pytest

from cadenza.runtime.embedded.postgres import dsn_of_running
from tests.e2e.trader import Trader
from tests.e2e.truth import unanswered, violations
from tests.serving import DidNotStart, Serving, eventually

pytestmark = pytest.mark.asyncio(loop_scope="session")

SECOND_START_WITHIN_S = 15.0
"""The promise is 3 s on a machine of one's own; here tests run beside it. bench/orders.py measures it. On a slower
machine, a later start takes no longer than the first one, which also makes the database."""


def truth(data_dir: Path) -> str:
    dsn = dsn_of_running(data_dir)
    assert dsn is not None
    return dsn


async def settled(data_dir: Path) -> None:
    async def is_settled() -> bool:
        return not await unanswered(truth(data_dir)) and not await violations(truth(data_dir))

    await eventually(is_settled)


async def test_kill_9_of_the_server_loses_nothing_and_the_next_start_is_quick(tmp_path: Path) -> None:
    data_dir = tmp_path / "data"
    began = time.monotonic()
    server = await Serving.start(data_dir)
    first_start_s = time.monotonic() - began
    try:
        async with Trader(server.url) as user:
            await user.enter()
            await user.connect()
            filled = await user.submit(awaitClosed=True)
            resting = await user.submit(orderType="LIMIT", limitPrice="20000", quantity="0.1")
            held = await user.balances(user.spot)
            await server.kill()
            began = time.monotonic()
            server = await Serving.start(data_dir)
            assert time.monotonic() - began < max(SECOND_START_WITHIN_S, first_start_s)
            user.api.move(server.url)
            assert await user.orders() == [resting, filled]
            assert await user.balances(user.spot) == held
            await settled(data_dir)
            assert (await user.cancel(resting))["status"] == "CANCELLED"
        assert await server.stop() == 0
    finally:
        await server.kill()


async def test_kill_9_of_postgresql_under_load_is_survived(tmp_path: Path) -> None:
    data_dir = tmp_path / "data"
    server = await Serving.start(data_dir)
    acknowledged: list[str] = []
    try:
        async with Trader(server.url) as user:
            await user.enter()
            await user.connect()

            async def keep_submitting(client: int) -> None:
                """Repeat each request under its key until it is answered, as a careful client does."""
                for number in range(10):
                    answer = None
                    while answer is None or answer.status == 500:
                        try:
                            answer = await user.try_submit(
                                orderType="LIMIT",
                                limitPrice="20000",
                                quantity="0.001",
                                idempotencyKey=f"{client}-{number}",
                            )
                        except aiohttp.ClientError:
                            continue
                    assert answer.status == 200, answer.body
                    acknowledged.append(answer.data[0]["tradeOrderId"])

            work = asyncio.gather(*(keep_submitting(client) for client in range(8)))

            async def is_under_way() -> bool:
                return len(acknowledged) > 8

            await eventually(is_under_way)
            postmaster = int((data_dir / "postgres/data/postmaster.pid").read_text().split()[0])
            os.kill(postmaster, signal.SIGKILL)
            async with asyncio.timeout(60):
                await work
            orders = {order["tradeOrderId"] for order in await user.orders()}
            assert orders == set(acknowledged)
            assert len(acknowledged) == 80
            await settled(data_dir)
        assert await server.stop() == 0
    finally:
        await server.kill()


async def test_a_second_server_says_what_is_in_its_way(tmp_path: Path) -> None:
    data_dir = tmp_path / "data"
    server = await Serving.start(data_dir)
    try:
        port = server.address.rpartition(":")[2]
        with pytest.raises(DidNotStart, match=r"CADENZA_PORT"):
            await Serving.start(tmp_path / "other", PORT=port)
        with pytest.raises(DidNotStart, match=r"is used by|in use|running"):
            await Serving.start(data_dir)
        async with Trader(server.url) as user:
            await user.enter()
        assert await server.stop() == 0
    finally:
        await server.kill()
