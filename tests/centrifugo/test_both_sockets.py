"""One suite, two sockets: our own, and the real Centrifugo 5.4.9 in front of our server. Differences are named."""

import json
from pathlib import Path
from typing import Any

import jwt
import pytest
from tests.adapters.realtime.raw_client import TEXT, Closed, RawClient
from tests.centrifugo.conftest import MakeClient, arrival, publication, publications_until, signed_anew
from tests.centrifugo.differences import difference_table, differs
from tests.centrifugo.judge import House
from tests.contract.checker import assert_matches
from tests.e2e.trader import BTC_USDT, Trader, ok
from tests.serving import eventually

pytestmark = pytest.mark.asyncio(loop_scope="module")
DOCUMENT = Path(__file__).parents[2] / "docs/websocket.md"
BOOK, TRADES = f"market:orderBook:{BTC_USDT}", f"market:trade:{BTC_USDT}"


def channel_of(trader: Trader) -> str:
    return f"tradingAccount:{trader.spot}"


def tells_of(answer: dict[str, Any], order: dict[str, Any]) -> bool:
    """Whether the publication is of that order, filled."""
    data = answer["data"]["data"]
    return data.get("tradeOrderId") == order["tradeOrderId"] and data.get("status") == "FILLED"


async def tried(client: RawClient, **request: Any) -> dict[str, Any] | Closed:
    """The reply, or how the connection was closed instead."""
    try:
        return await client.ask(**request)
    except Closed as closed:
        return closed


async def test_the_differences_are_documented() -> None:
    assert difference_table() in DOCUMENT.read_text()


class TestConnecting:
    async def test_with_a_good_token(self, house: House, trader: Trader) -> None:
        client = await RawClient.open(house.socket_port)
        answer = await client.connect(str(trader.api.token))
        assert (answer["expires"], answer["ping"], answer["pong"]) == (True, 25, True)
        assert 3_500 < answer["ttl"] <= 3_600
        assert answer["client"]
        client.leave()

    @pytest.mark.parametrize("token", ["", "bad", "a.b.c"])
    async def test_a_bad_token_is_final(self, house: House, token: str) -> None:
        client = await RawClient.open(house.socket_port)
        client.send({"id": 1, "connect": {"token": token}})
        assert (await client.closed()).code == 3500

    async def test_a_forged_token_is_final(self, house: House, trader: Trader) -> None:
        forged = jwt.encode(jwt.decode(str(trader.api.token), options={"verify_signature": False}), "k" * 64)
        client = await RawClient.open(house.socket_port)
        client.send({"id": 1, "connect": {"token": forged}})
        assert (await client.closed()).code == 3500

    async def test_a_token_of_another_issuer_is_final(self, house: House, trader: Trader) -> None:
        client = await RawClient.open(house.socket_port)
        client.send({"id": 1, "connect": {"token": signed_anew(house, str(trader.api.token), iss="another")}})
        assert (await client.closed()).code == 3500

    async def test_an_expired_token_is_to_be_replaced(self, house: House, trader: Trader) -> None:
        client = await RawClient.open(house.socket_port)
        stale = signed_anew(house, str(trader.api.token), exp=1_600_000_000, iat=1_599_999_000)
        assert (await client.ask(connect={"token": stale}))["error"]["code"] == 109
        if differs(house, "expired"):
            client = await RawClient.open(house.socket_port)
        assert (await client.connect(str(trader.api.token)))["client"]
        client.leave()

    async def test_a_token_in_the_data(self, house: House, trader: Trader) -> None:
        client = await RawClient.open(house.socket_port)
        client.send({"id": 1, "connect": {"data": {"token": str(trader.api.token)}}})
        if not differs(house, "outside"):
            assert (await client.closed()).code == 3500
            return
        answer = (await client.reply(1))["connect"]
        assert 3_500 < answer["ttl"] <= 3_600
        assert (await client.subscribe(channel_of(trader)))["epoch"]
        assert (await client.ask(rpc={"method": "query.venue.list", "data": {}}))["rpc"]["data"]["data"]
        client.leave()

    async def test_a_command_before_it_is_final(self, house: House) -> None:
        client = await RawClient.open(house.socket_port)
        client.send({"id": 1, "rpc": {"method": "query.venue.list", "data": {}}})
        assert (await client.closed()).code == 3501

    @pytest.mark.parametrize("text", [b"{", b"[]", b'{"id":1}', b'{"id":"one","rpc":{}}'])
    async def test_what_is_no_command_is_final(self, connect: MakeClient, text: bytes) -> None:
        client = await connect()
        client.send_frame(TEXT, text)
        assert (await client.closed()).code == 3501

    async def test_refresh_prolongs_and_is_for_the_same_user(
        self, house: House, trader: Trader, connect: MakeClient
    ) -> None:
        client = await connect()
        await trader.log_in()
        answer = (await client.ask(refresh={"token": str(trader.api.token)}))["refresh"]
        assert answer["expires"] is True
        assert 3_500 < answer["ttl"] <= 3_600
        async with Trader(house.url) as other:
            await other.enter()
            client.send({"id": 99, "refresh": {"token": str(other.api.token)}})
            assert (await client.closed()).code == 3500

    async def test_a_session_that_ended_calls_nothing(self, house: House, trader: Trader, connect: MakeClient) -> None:
        client, token = await connect(), str(trader.api.token)
        await ok(trader.api.post("/api/v3/auth/logout", None))
        client.send({"id": 9, "rpc": {"method": "query.venue.list", "data": {}}})
        assert (await client.closed()).code == 3500
        late = await RawClient.open(house.socket_port)
        late.send({"id": 1, "connect": {"token": token}})
        if differs(house, "session"):
            assert (await late.reply(1))["connect"]
            late.send({"id": 2, "subscribe": {"channel": channel_of(trader)}})
        assert (await late.closed()).code == 3500


