"""Clients that do not read: nobody else notices, memory stays bounded."""

import asyncio
from collections.abc import Callable
from typing import Any, cast

import pytest
from tests.adapters.realtime import realtime_world as w
from tests.adapters.realtime.conftest import MakeWorld
from tests.adapters.realtime.raw_client import RawClient
from tests.adapters.realtime.realtime_world import World

from cadenza.adapters.realtime.broker import key_of
from cadenza.adapters.realtime.channels import parse_channel
from cadenza.adapters.realtime.hub import Hub, Subscriber
from cadenza.adapters.realtime.stream import Publication
from cadenza.adapters.realtime.writer import Flusher, Writer

BUFFER_BYTES = 4_096


async def test_slow_client(make_world: MakeWorld) -> None:
    """One that stops reading is disconnected with 3008, and what waited for it is dropped."""
    world = await make_world(queue_bytes_max=200_000)
    slow, quick = await world.client(receive_buffer_bytes=BUFFER_BYTES), await world.client()
    for client in (slow, quick):
        await client.subscribe(w.ACCOUNT)
    counts = world.node.counts
    published = 0
    while not counts.disconnects_total[3008]:
        world.publish(10)
        published += 10
        for _ in range(10):
            await quick.push()
        assert world.node._services.roster.queued_bytes <= 200_000 + 20_000
        assert published < 50_000
    assert world.node._services.hub.subscriptions == 1
    assert world.node._services.roster.queued_bytes == 0
    assert (await slow.closed()).code == 3008, "the goodbye arrives once it reads again"
    await quick.ask(ping={})
    await quick.close()


async def test_a_slow_client_that_never_reads_again_is_cut_off(make_world: MakeWorld) -> None:
    world = await make_world(queue_bytes_max=10_000)
    slow = await world.client(receive_buffer_bytes=BUFFER_BYTES)
    await slow.subscribe(w.ACCOUNT)
    while not world.node.counts.disconnects_total[3008]:
        world.publish(10)
        await asyncio.sleep(0)
    world.clock.advance(world.limits.close_timeout_ms)
    await world.until(lambda: not world.state.connections)


async def test_books_are_conflated_by_the_subscribers_speed(world: World) -> None:
    """Of a book only the newest waits, so that a client that reads again sees the present, and is never cut off."""
    slow = await world.client(receive_buffer_bytes=BUFFER_BYTES)
    await slow.subscribe(w.BOOK)
    services = world.node._services
    while not services.roster.queued_bytes:
        world.publish_book(levels=50)
        await asyncio.sleep(0)
    blocked_at = world.sequence
    for _ in range(2_000):
        world.publish_book(levels=50)
        await asyncio.sleep(0)
    assert services.roster.queued_bytes < 10_000
    assert not world.node.counts.disconnects_total[3008]
    seen = 0
    while seen < world.sequence:
        seen = int((await slow.push())["pub"]["data"]["data"]["bids"][0][1])
    assert blocked_at < world.sequence
    assert len(slow.frames) < blocked_at + 100, "what was published in between was skipped"
    await slow.close()


async def test_a_book_left_while_blocked_does_not_come_back_older(world: World) -> None:
    slow = await world.client(receive_buffer_bytes=BUFFER_BYTES)
    await slow.subscribe(w.BOOK)
    while not world.node._services.roster.queued_bytes:
        world.publish_book(levels=50)
        await asyncio.sleep(0)
    slow.send({"id": 90, "unsubscribe": {"channel": w.BOOK}})
    await world.until(lambda: not world.node._services.hub.subscriptions)
    world.change_book(levels=50)
    slow.send({"id": 91, "subscribe": {"channel": w.BOOK}})
    while (await slow.message()).get("id") != 91:
        pass
    assert int((await slow.push())["pub"]["data"]["data"]["bids"][0][1]) == world.sequence
    slow.send({"id": 92, "ping": {}})
    assert (await slow.message())["id"] == 92, "nothing older follows"
    await slow.close()


async def test_a_reader_of_books_that_overflows_takes_no_other_along(make_world: MakeWorld) -> None:
    world = await make_world(queue_bytes_max=1_000)
    slow = [await world.client(receive_buffer_bytes=BUFFER_BYTES) for _ in range(5)]
    quick = await world.client()
    for client in (*slow, quick):
        await client.subscribe(w.BOOK)
    while world.node.counts.disconnects_total[3008] < len(slow):
        world.publish_book(levels=50)
        assert (await quick.push())["pub"]
    assert world.node._services.hub.subscriptions == 1
    for client in slow:
        client.leave()
    await quick.close()


async def test_stopped_clients_do_not_delay_the_others(make_world: MakeWorld) -> None:
    world = await make_world(queue_bytes_max=100_000)
    stopped = [await world.client(receive_buffer_bytes=BUFFER_BYTES) for _ in range(30)]
    quick = await world.client()
    for client in (*stopped, quick):
        await client.subscribe(w.ACCOUNT)
    published = 0
    while world.node.counts.disconnects_total[3008] < 30:
        world.publish(10)
        for _ in range(10):
            published += 1
            assert (await quick.push())["pub"]["offset"] == published
        assert published < 50_000
    for client in stopped:
        client.leave()
    await quick.close()


