"""Coming back: everything missed, exactly once, or honestly nothing."""

import asyncio
from typing import Any

import pytest
from tests.adapters.realtime import realtime_world as w
from tests.adapters.realtime.conftest import MakeWorld
from tests.adapters.realtime.raw_client import RawClient
from tests.adapters.realtime.realtime_world import World, quantity_of

from cadenza.adapters.realtime import broker
from cadenza.domain.market.book_messages import BookSnapshot
from cadenza.domain.trading.events import AccountEvent
from cadenza.wire.push import encode_account_event, encode_order_book

EPOCH = "installation-1"


async def recover(client: RawClient, offset: int, *, epoch: str = EPOCH, **more: Any) -> dict[str, Any]:
    answer = await client.subscribe(w.ACCOUNT, recover=True, epoch=epoch, offset=offset, **more)
    assert answer["was_recovering"] is True
    if not answer["recovered"]:
        assert answer["publications"] == []
    return answer


def offsets(answer: dict[str, Any]) -> list[int]:
    assert all(quantity_of(each) == each["offset"] for each in answer["publications"])
    return [each["offset"] for each in answer["publications"]]


async def test_an_account_recovers_across_a_reconnect(world: World) -> None:
    client = await world.client()
    await client.subscribe(w.ACCOUNT)
    world.publish(3)
    for _ in range(3):
        await client.push()
    client.leave()
    world.publish(4)
    client = await world.client()
    answer = await recover(client, 3)
    assert answer["recovered"] is True
    assert (offsets(answer), answer["offset"], answer["epoch"]) == ([4, 5, 6, 7], 3, EPOCH), "the client's own position"
    world.publish()
    assert (await client.push())["pub"]["offset"] == 8
    await client.close()


async def test_an_account_recovers_across_a_kill_and_restart(world: World) -> None:
    client = await world.client()
    await client.subscribe(w.ACCOUNT)
    world.publish(2)
    await client.push()
    world.append(3)  # committed, but the process dies before it publishes
    await world.restart()
    world.publish(2)
    client = await world.client()
    answer = await recover(client, 1)
    assert (answer["recovered"], offsets(answer), answer["offset"]) == (True, [2, 3, 4, 5, 6, 7], 1)
    await client.close()


async def test_nothing_missed_is_recovered_too(world: World) -> None:
    world.append(2)
    client = await world.client()
    answer = await recover(client, 2)
    assert (answer["recovered"], answer["publications"]) == (True, [])
    await client.close()


@pytest.mark.parametrize(("epoch", "offset"), [("another", 1), ("", 6), (EPOCH, 6), (EPOCH, 2**63 - 1)])
async def test_a_position_that_is_not_ours(world: World, epoch: str, offset: int) -> None:
    world.append(5)
    client = await world.client()
    answer = await recover(client, offset, epoch=epoch)
    assert (answer["recovered"], answer["offset"], answer["epoch"]) == (False, 5, EPOCH)
    world.publish()
    assert (await client.push())["pub"]["offset"] == 6
    await client.close()


async def test_a_position_without_an_epoch_counts_in_any(world: World) -> None:
    world.append(3)
    client = await world.client()
    answer = await recover(client, 1, epoch="")
    assert (answer["recovered"], offsets(answer), answer["epoch"]) == (True, [2, 3], EPOCH)
    await client.close()


async def test_too_long_a_gap_is_not_recovered_in_part(make_world: MakeWorld) -> None:
    world = await make_world(history_items_max=5)
    world.append(10)
    client = await world.client()
    assert (await recover(client, 4))["recovered"] is False
    other = await world.client()
    answer = await recover(other, 5)
    assert (answer["recovered"], offsets(answer)) == (True, [6, 7, 8, 9, 10])
    await client.close()
    await other.close()


async def test_too_many_bytes_are_not_recovered_in_part(make_world: MakeWorld) -> None:
    world = await make_world(history_bytes_max=2_000)
    world.append(10)
    client, other = await world.client(), await world.client()
    assert (await recover(client, 0))["recovered"] is False
    assert (await recover(other, 9))["recovered"] is True
    await client.close()
    await other.close()


