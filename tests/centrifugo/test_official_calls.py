"""What the users of the official clients get from their calls: the same from our own socket and the real Centrifugo."""

import asyncio
from typing import Any

import pytest
from tests.adapters.realtime.test_official_javascript import node_modules
from tests.centrifugo.conftest import MakeClient
from tests.centrifugo.differences import differs
from tests.centrifugo.official import JavaScriptClient, Official, Pub, Refused, arrivals_of
from tests.centrifugo.stage import CONNECT_CALLED, LINE_CUT, SUBSCRIBE_CALLED, UNSUBSCRIBE_CALLED, Stage, stage
from tests.contract.checker import assert_matches
from tests.e2e.trader import BTC_USDT
from tests.serving import eventually

__all__ = ["node_modules", "stage"]  # fixtures
pytestmark = pytest.mark.asyncio(loop_scope="module")
BOOK, TRADES = f"market:orderBook:{BTC_USDT}", f"market:trade:{BTC_USDT}"
PAGE = 3


async def refusal(client: Official, name: str, *args: Any) -> tuple[int, str, bool]:
    """The code of the error, its message, and whether it is temporary."""
    with pytest.raises(Refused) as refused:
        await client.call(name, *args)
    return refused.value.code, refused.value.message, refused.value.temporary


async def test_history_to_the_end_and_live(stage: Stage) -> None:
    """Page by page forward while orders are filled, then backward: all of it is there once, and what comes live goes on
    where the pages end."""
    await stage.happen(2)
    client = await stage.listening()
    live_from = stage.top
    trading = asyncio.create_task(stage.happen(5))
    paged: list[Pub] = []
    since = {"offset": stage.start, "epoch": stage.epoch}
    while not trading.done() or since["offset"] < stage.top:
        page = await client.call("history", stage.channel, {"limit": PAGE, "since": since})
        assert page["epoch"] == stage.epoch
        found = page["publications"]
        assert len(found) <= PAGE
        assert bool(found) == (page["offset"] > since["offset"])
        paged += [Pub(each["offset"], each["data"]) for each in found]
        since["offset"] += len(found)
    assert paged == stage.truth
    live = stage.since(live_from)
    assert await client.publications(stage.channel, len(live)) == live
    back: list[Pub] = []
    before = {"offset": stage.top + 1, "epoch": stage.epoch}
    while before["offset"] > stage.start + 1:
        page = await client.call("history", stage.channel, {"limit": PAGE, "since": before, "reverse": True})
        back += [Pub(each["offset"], each["data"]) for each in page["publications"]]
        before["offset"] = back[-1].offset
    assert back[: len(paged)] == paged[::-1]
    newest = await client.call("history", stage.channel, {"limit": 1, "reverse": True})
    assert [each["offset"] for each in newest["publications"]] == [stage.top]
    alone = await client.call("history", stage.channel, {"limit": 0})
    assert (alone["offset"], alone["epoch"], alone["publications"]) == (stage.top, stage.epoch, [])


async def test_refusals(stage: Stage) -> None:
    client = await stage.listening()
    other = "tradingAccount:019a2250-0000-7000-8000-000000000001"
    here, elsewhere = {"offset": 0, "epoch": stage.epoch}, {"offset": 0, "epoch": "elsewhere"}
    assert await refusal(client, "rpc", "no.such", {}) == (104, "method not found", False)
    assert await refusal(client, "publish", stage.channel, {"a": 1}) == (103, "permission denied", False)
    assert await refusal(client, "publish", other, {"a": 1}) == (103, "permission denied", False)
    unrecoverable = (112, "unrecoverable position", False)
    for limit in (0, 10):
        assert await refusal(client, "history", stage.channel, {"limit": limit, "since": elsewhere}) == unrecoverable
    reverse = {"limit": 10, "since": here, "reverse": True}
    assert await refusal(client, "history", stage.channel, reverse) == (107, "bad request", False)
    hidden = (103, "permission denied", False) if differs(stage.house, "presence") else (102, "unknown channel", False)
    for name in ("history", "presence", "presenceStats"):
        assert await refusal(client, name, other) == hidden
    for name in (other, "market:trade:PAPER:NO/SUCH"):
        await client.listen(name)
        await client.expect(SUBSCRIBE_CALLED, ("unsubscribed", 102, "unknown channel"), channel=name)
    answer = await client.call("rpc", "query.trade_order.get", {"tradeOrderId": "no id"})
    assert answer["data"]["error"]["code"] < 0
    await stage.assert_sees(client, stage.start)


