"""An HTTP client that knows whether bytes left."""

import asyncio
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from ssl import SSLContext
from types import MappingProxyType

from aiohttp import (
    ClientConnectorCertificateError,
    ClientConnectorDNSError,
    ClientConnectorSSLError,
    ClientError,
    ClientHttpProxyError,
    ClientPayloadError,
    ClientProxyConnectionError,
    ClientResponse,
    ClientResponseError,
    ClientSession,
    ClientTimeout,
    DummyCookieJar,
    TCPConnector,
    ThreadedResolver,
)
from yarl import URL

from cadenza.network.aiohttp_watch import (
    Attempt,
    ConnectionUnusable,
    WatchedRequest,
    WouldSendAgain,
    cause_of,
    detail_of,
    watching,
)
from cadenza.network.gate import CallGate, Entry
from cadenza.network.outcomes import Answered, NotSent, NotSentCause, Outcome, OutcomeUnknown, UnknownCause
from cadenza.network.patience import PatientClock, Randomness, RetryPauses
from cadenza.network.proxies import ProxyChoice

ANSWER_BYTES_MAX = 16 * 1024 * 1024
_URL = re.compile(r"""https?://[!"$-.0->A-~]+([/?][!"$-~]*)?""")
"""Visible ASCII with a host, without user and fragment."""

_BODILESS = frozenset({204, 304})
_FAILURES = (ClientError, WouldSendAgain, ConnectionUnusable, OSError)


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """A request, as it goes out.

    `url` is absolute, percent-encoded by the caller, and sent byte for byte: what was signed is what leaves. Nothing
    is added to `headers` but Host, Accept-Encoding, User-Agent and what frames the body.

    `deadline_ms` is an instant of the clock's `monotonic_ms`. The outcome is known by then, give or take a turn of the
    event loop.

    `sends_max` above 1 says that the request does no harm when it arrives more than once. Only then is it sent again
    after an unknown outcome, and only until the deadline. The default is for everything that changes something.

    An answer whose decompressed body exceeds `answer_bytes_max` makes the outcome unknown.
    """

    method: str
    url: str
    deadline_ms: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    sends_max: int = 1
    answer_bytes_max: int = ANSWER_BYTES_MAX

    def __post_init__(self) -> None:
        if not _URL.fullmatch(self.url):
            raise ValueError("url must be absolute, http or https, percent-encoded, without user and fragment")
        if self.sends_max < 1 or self.answer_bytes_max < 0:
            raise ValueError("sends_max must be positive, answer_bytes_max must not be negative")


@dataclass(frozen=True, slots=True)
class HttpClientLimits:
    """`connections_max` requests are on their way at a time and `waiting_max` more wait for one of them to end; a
    further one is not sent (`NotSentCause.FULL`).

    A connection that was idle for longer than `idle_ms` is not used again: choose less than what the server allows, so
    that it does not close a connection while a request is on its way. Connecting, with the TLS handshake, may take
    `connect_ms`; `dns_cached_ms` is how long an address is believed.
    """

    connections_max: int = 32
    waiting_max: int = 256
    idle_ms: int = 15_000
    connect_ms: int = 5_000
    dns_cached_ms: int = 10_000
    pauses: RetryPauses = field(default=RetryPauses(first_ms=100, most_ms=2_000))


