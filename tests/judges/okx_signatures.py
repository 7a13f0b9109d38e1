"""ccxt and python-okx sign the same requests, and the headers are printed. Run by the judge's own Python."""

import json

import ccxt
from okx import utils
from okx.websocket import WsUtils

KEY, SECRET, PASSPHRASE = "37c541a1-0000-4000-8000-10fe7a038418", "22582BD0CFF14C41EDBF1AB98506286D", "Pass-phrase1!"
AT_MS = 1_607_418_537_715
BODY = {"instId": "BTC-USDT", "tdMode": "cash", "side": "buy", "ordType": "market", "sz": "1"}


def by_ccxt(path: str, method: str, params: dict[str, str]) -> dict[str, str]:
    exchange = ccxt.okx({"apiKey": KEY, "secret": SECRET, "password": PASSPHRASE})
    exchange.nonce = exchange.milliseconds = lambda: AT_MS
    signed = exchange.sign(path, ["private"], method, params)
    wanted = ("OK-ACCESS-TIMESTAMP", "OK-ACCESS-SIGN")
    url = signed["url"].partition(".com")[2]
    return {"path": url, "method": method, "body": signed["body"] or ""} | {
        name: signed["headers"][name] for name in wanted
    }


def by_python_okx(timestamp: str, method: str, path: str, body: str) -> str:
    return utils.sign(utils.pre_hash(timestamp, method, path, body, False), SECRET).decode()


def main() -> None:
    asked = [by_ccxt("account/balance", "GET", {"ccy": "BTC,ETH"}), by_ccxt("trade/order", "POST", BODY)]
    for row in asked:
        row["second"] = by_python_okx(row["OK-ACCESS-TIMESTAMP"], row["method"], row["path"], row["body"])
    login = json.loads(WsUtils.initLoginParams(False, KEY, PASSPHRASE, SECRET))["args"][0]
    print(json.dumps({"secret": SECRET, "requests": asked, "login": login}))


main()
