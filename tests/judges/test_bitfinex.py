"""Third-party clients of BITFINEX, unmodified but for the URL, trade end to end against the simulator."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from cadenza.adapters.venues.bitfinex.credential import BitfinexSigner
from cadenza.domain.accounts.credential import CredentialType, Secrets
from cadenza.runtime.local import SystemClock, SystemIds
from cadenza.simulators.bitfinex.server import BitfinexSimulator, run_bitfinex
from cadenza.simulators.bitfinex.settings import BitfinexSettings
from cadenza.simulators.bitfinex.truth import bitfinex_truth
from cadenza.simulators.bitfinex.wire.keys import BitfinexKey
from tests import needs

from .judging import run_judge


@pytest.fixture
async def bitfinex(tmp_path: Path) -> AsyncIterator[BitfinexSimulator]:
    needs.judges()
    settings = BitfinexSettings(data_dir=tmp_path, is_limited=False)
    async with run_bitfinex(settings, SystemClock(), SystemIds()) as running:
        yield running


async def verdict(script: str, bitfinex: BitfinexSimulator) -> Any:
    key = bitfinex.venue.keys.of("main")
    return await run_judge(script, bitfinex.url, key.key, key.secret)


async def test_ccxt_trades_everything(bitfinex: BitfinexSimulator) -> None:
    seen = await verdict("ccxt_bitfinex.py", bitfinex)
    assert seen["markets"] == {
        "count": 12,
        "spot": ["tBTCUSD", True, 4e-05, 5],
        "swap": ["tBTCF0:USTF0", True, "USDT"],
        "paper": "tTESTBTC:TESTUSD",
        "status": "ok",
        "book": [60006.0, 0.16666666],
        "trades": 1,
        "ticker": 60000.0,
        "tickers": ["BTC/USD", "BTC/USDT:USDT"],
        "funding": 60000.0,
        "currencies": ["BTC", "DOGE", "ETH"],
    }
    spot = seen["spot"]
    assert [row[2] for row in spot["statuses"]] == [
        "open",
        "closed",
        "closed",
        "IOC CANCELED",
        "closed",
        "POSTONLY CANCELED",
        "open",
        "open",
        "open",
    ]
    assert (spot["average"], spot["client_id"]) == (60006.0, "5")
    assert spot["refusals"] == ["InsufficientFunds", "PermissionDenied", "OrderNotFound"]
    assert (spot["edited"], spot["partial"]) == ([51000.0, 0.02], ["open", 0.015, 0.005])
    assert (spot["many"], spot["open"], spot["canceled"], spot["left"]) == ([49000.0, 48000.0], 3, True, 0)
    assert sorted(row[2] for row in spot["trades"]) == ["maker"] + ["taker"] * 6
    assert spot["balance"] == [10.044765, 10.044765]
    assert (spot["order_trades"], spot["ledger"], spot["fees"]) == (1, 3, 0.002)
    assert seen["contracts"]["statuses"] == ["closed"] * 3
    assert [row[:3] for row in seen["contracts"]["positions"]] == [
        ["BTC/USDT:USDT", "long", 0.05],
        ["BTC/USD", "short", -0.1],
    ]
    streams = seen["streams"]
    assert streams["own"] == ["buy", 0.1, "maker", "BTC"]
    assert (streams["tape"], streams["partial"], streams["canceled"]) == (["sell", 0.1], ["open", 0.2], True)
    (accepted,) = [row for row in bitfinex_truth(bitfinex.venue)["accepted"] if row["cid"] == 5]
    assert accepted["times"] == 1


async def test_bitfinex_api_py_trades(bitfinex: BitfinexSimulator) -> None:
    """The venue's own client: REST, and the channel of the account beside public ones."""
    seen = await verdict("python_bitfinex.py", bitfinex)
    rest, socket = seen["rest"], seen["socket"]
    assert rest["statuses"] == [
        "ACTIVE",
        "EXECUTED @ 60006.0(0.1)",
        "EXECUTED @ 59994.0(-0.05)",
        "IOC CANCELED",
        "EXECUTED @ 60006.0(0.01)",
        "POSTONLY CANCELED",
        "ACTIVE",
        "ACTIVE",
        "ACTIVE",
        "EXECUTED @ 60012.0(0.04333334): was PARTIALLY FILLED @ 60006.0(0.05666666)",
        "EXECUTED @ 60006.0(0.1)",
    ]
    assert [row[0] for row in rest["refusals"]] == ["GenericError", "RequestParameterError"]
    assert (rest["texts"], rest["updated"], rest["canceled"]) == (["SUCCESS"], ["ou-req", 51000], [5, True])
    assert rest["open"] == ["EXCHANGE TRAILING STOP", "EXCHANGE STOP LIMIT", "EXCHANGE STOP"]
    assert rest["order_trades"] == [[0.1, 60006, -0.0002, "BTC"]]
    assert (rest["all"], rest["history"], rest["trades"]) == (True, 11, 6)
    assert [row[:2] for row in rest["positions"]] == [["tBTCF0:USTF0", 0.1], ["tBTCUSD", 0.1]]
    assert (rest["margin"], rest["symbol_margin"], rest["platform"], rest["derivatives"]) == (True, "tBTCUSD", 1, 3)
    assert socket["public"] == {
        "book": ["tBTCUSD", 39],
        "change": True,
        "checksum": True,
        "tape": 0.01,
        "ticker": 60000,
        "status": 60000,
    }
    assert [row for row in socket["seen"] if row[0] != "wallet_update"] == [
        ["caps", 1, 0],
        ["on-req-notification", None, None],
        ["order_new", "ACTIVE", None],
        ["trade_execution", None, None],
        ["trade_execution_update", None, -2e-05],
        ["order_cancel", "EXECUTED @ 60012.0(0.01)", None],
        ["on-req-notification", None, None],
        ["order_new", "ACTIVE", None],
        ["oc-req-notification", None, None],
        ["order_cancel", "CANCELED", None],
    ]


async def test_signatures_are_those_of_the_judges() -> None:
    seen = await run_judge("bitfinex_signatures.py")
    key = BitfinexKey(account="", key="", secret=seen["secret"])
    assert len(seen["requests"]) == 2
    for row in seen["requests"]:
        signed = key.sign(f"/api/v2/{row['path']}{row['nonce']}{row['body']}")
        assert signed == row["signature"] == row["second"]
        assert row["second_nonce"] == row["nonce"]
    login = seen["login"]
    assert key.sign(login["authPayload"]) == login["authSig"]
    assert login["authPayload"] == f"AUTH{login['authNonce']}"


async def test_the_connector_signs_as_the_judges_do() -> None:
    seen = await run_judge("bitfinex_signatures.py")
    login = seen["login"]
    signer = BitfinexSigner(CredentialType.HMAC, Secrets(login["apiKey"], seen["secret"], None))
    assert len(seen["requests"]) == 2
    for row in seen["requests"]:
        signed = signer.headers(f"/api/v2/{row['path']}", int(row["nonce"]), row["body"])
        assert [signed["bfx-nonce"], signed["bfx-signature"]] == [row["nonce"], row["signature"]]
    made = signer.login(int(login["authNonce"]))
    assert {name: str(made[name]) for name in made} == {name: str(login[name]) for name in made}
