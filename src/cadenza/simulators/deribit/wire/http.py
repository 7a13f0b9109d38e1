"""HTTP: a method's path with its parameters in the query, or JSON-RPC in the body."""

from __future__ import annotations

import builtins
import re
from typing import Any

import msgspec
from aiohttp import web

from cadenza.simulators.deribit.venue import DeribitVenue
from cadenza.simulators.deribit.wire.access import AccessGrant
from cadenza.simulators.deribit.wire.errors import (
    DeribitRefusal,
    invalid_credentials,
    invalid_request,
    parse_error,
    unauthorized,
)
from cadenza.simulators.deribit.wire.gateway import RpcAnswer, RpcGateway, RpcRequest
from cadenza.simulators.deribit.wire.params import echoed_id, read_json
from cadenza.simulators.kit.cuts import cut
from cadenza.simulators.kit.faults import FaultKind, RequestFault

PREFIX = "/api/v2"
FAULT_HEADER = "X-Simulator-Fault"
"""A test names a fault for its own request here, such as `reset_after`, or `slow:300` with a delay in milliseconds."""

_SIGNED = "deri-hmac-sha256 "
_FIELD = re.compile(r"\s*(id|ts|nonce|sig)=([^,\s]+)\s*")
_encode = msgspec.json.Encoder().encode


class HttpApi:
    def __init__(self, venue: DeribitVenue, gateway: RpcGateway) -> None:
        self._venue = venue
        self._gateway = gateway

    def add_routes(self, app: web.Application) -> None:
        app.router.add_get(f"{PREFIX}/{{method:.+}}", self._get)
        app.router.add_post(f"{PREFIX}/{{method:.+}}", self._post)
        app.router.add_post(PREFIX, self._post)

    async def _get(self, request: web.Request) -> web.Response:
        return await self._serve(request, request.match_info["method"], dict(request.query), None, has_id=False)

    async def _post(self, request: web.Request) -> web.Response:
        """JSON-RPC in the body. The method in it must be the path's, where the path names one."""
        try:
            body = read_json(await request.read())
        except ValueError:
            return self._unreadable(parse_error())
        if not isinstance(body, dict) or not isinstance(body.get("params", {}), dict):
            return self._unreadable(invalid_request("the body must be an object with named parameters"))
        method = request.match_info.get("method") or body.get("method")
        if not isinstance(method, str) or body.get("method", method) != method:
            return self._unreadable(invalid_request("method"))
        return await self._serve(request, method, body.get("params", {}), body.get("id"), has_id="id" in body)

    async def _serve(
        self, request: web.Request, method: str, params: dict[str, Any], id: object, *, has_id: bool
    ) -> web.Response:
        header = request.headers.get("Authorization", "")
        try:
            grant = await self._signer(request, header) if header.startswith(_SIGNED) else None
        except DeribitRefusal as refusal:
            return self._unreadable(refusal)
        asked = RpcRequest(
            method=method,
            params=params,
            address=request.remote or "",
            connection_id=-builtins.id(request.transport),
            id=echoed_id(id),
            has_id=has_id,
            grant=grant,
            bearer=header.removeprefix("Bearer ") if header.startswith("Bearer ") else None,
            fault=_fault_of(request, method),
        )
        answer = await self._gateway.serve(asked)
        if answer.cut is not None:
            await cut(request, answer.cut)
        if answer.raw is not None:
            return web.Response(status=answer.status, text=answer.raw)
        return _response(answer)

    async def _signer(self, request: web.Request, header: str) -> AccessGrant:
        """Return the access of whoever signed the request: the HMAC of the time, the nonce, the method, the path with
        its query as it was sent, and the body, each with a line's end."""
        fields = dict(match for part in header.removeprefix(_SIGNED).split(",") for match in _FIELD.findall(part))
        if fields.keys() != {"id", "ts", "nonce", "sig"} or not fields["ts"].isdecimal():
            raise unauthorized("the Authorization header is malformed")
        key = self._venue.keys.find(fields["id"])
        if key is None:
            raise invalid_credentials()
        if abs(self._venue.now_ms() - int(fields["ts"])) > self._venue.settings.signature_age_ms_max:
            raise unauthorized("the timestamp is too old or too far ahead")
        body = (await request.read()).decode()
        signed = (fields["ts"], fields["nonce"], request.method, request.raw_path, body, "")
        if not key.verifies("\n".join(signed), fields["sig"]):
            raise unauthorized("bad signature")
        return AccessGrant(key=key, scopes=key.scopes)

    def _unreadable(self, refusal: DeribitRefusal) -> web.Response:
        return _response(RpcAnswer(status=refusal.status, payload=self._gateway.refusal(refusal)))


def _response(answer: RpcAnswer) -> web.Response:
    return web.Response(
        body=_encode(answer.payload), status=answer.status, content_type="application/json", charset="utf-8"
    )


def _fault_of(request: web.Request, method: str) -> RequestFault | None:
    text = request.headers.get(FAULT_HEADER)
    if text is None:
        return None
    kind, _, delay_ms = text.partition(":")
    try:
        return RequestFault(on=method, kind=FaultKind(kind), delay_ms=int(delay_ms or 0))
    except ValueError:
        raise web.HTTPBadRequest(text=f"there is no fault {text}") from None
