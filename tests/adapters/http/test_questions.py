"""The lists over REST: which filters reach the use case, and hostile ones."""

from dataclasses import replace
from typing import Any

import pytest
from tests.adapters.http import http_world as w
from tests.adapters.http.http_world import World

from cadenza.application.orders.preview import PreviewOutcome
from cadenza.domain.errors import (
    IdempotencyKeyReused,
    InsufficientBalance,
    InvalidCursor,
    OrderNotFound,
    TradingAccountNotFound,
)
from cadenza.domain.market.enums import OrderType, Side
from cadenza.domain.trading.enums import OrderStatus
from cadenza.domain.trading.events import EventKind
from cadenza.wire.examples import BODY_EXAMPLES
from cadenza.wire.operations import SUBMIT_ORDER

ORDERS = "/api/v3/tradeOrder/list"
EXECUTIONS = "/api/v3/execution/list"
EVENTS = "/api/v3/tradingAccount/event/list"
OF_ACCOUNT = f"tradingAccountId={w.ACCOUNT_ID}"


def asked(world: World, use_case: str) -> Any:
    (_, query), _ = getattr(world.use_cases, use_case).calls[-1]
    return query


@pytest.mark.parametrize(
    ("query", "statuses"),
    [
        ("orderStatus=FILLED", {OrderStatus.FILLED}),
        ("orderStatus=FILLED&orderStatus=CANCELLED", {OrderStatus.FILLED, OrderStatus.CANCELED}),
        ("orderStatus=FILLED,CANCELLED", {OrderStatus.FILLED, OrderStatus.CANCELED}),
        ("orderStatus[]=FILLED&orderStatus[]=ACCEPTED,FILLED", {OrderStatus.FILLED, OrderStatus.ACCEPTED}),
        ("orderStatus=", set()),
        ("orderStatus=&orderStatus=FILLED", {OrderStatus.FILLED}),
    ],
)
async def test_one_status_or_several(world: World, query: str, statuses: set[OrderStatus]) -> None:
    assert (await world.ask("GET", ORDERS, query=query)).status == 200
    assert asked(world, "list_orders").statuses == statuses


async def test_orders_are_selected_by_more(world: World) -> None:
    query = "open=true&orderSide=SELL&orderType=STOP&clientOrderId=c-1&idempotencyKey=k-1"
    assert (await world.ask("GET", ORDERS, query=query)).status == 200
    found = asked(world, "list_orders")
    assert (found.is_open, found.side, found.type) == (True, Side.SELL, OrderType.STOP)
    assert (found.client_order_id, found.idempotency_key) == ("c-1", "k-1")
    assert (await world.ask("GET", ORDERS, query="clientOrderId=&orderType=&open=false")).status == 200
    found = asked(world, "list_orders")
    assert (found.is_open, found.type, found.client_order_id) == (False, None, None)


async def test_events_and_executions_are_selected(world: World) -> None:
    query = f"{OF_ACCOUNT}&kind=BALANCE_CORRECTED&tradeOrderId={w.ORDER_ID}&startTime=1&endTime=2&ascending=true"
    assert (await world.ask("GET", EVENTS, query=query)).status == 200
    found = asked(world, "list_events")
    assert (found.kind, found.order_id, found.ascending) == (EventKind.BALANCE_CORRECTED, w.ORDER_ID, True)
    assert (found.start_ms, found.end_ms) == (1, 2)
    query = f"{OF_ACCOUNT}&orderSide=BUY&instrumentId=PAPER:BTC/USDT&isBusted=true&limit=7"
    assert (await world.ask("GET", EXECUTIONS, query=query)).status == 200
    found = asked(world, "list_executions")
    assert (found.side, found.instrument_id, found.is_busted, found.limit) == (Side.BUY, w.BTC_USDT, True, 7)