class TestChannels:
    async def test_who_may_listen(self, house: House, trader: Trader, connect: MakeClient) -> None:
        client = await connect()
        answer = await client.subscribe(channel_of(trader))
        assert (answer["recoverable"], answer["positioned"]) == (True, True)
        assert answer["epoch"]
        assert (await client.ask(subscribe={"channel": channel_of(trader)}))["error"]["code"] == 105
        async with Trader(house.url) as other:
            await other.enter()
            await other.connect()
            for name in (channel_of(other), "tradingAccount:nobody", "market:trade:PAPER:NO/SUCH", "else:where"):
                assert (await client.ask(subscribe={"channel": name}))["error"]["code"] == 102, name
        assert (await client.ask(unsubscribe={"channel": channel_of(trader)}))["unsubscribe"] == {}
        assert (await client.subscribe(channel_of(trader)))["epoch"] == answer["epoch"]

    async def test_an_order_is_told_in_order(self, trader: Trader, connect: MakeClient) -> None:
        client = await connect()
        position = await client.subscribe(channel_of(trader))
        await trader.submit(awaitClosed=True)
        seen = await publications_until(client, "FILLED")
        first = position.get("offset", 0) + 1
        assert [each["offset"] for each in seen] == list(range(first, first + len(seen)))
        for each in seen:
            assert each["data"]["type"] == "event.trade_order.updated"
            assert_matches("tradeOrder", each["data"]["data"])

    async def test_a_portfolio_comes_after_each_subscribe_and_after_a_trade(
        self, trader: Trader, connect: MakeClient
    ) -> None:
        client = await connect()
        position = await client.subscribe(channel_of(trader))
        view = await publication(client, is_view=True)
        assert view["data"]["type"] == "event.portfolio.updated"
        assert_matches("portfolio", view["data"]["data"])
        assert view["data"]["data"]["balances"] == (await trader.portfolio(trader.spot))["balances"]
        await trader.submit(awaitClosed=True)
        stored = (await trader.portfolio(trader.spot))["balances"]
        while view["data"]["data"]["balances"] != stored:
            view = await publication(client, is_view=True)
        client.leave()
        client = await connect()
        after = {"recover": True, "epoch": position["epoch"], "offset": position.get("offset", 0)}
        assert (await client.subscribe(channel_of(trader), **after))["recovered"] is True
        view = await publication(client, is_view=True)
        assert view["data"]["data"]["balances"] == stored, "a view is not recovered: it is built again"

    async def test_coming_back_tells_what_was_missed_once(self, trader: Trader, connect: MakeClient) -> None:
        first = await connect()
        position = await first.subscribe(channel_of(trader))
        await trader.submit(awaitClosed=True)
        seen = await publications_until(first, "FILLED")
        first.leave()
        missed = await trader.submit(awaitClosed=True)
        witness = await connect()
        after = {"recover": True, "epoch": position["epoch"], "offset": seen[-1]["offset"]}
        answer = await witness.subscribe(channel_of(trader), **after)
        assert (answer["was_recovering"], answer["recovered"]) == (True, True)
        again = list(answer["publications"])
        while not any(tells_of(each, missed) for each in again):  # what the relay had not brought yet comes now
            again.append(await publication(witness))
        start = seen[-1]["offset"] + 1
        assert [each["offset"] for each in again] == list(range(start, start + len(again)))

    async def test_a_position_of_elsewhere_is_not_recovered(self, trader: Trader, connect: MakeClient) -> None:
        client = await connect()
        answer = await client.subscribe(channel_of(trader), recover=True, epoch="elsewhere", offset=1)
        assert answer.get("recovered", False) is False
        assert answer.get("publications", []) == []

    async def test_history(self, house: House, trader: Trader, connect: MakeClient) -> None:
        client = await connect()
        await client.subscribe(channel_of(trader))
        await trader.submit(awaitClosed=True)
        seen = await publications_until(client, "FILLED")
        answer = (await client.ask(history={"channel": channel_of(trader), "limit": 2, "reverse": True}))["history"]
        offsets = [each["offset"] for each in answer["publications"]]
        assert offsets == [answer["offset"], answer["offset"] - 1]
        assert answer["publications"][-1]["data"]["type"].startswith("event.")
        if differs(house, "history"):
            sequences = [int(each["tags"]["sequence"]) for each in seen]
            assert sequences == list(range(sequences[0], sequences[0] + len(seen)))

    async def test_presence_joins_and_leaves(self, house: House, trader: Trader, connect: MakeClient) -> None:
        one = await connect()
        await one.subscribe(channel_of(trader), join_leave=True)
        mine = await arrival(one, "join")
        quiet = await connect()
        await quiet.subscribe(channel_of(trader))
        theirs = await arrival(one, "join")
        assert (mine["user"], mine["client"]) != (theirs["user"], theirs["client"])
        assert mine["user"] == theirs["user"]
        answer = (await one.ask(presence={"channel": channel_of(trader)}))["presence"]["presence"]
        assert answer == {info["client"]: info for info in (mine, theirs)}
        stats = (await one.ask(presence_stats={"channel": channel_of(trader)}))["presence_stats"]
        assert stats == {"num_clients": 2, "num_users": 1}
        if differs(house, "joins"):
            assert await arrival(quiet, "join") == theirs
        quiet.leave()
        assert await arrival(one, "leave") == theirs

    async def test_presence_without_a_subscription(self, house: House, trader: Trader, connect: MakeClient) -> None:
        answer = await (await connect()).ask(presence={"channel": channel_of(trader)})
        if differs(house, "presence"):
            assert answer["error"]["code"] == 103
        else:
            assert answer["presence"] == {"presence": {}}

    async def test_nobody_publishes(self, trader: Trader, connect: MakeClient) -> None:
        client = await connect()
        await client.subscribe(channel_of(trader))
        answer = await client.ask(publish={"channel": channel_of(trader), "data": {}})
        assert answer["error"]["code"] == 103

    async def test_the_market(self, house: House, connect: MakeClient) -> None:
        client = await connect()
        answer = await client.subscribe(BOOK)
        assert answer["recoverable"] is True
        if differs(house, "books"):
            assert answer["data"]["type"] == "event.orderbook.updated"
        book = (await publication(client))["data"]
        assert book["type"] == "event.orderbook.updated"
        assert_matches("orderbook", book["data"])
        await client.ask(unsubscribe={"channel": BOOK})
        await client.subscribe(TRADES)
        first, second = await publication(client), await publication(client)
        while first["data"]["type"] != "event.trade.updated":
            first, second = second, await publication(client)
        assert second["offset"] == first["offset"] + 1
        assert first["data"]["data"]["tradeId"] != second["data"]["data"]["tradeId"]