async def test_calls(stage: Stage) -> None:
    client = await stage.connected()
    venues = {"data": {"data": ["MOCK", "PAPER"]}}
    for data in ({}, None):
        assert await client.call("rpc", "query.venue.list", data) == venues
    order = {"instrumentId": BTC_USDT, "orderSide": "BUY", "orderType": "MARKET", "quantity": "0.01"}
    asked = {"tradeOrder": order, "tradingAccountId": stage.trader.spot, "idempotencyKey": "k", "awaitClosed": True}
    answer = (await client.call("rpc", "command.trade_order.submit", asked))["data"]
    assert_matches("rpcSubmitTradeOrderResult", answer)
    assert answer["data"]["status"] == "FILLED"


async def test_many_commands_in_one_frame(stage: Stage) -> None:
    client = await stage.listening()
    calls: list[tuple[Any, ...]] = [
        ("rpc", "query.venue.list", {}),
        ("history", stage.channel, {"limit": 1}),
        ("presence", stage.channel),
        ("presenceStats", stage.channel),
    ]
    if isinstance(client, JavaScriptClient):
        answers = await client.call_in_one_frame(*calls * 10)
    else:
        answers = await asyncio.gather(*(client.call(*call) for call in calls * 10))
    for n, answer in enumerate(answers):
        assert answer == answers[n % len(calls)]
    venues, history, presence, stats = answers[: len(calls)]
    assert venues == {"data": {"data": ["MOCK", "PAPER"]}}
    assert (history["offset"], history["epoch"]) == (stage.top, stage.epoch)
    assert len(presence["clients"]) == 2
    assert stats == {"numClients": 2, "numUsers": 1}


async def test_joins_leaves_and_presence(stage: Stage) -> None:
    client = await stage.listening(joinLeave=True)
    arrivals = arrivals_of(stage.channel)
    name, own, user = await client.next(arrivals)
    assert name == "join"
    other = await stage.listening()
    name, theirs, same_user = await client.next(arrivals)
    assert (name, same_user) == ("join", user)
    clients = (await client.call("presence", stage.channel))["clients"]
    assert {own, theirs} < set(clients)
    assert {(id, each["client"], each["user"]) for id, each in clients.items()} == {(id, id, user) for id in clients}
    await other.unsubscribe(stage.channel)
    await other.expect(UNSUBSCRIBE_CALLED, channel=stage.channel)
    await client.expect(("leave", theirs, user), channel=arrivals)
    await other.subscribe(stage.channel)
    await client.expect(("join", theirs, user), channel=arrivals)
    await other.disconnect()
    await client.expect(("leave", theirs, user), channel=arrivals)
    assert len((await client.call("presence", stage.channel))["clients"]) == 2
    await client.again(stage.channel)
    await client.expect(("join", own, user), channel=arrivals)


