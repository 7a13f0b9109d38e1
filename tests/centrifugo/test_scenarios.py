"""The scenarios of Centrifugo's own stress test, for our socket and the real Centrifugo alike. Differences are named.

Those that need small limits are in test_scenarios_of_limits.py, those of the clock in test_scenarios_of_time.py.
"""

import asyncio
from typing import Any

import pytest
from tests.adapters.realtime.bad_frames import BREACHES, CALL, MALFORMED
from tests.adapters.realtime.follower import Follower
from tests.adapters.realtime.raw_client import BINARY, CONT, PING, TEXT, Closed, RawClient
from tests.centrifugo.conftest import MakeClient, publications_of, trade
from tests.centrifugo.differences import differs
from tests.centrifugo.judge import House
from tests.e2e.trader import BTC_USDT, Trader
from tests.serving import eventually

pytestmark = pytest.mark.asyncio(loop_scope="module")
BOOK, TRADES = f"market:orderBook:{BTC_USDT}", f"market:trade:{BTC_USDT}"


async def outcome(client: RawClient, **request: Any) -> int:
    """The code of the error, or that the connection was closed with; 0 when all is well."""
    try:
        reply = await client.ask(**request)
    except Closed as closed:
        return closed.code
    code: int = reply.get("error", {}).get("code", 0)
    return code


async def assert_well(client: RawClient) -> None:
    assert (await client.ask(rpc={"method": "query.venue.list", "data": {}}))["rpc"]["data"]["data"]


class Witness(Follower):
    """Keeps the offsets of the publications that came."""

    def __init__(self, connect: MakeClient, channel: str) -> None:
        super().__init__(channel)
        self._connect = connect
        self.offsets: list[int] = []

    async def open(self) -> RawClient:
        return await self._connect()

    async def list_anew(self) -> None:
        assert not self.offsets, "nothing was admitted to be lost"

    def take(self, publication: dict[str, Any]) -> None:
        self.offsets.append(publication["offset"])

    def take_view(self, publication: dict[str, Any]) -> None:
        assert publication["data"]["type"] == "event.portfolio.updated"