class TestCalls:
    async def test_an_order_by_rpc(self, trader: Trader, connect: MakeClient) -> None:
        client = await connect()
        order = {"instrumentId": BTC_USDT, "orderSide": "BUY", "orderType": "MARKET", "quantity": "0.01"}
        data = {"tradeOrder": order, "tradingAccountId": trader.spot, "idempotencyKey": "k", "awaitClosed": True}
        asked = {"method": "command.trade_order.submit", "data": data}
        answer = (await client.ask(rpc=asked))["rpc"]["data"]
        assert_matches("rpcSubmitTradeOrderResult", answer)
        assert answer["data"]["status"] == "FILLED"
        again = (await client.ask(rpc=asked))["rpc"]["data"]
        assert again["data"]["tradeOrderId"] == answer["data"]["tradeOrderId"], "the same key, the same order"

    async def test_errors(self, connect: MakeClient) -> None:
        client = await connect()
        assert (await client.ask(rpc={"method": "no.such", "data": {}}))["error"]["code"] == 104
        refused = (await client.ask(rpc={"method": "command.order.nothing", "data": {}}))["error"]
        assert refused["code"] == 104
        answer = await client.ask(rpc={"method": "query.trade_order.get", "data": {"tradeOrderId": "no id"}})
        assert answer["rpc"]["data"]["error"]["code"] < 0

    async def test_candles_of_the_market(self, connect: MakeClient) -> None:
        client = await connect()

        async def candles(interval: str) -> list[dict[str, Any]]:
            asked = {"method": "query.kline.list", "data": {"instrumentIds": [BTC_USDT], "interval": interval}}
            answer = (await client.ask(rpc=asked))["rpc"]["data"]
            assert_matches("rpcListKlinesResult", answer)
            found: list[dict[str, Any]] = answer["data"][0]["candles"]
            return found

        async def are_there() -> bool:
            return bool(await candles("1m"))

        await eventually(are_there)
        assert len(await candles("1h")) in (1, 2)
        wrong = {"method": "query.kline.list", "data": {"instrumentIds": [BTC_USDT], "interval": "7m"}}
        assert (await client.ask(rpc=wrong))["rpc"]["data"]["error"]["code"] == -10001

    async def test_many_at_once(self, connect: MakeClient) -> None:
        client = await connect()
        client.send(*({"id": n, "rpc": {"method": "query.venue.list", "data": {}}} for n in range(1, 21)))
        ids = {(await client.message())["id"] for _ in range(20)}
        assert ids == set(range(1, 21))


