"""ccxt, unmodified but for its URLs, trades end to end against the simulator of DERIBIT."""

from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path

import aiohttp
import pytest

from cadenza.adapters.venues.deribit.credential import DeribitSigner
from cadenza.domain.accounts.credential import CredentialType, Secrets
from cadenza.runtime.local import SystemClock, SystemIds
from cadenza.simulators.deribit.server import DeribitSimulator, run_deribit
from cadenza.simulators.deribit.settings import DeribitSettings
from cadenza.simulators.deribit.wire.credits import unlimited
from tests import needs

from .judging import run_judge

D = Decimal


@pytest.fixture
async def deribit(tmp_path: Path) -> AsyncIterator[DeribitSimulator]:
    needs.judges()
    settings = DeribitSettings(data_dir=tmp_path, limits=unlimited())
    async with run_deribit(settings, SystemClock(), SystemIds()) as running:
        yield running


async def test_ccxt_trades(deribit: DeribitSimulator) -> None:
    (key,) = deribit.venue.keys.all()
    seen = await run_judge("ccxt_deribit.py", deribit.url, key.key, key.secret)
    rest, streams = seen["rest"], seen["streams"]
    assert len(rest["markets"]) == 13
    assert rest["market"] == [
        ["swap", True, "BTC", 10, 0.5],
        ["swap", False, "USDC", 0.0001, 1],
        ["future", True, "BTC", 10, 2.5],
        ["option", True, "BTC", 1, 0.0001],
        ["spot", None, None, 0.0001, 1],
    ]
    assert rest["option"] == [60000, "call", "2030-12-27T08:00:00.000Z"]
    assert (rest["status"], rest["currencies"]) == ("ok", ["BTC", "ETH", "USDC", "USDT"])
    assert rest["book"] == [[59994, 100000], [60006, 100000]]
    assert rest["ticker"] == [59994, 60006, 60000]
    assert rest["orders"] == [
        ["limit", "open", 0, None],
        ["market", "closed", 1000, 60006],
        ["limit", "canceled", 0, None],
        ["limit", "closed", 100, 60006],
        ["limit", "open", 0, None],
        ["market", "closed", 100, 59994],
        ["market", "closed", 0.5, 59994],
        ["limit", "closed", 500, 61005],
        ["limit", "closed", 2, 0.0505],
        ["market", "closed", 0.5, 60006],
        [["buy", 1000, "taker", "BTC"]],
    ]
    types, statuses, canceled, counts = rest["triggers"]
    assert types == ["stop_market", "stop_limit", "take_market", "take_limit", "trailing_stop"]
    assert (statuses, canceled) == (["triggered", "canceled", "open", "open", "open"], "canceled")
    assert counts == [3, 0]
    assert rest["partial"] == ["open", 200, 300]
    assert rest["edited"] == [400, 59980, "open", "canceled"]
    assert rest["closed"][-1] == ["buy", "canceled", 200]
    assert rest["trades"][-1] == ["buy", 200, "maker", "BTC"]
    assert rest["positions"] == [
        ["BTC/USD:BTC", "long", 1190],
        ["BTC/USD:BTC-301227", "long", 500],
        ["BTC/USD:BTC-301227-60000-C", "long", 2],
        ["BTC/USDC:USDC", "short", -0.5],
    ]
    assert rest["balance"] == [10.4984, 100, 969979.0015, 100000]
    assert rest["refusals"] == [
        "InsufficientFunds 10009",
        "InvalidOrder 11054",
        "InvalidOrder 10034",
        "OrderNotFound 10004",
        "OrderNotFound 10004",
        "BadRequest -32602",
    ]
    assert (streams["book"], streams["bid"], streams["quote"], streams["raw"]) == ([59994, 60006], 59994, 60006, 59994)
    assert streams["order"] == [True, "closed", 1000]
    assert streams["own"] == [["buy", 1000, "taker", "BTC"]]
    assert streams["trade"] == [["buy", 1000]]
    assert streams["bids"][0] == [60000, 100]
    assert streams["states"] == ["canceled"]
    async with aiohttp.ClientSession() as http, http.get(f"{deribit.url}/simulator/truth") as reply:
        kept = await reply.json()
    of_perpetual = [each for each in kept["trades"] if each["instrument"] == "BTC-PERPETUAL"]
    assert [D(each["amount"]) for each in of_perpetual][: len(rest["trades"])] == [row[1] for row in rest["trades"]]


async def test_the_connector_signs_as_ccxt_does() -> None:
    needs.judges()
    seen = await run_judge("deribit_signatures.py")
    signer = DeribitSigner(CredentialType.HMAC, Secrets(seen["key"], seen["secret"], None))
    assert len(seen["requests"]) == 2
    for row in seen["requests"]:
        fields = dict(part.split("=", 1) for part in row["header"].removeprefix("deri-hmac-sha256 ").split(","))
        header = signer.header("GET", row["target"], "", venue_ms=int(fields["ts"]), nonce=fields["nonce"])
        ours = dict(part.split("=", 1) for part in header.removeprefix("deri-hmac-sha256 ").split(","))
        assert ours == fields
