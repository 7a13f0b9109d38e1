"""The raw client of OKX's REST API: signed and public requests at the venue's pace, on the venue's time.

One client serves every session of a connector, because the venue counts public requests by address, and those of one
user together, whichever key makes them. It knows nothing of orders: what an answer proves is decided by `classify`.
"""

from collections.abc import Callable, Mapping
from typing import NoReturn
from urllib.parse import quote

import msgspec
import structlog

from cadenza.adapters.venues.kit.payloads import decode
from cadenza.adapters.venues.kit.request_instant import RequestInstant, made_now
from cadenza.adapters.venues.kit.venue_clock import VenueClock
from cadenza.adapters.venues.kit.words import UnreadablePayload
from cadenza.adapters.venues.okx.classify import (
    HTTP_OK,
    HTTP_TOO_MANY,
    TIMESTAMP_REFUSED,
    TOO_FREQUENT,
    answer_of,
    classify_query,
    order_answer_of,
    refused_key,
)
from cadenza.adapters.venues.okx.credential import OkxSigner
from cadenza.adapters.venues.okx.endpoints import (
    TIME,
    OkxEndpoint,
)
from cadenza.adapters.venues.okx.models import OkxTime, instant
from cadenza.adapters.venues.okx.pace import PaceTurn, RequestPace
from cadenza.adapters.venues.okx.parse import rows_of
from cadenza.adapters.venues.okx.requests import OkxRequest
from cadenza.adapters.venues.okx.spec import DEMO_HEADER, PUBLIC_REGION, OkxRegion, rest_name
from cadenza.domain.errors import CredentialRejected, VenueUnavailable
from cadenza.network.http import HttpRequest
from cadenza.network.outcomes import Answered, NotSent, Outcome, OutcomeUnknown
from cadenza.network.pace_windows import MeterKey
from cadenza.network.traffic import HttpCalls
from cadenza.ports.clock import Clock

_log = structlog.get_logger("cadenza.venue")

READ_MS_MAX = 10_000
"""How long a request may wait for its turn, and then for its reply, unless its caller says otherwise."""

_PUBLIC, _ANY = "public", ""


