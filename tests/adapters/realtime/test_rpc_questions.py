"""RPC: who called from where, the filters of the lists, and the twins of the operations that the platform adds."""

import json
from dataclasses import replace
from ipaddress import ip_network
from typing import Any

import pytest
from tests.adapters.http import http_world as h
from tests.adapters.realtime.raw_client import RawClient
from tests.adapters.realtime.realtime_world import World
from tests.adapters.realtime.test_proxy import Asker

from cadenza.domain.errors import InsufficientBalance
from cadenza.domain.identity.actor import Actor
from cadenza.domain.market.enums import OrderType, Side
from cadenza.network.client_address import address_behind
from cadenza.wire.envelope import encode
from cadenza.wire.errno import ERRNO_BY_CAUSE
from cadenza.wire.events import account_event
from cadenza.wire.examples import BODY_EXAMPLES
from cadenza.wire.executions import account_execution
from cadenza.wire.operations import SUBMIT_ORDER
from cadenza.wire.previews import trade_order_preview

ACCOUNT = str(h.ACCOUNT_ID)


async def asked_with(world: World, method: str, data: Any) -> tuple[Actor, Any]:
    """Call a method; return the actor and the request that its use case got."""
    client = await world.client()
    reply = await client.ask(rpc={"method": method, "data": data})
    await client.close()
    assert "error" not in reply["rpc"]["data"], reply
    use_case = world.use_cases.use_cases.list_orders
    (actor, query), _ = use_case.calls[-1]
    return actor, query


async def test_a_caller_is_known_by_its_connection_command_and_address(world: World) -> None:
    client = await world.client()
    for _ in range(2):
        assert "rpc" in await client.ask(rpc={"method": "query.trade_order.list", "data": {}})
    (first, _), (second, _) = (args for args, _ in world.use_cases.use_cases.list_orders.calls[-2:])
    connection, _, command = first.request_id.partition(":")
    assert second.request_id == f"{connection}:{int(command) + 1}"
    assert first.client == second.client == "127.0.0.1"
    await client.close()
    other, _ = await asked_with(world, "query.trade_order.list", {})
    assert not other.request_id.startswith(connection)


async def test_behind_centrifugo_a_caller_is_known_by_its_connection() -> None:
    asker = Asker()
    await asker.ask("rpc", method="query.trade_order.list", data={})
    (actor, _), _ = asker.world.use_cases.use_cases.list_orders.calls[-1]
    assert (actor.request_id, actor.client) == ("c", "")


@pytest.mark.parametrize(
    ("peer", "forwarded", "address"),
    [
        ("203.0.113.5", "198.51.100.7", "203.0.113.5"),
        ("10.0.0.1", "198.51.100.7", "198.51.100.7"),
        ("10.0.0.1", "1.1.1.1, 198.51.100.7, 10.0.0.2", "198.51.100.7"),
        ("10.0.0.1", "198.51.100.7, nonsense", "10.0.0.1"),
        ("10.0.0.1", "", "10.0.0.1"),
        ("", "198.51.100.7", ""),
    ],
)
def test_only_trusted_proxies_name_the_address(peer: str, forwarded: str, address: str) -> None:
    assert address_behind(peer, forwarded, [ip_network("10.0.0.0/8")]) == address
    assert address_behind(peer, forwarded, []) == peer


async def test_orders_are_listed_by_side_and_type(world: World) -> None:
    _, query = await asked_with(world, "query.trade_order.list", {"side": "SELL", "orderType": "STOP_LIMIT"})
    assert (query.side, query.type) == (Side.SELL, OrderType.STOP_LIMIT)


async def outcome(client: RawClient, method: str, data: Any) -> Any:
    return (await client.ask(rpc={"method": method, "data": data}))["rpc"]["data"]