class HttpClient:
    """Sends requests to HTTP/1.1 servers. It must be made inside a running event loop.

    Law: `call` raises nothing because of what happens on the network; it answers with one of three outcomes, and each
    is a fact:

    - `NotSent`: no byte of the request left.
    - `Answered`: a complete answer came, with any status.
    - `OutcomeUnknown`: bytes may have left, and no complete answer came.

    A request is written at most once per call (at most `sends_max` times where the caller allows that), whatever its
    method. A pooled connection that the server has closed, or on which bytes came that nobody asked for, is dropped
    before anything is written and another one is taken; when the server closes it just as we write, the outcome is
    unknown. Redirects are not followed, cookies are not kept, `.netrc` is not read, and a TLS server whose certificate
    does not fit its name is not spoken to.

    Cancelling `call` closes the connection of that request. Whether bytes left is then not reported: a caller that has
    to know shields the call.
    """

    def __init__(
        self,
        *,
        clock: PatientClock,
        randomness: Randomness,
        tls: SSLContext,
        proxies: ProxyChoice | None = None,
        limits: HttpClientLimits | None = None,
    ) -> None:
        self._clock = clock
        self._randomness = randomness
        self._proxies = proxies or ProxyChoice()
        self._limits = limits or HttpClientLimits()
        self._gate = CallGate(inside_max=self._limits.connections_max, waiting_max=self._limits.waiting_max)
        self._scopes: set[asyncio.Timeout] = set()
        self._is_closed = False
        self._session = ClientSession(
            connector=TCPConnector(
                limit=0,  # the gate limits them: aiohttp's own waiting calls are cancelled at close
                ssl=tls,
                resolver=ThreadedResolver(),
                ttl_dns_cache=self._limits.dns_cached_ms // 1000,
                keepalive_timeout=self._limits.idle_ms / 1000,
            ),
            cookie_jar=DummyCookieJar(),
            request_class=WatchedRequest,
            timeout=ClientTimeout(total=None, sock_connect=self._limits.connect_ms / 1000, ceil_threshold=86_400),
            headers={"Accept-Encoding": "gzip, deflate", "User-Agent": "cadenza"},
            skip_auto_headers=["Accept", "Content-Type"],
            trust_env=False,
        )

    async def call(self, request: HttpRequest) -> Outcome:
        """Send a request and return its outcome. A header that HTTP does not allow raises `ValueError`, and nothing is
        sent."""
        outcome = await self._call_once(request)
        for sends in range(1, request.sends_max):
            if not isinstance(outcome, OutcomeUnknown):
                return outcome
            pause_ms = self._limits.pauses.after(sends, self._randomness)
            if self._is_closed or self._clock.monotonic_ms() + pause_ms >= request.deadline_ms:
                return outcome
            await self._clock.sleep_ms(pause_ms)
            again = await self._call_once(request)
            if isinstance(again, NotSent):  # the earlier one may have arrived nevertheless
                return outcome
            outcome = again
        return outcome

    async def close(self) -> None:
        """Send nothing more. Calls on their way end with `CLOSED`, as not sent or unknown. Returns when all have
        ended and the connections are closed; a second call does nothing."""
        if self._is_closed:
            return
        self._is_closed = True
        self._gate.close()
        for scope in self._scopes:
            if not scope.expired():
                scope.reschedule(asyncio.get_running_loop().time())
        await self._gate.wait_until_empty()
        await self._session.close()

    async def _call_once(self, request: HttpRequest) -> Outcome:
        """Each pass that sends nothing drops a pooled connection, so there are few; the last opens a new one."""
        outcome: Outcome = NotSent(NotSentCause.NOT_CONNECTED)
        for _ in range(self._limits.connections_max + 1):
            outcome = await self._attempt(request)
            if not (isinstance(outcome, NotSent) and outcome.cause is NotSentCause.NOT_CONNECTED):
                break
        return outcome

    async def _attempt(self, request: HttpRequest) -> Outcome:
        remaining_ms = request.deadline_ms - self._clock.monotonic_ms()
        if self._is_closed:
            return NotSent(NotSentCause.CLOSED)
        if remaining_ms <= 0:
            return NotSent(NotSentCause.DEADLINE)
        attempt = Attempt()
        scope = asyncio.timeout(remaining_ms / 1000)
        self._scopes.add(scope)
        try:
            async with scope:
                return await self._pass_the_gate(request, attempt)
        except (TimeoutError, *_FAILURES) as error:
            if scope.expired():
                return self._cut_short(attempt)
            return _unknown(error, attempt) if attempt.may_have_left else _not_sent(error, attempt)
        finally:
            self._scopes.discard(scope)

    async def _pass_the_gate(self, request: HttpRequest, attempt: Attempt) -> Outcome:
        entry = await self._gate.enter()
        if entry is not Entry.IN:
            return NotSent(NotSentCause.FULL if entry is Entry.FULL else NotSentCause.CLOSED)
        try:
            return await self._exchange(request, attempt)
        finally:
            self._gate.leave()

    async def _exchange(self, request: HttpRequest, attempt: Attempt) -> Outcome:
        response = await self._session.request(
            request.method,
            URL(request.url, encoded=True),
            headers=request.headers,
            data=request.body or None,
            proxy=self._proxies.proxy_for(request.url),
            allow_redirects=False,
            middlewares=(watching(attempt),),
        )
        try:
            attempt.status = response.status
            if not _has_marked_end(request.method, response):
                return OutcomeUnknown(UnknownCause.UNREADABLE, "nothing marks the end of the body", response.status)
            body = bytearray()
            async for chunk in response.content.iter_any():
                body += chunk
                if len(body) > request.answer_bytes_max:
                    detail = f"the body exceeds {request.answer_bytes_max} bytes"
                    return OutcomeUnknown(UnknownCause.TOO_LONG, detail, response.status)
            return Answered(response.status, _headers(response), bytes(body))
        finally:
            response.close()  # the connection is back in its pool already if the body was read to its end

    def _cut_short(self, attempt: Attempt) -> Outcome:
        if attempt.may_have_left:
            cause = UnknownCause.CLOSED if self._is_closed else UnknownCause.DEADLINE
            return OutcomeUnknown(cause, status=attempt.status)
        return NotSent(NotSentCause.CLOSED if self._is_closed else NotSentCause.DEADLINE)


def _has_marked_end(method: str, response: ClientResponse) -> bool:
    """Whether a length or chunks mark the end of the body. A body that ends with its connection looks like one
    that was cut off."""
    if response.status == 101:
        return False
    return (
        method == "HEAD"
        or response.status in _BODILESS
        or "Content-Length" in response.headers
        or "chunked" in response.headers.get("Transfer-Encoding", "").lower()
    )


def _headers(response: ClientResponse) -> Mapping[str, str]:
    headers: dict[str, str] = {}
    for name, value in response.headers.items():
        name = name.lower()
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    return MappingProxyType(headers)


def _not_sent(error: BaseException, attempt: Attempt) -> NotSent:
    error = cause_of(error)
    if attempt.is_connected:
        return NotSent(NotSentCause.NOT_CONNECTED)
    if isinstance(error, ClientProxyConnectionError | ClientHttpProxyError):
        return NotSent(NotSentCause.PROXY, detail_of(error))
    if isinstance(error, ClientConnectorDNSError):
        return NotSent(NotSentCause.DNS, detail_of(error))
    if isinstance(error, ClientConnectorSSLError | ClientConnectorCertificateError):
        return NotSent(NotSentCause.TLS, detail_of(error))
    return NotSent(NotSentCause.CONNECT, detail_of(error))


def _unknown(error: BaseException, attempt: Attempt) -> OutcomeUnknown:
    error = cause_of(error)
    is_unreadable = isinstance(error, ClientResponseError | ClientPayloadError)
    cause = UnknownCause.UNREADABLE if is_unreadable else UnknownCause.DISCONNECTED
    return OutcomeUnknown(cause, detail_of(error), attempt.status)
