"""Every command and its errors, in both spellings."""

from typing import Any

import pytest
from tests.adapters.realtime import realtime_world as w
from tests.adapters.realtime.conftest import MakeWorld
from tests.adapters.realtime.raw_client import RawClient
from tests.adapters.realtime.realtime_world import World, quantity_of
from tests.contract.checker import assert_matches

from cadenza.domain.identity.actor import Scope

UNKNOWN_ACCOUNT = "tradingAccount:0199f2a4-c5d0-7c1e-9b62-0000000000ff"


async def error_of(client: RawClient, **request: Any) -> dict[str, Any]:
    reply = await client.ask(**request)
    assert set(reply) == {"id", "error"}, reply
    assert_matches("wsError", reply["error"])
    return reply["error"]


async def test_connect(world: World) -> None:
    client = await world.raw()
    answer = await client.connect(world.token)
    assert_matches("wsConnectResult", answer)
    assert (answer["expires"], answer["ttl"], answer["ping"], answer["pong"]) == (True, 3600, 25, True)
    assert answer["time"] == world.clock.now_ms()
    assert len(answer["client"]) == 36
    assert answer["version"].startswith("Cadenza ")
    await client.close()


async def test_subscriptions_and_publications(world: World) -> None:
    client = await world.client()
    assert await client.subscribe(w.ACCOUNT) == {
        "recoverable": True,
        "positioned": True,
        "epoch": "installation-1",
        "offset": 0,
    }
    world.publish(2)
    for n in (1, 2):
        push = await client.push()
        assert_matches("wsPush", push)
        assert push["channel"] == w.ACCOUNT
        assert push["pub"]["offset"] == n
        assert push["pub"]["data"]["type"] == "event.trade_order.updated"
        assert_matches("tradeOrder", push["pub"]["data"]["data"])
    await client.subscribe(w.BOOK)
    world.publish_book()
    answer = (await client.push())["pub"]["data"]
    assert answer["type"] == "event.orderbook.updated"
    assert_matches("orderbook", answer["data"])
    await client.subscribe(w.TRADE)
    world.trade()
    answer = (await client.push())["pub"]["data"]
    assert (answer["type"], answer["data"]["side"], answer["data"]["price"]) == (
        "event.trade.updated",
        "BUY",
        "64250.5",
    )
    await client.close()


async def test_publications_go_out_under_the_name_that_was_subscribed_to(world: World) -> None:
    client = await world.client()
    await client.subscribe(w.BOOK_LOWER)
    await client.subscribe(w.BOOK)
    world.publish_book()
    assert {(await client.push())["channel"] for _ in range(2)} == {w.BOOK, w.BOOK_LOWER}
    await client.close()


async def test_a_book_comes_at_once(world: World) -> None:
    world.change_book()
    client = await world.client()
    await client.subscribe(w.BOOK)
    assert (await client.push())["pub"]["data"]["data"]["bids"] == [["64000", "1"]]
    world.change_book()
    other = await world.client()
    await other.subscribe(w.BOOK)
    assert (await other.push())["pub"]["data"]["data"]["bids"] == [["64000", "2"]]
    await client.close()
    await other.close()


async def test_unsubscribe_answers_an_empty_object_and_can_be_repeated(world: World) -> None:
    client = await world.client()
    await client.subscribe(w.ACCOUNT)
    for _ in range(2):
        reply = await client.ask(unsubscribe={"channel": w.ACCOUNT})
        assert reply["unsubscribe"] == {}
    world.publish()
    assert "ping" in await client.ask(ping={})
    await client.close()


async def test_subscribe_unsubscribe_race(world: World) -> None:
    """Commands of one connection are handled in order, however fast they come."""
    client = await world.client()
    commands = []
    for n in range(0, 300, 3):
        commands += [
            {"id": 100 + n, "subscribe": {"channel": w.ACCOUNT}},
            {"id": 101 + n, "unsubscribe": {"channel": w.ACCOUNT}},
            {"id": 102 + n, "subscribe": {"channel": w.TRADE}},
        ]
    client.send(*commands)
    answer = [await client.message() for _ in commands]
    assert [message["id"] for message in answer] == [command["id"] for command in commands]
    assert all("subscribe" in message for message in answer[::3])
    assert all(message["unsubscribe"] == {} for message in answer[1::3])
    assert [message.get("error", {}).get("code") for message in answer[2::3]] == [None, *[105] * 99]
    await client.close()