class TestPublications:
    async def test_fan_out(self, trader: Trader, channel: str, connect: MakeClient) -> None:
        """Every subscriber is told everything once, and in order."""
        clients = [await connect() for _ in range(20)]
        positions = [await client.subscribe(channel) for client in clients]
        orders = await trade(trader, 10)
        answer = [
            await publications_of(client, orders, position.get("offset", 0))
            for client, position in zip(clients, positions, strict=True)
        ]
        for other in answer[1:]:
            assert other == answer[0]

    async def test_concurrent_publish_offsets(self, trader: Trader, channel: str, connect: MakeClient) -> None:
        """Whoever comes at any moment of many publications sees offsets without a gap, and without a double."""
        trading = asyncio.create_task(trade(trader, 40))
        witnesses = []
        while not trading.done() and len(witnesses) < 40:
            client = await connect()
            witnesses.append((client, await client.subscribe(channel)))
        assert len(witnesses) > 1
        await trading
        last = await trade(trader, 1)
        tops = {
            (await publications_of(client, last, position.get("offset", 0)))[-1]["offset"]
            for client, position in witnesses
        }
        assert len(tops) == 1

    async def test_recovery_storm(self, trader: Trader, channel: str, connect: MakeClient) -> None:
        """Clients that are thrown out again and again while orders are filled miss nothing, and see nothing twice."""
        witnesses = [Witness(connect, channel) for _ in range(10)]
        for witness in witnesses:
            await witness.step()
        start = witnesses[0].offset
        is_over = False

        async def follow(witness: Witness, every: int) -> None:
            while not is_over:
                await witness.step()
                if len(witness.offsets) % every == 0:
                    witness.cut()

        following = [asyncio.create_task(follow(each, 2 + number % 5)) for number, each in enumerate(witnesses)]
        while min(witness.reconnects for witness in witnesses) < 5:
            await trade(trader, 5)
        is_over = True
        await trade(trader, 1)  # whoever waits is told something
        await asyncio.gather(*following)
        judge = await connect()
        answer = await judge.subscribe(channel)
        for witness in witnesses:
            while witness.offset < answer["offset"]:
                await witness.step()
            assert witness.offsets == list(range(start + 1, witness.offset + 1))

    async def test_many_come_back_at_once(
        self, house: House, trader: Trader, channel: str, connect: MakeClient
    ) -> None:
        first = await connect()
        position = await first.subscribe(channel)
        orders = await trade(trader, 10)
        seen = await publications_of(first, orders, position.get("offset", 0))
        after = {"recover": True, "epoch": position["epoch"], "offset": position.get("offset", 0)}
        clients = await asyncio.gather(*(connect() for _ in range(80)))
        for answer in await asyncio.gather(*(client.subscribe(channel, **after) for client in clients)):
            assert answer["recovered"] is True
            assert answer["publications"][: len(seen)] == seen
            assert answer.get("offset", 0) == after["offset"]

    async def test_an_unrecoverable_position(
        self, house: House, trader: Trader, channel: str, connect: MakeClient
    ) -> None:
        """It is admitted, and the subscription is sound."""
        client = await connect()
        lost = {"recover": True, "epoch": "elsewhere", "offset": 1}
        answer = await client.subscribe(channel, **lost)
        assert (answer["was_recovering"], answer.get("recovered", False)) == (True, False)
        assert not answer.get("publications")
        await publications_of(client, await trade(trader, 1), answer.get("offset", 0))
        other = await connect()
        assert await outcome(other, subscribe={"channel": channel, **lost, "flag": 2}) == (
            0 if differs(house, "flag") else 112
        )

    async def test_history_pagination(self, trader: Trader, channel: str, connect: MakeClient) -> None:
        client = await connect()
        position = await client.subscribe(channel)
        seen = await publications_of(client, await trade(trader, 5), position.get("offset", 0))
        pages: list[dict[str, Any]] = []
        since = {"epoch": position["epoch"], "offset": position.get("offset", 0)}

        async def page(**more: Any) -> list[dict[str, Any]]:
            answer = (await client.ask(history={"channel": channel, **more}))["history"]
            assert answer["epoch"] == position["epoch"]
            found: list[dict[str, Any]] = answer.get("publications", [])
            return found

        while more := await page(limit=3, since=since):
            assert len(more) <= 3
            pages += more
            since["offset"] = pages[-1]["offset"]
        assert pages[: len(seen)] == seen
        back = await page(limit=len(pages), reverse=True)
        assert back == pages[::-1]
        assert await page(limit=0) == []

    async def test_a_book_recovers_to_the_newest(self, house: House, connect: MakeClient) -> None:
        client = await connect()
        position = await client.subscribe(BOOK)
        offset = (await client.push())["pub"]["offset"]
        client.leave()
        client = await connect()
        answer = await client.subscribe(BOOK, recover=True, epoch=position["epoch"], offset=offset)
        assert answer["recovered"] is True
        missed = answer.get("publications", [])
        if not differs(house, "books"):
            assert len(missed) == 1
        if missed:
            assert missed[-1]["offset"] == answer["offset"]

    async def test_many_channels_of_one_connection(self, connect: MakeClient) -> None:
        client = await connect()
        found = (await client.ask(rpc={"method": "query.instrument.list", "data": {"venue": "PAPER"}}))["rpc"]["data"]
        ids = [each["instrumentId"] for each in found["data"]]
        names = [f"market:{kind}:{id}" for id in ids for kind in ("orderBook", "trade")]
        assert len(names) >= 10
        for name in names:
            assert (await client.subscribe(name))["recoverable"] is True
        left = {f"market:orderBook:{id}" for id in ids}
        while left:
            left.discard((await client.push())["channel"])
        for name in names:
            assert (await client.ask(unsubscribe={"channel": name}))["unsubscribe"] == {}


