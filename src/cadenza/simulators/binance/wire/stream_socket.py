"""Sockets of streams: `/ws`, `/ws/<streams>` and `/stream?streams=`, below the prefix of each route."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field

from aiohttp import web

from cadenza.simulators.binance.venue import BinanceVenue
from cadenza.simulators.binance.wire.markets import VenueMarket
from cadenza.simulators.binance.wire.sockets import opened
from cadenza.simulators.kit.hub import StreamHub, StreamPayload
from cadenza.simulators.kit.outlet import SocketOutlet
from cadenza.simulators.kit.sockets import frames

STREAMS_MAX = 1024
_UNKNOWN_METHOD = (
    "Invalid request: unknown variant %s, expected one of `SUBSCRIBE`, `UNSUBSCRIBE`, `LIST_SUBSCRIPTIONS`, "
    "`SET_PROPERTY`, `GET_PROPERTY`"
)


@dataclass(frozen=True, slots=True)
class SimulatedRoute:
    """Where sockets are opened. What does not pass `accepts`, which gets the stream's name and the payload, is not sent
    there."""

    prefix: str
    accepts: Callable[[str, StreamPayload], bool] = lambda _stream, _payload: True


@dataclass(eq=False, slots=True)
class StreamClient:
    """A client of streams. A combined one gets each payload with the stream's name. What does not pass `accepts`, which
    gets the stream's name and the payload, is not sent."""

    outlet: SocketOutlet
    is_combined: bool
    accepts: Callable[[str, StreamPayload], bool] = lambda _stream, _payload: True
    streams: dict[str, None] = field(default_factory=dict)

    def send(self, stream: str, payload: StreamPayload) -> None:
        if self.accepts(stream, payload):
            self.outlet.send({"stream": stream, "data": payload} if self.is_combined else payload)


class StreamSocket:
    """The sockets of one market."""

    def __init__(
        self, venue: BinanceVenue, hub: StreamHub, market: VenueMarket, routes: Iterable[SimulatedRoute]
    ) -> None:
        self._venue = venue
        self._hub = hub
        self._market = market
        self._routes = routes

    def add_routes(self, app: web.Application) -> None:
        for route in self._routes:
            handle = self._handler(route)
            app.router.add_get(f"{route.prefix}/ws", handle)
            app.router.add_get(f"{route.prefix}/ws/{{streams:.+}}", handle)
            app.router.add_get(f"{route.prefix}/stream", handle)

    def _handler(self, route: SimulatedRoute) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        async def handle(request: web.Request) -> web.StreamResponse:
            return await self._serve(route, request)

        return handle

    async def _serve(self, route: SimulatedRoute, request: web.Request) -> web.StreamResponse:
        settings = self._venue.settings
        is_usdm = self._market is VenueMarket.USDM
        per_second = settings.usdm_incoming_per_second_max if is_usdm else settings.incoming_per_second_max
        async with opened(self._venue, request, self._market) as (socket, outlet):
            is_combined = request.path.endswith("/stream")
            listener = StreamClient(outlet, is_combined, _filtered(route, request.query.get("events")))
            names = request.match_info.get("streams") or request.query.get("streams", "")
            listen_key = request.query.get("listenKey", "") if is_usdm else ""
            for name in (*names.split("/"), listen_key):
                if name:
                    self._hub.subscribe(listener, name)
            try:
                await frames(self._venue.clock, socket, _Conversation(self._hub, listener).hear, per_second)
            finally:
                self._hub.leave(listener)
        return socket


def _filtered(route: SimulatedRoute, events: str | None) -> Callable[[str, StreamPayload], bool]:
    """Return what a listener accepts: what its route sends and, where it asked for kinds of events, only these."""
    if not events:
        return route.accepts
    kinds = frozenset(events.split("/"))
    return lambda stream, payload: payload.get("e") in kinds and route.accepts(stream, payload)


class _Conversation:
    """SUBSCRIBE, UNSUBSCRIBE and questions of one client."""

    def __init__(self, hub: StreamHub, listener: StreamClient) -> None:
        self._hub = hub
        self._listener = listener

    async def hear(self, text: str) -> None:
        try:
            request = json.loads(text)
        except ValueError:
            self._refuse(None, 3, "Invalid JSON: expected value")
            return
        if not isinstance(request, dict) or not isinstance(request.get("params", []), list):
            self._refuse(None, 2, "Invalid request: request must be an object with an array of params")
            return
        id, method, params = request.get("id"), request.get("method"), request.get("params", [])
        if not all(isinstance(name, str | bool) for name in params):
            self._refuse(id, 2, "Invalid request: params must be strings")
            return
        self._execute(id, method, [str(name) for name in params])

    def _execute(self, id: object, method: object, names: list[str]) -> None:
        hub, listener = self._hub, self._listener
        match method:
            case "SUBSCRIBE":
                if len(listener.streams.keys() | set(names)) > STREAMS_MAX:
                    self._refuse(id, 2, f"Invalid request: at most {STREAMS_MAX} streams")
                    return
                for name in names:
                    hub.subscribe(listener, name)
                self._answer(id, None)
            case "UNSUBSCRIBE":
                for name in names:
                    hub.unsubscribe(listener, name)
                self._answer(id, None)
            case "LIST_SUBSCRIPTIONS":
                self._answer(id, list(listener.streams))
            case "GET_PROPERTY":
                self._answer(id, listener.is_combined)
            case "SET_PROPERTY":
                listener.is_combined = names[1:] == ["True"]
                self._answer(id, None)
            case _:
                self._refuse(id, 2, _UNKNOWN_METHOD % method)

    def _answer(self, id: object, result: object) -> None:
        self._listener.outlet.send({"result": result, "id": id})

    def _refuse(self, id: object, code: int, text: str) -> None:
        self._listener.outlet.send({"error": {"code": code, "msg": text}, "id": id})
