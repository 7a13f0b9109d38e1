"""Keys, signatures, nonces, permissions and paces."""

import asyncio
from typing import Any

import pytest

from cadenza.simulators.bitfinex.server import BitfinexSimulator
from cadenza.simulators.bitfinex.wire.keys import BitfinexKey

from .trader import BitfinexTrader, logged_in, opened, order, sign


async def test_a_signature_is_over_path_nonce_and_body(trader: BitfinexTrader) -> None:
    assert (await trader.post("auth/r/wallets")).status == 200
    wrong = sign(trader.key.secret, "/api/v2/auth/r/wallets")
    assert (await trader.post("auth/r/wallets", bfx_signature=wrong)).refusal == (10100, "apikey: digest invalid")
    assert (await trader.post("auth/r/wallets", bfx_apikey="nobody")).refusal == (10100, "apikey: invalid")


async def test_a_nonce_must_grow(trader: BitfinexTrader) -> None:
    assert (await trader.post("auth/r/wallets", nonce=2_000_000_000_000_000)).status == 200
    for nonce in (2_000_000_000_000_000, 1_999_999_999_999_999):
        assert (await trader.post("auth/r/wallets", nonce=nonce)).refusal == (10114, "nonce: small")
    assert (await trader.post("auth/r/wallets", nonce=2_000_000_000_000_001)).status == 200
    assert (await trader.post("auth/r/wallets", nonce=2**53)).refusal == (10020, "nonce: invalid")


async def test_a_refused_signature_uses_no_nonce(trader: BitfinexTrader) -> None:
    await trader.post("auth/r/wallets", nonce=3_000_000_000_000_000, bfx_signature="00")
    assert (await trader.post("auth/r/wallets", nonce=2_000_000_000_000_000)).status == 200


async def test_keys_have_nonces_of_their_own_and_the_socket_counts_too(
    simulator: BitfinexSimulator, trader: BitfinexTrader
) -> None:
    await trader.post("auth/r/wallets", nonce=4_000_000_000_000_000)
    async with BitfinexTrader(simulator, BitfinexKey(**await trader.admin("keys"))) as other:
        assert (await other.post("auth/r/wallets")).status == 200
    async with opened(simulator) as socket:
        answer = await socket.log_in(trader.key)
        assert (answer["status"], answer["code"], answer["msg"]) == ("FAILED", 10114, "nonce: small")


async def test_an_order_that_was_overtaken_fails(simulator: BitfinexSimulator, trader: BitfinexTrader) -> None:
    """The fence: a request with a smaller nonce that has not been processed dies when a later one succeeds."""
    await trader.admin("faults", requests=[{"on": "order.submit", "kind": "late", "delay_ms": 2_000}])
    late = asyncio.create_task(trader.submit(cid=1))
    while simulator.venue.faults.requests:  # noqa: ASYNC110 - it has come when its fault is taken
        await asyncio.sleep(0.001)
    assert await trader.open_orders() == []
    assert (await late).refusal == (10114, "nonce: small")
    assert await trader.open_orders() == []


async def test_permissions_are_those_of_the_key(simulator: BitfinexSimulator, trader: BitfinexTrader) -> None:
    scopes = {scope: (reads, writes) for scope, reads, writes in (await trader.post("auth/r/permissions")).data}
    assert scopes["orders"] == (1, 1)
    assert scopes["withdraw"] == (1, 0)
    reader = BitfinexKey(**await trader.admin("keys", writes=[]))
    async with BitfinexTrader(simulator, reader) as other:
        assert (await other.submit()).refusal == (10001, "api_key: permission invalid")
        assert (await other.post("auth/r/orders")).data == []
    async with opened(simulator) as socket:
        answer = await socket.log_in(reader)
        assert answer["caps"]["orders"] == {"read": 1, "write": 0}
        assert (await socket.submit())[6:] == ["ERROR", "api_key: permission invalid"]


async def test_a_revoked_key_is_unknown(trader: BitfinexTrader) -> None:
    await trader.admin("keys", revoke=trader.key.key)
    assert (await trader.post("auth/r/wallets")).refusal == (10100, "apikey: invalid")


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"apiKey": "nobody"}, 10100),
        ({"authSig": "00"}, 10100),
        ({"authPayload": "AUTH1"}, 10100),
    ],
)
async def test_a_log_in_may_fail(simulator: BitfinexSimulator, changes: dict[str, Any], code: int) -> None:
    async with opened(simulator) as socket:
        answer = await socket.log_in(simulator.venue.keys.of("main"), **changes)
        assert (answer["status"], answer["code"]) == ("FAILED", code)


async def test_inputs_need_a_log_in(simulator: BitfinexSimulator) -> None:
    async with opened(simulator) as socket:
        await socket.put("on", order())
        assert (await socket.event("error"))["code"] == 10100
    async with logged_in(simulator) as socket:
        answer = await socket.log_in(simulator.venue.keys.of("main"))
        assert (answer["status"], answer["msg"]) == ("FAILED", "auth: dup")


@pytest.mark.parametrize("settings", [{"is_limited": True}], indirect=True)
async def test_too_many_requests_block_for_a_minute(trader: BitfinexTrader) -> None:
    replies = [await trader.public("trades/tBTCUSD/hist") for _ in range(16)]
    assert [reply.status for reply in replies] == [200] * 15 + [429]
    assert replies[-1].body == {"error": "ERR_RATE_LIMIT"}
    assert (await trader.public("trades/tBTCUSD/hist")).status == 429
    assert (await trader.public("book/tBTCUSD/P0")).status == 200


@pytest.mark.parametrize("settings", [{"is_limited": True}], indirect=True)
async def test_too_many_log_ins_fail(simulator: BitfinexSimulator) -> None:
    statuses = []
    for _ in range(6):
        async with opened(simulator) as socket:
            statuses.append((await socket.log_in(simulator.venue.keys.of("main")))["status"])
    assert statuses == ["OK"] * 5 + ["FAILED"]