class TestConnections:
    async def test_connect_churn(self, house: House, trader: Trader) -> None:
        """Who comes and goes leaves nothing behind: no connection, no channel, no file."""
        token = str(trader.api.token)

        async def come_and_go(number: int) -> None:
            client = await RawClient.open(house.socket_port)
            await client.connect(token)
            await client.subscribe(TRADES)
            if number % 2:
                client.leave()
            else:
                await client.close()

        await come_and_go(0)
        await eventually(house.is_empty)
        before = house.open_files
        for _ in range(10):
            await asyncio.gather(*(come_and_go(number) for number in range(20)))
        await eventually(house.is_empty)

        async def files_are_closed() -> bool:
            return house.open_files <= before + 2

        await eventually(files_are_closed)

    async def test_subscribe_churn(self, house: House, channel: str, connect: MakeClient) -> None:
        clients = [await connect() for _ in range(10)]
        for _ in range(10):
            for client in clients:
                assert (await client.subscribe(channel))["epoch"]
            for client in clients:
                assert (await client.ask(unsubscribe={"channel": channel}))["unsubscribe"] == {}
        census = await house.census()
        assert (census.subscriptions, census.channels) == (0, 0)

    async def test_subscribe_unsubscribe_race(self, house: House, channel: str, connect: MakeClient) -> None:
        """However fast they come, every command is answered, and the connection and its channel work afterwards."""
        client, rounds = await connect(), 100
        commands: list[dict[str, Any]] = []
        for n in range(1, 2 * rounds, 2):
            commands += [
                {"id": 1000 + n, "subscribe": {"channel": channel}},
                {"id": 1001 + n, "unsubscribe": {"channel": channel}},
            ]
        client.send(*commands)
        replies = {command["id"]: await client.reply(command["id"]) for command in commands}
        codes = [replies[1000 + n].get("error", {}).get("code", 0) for n in range(1, 2 * rounds, 2)]
        if differs(house, "order"):
            assert set(codes) <= {0, 105}, "some come before the one that ends the last subscription"
        else:
            assert set(codes) == {0}
        assert all(replies[1001 + n]["unsubscribe"] == {} for n in range(1, 2 * rounds, 2))
        await client.ask(unsubscribe={"channel": channel})
        assert (await client.subscribe(channel))["epoch"]
        witness = await connect()
        await witness.subscribe(channel)
        stats = (await witness.ask(presence_stats={"channel": channel}))["presence_stats"]
        assert stats == {"num_clients": 2, "num_users": 1}

    async def test_disconnect_during_subscribe(self, channel: str, connect: MakeClient) -> None:
        witness = await connect()
        await witness.subscribe(channel)
        for number in range(40):
            client = await connect()
            client.send({"id": 2, "subscribe": {"channel": channel}}, {"id": 3, "subscribe": {"channel": BOOK}})
            if number % 2:
                await client.writer.drain()
                await asyncio.sleep(0)
            client.leave()

        async def only_the_witness_is_there() -> bool:
            answer = (await witness.ask(presence_stats={"channel": channel}))["presence_stats"]
            return bool(answer == {"num_clients": 1, "num_users": 1})

        await eventually(only_the_witness_is_there)

    async def test_everything_at_once_on_one_connection(
        self, trader: Trader, channel: str, connect: MakeClient
    ) -> None:
        client = await connect()
        position = await client.subscribe(channel)
        kinds: list[dict[str, Any]] = [
            {"history": {"channel": channel, "limit": 2}},
            {"presence": {"channel": channel}},
            {"presence_stats": {"channel": channel}},
            {"rpc": {"method": "query.venue.list", "data": {}}},
        ]
        trading = asyncio.create_task(trade(trader, 5))
        for n in range(0, 200, 20):
            client.send(*({"id": 500 + n + k, **kinds[k % 4]} for k in range(20)))
            for k in range(20):
                assert next(iter(kinds[k % 4])) in await client.reply(500 + n + k)
        await publications_of(client, await trading, position.get("offset", 0))


