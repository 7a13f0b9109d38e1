"""The socket `/ws/2`: configuration, log-in, channels, and inputs of an account."""

from __future__ import annotations

import asyncio
import itertools

from aiohttp import web

from cadenza.simulators.bitfinex.venue import BitfinexVenue
from cadenza.simulators.bitfinex.wire.channels import BitfinexChannels
from cadenza.simulators.bitfinex.wire.errors import (
    AUTHENTICATION,
    CONFIGURATION,
    GENERIC,
    UNKNOWN_EVENT,
    BitfinexRefusal,
)
from cadenza.simulators.bitfinex.wire.gateway import SOCKET_OPERATIONS, BitfinexGateway, BitfinexRequest
from cadenza.simulators.bitfinex.wire.keys import BitfinexKey
from cadenza.simulators.bitfinex.wire.numbers import read_json
from cadenza.simulators.bitfinex.wire.pacing import CONNECTS, LOGINS
from cadenza.simulators.bitfinex.wire.params import BitfinexParams, as_integer
from cadenza.simulators.bitfinex.wire.session import ACCOUNT, FLAGS, BitfinexSession
from cadenza.simulators.kit.cuts import ConnectionCut
from cadenza.simulators.kit.sockets import frames, opened_socket

VERSION = 2
INPUTS_MAX = 1_000
"""Inputs of one socket that may be in execution; the next one ends the connection."""

CANCEL_AT_END = 4
INFO_TEXTS = {
    20051: "Stopping. Please try to reconnect",
    20060: "Refreshing data from the Trading Engine. Please pause any activity.",
    20061: "Done Refreshing data from the Trading Engine. Re-subscription advised.",
}
"""What the venue says to all sockets."""


class BitfinexSocketApi:
    def __init__(self, venue: BitfinexVenue, gateway: BitfinexGateway) -> None:
        self._venue = venue
        self._gateway = gateway
        self._channels = BitfinexChannels(venue)
        self._ids = itertools.count(1)

    def add_routes(self, app: web.Application) -> None:
        app.router.add_get("/ws/2", self._serve)

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        venue, address = self._venue, request.remote or ""
        try:
            venue.pacing.charge(CONNECTS, address, venue.clock.monotonic_ms())
        except BitfinexRefusal:
            raise web.HTTPTooManyRequests(text="ERR_RATE_LIMIT") from None
        async with opened_socket(venue.clock, venue.outlets, request, None, venue.settings.connection_ms) as (
            socket,
            outlet,
        ):
            session = BitfinexSession(
                id=next(self._ids),
                outlet=outlet,
                address=address,
                now_ms=venue.now_ms,
                monotonic_ms=venue.clock.monotonic_ms,
            )
            venue.sessions[session.id] = session
            status = 0 if venue.requests_public.in_maintenance else 1
            server = venue.ids.token(16).hex()
            session.say({"event": "info", "version": VERSION, "serverId": server, "platform": {"status": status}})
            try:
                await frames(venue.clock, socket, _Conversation(self, session).hear, None)
            finally:
                await venue.end_session(session)
        return socket

    @property
    def venue(self) -> BitfinexVenue:
        return self._venue

    @property
    def gateway(self) -> BitfinexGateway:
        return self._gateway

    @property
    def channels(self) -> BitfinexChannels:
        return self._channels


