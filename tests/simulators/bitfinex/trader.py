"""A client of the simulator that signs as the venue's documents say, written without the simulator's own code."""

import asyncio
import hashlib
import hmac
import itertools
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from decimal import Decimal
from types import TracebackType
from typing import Any

import aiohttp
from yarl import URL

from cadenza.simulators.bitfinex.server import BitfinexSimulator
from cadenza.simulators.bitfinex.wire.keys import BitfinexKey

D = Decimal
_nonces = itertools.count(1_700_000_000_000_000)


def sign(secret: str, text: str) -> str:
    return hmac.new(secret.encode(), text.encode(), hashlib.sha384).hexdigest()


def read(text: str) -> Any:
    return json.loads(text, parse_float=Decimal)


class Reply:
    """A status and the decoded body."""

    def __init__(self, status: int, body: Any) -> None:
        self.status = status
        self.body = body

    @property
    def data(self) -> Any:
        assert self.status == 200, (self.status, self.body)
        return self.body

    @property
    def order(self) -> list[Any]:
        """The order of a notification that succeeded."""
        assert self.data[6] == "SUCCESS", self.data
        rows = self.data[4]
        return rows[0] if isinstance(rows[0], list) else rows

    @property
    def refusal(self) -> tuple[int, str]:
        assert self.status == 500, (self.status, self.body)
        word, code, text = self.body
        assert word == "error"
        return code, text


