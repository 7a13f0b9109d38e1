"""A host of OKX that answers as a test says, and the raw REST client before it."""

import json
from collections.abc import Callable, Mapping
from urllib.parse import parse_qsl, urlsplit

from tests.adapters.okx.okx_world import reply
from tests.inhouse_kit import ManualClock

from cadenza.adapters.venues.okx.credential import OkxSigner
from cadenza.adapters.venues.okx.rest import OkxRest
from cadenza.adapters.venues.okx.spec import urls_at
from cadenza.domain.accounts.credential import CredentialType, Secrets
from cadenza.network.http import HttpRequest
from cadenza.network.outcomes import Answered, Outcome

SIGNER = OkxSigner(CredentialType.HMAC, Secrets("a-key", "a-secret", None, {"passphrase": "a-passphrase"}))
OTHER_SIGNER = OkxSigner(CredentialType.HMAC, Secrets("b-key", "b-secret", None, {"passphrase": "b-passphrase"}))
AHEAD_MS = 3_000
"""How far the venue's clock is ahead of ours in these tests."""

TIME = "/api/v5/public/time"


class Host:
    """Answers as the test says, and keeps what was asked."""

    def __init__(self, clock: ManualClock) -> None:
        self.clock = clock
        self.asked: list[HttpRequest] = []
        self.answers: dict[str, Callable[[], Outcome]] = {}

    async def call(self, request: HttpRequest) -> Outcome:
        self.asked.append(request)
        path = urlsplit(request.url).path
        if path == TIME and path not in self.answers:
            return answered(200, reply({"ts": str(self.clock.now_ms() + AHEAD_MS)}))
        return self.answers.get(path, lambda: answered(200, reply()))()

    def of(self, path: str) -> list[HttpRequest]:
        """The requests of a path, in order."""
        return [request for request in self.asked if urlsplit(request.url).path == path]

    def queries(self, path: str) -> list[dict[str, str]]:
        """The queries of the requests of a path, in order."""
        return [dict(parse_qsl(urlsplit(request.url).query)) for request in self.of(path)]

    def bodies(self, path: str) -> list[object]:
        return [json.loads(request.body) for request in self.of(path)]


def answered(status: int, body: bytes, headers: Mapping[str, str] | None = None) -> Outcome:
    return Answered(status, headers or {}, body)


async def world(*, is_demo: bool = False) -> tuple[OkxRest, Host, ManualClock]:
    clock = ManualClock()
    host = Host(clock)
    rest = OkxRest(urls=urls_at("http://127.0.0.1:9"), http=host, clock=clock, is_demo=is_demo)
    assert await rest.clock.measure()
    return rest, host, clock
