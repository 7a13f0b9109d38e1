"""REST: from an HTTP request to the gateway, and its answer back."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from aiohttp import web

from cadenza.simulators.bitfinex.venue import BitfinexVenue
from cadenza.simulators.bitfinex.wire.errors import AUTHENTICATION, GENERIC, BitfinexRefusal, invalid
from cadenza.simulators.bitfinex.wire.gateway import (
    BitfinexAnswer,
    BitfinexEndpoint,
    BitfinexGateway,
    BitfinexRequest,
)
from cadenza.simulators.bitfinex.wire.keys import BitfinexKey
from cadenza.simulators.bitfinex.wire.numbers import encode, read_json
from cadenza.simulators.bitfinex.wire.params import as_integer
from cadenza.simulators.kit.cuts import cut
from cadenza.simulators.kit.faults import FaultKind, RequestFault

PREFIX, SIGNED_PREFIX = "/v2", "/api"
FAULT_HEADER = "X-Simulator-Fault"
"""A test names a fault for its own request here, such as `reset_after`."""

BitfinexEndpoints = Mapping[str, BitfinexEndpoint]
"""Endpoints by path below `/v2/`. Those of accounts are asked with POST, the others with GET."""


class BitfinexRestApi:
    def __init__(self, venue: BitfinexVenue, gateway: BitfinexGateway) -> None:
        self._venue = venue
        self._gateway = gateway

    def add_routes(self, app: web.Application, endpoints: BitfinexEndpoints) -> None:
        for path, endpoint in endpoints.items():
            method = "GET" if endpoint.scope is None else "POST"
            app.router.add_route(method, f"{PREFIX}/{path}", self._handler(endpoint))
        app.router.add_route("*", f"{PREFIX}/{{tail:.*}}", _unknown)

    def _handler(self, endpoint: BitfinexEndpoint) -> Callable[[web.Request], Awaitable[web.Response]]:
        async def handle(request: web.Request) -> web.Response:
            return await self.serve(endpoint, request)

        return handle

    async def serve(self, endpoint: BitfinexEndpoint, request: web.Request) -> web.Response:
        try:
            asked = await self._asked(endpoint, request)
        except BitfinexRefusal as refusal:
            return _response(BitfinexAnswer(status=refusal.status, payload=refusal.payload))
        answer = await self._gateway.serve(endpoint, asked)
        if answer.cut is not None:
            await cut(request, answer.cut)
        return _response(answer)

    async def _asked(self, endpoint: BitfinexEndpoint, request: web.Request) -> BitfinexRequest:
        fault, address = _fault_of(endpoint, request.headers.get(FAULT_HEADER)), request.remote or ""
        path = dict(request.match_info)
        if endpoint.scope is None:
            values: dict[str, object] = dict(request.query)
            return BitfinexRequest(values=values, address=address, path=path, fault=fault)
        body = await request.text()
        key, nonce = self._authenticated(request, body)
        return BitfinexRequest(values=_fields(body), address=address, path=path, key=key, nonce=nonce, fault=fault)

    def _authenticated(self, request: web.Request, body: str) -> tuple[BitfinexKey, int]:
        """Return the key that signed a request, and its nonce."""
        key = self._venue.keys.find(request.headers.get("bfx-apikey", ""))
        if key is None:
            raise BitfinexRefusal(AUTHENTICATION, "apikey: invalid")
        nonce = request.headers.get("bfx-nonce", "")
        signed = SIGNED_PREFIX + request.raw_path.partition("?")[0] + nonce + body
        if not key.verifies(request.headers.get("bfx-signature", ""), signed):
            raise BitfinexRefusal(AUTHENTICATION, "apikey: digest invalid")
        return key, as_integer(nonce, "nonce")


async def _unknown(request: web.Request) -> web.Response:
    return _response(BitfinexAnswer(status=404, payload=["error", GENERIC, "not found"]))


def _fields(body: str) -> dict[str, object]:
    try:
        read = read_json(body) if body else {}
    except ValueError:
        raise invalid("json") from None
    if not isinstance(read, dict):
        raise invalid("json")
    return read


def _fault_of(endpoint: BitfinexEndpoint, header: str | None) -> RequestFault | None:
    if header is None:
        return None
    kind, _, delay = header.partition(":")
    return RequestFault(on=endpoint.name, kind=FaultKind(kind), delay_ms=int(delay or 0))


def _response(answer: BitfinexAnswer) -> web.Response:
    if answer.raw is not None:
        return web.Response(status=answer.status, text=answer.raw)
    body = encode(answer.payload).encode()
    return web.Response(status=answer.status, body=body, content_type="application/json", charset="utf-8")