@pytest.mark.parametrize(
    ("path", "query"),
    [
        (ORDERS, "orderStatus=UNKNOWN"),
        (ORDERS, "orderStatus=FILLED,NO_SUCH"),
        (ORDERS, "orderStatus=filled"),
        (ORDERS, "open=maybe"),
        (ORDERS, "open=true&open=false"),
        (ORDERS, "orderSide=UNKNOWN"),
        (ORDERS, "clientOrderId=" + "x" * 129),
        (ORDERS, "clientOrderId=a%00b"),
        (ORDERS, "isOpen=true"),
        (EVENTS, ""),
        (EVENTS, "tradingAccountId=7"),
        (EVENTS, f"{OF_ACCOUNT}&kind=order"),
        (EVENTS, f"{OF_ACCOUNT}&startTime=2&endTime=1"),
        (EVENTS, f"{OF_ACCOUNT}&limit=1001"),
        (EVENTS, f"{OF_ACCOUNT}&offset=5"),
        (EVENTS, f"{OF_ACCOUNT}&cursor=" + "x" * 513),
        (EXECUTIONS, f"{OF_ACCOUNT}&startTime=2&endTime=1"),
        (EXECUTIONS, f"{OF_ACCOUNT}&orderSide=HOLD"),
        (EXECUTIONS, f"{OF_ACCOUNT}&startTime=-1"),
    ],
    ids=lambda text: text[-24:],
)
async def test_hostile_filters_are_refused(world: World, path: str, query: str) -> None:
    answer = await world.ask("GET", path, query=query)
    assert (answer.status, answer.code) == (400, "INVALID_REQUEST")


@pytest.mark.parametrize(
    ("cause", "status"),
    [(TradingAccountNotFound("none"), 404), (OrderNotFound("none"), 404), (InvalidCursor("not ours"), 400)],
)
async def test_refusals_have_their_status(world: World, cause: Exception, status: int) -> None:
    for path, use_case in ((EVENTS, "list_events"), (EXECUTIONS, "list_executions"), (ORDERS, "list_orders")):
        getattr(world.use_cases, use_case).result = cause
        assert (await world.ask("GET", path, query=OF_ACCOUNT)).status == status


PREVIEW = "/api/v3/tradeOrder/preview"
SUBMIT = "/api/v3/tradeOrder/submit"
BODY = dict(BODY_EXAMPLES[SUBMIT_ORDER])


async def test_a_dry_run_takes_the_body_of_a_submit(world: World) -> None:
    body = {**BODY, "idempotencyKey": "k", "quantityRounding": "DOWN"}
    answer = await world.ask("POST", PREVIEW, body=body)
    assert answer.status == 200
    (_, previewed), _ = world.use_cases.preview_order.calls[-1]
    await world.ask(
        "POST", "/api/v3/tradeOrder/submit", body={**BODY, "idempotencyKey": "k", "quantityRounding": "DOWN"}
    )
    (_, submitted), _ = world.use_cases.submit_order.calls[-1]
    assert previewed == submitted
    assert (answer.data["outcome"], answer.data["sentType"], answer.data["support"]) == ("SEND", "LIMIT", "NATIVE")
    assert answer.data["lock"] == {"asset": "USDT", "quantity": "1000", "fee": "0.1"}
    assert "tradeOrderId" not in answer.data


async def test_a_dry_run_of_a_known_key_names_the_order(world: World) -> None:
    sample = w.RESULTS["preview_order"]
    world.use_cases.preview_order.result = replace(sample, outcome=PreviewOutcome.REPEAT, lock=None, support=None)
    answer = await world.ask("POST", PREVIEW, body=BODY)
    assert (answer.data["outcome"], answer.data["tradeOrderId"]) == ("REPEAT", str(w.ORDER_ID))
    assert "lock" not in answer.data
    assert "support" not in answer.data


async def test_a_dry_run_is_refused_as_the_submit_is(world: World) -> None:
    for cause in (
        InsufficientBalance("not enough"),
        IdempotencyKeyReused("another body"),
        TradingAccountNotFound("none"),
    ):
        answers = []
        for path, use_case in ((PREVIEW, "preview_order"), (SUBMIT, "submit_order")):
            getattr(world.use_cases, use_case).result = cause
            answer = await world.ask("POST", path, body=BODY)
            answers.append((answer.status, answer.code, answer.body["errno"], answer.body["error"]))
        assert answers[0] == answers[1]
    for body in ({}, {**BODY, "orderSide": "UNKNOWN"}, {**BODY, "dryRun": True}, {**BODY, "quantity": 1}):
        assert (await world.ask("POST", PREVIEW, body=body)).code == "INVALID_REQUEST"
