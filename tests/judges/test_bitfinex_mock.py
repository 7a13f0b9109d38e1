"""The connector's client against the venue's own mock server (bfx-api-mock-srv): its paths and methods are those of the
venue, and the snapshots of its socket are the venue's examples. It matches nothing and checks no signature."""

import asyncio
import json
import subprocess
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from decimal import Decimal as D
from pathlib import Path
from random import Random
from typing import Any

import aiohttp
import msgspec
import pytest

from cadenza.adapters.venues.bitfinex.credential import BitfinexSigner
from cadenza.adapters.venues.bitfinex.endpoints import OPEN_ORDERS, PAST_ORDERS, POSITIONS, WALLETS
from cadenza.adapters.venues.bitfinex.models import OrderFields
from cadenza.adapters.venues.bitfinex.parse_account import balance_report, position_report
from cadenza.adapters.venues.bitfinex.parse_orders import order_facts
from cadenza.adapters.venues.bitfinex.probe_key import ProbeKey
from cadenza.adapters.venues.bitfinex.rest import BitfinexRest
from cadenza.adapters.venues.bitfinex.spec import PRIVATE_REST, PUBLIC_REST
from cadenza.adapters.venues.kit.payloads import decode
from cadenza.domain.accounts.credential import CredentialType, Secrets
from cadenza.domain.market.enums import Side
from cadenza.network.http import HttpClient
from cadenza.network.proxies import ProxyChoice
from cadenza.network.tls import client_tls
from cadenza.runtime.local import SystemClock
from tests import needs
from tests.adapters.bitfinex.account_world import DERIVATIVE, FUTURES, NOW_MS, PAIR, SPOT

MOCK_DIR = Path(__file__).parent / "bitfinex_mock"
INSTALL_S_MAX = 120
WAIT_S = 20

ORDER = [
    33_950_998_275, None, 1_573_476_747_887, "tBTCUSD", 1_573_476_748_000, 1_573_476_748_000, -0.5, -0.5,
    "EXCHANGE LIMIT", None, None, None, 0, "ACTIVE", None, None, 41_000.5, 0, 0, 0, None, None, None, 0, 0, None, None,
    None, "API>BFX", None, None, None,
]  # fmt: skip
POSITION = ["tBTCF0:USTF0", "ACTIVE", -0.25, 40_000, 0, 0, None, None, None, 10, None, 142_355_652, None, None]
ANSWERS: Mapping[str, Any] = {
    "platform_status": [1],
    "wallets": [["exchange", "BTC", 1.61169184, 0, None], ["margin", "USTF0", 1_000.5, 0, 900.25, "x", {}, "later"]],
    "active_orders": [ORDER],
    "orders": [[*ORDER[:13], "CANCELED", *ORDER[14:]]],
    "positions": [POSITION],
}
"""Rows as the venue's reference shows them."""

SIGNER = BitfinexSigner(CredentialType.HMAC, Secrets("a" * 43, "b" * 43, None))


@pytest.fixture(scope="module")
def mock_server() -> None:
    needs.node()
    if not (MOCK_DIR / "node_modules" / "bfx-api-mock-srv").exists():
        subprocess.run(["npm", "ci", "--no-audit", "--no-fund"], cwd=MOCK_DIR, check=True, timeout=INSTALL_S_MAX)


@asynccontextmanager
async def mock() -> AsyncIterator[Mapping[str, int]]:
    """Run the mock, and give its ports."""
    process = await asyncio.create_subprocess_exec(
        "node", "mock.js", cwd=MOCK_DIR, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        process.stdin.write(json.dumps(ANSWERS).encode() + b"\n")
        yield json.loads(await asyncio.wait_for(process.stdout.readline(), WAIT_S))
    finally:
        process.stdin.close()
        await asyncio.wait_for(process.wait(), WAIT_S)


@pytest.mark.usefixtures("mock_server")
async def test_readings_of_an_account_go_through_the_parsers() -> None:
    async with mock() as ports:
        clock, base = SystemClock(), f"http://127.0.0.1:{ports['rest']}"
        http = HttpClient(clock=clock, randomness=Random(1), tls=client_tls(), proxies=ProxyChoice())
        rest = BitfinexRest(urls={PUBLIC_REST: base, PRIVATE_REST: base}, http=http, clock=clock)
        key = ProbeKey(SIGNER, clock)
        try:
            assert await rest.clock.measure(), rest.trouble
            wallets = await rest.rows(key, WALLETS, {})
            orders = await rest.rows(key, OPEN_ORDERS, {})
            past = await rest.rows(key, PAST_ORDERS, {"limit": 10})
            positions = await rest.rows(key, POSITIONS, {})
        finally:
            await http.close()
            rest.close()
    spot = balance_report(wallets[0], SPOT, NOW_MS)
    collateral = balance_report(wallets[1], FUTURES, NOW_MS)
    assert spot is not None
    assert (spot.asset, spot.total, spot.locked) == ("BTC", D("1.61169184"), None)
    assert collateral is not None
    assert (collateral.asset, collateral.total, collateral.locked) == ("USDT", D("1000.5"), D("100.25"))
    facts = order_facts(decode(OrderFields, orders[0]), SPOT)
    assert (facts.instrument_id, facts.side, facts.is_working) == (PAIR.id, Side.SELL, True)
    assert not order_facts(decode(OrderFields, past[0]), SPOT).is_working
    position = position_report(positions[0], FUTURES, NOW_MS)
    assert position is not None
    assert (position.instrument_id, position.quantity, position.entry_price) == (DERIVATIVE.id, D("-0.25"), D("40000"))


@pytest.mark.usefixtures("mock_server")
async def test_a_login_brings_the_venues_own_example_of_an_account() -> None:
    frames: dict[str, list[msgspec.Raw]] = {}
    async with (
        mock() as ports,
        aiohttp.ClientSession() as http,
        http.ws_connect(f"ws://127.0.0.1:{ports['socket']}/ws/2") as socket,
    ):
        await socket.send_json(SIGNER.login(1_700_000_000_000_000))
        events = []
        while not {"ws", "os"} <= frames.keys():
            text = await socket.receive_str(timeout=WAIT_S)
            if text.startswith("{"):
                events.append(json.loads(text))
                continue
            _, name, rows = decode(list[msgspec.Raw], text)[:3]
            frames[decode(str, name)] = decode(list[msgspec.Raw], rows)
    assert [(each["event"], each.get("status")) for each in events] == [("info", None), ("auth", "OK")]
    balances = [balance_report(row, SPOT, NOW_MS) for row in frames["ws"]]
    assert [(each.asset, each.total) for each in balances if each is not None] == [("BTC", 1), ("ETH", 1)]
    facts = order_facts(decode(OrderFields, frames["os"][0]), SPOT)
    assert (facts.instrument_id, facts.side, facts.is_working) == (PAIR.id, Side.SELL, True)
