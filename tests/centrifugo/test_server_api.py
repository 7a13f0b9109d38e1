"""What publishing relies on, asked of the real Centrifugo: keys that are remembered, positions that are broken off."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from msgspec import Raw
from tests import needs
from tests.adapters.realtime.raw_client import RawClient
from tests.centrifugo.judge import Centrifugo, free_port

from cadenza.adapters.engines.centrifugo.audience import Audience
from cadenza.adapters.engines.centrifugo.limits import CentrifugoLimits
from cadenza.adapters.engines.centrifugo.server_api import (
    ApiCommand,
    ApiError,
    ApiFailed,
    HistoryRemove,
    Publish,
    ServerApi,
)
from cadenza.adapters.vault.keyring import KeyRing, MasterKey
from cadenza.runtime.config import CentrifugoSettings, Settings
from cadenza.runtime.local import SystemClock
from cadenza.runtime.wiring.realtime import ask_centrifugo

TRADES = "market:trade:PAPER:BTC/USDT"
OPEN_TO_ALL = {
    "api_key": "key",
    "usage_stats_disable": True,
    "allow_anonymous_connect_without_token": True,
    "namespaces": [
        {
            "name": "market",
            "history_size": 10,
            "history_ttl": "60s",
            "force_recovery": True,
            "allow_subscribe_for_client": True,
            "allow_subscribe_for_anonymous": True,
        }
    ],
}


@pytest.fixture
async def centrifugo(tmp_path: Path) -> AsyncIterator[Centrifugo]:
    running = Centrifugo(needs.centrifugo(), tmp_path, free_port())
    running.configure(OPEN_TO_ALL)
    await running.start()
    yield running
    await running.kill()


@pytest.fixture
async def api(centrifugo: Centrifugo) -> AsyncIterator[ServerApi]:
    made = ServerApi(f"http://127.0.0.1:{centrifugo.port}/api/", key="key", timeout_ms=5_000)
    yield made
    await made.close()


def trade(number: int, key: str = "") -> ApiCommand:
    return ApiCommand(publish=Publish(channel=TRADES, data=Raw(b"%d" % number), idempotency_key=key))


async def listening(centrifugo: Centrifugo, **more: object) -> tuple[RawClient, dict[str, object]]:
    client = await RawClient.open(centrifugo.port)
    await client.ask(connect={})
    return client, await client.subscribe(TRADES, **more)


async def test_a_key_is_remembered_and_errors_are_told_one_by_one(centrifugo: Centrifugo, api: ServerApi) -> None:
    client, _ = await listening(centrifugo)
    unknown = ApiCommand(publish=Publish(channel="nowhere:x", data=Raw(b"0")))
    assert await api.batch([trade(1, "a"), unknown, trade(1, "a"), trade(2, "b")]) == [
        None,
        ApiError(102, "unknown channel"),
        None,
        None,
    ]
    assert [(await client.push())["pub"] for _ in range(2)] == [{"data": 1, "offset": 1}, {"data": 2, "offset": 2}]
    client.leave()


async def test_what_skips_the_history_has_no_offset_and_breaks_no_position(
    centrifugo: Centrifugo, api: ServerApi
) -> None:
    client, position = await listening(centrifugo)
    view = ApiCommand(publish=Publish(channel=TRADES, data=Raw(b"9"), skip_history=True))
    assert await api.batch([trade(1), view, trade(2), view]) == [None] * 4
    assert [(await client.push())["pub"] for _ in range(4)] == [
        {"data": 1, "offset": 1},
        {"data": 9},
        {"data": 2, "offset": 2},
        {"data": 9},
    ]
    client.leave()
    client, reply = await listening(centrifugo, recover=True, epoch=position["epoch"], offset=1)
    assert reply["recovered"] is True
    assert reply["publications"] == [{"data": 2, "offset": 2}]
    client.leave()


async def test_who_listens(centrifugo: Centrifugo, api: ServerApi) -> None:
    assert await api.channels("market:*") == frozenset()
    client, _ = await listening(centrifugo)
    assert await api.channels("market:*") == {TRADES}
    client.leave()


async def test_a_channel_that_is_resumed_recovers_nobody(centrifugo: Centrifugo, api: ServerApi) -> None:
    audience = Audience(api, clock=SystemClock(), limits=CentrifugoLimits())
    client, position = await listening(centrifugo)
    await api.batch([trade(1)])
    offset = (await client.push())["pub"]["offset"]
    client.leave()
    after = {"recover": True, "epoch": position["epoch"], "offset": offset}
    client, reply = await listening(centrifugo, **after)
    assert reply["recovered"] is True, "nothing was published, as far as Centrifugo knows"
    client.leave()
    assert await audience.resume(TRADES, b'"broken off"')
    client, reply = await listening(centrifugo, **after)
    assert (reply.get("recovered", False), reply.get("publications", [])) == (False, [])
    assert await audience.resume(TRADES, b'"broken off"')
    await api.batch([trade(2)])
    assert (await client.push())["pub"]["data"] == 2, "once is enough while it is published to"
    client.leave()


async def test_the_doctor_hears_it(centrifugo: Centrifugo) -> None:
    url = f"http://127.0.0.1:{centrifugo.port}/api"
    keys = KeyRing((MasterKey(b"k" * 32),))
    await ask_centrifugo(Settings(centrifugo=CentrifugoSettings(api_url=url, api_key="key")), keys)
    with pytest.raises(ApiFailed, match="401"):
        await ask_centrifugo(Settings(centrifugo=CentrifugoSettings(api_url=url)), keys)


async def test_a_wrong_key_and_a_dead_server_are_failures(centrifugo: Centrifugo, api: ServerApi) -> None:
    stranger = ServerApi(f"http://127.0.0.1:{centrifugo.port}/api", key="another", timeout_ms=5_000)
    with pytest.raises(ApiFailed, match="401"):
        await stranger.batch([trade(1)])
    await stranger.close()
    await centrifugo.kill()
    with pytest.raises(ApiFailed, match="does not answer"):
        await api.batch([ApiCommand(history_remove=HistoryRemove(channel=TRADES))])
    with pytest.raises(ApiFailed, match="does not answer"):
        await api.channels("*")
