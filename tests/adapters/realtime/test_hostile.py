"""Bad input: the documented code, the server unharmed."""

import pytest
from tests.adapters.realtime.bad_frames import BREACHES, MALFORMED
from tests.adapters.realtime.conftest import MakeWorld
from tests.adapters.realtime.raw_client import BINARY, CONT, PING, TEXT, RawClient, frame
from tests.adapters.realtime.realtime_world import World

PING_COMMAND = b'{"id":9,"ping":{}}'


async def connected_then(world: World, bytes_: bytes) -> RawClient:
    client = await world.client()
    client.writer.write(bytes_)
    return client


OURS = {
    **MALFORMED,
    "two commands in one": b'{"id":1,"ping":{},"subscribe":{"channel":"a"}}',
    "deep nesting in a call": b'{"id":1,"rpc":{"method":"x","data":' + b"[" * 20_000 + b"]" * 20_000 + b"}}",
}


@pytest.mark.parametrize("name", OURS)
async def test_malformed_frames(world: World, name: str) -> None:
    witness = await world.client()
    client = await connected_then(world, frame(TEXT, OURS[name]))
    closed = await client.closed()
    assert (closed.code, closed.reason) == (3501, "bad request")
    await witness.ask(ping={})
    await witness.close()


@pytest.mark.parametrize("first", [b'{"id":1,"ping":{}}', b'{"id":1,"subscribe":{"channel":"a"}}', b"nope"])
async def test_commands_before_connect(world: World, first: bytes) -> None:
    client = await world.raw()
    client.send_frame(TEXT, first)
    assert (await client.closed()).code == 3501


async def test_binary_frames_are_of_another_protocol(world: World) -> None:
    client = await connected_then(world, frame(BINARY, PING_COMMAND))
    assert (await client.closed()).code == 3506


@pytest.mark.parametrize("text", [b"\xff\xfe", b'{"id":1,"rpc":{"method":"\xc3\x28"}}', b"\xed\xa0\x80"])
async def test_invalid_utf8(world: World, text: bytes) -> None:
    client = await connected_then(world, frame(TEXT, text))
    assert (await client.closed()).code == 1007


async def test_text_beyond_ascii_is_fine(world: World) -> None:
    client = await world.client()
    client.send_frame(TEXT, '{"id":9,"rpc":{"method":"grüße €😀"}}'.encode())
    assert (await client.message())["error"]["code"] == 104
    await client.close()


@pytest.mark.parametrize("name", BREACHES)
async def test_frames_that_break_the_protocol(world: World, name: str) -> None:
    client = await connected_then(world, BREACHES[name])
    assert (await client.closed()).code == 1002


async def test_fragmented_messages_are_put_together(world: World) -> None:
    client = await world.client()
    for n, byte in enumerate(PING_COMMAND):
        client.send_frame(CONT if n else TEXT, bytes([byte]), fin=n == len(PING_COMMAND) - 1)
        if n == 5:
            client.send_frame(PING, b"between")
    assert await client.message() == {"id": 9, "ping": {}}
    assert client.pongs == [b"between"]
    await client.close()


async def test_frames_cut_anywhere_are_put_together(world: World) -> None:
    client = await world.client()
    whole = frame(TEXT, PING_COMMAND)
    for cut in range(1, len(whole)):
        client.writer.write(whole[:cut])
        await client.writer.drain()
        client.writer.write(whole[cut:])
        assert await client.message() == {"id": 9, "ping": {}}
    await client.close()


@pytest.mark.parametrize("is_fragmented", [False, True])
async def test_oversized_frame(world: World, is_fragmented: bool) -> None:
    client = await world.client()
    big = b'{"id":9,"rpc":{"method":"' + b"x" * world.limits.frame_bytes_max + b'"}}'
    if is_fragmented:
        client.send_frame(TEXT, big[:40_000], fin=False)
        client.send_frame(CONT, big[40_000:])
    else:
        client.send_frame(TEXT, big)
    assert (await client.closed()).code == 1009


async def test_the_largest_frame_is_taken(world: World) -> None:
    client = await world.client()
    text = '{"id":9,"ping":{},"pad":"%s"}'
    client.send_text(text % ("x" * (world.limits.frame_bytes_max - len(text) + 2)))
    assert await client.message() == {"id": 9, "ping": {}}
    await client.close()


async def test_too_many_commands_in_a_frame(world: World) -> None:
    client = await world.client()
    client.send_text("\n".join('{"id":1,"ping":{}}' for _ in range(world.limits.commands_per_frame_max + 1)))
    assert (await client.closed()).code == 3013


async def test_ten_thousand_pongs_in_a_frame(world: World) -> None:
    client = await world.client()
    client.send_text("\n".join("{}" for _ in range(10_000)))
    assert (await client.closed()).code == 3013


async def test_commands_faster_than_allowed(make_world: MakeWorld) -> None:
    world = await make_world(commands_per_frame_max=10, commands_per_second_max=10)
    client = await world.client()
    client.send(*({"id": n, "ping": {}} for n in range(2, 11)))
    for _ in range(9):
        await client.message()
    world.clock.advance(100)
    await client.ask(ping={})
    client.send({"id": 99, "ping": {}})
    assert (await client.closed()).code == 3013


async def test_ping_flood_of_the_websocket_kind(make_world: MakeWorld) -> None:
    world = await make_world(commands_per_frame_max=10, commands_per_second_max=10)
    client = await world.client()
    for _ in range(20):
        client.send_frame(PING, b"")
    assert (await client.closed()).code == 3013


async def test_garbage_instead_of_frames_harms_nobody(world: World) -> None:
    witness = await world.client()
    for seed in range(50):
        client = await world.raw()
        client.writer.write(bytes((seed * 7 + n * 31) % 256 for n in range(200)))
        client.leave()
    await world.until(lambda: len(world.node._services.roster) == 1)
    await witness.ask(ping={})
    await witness.close()