async def test_a_client_may_ask_for_an_error_instead(world: World) -> None:
    world.append(1)
    client = await world.client()
    reply = await client.ask(subscribe={"channel": w.ACCOUNT, "recover": True, "epoch": "x", "offset": 1, "flag": 2})
    assert reply["error"] == {"code": 112, "message": "unrecoverable position"}
    assert world.node._services.hub.subscriptions == 0
    await client.close()


async def test_events_published_while_the_log_is_read(world: World) -> None:
    """Neither the events that were committed before the read nor those published during it are lost or doubled."""
    world.append(3)
    client = await world.client()

    async def pause() -> None:
        world.publish(2)
        await asyncio.sleep(0)

    world.storage.pause = pause
    client.send({"id": 50, "subscribe": {"channel": w.ACCOUNT, "recover": True, "epoch": EPOCH, "offset": 1}})
    answer = (await client.reply(50))["subscribe"]
    world.storage.pause = None
    world.publish(1)
    seen = offsets(answer)
    top = world.storage.accounts_by_id[w.ACCOUNT_ID].last_sequence
    while not seen or seen[-1] < top:
        seen.append((await client.push())["pub"]["offset"])
    assert seen == list(range(2, top + 1))
    await client.close()


async def test_a_gap_in_what_is_published_makes_listeners_recover(world: World) -> None:
    client = await world.client()
    await client.subscribe(w.ACCOUNT)
    world.publish(2)
    await client.push(), await client.push()
    world.append(1)  # never published
    world.publish(1)
    push = await client.push()
    assert push["unsubscribe"] == {"code": 2500, "reason": "insufficient state"}
    assert offsets(await recover(client, 2)) == [3, 4]
    await client.close()


async def test_known_events_are_not_told_twice(world: World) -> None:
    events = world.append(2)
    client = await world.client()
    await client.subscribe(w.ACCOUNT)
    world.node.account_events(events)
    world.publish()
    assert (await client.push())["pub"]["offset"] == 3
    await client.close()


async def test_trades_recover_from_memory_and_not_across_a_restart(world: World) -> None:
    client = await world.client()
    position = await client.subscribe(w.TRADE)
    world.trade(3)
    client.leave()
    again = {"recover": True, "epoch": position["epoch"], "offset": position["offset"]}
    client = await world.client()
    answer = await client.subscribe(w.TRADE, **again)
    assert answer["recovered"] is True
    assert [each["data"]["data"]["tradeId"] for each in answer["publications"]] == ["t1", "t2", "t3"]
    await world.restart()
    client = await world.client()
    answer = await client.subscribe(w.TRADE, **again)
    assert (answer["recovered"], answer["publications"]) == (False, [])
    await client.close()


async def test_old_trades_are_not_recovered(world: World) -> None:
    client = await world.client()
    position = await client.subscribe(w.TRADE)
    world.trade(3)
    world.clock.advance(world.limits.history_age_ms_max + 1)
    other = await world.client()
    answer = await other.subscribe(w.TRADE, recover=True, epoch=position["epoch"], offset=0)
    assert (answer["recovered"], answer["publications"], answer["offset"]) == (False, [], 3)
    await client.close()
    await other.close()


async def test_a_book_recovers_to_the_newest_snapshot(world: World) -> None:
    client = await world.client()
    answer = await client.subscribe(w.BOOK, recover=True, epoch="x", offset=7)
    assert (answer["recovered"], answer["publications"]) == (False, [])
    for _ in range(3):
        world.publish_book()
    assert (await client.push())["pub"]["data"]["data"]["bids"] == [["64000", "3"]], "the newest of a turn wins"
    client.leave()
    for _ in range(3):
        world.publish_book()
    client = await world.client()
    answer = await client.subscribe(w.BOOK, recover=True, epoch=answer["epoch"], offset=1)
    assert answer["recovered"] is True
    (publication,) = answer["publications"]
    assert publication["data"]["data"]["bids"] == [["64000", "6"]]
    assert publication["offset"] == answer["offset"]
    await client.close()