@pytest.mark.parametrize(
    ("request_", "code"),
    [
        ({"subscribe": {"channel": "nope"}}, 102),
        ({"subscribe": {"channel": "tradingAccount:1"}}, 102),
        ({"subscribe": {"channel": "market:orderBook:PAPER:NO/SUCH"}}, 102),
        ({"subscribe": {"channel": UNKNOWN_ACCOUNT}}, 102),
        ({"subscribe": {"channel": w.FOREIGN}}, 102),
        ({"subscribe": {"channel": ""}}, 107),
        ({"unsubscribe": {}}, 107),
        ({"publish": {"channel": w.ACCOUNT, "data": {}}}, 103),
        ({"publish": {"channel": "nope", "data": {}}}, 103),
        ({"presence": {"channel": w.FOREIGN}}, 102),
        ({"presence_stats": {"channel": w.FOREIGN}}, 102),
        ({"presenceStats": {"channel": w.FOREIGN}}, 102),
        ({"history": {"channel": w.FOREIGN}}, 102),
        ({"history": {"channel": ""}}, 107),
        ({"sub_refresh": {"channel": w.ACCOUNT, "token": ""}}, 103),
        ({"subRefresh": {"channel": w.ACCOUNT, "token": ""}}, 103),
        ({"rpc": {"method": "no.such"}}, 104),
    ],
)
async def test_errors(world: World, request_: dict[str, Any], code: int) -> None:
    client = await world.client()
    error = await error_of(client, **request_)
    assert error["code"] == code
    assert "temporary" not in error
    assert "ping" in await client.ask(ping={}), "the connection goes on"
    await client.close()


async def test_already_subscribed(world: World) -> None:
    client = await world.client()
    await client.subscribe(w.ACCOUNT)
    assert (await error_of(client, subscribe={"channel": w.ACCOUNT}))["code"] == 105
    await client.close()


async def test_a_token_without_rights_may_not_listen(world: World) -> None:
    client = await world.client(world.issue(scopes=frozenset()))
    for channel in (w.ACCOUNT, w.BOOK):
        assert (await error_of(client, subscribe={"channel": channel}))["code"] == 103
    reader = await world.client(world.issue(scopes=frozenset({Scope.READ})))
    await reader.subscribe(w.ACCOUNT)
    await client.close()
    await reader.close()


async def test_channel_limit(make_world: MakeWorld) -> None:
    world = await make_world(channels_per_connection_max=1)
    client = await world.client()
    await client.subscribe(w.ACCOUNT)
    assert (await error_of(client, subscribe={"channel": w.TRADE}))["code"] == 106
    await client.ask(unsubscribe={"channel": w.ACCOUNT})
    await client.subscribe(w.TRADE)
    await client.close()


async def test_limit_of_remembered_channels(make_world: MakeWorld) -> None:
    world = await make_world(channels_max=1)
    client = await world.client()
    await client.subscribe(w.TRADE)
    assert (await error_of(client, subscribe={"channel": w.BOOK}))["code"] == 106
    await client.close()


async def test_a_database_that_does_not_answer_is_a_temporary_error(world: World) -> None:
    client = await world.client()
    world.storage.is_down = True
    error = await error_of(client, subscribe={"channel": w.ACCOUNT})
    assert error == {"code": 100, "message": "internal server error", "temporary": True}
    other = await world.raw()
    assert (await error_of(other, connect={"token": world.token}))["code"] == 100
    world.storage.is_down = False
    await client.subscribe(w.ACCOUNT)
    await other.connect(world.token)
    await client.close()
    await other.close()


async def test_ping_and_send(world: World) -> None:
    client = await world.client()
    client.send({"send": {"data": {"a": 1}}}, {"id": 50, "send": {"data": 1}}, {"id": 51, "ping": {}})
    assert await client.message() == {"id": 51, "ping": {}}
    await client.close()


