"""What tests ask and order under `/simulator/`, a prefix that no venue has. Nothing here is signed."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, TypeVar

import msgspec
from aiohttp import web

from cadenza.domain.market.enums import Side
from cadenza.exchange import EngineCommand, PublicTrade, ResetMarket, SetLevel
from cadenza.simulators.kit.engines import ListedSymbol
from cadenza.simulators.kit.faults import ArmedFaults, EventFault, RequestFault

PREFIX = "/simulator"
T = TypeVar("T")
_encode = msgspec.json.Encoder().encode


class FaultOrders(msgspec.Struct, forbid_unknown_fields=True):
    """New faults; settings that are left out stay as they are."""

    requests: list[RequestFault] = []
    events: list[EventFault] = []
    lookup_lag_ms: int | None = None
    clock_offset_ms: int | None = None
    rate: float | None = None


class LevelOrder(msgspec.Struct, forbid_unknown_fields=True):
    """The market now displays `quantity` at `price`; 0 removes the level."""

    side: Side
    price: Decimal
    quantity: Decimal


class MarketMove(msgspec.Struct, forbid_unknown_fields=True):
    """What happens in a symbol's market: `clear` empties it first, then levels, then a trade by others at
    `trade_price`."""

    symbol: str
    clear: bool = False
    levels: list[LevelOrder] = []
    trade_side: Side | None = None
    trade_price: Decimal | None = None
    trade_quantity: Decimal | None = None


def add_fault_routes(app: web.Application, faults: ArmedFaults) -> None:
    """Add `POST` and `DELETE /simulator/faults`: arm faults, and disarm all."""

    async def arm(request: web.Request) -> web.Response:
        order = await read_order(request, FaultOrders)
        faults.requests.extend(order.requests)
        faults.events.extend(order.events)
        if order.lookup_lag_ms is not None:
            faults.lookup_lag_ms = order.lookup_lag_ms
        if order.clock_offset_ms is not None:
            faults.clock_offset_ms = order.clock_offset_ms
        if order.rate is not None:
            faults.rate = order.rate
        return json_answer(None)

    async def disarm(request: web.Request) -> web.Response:
        faults.clear()
        return json_answer(None)

    app.router.add_post(f"{PREFIX}/faults", arm)
    app.router.add_delete(f"{PREFIX}/faults", disarm)


def market_commands(move: MarketMove, symbol: ListedSymbol, now_ms: int) -> list[EngineCommand]:
    """Return what a move means for the symbol's engine."""
    commands: list[EngineCommand] = [ResetMarket((), (), now_ms)] if move.clear else []
    for level in move.levels:
        price, quantity = int(level.price / symbol.tick), int(level.quantity / symbol.lot)
        commands.append(SetLevel(level.side, price, quantity, now_ms))
    if move.trade_side and move.trade_price and move.trade_quantity:
        price, quantity = int(move.trade_price / symbol.tick), int(move.trade_quantity / symbol.lot)
        commands.append(PublicTrade(move.trade_side, price, quantity, now_ms))
    return commands


async def read_order(request: web.Request, type: type[T]) -> T:
    """Return the body of a request. One that cannot be read is answered with 400."""
    try:
        return msgspec.json.decode(await request.read(), type=type)
    except msgspec.MsgspecError as error:
        raise web.HTTPBadRequest(text=str(error)) from None


def json_answer(payload: Any) -> web.Response:
    return web.Response(body=_encode(payload), content_type="application/json", charset="utf-8")