async def test_pongs_do_not_pile_up_for_a_client_that_does_not_read(make_world: MakeWorld) -> None:
    world = await make_world(commands_per_frame_max=1_000_000, commands_per_second_max=1_000_000)
    client = await world.client(receive_buffer_bytes=BUFFER_BYTES)
    for _ in range(30_000):
        client.send_frame(9, b"x" * 125)
    (connection,) = world.state.connections
    await world.until(lambda: connection._is_blocked)
    await client.writer.drain()
    assert connection._wire.get_write_buffer_size() < 1_000_000
    client.leave()


async def test_what_a_client_asked_for_waits_until_it_reads(make_world: MakeWorld) -> None:
    """Replies of megabytes in one frame's commands: they are made as fast as they are read, and others go on."""
    world = await make_world(queue_bytes_max=300_000, commands_per_frame_max=500)
    world.append(100)
    client, other = await world.client(receive_buffer_bytes=BUFFER_BYTES), await world.client()
    client.send(*({"id": n, "history": {"channel": w.ACCOUNT, "limit": 100}} for n in range(10, 310)))
    (member, _) = world.node._services.roster.members
    await world.until(lambda: member.writer.is_blocked)
    for _ in range(100):
        await other.ask(ping={})
        assert world.node._services.roster.queued_bytes < 200_000
    assert [(await client.message())["id"] for _ in range(300)] == list(range(10, 310))
    assert not world.node.counts.disconnects_total
    await client.close()
    await other.close()


async def test_a_client_that_asks_and_never_reads(make_world: MakeWorld) -> None:
    world = await make_world(commands_per_frame_max=50, commands_per_second_max=1_000_000)
    world.append(100)
    client = await world.client(receive_buffer_bytes=BUFFER_BYTES)
    n = 10
    while not world.node.counts.disconnects_total[3013]:
        n += 1
        client.send({"id": n, "history": {"channel": w.ACCOUNT, "limit": 100}})
        await asyncio.sleep(0)
        assert world.node._services.roster.queued_bytes < 200_000
        assert n < 10_000
    client.leave()


async def test_a_client_that_waits_to_be_read_may_leave(world: World) -> None:
    client = await _asks_and_does_not_read(world)
    client.leave()
    await world.until(lambda: not world.state.connections)


async def test_a_goodbye_of_a_client_that_does_not_read_ends_its_wire(world: World) -> None:
    """It keeps its side open: nothing is kept for it, here or in the kernel."""
    client = await _asks_and_does_not_read(world)
    client.send_frame(8, b"")
    await world.until(lambda: not world.state.connections)
    client.leave()


async def _asks_and_does_not_read(world: World) -> RawClient:
    world.append(100)
    client = await world.client(receive_buffer_bytes=BUFFER_BYTES)
    client.send(*({"id": n, "history": {"channel": w.ACCOUNT, "limit": 100}} for n in range(10, 310)))
    (member,) = world.node._services.roster.members
    await world.until(lambda: member.writer.is_blocked)
    return client


class Wire:
    """A transport that keeps what is sent."""

    def __init__(self) -> None:
        self.sent: list[bytes] = []

    def send(self, payload: bytes) -> None:
        self.sent.append(payload)

    def close(self, disconnect: Any) -> None:
        pass


class Listener:
    """A subscriber that leaves when too much waits for it, or when it is told to come anew."""

    def __init__(self, hub: Hub, flusher: Flusher, *, queue_bytes_max: int = 1_000) -> None:
        self.hub, self.wire = hub, Wire()
        self.writer = Writer(self.wire, flusher, queue_bytes_max=queue_bytes_max, on_overflow=self._leave)

    def join(self) -> None:
        self.topic = self.hub.join(CHANNEL, self.writer, cast(Subscriber, self))

    def end_subscription(self, name: str, why: Any) -> None:
        self._leave()

    def _leave(self) -> None:
        self.hub.leave(self.topic, self.writer)


CHANNEL = parse_channel(w.ACCOUNT)


def _fails() -> bytes:
    raise ValueError("a defect of ours")


@pytest.mark.parametrize("encode", [lambda: b"x" * 2_000, _fails], ids=["too much waits", "cannot be encoded"])
async def test_who_joins_as_the_last_one_goes_hears_what_comes(encode: Callable[[], bytes]) -> None:
    """What is pending when somebody joins goes to the others first, which may send all of them away."""
    hub = Hub()
    flusher = Flusher(call_soon=asyncio.get_running_loop().call_soon, deliver=hub.deliver)
    hub.schedule = flusher.schedule
    slow, fresh = Listener(hub, flusher), Listener(hub, flusher, queue_bytes_max=10_000)
    slow.join()
    slow.writer.block()
    hub.publish(key_of(CHANNEL), Publication(1, 0, encode))
    fresh.join()
    assert hub.subscriptions == 1, "the slow one has gone"
    hub.publish(key_of(CHANNEL), Publication(2, 0, lambda: b"{}"))
    hub.deliver()
    fresh.writer.flush()
    assert [b'"offset":2' in payload for payload in fresh.wire.sent] == [True]
    hub.leave(fresh.topic, fresh.writer)
    assert not hub.channels
    assert hub.subscriptions == 0