async def test_several_commands_a_frame_and_replies_batched(world: World) -> None:
    client = await world.client()
    before = len(client.frames)
    client.send(*({"id": n, "ping": {}} for n in range(10, 20)))
    assert [(await client.message())["id"] for _ in range(10)] == list(range(10, 20))
    assert len(client.frames) == before + 1, "one frame"
    await client.close()


async def test_a_trailing_newline_is_fine(world: World) -> None:
    client = await world.client()
    client.send_text('{"id":5,"ping":{}}\n')
    assert await client.message() == {"id": 5, "ping": {}}
    await client.close()


async def test_sub_refresh_in_both_spellings(world: World) -> None:
    client = await world.client()
    await client.subscribe(w.ACCOUNT)
    for spelling in ("sub_refresh", "subRefresh"):
        reply = await client.ask(**{spelling: {"channel": w.ACCOUNT, "token": world.issue()}})
        assert reply[spelling] == {"expires": False, "ttl": 0}
    await client.close()


@pytest.mark.parametrize("whose", ["nobody's", "another user's", "wrong"])
async def test_sub_refresh_with_a_token_that_is_not_the_users_ends_the_connection(world: World, whose: str) -> None:
    token = {"nobody's": "", "another user's": world.issue(user=3), "wrong": "wrong"}[whose]
    client = await world.client()
    await client.subscribe(w.ACCOUNT)
    client.send({"id": 9, "sub_refresh": {"channel": w.ACCOUNT, "token": token}})
    assert (await client.closed()).code == 3500


async def test_sub_refresh_with_an_expired_token_may_be_tried_again(world: World) -> None:
    client = await world.client()
    await client.subscribe(w.ACCOUNT)
    error = await error_of(client, sub_refresh={"channel": w.ACCOUNT, "token": world.issue(life_ms=-1)})
    assert error["code"] == 109
    await client.close()


async def test_history(world: World) -> None:
    client = await world.client()
    world.append(5)
    await client.subscribe(w.ACCOUNT)
    world.publish(5)

    async def offsets(**more: Any) -> list[int]:
        answer = (await client.ask(history={"channel": w.ACCOUNT, **more}))["history"]
        assert_matches("wsHistoryResult", answer)
        assert (answer["epoch"], answer["offset"]) == ("installation-1", 10)
        assert all(quantity_of(each) == each["offset"] for each in answer["publications"])
        return [each["offset"] for each in answer["publications"]]

    assert await offsets() == []
    assert await offsets(limit=-1) == list(range(1, 11))
    assert await offsets(limit=3) == [1, 2, 3]
    assert await offsets(limit=3, reverse=True) == [10, 9, 8]
    assert await offsets(limit=3, since={"epoch": "installation-1", "offset": 4}) == [5, 6, 7]
    assert await offsets(limit=3, since={"epoch": "installation-1", "offset": 8}) == [9, 10]
    assert await offsets(limit=3, reverse=True, since={"epoch": "", "offset": 4}) == [3, 2, 1]
    assert await offsets(limit=2, reverse=True, since={"epoch": "", "offset": 1}) == []
    before_all = {"channel": w.ACCOUNT, "limit": 2, "reverse": True, "since": {"epoch": "", "offset": 0}}
    assert (await error_of(client, history=before_all))["code"] == 107
    error = await error_of(client, history={"channel": w.ACCOUNT, "limit": 1, "since": {"epoch": "x", "offset": 4}})
    assert error["code"] == 112
    await client.close()


async def test_history_of_trades_is_bounded_in_number_and_age(make_world: MakeWorld) -> None:
    world = await make_world(history_items_max=3)
    client = await world.client()
    await client.subscribe(w.TRADE)
    world.trade(5)
    answer = (await client.ask(history={"channel": w.TRADE, "limit": 100}))["history"]
    assert [each["offset"] for each in answer["publications"]] == [3, 4, 5]
    world.clock.advance(world.limits.history_age_ms_max + 1)
    answer = (await client.ask(history={"channel": w.TRADE, "limit": 100}))["history"]
    assert (answer["publications"], answer["offset"]) == ([], 5)
    await client.close()


