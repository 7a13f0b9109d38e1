"""Whatever happens to wires, readers and servers: every client ends up knowing exactly what the database says."""

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import uvloop
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from tests.adapters.realtime.follower import Follower
from tests.adapters.realtime.raw_client import WAIT_S, RawClient
from tests.centrifugo.conftest import GENEROUS, SOCKETS, trade
from tests.centrifugo.judge import House
from tests.e2e.trader import Trader

BUFFER_BYTES = 4_096
SETTINGS = GENEROUS | {"SOCKET_HISTORY_ITEMS_MAX": 40, "SOCKET_QUEUE_BYTES_MAX": 16_384}
"""Small, so that gaps are sometimes too long and readers sometimes too slow."""
CLIENTS = 3


class OrderFollower(Follower):
    """It knows the orders of an account, from the log, and what is free and locked of each asset, from the last view.
    It keeps its copy as docs/websocket.md says."""

    def __init__(self, house: House, trader: Trader) -> None:
        super().__init__(f"tradingAccount:{trader.spot}")
        self.house = house
        self.trader = trader
        self.orders: dict[str, Any] = {}
        self.balances: dict[str, Any] = {}

    async def open(self) -> RawClient:
        client = await RawClient.open(self.house.socket_port, receive_buffer_bytes=BUFFER_BYTES)
        await client.connect(str(self.trader.api.token))
        return client

    async def list_anew(self) -> None:
        self.orders, _ = await stored(self.trader)

    def take(self, publication: dict[str, Any]) -> None:
        assert publication["data"]["type"] == "event.trade_order.updated"
        order = publication["data"]["data"]
        known = self.orders.get(order["tradeOrderId"], {"executions": []})
        executions = {each["externalTradeId"]: each for each in known["executions"] + order["executions"]}
        self.orders[order["tradeOrderId"]] = in_order(order | {"executions": list(executions.values())})

    def take_view(self, publication: dict[str, Any]) -> None:
        assert publication["data"]["type"] == "event.portfolio.updated"
        self.balances = balances_of(publication["data"]["data"])

    async def read(self) -> None:
        """Read until all that it knows is what is stored; nothing happens meanwhile."""
        wanted = await stored(self.trader)
        async with asyncio.timeout(4 * WAIT_S):
            while (self.orders, self.balances) != wanted:
                await self.step()


def balances_of(portfolio: dict[str, Any]) -> dict[str, Any]:
    return {each["securitySymbol"]: (each["free"], each["locked"]) for each in portfolio["balances"]}


def in_order(order: dict[str, Any]) -> dict[str, Any]:
    """The order with its executions by time."""
    return order | {
        "executions": sorted(order["executions"], key=lambda each: (each["executedAt"], each["executionId"]))
    }


async def stored(trader: Trader) -> tuple[dict[str, Any], dict[str, Any]]:
    """The account's orders and balances, as the database says."""
    listed = await trader.orders(tradingAccountId=trader.spot)
    orders = {order["tradeOrderId"]: in_order(order) for order in listed}
    return orders, balances_of(await trader.portfolio(trader.spot))


Step = tuple[str, int]
steps = st.lists(
    st.one_of(
        st.tuples(st.just("trade"), st.integers(1, 8)),
        st.tuples(st.just("trade and cut"), st.integers(0, CLIENTS - 1)),
        st.tuples(st.just("trade more than is remembered"), st.just(25)),
        st.tuples(st.just("cut"), st.integers(0, CLIENTS - 1)),
        st.tuples(st.just("read"), st.integers(0, CLIENTS - 1)),
        st.tuples(st.just("kill the server"), st.just(0)),
        st.tuples(st.just("stop the server"), st.just(0)),
        st.tuples(st.just("kill the socket"), st.just(0)),
    ),
    min_size=4,
    max_size=8,
)


async def act(house: House, trader: Trader, followers: Sequence[OrderFollower], step: Step) -> None:
    match step:
        case "trade" | "trade more than is remembered", count:
            await trade(trader, count)
        case "trade and cut", number:
            trading = asyncio.create_task(trade(trader, 5))
            await followers[number].step()
            followers[number].cut()
            await trading
        case "cut", number:
            followers[number].cut()
        case "read", number:
            await followers[number].read()
        case "kill the server", _:
            await house.server.kill()
            await house.start_server()
        case "stop the server", _:
            assert await house.server.stop() == 0
            await house.start_server()
        case "kill the socket", _ if house.centrifugo is not None:
            await house.centrifugo.kill()
            await trade(trader, 2)
            await house.centrifugo.start()


async def play(house: House, script: Sequence[Step]) -> None:
    async with Trader(house.url) as trader:
        await trader.enter()
        await trader.connect()
        followers = [OrderFollower(house, trader) for _ in range(CLIENTS)]
        for follower in followers:
            await follower.step()
        for step in script:
            await act(house, trader, followers, step)
        await trade(trader, 1)
        for follower in followers:
            await follower.read()
            follower.cut()


@contextmanager
def running(socket: str, directory: Path) -> Iterator[tuple[asyncio.Runner, House]]:
    """A house that lasts for many examples."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        house = runner.run(House.open(directory, is_judged=socket == "centrifugo", **SETTINGS))
        try:
            yield runner, house
        finally:
            runner.run(house.close())


@pytest.mark.parametrize("socket", SOCKETS)
def test_the_final_view_equals_the_database(socket: str, tmp_path: Path) -> None:
    with running(socket, tmp_path) as (runner, house):

        @settings(
            max_examples=6,
            phases=[Phase.explicit, Phase.reuse, Phase.generate],  # an example takes seconds: none is made smaller
        )
        @given(script=steps)
        def check(script: list[Step]) -> None:
            runner.run(play(house, script))

        check()


@pytest.mark.parametrize("socket", SOCKETS)
def test_a_slow_reader_recovers_or_lists_anew(socket: str, tmp_path: Path) -> None:
    """The hardest of the above, always tried: a reader sleeps through more than its queue and the history hold."""

    async def sleep_and_wake(house: House) -> None:
        async with Trader(house.url) as trader:
            await trader.enter()
            await trader.connect()
            sleeper, awake = OrderFollower(house, trader), OrderFollower(house, trader)
            await sleeper.step()
            await awake.step()

            async def listeners() -> int:
                assert awake.wire is not None
                asked = {"channel": awake.channel}
                reply = (await awake.wire.ask(presence_stats=asked))["presence_stats"]
                return int(reply["num_clients"])

            traded = 0
            while await listeners() == 2:
                await trade(trader, 25)
                traded += 25
                await awake.read()
                assert traded < 2_000, "it is never thrown out"
            await trade(trader, 25)
            await awake.read()
            await sleeper.read()
            assert sleeper.relisted == 2, "at its start, and after it slept"
            assert awake.relisted == 1
            sleeper.cut()
            awake.cut()

    with running(socket, tmp_path) as (runner, house):
        runner.run(sleep_and_wake(house))
