"""Third-party clients of BINANCE cross margin, unmodified but for the URL, trade end to end against the simulator."""

from decimal import Decimal
from pathlib import Path

import pytest

from cadenza.simulators.binance.server import BinanceSimulator

from .judging import truth, verdict

D = Decimal


@pytest.mark.parametrize("kind", ["HMAC", "ED25519"])
async def test_ccxt_trades(simulator: BinanceSimulator, tmp_path: Path, kind: str) -> None:
    seen = await verdict("ccxt_margin.py", simulator, kind, tmp_path)
    rest, streams = seen["rest"], seen["streams"]
    assert rest["market"] == [True, True]
    assert rest["statuses"] == ["open", "closed", "expired", "open", "open", "closed"]
    assert (rest["debt"], rest["repaid"]) == (0.20001, 0.10011)
    assert rest["by_hand"] == [60.0, True]
    assert (rest["open"], rest["left"], rest["orders"]) == (3, 0, 7)
    amounts = [("buy", 0.01), *[("sell", 0.16666)] * 7, ("sell", 0.03338), ("buy", 0.1)]
    assert sorted(map(tuple, rest["trades"])) == sorted(amounts), "the client sorts trades of one instant at will"
    assert streams == {"order": ["BTC/USDT", "market"], "own": 0.001, "balance": True}
    kept = await truth(simulator, "margin")
    assert {asset: D(amount) for asset, amount in kept["loans"].items()} == {"BTC": D("0.10011"), "USDT": D(60)}
    assert {row["times"] for row in kept["accepted"]} == {1}


@pytest.mark.parametrize("kind", ["HMAC", "RSA"])
async def test_python_binance_trades(simulator: BinanceSimulator, tmp_path: Path, kind: str) -> None:
    seen = await verdict("python_binance_margin.py", simulator, kind, tmp_path)
    assert seen == {
        "pairs": 5,
        "answers": ["NEW", "FILLED", 1, "CANCELED"],
        "events": ["NEW", "NEW", "FILLED", "CANCELED"],
        "borrowed": ["0.49001000", "BTC"],
        "records": [["USDT", "10.00000000"], ["BTC", "0.49001000"]],
        "owed": {"BTC": "0.49001000", "USDT": "10.00000000"},
        "open": [],
        "orders": ["CANCELED", "FILLED", "FILLED"],
        "trades": ["0.01000000", *["0.16666000"] * 9, "0.00006000"],
        "refusal": [-2010, "Account has insufficient balance for requested action."],
    }
