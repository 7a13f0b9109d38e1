"""Credits, frames and connections."""

from typing import Any

import aiohttp
import pytest

from cadenza.simulators.deribit.server import DeribitSimulator
from cadenza.simulators.deribit.wire.credits import CreditRule, DeribitLimits, unlimited

from .trader import HttpTrader, Refused, SocketTrader, connected

FEW = DeribitLimits(
    non_matching=CreditRule(4, 0),
    matching=CreditRule(2, 0),
    subscribe=CreditRule(2, 0),
    instruments=CreditRule(1, 0),
    frames=CreditRule(12, 0),
    connections_per_address=2,
)


async def ended(socket: SocketTrader) -> bool:
    while (frame := await socket.frame()) is not None:
        assert frame is not None
    return True


@pytest.mark.parametrize("settings", [{"limits": FEW}], indirect=True)
@pytest.mark.parametrize(
    ("method", "params", "allowed"),
    [
        ("private/get_positions", {}, 4),
        ("private/cancel_all", {}, 2),
        ("private/subscribe", {"channels": []}, 2),
        ("public/get_instruments", {}, 1),
    ],
)
async def test_a_caller_without_credits_is_refused_and_disconnected(
    simulator: DeribitSimulator, socket: SocketTrader, method: str, params: dict[str, Any], allowed: int
) -> None:
    for _ in range(allowed):
        await socket.ask(method, **params)
    answer = await socket.answer(method, params)
    assert answer["error"] == {"code": 10028, "message": "too_many_requests"}
    assert await ended(socket)
    async with connected(simulator, login=False) as again:  # a new connection brings no new credits
        key = simulator.venue.keys.all()[0]
        credentials = {"grant_type": "client_credentials", "client_id": key.key, "client_secret": key.secret}
        await again.ask("public/auth", **credentials)
        with pytest.raises(Refused) as caught:
            await again.ask(method, **params)
        assert caught.value.code == 10028


@pytest.mark.parametrize("settings", [{"limits": FEW}], indirect=True)
async def test_over_http_the_status_says_it_too(simulator: DeribitSimulator) -> None:
    async with aiohttp.ClientSession(simulator.url) as http:
        statuses = []
        for _ in range(5):
            async with http.get("/api/v2/public/get_time") as reply:
                statuses.append(reply.status)
        assert statuses == [200] * 4 + [429]


@pytest.mark.parametrize("settings", [{"limits": FEW}], indirect=True)
async def test_a_socket_may_send_so_many_frames(simulator: DeribitSimulator) -> None:
    async with connected(simulator, login=False) as socket:
        for _ in range(12):
            await socket.send("public/nope", {})
            frame = await socket.receive()
            assert frame is not None
            assert frame["error"]["code"] == -32601
        await socket.send("public/nope", {})
        frame = await socket.receive()
        assert frame is not None
        assert frame["error"]["code"] == 10028
        assert await socket.receive() is None


@pytest.mark.parametrize("settings", [{"limits": FEW}], indirect=True)
async def test_an_address_may_have_so_many_connections(simulator: DeribitSimulator) -> None:
    async with connected(simulator, login=False), connected(simulator, login=False):
        with pytest.raises(aiohttp.WSServerHandshakeError) as caught:
            async with connected(simulator, login=False):
                pass
    assert caught.value.status == 429


async def test_the_account_tells_its_limits(trader: HttpTrader) -> None:
    limits = (await trader.get("private/get_account_summary", currency="BTC"))["limits"]
    rule = unlimited().matching
    assert limits["matching_engine"]["trading"]["total"] == {"burst": rule.burst, "rate": rule.per_second}
