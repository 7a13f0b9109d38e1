"""REST: from an HTTP request to the gateway, and its answer back."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from urllib.parse import parse_qsl

import msgspec
from aiohttp import web

from cadenza.simulators.kit.cuts import cut
from cadenza.simulators.kit.faults import FaultKind, RequestFault
from cadenza.simulators.okx.venue import OkxVenue
from cadenza.simulators.okx.wire.errors import VenueRefusal, unauthorized
from cadenza.simulators.okx.wire.gateway import OkxAccess, VenueAnswer, VenueEndpoint, VenueGateway, VenueRequest
from cadenza.simulators.okx.wire.keys import OkxKey
from cadenza.simulators.okx.wire.params import read_json

PREFIX = "/api/v5"
FAULT_HEADER = "X-Simulator-Fault"
"""A test names a fault for its own request here, such as `reset_after`."""

WINDOW_MS = 30_000
"""How far the timestamp of a request may be from the venue's time."""

_HEADERS = (
    ("OK-ACCESS-KEY", "50103"),
    ("OK-ACCESS-PASSPHRASE", "50104"),
    ("OK-ACCESS-SIGN", "50106"),
    ("OK-ACCESS-TIMESTAMP", "50107"),
)
_encode = msgspec.json.Encoder().encode

RestEndpoints = Mapping[tuple[str, str], VenueEndpoint]
"""Endpoints by method and path below `/api/v5/`."""


class OkxRestApi:
    def __init__(self, venue: OkxVenue, gateway: VenueGateway) -> None:
        self._venue = venue
        self._gateway = gateway

    def add_routes(self, app: web.Application, endpoints: RestEndpoints) -> None:
        for (method, path), endpoint in endpoints.items():
            app.router.add_route(method, f"{PREFIX}/{path}", self._handler(endpoint))
        app.router.add_route("*", f"{PREFIX}/{{tail:.*}}", _unknown)

    def _handler(self, endpoint: VenueEndpoint) -> Callable[[web.Request], Awaitable[web.Response]]:
        async def handle(request: web.Request) -> web.Response:
            return await self.serve(endpoint, request)

        return handle

    async def serve(self, endpoint: VenueEndpoint, request: web.Request) -> web.Response:
        try:
            asked = await self._asked(endpoint, request)
        except VenueRefusal as refusal:
            return _response(VenueAnswer(status=refusal.status, payload=refusal.payload))
        answer = await self._gateway.serve(endpoint, asked)
        if answer.cut is not None:
            await cut(request, answer.cut)
        return _response(answer)

    async def _asked(self, endpoint: VenueEndpoint, request: web.Request) -> VenueRequest:
        body = await request.text()
        key = None if endpoint.access is OkxAccess.PUBLIC else self._authenticated(request, body)
        expires = request.headers.get("expTime", "")
        if expires and not expires.isdecimal():
            raise VenueRefusal("51000", "Parameter expTime error", 400)
        return VenueRequest(
            rows=_rows(endpoint, request, body),
            key=key,
            address=request.remote or "",
            expires_ms=int(expires) if expires else None,
            fault=_fault_of(endpoint, request.headers.get(FAULT_HEADER)),
        )

    def _authenticated(self, request: web.Request, body: str) -> OkxKey:
        """Return the key that signed a request."""
        for name, code in _HEADERS:
            if not request.headers.get(name):
                raise unauthorized(code, f'Request header "{name}" can not be empty.')
        timestamp = request.headers["OK-ACCESS-TIMESTAMP"]
        at_ms = _instant_ms(timestamp)
        if at_ms is None:
            raise unauthorized("50112", "Invalid OK-ACCESS-TIMESTAMP")
        if abs(at_ms - self._venue.now_ms()) > WINDOW_MS:
            raise unauthorized("50102", "Timestamp request expired")
        key = self._venue.keys.find(request.headers["OK-ACCESS-KEY"])
        if key is None:
            raise unauthorized("50111", "Invalid OK-ACCESS-KEY")
        if key.is_demo is not (request.headers.get("x-simulated-trading") == "1"):
            raise unauthorized("50101", "APIKey does not match current environment.")
        if request.headers["OK-ACCESS-PASSPHRASE"] != key.passphrase:
            raise unauthorized("50105", 'Request header "OK-ACCESS-PASSPHRASE" incorrect.')
        if not key.verifies(request.headers["OK-ACCESS-SIGN"], timestamp, request.method, request.raw_path, body):
            raise unauthorized("50113", "Invalid Sign")
        return key


async def _unknown(request: web.Request) -> web.Response:
    payload: dict[str, object] = {"code": "404", "data": {}, "msg": f"{request.path} Not Found"}
    return _response(VenueAnswer(status=404, payload=payload))


def _instant_ms(timestamp: str) -> int | None:
    """Return the instant of an ISO 8601 text in UTC with milliseconds; None when it is not one."""
    try:
        moment = datetime.strptime(timestamp, "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=UTC)
    except ValueError:
        return None
    return int(moment.timestamp()) * 1_000 + moment.microsecond // 1_000


def _rows(endpoint: VenueEndpoint, request: web.Request, body: str) -> tuple[dict[str, object], ...]:
    """Return the fields of a request: of the query for GET, of the JSON body for POST."""
    if request.method == "GET":
        return (dict(parse_qsl(request.url.raw_query_string, keep_blank_values=True)),)
    read = read_json(body) if body else {}
    rows = read if endpoint.is_batch else [read]
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise VenueRefusal("50002", "JSON syntax error", 400)
    return tuple(rows)


def _fault_of(endpoint: VenueEndpoint, header: str | None) -> RequestFault | None:
    if header is None:
        return None
    kind, _, delay = header.partition(":")
    return RequestFault(on=endpoint.name, kind=FaultKind(kind), delay_ms=int(delay or 0))


def _response(answer: VenueAnswer) -> web.Response:
    if answer.raw is not None:
        return web.Response(status=answer.status, text=answer.raw)
    return web.Response(
        status=answer.status, body=_encode(answer.payload), content_type="application/json", charset="utf-8"
    )
