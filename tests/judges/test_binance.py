"""Third-party clients of BINANCE spot, unmodified but for the URL, trade end to end against the simulator."""

from decimal import Decimal
from pathlib import Path

import pytest

from cadenza.simulators.binance.server import BinanceSimulator

from .judging import truth, verdict

D = Decimal


@pytest.mark.parametrize("kind", ["HMAC", "ED25519"])
async def test_ccxt_trades(simulator: BinanceSimulator, tmp_path: Path, kind: str) -> None:
    seen = await verdict("ccxt_binance.py", simulator, kind, tmp_path)
    rest, streams = seen["rest"], seen["streams"]
    assert rest["markets"] == ["BNB/USDT", "BTC/USDT", "ETH/BTC", "ETH/USDT", "币安人生/USDT"]
    assert rest["limits"] == {"amount": "0.12345", "price": "60000.12", "cost": 5.0, "taker": 0.001}
    assert rest["book"] == [[59994.0, 0.16666], [60006.0, 0.16666]]
    assert [row[2] for row in rest["statuses"]] == ["open", *["closed"] * 3, *["expired"] * 2, *["open"] * 6]
    assert rest["partial"] == ["open", 0.2, 0.3]
    assert (rest["open"], rest["canceled"], rest["orders"]) == (7, 8, 13)
    assert rest["trades"] == [
        ["buy", 0.01, "BTC"],
        ["sell", 0.01, "USDT"],
        ["buy", 0.00166, "BTC"],
        ["buy", 0.2, "BTC"],
    ]
    assert rest["public_trades"]
    assert rest["used"] == 0
    assert rest["refusals"] == ["InsufficientFunds", "OrderImmediatelyFillable", "OrderNotFound", "OrderNotFound"]
    assert streams["order"] == ["BTC/USDT", "closed"]
    assert streams["own"] == [0.001, "taker"]
    assert streams["bid"] == [60002.0, 0.3]
    assert streams["by_socket"] == ["open", "canceled"]
    kept = await truth(simulator, "spot")
    first = [D(trade["quantity"]) for trade in kept["trades"]][:4]
    assert first == [D("0.01"), D("0.01"), D("0.00166"), D("0.2")]
    assert {row["times"] for row in kept["accepted"]} == {1}


@pytest.mark.parametrize("kind", ["HMAC", "RSA"])
async def test_python_binance_trades(simulator: BinanceSimulator, tmp_path: Path, kind: str) -> None:
    seen = await verdict("python_binance.py", simulator, kind, tmp_path)
    assert seen == {
        "symbols": 5,
        "answers": ["NEW", "FILLED", 2, "CANCELED"],
        "events": ["NEW", "NEW", "PARTIALLY_FILLED", "FILLED", "CANCELED"],
        "trade": "0.16666000",
        "open": [],
        "my_trades": ["0.16666000", "0.03334000"],
        "depth": 5,
        "can_trade": True,
        "permissions": True,
        "by_socket": "NEW",
        "refusal": [-1013, "Filter failure: PERCENT_PRICE_BY_SIDE"],
    }
