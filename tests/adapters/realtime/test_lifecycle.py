"""Coming, staying and going: tokens, pings, expiry, sessions, limits of connections, shutdown."""

import asyncio
from typing import Any
from uuid import UUID

import pytest
from tests.adapters.realtime import realtime_world as w
from tests.adapters.realtime.conftest import MakeWorld
from tests.adapters.realtime.raw_client import RawClient, dial, handshake
from tests.adapters.realtime.realtime_world import World

from cadenza.adapters.realtime.gate import Gate
from cadenza.domain.identity.actor import Scope
from cadenza.domain.ids import ApiKeyId, SessionId

KEY, OTHER_KEY = ApiKeyId(UUID(int=91)), ApiKeyId(UUID(int=92))


@pytest.mark.parametrize("token", ["", "nonsense", "x" * 10_000])
async def test_a_bad_token_closes_for_good(world: World, token: str) -> None:
    client = await world.raw()
    client.send({"id": 1, "connect": {"token": token}})
    closed = await client.closed()
    assert (closed.code, closed.reason) == (3500, "invalid token")


async def test_an_expired_token_is_error_109_and_a_fresh_one_gets_in(world: World) -> None:
    client = await world.raw()
    stale = world.issue(life_ms=1_000)
    world.clock.advance(1_000)
    reply = await client.ask(connect={"token": stale})
    assert reply["error"] == {"code": 109, "message": "token expired"}
    await client.connect(world.token)
    await client.close()


async def test_expired_connection(world: World) -> None:
    """It is closed after the delay in which a refresh may come, with a code that lets the client come back."""
    client = await world.raw()
    assert (await client.connect(world.issue(life_ms=5_000)))["ttl"] == 5
    world.clock.advance(5_000 + world.limits.expiry_delay_ms - 100)
    await client.ping()
    world.clock.advance(200)
    assert (await client.closed()).code == 3005


async def test_token_refresh_prolongs(world: World) -> None:
    client = await world.raw()
    await client.connect(world.issue(life_ms=5_000))
    reply = await client.ask(refresh={"token": world.issue(life_ms=120_000)})
    assert reply["refresh"]["expires"] is True
    assert reply["refresh"]["ttl"] == 120
    for _ in range(4):
        world.clock.advance(world.limits.ping_interval_ms)
        await client.ping()
    await client.ask(ping={})
    await client.close()


async def test_the_address_of_the_client_counts_at_every_look_at_its_token(world: World) -> None:
    """The peer's address, or the one that a proxy names, as REST finds it; here, the world believes every proxy."""
    client = await world.client()
    assert world.addresses == {"127.0.0.1"}
    behind = await world.raw(**{"X-Forwarded-For": "192.0.2.7"})
    await behind.connect(world.token)
    assert world.addresses == {"127.0.0.1", "192.0.2.7"}
    world.addresses.clear()
    await behind.ask(rpc={"method": "query.system.info", "data": {}})
    assert world.addresses == {"192.0.2.7"}
    await behind.close()
    world.addresses.clear()
    world.clock.advance(world.limits.session_check_ms)
    await world.until(lambda: world.addresses == {"127.0.0.1"})
    await client.close()


async def test_a_connection_of_a_key_that_never_expires_needs_no_refresh(world: World) -> None:
    client = await world.raw()
    connected = await client.connect(world.issue(key_id=KEY, never_expires=True))
    assert connected.get("expires", False) is False
    assert connected.get("ttl", 0) == 0
    await client.close()


async def test_a_connection_stays_with_the_key_or_the_log_in_that_opened_it(world: World) -> None:
    """Otherwise its subscriptions would go on under the rights of another token."""
    key, log_in = world.issue(key_id=KEY), world.issue()
    for first, second in ((key, log_in), (log_in, key), (key, world.issue(key_id=OTHER_KEY))):
        client = await world.client(first)
        client.send({"id": 9, "refresh": {"token": second}})
        assert (await client.closed()).code == 3500
    client = await world.client(key)
    assert (await client.ask(refresh={"token": key}))["refresh"]["client"]
    await client.close()


async def test_refresh_with_an_expired_token_closes_with_3005_and_with_another_users_with_3500(world: World) -> None:
    """After 3005 clients connect again, with a newer token; when the reply is an error, they give up for good."""
    client, other = await world.client(), await world.client()
    stale = world.issue(life_ms=1_000)
    world.clock.advance(1_000)
    client.send({"id": 9, "refresh": {"token": stale}})
    assert (await client.closed()).code == 3005
    other.send({"id": 9, "refresh": {"token": world.issue(user=9)}})
    assert (await other.closed()).code == 3500


async def test_an_rpc_with_a_token_that_has_expired_is_109(world: World) -> None:
    client = await world.client(world.issue(life_ms=1_000))
    world.clock.advance(1_000)
    assert (await client.ask(rpc={"method": "query.venue.list"}))["error"]["code"] == 109
    await client.close()


