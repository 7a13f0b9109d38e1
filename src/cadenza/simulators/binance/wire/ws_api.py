"""The WebSocket API: requests by method, log-on of a session, and user data."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterable
from dataclasses import replace

from aiohttp import web

from cadenza.simulators.binance.venue import BinanceVenue
from cadenza.simulators.binance.wire.errors import VenueRefusal
from cadenza.simulators.binance.wire.gateway import (
    RequestSecurity,
    VenueAnswer,
    VenueCall,
    VenueEndpoint,
    VenueGateway,
    VenueRequest,
)
from cadenza.simulators.binance.wire.keys import sorted_payload
from cadenza.simulators.binance.wire.markets import VenueMarket
from cadenza.simulators.binance.wire.session import UserSession
from cadenza.simulators.binance.wire.sockets import opened
from cadenza.simulators.kit.cuts import ConnectionCut
from cadenza.simulators.kit.sockets import frames

HANDSHAKE_WEIGHT = 5
SUBSCRIBE = "userDataStream.subscribe"
REQUESTS_MAX = 1_000
"""Requests of one socket that may be in execution; the next one ends the connection."""


class WebSocketApi:
    """The methods of one market on one path. `leave` is called with each session that has ended."""

    def __init__(
        self,
        venue: BinanceVenue,
        gateway: VenueGateway,
        market: VenueMarket,
        methods: Iterable[VenueEndpoint],
        leave: Callable[[UserSession], None] = lambda _: None,
    ) -> None:
        self._venue = venue
        self._gateway = gateway
        self._market = market
        self._leave = leave
        self._methods = {endpoint.name: replace(endpoint, market=market) for endpoint in SESSION_METHODS}
        self._methods |= {endpoint.name: endpoint for endpoint in methods}

    def add_routes(self, app: web.Application, path: str) -> None:
        app.router.add_get(path, self._serve)

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        address = request.remote or ""
        try:
            self._venue.limits(self._market).charge(address, HANDSHAKE_WEIGHT, self._venue.now_ms())
        except VenueRefusal as error:
            return web.json_response(error.payload, status=error.status)
        tasks: set[asyncio.Task[None]] = set()
        async with opened(self._venue, request, self._market) as (socket, outlet):
            session = UserSession(outlet)

            async def hear(text: str) -> None:
                if len(tasks) >= REQUESTS_MAX:
                    outlet.abort()
                    return
                task = asyncio.create_task(self._answer(session, address, text))
                tasks.add(task)
                task.add_done_callback(tasks.discard)

            try:
                await frames(self._venue.clock, socket, hear, None)
            finally:
                self._leave(session)
        return socket

    async def _answer(self, session: UserSession, address: str, text: str) -> None:
        """Answer one frame. Requests of a session run side by side, so answers may overtake each other."""
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
        is_subscription = method.startswith(SUBSCRIBE)
        if is_subscription:
            session.hold_events()
        answer = await self._gateway.serve(endpoint, asked)
        if answer.cut is ConnectionCut.RESET:
            session.outlet.abort()
        elif answer.cut is None:
            session.outlet.send(self._frame(id, answer, address, params.get("returnRateLimits") != "false"))
        if is_subscription:
            session.release_events()

    def _error(self, answer: VenueAnswer) -> object:
        """A refusal; one for the pace says until when to wait, which REST says by a header."""
        if not isinstance(answer.payload, dict) or "Retry-After" not in answer.headers:
            return answer.payload
        now_ms = self._venue.now_ms()
        retry_at_ms = now_ms + int(answer.headers["Retry-After"]) * 1_000
        return {**answer.payload, "data": {"serverTime": now_ms, "retryAfter": retry_at_ms}}

    def _frame(self, id: object, answer: VenueAnswer, address: str, shows_limits: bool) -> dict[str, object]:
        frame: dict[str, object] = {"id": id, "status": answer.status}
        if answer.raw is not None:
            frame["error"] = {"code": -1000, "msg": "An unknown error occurred while processing the request."}
        elif answer.status == 200:
            frame["result"] = answer.payload
        else:
            frame["error"] = self._error(answer)
        if shows_limits:
            frame["rateLimits"] = self._venue.limits(self._market).rows(answer.account, address, self._venue.now_ms())
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


def session_of(call: VenueCall) -> UserSession:
    """Return the socket on which a method was called."""
    assert call.session is not None
    return call.session


def _status(call: VenueCall) -> dict[str, object]:
    session = session_of(call)
    return {
        "apiKey": None if session.key is None else session.key.key,
        "authorizedSince": session.logged_on_ms,
        "connectedSince": call.venue.started_ms,
        "returnRateLimits": True,
        "serverTime": call.now_ms,
        "userDataStream": bool(session.subscriptions),
    }


def _logon(call: VenueCall) -> dict[str, object]:
    """session.logon, with an Ed25519 key only."""
    assert call.key is not None
    if call.key.kind != "ED25519":
        raise VenueRefusal(-4056, "HMAC_SHA256 API key is not supported.", 401)
    session = session_of(call)
    session.key, session.logged_on_ms = call.key, call.now_ms
    return _status(call)


def _logout(call: VenueCall) -> dict[str, object]:
    session = session_of(call)
    session.key = session.logged_on_ms = None
    return _status(call)


def session_method(
    name: str, handler: Callable[[VenueCall], object], security: RequestSecurity = RequestSecurity.NONE, weight: int = 2
) -> VenueEndpoint:
    """Return a method that REST does not have."""
    return VenueEndpoint(name=name, handler=handler, security=security, weight=lambda _: weight)


SESSION_METHODS = (
    session_method("session.logon", _logon, RequestSecurity.USER_DATA),
    session_method("session.status", _status),
    session_method("session.logout", _logout),
)
"""Methods that every WebSocket API has."""
