"""A client of the simulator that signs as the venue's documents say, written without the simulator's own code."""

import asyncio
import base64
import hashlib
import hmac
import itertools
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from types import TracebackType
from typing import Any
from urllib.parse import urlencode

import aiohttp
from yarl import URL

from cadenza.simulators.okx.server import OkxSimulator
from cadenza.simulators.okx.wire.keys import OkxKey


def sign(secret: str, timestamp: str, method: str, path: str, body: str = "") -> str:
    payload = (timestamp + method + path + body).encode()
    return base64.b64encode(hmac.new(secret.encode(), payload, hashlib.sha256).digest()).decode()


def iso(at_ms: int) -> str:
    moment = datetime.fromtimestamp(at_ms // 1000, UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{at_ms % 1000:03d}Z"


class Reply:
    """A status and the decoded body."""

    def __init__(self, status: int, body: Any) -> None:
        self.status = status
        self.body = body

    @property
    def data(self) -> Any:
        assert self.body["code"] == "0", self.body
        return self.body["data"]

    @property
    def row(self) -> Any:
        """The one row of an answer, whatever its code."""
        (row,) = self.body["data"]
        return row

    @property
    def refusal(self) -> str:
        """The code of a refused order, or of a refused request."""
        rows = self.body["data"]
        return str(rows[0]["sCode"]) if rows else str(self.body["code"])


class OkxTrader:
    """Calls REST with one key. `now_ms` gives the timestamps."""

    def __init__(
        self, simulator: OkxSimulator, key: OkxKey | None = None, now_ms: Callable[[], int] | None = None
    ) -> None:
        self.simulator = simulator
        self.key = key or simulator.venue.keys.of(is_demo=False)
        self._now_ms = now_ms or (lambda: simulator.venue.now_ms())
        self._http = aiohttp.ClientSession(simulator.url)

    async def __aenter__(self) -> "OkxTrader":
        return self

    async def __aexit__(
        self, type: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._http.close()

    def headers(self, method: str, path: str, body: str = "") -> dict[str, str]:
        timestamp = iso(self._now_ms())
        return {
            "OK-ACCESS-KEY": self.key.key,
            "OK-ACCESS-PASSPHRASE": self.key.passphrase,
            "OK-ACCESS-TIMESTAMP": timestamp,
            "OK-ACCESS-SIGN": sign(self.key.secret, timestamp, method, path, body),
            "Content-Type": "application/json",
        } | ({"x-simulated-trading": "1"} if self.key.is_demo else {})

    async def public(self, path: str, **params: Any) -> Reply:
        return await self.send("GET", f"/api/v5/{path}?{urlencode(params)}", {})

    async def get(self, path: str, headers: dict[str, str] | None = None, **params: Any) -> Reply:
        target = f"/api/v5/{path}" + (f"?{urlencode(params)}" if params else "")
        return await self.send("GET", target, self.headers("GET", target) | (headers or {}))

    async def post(self, path: str, body: Any, headers: dict[str, str] | None = None) -> Reply:
        target, text = f"/api/v5/{path}", json.dumps(body)
        return await self.send("POST", target, self.headers("POST", target, text) | (headers or {}), text)

    async def place(self, headers: dict[str, str] | None = None, **params: Any) -> Reply:
        """Place an order: a buy of 0.01 BTC at 50000 unless the fields say otherwise."""
        return await self.post("trade/order", order(**params), headers)

    async def cancel(self, **params: Any) -> Reply:
        return await self.post("trade/cancel-order", {"instId": "BTC-USDT", **params})

    async def order(self, **params: Any) -> Reply:
        return await self.get("trade/order", **{"instId": "BTC-USDT", **params})

    async def swap(self, side: str = "buy", **params: Any) -> Reply:
        """Place an order of ten contracts of a tenth of a bitcoin together at market."""
        fields = {"instId": "BTC-USDT-SWAP", "tdMode": "cross", "ordType": "market", "sz": "10", "px": None}
        return await self.place(side=side, **{**fields, **params})

    async def balance(self, asset: str) -> Any:
        (account,) = (await self.get("account/balance", ccy=asset)).data
        (row,) = account["details"]
        return row

    async def positions(self, **params: Any) -> Any:
        return (await self.get("account/positions", **params)).data

    async def truth(self) -> Any:
        return (await self.send("GET", "/simulator/truth", {})).body

    async def admin(self, path: str, method: str = "POST", **order: Any) -> Any:
        reply = await self.send(method, f"/simulator/{path}", {}, json.dumps(order))
        assert reply.status == 200, reply.body
        return reply.body

    async def trade_at(self, price: str, quantity: str, side: str = "SELL", symbol: str = "BTC-USDT") -> None:
        """Others trade: an aggressor of that side takes `quantity` at `price`."""
        await self.admin("market", symbol=symbol, trade_side=side, trade_price=price, trade_quantity=quantity)

    async def send(self, method: str, path: str, headers: dict[str, str], body: str = "") -> Reply:
        url = URL(self.simulator.url + path, encoded=True)
        async with self._http.request(method, url, headers=headers, data=body or None) as reply:
            text = await reply.text()
            return Reply(reply.status, json.loads(text) if reply.content_type == "application/json" else text)


def order(**params: Any) -> dict[str, Any]:
    """Return the fields of an order; those that are None are left out."""
    fields = {"instId": "BTC-USDT", "tdMode": "cash", "side": "buy", "ordType": "limit", "px": "50000", "sz": "0.01"}
    return {name: value for name, value in {**fields, **params}.items() if value is not None}


class OkxSocket:
    """Frames in the order in which they came. Each wait has a limit, so that a silent server fails the test."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self.socket = socket
        self._ids = itertools.count(1)

    async def send(self, frame: Any) -> None:
        await self.socket.send_str(frame if isinstance(frame, str) else json.dumps(frame))

    async def frame(self) -> Any:
        """Return the next frame; None when the server has closed."""
        async with asyncio.timeout(60):
            message = await self.socket.receive()
        if message.type is not aiohttp.WSMsgType.TEXT:
            return None
        return message.data if message.data == "pong" else json.loads(message.data)

    async def until(self, is_wanted: Callable[[Any], bool]) -> Any:
        """Return the next frame that is wanted; what comes before it is passed over."""
        while True:
            frame = await self.frame()
            assert frame is not None, "the server closed"
            if is_wanted(frame):
                return frame

    async def log_in(self, key: OkxKey, now_ms: int, **changes: str) -> Any:
        timestamp = str(now_ms // 1000)
        login = {
            "apiKey": key.key,
            "passphrase": key.passphrase,
            "timestamp": timestamp,
            "sign": sign(key.secret, timestamp, "GET", "/users/self/verify"),
        }
        await self.send({"op": "login", "args": [login | changes]})
        return await self.frame()

    async def subscribe(self, **arg: str) -> Any:
        await self.send({"op": "subscribe", "args": [arg]})
        return await self.frame()

    async def data(self, channel: str) -> Any:
        """Return the next push of a channel."""
        return await self.until(lambda frame: "data" in frame and frame.get("arg", {}).get("channel") == channel)

    async def ask(self, op: str, *args: Any, **more: Any) -> Any:
        """Execute an operation and return its answer."""
        id = str(next(self._ids))
        await self.send({"id": id, "op": op, "args": list(args), **more})
        return await self.until(lambda frame: isinstance(frame, dict) and frame.get("id") == id)


@asynccontextmanager
async def opened(url: str, **options: Any) -> AsyncIterator[OkxSocket]:
    async with aiohttp.ClientSession() as http, http.ws_connect(url, **options) as socket:
        yield OkxSocket(socket)


@asynccontextmanager
async def logged_in(
    simulator: OkxSimulator, path: str = "private", key: OkxKey | None = None
) -> AsyncIterator[OkxSocket]:
    async with opened(f"{simulator.stream_url}/{path}") as socket:
        answer = await socket.log_in(key or simulator.venue.keys.of(is_demo=False), simulator.venue.now_ms())
        assert answer["event"] == "login", answer
        yield socket
