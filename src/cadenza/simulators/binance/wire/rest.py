"""REST: from an HTTP request to the gateway, and its answer back."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from urllib.parse import parse_qsl

import msgspec
from aiohttp import web

from cadenza.simulators.binance.wire.errors import VenueRefusal
from cadenza.simulators.binance.wire.gateway import (
    VenueAnswer,
    VenueEndpoint,
    VenueGateway,
    VenueRequest,
)
from cadenza.simulators.binance.wire.keys import signed_payload
from cadenza.simulators.kit.cuts import cut
from cadenza.simulators.kit.faults import FaultKind, RequestFault

FAULT_HEADER = "X-Simulator-Fault"
"""A test names a fault for its own request here, such as `reset_after`."""

_encode = msgspec.json.Encoder().encode


RestEndpoints = Mapping[tuple[str, str], VenueEndpoint]
"""Endpoints by method and path."""


class RestApi:
    def __init__(self, gateway: VenueGateway) -> None:
        self._gateway = gateway

    def add_routes(self, app: web.Application, endpoints: RestEndpoints, prefix: str = "") -> None:
        for (method, path), endpoint in endpoints.items():
            app.router.add_route(method, prefix + path, self._handler(endpoint))

    def _handler(self, endpoint: VenueEndpoint) -> Callable[[web.Request], Awaitable[web.Response]]:
        async def handle(request: web.Request) -> web.Response:
            return await self.serve(endpoint, request)

        return handle

    async def serve(self, endpoint: VenueEndpoint, request: web.Request) -> web.Response:
        try:
            asked = await _asked(endpoint, request)
        except VenueRefusal as error:
            return web.json_response(error.payload, status=error.status)
        answer = await self._gateway.serve(endpoint, asked)
        if answer.cut is not None:
            await cut(request, answer.cut)
        return _response(answer)


async def _asked(endpoint: VenueEndpoint, request: web.Request) -> VenueRequest:
    """Read the parameters as they were sent. Of a name in both, the query string's value counts."""
    query, body = request.url.raw_query_string, await request.text()
    if request.headers.get("X-MBX-TIME-UNIT", "MILLISECOND").upper() != "MILLISECOND":
        raise VenueRefusal(-1194, "Invalid value for time unit; this simulator knows MILLISECOND.")
    payload, signature = signed_payload(query, body)
    pairs = [*_pairs(body), *_pairs(query)]
    if len({name for name, _ in _pairs(query)}) != len(_pairs(query)):
        raise VenueRefusal(-1101, "Duplicate values for a parameter detected.")
    return VenueRequest(
        params=dict(pairs),
        key=request.headers.get("X-MBX-APIKEY"),
        payload=payload,
        signature=signature,
        address=request.remote or "",
        fault=_fault_of(endpoint, request.headers.get(FAULT_HEADER)),
    )


def _pairs(text: str) -> list[tuple[str, str]]:
    return parse_qsl(text, keep_blank_values=True)


def _fault_of(endpoint: VenueEndpoint, header: str | None) -> RequestFault | None:
    if header is None:
        return None
    kind, _, delay = header.partition(":")
    return RequestFault(on=endpoint.name, kind=FaultKind(kind), delay_ms=int(delay or 0))


def _response(answer: VenueAnswer) -> web.Response:
    if answer.raw is not None:
        return web.Response(status=answer.status, text=answer.raw, headers=answer.headers)
    body = _encode(answer.payload)
    return web.Response(
        status=answer.status, body=body, headers=answer.headers, content_type="application/json", charset="utf-8"
    )
