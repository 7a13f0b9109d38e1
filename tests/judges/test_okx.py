"""Third-party clients of OKX, unmodified but for the URL, trade end to end against the simulator."""

from collections.abc import AsyncIterator
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from cadenza.adapters.venues.okx.credential import OkxSigner
from cadenza.domain.accounts.credential import CredentialType, Secrets
from cadenza.runtime.local import SystemClock, SystemIds
from cadenza.simulators.okx.server import OkxSimulator, run_okx_simulator
from cadenza.simulators.okx.settings import OkxSimulatorSettings
from cadenza.simulators.okx.truth import okx_truth
from cadenza.simulators.okx.wire.keys import SOCKET_LOGIN_PATH, OkxKey
from tests import needs

from .judging import run_judge

D = Decimal


@pytest.fixture
async def okx(tmp_path: Path) -> AsyncIterator[OkxSimulator]:
    needs.judges()
    async with run_okx_simulator(OkxSimulatorSettings(data_dir=tmp_path), SystemClock(), SystemIds()) as running:
        yield running


async def verdict(script: str, okx: OkxSimulator, *, is_demo: bool) -> Any:
    key = okx.venue.keys.of(is_demo=is_demo)
    return await run_judge(script, okx.url, key.key, key.secret, key.passphrase, "demo" if is_demo else "live")


@pytest.mark.parametrize("is_demo", [False, True])
async def test_ccxt_trades_everything(okx: OkxSimulator, is_demo: bool) -> None:
    seen = await verdict("ccxt_okx.py", okx, is_demo=is_demo)
    assert seen["markets"] == {
        "count": 15,
        "spot": [0.1, 1e-08, 1e-05],
        "swap": [True, 0.01, "USDT"],
        "inverse": [True, 100.0, "BTC"],
        "option": [60000.0, "call", "2030-12-27T08:00:00.000Z"],
        "margin": False,
        "book": [60006.0, 0.16666666, 0],
        "time": True,
        "trades": True,
        "ticker": 60000.0,
        "funding": 0.0001,
    }
    spot, contracts, streams = seen["spot"], seen["contracts"], seen["streams"]
    assert [row[2] for row in spot["statuses"]] == [
        "open",
        "closed",
        "closed",
        "canceled",
        "closed",
        "canceled",
        "open",
    ]
    assert (spot["open"], spot["edited"], spot["left"]) == (2, [True, 51000.0, 0.02], 0)
    assert spot["refusals"] == ["InsufficientFunds", "InvalidOrder", "OrderNotFound", "OrderNotFound"]
    assert (spot["canceled"], spot["closed"]) == (4, 3)
    assert spot["trades"] == [
        ["buy", 0.01, "taker", "BTC"],
        ["sell", 0.01, "taker", "USDT"],
        ["buy", 0.01, "taker", "BTC"],
    ]
    assert spot["balance"] == [10.00998, 0.0]
    assert contracts == {
        "option": "closed",
        "positions": [
            ["BTC/USD:BTC", "short", 10.0, 59994.0, 10.0],
            ["BTC/USDT:USDT", "long", 2.0, 60006.0, 5.0],
            ["BTC/USDT:USDT-301227", "long", 1.0, 60006.0, 10.0],
        ],
        "conditional": [True],
        "fired": "effective",
        "closed": True,
        "left": [],
        "leverage": 10,
    }
    assert streams == {
        "ask": 60006.0,
        "bid": [60001.0, 0.5],
        "balance": 100000.0,
        "order": [True, "open"],
        "own": [True, 0.001, "taker"],
        "tape": 60001.0,
        "canceled": True,
        "positions": "BTC/USD:BTC",
    }
    kept = okx_truth(okx.venue)
    assert {row["times"] for row in kept["accepted"]} == {1}
    spot_fills = [trade.quantity for trade in kept["trades"] if trade.symbol == "BTC-USDT"]
    assert spot_fills == [D("0.01"), D("0.01"), D("0.01"), D("0.001")]


async def test_python_okx_trades(okx: OkxSimulator) -> None:
    seen = await verdict("python_okx.py", okx, is_demo=True)
    assert seen == {
        "instruments": 5,
        "book": "60006",
        "orders": {
            "states": ["live", "filled", "filled", "canceled", "filled", "canceled", "filled"],
            "batch": ["2", ["0", "51008"]],
            "pending": 2,
            "by_client_id": True,
            "canceled": "0",
            "gone": "51400",
            "history": 6,
            "fills": ["T", "T", "T"],
            "algo": [True, "live"],
            "algo_canceled": "0",
        },
        "account": {
            "config": ["2", "net_mode", "read_only,trade"],
            "balance": ["BTC", "0"],
            "position": ["BTC-USDT-SWAP", "2", "60006", "10"],
            "leverage": "10",
            "fees": "-0.001",
        },
    }


async def test_signatures_are_those_of_the_judges() -> None:
    seen = await run_judge("okx_signatures.py")
    key = OkxKey(account="", key="", secret=seen["secret"], passphrase="")
    assert len(seen["requests"]) == 2
    for row in seen["requests"]:
        signed = key.sign(row["OK-ACCESS-TIMESTAMP"], row["method"], row["path"], row["body"])
        assert signed == row["OK-ACCESS-SIGN"] == row["second"]
    login = seen["login"]
    assert key.sign(str(login["timestamp"]), "GET", SOCKET_LOGIN_PATH) == login["sign"]


async def test_the_connector_signs_as_the_judges_do() -> None:
    seen = await run_judge("okx_signatures.py")
    login = seen["login"]
    signer = OkxSigner(CredentialType.HMAC, Secrets("key", seen["secret"], login["passphrase"]))
    for row in seen["requests"]:
        at_ms = round(datetime.fromisoformat(row["OK-ACCESS-TIMESTAMP"]).timestamp() * 1_000)
        signed = signer.headers(row["method"], row["path"], row["body"], at_ms)
        wanted = ("OK-ACCESS-TIMESTAMP", "OK-ACCESS-SIGN")
        assert [signed[name] for name in wanted] == [row[name] for name in wanted]
    assert signer.login(int(login["timestamp"]) * 1_000)["sign"] == login["sign"]