async def test_events_are_answered_as_on_rest(world: World) -> None:
    client, page = await world.client(), h.RESULTS["list_events"]
    answer = await outcome(client, "query.trading_account.event.list", {"tradingAccountId": ACCOUNT, "kind": "ORDER"})
    assert answer["data"] == json.loads(encode([account_event(event) for event in page.items]))
    assert answer["pagination"]["cursor"] == "more"
    for data in ({}, {"tradingAccountId": ACCOUNT, "kind": "order"}, {"tradingAccountId": ACCOUNT, "limit": 0}):
        assert (await outcome(client, "query.trading_account.event.list", data))["error"]["code"] == -10001
    await client.close()


async def test_executions_are_answered_as_on_rest(world: World) -> None:
    client, page = await world.client(), h.RESULTS["list_executions"]
    answer = await outcome(client, "query.execution.list", {"tradingAccountId": ACCOUNT, "isBusted": False})
    assert answer["data"] == json.loads(encode([account_execution(execution) for execution in page.items]))
    await client.close()


async def test_a_dry_run_is_answered_as_on_rest(world: World) -> None:
    client, sample = await world.client(), h.RESULTS["preview_order"]
    body = dict(BODY_EXAMPLES[SUBMIT_ORDER])
    answer = await outcome(client, "command.trade_order.preview", body)
    assert answer == {"data": json.loads(encode(trade_order_preview(sample)))}
    world.use_cases.use_cases.preview_order.result = InsufficientBalance("not enough")
    answer = await outcome(client, "command.trade_order.preview", body)
    assert answer["error"] == {"code": ERRNO_BY_CAUSE[InsufficientBalance], "message": "not enough"}
    await client.close()


def test_an_event_says_what_happened_and_who_caused_it() -> None:
    events = [json.loads(encode(account_event(event))) for event in h.RESULTS["list_events"].items]
    assert [event["kind"] for event in events] == [
        "ACCOUNT", "ORDER", "ORDER", "BALANCE_CORRECTED", "POSITION_CORRECTED", "ORDER"
    ]  # fmt: skip
    assert events[0]["by"] == {
        "kind": "USER", "userId": str(h.USER_ID), "apiKeyId": "00000000-0000-0000-0000-00000000000b",
        "requestId": "r-1", "address": "203.0.113.5",
    }  # fmt: skip
    assert events[1]["by"] == {"kind": "USER", "userId": str(h.USER_ID), "requestId": "r-2"}
    assert [event["by"] for event in events[2:]] == [
        {"kind": "VENUE"}, {"kind": "VENUE"}, {"kind": "OPERATOR"}, {"kind": "PLATFORM"}
    ]  # fmt: skip
    assert [len(event["order"]["executions"]) for event in events if "order" in event] == [0, 1, 0]
    assert events[2]["order"] | {"executions": []} == {
        "tradeOrderId": str(h.ORDER_ID), "instrumentId": h.BTC_USDT, "orderSide": "BUY", "orderType": "LIMIT",
        "status": "PARTIALLY_FILLED", "limitPrice": "64250.5", "orderQuantity": events[2]["order"]["orderQuantity"],
        "executedQuantity": "10", "executedPrice": "64250.5", "executions": [],
    }  # fmt: skip
    assert events[3]["correction"] == {"asset": "BTC", "after": "10", "cause": "a snapshot"}
    assert events[4]["correction"] == {
        "instrumentId": h.BTC_USDT, "positionSide": "NET", "before": "-1", "after": "0", "cause": "a snapshot"
    }  # fmt: skip


def test_a_corrected_and_busted_execution_is_marked() -> None:
    plain = json.loads(encode(account_execution(h.EXECUTION)))
    busted = json.loads(encode(account_execution(replace(h.EXECUTION, is_busted=True, corrected_at_ms=h.NOW_MS))))
    assert (plain["isBusted"], plain["tradeOrderId"], plain["liquidity"]) == (False, str(h.ORDER_ID), "MAKER")
    assert "correctedAt" not in plain
    assert (busted["isBusted"], busted["correctedAt"]) == (True, h.NOW_MS)