async def test_presence_is_of_the_own_tenant(world: World) -> None:
    client, friend = await world.client(), await world.client(world.issue(user=3))
    stranger = await world.client(world.issue(user=4, tenant_id=w.TenantId(w.h.uuid(78))))
    for each in (client, friend, stranger):
        await each.subscribe(w.TRADE)
    answer = (await client.ask(presence={"channel": w.TRADE}))["presence"]["presence"]
    assert len(answer) == 2
    assert all(set(info) == {"user", "client"} and info["client"] == id for id, info in answer.items())
    assert (await client.ask(presence_stats={"channel": w.TRADE}))["presence_stats"] == {
        "num_clients": 2,
        "num_users": 2,
    }
    assert (await client.ask(presenceStats={"channel": w.TRADE}))["presenceStats"] == {"numClients": 2, "numUsers": 2}
    assert (await stranger.ask(presenceStats={"channel": w.TRADE}))["presenceStats"]["numClients"] == 1
    for each in (client, friend, stranger):
        await each.close()


async def test_presence_lists_so_many_and_counts_all(make_world: MakeWorld) -> None:
    world = await make_world(presence_clients_max=2)
    clients = [await world.client() for _ in range(3)]
    for client in clients:
        await client.subscribe(w.ACCOUNT)
    assert len((await clients[0].ask(presence={"channel": w.ACCOUNT}))["presence"]["presence"]) == 2
    stats = (await clients[0].ask(presence_stats={"channel": w.ACCOUNT}))["presence_stats"]
    assert stats == {"num_clients": 3, "num_users": 1}
    for client in clients:
        await client.close()


@pytest.mark.parametrize("spelling", ["join_leave", "joinLeave"])
async def test_join_and_leave_for_those_who_ask(world: World, spelling: str) -> None:
    client, silent = await world.client(), await world.client()
    await client.subscribe(w.ACCOUNT, **{spelling: True})
    assert (await client.push())["join"]["info"]["user"]
    await silent.subscribe(w.ACCOUNT)
    assert "join" in await client.push()
    other = await world.client(world.issue(user=3))
    await other.subscribe(w.ACCOUNT)
    joined = await client.push()
    assert joined["channel"] == w.ACCOUNT
    assert_matches("wsPush", joined)
    assert joined["join"]["info"]["user"] == str(w.h.uuid(3))
    await other.close()
    assert (await client.push())["leave"]["info"] == joined["join"]["info"]
    await silent.ask(unsubscribe={"channel": w.ACCOUNT})
    assert "leave" in await client.push()
    assert len(silent.frames) == 3, "connect, subscribe and unsubscribe"
    await client.close()
    await silent.close()


async def test_feeds_are_held_while_somebody_listens(make_world: MakeWorld) -> None:
    world = await make_world(session_check_ms=0)
    client = await world.client()
    await client.subscribe(w.BOOK)
    await client.subscribe(w.TRADE)
    assert world.held == {w.h.BTC_USDT}
    assert world.node.has_book_subscribers(w.h.BTC_USDT)
    await client.ask(unsubscribe={"channel": w.BOOK})
    assert not world.node.has_book_subscribers(w.h.BTC_USDT)
    assert world.held == {w.h.BTC_USDT}
    await client.close()
    await world.until(lambda: not world.held)


async def test_rpcs_in_flight_are_limited(make_world: MakeWorld) -> None:
    world = await make_world(rpcs_in_flight_max=2)
    client = await world.client()
    gate = w.asyncio.Event()

    async def wait(actor: Any) -> list[Any]:
        await gate.wait()
        return []

    object.__setattr__(world.use_cases.use_cases, "list_venues", wait)
    client.send(*({"id": n, "rpc": {"method": "query.venue.list"}} for n in (11, 12, 13)), {"id": 14, "ping": {}})
    refused = await client.message()
    assert refused["id"] == 13
    assert refused["error"] == {"code": 111, "message": "too many requests", "temporary": True}
    assert (await client.message())["id"] == 14, "an RPC holds nobody up"
    gate.set()
    assert {(await client.message())["id"] for _ in range(2)} == {11, 12}
    await client.close()
