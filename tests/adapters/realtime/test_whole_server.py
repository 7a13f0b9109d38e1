"""The socket of the whole server: real tokens, real orders, real PostgreSQL, killed and stopped for real."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from tests.adapters.realtime.raw_client import RawClient
from tests.contract.checker import assert_matches
from tests.e2e.trader import BTC_USDT, Trader, ok
from tests.serving import Serving


@pytest.fixture
async def data_dir(tmp_path: Path) -> Path:
    return tmp_path / "data"


@pytest.fixture
async def server(data_dir: Path) -> AsyncIterator[Serving]:
    running = await Serving.start(data_dir, SOCKET_SESSION_CHECK_MS=600_000)  # nothing here waits for a look
    yield running
    await running.stop()


async def client_of(server: Serving, trader: Trader) -> RawClient:
    client = await RawClient.open(int(server.url.rpartition(":")[2]))
    assert trader.api.token is not None
    await client.connect(trader.api.token)
    return client


async def pushes_until(client: RawClient, wanted: str) -> list[dict[str, Any]]:
    """Return the publications of the log up to the one of an order in the wanted state; portfolios are passed over."""
    seen = []
    while True:
        publication = (await client.push())["pub"]
        if "offset" not in publication:
            continue
        seen.append(publication)
        data = publication["data"]
        if data["type"] == "event.trade_order.updated" and data["data"]["status"] == wanted:
            return seen


def order_rpc(trader: Trader, key: str, **more: Any) -> dict[str, Any]:
    order = {"instrumentId": BTC_USDT, "orderSide": "BUY", "orderType": "MARKET", "quantity": "0.01", **more}
    data = {"tradeOrder": order, "tradingAccountId": trader.spot, "idempotencyKey": key, "awaitClosed": True}
    return {"method": "command.trade_order.submit", "data": data}


async def test_an_order_by_rpc_and_its_fills_on_the_channel(server: Serving) -> None:
    async with Trader(server.url) as trader:
        await trader.enter()
        await trader.connect()
        client = await client_of(server, trader)
        channel = f"tradingAccount:{trader.spot}"
        position = await client.subscribe(channel)
        assert position["offset"] > 0
        reply = (await client.ask(rpc=order_rpc(trader, "k-1")))["rpc"]["data"]
        assert_matches("rpcSubmitTradeOrderResult", reply)
        assert reply["data"]["status"] == "FILLED"
        seen = await pushes_until(client, "FILLED")
        for n, publication in enumerate(seen, position["offset"] + 1):
            assert publication["offset"] == n
        for publication in seen:
            assert publication["data"]["type"] == "event.trade_order.updated"
            assert_matches("tradeOrder", publication["data"]["data"])
        added = [each["externalTradeId"] for pub in seen for each in pub["data"]["data"]["executions"]]
        [stored] = await trader.orders(tradingAccountId=trader.spot)
        assert added == [each["externalTradeId"] for each in stored["executions"]], "each once, in order"
        await _portfolio(client, trader)
        again = (await client.ask(rpc=order_rpc(trader, "k-1")))["rpc"]["data"]
        assert again["data"]["tradeOrderId"] == reply["data"]["tradeOrderId"], "the same key, the same order"
        other = (await client.ask(rpc=order_rpc(trader, "k-1", quantity="0.02")))["rpc"]["data"]
        assert other["error"]["code"] == -20002
        await _market(client)
        await client.close()


async def _portfolio(client: RawClient, trader: Trader) -> None:
    """Wait for the view that shows the balances as they are stored."""
    stored = (await trader.portfolio(trader.spot))["balances"]
    async with asyncio.timeout(60):
        while True:
            publication = (await client.push())["pub"]
            if "offset" not in publication:
                assert_matches("portfolio", publication["data"]["data"])
                if publication["data"]["data"]["balances"] == stored:
                    return


async def _market(client: RawClient) -> None:
    reply = await client.subscribe(f"market:orderBook:{BTC_USDT}")
    assert reply["recoverable"] is True
    book = (await client.push())["pub"]["data"]
    while book["type"] != "event.orderbook.updated":
        book = (await client.push())["pub"]["data"]
    assert_matches("orderbook", book["data"])
    for method, data in (
        ("query.orderbook.get", {"instrumentId": BTC_USDT}),
        ("query.ticker.list", {"instrumentIds": [BTC_USDT]}),
        ("query.instrument.list", {"venue": "PAPER"}),
        ("query.portfolio.list", {}),
        ("query.system.check", {}),
        ("command.instrument.disable", {"instrumentId": "PAPER:NO/SUCH"}),
    ):
        answer = (await client.ask(rpc={"method": method, "data": data}))["rpc"]["data"]
        assert ("error" in answer) == ("NO/SUCH" in str(data)), answer


async def test_recovery_across_kill_9(server: Serving, data_dir: Path) -> None:
    async with Trader(server.url) as trader:
        await trader.enter()
        await trader.connect()
        client = await client_of(server, trader)
        channel = f"tradingAccount:{trader.spot}"
        position = await client.subscribe(channel)
        await trader.submit(awaitClosed=True)
        seen = await pushes_until(client, "FILLED")
        client.leave()
        await trader.submit(awaitClosed=True)
        spot, token = trader.spot, trader.api.token
    await server.kill()
    second = await Serving.start(data_dir)
    try:
        async with Trader(second.url, email=trader.email) as back:
            back.api.token, back.spot = token, spot
            client = await client_of(second, back)
            reply = await client.subscribe(
                channel, recover=True, epoch=position["epoch"], offset=position["offset"] + len(seen)
            )
            assert reply["recovered"] is True
            assert reply["epoch"] == position["epoch"]
            offsets = [each["offset"] for each in reply["publications"]]
            newest = (await client.ask(history={"channel": channel}))["history"]["offset"]
            assert offsets == list(range(position["offset"] + len(seen) + 1, newest + 1))
            states = [each["data"]["data"].get("status") for each in reply["publications"]]
            assert "FILLED" in states
            await client.close()
    finally:
        await second.stop()


async def test_logging_out_ends_the_connection_and_stopping_sends_3001(server: Serving) -> None:
    async with Trader(server.url) as trader, Trader(server.url) as other:
        await trader.enter()
        await other.enter()
        client, witness = await client_of(server, trader), await client_of(server, other)
        await ok(trader.api.post("/api/v3/auth/logout", None))
        assert (await client.closed()).code == 3500
        await witness.ask(ping={})
        stopping = asyncio.create_task(server.stop())
        assert (await witness.closed()).code == 3001
        witness.leave()
        assert await stopping == 0
