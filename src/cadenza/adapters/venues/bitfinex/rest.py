"""The raw client of BITFINEX's REST API: signed and public requests at the venue's pace, in the order of their nonces.

One client serves every session of a connector, because the venue counts requests by address. It knows nothing of
orders: what an answer proves is decided by `classify`.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from email.utils import parsedate_to_datetime
from typing import NoReturn, Protocol
from urllib.parse import quote

import msgspec
import structlog

from cadenza.adapters.venues.bitfinex.answers import HTTP_TOO_MANY, NONCE, is_result, refusal_of
from cadenza.adapters.venues.bitfinex.endpoints import STATUS, RestEndpoint
from cadenza.adapters.venues.bitfinex.pace import PaceTurn, RequestPace
from cadenza.adapters.venues.bitfinex.spec import PRIVATE_REST, PUBLIC_REST
from cadenza.adapters.venues.kit.payloads import decode
from cadenza.adapters.venues.kit.request_instant import RequestInstant, TooLateToSend
from cadenza.adapters.venues.kit.venue_clock import VenueClock
from cadenza.adapters.venues.kit.words import UnreadablePayload
from cadenza.domain.errors import CredentialRejected, DatabaseUnavailable, VenueUnavailable
from cadenza.network.http import HttpRequest
from cadenza.network.outcomes import Answered, NotSent, NotSentCause, Outcome, OutcomeUnknown
from cadenza.network.traffic import HttpCalls
from cadenza.ports.clock import Clock
from cadenza.ports.venue.memory import MemoryTakenOver

_log = structlog.get_logger("cadenza.venue")

READ_MS_MAX = 10_000
"""How long a request may wait for its turn, and then for its reply, unless its caller says otherwise."""

READING_TURN_MS_MAX = 45_000
"""How long a reading of an account waits for its turn. When many accounts are opened, the venue's limits let them go
one after another: whoever gives up sooner opens its session again, and what it had read was read in vain. With the
reply it stays within the `ANSWER_MS_MAX` of the ports."""

LINE_MS_MAX = 1_000
"""A request that is not answered holds up the next one of its key for so long. If it arrives after that one, the venue
refuses it for its nonce."""

READINGS_MAX = 3
"""How often a question is asked whose nonce the venue refuses."""

LOOK_AGAIN_MS = 10_000
"""The least pause between two questions for the time because connections were lost. The venue takes 30 a minute of an
address, and one loss leads to a few."""

TIME_TURN_MS_MAX = 60_000
"""How long a question for the time waits for its turn: our own pace does not make the venue unreachable."""

SECOND_MS = 1_000
_SIGNED_PREFIX = "/api"
_NO_PLACES: Mapping[str, str] = {}

Parameter = str | int | Sequence[int] | Sequence[Sequence[int | str]]
Body = Mapping[str, Parameter]
"""The fields of a signed request. Amounts and prices are text."""


class NoncedKey(Protocol):
    """A key, as requests are signed with it."""

    @property
    def api_key(self) -> str: ...

    async def nonce(self) -> int:
        """Return a number that is larger than all that were returned for this key before, by whichever process. It is
        called in the order of sending. Raises `DatabaseUnavailable`, `MemoryTakenOver`, and `VenueUnavailable` when our
        clock shows an instant that is no nonce."""

    def headers(self, path: str, nonce: int, body: str) -> Mapping[str, str]:
        """Return the headers that sign a request. `path` begins with `/api/v2/`, as the venue signs it, and `body` is
        exactly what is sent."""


class BitfinexRest:
    """Sends requests to the hosts of one environment.

    Law: a request is written at most once. It leaves only when the venue's limits allow it, urgent ones before the
    others that wait for the same limit. Nonces of a key leave in the order in which they were drawn: the next request
    leaves when the one before has ended, or after `LINE_MS_MAX`. After a refusal for the pace, no request of that limit
    leaves for a minute. Each kind of request has a limit of its own, so orders take no room from cancels.
    """

    def __init__(self, *, urls: Mapping[str, str], http: HttpCalls, clock: Clock) -> None:
        self._public, self._private = urls[PUBLIC_REST], urls[PRIVATE_REST]
        self._http = http
        self._clock = clock
        self._pace = RequestPace(clock)
        self.clock = VenueClock(clock, self._ask_time, resolution_ms=SECOND_MS)
        """The clock of the public host, by the dates of its answers. They are whole seconds."""
        self._looked_ms: int | None = None
        self.trouble: str | None = None
        """In words, why the last request for the time failed, or that the venue is in maintenance; else None."""

    def look_again(self) -> None:
        """A connection was lost: ask whether the venue is there, unless that was asked a moment ago."""
        now_ms = self._clock.monotonic_ms()
        if self._looked_ms is None or now_ms - self._looked_ms >= LOOK_AGAIN_MS:
            self._looked_ms = now_ms
            self.clock.doubt()

    def note_user(self, key: NoncedKey, user: str) -> None:
        """From now on the orders of this key are counted with those of all keys of that user."""
        self._pace.note_user(key.api_key, user)

    def close(self) -> None:
        """Send nothing any more: requests that wait are answered with `NotSent`, and so are later ones."""
        self._pace.close()

    async def public(
        self,
        endpoint: RestEndpoint,
        places: Mapping[str, str] = _NO_PLACES,
        query: Mapping[str, str] = _NO_PLACES,
        *,
        turn_ms_max: int = READ_MS_MAX,
    ) -> Outcome:
        """Make a public request and return its outcome. It waits `turn_ms_max` for its turn."""
        turn = await self._pace.turn(None, endpoint, self._clock.monotonic_ms() + turn_ms_max)
        if isinstance(turn, NotSent):
            return turn
        asked = "&".join(f"{name}={quote(value, safe=':,')}" for name, value in query.items())
        url = f"{self._public}{endpoint.at(places)}{'?' if asked else ''}{asked}"
        request = HttpRequest("GET", url, self._clock.monotonic_ms() + READ_MS_MAX)
        return await self._call(request, endpoint, None, turn)

    async def signed(
        self,
        key: NoncedKey,
        endpoint: RestEndpoint,
        make: Callable[[RequestInstant], Body],
        *,
        places: Mapping[str, str] = _NO_PLACES,
        leave_by_ms: int | None = None,
        reply_ms_max: int = READ_MS_MAX,
        is_urgent: bool = False,
    ) -> Outcome:
        """Make a signed request and return its outcome.

        `make` returns the body. It is called when the request may leave, and may raise `TooLateToSend`; nothing is sent
        then. The request waits for its turn until `leave_by_ms` (our monotonic clock), and then `reply_ms_max` for its
        reply. `is_urgent`: it goes before the others.
        """
        by_ms = self._clock.monotonic_ms() + READ_MS_MAX if leave_by_ms is None else leave_by_ms
        turn = await self._pace.turn(key.api_key, endpoint, by_ms, is_urgent=is_urgent)
        if isinstance(turn, NotSent):
            return turn
        try:
            made = await self._made(key, endpoint.at(places), make, reply_ms_max)
        except BaseException:  # a request that cannot be made takes no room from others
            turn.give_back()
            raise
        if isinstance(made, NotSent):
            turn.give_back()
            return made
        return await self._call(made, endpoint, key.api_key, turn)

    async def line(self, key: NoncedKey) -> PaceTurn | NotSent:
        """Wait in the line of a key, for a login at a socket: its nonce is counted with those of requests. The caller
        draws the nonce after that, and settles the turn when the login has been answered."""
        return await self._pace.line(key.api_key, self._clock.monotonic_ms() + READ_MS_MAX)

    async def read(
        self,
        endpoint: RestEndpoint,
        places: Mapping[str, str] = _NO_PLACES,
        query: Mapping[str, str] = _NO_PLACES,
    ) -> bytes:
        """Return the result of a public request. Raises `VenueUnavailable`."""
        return result_of(await self.public(endpoint, places, query))

    async def asked(
        self,
        key: NoncedKey,
        endpoint: RestEndpoint,
        body: Body,
        *,
        places: Mapping[str, str] = _NO_PLACES,
        is_urgent: bool = False,
    ) -> bytes:
        """Return the result of a signed reading request. One that was refused for its nonce, because another overtook
        it on the way, is made again. Raises `CredentialRejected` when the venue refuses the key, and `VenueUnavailable`
        when it does not answer."""
        for _ in range(READINGS_MAX):
            by_ms = self._clock.monotonic_ms() + READING_TURN_MS_MAX
            outcome = await self.signed(
                key, endpoint, lambda _: body, places=places, leave_by_ms=by_ms, is_urgent=is_urgent
            )
            if not _is_overtaken(outcome):
                break
        return result_of(outcome)

    async def rows(
        self,
        key: NoncedKey,
        endpoint: RestEndpoint,
        body: Body,
        *,
        places: Mapping[str, str] = _NO_PLACES,
        is_urgent: bool = False,
    ) -> list[msgspec.Raw]:
        """Return the rows of a list that is read as `asked` reads. Raises what `asked` raises."""
        result = await self.asked(key, endpoint, body, places=places, is_urgent=is_urgent)
        try:
            return decode(list[msgspec.Raw], result)
        except UnreadablePayload as error:
            raise VenueUnavailable(f"BITFINEX answered with something else than a list: {error}") from error

    # Helpers

    async def _made(
        self, key: NoncedKey, path: str, make: Callable[[RequestInstant], Body], reply_ms_max: int
    ) -> HttpRequest | NotSent:
        try:
            nonce = await key.nonce()
        except (DatabaseUnavailable, MemoryTakenOver, VenueUnavailable) as error:
            return NotSent(NotSentCause.NOT_CONNECTED, why_no_nonce(error))
        now = self.clock.usable()
        if now is None:
            return NotSent(NotSentCause.NOT_CONNECTED, "the venue's time is not known")
        try:
            body = msgspec.json.encode(make(RequestInstant(now.our_ms, now.ahead_ms)))
        except TooLateToSend:
            return NotSent(NotSentCause.DEADLINE)
        headers = {
            **key.headers(f"{_SIGNED_PREFIX}{path}", nonce, body.decode()),
            "Content-Type": "application/json",
        }
        by_ms = self._clock.monotonic_ms() + reply_ms_max
        return HttpRequest("POST", f"{self._private}{path}", by_ms, headers=headers, body=body)

    async def _call(self, request: HttpRequest, endpoint: RestEndpoint, api_key: str | None, turn: PaceTurn) -> Outcome:
        waiting = asyncio.create_task(self._leave_line(turn)) if api_key is not None else None
        try:
            with turn:
                outcome = await self._http.call(request)
                if isinstance(outcome, NotSent):
                    turn.give_back()
                elif isinstance(outcome, Answered):
                    self._settle(endpoint, api_key, outcome)
        finally:
            if waiting is not None:
                waiting.cancel()
        return outcome

    async def _leave_line(self, turn: PaceTurn) -> None:
        await self._clock.sleep_ms(LINE_MS_MAX)
        turn.leave_line()

    def _settle(self, endpoint: RestEndpoint, api_key: str | None, outcome: Answered) -> None:
        """Learn from an answer that is no success."""
        if is_result(outcome.status, outcome.body):
            return
        refusal = refusal_of(outcome.body)
        said = "" if refusal is None else refusal.said
        if api_key is not None:
            _log.info("venue_refused", request=endpoint.path, status=outcome.status, text=said)
        if outcome.status == HTTP_TOO_MANY or (refusal is not None and refusal.is_for_pace):
            _log.warning("venue_limit_reached", request=endpoint.path, text=said)
            self._pace.hold(self._pace.meter(api_key, endpoint))

    async def _ask_time(self) -> int | None:
        try:
            outcome = await self.public(STATUS, turn_ms_max=TIME_TURN_MS_MAX)
            operates = decode(list[int], result_of(outcome))
            at_ms = _date_of(outcome)
        except (VenueUnavailable, CredentialRejected, UnreadablePayload) as error:
            self.trouble = str(error)
            return None
        self.trouble = None if operates[:1] == [1] else "BITFINEX is in maintenance"
        return at_ms


def why_no_nonce(error: DatabaseUnavailable | MemoryTakenOver | VenueUnavailable) -> str:
    """Return why a request got no nonce, in words for whoever gave the order: the error names our own memories."""
    match error:
        case DatabaseUnavailable():
            return "the database of the platform did not answer"
        case MemoryTakenOver():
            return "another process of the platform has begun to use the API key"
        case VenueUnavailable():
            return "the clock of the platform is wrong"


def result_of(outcome: Outcome) -> bytes:
    """Return the body of a success. Raises `CredentialRejected` when the venue refuses the key, else
    `VenueUnavailable`."""
    if isinstance(outcome, Answered):
        if is_result(outcome.status, outcome.body):
            return outcome.body
        _refuse(outcome)
    cause = outcome.cause.value
    text = "did not answer" if isinstance(outcome, OutcomeUnknown) else "could not be asked"
    raise VenueUnavailable(f"the venue {text}: {cause}{f', {outcome.detail}' if outcome.detail else ''}")


def _is_overtaken(outcome: Outcome) -> bool:
    refusal = refusal_of(outcome.body) if isinstance(outcome, Answered) else None
    return refusal is not None and refusal.code == NONCE


def _refuse(outcome: Answered) -> NoReturn:
    refusal = refusal_of(outcome.body)
    if refusal is not None and refusal.is_about_key:
        raise CredentialRejected(f"the venue refused the key: {refusal.said}")
    raise VenueUnavailable(
        f"the venue answered {outcome.status}: {'' if refusal is None else refusal.said}".rstrip(": ")
    )


def _date_of(outcome: Outcome) -> int:
    """Return the instant at which an answer was made, in whole seconds."""
    text = outcome.headers.get("date", "") if isinstance(outcome, Answered) else ""
    try:
        found = parsedate_to_datetime(text)
    except ValueError:
        raise UnreadablePayload("an answer has no date") from None
    return int(found.timestamp()) * SECOND_MS
