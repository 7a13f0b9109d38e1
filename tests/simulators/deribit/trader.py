"""Clients of the simulator that sign as the venue's documents say, written without the simulator's own code."""

import asyncio
import hashlib
import hmac
import itertools
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

import aiohttp
from yarl import URL

PERPETUAL = "BTC-PERPETUAL"
WAIT_S = 60


def signed(secret: str, *parts: str) -> str:
    return hmac.new(secret.encode(), "\n".join(parts).encode(), hashlib.sha256).hexdigest()


class Refused(Exception):
    """A JSON-RPC error, in a test that did not expect one."""

    def __init__(self, error: dict[str, Any]) -> None:
        super().__init__(json.dumps(error, default=str))
        self.code: int = error["code"]
        self.message: str = error["message"]
        self.data: dict[str, Any] = error.get("data") or {}


def result_of(answer: Any) -> Any:
    if "error" in answer:
        raise Refused(answer["error"])
    return answer["result"]


class HttpTrader:
    """Calls methods over HTTP with one key, as `deri-hmac-sha256`."""

    def __init__(self, url: str, key: str, secret: str, now_ms: Callable[[], int]) -> None:
        self.url, self.key, self.secret, self._now_ms = url, key, secret, now_ms
        self._http = aiohttp.ClientSession()

    async def __aenter__(self) -> "HttpTrader":
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._http.close()

    async def get(self, method: str, **params: Any) -> Any:
        return result_of((await self.asked("GET", method, params))[1])

    async def post(self, method: str, **params: Any) -> Any:
        return result_of((await self.asked("POST", method, params))[1])

    async def asked(
        self,
        verb: str,
        method: str,
        params: dict[str, Any],
        *,
        fault: str | None = None,
        headers: dict[str, str] | None = None,
    ) -> tuple[int, Any]:
        """Return the status and the body of an answer."""
        path, body = f"/api/v2/{method}", ""
        if verb == "GET":
            texts = {name: value if isinstance(value, str) else json.dumps(value) for name, value in params.items()}
            path += f"?{urlencode(texts)}" if texts else ""
        else:
            body = json.dumps({"jsonrpc": "2.0", "id": 7, "method": method, "params": params})
        sent = self.signature(verb, path, body) if headers is None else headers
        sent |= {} if fault is None else {"X-Simulator-Fault": fault}
        url = URL(self.url + path, encoded=True)
        async with self._http.request(verb, url, data=body or None, headers=sent) as reply:
            text = await reply.text()
            is_json = reply.content_type == "application/json"
            return reply.status, json.loads(text, parse_float=Decimal) if is_json else text

    def signature(
        self, verb: str, path: str, body: str = "", *, nonce: str = "n1", at_ms: int | None = None
    ) -> dict[str, str]:
        ts = str(self._now_ms() if at_ms is None else at_ms)
        sig = signed(self.secret, ts, nonce, verb, path, body, "")
        return {"Authorization": f"deri-hmac-sha256 id={self.key},ts={ts},sig={sig},nonce={nonce}"}

    async def admin(self, path: str, method: str = "POST", **order: Any) -> Any:
        body = json.dumps(order, default=str) if method == "POST" else None
        async with self._http.request(method, f"{self.url}/simulator/{path}", data=body) as reply:
            assert reply.status == 200, await reply.text()
            return json.loads(await reply.text())

    async def trade_at(self, price: str, amount: str, side: str = "SELL", instrument: str = PERPETUAL) -> None:
        """Others trade: an aggressor of that side takes `amount` at `price`."""
        order = {"trade_side": side, "trade_price": price, "trade_quantity": amount}
        await self.admin("market", symbol=instrument, **order)

    async def truth(self) -> Any:
        return await self.admin("truth", "GET")

    async def buy(self, price: str | None = "59000", amount: str = "100", **params: Any) -> Any:
        return await self.place("buy", price, amount, **params)

    async def sell(self, price: str | None = "61000", amount: str = "100", **params: Any) -> Any:
        return await self.place("sell", price, amount, **params)

    async def place(self, side: str, price: str | None, amount: str, **params: Any) -> Any:
        values = {"instrument_name": PERPETUAL, "amount": amount, "type": "limit" if price else "market"}
        values |= {"price": price} if price else {}
        return await self.post(f"private/{side}", **(values | params))


class SocketTrader:
    """A socket. Frames are kept in the order in which they came. Each wait has a limit, so that a silent server fails
    the test."""

    def __init__(
        self, socket: aiohttp.ClientWebSocketResponse, key: str, secret: str, now_ms: Callable[[], int]
    ) -> None:
        self.socket, self.key, self.secret, self._now_ms = socket, key, secret, now_ms
        self._ids = itertools.count(1)
        self._kept: list[Any] = []

    async def login(self, scope: str | None = None) -> Any:
        ts = str(self._now_ms())
        params = {
            "grant_type": "client_signature",
            "client_id": self.key,
            "timestamp": int(ts),
            "nonce": "abc",
            "data": "",
            "signature": signed(self.secret, ts, "abc", ""),
        }
        return await self.ask("public/auth", **params, **({} if scope is None else {"scope": scope}))

    async def ask(self, method: str, **params: Any) -> Any:
        return result_of(await self.answer(method, params))

    async def answer(self, method: str, params: dict[str, Any]) -> Any:
        """Send a request and return its answer. Frames that come before it are kept."""
        id = await self.send(method, params)
        while True:
            frame = await self.receive()
            assert frame is not None, "the server closed"
            if frame.get("id") == id:
                return frame
            self._kept.append(frame)

    async def send(self, method: str, params: dict[str, Any]) -> int:
        id = next(self._ids)
        frame = {"jsonrpc": "2.0", "id": id, "method": method, "params": params}
        await self.socket.send_str(json.dumps(frame, default=str))
        return id

    async def data(self, channel: str) -> Any:
        """Return the next message of a channel; what comes before it is kept."""
        for index, frame in enumerate(self._kept):
            if frame.get("params", {}).get("channel") == channel:
                return self._kept.pop(index)["params"]["data"]
        while True:
            frame = await self.receive()
            assert frame is not None, "the server closed"
            if frame.get("params", {}).get("channel") == channel:
                return frame["params"]["data"]
            self._kept.append(frame)

    async def frame(self) -> Any:
        """Return the next frame; None when the server has closed."""
        return self._kept.pop(0) if self._kept else await self.receive()

    async def receive(self) -> Any:
        async with asyncio.timeout(WAIT_S):
            message = await self.socket.receive()
        return json.loads(message.data, parse_float=Decimal) if message.type is aiohttp.WSMsgType.TEXT else None

    async def buy(self, price: str | None = "59000", amount: str = "100", **params: Any) -> Any:
        return await self.place("buy", price, amount, **params)

    async def sell(self, price: str | None = "61000", amount: str = "100", **params: Any) -> Any:
        return await self.place("sell", price, amount, **params)

    async def place(self, side: str, price: str | None, amount: str, **params: Any) -> Any:
        values = {"instrument_name": PERPETUAL, "amount": amount, "type": "limit" if price else "market"}
        values |= {"price": price} if price else {}
        return await self.ask(f"private/{side}", **(values | params))


@asynccontextmanager
async def connected(simulator: Any, *, login: bool = True) -> AsyncIterator[SocketTrader]:
    """A socket of a simulator that runs in this process."""
    key = simulator.venue.keys.all()[0]
    async with aiohttp.ClientSession() as http, http.ws_connect(simulator.socket_url) as socket:
        trader = SocketTrader(socket, key.key, key.secret, simulator.venue.now_ms)
        if login:
            await trader.login()
        yield trader
