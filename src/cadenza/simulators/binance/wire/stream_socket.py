"""Sockets of market streams: `/ws`, `/ws/<streams>` and `/stream?streams=`."""

from __future__ import annotations

import json

from aiohttp import web

from cadenza.simulators.binance.market.streams import MarketListener
from cadenza.simulators.binance.venue import SpotVenue
from cadenza.simulators.binance.wire.sockets import frames, opened

STREAMS_MAX = 1024
_UNKNOWN_METHOD = (
    "Invalid request: unknown variant %s, expected one of `SUBSCRIBE`, `UNSUBSCRIBE`, `LIST_SUBSCRIPTIONS`, "
    "`SET_PROPERTY`, `GET_PROPERTY`"
)


class StreamSocket:
    def __init__(self, venue: SpotVenue) -> None:
        self._venue = venue

    def add_routes(self, app: web.Application) -> None:
        app.router.add_get("/ws", self._serve)
        app.router.add_get("/ws/{streams:.+}", self._serve)
        app.router.add_get("/stream", self._serve)

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        streams = self._venue.market_streams
        async with opened(self._venue, request) as (socket, outlet):
            listener = MarketListener(outlet, is_combined=request.path == "/stream")
            names = request.match_info.get("streams") or request.query.get("streams", "")
            for name in names.split("/"):
                if name:
                    streams.subscribe(listener, name)
            try:
                await frames(
                    self._venue,
                    socket,
                    _Conversation(self._venue, listener).hear,
                    self._venue.settings.incoming_per_second_max,
                )
            finally:
                streams.leave(listener)
        return socket


class _Conversation:
    """SUBSCRIBE, UNSUBSCRIBE and questions of one client."""

    def __init__(self, venue: SpotVenue, listener: MarketListener) -> None:
        self._venue = venue
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
        streams, listener = self._venue.market_streams, self._listener
        match method:
            case "SUBSCRIBE":
                if len(listener.streams.keys() | set(names)) > STREAMS_MAX:
                    self._refuse(id, 2, f"Invalid request: at most {STREAMS_MAX} streams")
                    return
                for name in names:
                    streams.subscribe(listener, name)
                self._answer(id, None)
            case "UNSUBSCRIBE":
                for name in names:
                    streams.unsubscribe(listener, name)
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
