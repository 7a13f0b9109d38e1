"""A host of BINANCE that answers as a test says, and the raw REST client before it."""

import json
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from tests.inhouse_kit import ManualClock

from cadenza.adapters.venues.binance.credential import BinanceSigner
from cadenza.adapters.venues.binance.endpoints import BinanceMarket
from cadenza.adapters.venues.binance.rest import BinanceRest
from cadenza.adapters.venues.binance.spec import PaceLimits, urls_at
from cadenza.domain.accounts.credential import CredentialType, Secrets
from cadenza.network.http import HttpRequest
from cadenza.network.outcomes import Answered, Outcome

SIGNER = BinanceSigner(CredentialType.HMAC, Secrets("k" * 64, "s" * 64, None))
AHEAD_MS = 3_000
"""How far the venue's clock is ahead of ours in these tests."""


class Host:
    """Answers as the test says, and keeps what was asked."""

    def __init__(self, clock: ManualClock) -> None:
        self.clock = clock
        self.asked: list[HttpRequest] = []
        self.answers: dict[str, Callable[[], Outcome]] = {}

    async def call(self, request: HttpRequest) -> Outcome:
        self.asked.append(request)
        path = urlsplit(request.url).path
        if path.endswith("/time") and path not in self.answers:
            return answered(200, {"serverTime": self.clock.now_ms() + AHEAD_MS})
        return self.answers.get(path, lambda: answered(200, {}))()

    def of(self, path: str) -> list[dict[str, str]]:
        """The parameters of the requests of a path, in order."""
        found = (urlsplit(request.url) for request in self.asked)
        return [dict(parse_qsl(url.query)) for url in found if url.path == path]


def answered(status: int, body: object, headers: Mapping[str, str] | None = None) -> Outcome:
    return Answered(status, headers or {}, json.dumps(body).encode())


async def world(**limits: Any) -> tuple[BinanceRest, Host, ManualClock]:
    clock = ManualClock()
    host = Host(clock)
    usual = {
        "weight_per_minute": 1_000,
        "orders_per_10_s": 100,
        "reserved_weight": 10,
        "order_weight": 0,
        "reading_parts": 1,
    }
    allowed = PaceLimits(**{**usual, **limits})
    rest = BinanceRest(urls=urls_at("http://127.0.0.1:9"), http=host, clock=clock, limits={BinanceMarket.SPOT: allowed})
    assert await rest.clock_of(BinanceMarket.SPOT).measure()
    return rest, host, clock
