"""Third-party clients of BINANCE USD-M, unmodified but for the URL, trade end to end against the simulator."""

from decimal import Decimal
from pathlib import Path

import pytest

from cadenza.simulators.binance.server import BinanceSimulator

from .judging import truth, verdict

D = Decimal


@pytest.mark.parametrize("kind", ["HMAC", "ED25519"])
async def test_ccxt_trades(simulator: BinanceSimulator, tmp_path: Path, kind: str) -> None:
    seen = await verdict("ccxt_usdm.py", simulator, kind, tmp_path)
    rest, streams = seen["rest"], seen["streams"]
    assert rest["markets"] == ["BTC/USDC:USDC", "BTC/USDT:USDT", "BTC/USDT:USDT-301227", "ETH/USDT:USDT"]
    assert rest["market"] == [True, True, "USDT", 100.0]
    assert rest["rounded"] == ["0.123", "60000.1"]
    assert rest["book"] == [[59994.0, 3.333], [60006.0, 3.333]]
    assert rest["leverage"] == 10
    assert [row[2] for row in rest["statuses"]] == ["open", "closed", "expired", "closed", "open", "closed", "open"]
    types, statuses, left = rest["conditional"]
    assert types == ["STOP_MARKET", "STOP", "TAKE_PROFIT_MARKET", "TAKE_PROFIT", "TRAILING_STOP_MARKET"]
    assert (statuses, left) == (["FINISHED", "CANCELED", "NEW", "NEW", "NEW"], 0)
    assert rest["partial"] == ["open", 0.2, 0.3]
    assert (rest["open"], rest["left"], rest["orders"]) == (4, 0, 9)
    assert rest["trades"] == [
        ["buy", 0.1, "taker"],
        ["buy", 0.1, "taker"],
        ["sell", 0.1, "taker"],
        ["sell", 0.01, "taker"],
        ["buy", 0.2, "maker"],
    ]
    assert rest["public_trades"]
    assert rest["position"][:3] == ["long", 0.29, "cross"]
    assert rest["balance"] == [99986.5297, 100000.0]
    assert (rest["funding"], rest["tiers"]) == (0.0001, 3)
    assert rest["refusals"] == ["-2019", "-5022", "-2021", "-2013", "-2011"]
    assert streams["book"] == [59994.0, 60006.0]
    assert streams["order"] == ["BTC/USDT:USDT", "market"]
    assert streams["own"] == [0.002, "taker", "USDT"]
    assert (streams["balance"], streams["position"], streams["mark"]) == (True, ["long", True], True)
    assert streams["bid"] == [60002.0, 0.3]
    assert streams["by_socket"] == ["open", "canceled"]
    kept = await truth(simulator, "usdm")
    assert [D(trade["quantity"]) for trade in kept["trades"]][:5] == [
        D(row[1]).quantize(D("0.01")) for row in rest["trades"]
    ]
    assert {row["times"] for row in (*kept["accepted"], *kept["accepted_algo"])} == {1}


@pytest.mark.parametrize("kind", ["HMAC", "RSA"])
async def test_python_binance_trades(simulator: BinanceSimulator, tmp_path: Path, kind: str) -> None:
    seen = await verdict("python_binance_usdm.py", simulator, kind, tmp_path)
    assert seen.pop("by_socket", None) == ("NEW" if kind == "HMAC" else None)
    assert seen == {
        "symbols": 4,
        "leverage": 25,
        "answers": ["NEW", "FILLED", "NEW", "CANCELED", "success"],
        "events": [
            ["ORDER_TRADE_UPDATE", "NEW"],
            ["ORDER_TRADE_UPDATE", "NEW"],
            "ACCOUNT_UPDATE",
            "TRADE_LITE",
            ["ORDER_TRADE_UPDATE", "FILLED"],
            ["ALGO_UPDATE", "NEW"],
            ["ORDER_TRADE_UPDATE", "CANCELED"],
            ["ALGO_UPDATE", "CANCELED"],
        ],
        "best": "59994.00",
        "mark": "60000.00000000",
        "open": [],
        "trades": ["0.100"],
        "depth": 5,
        "position": ["BTCUSDT", "0.100", "60006"],
        "assets": ["USDT", "USDC"],
        "income": ["TRANSFER", "TRANSFER", "COMMISSION"],
        "refusal": [-4016, "Limit price can't be higher than 63000.00."],
    }