async def test_a_session_that_ended_ends_its_connections(world: World) -> None:
    token = world.issue(user=5)
    client, other = await world.client(token), await world.client()
    await client.subscribe(w.ACCOUNT)
    world.revoke(token)
    world.clock.advance(world.limits.session_check_ms)
    assert (await client.closed()).code == 3500
    await other.ask(ping={})
    await other.close()


async def test_a_session_that_this_process_ends_is_closed_at_once(world: World) -> None:
    token = world.issue(user=5, session_id=SessionId(w.h.uuid(55)))
    client, other, nobody = await world.client(token), await world.client(), await world.raw()
    world.node.sessions_ended({SessionId(w.h.uuid(55)), SessionId(w.h.uuid(56))})
    assert (await client.closed()).code == 3500
    await other.ask(ping={})
    await nobody.connect(world.token)
    await other.close()
    await nobody.close()


async def test_a_token_shown_while_the_older_is_looked_up_counts(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The older one is found to have ended; the client has a newer one by then."""
    old, new = world.issue(user=5), world.issue(user=5)
    client = await world.client(old)
    asked, let_go = asyncio.Event(), asyncio.Event()
    admit = Gate.admit

    async def slow(gate: Gate, token: str, address: str) -> Any:
        if token == old:
            asked.set()
            await let_go.wait()
        return await admit(gate, token, address)

    monkeypatch.setattr(Gate, "admit", slow)
    world.clock.advance(world.limits.session_check_ms)
    await asked.wait()
    await client.ask(refresh={"token": new})
    world.revoke(old)
    let_go.set()
    await world.until(lambda: not world.node._is_looking_after)
    await client.ask(ping={})
    await client.close()


async def test_rights_that_were_taken_away_end_subscriptions(world: World) -> None:
    token = world.issue(user=5)
    client = await world.client(token)
    await client.subscribe(w.ACCOUNT)
    world.actors[token] = w.replace(world.actors[token], scopes=frozenset[Scope]())
    world.clock.advance(world.limits.session_check_ms)
    push = await client.push()
    assert push == {"channel": w.ACCOUNT, "unsubscribe": {"code": 2000, "reason": "server unsubscribe"}}
    await client.close()


async def test_a_database_that_is_down_ends_nobody(world: World) -> None:
    client = await world.client()
    world.storage.is_down = True
    world.clock.advance(world.limits.session_check_ms)
    await client.ask(ping={})
    world.storage.is_down = False
    await client.close()


async def test_pings_come_and_are_answered(world: World) -> None:
    client = await world.client()
    for _ in range(3):
        world.clock.advance(world.limits.ping_interval_ms)
        await client.ping()
        await client.ask(ping={})
    assert client.pings == 3
    await client.close()


async def test_no_pong(world: World) -> None:
    client = await world.client()
    client.answers_pings = False
    world.clock.advance(world.limits.ping_interval_ms)
    await client.ping()
    world.clock.advance(world.limits.pong_timeout_ms)
    assert (await client.closed()).code == 3012


async def test_any_frame_is_a_sign_of_life(world: World) -> None:
    client = await world.client()
    client.answers_pings = False
    world.clock.advance(world.limits.ping_interval_ms)
    await client.ping()
    await client.ask(ping={})
    world.clock.advance(world.limits.pong_timeout_ms)
    await client.ask(ping={})
    await client.close()


async def test_stale(world: World) -> None:
    """Who does not say who he is in time has to go."""
    client = await world.raw()
    world.clock.advance(world.limits.connect_timeout_ms)
    assert (await client.closed()).code == 3502


async def test_connections_of_a_user_are_limited(make_world: MakeWorld) -> None:
    world = await make_world(connections_per_user_max=2)
    first, second = await world.client(), await world.client()
    third = await world.raw()
    third.send({"id": 1, "connect": {"token": world.token}})
    assert (await third.closed()).code == 3504
    other = await world.client(world.issue(user=3))
    await first.close()
    await world.until(lambda: len(world.node._services.roster) == 2)
    again = await world.client()
    for each in (second, other, again):
        await each.close()


async def test_connections_to_the_node_are_limited(make_world: MakeWorld) -> None:
    world = await make_world(connections_max=1)
    first = await world.client()
    reader, writer = await dial(world.port)
    writer.write(handshake())
    refusal = await reader.readuntil(b"\r\n\r\n")
    assert refusal.startswith(b"HTTP/1.1 503 "), "a refused handshake is tried again, 3504 is for ever"
    writer.close()
    await first.ask(ping={})
    await first.close()
    await world.until(lambda: not len(world.node._services.roster))
    await (await world.client()).close()


async def test_shutdown_sends_clients_away_to_come_back(world: World) -> None:
    client, idle = await world.client(), await world.raw()
    await client.subscribe(w.ACCOUNT)
    world.publish()
    await world.node.shutdown()
    assert (await client.push())["pub"]["offset"] == 1, "what was published is sent first"
    for each in (client, idle):
        closed = await each.closed()
        assert (closed.code, closed.reason) == (3001, "shutdown")


async def test_a_client_that_does_not_say_goodbye_is_cut_off(world: World) -> None:
    client = await world.raw()
    client.send({"id": 1, "connect": {"token": "bad"}})
    assert (await client.closed()).code == 3500
    assert len(world.node._services.roster) == 0
    assert len(world.state.connections) == 1
    world.clock.advance(world.limits.close_timeout_ms)
    await world.until(lambda: not world.state.connections)


async def test_disconnect_during_subscribe(world: World) -> None:
    """A client that leaves while its subscription is read from the database leaves nothing behind."""
    client = await world.client()
    reached, go_on = asyncio.Event(), asyncio.Event()

    async def pause() -> None:
        reached.set()
        await go_on.wait()

    world.storage.pause = pause
    client.send({"id": 2, "subscribe": {"channel": w.ACCOUNT}})
    await reached.wait()
    client.leave()
    await world.until(lambda: not world.state.connections)
    world.storage.pause = None
    go_on.set()
    await world.until(lambda: len(world.node._services.broker) == 1)
    assert world.node._services.hub.subscriptions == 0


async def test_no_leaks_at_the_end(world: World) -> None:
    for _ in range(20):
        clients = await asyncio.gather(*(world.client() for _ in range(10)))
        for n, client in enumerate(clients):
            client.send({"id": 5, "subscribe": {"channel": w.ACCOUNT}}, {"id": 6, "subscribe": {"channel": w.BOOK}})
            if n % 2:
                client.leave()
            else:
                await client.close()
    await world.until(lambda: not world.state.connections)
    services = world.node._services
    assert (len(services.roster), services.roster.users, len(services.timetable)) == (0, 0, 0)
    assert services.counts.connections_total == 200
    assert services.counts.left_total == 200
    assert {task.get_name() for task in world.concurrency._tasks} <= {"realtime clock", "realtime commands"}


@pytest.mark.parametrize("path", ["/", "/connection/websocket/", "/connection/sockjs", "/api/v3/health"])
async def test_other_paths_are_404(world: World, path: str) -> None:
    reader, writer = await dial(world.port)
    writer.write(handshake(path))
    assert (await reader.readline()).startswith(b"HTTP/1.1 404")
    writer.close()


async def test_a_query_string_is_ignored(world: World) -> None:
    client = await RawClient.open(world.port, path="/connection/websocket?cf_protocol_version=v2")
    await client.connect(world.token)
    await client.close()


@pytest.mark.parametrize(
    ("header", "value", "status"),
    [("Sec-WebSocket-Version", "8", b"400"), ("Sec-WebSocket-Key", "short", b"400")],
)
async def test_handshakes_that_are_none(world: World, header: str, value: str, status: bytes) -> None:
    reader, writer = await dial(world.port)
    writer.write(handshake(**{header: value}))
    assert (await reader.readline()).split()[1] == status
    writer.close()


@pytest.mark.parametrize(
    ("offered", "selected"),
    [
        ("centrifuge-json", "centrifuge-json"),
        ("centrifuge-protobuf", "centrifuge-protobuf"),
        ("centrifuge-protobuf, centrifuge-json", "centrifuge-json"),
        ("chat", None),
    ],
)
async def test_subprotocols(world: World, offered: str, selected: str | None) -> None:
    reader, writer = await dial(world.port)
    writer.write(handshake(**{"Sec-WebSocket-Protocol": offered}))
    head = (await reader.readuntil(b"\r\n\r\n")).decode()
    assert head.startswith("HTTP/1.1 101")
    assert (f"\r\nSec-WebSocket-Protocol: {selected}\r\n" in head) == (selected is not None)
    writer.close()


async def test_plain_http_goes_on_beside(world: World) -> None:
    reader, writer = await dial(world.port)
    writer.write(b"GET /connection/websocket HTTP/1.1\r\nHost: localhost\r\n\r\n")
    assert (await reader.readline()).startswith(b"HTTP/1.1 404")
    writer.close()
    await world.until(lambda: not world.state.connections)


async def test_metrics(world: World) -> None:
    client = await world.client()
    await client.subscribe(w.ACCOUNT)
    world.publish(3)
    for _ in range(3):
        await client.push()
    answer = {reading.name: reading.read() for reading in world.node.readings()}
    assert answer["cadenza_realtime_connections"] == 1
    assert answer["cadenza_realtime_users"] == 1
    assert answer["cadenza_realtime_subscriptions"] == 1
    assert answer["cadenza_realtime_publications"] == 3
    assert answer["cadenza_realtime_deliveries"] == 3
    assert answer["cadenza_realtime_commands"] == 2
    assert answer["cadenza_realtime_sent_bytes"] == sum(len(frame) for frame in client.frames)
    assert answer["cadenza_realtime_queued_bytes"] == 0
    await client.close()
    await world.until(lambda: world.node.counts.left_total == 1)
    answer = {reading.name: reading.read() for reading in world.node.readings()}
    assert answer["cadenza_realtime_disconnects_client"] == 1
