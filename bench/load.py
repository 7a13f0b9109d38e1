"""Clients that cost little themselves: bytes made by hand over raw connections, one request at a time on each."""

import asyncio
import json
import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import quantiles
from typing import Any, Self, cast

_LENGTH = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)
_HEAD_END = b"\r\n\r\n"


class Connection(asyncio.Protocol):
    """One kept-alive HTTP connection."""

    def __init__(self) -> None:
        self._wire: asyncio.Transport
        self._received = bytearray()
        self._answer: asyncio.Future[bytes] | None = None

    @classmethod
    async def open(cls, host: str, port: int) -> Self:
        _, connection = await asyncio.get_running_loop().create_connection(cls, host, port)
        return connection

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._wire = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self._received += data
        head_end = self._received.find(_HEAD_END)
        if head_end < 0:
            return
        found = _LENGTH.search(self._received, 0, head_end)
        body_start = head_end + len(_HEAD_END)
        if found is None or len(self._received) < body_start + int(found[1]):
            return
        body, self._received = bytes(self._received[body_start:]), bytearray()
        if self._answer is not None:
            self._answer.set_result(body)

    def connection_lost(self, error: Exception | None) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(error or ConnectionError("the server closed the connection"))

    async def ask(self, request: bytes) -> bytes:
        """Send a request; return the body of the reply."""
        self._answer = asyncio.get_running_loop().create_future()
        self._wire.write(request)
        return await self._answer

    async def call(self, path: str, body: Any = None, token: str = "") -> Any:
        """Ask for `data`, which must come."""
        content = None if body is None else json.dumps(body).encode()
        answer = json.loads(await self.ask(request_of(path, content, token)))
        if not answer["success"]:
            raise SystemExit(f"{path}: {answer['error']}")
        return answer["data"]

    def close(self) -> None:
        self._wire.close()


def request_of(path: str, content: bytes | None, token: str) -> bytes:
    """Return a POST with this JSON, or a GET without."""
    head = f"{'GET' if content is None else 'POST'} /api/v3{path} HTTP/1.1\r\nHost: bench\r\n"
    if token:
        head += f"Authorization: Bearer {token}\r\n"
    if content is None:
        return f"{head}\r\n".encode()
    return f"{head}Content-Type: application/json\r\nContent-Length: {len(content)}\r\n\r\n".encode() + content


@dataclass(frozen=True, slots=True)
class Measured:
    """What a run gave."""

    done: int
    took_s: float
    latencies_ms: list[float]

    @property
    def per_s(self) -> float:
        return self.done / self.took_s


async def run(
    connections: Sequence[Connection], make: Callable[[int], bytes], expect: bytes, seconds: float
) -> Measured:
    """Keep every connection busy, for one request at least: `make(n)` is the next one of connection n. Each reply must
    contain `expect`."""
    latencies: list[float] = []
    started = time.perf_counter()
    until = started + seconds

    async def keep_busy(number: int, connection: Connection) -> None:
        is_over = False
        while not is_over:
            asked = time.perf_counter()
            body = await connection.ask(make(number))
            latencies.append((time.perf_counter() - asked) * 1e3)
            if expect not in body:
                raise SystemExit(f"not the reply that was expected: {body[:500]!r}")
            is_over = time.perf_counter() >= until

    await asyncio.gather(*(keep_busy(number, connection) for number, connection in enumerate(connections)))
    return Measured(len(latencies), time.perf_counter() - started, latencies)


def percentile(values: Sequence[float], percent: int) -> float:
    """Return a percentile, from 1 to 99, of one value or more."""
    return quantiles(values, n=100, method="inclusive")[percent - 1] if len(values) > 1 else values[0]


async def paper_accounts(connection: Connection, count: int) -> tuple[str, list[str]]:
    """Sign up; return an access token and that many spot accounts, each with money of its own."""
    login = {"email": "bench@example.com", "password": "correct horse battery"}
    await connection.call("/auth/signup", login)
    token = (await connection.call("/auth/login", login))["accessToken"]
    accounts = []
    for number in range(count):
        key = {"venue": "PAPER", "credentialType": "HMAC", "apiKey": f"bench-{number}", "apiSecret": "any"}
        asked = {"credentialIds": [(await connection.call("/credential/create", key, token))["credentialId"]]}
        reached = await connection.call("/credential/verify", asked, token)
        external = next(account for account in reached if account["accountType"] == "SPOT")
        asked["externalTradingAccountId"] = external["externalTradingAccountId"]
        accounts.append((await connection.call("/tradingAccount/connect", asked, token))["tradingAccountId"])
    return token, accounts
