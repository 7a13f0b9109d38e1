"""The raw client of DERIBIT's methods over HTTP: signed and public calls at the venue's pace, on the venue's time.

One client serves every session of a connector, because the venue counts the requests of an account together, whichever
key makes them. It knows nothing of orders: what an answer proves is decided by `classify`.
"""

from collections.abc import Callable, Mapping
from typing import NoReturn

import msgspec
import structlog

from cadenza.adapters.venues.deribit.classify import (
    HTTP_TOO_MANY,
    TOO_MANY_REQUESTS,
    answer_of,
    classify_query,
    refused_key,
)
from cadenza.adapters.venues.deribit.credential import DeribitSigner
from cadenza.adapters.venues.deribit.requests import GET_TIME, RequestPool, RpcMessage
from cadenza.adapters.venues.deribit.spec import REST
from cadenza.adapters.venues.kit.not_sent import not_sent_for_pace
from cadenza.adapters.venues.kit.payloads import decode
from cadenza.adapters.venues.kit.request_instant import RequestInstant, made_now
from cadenza.adapters.venues.kit.venue_clock import VenueClock
from cadenza.adapters.venues.kit.words import UnreadablePayload
from cadenza.domain.errors import CredentialRejected, VenueUnavailable
from cadenza.network.http import HttpRequest
from cadenza.network.outcomes import Answered, NotSent, Outcome, OutcomeUnknown
from cadenza.network.pace_queue import PaceRefusal
from cadenza.network.pace_windows import MeterKey, WindowLimit
from cadenza.network.pacing import Pacer, PaceTicket
from cadenza.network.patience import Randomness
from cadenza.network.traffic import HttpCalls
from cadenza.ports.clock import Clock

_log = structlog.get_logger("cadenza.venue")

PATH = "/api/v2/"

READ_MS_MAX = 10_000
"""How long a request may wait for its turn, and then for its reply, unless its caller says otherwise."""

CONNECTIONS_MAX, CONNECTIONS_FOR_URGENT = 32, 4
"""Requests that are under way at a time, and how many of these places only cancels and questions about orders may take.
The others wait here, where cancels overtake them, and not within the HTTP client."""

REFILL_MS = 4_000
"""How long nothing leaves that is paid from a pool which the venue has found empty: until it is full again."""

_PUBLIC, _ANY = "public", ""
_UNDER_WAY = "under way"
_NONCE_DIGITS = 16

CREDIT_WINDOWS: Mapping[RequestPool, WindowLimit] = {
    RequestPool.MATCHING: WindowLimit(20, 4_000, reserved_for_urgent=5),
    RequestPool.NON_MATCHING: WindowLimit(100, 5_000, reserved_for_urgent=20),
    RequestPool.PUBLIC: WindowLimit(100, 5_000),
    RequestPool.INSTRUMENTS: WindowLimit(50, 50_000),
}
"""The pools of the lowest tier (docs.deribit.com, rate limits). A pool of so many requests that fills up in a time lets
so many through in any span of that length, wherever it begins."""

_encode = msgspec.json.Encoder(decimal_format="number").encode