class OkxRest:
    """Sends requests to the hosts of one environment.

    Law: a request is written at most once. It leaves only when the venue's limits allow it, urgent ones before the
    others that wait for the same limit; it is signed after that, with the venue's time. After a refusal for the pace,
    no request of that limit leaves for its whole window. Each kind of request has a limit of its own, so orders take no
    room from cancels.
    """

    def __init__(self, *, urls: Mapping[str, str], http: HttpCalls, clock: Clock, is_demo: bool) -> None:
        self._bases = {region: urls[rest_name(region)] for region in OkxRegion}
        self._http = http
        self._clock = clock
        self._demo = {DEMO_HEADER: "1"} if is_demo else {}
        self._pace = RequestPace(clock)
        self.clock = VenueClock(clock, self._ask_time)
        """The clock of the public host. The venue has one time for all regions."""
        self.trouble: str | None = None
        """In words, why the last request for the time failed; None when it did not."""

    def note_user(self, signer: OkxSigner, user: str) -> None:
        """From now on the requests of this key are counted with those of all keys of that user."""
        self._pace.note_user(signer.api_key, user)

    def close(self) -> None:
        """Send nothing any more: requests that wait are answered with `NotSent`, and so are later ones."""
        self._pace.close()

    async def public(self, endpoint: OkxEndpoint, query: Mapping[str, str]) -> Outcome:
        """Make a public reading request of the public region and return its outcome."""
        turn = await self._pace.turn(_PUBLIC, endpoint, _ANY, self._clock.monotonic_ms() + READ_MS_MAX, is_urgent=False)
        if isinstance(turn, NotSent):
            return turn
        request = OkxRequest(method=endpoint.method, path=endpoint.path, query=query)
        return await self._call(PUBLIC_REGION, request, {}, endpoint, MeterKey(endpoint.meter, _ANY), turn, READ_MS_MAX)

    async def signed(
        self,
        signer: OkxSigner,
        endpoint: OkxEndpoint,
        make: Callable[[RequestInstant], OkxRequest],
        *,
        instrument: str = "",
        leave_by_ms: int | None = None,
        reply_ms_max: int = READ_MS_MAX,
        is_urgent: bool = False,
    ) -> Outcome:
        """Make a signed request and return its outcome.

        `make` is called when the request may leave, and may raise `TooLateToSend`; nothing is sent then. The request
        waits for its turn until `leave_by_ms` (our monotonic clock), and then `reply_ms_max` for its reply.
        `instrument` names the instrument that it is about, where the venue counts by instrument. `is_urgent`: it goes
        before the others.
        """
        by_ms = self._clock.monotonic_ms() + READ_MS_MAX if leave_by_ms is None else leave_by_ms
        turn = await self._pace.turn(signer.api_key, endpoint, instrument, by_ms, is_urgent=is_urgent)
        if isinstance(turn, NotSent):
            return turn
        made = made_now(make, self.clock, turn)
        if isinstance(made, NotSent):
            return made
        request, venue_ms = made
        stamped_ms = venue_ms if request.timestamp_ms is None else request.timestamp_ms
        headers = signer.headers(request.method, _target(request), _body(request).decode(), stamped_ms)
        key = self._pace.key(signer.api_key, endpoint, instrument)
        return await self._call(signer.region, request, headers, endpoint, key, turn, reply_ms_max)

    async def read(self, endpoint: OkxEndpoint, query: Mapping[str, str]) -> bytes:
        """Return the body of a public request that succeeded. Raises `VenueUnavailable`."""
        return body_of(await self.public(endpoint, query))

    async def rows(
        self,
        signer: OkxSigner,
        endpoint: OkxEndpoint,
        query: Mapping[str, str],
        *,
        instrument: str = "",
        is_urgent: bool = False,
    ) -> list[msgspec.Raw]:
        """Return the rows of a signed reading request. Raises `CredentialRejected` when the venue refuses the key, and
        `VenueUnavailable` when it does not answer."""
        request = OkxRequest(method=endpoint.method, path=endpoint.path, query=query)
        outcome = await self.signed(signer, endpoint, lambda _: request, instrument=instrument, is_urgent=is_urgent)
        try:
            return rows_of(body_of(outcome))
        except UnreadablePayload as error:
            raise VenueUnavailable(f"OKX answered with something else: {error}") from error

    # Helpers

    async def _ask_time(self) -> int | None:
        try:
            rows = rows_of(body_of(await self.public(TIME, {})))
            found = instant(decode(OkxTime, rows[0]).at) if rows else None
        except (VenueUnavailable, CredentialRejected, UnreadablePayload) as error:
            self.trouble = str(error)
            return None
        self.trouble = None if found is not None else "OKX answered with no time"
        return found

    async def _call(
        self,
        region: OkxRegion,
        request: OkxRequest,
        signature: Mapping[str, str],
        endpoint: OkxEndpoint,
        key: MeterKey,
        turn: PaceTurn,
        reply_ms_max: int,
    ) -> Outcome:
        body = _body(request)
        headers = {**signature, **self._demo, **({"Content-Type": "application/json"} if body else {})}
        if request.expires_ms is not None:
            headers["expTime"] = str(request.expires_ms)
        url = f"{self._bases[region]}{_target(request)}"
        by_ms = self._clock.monotonic_ms() + reply_ms_max
        with turn:
            outcome = await self._http.call(HttpRequest(request.method, url, by_ms, headers=headers, body=body))
            if isinstance(outcome, NotSent):
                turn.give_back()
            elif isinstance(outcome, Answered):
                self._settle(endpoint, key, outcome)
        return outcome

    def _settle(self, endpoint: OkxEndpoint, key: MeterKey, outcome: Answered) -> None:
        """Learn from an answer that is no success."""
        is_about_orders = endpoint.method == "POST"
        answer = order_answer_of(outcome.body) if is_about_orders else answer_of(outcome.body)
        if answer is not None and answer.is_success and outcome.status == HTTP_OK:
            return
        said = "" if answer is None else answer.said
        if is_about_orders:
            _log.info("venue_refused", request=endpoint.meter, status=outcome.status, text=said)
        if answer is not None and answer.code == TIMESTAMP_REFUSED:
            self.clock.doubt()
        if outcome.status == HTTP_TOO_MANY or (answer is not None and answer.code == TOO_FREQUENT):
            _log.warning("venue_limit_reached", request=endpoint.meter, text=said)
            self._pace.hold(key)


def body_of(outcome: Outcome) -> bytes:
    """Return the body of a success. Raises `CredentialRejected` when the venue refuses the key, else
    `VenueUnavailable`."""
    if isinstance(outcome, Answered):
        answer = answer_of(outcome.body)
        if outcome.status == HTTP_OK and answer is not None and answer.is_success:
            return outcome.body
        _refuse(outcome)
    cause = outcome.cause.value
    text = "did not answer" if isinstance(outcome, OutcomeUnknown) else "could not be asked"
    raise VenueUnavailable(f"the venue {text}: {cause}{f', {outcome.detail}' if outcome.detail else ''}")


def _refuse(outcome: Answered) -> NoReturn:
    answer = answer_of(outcome.body)
    if refusal := refused_key(outcome.status, answer):
        raise CredentialRejected(f"the venue refused the key: {refusal}")
    raise VenueUnavailable(f"the venue answered {outcome.status}: {classify_query(outcome.status, answer).text}")


def _target(request: OkxRequest) -> str:
    query = "&".join(f"{name}={quote(value, safe='')}" for name, value in request.query.items())
    return f"{request.path}{'?' if query else ''}{query}"


def _body(request: OkxRequest) -> bytes:
    return b"" if request.body is None else msgspec.json.encode(request.body)
