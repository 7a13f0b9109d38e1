"""Signatures, keys, permissions and time."""

import hashlib
import hmac
from urllib.parse import quote

import pytest

from cadenza.simulators.binance.server import BinanceSimulator
from cadenza.simulators.binance.wire.keys import SimulatedKey, signed_payload

from .trader import Trader, sign

SECRET = "NhqPtmdSJYdKjVHjA7PZj4Mge3R5YNiP1e3UZjInClVN65XAbvqqM6A7H5fATj0j"
PAYLOAD = "side=BUY&type=LIMIT&timeInForce=GTC&quantity=1&price=0.1&recvWindow=5000&timestamp=1499827319559"
SIGNED_BY_THE_VENUE = {
    "symbol=LTCBTC": "c8db56825ae71d6d79447849e617115f4a920fa2acdcab2b053c4b2838bd6b71",
    "symbol=%EF%BC%91%EF%BC%92%EF%BC%93%EF%BC%94%EF%BC%95%EF%BC%96": (
        "e1353ec6b14d888f1164ae9af8228a3dbd508bc82eb867db8ab6046442f33ef3"
    ),
}
"""Examples of the venue's own documents."""


@pytest.mark.parametrize("symbol", SIGNED_BY_THE_VENUE)
def test_the_examples_of_the_documents_are_valid(symbol: str) -> None:
    key = SimulatedKey(account="main", kind="HMAC", key="k" * 64, secret=SECRET)
    signature = SIGNED_BY_THE_VENUE[symbol]
    assert key.verifies(f"{symbol}&{PAYLOAD}", signature)
    assert key.verifies(f"{symbol}&{PAYLOAD}", signature.upper())
    assert not key.verifies(f"{symbol}&{PAYLOAD}&x=1", signature)


@pytest.mark.parametrize(
    ("query", "body", "payload"),
    [
        ("a=1&signature=S", "", "a=1"),
        ("signature=S&a=1", "", "a=1"),
        ("a=1&signature=S&b=2", "", "a=1&b=2"),
        ("a=1", "b=2&signature=S", "a=1b=2"),
        ("", "a=%2F&signature=S", "a=%2F"),
    ],
)
def test_what_is_signed_is_query_and_body_as_they_were_sent(query: str, body: str, payload: str) -> None:
    assert signed_payload(query, body) == (payload, "S")


@pytest.mark.parametrize("kind", ["HMAC", "RSA", "ED25519"])
async def test_keys_of_all_kinds_sign_in_query_and_in_body(simulator: BinanceSimulator, kind: str) -> None:
    async with Trader(simulator, kind) as trader:
        fields = {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": "0.01"}
        for in_body in (False, True):
            placed = await trader.signed("POST", "/api/v3/order", in_body=in_body, price="50000", **fields)
            assert placed.ok["status"] == "NEW"


async def test_a_signature_may_cover_query_and_body(trader: Trader) -> None:
    query = "symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC"
    body = f"quantity=0.01&price=50000&timestamp={trader.simulator.venue.now_ms()}"
    reply = await trader.raw("POST", "/api/v3/order", query, f"{body}&signature={sign(trader.key, query + body)}")
    assert reply.ok["status"] == "NEW"


async def test_values_are_signed_percent_encoded(trader: Trader) -> None:
    symbol, now_ms = "币安人生USDT", trader.simulator.venue.now_ms()
    encoded = f"symbol={quote(symbol)}&timestamp={now_ms}"
    plain = f"symbol={symbol}&timestamp={now_ms}"
    good = await trader.raw("GET", "/api/v3/allOrders", f"{encoded}&signature={sign(trader.key, encoded)}")
    assert good.ok == []
    bad = await trader.raw("GET", "/api/v3/allOrders", f"{encoded}&signature={sign(trader.key, plain)}")
    assert bad.error == (-1022, "Signature for this request is not valid.")


@pytest.mark.parametrize("kind", ["HMAC", "RSA", "ED25519"])
async def test_a_changed_request_is_not_the_signed_one(simulator: BinanceSimulator, kind: str) -> None:
    async with Trader(simulator, kind) as trader:
        payload = f"symbol=BTCUSDT&timestamp={simulator.venue.now_ms()}"
        signature = quote(sign(trader.key, payload), safe="")
        changed = payload.replace("BTC", "ETH")
        reply = await trader.raw("GET", "/api/v3/openOrders", f"{changed}&signature={signature}")
        assert reply.error[0] == -1022


async def test_what_is_missing_is_named(trader: Trader) -> None:
    reply = await trader.raw("GET", "/api/v3/account", "timestamp=1")
    assert reply.error == (-1102, "Mandatory parameter 'signature' was not sent, was empty/null, or malformed.")
    unstamped = hmac.new(trader.key.secret.encode(), b"", hashlib.sha256).hexdigest()
    reply = await trader.raw("GET", "/api/v3/account", f"signature={unstamped}")
    assert reply.error == (-1102, "Mandatory parameter 'timestamp' was not sent, was empty/null, or malformed.")


@pytest.mark.parametrize(
    ("offset_ms", "window", "text"),
    [
        (-6000, None, "Timestamp for this request is outside of the recvWindow."),
        (-3000, "2000.5", "Timestamp for this request is outside of the recvWindow."),
        (1500, None, "Timestamp for this request was 1000ms ahead of the server's time."),
        (500, None, None),
        (-4000, None, None),
        (-50_000, "60000", None),
    ],
)
async def test_a_request_must_be_of_its_time(
    simulator: BinanceSimulator, offset_ms: int, window: str | None, text: str | None
) -> None:
    async with Trader(simulator, clock=lambda: simulator.venue.now_ms() + offset_ms) as trader:
        reply = await trader.signed("GET", "/api/v3/account", recvWindow=window)
        if text is None:
            assert reply.status == 200
        else:
            assert reply.error == (-1021, text)


async def test_microseconds_are_understood_as_a_timestamp(simulator: BinanceSimulator) -> None:
    async with Trader(simulator, clock=lambda: simulator.venue.now_ms() * 1000) as trader:
        assert (await trader.signed("GET", "/api/v3/account")).status == 200


async def test_a_window_has_at_most_a_minute(trader: Trader) -> None:
    reply = await trader.signed("GET", "/api/v3/account", recvWindow="60001")
    assert reply.error == (-1131, "recvWindow must be less than 60000.")


async def test_unknown_and_revoked_keys_are_refused(trader: Trader) -> None:
    await trader.admin("keys", revoke=trader.key.key)
    assert (await trader.signed("GET", "/api/v3/account")).error == (
        -2015,
        "Invalid API-key, IP, or permissions for action.",
    )
    trader.key = SimulatedKey(account="main", kind="HMAC", key="short", secret="x")
    assert (await trader.signed("GET", "/api/v3/account")).error == (-2014, "API-key format invalid.")


async def test_a_key_that_may_only_read_does_not_trade(trader: Trader) -> None:
    made = await trader.admin("keys", kind="HMAC", permissions={"can_trade": False})
    permissions = trader.simulator.venue.keys.find(made["key"]).permissions  # type: ignore[union-attr]
    assert not permissions.can_trade
    trader.key = SimulatedKey(account="main", kind="HMAC", key=made["key"], secret=made["secret"])
    assert (await trader.signed("GET", "/api/v3/account")).ok["canTrade"] is False
    assert (await trader.place()).error[0] == -2015
