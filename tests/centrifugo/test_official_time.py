"""The official clients when time runs out: tokens that expire, pings that do not come, a socket that stops.

Their users see the same of our own socket and of the real Centrifugo.
"""

import signal

import pytest
from tests.adapters.realtime.test_official_javascript import node_modules
from tests.centrifugo.conftest import short_lived
from tests.centrifugo.differences import differs
from tests.centrifugo.official import JavaScriptClient, NoToken, Official, PythonClient, Refused
from tests.centrifugo.stage import CONNECT_CALLED, SUBSCRIBE_CALLED, SUBSCRIPTION_CUT, Stage, stage
from tests.e2e.trader import BTC_USDT, Trader, ok
from tests.serving import eventually

__all__ = ["node_modules", "stage"]  # fixtures
pytestmark = pytest.mark.asyncio(loop_scope="module")
SETTINGS = {
    "SOCKET_PING_INTERVAL_MS": 2_000,
    "SOCKET_PONG_TIMEOUT_MS": 1_900,
    "SOCKET_EXPIRY_DELAY_MS": 1_000,
}
LIFE_S = 3
BAD_CONFIGURATION = 12


async def expiring(stage: Stage, *tokens: str | int | Exception) -> Official:
    """A client that listens with a token that expires soon, and is given these when it asks, one after another. A
    number stands for the trader's token, good for so many seconds."""
    left = list(tokens)

    async def token() -> str:
        given = left.pop(0)
        if isinstance(given, Exception):
            raise given
        return given if isinstance(given, str) else short_lived(stage.house, str(stage.trader.api.token), given)

    client = stage.client(get_token=token if tokens else None)
    await client.connect(short_lived(stage.house, str(stage.trader.api.token), LIFE_S))
    await client.expect(CONNECT_CALLED, ("connected",))
    await client.listen(stage.channel)
    await client.expect(SUBSCRIBE_CALLED, stage.position(), channel=stage.channel)
    return client


async def sees_an_order(stage: Stage, client: Official, after: int) -> int:
    """Have an order filled, which the client sees whole; return the newest offset."""
    asked = {"instrumentId": BTC_USDT, "orderSide": "BUY", "orderType": "MARKET", "quantity": "0.01"}
    data = {"tradeOrder": asked, "tradingAccountId": stage.trader.spot}
    order = (await client.call("rpc", "command.trade_order.submit", data))["data"]["data"]
    offset, status = after, ""
    while status != "FILLED":
        (pub,) = await client.publications(stage.channel, 1)
        offset += 1
        assert pub.offset == offset
        assert pub.data["data"]["tradeOrderId"] == order["tradeOrderId"]
        status = pub.data["data"]["status"]
    return offset


class TestTokens:
    async def test_the_newer_token_counts(self, stage: Stage) -> None:
        client = await expiring(stage, LIFE_S, 3_600)

        async def both_were_asked_for() -> bool:
            return client.tokens_total == 2

        await eventually(both_were_asked_for)
        await sees_an_order(stage, client, stage.start)
        assert not client.has_more(), "it was never connected again"

    async def test_one_that_has_expired_is_exchanged(self, stage: Stage) -> None:
        client = await expiring(stage, -10, 3_600)
        await client.expect(("connecting", 3005, "connection expired"), ("error", 109), ("connected",))
        await client.expect(SUBSCRIPTION_CUT, stage.back_at(stage.start), channel=stage.channel)
        await sees_an_order(stage, client, stage.start)

    async def test_no_token_is_the_end(self, stage: Stage) -> None:
        client = await expiring(stage, NoToken())
        await client.expect(("disconnected", 1, "unauthorized"))

    @pytest.mark.parametrize("whose", ["bad", "another user's"])
    async def test_a_wrong_token_is_the_end(self, stage: Stage, whose: str) -> None:
        async with Trader(stage.house.url) as other:
            await other.enter()
            client = await expiring(stage, "bad" if whose == "bad" else str(other.api.token))
            await client.expect(("disconnected", 3500, "invalid token"))

    async def test_nobody_to_ask_is_the_end(self, stage: Stage) -> None:
        client = await expiring(stage)
        if stage.is_python:  # it comes back with the old token first
            await client.expect(("connecting", 3005, "connection expired"), ("error", 109))
        await client.expect(("error", BAD_CONFIGURATION), ("disconnected", 1, "unauthorized"))

    async def test_a_session_that_ends_is_the_end(self, stage: Stage) -> None:
        client = await stage.listening()
        await ok(stage.trader.api.post("/api/v3/auth/logout", None))
        with pytest.raises(Refused) as refused:
            await client.call("rpc", "query.venue.list", {})
        assert refused.value.code == 0
        await client.expect(("disconnected", 3500, "invalid token"))
        await client.connect_again()
        await client.expect(CONNECT_CALLED)
        if differs(stage.house, "session"):
            await client.expect(("connected",))
        await client.expect(("disconnected", 3500, "invalid token"))


class TestPings:
    async def test_none_comes(self, stage: Stage) -> None:
        client = await stage.connected(maxServerPingDelay=1)
        await client.listen(stage.channel)
        await client.expect(SUBSCRIBE_CALLED, stage.position(), channel=stage.channel)
        stage.house.signal_socket(signal.SIGSTOP)
        await client.expect(("connecting", 2, "no ping"))
        stage.house.signal_socket(signal.SIGCONT)
        while await client.next() != ("connected",):
            pass  # attempts that lasted too long
        await client.expect(SUBSCRIPTION_CUT, stage.back_at(stage.start), channel=stage.channel)
        await sees_an_order(stage, client, stage.start)

    async def test_none_is_answered(self, stage: Stage) -> None:
        """Python answers none while a handler waits, JavaScript while its process stands still."""
        client = await stage.listening()
        closed = ("connecting", 3012, "no pong")
        seen = stage.start
        if isinstance(client, PythonClient):

            async def wait() -> None:
                client.at_publication = None
                await client.expect(closed)

            client.at_publication = wait
            await stage.trader.submit(awaitClosed=True)
            (pub,) = await client.publications(stage.channel, 1)
            seen = pub.offset
        else:
            assert isinstance(client, JavaScriptClient)
            client.process.send_signal(signal.SIGSTOP)
            await eventually(stage.house.is_empty)
            client.process.send_signal(signal.SIGCONT)
            await client.expect(closed)
        await client.expect(("connected",))
        await client.expect(SUBSCRIPTION_CUT, stage.back_at(seen), channel=stage.channel)


async def test_the_socket_stops_and_starts(stage: Stage) -> None:
    client = await stage.listening()
    await stage.house.stop_socket()
    await client.expect(("connecting", 3001, "shutdown"))
    await stage.house.start_socket()
    await client.expect(("connected",))
    await client.expect(SUBSCRIPTION_CUT, channel=stage.channel)
    name, back = await client.next(stage.channel)
    assert (name, back.was_recovering, back.recovered) == ("subscribed", True, not differs(stage.house, "restart"))
    assert (await client.call("rpc", "query.venue.list", {}))["data"]
