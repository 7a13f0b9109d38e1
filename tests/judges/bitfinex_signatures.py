"""ccxt and bitfinex-api-py sign the same requests, and the headers are printed. Run by the judge's own Python."""

import datetime
import json

import ccxt
from bfxapi.rest._interface import middleware
from bfxapi.websocket import _connection

KEY, SECRET = "a" * 43, "b" * 43
AT_US = 1_700_000_000_123_456
BODY = {"type": "EXCHANGE LIMIT", "symbol": "tBTCUSD", "amount": "0.01", "price": "50000", "cid": 5}


class Clock(datetime.datetime):
    """A clock that stands still."""

    @classmethod
    def now(cls, tz: datetime.tzinfo | None = None) -> "Clock":
        return cls.fromtimestamp(AT_US / 1_000_000, tz)


def by_ccxt(path: str, params: dict[str, object]) -> dict[str, str]:
    exchange = ccxt.bitfinex({"apiKey": KEY, "secret": SECRET})
    exchange.incrementing_nonce = lambda: AT_US
    signed = exchange.sign(path, ["private"], "POST", params)
    return {
        "path": signed["url"].partition("/v2/")[2],
        "body": signed["body"],
        "nonce": signed["headers"]["bfx-nonce"],
        "signature": signed["headers"]["bfx-signature"],
    }


def by_bfxapi(path: str, body: str) -> dict[str, str]:
    made = middleware.Middleware("", KEY, SECRET)
    return made._Middleware__get_authentication_headers(path, body)


def main() -> None:
    middleware.datetime = _connection.datetime = Clock
    rows = [by_ccxt("auth/w/order/submit", BODY), by_ccxt("auth/r/wallets", {})]
    for row in rows:
        headers = by_bfxapi(row["path"], row["body"])
        row["second_nonce"], row["second"] = headers["bfx-nonce"], headers["bfx-signature"]
    login = json.loads(_connection.Connection._get_authentication_message(KEY, SECRET))
    print(json.dumps({"secret": SECRET, "requests": rows, "login": login}))


main()