class TestBadInput:
    @pytest.mark.parametrize("name", MALFORMED)
    async def test_malformed_frames(self, connect: MakeClient, name: str) -> None:
        client, beside = await connect(), await connect()
        client.send_frame(TEXT, MALFORMED[name])
        assert (await client.closed()).code == 3501
        await assert_well(beside)

    @pytest.mark.parametrize("name", BREACHES)
    async def test_frames_that_break_the_protocol(self, connect: MakeClient, name: str) -> None:
        client = await connect()
        client.writer.write(BREACHES[name])
        assert (await client.closed()).code == 1002

    async def test_deep_nesting_in_a_call(self, house: House, connect: MakeClient) -> None:
        client = await connect()
        deep = b"[" * 5_000 + b"]" * 5_000
        client.send_frame(TEXT, b'{"id":9,"rpc":{"method":"query.venue.list","data":' + deep + b"}}")
        if differs(house, "deep"):
            assert (await client.reply(9))["error"]["code"] == 107
            await assert_well(client)
        else:
            assert (await client.closed()).code == 3501

    async def test_two_requests_in_a_command(self, house: House, connect: MakeClient) -> None:
        client = await connect()
        asked = {"rpc": {"method": "query.venue.list", "data": {}}, "history": {"channel": "tradingAccount:x"}}
        code = await outcome(client, **asked)
        assert (code != 3501) if differs(house, "two") else (code == 3501)

    @pytest.mark.parametrize("is_fragmented", [False, True])
    async def test_oversized_frame(self, connect: MakeClient, is_fragmented: bool) -> None:
        client, beside = await connect(), await connect()
        big = b'{"id":9,"rpc":{"method":"' + b"x" * 65_536 + b'"}}'
        if is_fragmented:
            client.send_frame(TEXT, big[:40_000], fin=False)
            client.send_frame(CONT, big[40_000:])
        else:
            client.send_frame(TEXT, big)
        assert (await client.closed()).code == 1009
        await assert_well(beside)

    async def test_the_largest_frame_is_taken(self, connect: MakeClient) -> None:
        client = await connect()
        text = CALL.decode()[:-1] + ',"pad":"%s"}'
        client.send_text(text % ("x" * (65_536 - len(text) + 2)))
        assert (await client.reply(9))["rpc"]["data"]["data"]

    async def test_fragments_are_put_together(self, connect: MakeClient) -> None:
        client = await connect()
        for n, byte in enumerate(CALL):
            client.send_frame(CONT if n else TEXT, bytes([byte]), fin=n == len(CALL) - 1)
            if n == 5:
                client.send_frame(PING, b"between")
        assert (await client.reply(9))["rpc"]["data"]["data"]
        assert client.pongs == [b"between"]

    async def test_lines(self, house: House, connect: MakeClient) -> None:
        client = await connect()
        client.send_frame(TEXT, CALL + b"\n")
        assert (await client.reply(9))["rpc"]
        client.send_frame(TEXT, CALL + b"\n\n" + CALL)
        if differs(house, "blank"):
            assert (await client.closed()).code == 3501
        else:
            for _ in range(2):
                assert (await client.reply(9))["rpc"]

    async def test_binary_frames(self, house: House, connect: MakeClient) -> None:
        client = await connect()
        client.send_frame(BINARY, CALL)
        if differs(house, "binary"):
            assert (await client.reply(9))["rpc"]
        else:
            assert (await client.closed()).code == 3506

    async def test_text_that_is_not_utf8(self, house: House, connect: MakeClient) -> None:
        client = await connect()
        client.send_frame(TEXT, b'{"id":9,"rpc":{"method":"\xff"}}')
        if differs(house, "utf8"):
            assert (await client.reply(9))["error"]["code"] == 104
        else:
            assert (await client.closed()).code == 1007

    async def test_garbage_harms_nobody(self, house: House, connect: MakeClient) -> None:
        beside = await connect()
        for seed in range(30):
            client = await RawClient.open(house.socket_port)
            client.writer.write(bytes((seed * 7 + n * 31) % 256 for n in range(200)))
            client.leave()
        await assert_well(beside)

    async def test_error_paths(self, house: House, channel: str, connect: MakeClient) -> None:
        """The code of each, and how the judge differs; unless it is closed the connection goes on."""
        cases: list[tuple[dict[str, Any], int, str | None, int]] = [
            ({"subscribe": {"channel": "nope"}}, 102, "nowhere", 103),
            ({"subscribe": {"channel": "else:where"}}, 102, None, 0),
            ({"subscribe": {"channel": "tradingAccount:1"}}, 102, None, 0),
            ({"subscribe": {"channel": "market:orderBook:PAPER:NO/SUCH"}}, 102, None, 0),
            ({"subscribe": {"channel": ""}}, 107, "unnamed", 3501),
            ({"unsubscribe": {}}, 107, "unnamed", 3501),
            ({"publish": {"channel": channel, "data": {}}}, 103, None, 0),
            ({"publish": {"channel": "nope", "data": {}}}, 103, None, 0),
            ({"presence": {"channel": "tradingAccount:1"}}, 102, "presence", 103),
            ({"presence_stats": {"channel": "tradingAccount:1"}}, 102, "presence", 103),
            ({"presence": {"channel": "nope"}}, 102, "nowhere", 108),
            ({"history": {"channel": "tradingAccount:1"}}, 102, "presence", 103),
            ({"history": {"channel": ""}}, 107, "unnamed", 3501),
            ({"sub_refresh": {"channel": channel, "token": "x"}}, 103, None, 0),
            ({"rpc": {"method": "no.such"}}, 104, None, 0),
            ({"rpc": {"method": ""}}, 104, None, 0),
            ({"refresh": {"token": ""}}, 3500, "tokenless", 3501),
            ({"refresh": {"token": "x"}}, 3500, None, 0),
            ({"connect": {"token": "x"}}, 3501, None, 0),
        ]
        for request, ours, name, theirs in cases:
            client = await connect()
            expected = theirs if name is not None and differs(house, name) else ours
            assert await outcome(client, **request) == expected, request
            if expected < 1000:
                await assert_well(client)

    async def test_send(self, house: House, connect: MakeClient) -> None:
        client = await connect()
        client.send({"send": {"data": {"a": 1}}})
        if differs(house, "send"):
            assert (await client.closed()).code == 3508
        else:
            await assert_well(client)


async def test_no_leaks_at_the_end(house: House) -> None:
    """After everything above nothing is left of any client."""
    await eventually(house.is_empty)
