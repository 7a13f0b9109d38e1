"""The official clients recover alike from our own socket and from the real Centrifugo: each publication once, in order.

Whatever interrupts them: a cut line, a handler that leaves, a position that is no good. Differences are named.
"""

import asyncio
from typing import Any

import pytest
from tests.adapters.realtime.test_official_javascript import node_modules
from tests.centrifugo.conftest import MakeClient
from tests.centrifugo.differences import differs
from tests.centrifugo.official import JavaScriptClient, PythonClient
from tests.centrifugo.stage import (
    CONNECT_CALLED,
    LINE_CUT,
    SUBSCRIBE_CALLED,
    SUBSCRIPTION_CUT,
    UNSUBSCRIBE_CALLED,
    Stage,
    stage,
)
from tests.e2e.trader import BTC_USDT

__all__ = ["node_modules", "stage"]  # fixtures
pytestmark = pytest.mark.asyncio(loop_scope="module")
HISTORY = 30
SETTINGS = {"SOCKET_HISTORY_ITEMS_MAX": HISTORY}
BOOK, TRADES = f"market:orderBook:{BTC_USDT}", f"market:trade:{BTC_USDT}"
REPLY = b'"recoverable":true'


@pytest.mark.parametrize("orders", [0, 1, 10])
async def test_what_was_missed_while_the_line_was_cut(stage: Stage, orders: int) -> None:
    client = await stage.listening()
    await stage.assert_sees(client, stage.start)
    seen = stage.top
    with stage.line.down():
        await client.expect(LINE_CUT)
        if orders:
            await stage.happen(orders)
    await client.expect(("connected",))
    await client.expect(SUBSCRIPTION_CUT, stage.back_at(seen), channel=stage.channel)
    await stage.assert_sees(client, seen)


@pytest.mark.parametrize("acts", [["unsubscribe"], ["unsubscribe", "subscribe"], ["disconnect"]], ids="-".join)
async def test_a_handler_that_leaves_before_it_has_seen_what_was_missed(stage: Stage, acts: list[str]) -> None:
    client = await stage.listening()
    await stage.assert_sees(client, stage.start)
    seen = stage.top
    await client.when_subscribed(stage.channel, *acts)
    with stage.line.down():
        await stage.happen(2)
    await client.expect(LINE_CUT, ("connected",))
    await client.expect(SUBSCRIPTION_CUT, stage.back_at(seen), channel=stage.channel)
    if acts == ["disconnect"]:
        await client.expect(("disconnected", 0, "disconnect called"))
        await client.expect(SUBSCRIPTION_CUT, channel=stage.channel)
        await stage.happen()
        await client.connect_again()
        await client.expect(CONNECT_CALLED, ("connected",))
    else:
        await client.expect(UNSUBSCRIBE_CALLED, channel=stage.channel)
        if acts == ["unsubscribe"]:
            await stage.happen()
            await client.subscribe(stage.channel)
        await client.expect(SUBSCRIBE_CALLED, channel=stage.channel)
    await client.expect(stage.back_at(seen), channel=stage.channel)
    await stage.assert_sees(client, seen)


@pytest.mark.parametrize("is_delivered", [False, True], ids=["before the reply", "after the reply"])
async def test_the_line_is_cut_around_the_reply_that_brings_what_was_missed(stage: Stage, is_delivered: bool) -> None:
    client = await stage.listening()
    await stage.assert_sees(client, stage.start)
    seen = stage.top
    with stage.line.down():
        await stage.happen(2)
        stage.line.cut_at(REPLY, is_delivered=is_delivered)
    await client.expect(LINE_CUT, ("connected",), LINE_CUT, ("connected",))
    assert await stage.assert_follows(client, seen) == (2 if is_delivered else 1)


@pytest.mark.parametrize("stage", [PythonClient], ids=["python"], indirect=True)
async def test_the_line_is_cut_inside_the_handler(stage: Stage) -> None:
    """Handlers in JavaScript do not wait, so nothing can happen inside them."""
    client = await stage.listening()
    assert isinstance(client, PythonClient)
    await stage.assert_sees(client, stage.start)
    seen = stage.top

    async def cut() -> None:
        stage.line.cut()
        await client.expect(LINE_CUT, ("connected",), LINE_CUT)

    client.acts["cut"] = cut
    await client.when_subscribed(stage.channel, "cut")
    with stage.line.down():
        await stage.happen(2)
    assert await stage.assert_follows(client, seen) == 2


async def test_again_and_again_while_orders_are_filled(stage: Stage) -> None:
    """Unsubscribing and subscribing without a pause neither loses nor repeats anything, and neither do cuts."""
    client = await stage.listening()
    for is_cut in (False, True, False, True, True):
        trading = asyncio.create_task(stage.happen(2))
        await client.again(stage.channel)
        if is_cut:
            stage.line.cut()
            await client.expect(LINE_CUT, ("connected",))
        await trading
    assert await stage.assert_follows(client, stage.start) >= 1