class DeribitRest:
    """Calls methods of one environment.

    Law: a request is written at most once. It leaves only when the venue's credits allow it, urgent ones before the
    others that wait for the same pool; it is signed after that, with the venue's time. After a refusal for the pace,
    nothing that is paid from that pool leaves until it is full again.
    """

    def __init__(
        self,
        *,
        urls: Mapping[str, str],
        http: HttpCalls,
        clock: Clock,
        randomness: Randomness,
        credits: Mapping[RequestPool, WindowLimit] = CREDIT_WINDOWS,
    ) -> None:
        self._base = urls[REST]
        self._http = http
        self._clock = clock
        self._randomness = randomness
        windows = {pool.value: (limit,) for pool, limit in credits.items()}
        self._pacer = Pacer(
            {**windows, _UNDER_WAY: (WindowLimit(CONNECTIONS_MAX, 1, CONNECTIONS_FOR_URGENT),)}, clock=clock
        )
        self._users: dict[str, str] = {}
        self.clock = VenueClock(clock, self._ask_time)
        self.trouble: str | None = None
        """In words, why the last request for the time failed; None when it did not."""

    def note_user(self, signer: DeribitSigner, user: str) -> None:
        """From now on the requests of this key are counted with those of all keys of that account."""
        self._users[signer.api_key] = user

    def nonce(self) -> str:
        """Return a number that is used once."""
        return f"{self._randomness.randrange(16**_NONCE_DIGITS):0{_NONCE_DIGITS}x}"

    def close(self) -> None:
        """Send nothing any more: requests that wait are answered with `NotSent`, and so are later ones."""
        self._pacer.close()

    async def public(self, request: RpcMessage) -> Outcome:
        """Call a public method and return its outcome."""
        by_ms = self._clock.monotonic_ms() + READ_MS_MAX
        ticket = await self._turn(_PUBLIC, request.pool, by_ms, is_urgent=False)
        if isinstance(ticket, NotSent):
            return ticket
        return await self._call(request, None, MeterKey(request.pool.value, _ANY), ticket, READ_MS_MAX)

    async def signed(
        self,
        signer: DeribitSigner,
        make: Callable[[RequestInstant], RpcMessage],
        *,
        pool: RequestPool = RequestPool.NON_MATCHING,
        leave_by_ms: int | None = None,
        reply_ms_max: int = READ_MS_MAX,
        is_urgent: bool = False,
    ) -> Outcome:
        """Call a private method and return its outcome.

        `make` is called when the request may leave, and may raise `TooLateToSend`; nothing is sent then. The request is
        paid from `pool`. It waits for its turn until `leave_by_ms` (our monotonic clock), and then `reply_ms_max` for
        its reply. `is_urgent`: it goes before the others.
        """
        by_ms = self._clock.monotonic_ms() + READ_MS_MAX if leave_by_ms is None else leave_by_ms
        ticket = await self._turn(signer.api_key, pool, by_ms, is_urgent=is_urgent)
        if isinstance(ticket, NotSent):
            return ticket
        made = made_now(make, self.clock, ticket)
        if isinstance(made, NotSent):
            return made
        request, venue_ms = made
        return await self._call(request, (signer, venue_ms), self._key(signer.api_key, pool), ticket, reply_ms_max)

    async def read(self, request: RpcMessage) -> msgspec.Raw:
        """Return the result of a public method. Raises `VenueUnavailable`."""
        return result_of(await self.public(request))

    async def asked(self, signer: DeribitSigner, request: RpcMessage, *, is_urgent: bool = False) -> msgspec.Raw:
        """Return the result of a private reading method. Raises `CredentialRejected` when the venue refuses the key,
        and `VenueUnavailable` when it does not answer."""
        return result_of(await self.signed(signer, lambda _: request, pool=request.pool, is_urgent=is_urgent))

    # Helpers

    async def _ask_time(self) -> int | None:
        try:
            found = decode(int, result_of(await self.public(GET_TIME)))
        except (VenueUnavailable, CredentialRejected, UnreadablePayload) as error:
            self.trouble = str(error)
            return None
        self.trouble = None
        return found

    def _key(self, caller: str, pool: RequestPool) -> MeterKey:
        is_shared = pool in (RequestPool.PUBLIC, RequestPool.INSTRUMENTS)
        return MeterKey(pool.value, _ANY if is_shared else self._users.get(caller, caller))

    async def _turn(self, caller: str, pool: RequestPool, by_ms: int, *, is_urgent: bool) -> PaceTicket | NotSent:
        """Wait until the request may leave."""
        charges = {self._key(caller, pool): 1, MeterKey(_UNDER_WAY, _ANY): 1}
        ticket = await self._pacer.acquire(caller, charges, deadline_ms=by_ms, is_urgent=is_urgent)
        return not_sent_for_pace(ticket, self._clock) if isinstance(ticket, PaceRefusal) else ticket

    async def _call(
        self,
        request: RpcMessage,
        signed: tuple[DeribitSigner, int] | None,
        key: MeterKey,
        ticket: PaceTicket,
        reply_ms_max: int,
    ) -> Outcome:
        body = _encode({"jsonrpc": "2.0", "id": 1, "method": request.method, "params": request.params})
        target = f"{PATH}{request.method}"
        headers = {"Content-Type": "application/json"}
        if signed is not None:
            signer, venue_ms = signed
            headers["Authorization"] = signer.header(
                "POST", target, body.decode(), venue_ms=venue_ms, nonce=self.nonce()
            )
        by_ms = self._clock.monotonic_ms() + reply_ms_max
        with ticket:
            outcome = await self._http.call(
                HttpRequest("POST", f"{self._base}{target}", by_ms, headers=headers, body=body)
            )
            if isinstance(outcome, NotSent):
                ticket.give_back()
            elif isinstance(outcome, Answered):
                self._settle(request, key, outcome)
        return outcome

    def _settle(self, request: RpcMessage, key: MeterKey, outcome: Answered) -> None:
        """Learn from an answer that is no success."""
        answer = answer_of(outcome.body)
        if answer is not None and answer.is_success:
            return
        said = "" if answer is None else answer.said
        if request.pool is RequestPool.MATCHING:
            _log.info("venue_refused", request=request.method, status=outcome.status, text=said)
        if answer is not None and answer.is_about_time:
            self.clock.doubt()
        if outcome.status == HTTP_TOO_MANY or (answer is not None and answer.code == TOO_MANY_REQUESTS):
            _log.warning("venue_limit_reached", request=request.method, text=said)
            self._pacer.hold(key, REFILL_MS)


def result_of(outcome: Outcome) -> msgspec.Raw:
    """Return the result of a success. Raises `CredentialRejected` when the venue refuses the key, else
    `VenueUnavailable`."""
    if isinstance(outcome, Answered):
        answer = answer_of(outcome.body)
        if answer is not None and answer.result is not None:
            return answer.result
        _refuse(outcome)
    cause = outcome.cause.value
    text = "did not answer" if isinstance(outcome, OutcomeUnknown) else "could not be asked"
    raise VenueUnavailable(f"the venue {text}: {cause}{f', {outcome.detail}' if outcome.detail else ''}")


def _refuse(outcome: Answered) -> NoReturn:
    answer = answer_of(outcome.body)
    if refusal := refused_key(outcome.status, answer):
        raise CredentialRejected(f"the venue refused the key: {refusal}")
    raise VenueUnavailable(f"the venue answered {outcome.status}: {classify_query(outcome.status, answer).text}")
