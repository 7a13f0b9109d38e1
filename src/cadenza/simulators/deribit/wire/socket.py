"""The WebSocket: requests that run side by side, messages of channels, heartbeats, and the end."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any

from aiohttp import web

from cadenza.simulators.deribit.venue import CANCEL_ON_DISCONNECT, DeribitVenue
from cadenza.simulators.deribit.wire.connection import DeribitConnection
from cadenza.simulators.deribit.wire.credits import FrameMeter
from cadenza.simulators.deribit.wire.errors import DeribitRefusal, invalid_request, parse_error, too_many_requests
from cadenza.simulators.deribit.wire.gateway import NO_RESULT, RpcGateway, RpcRequest
from cadenza.simulators.deribit.wire.params import echoed_id, read_json
from cadenza.simulators.kit.cuts import ConnectionCut
from cadenza.simulators.kit.outlet import SocketOutlet
from cadenza.simulators.kit.sockets import frames, opened_socket

PATH = "/ws/api/v2"
REQUESTS_MAX = 1_000
"""Requests of one socket that may be in execution; the next one ends the connection."""

_SUBSCRIPTIONS = ("public/subscribe", "private/subscribe")
_WATCH_MS = 50


class RpcSocket:
    def __init__(self, venue: DeribitVenue, gateway: RpcGateway) -> None:
        self._venue = venue
        self._gateway = gateway

    def add_routes(self, app: web.Application) -> None:
        app.router.add_get(PATH, self._serve)

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        venue, settings = self._venue, self._venue.settings
        address = request.remote or ""
        held = sum(each.address == address for each in venue.connections.values())
        if held >= settings.limits.connections_per_address:
            raise web.HTTPTooManyRequests(text="too many connections")
        async with opened_socket(venue.clock, venue.outlets, request, None, settings.connection_ms) as (socket, outlet):
            connection = self._opened(address, outlet)
            watch = asyncio.create_task(self._watch(connection))
            try:
                await self._hear(socket, connection)
            finally:
                watch.cancel()
                with suppress(asyncio.CancelledError):
                    await watch
                await self._ended(connection)
        return socket

    def _opened(self, address: str, outlet: SocketOutlet) -> DeribitConnection:
        venue = self._venue
        venue.connections_made += 1
        now_ms = venue.clock.monotonic_ms()
        connection = DeribitConnection(id=venue.connections_made, address=address, outlet=outlet, heard_ms=now_ms)
        venue.connections[connection.id] = connection
        return connection

    async def _hear(self, socket: web.WebSocketResponse, connection: DeribitConnection) -> None:
        tasks: set[asyncio.Task[None]] = set()
        meter = FrameMeter(self._venue.settings.limits.frames, self._venue.clock.monotonic_ms())

        async def hear(text: str) -> None:
            now_ms = self._venue.clock.monotonic_ms()
            connection.heard_ms = now_ms
            if not meter.allows(now_ms):
                connection.outlet.send(self._gateway.refusal(too_many_requests()))
                connection.outlet.end()
                return
            if len(tasks) >= REQUESTS_MAX:
                connection.outlet.abort()
                return
            task = asyncio.create_task(self._answer(connection, text))
            tasks.add(task)
            task.add_done_callback(tasks.discard)

        await frames(self._venue.clock, socket, hear, None)

    async def _answer(self, connection: DeribitConnection, text: str) -> None:
        """Answer one frame. Requests run side by side, so answers may overtake each other."""
        try:
            method, params, id = _read(text)
        except DeribitRefusal as refusal:
            connection.outlet.send(self._gateway.refusal(refusal))
            return
        asked = RpcRequest(
            method=method,
            params=params,
            address=connection.address,
            connection_id=connection.id,
            id=id,
            has_id=True,
            connection=connection,
        )
        is_subscription = method in _SUBSCRIPTIONS
        if is_subscription:
            connection.hold_messages()
        answer = await self._gateway.serve(asked)
        if answer.cut is ConnectionCut.RESET:
            connection.outlet.abort()
        elif answer.cut is None and answer.payload.get("result") is not NO_RESULT:
            connection.outlet.send(answer.payload)
        if is_subscription:
            connection.release_messages()
        if answer.ends_session:
            connection.outlet.end()

    async def _watch(self, connection: DeribitConnection) -> None:
        """Send heartbeats, and cut a connection that is silent."""
        venue = self._venue
        while True:
            await venue.clock.sleep_ms(_WATCH_MS)
            now_ms = venue.clock.monotonic_ms()
            is_idle = now_ms - connection.heard_ms >= venue.settings.idle_ms
            if is_idle or not connection.beat(now_ms):
                connection.outlet.end()
                return

    async def _ended(self, connection: DeribitConnection) -> None:
        """Forget a connection, and cancel its orders where it was told to."""
        venue = self._venue
        venue.connections.pop(connection.id, None)
        for key in list(connection.streams):
            venue.hub.unsubscribe(connection, key)
            if not venue.hub.has_listeners(key):
                venue.feeds.forget(key)
        if connection.grant is None or connection.was_logged_out:
            return
        account = connection.grant.account
        is_on = connection.cancels_on_disconnect
        if not (venue.disconnect_cancels.get(account, False) if is_on is None else is_on):
            return
        for order in venue.exchange.orders.open_orders(account):
            if order.connection == connection.id:
                venue.exchange.close(order, CANCEL_ON_DISCONNECT, venue.now_ms())
        await venue.commit()


def _read(text: str) -> tuple[str, dict[str, Any], object]:
    """Return (method, parameters, id)."""
    try:
        request = read_json(text)
    except ValueError:
        raise parse_error() from None
    if not isinstance(request, dict) or not isinstance(request.get("method"), str):
        raise invalid_request("a request is an object with a method")
    params = request.get("params") or {}
    if not isinstance(params, dict):
        raise invalid_request("params must be named")
    if "id" not in request:
        raise invalid_request("id must be provided")
    return request["method"], params, echoed_id(request["id"])
