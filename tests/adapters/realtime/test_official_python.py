"""The official Python client (PyPI `centrifuge-python`), unchanged."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest
from centrifuge import (
    CentrifugeError,
    Client,
    ClientEventHandler,
    ReplyError,
    StreamPosition,
    Subscription,
    SubscriptionEventHandler,
)
from tests.adapters.realtime import realtime_world as w
from tests.adapters.realtime.realtime_world import World

WAIT_S = 15


class Events(ClientEventHandler, SubscriptionEventHandler):
    """Keeps what happens, in order."""

    def __init__(self) -> None:
        self._queue: asyncio.Queue[tuple[str, Any]] = asyncio.Queue()
        self.at_subscribed: Callable[[], Awaitable[None]] | None = None

    async def next(self, name: str) -> Any:
        """Return the next event, which must be the named one (lost wires and attempts aside)."""
        while True:
            event, context = await asyncio.wait_for(self._queue.get(), WAIT_S)
            if event == name:
                return context
            assert event in ("connecting", "subscribing", "error"), (event, context)

    async def on_connecting(self, ctx: Any) -> None:
        self._queue.put_nowait(("connecting", ctx))

    async def on_connected(self, ctx: Any) -> None:
        self._queue.put_nowait(("connected", ctx))

    async def on_disconnected(self, ctx: Any) -> None:
        self._queue.put_nowait(("disconnected", ctx))

    async def on_error(self, ctx: Any) -> None:
        self._queue.put_nowait(("error", ctx))

    async def on_subscribing(self, ctx: Any) -> None:
        self._queue.put_nowait(("subscribing", ctx))

    async def on_subscribed(self, ctx: Any) -> None:
        self._queue.put_nowait(("subscribed", ctx))
        if self.at_subscribed is not None:
            at_subscribed, self.at_subscribed = self.at_subscribed, None
            await at_subscribed()

    async def on_unsubscribed(self, ctx: Any) -> None:
        self._queue.put_nowait(("unsubscribed", ctx))

    async def on_publication(self, ctx: Any) -> None:
        self._queue.put_nowait(("publication", ctx.pub))

    async def on_join(self, ctx: Any) -> None:
        self._queue.put_nowait(("join", ctx.info))

    async def on_leave(self, ctx: Any) -> None:
        self._queue.put_nowait(("leave", ctx.info))


MakeClient = Callable[..., Client]


@pytest.fixture
async def make_client(world: World) -> AsyncIterator[MakeClient]:
    clients: list[Client] = []

    def make(events: Events, **more: Any) -> Client:
        client = Client(
            world.url, events, min_reconnect_delay=0.02, max_reconnect_delay=0.05, **{"token": world.token, **more}
        )
        clients.append(client)
        return client

    yield make
    for client in clients:
        await client.disconnect()


async def listening(make_client: MakeClient, channel: str, **more: Any) -> tuple[Client, Subscription, Events]:
    events = Events()
    client = make_client(events)
    await client.connect()
    await events.next("connected")
    subscription = client.new_subscription(channel, events, **more)
    await subscription.subscribe()
    return client, subscription, events


async def test_publications_and_calls(make_client: MakeClient, world: World) -> None:
    client, subscription, events = await listening(make_client, w.ACCOUNT, join_leave=True)
    reply = await events.next("subscribed")
    assert reply.stream_position == StreamPosition(0, "installation-1")
    assert (reply.recoverable, reply.positioned, reply.was_recovering) == (True, True, False)
    assert (await events.next("join")).user == str(w.h.USER_ID)
    world.publish(3)
    for n in (1, 2, 3):
        pub = await events.next("publication")
        assert (pub.offset, pub.data["type"]) == (n, "event.trade_order.updated")
    history = await subscription.history(limit=2, reverse=True)
    assert [each.offset for each in history.publications] == [3, 2]
    assert len((await subscription.presence()).clients) == 1
    stats = await subscription.presence_stats()
    assert (stats.num_clients, stats.num_users) == (1, 1)
    assert (await client.rpc("query.venue.list", {})).data == {"data": ["PAPER"]}
    with pytest.raises(ReplyError) as refused:
        await client.rpc("no.such", {})
    assert refused.value.code == 104
    with pytest.raises(ReplyError) as refused:
        await subscription.publish({})
    assert refused.value.code == 103
    await subscription.unsubscribe()
    assert (await events.next("unsubscribed")).code == 0
    await client.disconnect()
    assert (await events.next("disconnected")).code == 0


async def test_recovery_across_a_kill_and_restart(make_client: MakeClient, world: World) -> None:
    _, _, events = await listening(make_client, w.ACCOUNT)
    await events.next("subscribed")
    world.publish(2)
    await events.next("publication"), await events.next("publication")
    world.append(2)
    await world.restart()
    await events.next("connected")
    reply = await events.next("subscribed")
    assert (reply.was_recovering, reply.recovered) == (True, True)
    assert [(await events.next("publication")).offset for _ in range(2)] == [3, 4]
    world.publish()
    assert (await events.next("publication")).offset == 5


async def test_what_a_handler_cut_off_is_recovered_the_next_time(make_client: MakeClient, world: World) -> None:
    """The handler unsubscribes before the client comes to the publications that the reply brought."""
    _, subscription, events = await listening(make_client, w.ACCOUNT)
    await events.next("subscribed")
    world.publish(2)
    await events.next("publication"), await events.next("publication")
    events.at_subscribed = subscription.unsubscribe
    world.append(3)
    await world.restart()
    await events.next("connected")
    assert (await events.next("subscribed")).recovered is True
    await events.next("unsubscribed")
    await subscription.subscribe()
    assert (await events.next("subscribed")).recovered is True
    assert [(await events.next("publication")).offset for _ in range(3)] == [3, 4, 5]


async def test_a_view_without_an_offset_does_not_move_the_position(make_client: MakeClient, world: World) -> None:
    _, _, events = await listening(make_client, w.ACCOUNT)
    await events.next("subscribed")
    world.publish(2)
    await events.next("publication"), await events.next("publication")
    world.publish_portfolio(7)
    view = await events.next("publication")
    assert (view.offset, view.data["type"], view.data["data"]["updatedAt"]) == (0, "event.portfolio.updated", 7)
    world.append(2)
    await world.restart()
    await events.next("connected")
    reply = await events.next("subscribed")
    assert (reply.was_recovering, reply.recovered) == (True, True)
    assert [(await events.next("publication")).offset for _ in range(2)] == [3, 4]
    world.answer_portfolio_requests()
    assert (await events.next("publication")).data["data"]["updatedAt"] == 4
    world.publish()
    assert (await events.next("publication")).offset == 5


async def test_shutdown_and_the_next_start(make_client: MakeClient, world: World) -> None:
    _, _, events = await listening(make_client, w.ACCOUNT)
    await events.next("subscribed")
    await world.stop()
    world.append(1)
    await world.start()
    await events.next("connected")
    assert (await events.next("subscribed")).recovered is True
    assert (await events.next("publication")).offset == 1


async def test_an_expired_token_is_exchanged(make_client: MakeClient, world: World) -> None:
    stale = world.issue(life_ms=1)
    world.clock.advance(1)

    async def fresh() -> str:
        return world.token

    events = Events()
    client = make_client(events, token=stale, get_token=fresh)
    await client.connect()
    await events.next("connected")


async def test_tokens_are_refreshed_before_they_expire(make_client: MakeClient, world: World) -> None:
    async def fresh() -> str:
        return world.issue(life_ms=600_000)

    events = Events()
    client = make_client(events, token=world.issue(life_ms=1_000), get_token=fresh)
    await client.connect()
    await events.next("connected")
    await world.until(lambda: world.node.counts.commands_total == 2)
    assert (await client.rpc("query.venue.list", {})).data


async def test_a_bad_token_is_final(make_client: MakeClient, world: World) -> None:
    events = Events()
    client = make_client(events, token="bad")
    await client.connect()
    assert (await events.next("disconnected")).code == 3500


async def test_a_session_that_ended_is_final(make_client: MakeClient, world: World) -> None:
    client, _, events = await listening(make_client, w.ACCOUNT)
    await events.next("subscribed")
    world.revoke(world.token)
    with pytest.raises(CentrifugeError):
        await client.rpc("query.venue.list", {})
    assert (await events.next("disconnected")).code == 3500


async def test_books(make_client: MakeClient, world: World) -> None:
    world.change_book()
    _, _, events = await listening(make_client, w.BOOK)
    await events.next("subscribed")
    assert (await events.next("publication")).data["data"]["bids"] == [["64000", "1"]]
    world.publish_book()
    assert (await events.next("publication")).data["data"]["bids"] == [["64000", "2"]]


async def test_insufficient_state_makes_it_recover(make_client: MakeClient, world: World) -> None:
    _, _, events = await listening(make_client, w.ACCOUNT)
    await events.next("subscribed")
    world.publish()
    await events.next("publication")
    world.append(1)
    world.publish()
    assert (await events.next("subscribed")).recovered is True
    assert [(await events.next("publication")).offset for _ in range(2)] == [2, 3]


async def test_a_right_that_was_taken_away_is_final(make_client: MakeClient, world: World) -> None:
    """The client does not ask again; its connection goes on."""
    client, subscription, events = await listening(make_client, w.ACCOUNT)
    await events.next("subscribed")
    world.actors[world.token] = replace(world.actors[world.token], scopes=frozenset())
    world.clock.advance(world.limits.session_check_ms)
    assert (await events.next("unsubscribed")).code == 2000
    await subscription.subscribe()
    assert (await events.next("unsubscribed")).code == 103
    with pytest.raises(ReplyError) as refused:
        await client.rpc("no.such", {})
    assert refused.value.code == 104