async def test_channels_that_recover_at_once(stage: Stage, connect: MakeClient) -> None:
    holder = await connect()
    await holder.subscribe(TRADES)
    client = await stage.listening()
    await client.listen(TRADES)
    await client.listen(BOOK)
    await stage.assert_sees(client, stage.start)
    await client.expect(SUBSCRIBE_CALLED, channel=TRADES)
    await client.expect(SUBSCRIBE_CALLED, channel=BOOK)
    for channel in (TRADES, BOOK):
        name, fresh = await client.next(channel)
        assert (name, fresh.recoverable, fresh.positioned, fresh.was_recovering) == ("subscribed", True, True, False)
    (last,) = await client.publications(TRADES, 1)
    await client.publications(BOOK, 1)
    seen = stage.top
    with stage.line.down():
        await stage.happen()
    await client.expect(LINE_CUT, ("connected",))
    await client.expect(SUBSCRIPTION_CUT, stage.back_at(seen), channel=stage.channel)
    await stage.assert_sees(client, seen)
    while (event := await client.next(TRADES)) != SUBSCRIPTION_CUT:
        assert event[1].offset == last.offset + 1
        last = event[1]
    name, back = await client.next(TRADES)
    assert (name, back.was_recovering, back.recovered, back.offset) == ("subscribed", True, True, last.offset)
    for n, pub in enumerate(await client.publications(TRADES, 3), 1):
        assert pub.offset == last.offset + n
    while await client.next(BOOK) != SUBSCRIPTION_CUT:
        pass
    name, back = await client.next(BOOK)
    assert (name, back.was_recovering, back.recovered) == ("subscribed", True, True)
    assert (await client.publications(BOOK, 1))[0].offset >= back.offset


class TestAPositionThatTheUserGives:
    """`since`, which Python does not have, and `get_state` of both."""

    @pytest.mark.parametrize("stage", [JavaScriptClient], ids=["javascript"], indirect=True)
    async def test_since(self, stage: Stage) -> None:
        await stage.happen(HISTORY // 2)
        positions = [
            (stage.top - HISTORY, stage.epoch, True),
            (stage.top - 3, stage.epoch, True),
            (stage.top - 3, "", True),
            (stage.top, stage.epoch, True),
            (stage.top + 1, stage.epoch, False),
            (stage.top - 1, "elsewhere", False),
            (0, "elsewhere", False),
        ]
        for offset, epoch, is_good in positions:
            client = await stage.connected()
            await client.listen(stage.channel, since={"offset": offset, "epoch": epoch})
            begin = stage.back_at(offset) if is_good else stage.position(was_recovering=True)
            after = offset if is_good else stage.top
            await client.expect(SUBSCRIBE_CALLED, begin, channel=stage.channel)
            expected = stage.since(after)
            assert await client.publications(stage.channel, len(expected)) == expected
            await client.disconnect()
        await stage.happen()
        client = await stage.connected()
        await client.listen(stage.channel, since={"offset": stage.top - HISTORY - 1, "epoch": stage.epoch})
        await client.expect(SUBSCRIBE_CALLED, stage.position(was_recovering=True), channel=stage.channel)
        await stage.assert_sees(client, stage.top)

    async def test_state_is_asked_for_again_when_the_position_is_no_good(self, stage: Stage) -> None:
        await stage.happen(2)
        good = {"offset": stage.top - 2, "epoch": stage.epoch}
        states: list[dict[str, Any]] = [good, {"offset": 1, "epoch": "elsewhere"}]

        async def state() -> dict[str, Any]:
            return states.pop()

        client = await stage.connected()
        await client.listen(stage.channel, get_state=state)
        await client.expect(SUBSCRIBE_CALLED, ("getState",), channel=stage.channel)
        if differs(stage.house, "flag"):
            await client.expect(stage.position(was_recovering=True), channel=stage.channel)
            await stage.assert_sees(client, stage.top)
        else:
            await client.expect(("getState",), stage.back_at(good["offset"]), channel=stage.channel)
            await stage.assert_sees(client, good["offset"])
        seen = stage.top
        stage.line.cut()
        await client.expect(LINE_CUT, ("connected",))
        await client.expect(SUBSCRIPTION_CUT, stage.back_at(seen), channel=stage.channel)  # and no state was asked for
        await stage.assert_sees(client, seen)


async def test_what_this_server_does_not_have_is_asked_for_in_vain(stage: Stage) -> None:
    """Delta compression: the publications come whole."""
    client = await stage.listening(delta="fossil")
    await stage.assert_sees(client, stage.start)
