"""A host of BITFINEX that answers as a test says, the raw REST client before it, and a key with nonces."""

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from email.utils import format_datetime
from urllib.parse import parse_qsl, urlsplit

from tests.inhouse_kit import ManualClock

from cadenza.adapters.venues.bitfinex.rest import BitfinexRest
from cadenza.adapters.venues.bitfinex.spec import urls_at
from cadenza.network.http import HttpRequest
from cadenza.network.outcomes import Answered, Outcome

AHEAD_MS = 30_000
"""How far the venue's clock is ahead of ours in these tests."""

STATUS_PATH = "/v2/platform/status"


class ScriptedKey:
    """Implements `NoncedKey`: nonces are 1, 2, 3 …, and a signature shows what was signed."""

    def __init__(self, api_key: str = "a-key") -> None:
        self.api_key = api_key
        self.last = 0
        self.trouble: Exception | None = None

    async def nonce(self) -> int:
        if self.trouble is not None:
            raise self.trouble
        self.last += 1
        return self.last

    def headers(self, path: str, nonce: int, body: str) -> Mapping[str, str]:
        return {"bfx-apikey": self.api_key, "bfx-nonce": str(nonce), "bfx-signature": f"{path}|{nonce}|{body}"}


class Host:
    """Answers as the test says, and keeps what was asked."""

    def __init__(self, clock: ManualClock) -> None:
        self.clock = clock
        self.asked: list[HttpRequest] = []
        self.answers: dict[str, Callable[[], Outcome]] = {}

    async def call(self, request: HttpRequest) -> Outcome:
        self.asked.append(request)
        path = urlsplit(request.url).path
        return self.answers.get(path, lambda: answered(200, b"[1]", self.date()))()

    def date(self) -> Mapping[str, str]:
        at = datetime.fromtimestamp((self.clock.now_ms() + AHEAD_MS) // 1_000, UTC)
        return {"date": format_datetime(at, usegmt=True)}

    def of(self, path: str) -> list[HttpRequest]:
        """The requests of a path, in order."""
        return [request for request in self.asked if urlsplit(request.url).path == path]

    def queries(self, path: str) -> list[dict[str, str]]:
        return [dict(parse_qsl(urlsplit(request.url).query)) for request in self.of(path)]

    def bodies(self, path: str) -> list[object]:
        return [json.loads(request.body) for request in self.of(path)]


def answered(status: int, body: bytes, headers: Mapping[str, str] | None = None) -> Outcome:
    return Answered(status, headers or {}, body)


async def world() -> tuple[BitfinexRest, Host, ManualClock]:
    clock = ManualClock()
    host = Host(clock)
    rest = BitfinexRest(urls=urls_at("http://127.0.0.1:9"), http=host, clock=clock)
    assert await rest.clock.measure()
    return rest, host, clock