async def test_an_event_that_cannot_be_encoded(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is told to nobody: its listeners come anew, are told so, and go on; others notice nothing."""

    def encode(event: AccountEvent) -> bytes:
        if event.sequence == 2:
            raise ValueError("a defect")
        return encode_account_event(event)

    monkeypatch.setattr(broker, "encode_account_event", encode)
    client, beside = await world.client(), await world.client()
    await client.subscribe(w.ACCOUNT)
    await beside.subscribe(w.TRADE)
    world.publish(1)
    assert (await client.push())["pub"]["offset"] == 1
    world.publish(1)
    world.trade()
    assert (await client.push())["unsubscribe"]["code"] == 2500
    assert (await beside.push())["pub"]["offset"] == 1
    answer = await recover(client, 1)
    assert (answer["recovered"], answer["offset"]) == (False, 2)
    world.publish(2)
    assert [(await client.push())["pub"]["offset"] for _ in range(2)] == [3, 4]
    other = await world.client()
    assert (await recover(other, 1))["recovered"] is False
    history = (await other.ask(history={"channel": w.ACCOUNT, "limit": -1}))["history"]["publications"]
    assert [each["offset"] for each in history] == [1, 3, 4]
    assert offsets(await recover(await world.client(), 2)) == [3, 4]
    for each in (client, beside, other):
        await each.close()


async def test_a_book_that_cannot_be_encoded_is_left_out(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def encode(snapshot: BookSnapshot) -> bytes:
        if snapshot.sequence % 2:
            raise ValueError("a defect")
        return encode_order_book(snapshot)

    monkeypatch.setattr(broker, "encode_order_book", encode)
    world.change_book()
    client = await world.client()
    await client.subscribe(w.BOOK)
    for _ in range(4):
        world.publish_book()
        await client.ask(ping={})
    seen = [int((await client.push())["pub"]["data"]["data"]["bids"][0][1]) for _ in range(2)]
    assert seen == [2, 4]
    await client.close()


async def test_recovery_storm(world: World) -> None:
    """Many come back at once: each is told all, and the database is asked a few times, not once each."""
    world.append(50)
    await world.restart()
    before = world.storage.reads_total
    clients = await asyncio.gather(*(world.client(world.issue(user=100 + n)) for n in range(200)))
    answer = await asyncio.gather(*(recover(client, 10) for client in clients))
    assert all(each["recovered"] and offsets(each) == list(range(11, 51)) for each in answer)
    log_reads = world.storage.reads_total - before - 200  # each client's right to see the account is read, too
    assert log_reads <= 3
    await asyncio.gather(*(client.close() for client in clients))


async def test_concurrent_publish_offsets(world: World) -> None:
    """Clients that come at any moment of a stream of publications all see offsets without gap and without doubles."""

    async def listen() -> None:
        client = await world.client()
        at = (await client.subscribe(w.ACCOUNT))["offset"]
        while at < 400:
            offset = (await client.push())["pub"]["offset"]
            assert offset == at + 1
            at = offset
        await client.close()

    listeners = [asyncio.create_task(listen())]
    await world.until(lambda: world.node._services.hub.subscriptions)
    for n in range(400):
        world.publish()
        if n % 10 == 0 and n < 300:
            listeners.append(asyncio.create_task(listen()))
        if n % 3 == 0:
            await asyncio.sleep(0)
    await asyncio.gather(*listeners)


async def test_memory_of_idle_channels_is_given_back(make_world: MakeWorld) -> None:
    world = await make_world(session_check_ms=0)
    client = await world.client()
    await client.subscribe(w.ACCOUNT)
    await client.subscribe(w.TRADE)
    await client.ask(unsubscribe={"channel": w.ACCOUNT})
    world.clock.advance(world.limits.history_age_ms_max + 1)
    await world.until(lambda: len(world.node._services.broker) == 1)
    await client.close()


async def test_old_events_of_a_busy_account_are_read_from_the_log_again(make_world: MakeWorld) -> None:
    world = await make_world(session_check_ms=0)
    client = await world.client()
    position = await client.subscribe(w.ACCOUNT)
    world.publish(20)
    for _ in range(20):
        await client.push()
    (stream,) = world.node._services.broker._streams.values()
    world.clock.advance(world.limits.history_age_ms_max + 1)
    await world.until(lambda: stream.first == 21)
    world.publish(1)
    other = await world.client()
    answer = await other.subscribe(w.ACCOUNT, recover=True, epoch=position["epoch"], offset=position["offset"])
    assert answer["recovered"] is True
    assert [each["offset"] for each in answer["publications"]] == list(range(1, 22))
    await client.close()
    await other.close()