class BitfinexTrader:
    """Calls REST with one key."""

    def __init__(self, simulator: BitfinexSimulator, key: BitfinexKey | None = None) -> None:
        self.simulator = simulator
        self.key = key or simulator.venue.keys.of("main")
        self._http = aiohttp.ClientSession()

    async def __aenter__(self) -> "BitfinexTrader":
        return self

    async def __aexit__(
        self, type: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._http.close()

    async def public(self, path: str) -> Reply:
        return await self.send("GET", f"{self.simulator.rest_url}/{path}", {}, None)

    async def post(
        self, path: str, body: Any = None, *, nonce: int | None = None, fault: str | None = None, **headers: str
    ) -> Reply:
        text, number = json.dumps(body or {}), str(next(_nonces) if nonce is None else nonce)
        signed = {
            "bfx-apikey": self.key.key,
            "bfx-nonce": number,
            "bfx-signature": sign(self.key.secret, f"/api/v2/{path}{number}{text}"),
            "content-type": "application/json",
        }
        signed |= {name.replace("_", "-"): value for name, value in headers.items()}
        if fault is not None:
            signed["X-Simulator-Fault"] = fault
        return await self.send("POST", f"{self.simulator.rest_url}/{path}", signed, text)

    async def submit(self, fault: str | None = None, **fields: Any) -> Reply:
        """Submit an order: a buy of 0.01 BTC at 50000 unless the fields say otherwise."""
        return await self.post("auth/w/order/submit", order(**fields), fault=fault)

    async def cancel(self, **fields: Any) -> Reply:
        return await self.post("auth/w/order/cancel", fields)

    async def update(self, **fields: Any) -> Reply:
        return await self.post("auth/w/order/update", fields)

    async def open_orders(self, **fields: Any) -> Any:
        return (await self.post("auth/r/orders", fields)).data

    async def closed_orders(self, **fields: Any) -> Any:
        return (await self.post("auth/r/orders/hist", fields)).data

    async def trades(self, **fields: Any) -> Any:
        return (await self.post("auth/r/trades/hist", fields)).data

    async def wallet(self, type: str, currency: str) -> tuple[Decimal, Decimal]:
        """Return the balance of a wallet, and what is available of it."""
        rows = (await self.post("auth/r/wallets")).data
        (row,) = [row for row in rows if row[:2] == [type, currency]]
        return D(row[2]), D(row[4])

    async def positions(self) -> Any:
        return (await self.post("auth/r/positions")).data

    async def truth(self) -> Any:
        return (await self.send("GET", f"{self.simulator.url}/simulator/truth", {}, None)).data

    async def admin(self, path: str, method: str = "POST", **order: Any) -> Any:
        reply = await self.send(method, f"{self.simulator.url}/simulator/{path}", {}, json.dumps(order))
        assert reply.status == 200, reply.body
        return reply.body

    async def trade_at(self, price: str, quantity: str, side: str = "SELL", symbol: str = "tBTCUSD") -> None:
        """Others trade: an aggressor of that side takes `quantity` at `price`."""
        await self.admin("market", symbol=symbol, trade_side=side, trade_price=price, trade_quantity=quantity)

    async def send(self, method: str, url: str, headers: dict[str, str], body: str | None) -> Reply:
        async with self._http.request(method, URL(url, encoded=True), headers=headers, data=body) as reply:
            text = await reply.text()
            return Reply(reply.status, read(text) if reply.content_type == "application/json" else text)


def order(**fields: Any) -> dict[str, Any]:
    """Return the fields of an order; those that are None are left out."""
    usual = {"type": "EXCHANGE LIMIT", "symbol": "tBTCUSD", "amount": "0.01", "price": "50000"}
    return {name: value for name, value in {**usual, **fields}.items() if value is not None}


class BitfinexSocket:
    """Frames in the order in which they came. Each wait has a limit, so that a silent server fails the test."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self.socket = socket

    async def send(self, frame: Any) -> None:
        await self.socket.send_str(frame if isinstance(frame, str) else json.dumps(frame))

    async def frame(self) -> Any:
        """Return the next frame; None when the server has closed."""
        async with asyncio.timeout(60):
            message = await self.socket.receive()
        return read(message.data) if message.type is aiohttp.WSMsgType.TEXT else None

    async def until(self, is_wanted: Callable[[Any], bool]) -> Any:
        """Return the next frame that is wanted; what comes before it is passed over."""
        return (await self.frames_until(is_wanted))[-1]

    async def frames_until(self, is_wanted: Callable[[Any], bool]) -> list[Any]:
        """Return the frames up to the next one that is wanted."""
        frames: list[Any] = []
        while not frames or not is_wanted(frames[-1]):
            frame = await self.frame()
            assert frame is not None, f"the server closed after {frames}"
            frames.append(frame)
        return frames

    async def event(self, name: str) -> Any:
        return await self.until(lambda frame: isinstance(frame, dict) and frame["event"] == name)

    async def log_in(self, key: BitfinexKey, **changes: Any) -> Any:
        nonce = next(_nonces)
        payload = f"AUTH{nonce}"
        login = {
            "event": "auth",
            "apiKey": key.key,
            "authNonce": nonce,
            "authPayload": payload,
            "authSig": sign(key.secret, payload),
        }
        await self.send(login | changes)
        return await self.event("auth")

    async def account(self, *kinds: str) -> Any:
        """Return the row of the next frame of the account that is of one of these kinds."""
        return (await self.until(lambda frame: is_account(frame, *kinds)))[2]

    async def subscribe(self, channel: str, **fields: Any) -> int:
        """Subscribe, and return the number of the channel."""
        await self.send({"event": "subscribe", "channel": channel, **fields})
        answer = await self.until(lambda frame: isinstance(frame, dict) and frame["event"] in ("subscribed", "error"))
        assert answer["event"] == "subscribed", answer
        return int(answer["chanId"])

    async def channel(self, id: int) -> Any:
        """Return the next frame of a channel that is no heartbeat."""
        return await self.until(lambda frame: isinstance(frame, list) and frame[0] == id and frame[1] != "hb")

    async def put(self, kind: str, body: Any) -> None:
        await self.send([0, kind, None, body])

    async def submit(self, **fields: Any) -> Any:
        """Submit an order, and return the notification."""
        await self.put("on", order(**fields))
        return await self.account("n")


def is_account(frame: Any, *kinds: str) -> bool:
    return isinstance(frame, list) and frame[0] == 0 and frame[1] in kinds


@asynccontextmanager
async def opened(simulator: BitfinexSimulator) -> AsyncIterator[BitfinexSocket]:
    async with aiohttp.ClientSession() as http, http.ws_connect(simulator.socket_url) as socket:
        opened = BitfinexSocket(socket)
        assert (await opened.event("info"))["version"] == 2
        yield opened


@asynccontextmanager
async def logged_in(simulator: BitfinexSimulator, **login: Any) -> AsyncIterator[BitfinexSocket]:
    """Open a socket that has logged in and has got its snapshots."""
    async with opened(simulator) as socket:
        answer = await socket.log_in(simulator.venue.keys.of("main"), **login)
        assert answer["status"] == "OK", answer
        yield socket
