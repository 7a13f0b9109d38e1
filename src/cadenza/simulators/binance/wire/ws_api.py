"""The WebSocket API: requests by method, log-on of a session, and user data."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable

from aiohttp import web

from cadenza.simulators.binance.spot.endpoints import WEBSOCKET
from cadenza.simulators.binance.spot.payloads import Payload
from cadenza.simulators.binance.spot.user_streams import UserSession
from cadenza.simulators.binance.venue import SpotVenue
from cadenza.simulators.binance.wire.errors import VenueRefusal, key_rejected
from cadenza.simulators.binance.wire.gateway import (
    ConnectionCut,
    RequestSecurity,
    VenueAnswer,
    VenueCall,
    VenueEndpoint,
    VenueGateway,
    VenueRequest,
)
from cadenza.simulators.binance.wire.keys import sorted_payload
from cadenza.simulators.binance.wire.sockets import frames, opened

PATH = "/ws-api/v3"
HANDSHAKE_WEIGHT = 5
REQUESTS_MAX = 1_000
"""Requests of one socket that may be in execution; the next one ends the connection."""


class WebSocketApi:
    def __init__(self, venue: SpotVenue, gateway: VenueGateway) -> None:
        self._venue = venue
        self._gateway = gateway
        self._methods = WEBSOCKET | {endpoint.name: endpoint for endpoint in _SESSION_METHODS}

    def add_routes(self, app: web.Application) -> None:
        app.router.add_get(PATH, self._serve)

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        address = request.remote or ""
        try:
            self._venue.limits.charge(address, HANDSHAKE_WEIGHT, self._venue.now_ms())
        except VenueRefusal as error:
            return web.json_response(error.payload, status=error.status)
        tasks: set[asyncio.Task[None]] = set()
        async with opened(self._venue, request) as (socket, outlet):
            session = UserSession(outlet)

            async def hear(text: str) -> None:
                if len(tasks) >= REQUESTS_MAX:
                    outlet.abort()
                    return
                task = asyncio.create_task(self._answer(session, address, text))
                tasks.add(task)
                task.add_done_callback(tasks.discard)

            try:
                await frames(self._venue, socket, hear, None)
            finally:
                self._venue.user_streams.leave(session)
        return socket

    async def _answer(self, session: UserSession, address: str, text: str) -> None:
        """VenueAnswer one frame. Requests of a session run side by side, so answers may overtake each other."""
        try:
            id, method, params = _read(text)
            endpoint = self._methods.get(method)
            if endpoint is None:
                raise VenueRefusal(-1000, f"Unknown method '{method}'.")
        except VenueRefusal as error:
            session.outlet.send({"id": None, "status": error.status, "error": error.payload})
            return
        asked = VenueRequest(
            params=params,
            key=params.get("apiKey"),
            payload=sorted_payload(params),
            signature=params.get("signature", ""),
            address=address,
            session=session,
        )
        answer = await self._gateway.serve(endpoint, asked)
        if answer.cut is ConnectionCut.RESET:
            session.outlet.abort()
        elif answer.cut is None:
            session.outlet.send(self._frame(id, answer, address, params.get("returnRateLimits") != "false"))

    def _frame(self, id: object, answer: VenueAnswer, address: str, shows_limits: bool) -> Payload:
        frame: Payload = {"id": id, "status": answer.status}
        if answer.raw is not None:
            frame["error"] = {"code": -1000, "msg": "An unknown error occurred while processing the request."}
        elif answer.status == 200:
            frame["result"] = answer.payload
        else:
            frame["error"] = answer.payload
        if shows_limits:
            frame["rateLimits"] = self._venue.limits.rows(answer.account, address, self._venue.now_ms())
        return frame


def _read(text: str) -> tuple[object, str, dict[str, str]]:
    try:
        request = json.loads(text, parse_float=str, parse_int=str)
    except ValueError:
        raise VenueRefusal(-1135, "Invalid JSON Request") from None
    params = request.get("params", {}) if isinstance(request, dict) else None
    if not isinstance(params, dict) or not isinstance(request.get("method"), str):
        raise VenueRefusal(-1135, "Invalid JSON Request")
    id = json.loads(text).get("id")  # numbers stay numbers in an id, which is echoed
    return id, request["method"].removeprefix("v3/"), {name: _text(value) for name, value in params.items()}


def _text(value: object) -> str:
    """Return a parameter as it is signed: numbers as they were written, booleans in JSON's words, arrays as JSON."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) else json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def _session(call: VenueCall) -> UserSession:
    assert call.session is not None
    return call.session


def _status(call: VenueCall) -> Payload:
    session = _session(call)
    return {
        "apiKey": None if session.key is None else session.key.key,
        "authorizedSince": session.logged_on_ms,
        "connectedSince": call.venue.started_ms,
        "returnRateLimits": True,
        "serverTime": call.now_ms,
        "userDataStream": bool(session.subscriptions),
    }


def _logon(call: VenueCall) -> Payload:
    """session.logon, with an Ed25519 key only."""
    assert call.key is not None
    if call.key.kind != "ED25519":
        raise VenueRefusal(-4056, "HMAC_SHA256 API key is not supported.", 401)
    session = _session(call)
    session.key, session.logged_on_ms = call.key, call.now_ms
    return _status(call)


def _logout(call: VenueCall) -> Payload:
    session = _session(call)
    session.key = session.logged_on_ms = None
    return _status(call)


def _subscribe(call: VenueCall) -> Payload:
    """userDataStream.subscribe, of a session that has logged on."""
    session = _session(call)
    if session.key is None:
        raise key_rejected()
    return {"subscriptionId": call.venue.user_streams.subscribe(session, session.key)}


def _subscribe_signature(call: VenueCall) -> Payload:
    """userDataStream.subscribe.signature, with a key of any kind."""
    assert call.key is not None
    return {"subscriptionId": call.venue.user_streams.subscribe(_session(call), call.key)}


def _unsubscribe(call: VenueCall) -> Payload:
    call.venue.user_streams.unsubscribe(_session(call), call.params.integer("subscriptionId"))
    return {}


def _subscriptions(call: VenueCall) -> list[Payload]:
    return [{"subscriptionId": number} for number in _session(call).subscriptions]


def _method(
    name: str, handler: Callable[[VenueCall], object], security: RequestSecurity = RequestSecurity.NONE, weight: int = 2
) -> VenueEndpoint:
    return VenueEndpoint(name=name, handler=handler, security=security, weight=lambda _: weight)


_SESSION_METHODS = (
    _method("session.logon", _logon, RequestSecurity.USER_DATA),
    _method("session.status", _status),
    _method("session.logout", _logout),
    _method("session.subscriptions", _subscriptions),
    _method("userDataStream.subscribe", _subscribe),
    _method("userDataStream.subscribe.signature", _subscribe_signature, RequestSecurity.USER_DATA),
    _method("userDataStream.unsubscribe", _unsubscribe),
)
