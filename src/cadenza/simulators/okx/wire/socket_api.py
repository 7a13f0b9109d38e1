"""The sockets `/ws/v5/public`, `/private` and `/business`: log-in, channels, and order operations."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable, Mapping
from contextlib import suppress

from aiohttp import web

from cadenza.simulators.kit.cuts import ConnectionCut
from cadenza.simulators.kit.sockets import frames, opened_socket
from cadenza.simulators.okx.venue import OkxVenue
from cadenza.simulators.okx.wire.channels import ChannelError, OkxSubscriptions, frame_arg
from cadenza.simulators.okx.wire.errors import VenueRefusal
from cadenza.simulators.okx.wire.gateway import VenueAnswer, VenueEndpoint, VenueGateway, VenueRequest
from cadenza.simulators.okx.wire.keys import SOCKET_LOGIN_PATH, OkxKey
from cadenza.simulators.okx.wire.params import read_json
from cadenza.simulators.okx.wire.session import SimulatedSession

LOGIN_FAILED, NO_DATA, KEY_CHANGED = 4001, 4004, 4007
CHANNEL_REQUESTS_PER_HOUR_MAX = 480
REQUESTS_MAX = 1_000
"""Operations of one socket that may be in execution; the next one ends the connection."""

LOGIN_WINDOW_MS = 30_000
_HOUR_MS = 60 * 60 * 1_000


class OkxSocketApi:
    """The three sockets. `operations` are what the private one executes."""

    def __init__(self, venue: OkxVenue, gateway: VenueGateway, operations: Mapping[str, VenueEndpoint]) -> None:
        self._venue = venue
        self._gateway = gateway
        self._operations = operations
        self._channels = OkxSubscriptions(venue)
        self._connects: dict[tuple[str, int], int] = defaultdict(int)

    def add_routes(self, app: web.Application) -> None:
        app.router.add_get("/ws/v5/{path:public|private|business}", self._serve)

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        venue = self._venue
        address = request.remote or ""
        self._count_connect(address)
        monotonic = venue.clock.monotonic_ms
        async with opened_socket(venue.clock, venue.outlets, request, None, venue.settings.connection_ms) as (
            socket,
            outlet,
        ):
            session = SimulatedSession(
                outlet=outlet,
                path=request.match_info["path"],
                connection_id=venue.ids.token(4).hex(),
                address=address,
                monotonic_ms=monotonic,
                heard_ms=monotonic(),
            )
            is_demo = request.headers.get("x-simulated-trading") == "1" or "brokerId" in request.query
            conversation = _Conversation(venue, self._gateway, self._channels, self._operations, session, is_demo)
            idle = asyncio.create_task(self._end_when_idle(session))
            try:
                await frames(venue.clock, socket, conversation.hear, None)
            finally:
                self._channels.leave(session)
                idle.cancel()
                with suppress(asyncio.CancelledError):
                    await idle
        return socket

    def _count_connect(self, address: str) -> None:
        """Refuse an address that connects too often within a second."""
        second = self._venue.clock.monotonic_ms() // 1_000
        self._connects = defaultdict(int, {key: count for key, count in self._connects.items() if key[1] == second})
        self._connects[address, second] += 1
        settings = self._venue.settings
        if settings.is_limited and self._connects[address, second] > settings.connects_per_second_max:
            raise web.HTTPTooManyRequests(text="Too Many Requests")

    async def _end_when_idle(self, session: SimulatedSession) -> None:
        """Close a socket on which nothing was said for too long."""
        clock, idle_ms = self._venue.clock, self._venue.settings.idle_ms
        while (left_ms := session.heard_ms + idle_ms - clock.monotonic_ms()) > 0:
            await clock.sleep_ms(left_ms)
        session.outlet.end(NO_DATA, "No data received in 30s.")


class _Conversation:
    """What one client says, and what it is answered."""

    def __init__(
        self,
        venue: OkxVenue,
        gateway: VenueGateway,
        channels: OkxSubscriptions,
        operations: Mapping[str, VenueEndpoint],
        session: SimulatedSession,
        is_demo: bool,
    ) -> None:
        self._venue = venue
        self._gateway = gateway
        self._channels = channels
        self._operations = operations
        self._session = session
        self._is_demo = is_demo
        self._tasks: set[asyncio.Task[None]] = set()
        self._counted: tuple[int, int] = (0, 0)

    async def hear(self, text: str) -> None:
        self._session.heard_ms = self._venue.clock.monotonic_ms()
        if text == "ping":
            self._session.send_text("pong")
            return
        try:
            frame = read_json(text)
        except VenueRefusal:
            frame = None
        args = frame.get("args") if isinstance(frame, dict) else None
        if not isinstance(frame, dict) or not isinstance(args, list) or not all(isinstance(arg, dict) for arg in args):
            self._fail("60012", f"Illegal request: {text}", None)
            return
        operation, id = str(frame.get("op")), frame.get("id")
        match operation:
            case "login":
                self._count(id, lambda: self._login(args))
            case "subscribe" | "unsubscribe":
                await self._venue.commit()
                self._count(id, lambda: self._change_channels(operation, args, id))
            case _ if operation in self._operations and self._session.path == "private":
                self._start(operation, frame, args)
            case _:
                self._fail("60012", f"Illegal request: {text}", None)

    # Log-in and channels

    def _count(self, id: object, do: Callable[[], None]) -> None:
        hour = self._venue.now_ms() // _HOUR_MS
        self._counted = (hour, self._counted[1] + 1 if self._counted[0] == hour else 1)
        if self._venue.settings.is_limited and self._counted[1] > CHANNEL_REQUESTS_PER_HOUR_MAX:
            self._fail("60014", "Requests too frequent", id)
            return
        do()

    def _login(self, args: list[dict[str, object]]) -> None:
        session = self._session
        if session.path == "public" or not args:
            self._fail("60012", "Illegal request: login", None)
            return
        if session.key is not None:
            self._fail("60031", "The WebSocket endpoint does not allow multiple or repeated logins.", None)
            return
        values = {name: str(value) for name, value in args[0].items()}
        refusal = self._login_refusal(values)
        if refusal is not None:
            self._fail(*refusal, None)
            session.outlet.end(LOGIN_FAILED, "Login Failed")
            return
        session.key = self._venue.keys.find(values["apiKey"])
        self._venue.private.join(session)
        session.send_frame({"event": "login", "code": "0", "msg": "", "connId": session.connection_id})

    def _login_refusal(self, values: dict[str, str]) -> tuple[str, str] | None:
        """Return why a log-in fails; None when it does not."""
        timestamp = values.get("timestamp", "")
        if not timestamp.isdecimal():
            return "60004", "Invalid timestamp"
        if abs(int(timestamp) * 1_000 - self._venue.now_ms()) > LOGIN_WINDOW_MS:
            return "60006", "Timestamp request expired"
        key = self._venue.keys.find(values.get("apiKey", ""))
        if key is None:
            return "60005", "Invalid apiKey"
        if self._is_demo and not key.is_demo:
            return "60032", "API key doesn't exist."
        if values.get("passphrase") != key.passphrase:
            return "60024", "Wrong passphrase"
        if not key.verifies(values.get("sign", ""), timestamp, "GET", SOCKET_LOGIN_PATH):
            return "60007", "Invalid sign"
        return self._address_refusal(key)

    def _address_refusal(self, key: OkxKey) -> tuple[str, str] | None:
        is_foreign = bool(key.addresses) and self._session.address not in key.addresses
        return ("60009", "Login failed.") if is_foreign else None

    def _change_channels(self, operation: str, args: list[dict[str, object]], id: object) -> None:
        change = self._channels.subscribe if operation == "subscribe" else self._channels.unsubscribe
        for arg in args:
            try:
                change(self._session, frame_arg(arg), id)
            except ChannelError as error:
                self._fail(error.code, error.message, id)

    def _fail(self, code: str, message: str, id: object) -> None:
        frame = {"event": "error", "code": code, "msg": message, "connId": self._session.connection_id}
        self._session.send_frame(({} if id is None else {"id": id}) | frame)

    # Operations

    def _start(self, operation: str, frame: dict[str, object], args: list[dict[str, object]]) -> None:
        """Execute an operation beside others, so that a slow one stops nobody."""
        if len(self._tasks) >= REQUESTS_MAX:
            self._session.outlet.abort()
            return
        task = asyncio.create_task(self._execute(operation, frame, args))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _execute(self, operation: str, frame: dict[str, object], args: list[dict[str, object]]) -> None:
        endpoint = self._operations[operation]
        expires = str(frame.get("expTime", ""))
        answer = self._refused(endpoint, args, expires)
        if answer is None:
            asked = VenueRequest(
                rows=tuple(self._with_name(arg) for arg in args),
                key=self._session.key,
                address=self._session.address,
                expires_ms=int(expires) if expires else None,
            )
            answer = await self._gateway.serve(endpoint, asked)
        if answer.cut is ConnectionCut.RESET:
            self._session.outlet.abort()
        elif answer.cut is None:
            head = {"id": frame.get("id"), "op": operation}
            self._session.send_frame(head | _payload(answer))

    def _refused(self, endpoint: VenueEndpoint, args: list[dict[str, object]], expires: str) -> VenueAnswer | None:
        if self._session.key is None:
            return _error("60011", "Please log in")
        if not args or (not endpoint.is_batch and len(args) > 1) or (expires and not expires.isdecimal()):
            return _error("60013", "Invalid args")
        if endpoint.is_timed and any(not arg.get("instIdCode") for arg in args):
            rows = [
                {
                    "clOrdId": str(arg.get("clOrdId", "")),
                    "ordId": str(arg.get("ordId", "")),
                    "sCode": "50014",
                    "sMsg": "Parameter instIdCode can not be empty",
                    "ts": str(self._venue.now_ms()),
                }
                for arg in args
            ]
            return VenueAnswer(payload={"code": "1", "data": rows, "msg": "All operations failed"})
        return None

    def _with_name(self, arg: dict[str, object]) -> dict[str, object]:
        """Return the fields of an order with the name of its instrument, which the socket gives as a number."""
        if "instIdCode" not in arg:
            return arg
        code = str(arg["instIdCode"])
        instrument = self._venue.exchange.by_code.get(int(code)) if code.isdecimal() else None
        return {**arg, "instId": "unknown" if instrument is None else instrument.name}


def _payload(answer: VenueAnswer) -> dict[str, object]:
    if answer.raw is not None:
        return {"code": "50026", "data": [], "msg": "System error. Please try again later."}
    return answer.payload


def _error(code: str, message: str) -> VenueAnswer:
    return VenueAnswer(payload={"code": code, "data": [], "msg": message})


def close_sessions(venue: OkxVenue, key: str) -> None:
    """Close the sockets on which a key is logged in, because it was changed."""
    for session in venue.private.sessions():
        if session.key is not None and session.key.key == key:
            session.outlet.end(KEY_CHANGED, "API key has been updated or deleted. Please reconnect.")


def notify_upgrade(venue: OkxVenue) -> None:
    """Say on all sockets that they will be closed soon."""
    text = "The connection will soon be closed for a service upgrade. Please reconnect."
    for outlet in venue.outlets:
        outlet.send({"event": "notice", "code": "64008", "msg": text, "connId": ""})