class TestDialect:
    async def test_ping(self, house: House, connect: MakeClient) -> None:
        answer = await tried(await connect(), ping={})
        if differs(house, "ping"):
            assert isinstance(answer, Closed)
            assert answer.code == 3501
        else:
            assert not isinstance(answer, Closed)
            assert answer["ping"] == {}

    async def test_the_spelling_of_our_reference(self, house: House, trader: Trader, connect: MakeClient) -> None:
        client = await connect()
        await client.subscribe(channel_of(trader))
        answer = await tried(client, presenceStats={"channel": channel_of(trader)})
        if differs(house, "spelling"):
            assert isinstance(answer, Closed)
            assert answer.code == 3501
        else:
            assert not isinstance(answer, Closed)
            assert answer["presenceStats"]["numClients"] == 1

    @pytest.mark.parametrize("whose", ["own", "bad"])
    async def test_sub_refresh(self, house: House, trader: Trader, connect: MakeClient, whose: str) -> None:
        """Official clients never send it: no reply to `subscribe` says that the subscription expires."""
        client = await connect()
        await client.subscribe(channel_of(trader))
        token = str(trader.api.token) if whose == "own" else "bad"
        answer = await tried(client, sub_refresh={"channel": channel_of(trader), "token": token})
        if differs(house, "subscription token"):
            assert isinstance(answer, Closed)
            assert answer.code == 3501
        elif whose == "own":
            assert not isinstance(answer, Closed)
            assert answer["sub_refresh"] == {"expires": False, "ttl": 0}
        else:
            assert isinstance(answer, Closed)
            assert answer.code == 3500

    async def test_a_message_that_is_too_long(self, connect: MakeClient) -> None:
        client = await connect()
        client.send_frame(TEXT, json.dumps({"id": 1, "rpc": {"method": "x" * 70_000}}).encode())
        assert (await client.closed()).code == 1009
