"""How a session's stream is opened and kept, and what it makes of the venue's refusals."""

import asyncio
import json
from typing import Any

import pytest
from tests.adapters.binance.rest_world import AHEAD_MS, SIGNER, Host, answered, world
from tests.inhouse_kit import ManualClock, until

from cadenza.adapters.venues.binance.endpoints import MARGIN, SPOT, BinanceMarket
from cadenza.adapters.venues.binance.rest import BinanceRest
from cadenza.adapters.venues.binance.stream import (
    KEEP_LISTEN_KEY_MS,
    KEEP_RETRY_MS,
    SignedSubscription,
    TokenSubscription,
    UserListenKey,
)
from cadenza.network.outcomes import NotSent, NotSentCause, Outcome, OutcomeUnknown, Sent, UnknownCause
from cadenza.network.stream_events import NotReady

LISTEN_KEY = "/usdm/fapi/v1/listenKey"


class Connection:
    """Answers each subscription with this reply."""

    def __init__(self, **reply: Any) -> None:
        self.reply = reply
        self.opening: Any = None

    async def send(self, data: str, deadline_ms: int) -> Sent:
        frame = {"id": json.loads(data)["id"], **self.reply}
        assert self.opening.is_reply(json.dumps(frame).encode())
        return Sent()


def subscription(kind: type[SignedSubscription], rest: BinanceRest, clock: ManualClock) -> SignedSubscription:
    return kind("ws://127.0.0.1:9/ws-api/v3", SIGNER, rest, clock)


async def refused(opening: SignedSubscription, **reply: Any) -> str:
    connection: Any = Connection(**reply)
    connection.opening = opening
    with pytest.raises(NotReady) as raised:
        await opening.subscribe(connection)
    return str(raised.value)


@pytest.mark.parametrize("kind", [SignedSubscription, TokenSubscription])
async def test_a_ban_over_the_stream_is_obeyed_until_it_ends(kind: type[SignedSubscription]) -> None:
    """By the stream, which opens no connection meanwhile, and by REST, because the ban is that of the address."""
    rest, host, clock = await world()
    host.answers["/sapi/v1/userListenToken"] = lambda: answered(200, {"token": "t", "expirationTime": 1})
    opening = subscription(kind, rest, clock)
    venue_ms = clock.now_ms() + AHEAD_MS
    data = {"serverTime": venue_ms, "retryAfter": venue_ms + 600_000}
    error = {"code": -1003, "msg": "Way too much request weight used; IP banned.", "data": data}
    assert "418" in await refused(opening, status=418, error=error)
    asked = len(host.asked)
    clock.advance(599_000)
    with pytest.raises(NotReady, match=r"banned this address \(HTTP 418\) until 2025-"):
        await opening.target()
    for market, endpoint in ((BinanceMarket.SPOT, SPOT.account), (BinanceMarket.MARGIN, MARGIN.account)):
        assert isinstance(await rest.public(market, endpoint, {}, leave_by_ms=clock.monotonic_ms()), NotSent)
    assert len(host.asked) == asked
    clock.advance(1_001)
    await opening.target()


async def test_a_pause_that_the_stream_is_asked_for_without_its_end_lasts_a_minute() -> None:
    rest, _, clock = await world()
    opening = subscription(SignedSubscription, rest, clock)
    await refused(opening, status=429, error={"code": -1003, "msg": "Too many requests."})
    clock.advance(59_000)
    with pytest.raises(NotReady, match="asked for a pause"):
        await opening.target()
    clock.advance(1_001)
    await opening.target()


async def keeping(*outcomes: Outcome) -> tuple[ManualClock, Host, list[str], asyncio.Task[None]]:
    """A listen key that is being kept alive; the venue answers so, and from then on with a success."""
    rest, host, clock = await world()
    left = list(outcomes)
    host.answers[LISTEN_KEY] = lambda: left.pop(0) if left else answered(200, {})
    lost: list[str] = []
    opening = UserListenKey("ws://127.0.0.1:9/usdm", SIGNER, rest, clock)
    task = asyncio.create_task(opening.keep(lost.append))
    await asyncio.sleep(0)
    return clock, host, lost, task


def pings(host: Host) -> int:
    return len(host.of(LISTEN_KEY))


@pytest.mark.parametrize(
    "outcome",
    [
        answered(403, "the firewall"),
        answered(408, {"code": -1007, "msg": "Timeout waiting for response from backend server."}),
        answered(400, {"code": -1021, "msg": "Timestamp for this request is outside of the recvWindow."}),
        answered(502, {}),
        OutcomeUnknown(UnknownCause.DISCONNECTED),
        NotSent(NotSentCause.DNS),
    ],
)
async def test_a_listen_key_whose_keeping_failed_is_kept_again_soon_and_its_stream_goes_on(outcome: Outcome) -> None:
    clock, host, lost, task = await keeping(outcome)
    clock.advance(KEEP_LISTEN_KEY_MS)
    await until(lambda: pings(host) == 1, "the first try")
    for number in (2, 3):
        await asyncio.sleep(0)
        clock.advance(KEEP_RETRY_MS if number == 2 else KEEP_LISTEN_KEY_MS)
        await until(lambda number=number: pings(host) == number, "another try")  # type: ignore[misc]
    assert lost == []
    task.cancel()


@pytest.mark.parametrize(
    ("status", "code", "cause"),
    [(400, -1125, "does not know the listen key"), (401, -2015, "refused the key: -2015")],
)
async def test_a_listen_key_that_is_over_loses_the_stream_with_its_cause(status: int, code: int, cause: str) -> None:
    clock, _, lost, task = await keeping(answered(status, {"code": code, "msg": "No."}))
    clock.advance(KEEP_LISTEN_KEY_MS)
    await until(lambda: bool(lost), "the loss")
    assert cause in lost[0]
    task.cancel()
