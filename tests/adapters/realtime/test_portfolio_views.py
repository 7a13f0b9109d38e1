"""Portfolios on an account's channel: without an offset, beside the log, the newest only."""

import asyncio

from tests.adapters.http import http_world as h
from tests.adapters.realtime import realtime_world as w
from tests.adapters.realtime.conftest import MakeWorld
from tests.adapters.realtime.realtime_world import World, number_of
from tests.contract.checker import assert_matches

BUFFER_BYTES = 4_096


async def test_a_view_has_no_offset_and_takes_none(world: World) -> None:
    client = await world.client()
    await client.subscribe(w.ACCOUNT)
    world.publish()
    world.publish_portfolio()
    assert (await client.push())["pub"]["offset"] == 1
    push = await client.push()
    assert push["channel"] == w.ACCOUNT
    assert push["pub"].keys() == {"data"}
    assert_matches("portfolio", push["pub"]["data"]["data"])
    world.publish()
    assert (await client.push())["pub"]["offset"] == 2
    reply = (await client.ask(history={"channel": w.ACCOUNT, "limit": -1}))["history"]
    assert [each["offset"] for each in reply["publications"]] == [1, 2], "it is not in the history"
    await client.close()


async def test_every_subscribe_requests_a_view_and_nothing_else_does(world: World) -> None:
    client = await world.client()
    assert not world.node.has_account_subscribers(w.ACCOUNT_ID)
    for channel in (w.FOREIGN, w.TRADE):
        await client.ask(subscribe={"channel": channel})
    assert world.portfolio_requests == []
    position = await client.subscribe(w.ACCOUNT)
    assert world.portfolio_requests == [w.ACCOUNT_ID]
    assert world.node.has_account_subscribers(w.ACCOUNT_ID)
    await client.ask(unsubscribe={"channel": w.ACCOUNT})
    assert not world.node.has_account_subscribers(w.ACCOUNT_ID)
    world.publish(2)
    reply = await client.subscribe(w.ACCOUNT, recover=True, epoch=position["epoch"], offset=position["offset"])
    assert [each["offset"] for each in reply["publications"]] == [1, 2]
    assert world.portfolio_requests == [w.ACCOUNT_ID] * 2
    world.answer_portfolio_requests()
    assert number_of((await client.push())["pub"]) == 2, "after what was recovered"
    await client.close()


async def test_of_views_that_are_published_in_one_turn_the_newest_is_sent(world: World) -> None:
    client, other = await world.client(), await world.client()
    await client.subscribe(w.ACCOUNT)
    world.publish_portfolio(1)
    world.publish_portfolio(2)
    world.publish()
    await other.subscribe(w.ACCOUNT)
    world.publish_portfolio(3)
    assert (await client.push())["pub"]["offset"] == 1
    assert number_of((await client.push())["pub"]) == 2
    assert number_of((await client.push())["pub"]) == 3
    assert number_of((await other.push())["pub"]) == 3, "what was published before it came went to the others only"
    await client.close()
    await other.close()


async def test_for_a_client_that_does_not_read_only_the_newest_view_waits(make_world: MakeWorld) -> None:
    world = await make_world(queue_bytes_max=200_000)
    slow = await world.client(receive_buffer_bytes=BUFFER_BYTES)
    await slow.subscribe(w.ACCOUNT)
    roster = world.node._services.roster
    number = 0
    while not roster.queued_bytes:
        number += 1
        world.publish_portfolio(number)
        await asyncio.sleep(0)
    blocked_at = number
    for _ in range(1_000):
        number += 1
        world.publish_portfolio(number)
        await asyncio.sleep(0)
    assert roster.queued_bytes < 10_000
    assert not world.node.counts.disconnects_total[3008]
    seen = []
    while not seen or seen[-1] < number:
        seen.append(number_of((await slow.push())["pub"]))
    assert seen == sorted(seen)
    assert len(seen) < blocked_at + 100, "those in between were skipped"
    await slow.close()


async def test_a_portfolio_that_cannot_be_encoded_costs_nobody_anything(world: World) -> None:
    client = await world.client()
    await client.subscribe(w.ACCOUNT)
    world.publish_portfolio(-(10**30))
    world.publish_portfolio(4)
    assert number_of((await client.push())["pub"]) == 4
    await client.close()


async def test_nobody_hears_of_another_accounts_portfolio(world: World) -> None:
    client = await world.client()
    await client.subscribe(w.ACCOUNT)
    world.publish_portfolio(1, account_id=w.FOREIGN_ACCOUNT_ID)
    world.publish_portfolio(2)
    assert number_of((await client.push())["pub"]) == 2
    assert h.PORTFOLIO.account.id == w.ACCOUNT_ID
    await client.close()
