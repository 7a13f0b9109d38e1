"""A client of the simulator that signs as the venue's documents say, written without the simulator's own code."""

import base64
import hashlib
import hmac
import json
from collections.abc import Callable
from types import TracebackType
from typing import Any
from urllib.parse import quote, urlencode

import aiohttp
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from yarl import URL

from cadenza.simulators.binance.server import BinanceSimulator
from cadenza.simulators.binance.wire.keys import SimulatedKey


def sign(key: SimulatedKey, payload: str) -> str:
    if key.kind == "HMAC":
        return hmac.new(key.secret.encode(), payload.encode(), hashlib.sha256).hexdigest()
    private: Any = serialization.load_pem_private_key(key.secret.encode(), None)
    if isinstance(private, Ed25519PrivateKey):
        return base64.b64encode(private.sign(payload.encode())).decode()
    return base64.b64encode(private.sign(payload.encode(), padding.PKCS1v15(), hashes.SHA256())).decode()


class Reply:
    """A status, the decoded body and the headers."""

    def __init__(self, status: int, body: Any, headers: Any) -> None:
        self.status = status
        self.body = body
        self.headers = headers

    @property
    def ok(self) -> Any:
        assert self.status == 200, self.body
        return self.body

    @property
    def error(self) -> tuple[int, str]:
        assert self.status >= 400, self.body
        return self.body["code"], self.body["msg"]


class Trader:
    """Calls REST with one key. `clock` gives the timestamps."""

    def __init__(self, simulator: BinanceSimulator, kind: str = "HMAC", clock: Callable[[], int] | None = None) -> None:
        self.simulator = simulator
        self.key = simulator.venue.keys.of(kind)
        self._now_ms = clock or simulator.venue.now_ms
        self._http = aiohttp.ClientSession(simulator.url)

    async def __aenter__(self) -> "Trader":
        return self

    async def __aexit__(
        self, type: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._http.close()

    async def public(self, path: str, **params: Any) -> Reply:
        return await self._send("GET", f"{path}?{urlencode(params)}", {})

    async def signed(
        self, method: str, path: str, *, in_body: bool = False, fault: str | None = None, **params: Any
    ) -> Reply:
        values = {"timestamp": self._now_ms(), **params}
        payload = urlencode({name: value for name, value in values.items() if value is not None})
        payload += f"&signature={quote(sign(self.key, payload), safe='')}"
        headers = {"X-MBX-APIKEY": self.key.key}
        if fault is not None:
            headers["X-Simulator-Fault"] = fault
        if in_body:
            return await self._send(method, path, headers, payload)
        return await self._send(method, f"{path}?{payload}", headers)

    async def raw(self, method: str, path: str, query: str, body: str = "") -> Reply:
        """Send a query and a form body just as they are, with the key."""
        return await self._send(method, f"{path}?{query}", {"X-MBX-APIKEY": self.key.key}, body)

    async def place(self, symbol: str = "BTCUSDT", side: str = "BUY", type: str = "LIMIT", **params: Any) -> Reply:
        if type == "LIMIT":
            params = {"timeInForce": "GTC", "price": "50000", "quantity": "0.01", **params}
        return await self.signed("POST", "/api/v3/order", symbol=symbol, side=side, type=type, **params)

    async def cancel(self, **params: Any) -> Reply:
        return await self.signed("DELETE", "/api/v3/order", **{"symbol": "BTCUSDT", **params})

    async def order(self, **params: Any) -> Reply:
        return await self.signed("GET", "/api/v3/order", **{"symbol": "BTCUSDT", **params})

    async def usdm(self, method: str, path: str, *, fault: str | None = None, **params: Any) -> Reply:
        """Call a signed path of USD-M, such as `v1/order`."""
        return await self.signed(method, f"/usdm/fapi/{path}", fault=fault, **params)

    async def place_usdm(self, side: str = "BUY", type: str = "LIMIT", **params: Any) -> Reply:
        """Place an order of USD-M and have it answered as RESULT."""
        if type == "LIMIT":
            params = {"timeInForce": "GTC", "price": "59000", **params}
        values = {"symbol": "BTCUSDT", "quantity": "0.1", "newOrderRespType": "RESULT", **params}
        return await self.usdm("POST", "v1/order", side=side, type=type, **values)

    async def place_algo(self, side: str, type: str, **params: Any) -> Reply:
        values = {"symbol": "BTCUSDT", "quantity": "0.1", "algoType": "CONDITIONAL", **params}
        return await self.usdm("POST", "v1/algoOrder", side=side, type=type, **values)

    async def margin(self, method: str, path: str, *, fault: str | None = None, **params: Any) -> Reply:
        """Call a signed path of cross margin, such as `order`."""
        return await self.signed(method, f"/sapi/v1/margin/{path}", fault=fault, **params)

    async def place_margin(self, side: str = "BUY", type: str = "LIMIT", **params: Any) -> Reply:
        if type == "LIMIT":
            params = {"timeInForce": "GTC", "price": "50000", **params}
        return await self.margin(
            "POST", "order", side=side, type=type, **{"symbol": "BTCUSDT", "quantity": "0.1", **params}
        )

    async def trade_usdm(self, price: str, quantity: str, side: str = "SELL", symbol: str = "BTCUSDT") -> None:
        """Others trade a contract: an aggressor of that side takes `quantity` at `price`."""
        order = {"trade_side": side, "trade_price": price, "trade_quantity": quantity}
        await self.admin("market", market="usdm", symbol=symbol, **order)

    async def mark_usdm(self, price: str, symbol: str = "BTCUSDT") -> None:
        await self.admin("market", market="usdm", symbol=symbol, mark_price=price)

    async def truth(self, market: str = "spot") -> Any:
        return (await self._send("GET", "/simulator/truth", {})).ok[market]

    async def admin(self, path: str, method: str = "POST", **order: Any) -> Any:
        return (await self._send(method, f"/simulator/{path}", {}, json.dumps(order))).ok

    async def trade_at(self, price: str, quantity: str, side: str = "SELL", symbol: str = "BTCUSDT") -> None:
        """Others trade: an aggressor of that side takes `quantity` at `price`."""
        await self.admin("market", symbol=symbol, trade_side=side, trade_price=price, trade_quantity=quantity)

    async def _send(self, method: str, path: str, headers: dict[str, str], body: str = "") -> Reply:
        url = URL(self.simulator.url + path, encoded=True)
        if body and not body.startswith("{"):
            headers = {**headers, "Content-Type": "application/x-www-form-urlencoded"}
        async with self._http.request(method, url, headers=headers, data=body or None) as reply:
            text = await reply.text()
            is_json = reply.content_type == "application/json"
            return Reply(reply.status, json.loads(text) if is_json else text, reply.headers)