async def test_calls_while_the_line_is_down(stage: Stage) -> None:
    """One that waits for its answer is refused by the client, one made meanwhile is sent when the line is up."""
    client = await stage.connected()
    bid, _ = await stage.trader.prices()
    order = {"instrumentId": BTC_USDT, "orderSide": "BUY", "orderType": "LIMIT", "quantity": "0.01"}
    order |= {"limitPrice": str(round(bid / 2)), "timeInForce": "GTC"}
    asked = {"tradeOrder": order, "tradingAccountId": stage.trader.spot, "awaitClosed": True}
    waiting = asyncio.create_task(refusal(client, "rpc", "command.trade_order.submit", asked))

    async def it_rests() -> bool:
        return bool(await stage.trader.orders(orderStatus="ACCEPTED"))

    await eventually(it_rests)
    with stage.line.down():
        await client.expect(LINE_CUT)
        assert (await waiting)[0] == 0
        calling = asyncio.create_task(client.call("rpc", "query.venue.list", {}))
        await asyncio.sleep(0)
    assert await calling == {"data": {"data": ["MOCK", "PAPER"]}}
    (resting,) = await stage.trader.orders(orderStatus="ACCEPTED")
    await stage.trader.cancel(resting)


async def test_the_market(stage: Stage, connect: MakeClient) -> None:
    client = await stage.connected()
    await client.listen(BOOK)
    await client.expect(SUBSCRIBE_CALLED, channel=BOOK)
    name, fresh = await client.next(BOOK)
    assert (name, fresh.recoverable, fresh.positioned, fresh.was_recovering) == ("subscribed", True, True, False)
    if differs(stage.house, "books"):
        assert_matches("orderbook", fresh.data["data"])
    else:
        assert fresh.data is None
    first, second = await client.publications(BOOK, 2)
    for book in (first, second):
        assert book.data["type"] == "event.orderbook.updated"
        assert_matches("orderbook", book.data["data"])
    assert second.offset > first.offset
    await client.unsubscribe(BOOK)
    await client.listen(TRADES)
    await client.expect(SUBSCRIBE_CALLED, channel=TRADES)
    name, fresh = await client.next(TRADES)
    assert (name, fresh.recoverable, fresh.positioned, fresh.data) == ("subscribed", True, True, None)
    trades = await client.publications(TRADES, 2)
    assert [each.offset for each in trades] == [fresh.offset + 1, fresh.offset + 2]


@pytest.mark.parametrize("stage", [JavaScriptClient], ids=["javascript"], indirect=True)
async def test_what_this_server_has_no_use_for(stage: Stage) -> None:
    """`send`, which Python does not have."""
    client = await stage.connected()
    sending = asyncio.create_task(client.call("send", {"a": 1}))
    if differs(stage.house, "send"):
        await client.expect(("disconnected", 3508, "not available"))
    else:
        assert (await client.call("rpc", "query.venue.list", {}))["data"]
    await sending


async def test_a_token_of_a_subscription(stage: Stage) -> None:
    """Nobody here hands them out."""
    client = await stage.connected()
    await client.listen(stage.channel, token="x.y.z")
    await client.expect(SUBSCRIBE_CALLED, channel=stage.channel)
    if differs(stage.house, "subscription token"):
        await client.expect(("unsubscribed", 103, "permission denied"), channel=stage.channel)
    else:
        await client.expect(stage.position(), channel=stage.channel)


async def test_a_message_that_is_too_long(stage: Stage) -> None:
    client = await stage.connected()
    calling = asyncio.create_task(refusal(client, "rpc", "query.venue.list", {"pad": "x" * 70_000}))
    closed = (
        ("disconnected", 3, "message size limit exceeded")
        if isinstance(client, JavaScriptClient)
        else ("connecting", 3, "message size limit")
    )
    found = await client.next()
    assert found == closed or (differs(stage.house, "too long") and found == LINE_CUT)
    assert (await calling)[0] == 0


async def test_the_binary_protocol(stage: Stage) -> None:
    client = stage.client(isBinary=True)
    await client.connect(str(stage.trader.api.token))
    await client.expect(CONNECT_CALLED)
    if differs(stage.house, "binary"):
        await client.expect(("connected",))
    else:
        await client.expect(("disconnected", 3506, "inappropriate protocol"))
