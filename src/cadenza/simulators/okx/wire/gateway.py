"""The way of one request, by REST or socket: pace, fault, execution, disk, answer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum

from cadenza.simulators.kit.cuts import ConnectionCut
from cadenza.simulators.kit.faults import FaultKind, RequestFault
from cadenza.simulators.kit.records import RequestRow
from cadenza.simulators.okx.venue import MARKET, OkxVenue
from cadenza.simulators.okx.wire.errors import VenueRefusal, timed_out, too_many_requests, unauthorized
from cadenza.simulators.okx.wire.keys import OkxKey
from cadenza.simulators.okx.wire.pacing import OkxPace
from cadenza.simulators.okx.wire.params import OkxParams

ALL_FAILED, PARTLY = "All operations failed", "Bulk operation partially succeeded"


class OkxAccess(Enum):
    """Who may ask: everyone, every key, keys that may trade."""

    PUBLIC = "PUBLIC"
    READ = "READ"
    TRADE = "TRADE"


@dataclass(frozen=True, slots=True, kw_only=True)
class VenueCall:
    """A request that may be executed. `rows` are the orders of a batch; of any other request it is the fields alone."""

    venue: OkxVenue
    params: OkxParams
    rows: tuple[OkxParams, ...]
    key: OkxKey | None
    now_ms: int

    @property
    def account(self) -> str:
        assert self.key is not None
        return self.key.account


@dataclass(frozen=True, slots=True)
class OkxRows:
    """An answer in which each row has a code of its own, `sCode`."""

    rows: list[dict[str, object]]

    def envelope(self) -> tuple[str, str]:
        """Return the code and the text over all rows."""
        failed = sum(row["sCode"] != "0" for row in self.rows)
        if not failed:
            return "0", ""
        return ("1", ALL_FAILED) if failed == len(self.rows) else ("2", PARTLY)


@dataclass(frozen=True, slots=True, kw_only=True)
class VenueEndpoint:
    """A request that the venue knows. `name` is what faults and lists call it; `is_batch` takes a list of orders,
    `is_timed` answers with the times at which it came and left, `has_deadline` obeys `expTime`."""

    name: str
    handler: Callable[[VenueCall], object]
    access: OkxAccess = OkxAccess.READ
    pace: OkxPace | None = None
    is_batch: bool = False
    is_timed: bool = False
    has_deadline: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class VenueRequest:
    """A request whose signature was checked. `expires_ms` is its `expTime`."""

    rows: tuple[dict[str, object], ...]
    key: OkxKey | None
    address: str
    expires_ms: int | None = None
    fault: RequestFault | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class VenueAnswer:
    """Status and payload; or how the connection fails instead. `raw` is a body that is not JSON."""

    status: int = 200
    payload: dict[str, object] = field(default_factory=dict)
    cut: ConnectionCut | None = None
    raw: str | None = None


class VenueGateway:
    def __init__(self, venue: OkxVenue) -> None:
        self._venue = venue

    async def serve(self, endpoint: VenueEndpoint, asked: VenueRequest) -> VenueAnswer:
        """Answer a request. When this returns, what the request changed is on disk. A caller that is cancelled, because
        its client has left, does not cancel the request."""
        return await self._venue.running.complete(self._serve(endpoint, asked))

    async def _serve(self, endpoint: VenueEndpoint, asked: VenueRequest) -> VenueAnswer:
        came_us = self._venue.now_ms() * 1_000
        fault = asked.fault or self._venue.faults.for_request(endpoint.name, MARKET)
        if fault is not None and (early := _before(fault)) is not None:
            return early
        try:
            self._admit(endpoint, asked)
            if fault is not None and fault.kind is FaultKind.LATE:
                await self._venue.clock.sleep_ms(fault.delay_ms)
                self._check_deadline(endpoint, asked, "50037", "The order expired.")
            answer = self._execute(endpoint, asked)
        except VenueRefusal as refusal:
            answer = VenueAnswer(status=refusal.status, payload=refusal.payload)
        if endpoint.is_timed:
            times = {"inTime": str(came_us), "outTime": str(self._venue.now_ms() * 1_000)}
            answer = VenueAnswer(status=answer.status, payload=answer.payload | times)
        await self._venue.commit(_request_row(endpoint, asked, answer, self._venue.now_ms()))
        return await self._after(fault, answer)

    def check_key(self, endpoint: VenueEndpoint, key: OkxKey, address: str) -> None:
        """Check what a key may do, and from where."""
        if key.addresses and address not in key.addresses:
            text = f"Your IP {address} is not included in your API key's {key.key} IP whitelist."
            raise unauthorized("50110", text)
        if endpoint.access is OkxAccess.TRADE and not key.can_trade:
            raise unauthorized("50120", "This API key doesn't have permission to use this function")

    def _admit(self, endpoint: VenueEndpoint, asked: VenueRequest) -> None:
        if asked.key is not None:
            self.check_key(endpoint, asked.key, asked.address)
        who = asked.address if asked.key is None else asked.key.account
        if endpoint.pace is not None and not endpoint.pace.by_instrument:
            self._venue.pacing.charge(endpoint.pace, who, self._venue.now_ms())
        if not asked.rows:
            raise VenueRefusal("50000", "Body for POST request can not be empty.", 400)
        text = "The expTime can't be earlier than the current system time. Please adjust the expTime and try again."
        self._check_deadline(endpoint, asked, "50036", text)

    def _check_deadline(self, endpoint: VenueEndpoint, asked: VenueRequest, code: str, text: str) -> None:
        is_late = asked.expires_ms is not None and asked.expires_ms < self._venue.now_ms()
        if endpoint.has_deadline and is_late:
            raise VenueRefusal(code, text)

    def _execute(self, endpoint: VenueEndpoint, asked: VenueRequest) -> VenueAnswer:
        rows = tuple(OkxParams(row, is_order=endpoint.is_timed) for row in asked.rows)
        self._charge_rows(endpoint, asked, rows)
        call = VenueCall(
            venue=self._venue,
            params=OkxParams(asked.rows[0]),
            rows=rows,
            key=asked.key,
            now_ms=self._venue.now_ms(),
        )
        data = endpoint.handler(call)
        if isinstance(data, OkxRows):
            code, text = data.envelope()
            return VenueAnswer(payload={"code": code, "data": data.rows, "msg": text})
        return VenueAnswer(payload={"code": "0", "data": data, "msg": ""})

    def _charge_rows(self, endpoint: VenueEndpoint, asked: VenueRequest, rows: tuple[OkxParams, ...]) -> None:
        """Count orders by account and instrument. Those of spot do not count for the account."""
        pace, key = endpoint.pace, asked.key
        if pace is None or key is None or not pace.by_instrument:
            return
        venue, now_ms = self._venue, self._venue.now_ms()
        for params in rows:
            name = params.text("instId")
            instrument = venue.exchange.instruments.get(name)
            counted = instrument.family if instrument is not None and instrument.is_option else name
            venue.pacing.charge(pace, f"{key.account}/{counted}", now_ms)
            if endpoint.has_deadline and instrument is not None and not instrument.is_spot:
                venue.pacing.charge_account(key.account, now_ms)

    async def _after(self, fault: RequestFault | None, answer: VenueAnswer) -> VenueAnswer:
        if fault is None:
            return answer
        match fault.kind:
            case FaultKind.SILENCE_AFTER:
                return VenueAnswer(cut=ConnectionCut.SILENCE)
            case FaultKind.RESET_AFTER:
                return VenueAnswer(cut=ConnectionCut.RESET)
            case FaultKind.ERROR_AFTER:
                return VenueAnswer(status=fault.status, raw=fault.body)
            case FaultKind.TIMEOUT_AFTER:
                return VenueAnswer(status=timed_out().status, payload=timed_out().payload)
            case FaultKind.SLOW:
                await self._venue.clock.sleep_ms(fault.delay_ms)
        return answer


def _before(fault: RequestFault) -> VenueAnswer | None:
    """Return the answer to a request that is not executed; None when it is."""
    match fault.kind:
        case FaultKind.SILENCE_BEFORE:
            return VenueAnswer(cut=ConnectionCut.SILENCE)
        case FaultKind.RESET_BEFORE:
            return VenueAnswer(cut=ConnectionCut.RESET)
        case FaultKind.ERROR_BEFORE:
            return VenueAnswer(status=fault.status, raw=fault.body)
        case FaultKind.TIMEOUT_BEFORE:
            return VenueAnswer(status=timed_out().status, payload=timed_out().payload)
        case FaultKind.TOO_MANY_REQUESTS:
            return VenueAnswer(status=429, payload=too_many_requests().payload)
        case FaultKind.BANNED:
            return VenueAnswer(status=403, raw="Forbidden")
    return None


def _request_row(endpoint: VenueEndpoint, asked: VenueRequest, answer: VenueAnswer, now_ms: int) -> RequestRow | None:
    """Return what is kept of a trading request: the fields of its orders, and the codes that answer them."""
    if endpoint.access is not OkxAccess.TRADE:
        return None
    parameters = {
        (name if len(asked.rows) == 1 else f"{number}.{name}"): value
        for number, row in enumerate(asked.rows)
        for name, value in OkxParams(row).values.items()
    }
    payload = answer.payload
    codes = [f"{payload['code']} {payload['msg']}".strip()] if payload["code"] != "0" else ["OK"]
    data = payload.get("data")
    for row in data if isinstance(data, list) else []:
        if isinstance(row, dict) and row.get("sCode", "0") != "0":
            codes.append(f"{row['sCode']} {row['sMsg']}")
    return RequestRow(
        market=MARKET,
        account="" if asked.key is None else asked.key.account,
        name=endpoint.name,
        parameters=parameters,
        outcome="; ".join(codes),
        at_ms=now_ms,
    )