class _Conversation:
    """What one client says, and what it is answered. Inputs are executed in their order."""

    def __init__(self, api: BitfinexSocketApi, session: BitfinexSession) -> None:
        self._venue = api.venue
        self._gateway = api.gateway
        self._channels = api.channels
        self._session = session
        self._tasks: set[asyncio.Task[None]] = set()

    async def hear(self, text: str) -> None:
        try:
            frame = read_json(text)
        except ValueError:
            frame = None
        if isinstance(frame, list):
            self._hear_input(frame)
            return
        if not isinstance(frame, dict):
            self._fail(UNKNOWN_EVENT, "unknown: event")
            return
        await self._venue.commit()
        self._hear_event(BitfinexParams(frame))

    # Events

    def _hear_event(self, params: BitfinexParams) -> None:
        event = params.values.get("event")
        try:
            match event:
                case "ping":
                    cid = {"cid": params.values["cid"]} if "cid" in params else {}
                    self._session.say({"event": "pong", "ts": self._venue.now_ms(), **cid})
                case "conf":
                    self._configure(params)
                case "auth":
                    self._log_in(params)
                case "unauth":
                    self._log_out()
                case "subscribe":
                    self._channels.subscribe(self._session, params)
                case "unsubscribe":
                    self._channels.unsubscribe(self._session, params)
                case _:
                    self._fail(UNKNOWN_EVENT, "unknown: event")
        except BitfinexRefusal as refusal:
            self._fail(refusal.code, refusal.text)

    def _configure(self, params: BitfinexParams) -> None:
        flags = params.number("flags", 0)
        if flags & ~FLAGS:
            self._session.say({"event": "conf", "status": "FAILED", "code": CONFIGURATION, "msg": "flags: invalid"})
            return
        self._session.flags = flags
        self._session.say({"event": "conf", "status": "OK", "flags": flags})

    def _log_in(self, params: BitfinexParams) -> None:
        session = self._session
        try:
            key = self._authenticated(params)
        except BitfinexRefusal as refusal:
            failed = {"event": "auth", "status": "FAILED", "chanId": ACCOUNT}
            session.say(failed | {"code": refusal.code, "msg": refusal.text})
            return
        session.key = key
        session.cancels_at_end = params.values.get("dms") == CANCEL_AT_END
        filters = [str(each) for each in params.rows("filter")]
        session.filters = tuple(filters) if filters else None
        session.say(
            {
                "event": "auth",
                "status": "OK",
                "chanId": ACCOUNT,
                "userId": self._venue.queries.user_id(key.account),
                "auth_id": self._venue.ids.token(16).hex(),
                "caps": key.capabilities(),
            }
        )
        self._venue.private.join(session)

    def _authenticated(self, params: BitfinexParams) -> BitfinexKey:
        venue, session = self._venue, self._session
        if session.key is not None:
            raise BitfinexRefusal(AUTHENTICATION, "auth: dup")
        venue.pacing.charge(LOGINS, session.address, venue.clock.monotonic_ms())
        key = venue.keys.find(params.text("apiKey"))
        if key is None:
            raise BitfinexRefusal(AUTHENTICATION, "apikey: invalid")
        nonce, payload = as_integer(params.values.get("authNonce"), "nonce"), params.text("authPayload")
        if payload != f"AUTH{nonce}":
            raise BitfinexRefusal(AUTHENTICATION, "payload: invalid")
        if not key.verifies(params.text("authSig"), payload):
            raise BitfinexRefusal(AUTHENTICATION, "apikey: digest invalid")
        venue.use_nonce(key.key, nonce)
        return key

    def _log_out(self) -> None:
        session = self._session
        if session.key is None:
            raise BitfinexRefusal(10200, "unauth: invalid")
        self._venue.private.leave(session)
        session.key = None
        session.say({"event": "unauth", "status": "OK", "chanId": ACCOUNT})

    def _fail(self, code: int, text: str) -> None:
        self._session.say({"event": "error", "msg": text, "code": code})

    # Inputs

    def _hear_input(self, frame: list[object]) -> None:
        if len(frame) < 4 or frame[0] != ACCOUNT or not isinstance(frame[1], str):
            self._fail(UNKNOWN_EVENT, "unknown: event")
            return
        if self._session.key is None:
            self._fail(AUTHENTICATION, "auth: invalid")
            return
        if len(self._tasks) >= INPUTS_MAX:
            self._session.outlet.abort()
            return
        task = asyncio.create_task(self._execute(frame[1], frame[3]))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _execute(self, name: str, body: object) -> None:
        session = self._session
        if name == "calc" and isinstance(body, list):
            await self._venue.commit()
            keys = [row[0] for row in body if isinstance(row, list) and row and isinstance(row[0], str)]
            self._venue.private.calculate(session, keys)
            return
        endpoint = SOCKET_OPERATIONS.get(name)
        values = {"ops": body} if name == "ox_multi" else body
        if endpoint is None or not isinstance(values, dict):
            self._fail(GENERIC, "unknown: input")
            return
        asked = BitfinexRequest(values=values, address=session.address, key=session.key, session_id=session.id)
        answer = await self._gateway.serve(endpoint, asked)
        if answer.cut is ConnectionCut.RESET:
            session.outlet.abort()
        elif answer.cut is None and answer.notice is not None:
            session.send(ACCOUNT, "n", answer.notice)


def inform(venue: BitfinexVenue, code: int) -> None:
    """Say on all sockets that the server stops, or that maintenance begins or ends."""
    for session in list(venue.sessions.values()):
        session.say({"event": "info", "code": code, "msg": INFO_TEXTS[code]})
