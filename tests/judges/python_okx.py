"""python-okx trades against a simulator of OKX, unmodified but for its URL, and prints what it saw.

Run by the judge's own Python: `python_okx.py URL KEY SECRET PASSPHRASE DEMO`. It imports nothing of this project.
"""

import json
import sys
from typing import Any

from okx import Account, MarketData, PublicData, Trade

SPOT, SWAP = "BTC-USDT", "BTC-USDT-SWAP"


def states(trade: Any, rows: list[Any]) -> list[str]:
    return [trade.get_order(instId=row["instId"], ordId=row["ordId"])["data"][0]["state"] for row in rows]


def place(trade: Any, inst_id: str, mode: str, **fields: str) -> dict[str, str]:
    answer = trade.place_order(instId=inst_id, tdMode=mode, **fields)
    assert answer["code"] == "0", answer
    return {"instId": inst_id, "ordId": answer["data"][0]["ordId"]}


def judge_orders(trade: Any) -> dict[str, Any]:
    placed = [
        place(trade, SPOT, "cash", side="buy", ordType="limit", px="50000", sz="0.01", clOrdId="p1"),
        place(trade, SPOT, "cash", side="buy", ordType="market", sz="100"),
        place(trade, SPOT, "cash", side="sell", ordType="market", sz="0.001"),
        place(trade, SPOT, "cash", side="buy", ordType="post_only", px="60006", sz="0.01"),
        place(trade, SPOT, "cash", side="buy", ordType="fok", px="60006", sz="0.01"),
        place(trade, SPOT, "cash", side="buy", ordType="ioc", px="59000", sz="0.01"),
        place(trade, SWAP, "cross", side="buy", ordType="optimal_limit_ioc", sz="2"),
    ]
    batch = trade.place_multiple_orders(
        [
            {"instId": SPOT, "tdMode": "cash", "side": "buy", "ordType": "limit", "px": "50000", "sz": "0.01"},
            {"instId": SPOT, "tdMode": "cash", "side": "buy", "ordType": "limit", "px": "50000", "sz": "1000"},
        ]
    )
    algo = trade.place_algo_order(
        instId=SWAP, tdMode="cross", side="sell", ordType="conditional", sz="2", slTriggerPx="55000", slOrdPx="-1"
    )
    pending = trade.order_algos_list(ordType="conditional")["data"]
    algo_id = algo["data"][0]["algoId"]
    return {
        "states": states(trade, placed),
        "batch": [batch["code"], [row["sCode"] for row in batch["data"]]],
        "pending": len(trade.get_order_list()["data"]),
        "by_client_id": trade.get_order(instId=SPOT, clOrdId="p1")["data"][0]["ordId"] == placed[0]["ordId"],
        "canceled": trade.cancel_order(instId=SPOT, clOrdId="p1")["code"],
        "gone": trade.cancel_order(instId=SPOT, clOrdId="p1")["data"][0]["sCode"],
        "history": len(trade.get_orders_history(instType="SPOT")["data"]),
        "fills": [row["execType"] for row in trade.get_fills(instType="SPOT")["data"]],
        "algo": [pending[0]["algoId"] == algo_id, pending[0]["state"]],
        "algo_canceled": trade.cancel_algo_order([{"instId": SWAP, "algoId": algo_id}])["code"],
    }


def judge_account(account: Any) -> dict[str, Any]:
    config = account.get_account_config()["data"][0]
    balance = account.get_account_balance(ccy="BTC")["data"][0]["details"][0]
    (position,) = account.get_positions()["data"]
    return {
        "config": [config["acctLv"], config["posMode"], config["perm"]],
        "balance": [balance["ccy"], balance["ordFrozen"]],
        "position": [position["instId"], position["pos"], position["avgPx"], position["lever"]],
        "leverage": account.get_leverage(mgnMode="cross", instId=SWAP)["data"][0]["lever"],
        "fees": account.get_fee_rates(instType="SPOT")["data"][0]["taker"],
    }


def main() -> None:
    url, key, secret, passphrase, environment = sys.argv[1:]
    flag = "1" if environment == "demo" else "0"
    signed = (key, secret, passphrase, None, flag, url)
    public, market = PublicData.PublicAPI(flag=flag, domain=url), MarketData.MarketAPI(flag=flag, domain=url)
    seen = {
        "instruments": len(public.get_instruments(instType="SWAP")["data"]),
        "book": market.get_orderbook(instId=SPOT, sz="1")["data"][0]["asks"][0][0],
        "orders": judge_orders(Trade.TradeAPI(*signed)),
        "account": judge_account(Account.AccountAPI(*signed)),
    }
    print(json.dumps(seen))


main()
