from tests.adapters.realtime import realtime_world as w
from tests.adapters.realtime.realtime_world import World


async def test_connect_subscribe_and_publications(world: World) -> None:
    client = await world.raw()
    told = await client.connect(world.token)
    assert told["expires"] is True
    assert told["ttl"] == 3600
    assert told["ping"] == 25
    assert told["pong"] is True
    result = await client.subscribe(w.ACCOUNT)
    assert result == {"recoverable": True, "positioned": True, "epoch": "installation-1", "offset": 0}
    world.publish(2)
    for n in (1, 2):
        push = await client.push()
        assert push["channel"] == w.ACCOUNT
        assert push["pub"]["offset"] == n
        assert push["pub"]["data"]["type"] == "event.trade_order.updated"
    await client.subscribe(w.BOOK)
    world.publish_book()
    assert (await client.push())["pub"]["data"]["type"] == "event.orderbook.updated"
    await client.subscribe(w.TRADE)
    world.trade()
    assert (await client.push())["pub"]["data"]["type"] == "event.trade.updated"
    assert await client.ask(unsubscribe={"channel": w.TRADE}) == {"id": 5, "unsubscribe": {}}
    assert await client.ask(ping={}) == {"id": 6, "ping": {}}
    assert (await client.ask(refresh={"token": world.issue(life_ms=60_000)}))["refresh"]["ttl"] == 60
    await client.close()
