"""What tests ask and order under `/simulator/`, a prefix that the venue does not have. Nothing here is signed."""

from __future__ import annotations

from decimal import Decimal
from typing import Literal

import msgspec
from aiohttp import WSCloseCode, web

from cadenza.simulators.bitfinex.reset import reset
from cadenza.simulators.bitfinex.settings import EXCHANGE, WALLET_TYPES
from cadenza.simulators.bitfinex.symbols import BitfinexSymbol
from cadenza.simulators.bitfinex.trading.records import ENDINGS, EXECUTED
from cadenza.simulators.bitfinex.truth import bitfinex_truth
from cadenza.simulators.bitfinex.venue import BitfinexVenue
from cadenza.simulators.bitfinex.wire.keys import SCOPES, make_bitfinex_key
from cadenza.simulators.bitfinex.wire.socket_api import inform
from cadenza.simulators.kit.admin import PREFIX, MarketMove, add_fault_routes, json_answer, market_commands, read_order

SERVICE_RESTART = WSCloseCode.SERVICE_RESTART


class BitfinexMarketMove(MarketMove, forbid_unknown_fields=True):
    """A move of a symbol's market. A mark price of 0 lets the mark price follow the trades again."""

    mark_price: Decimal | None = None


class BitfinexDeposit(msgspec.Struct, forbid_unknown_fields=True):
    """A transfer into a wallet, or out of it with a negative amount."""

    currency: str
    amount: Decimal
    wallet: str = EXCHANGE
    account: str | None = None


class BitfinexKeyOrder(msgspec.Struct, forbid_unknown_fields=True):
    """A new key with the scopes that it may read and write, or the key that is revoked."""

    account: str | None = None
    reads: tuple[str, ...] = SCOPES
    writes: tuple[str, ...] = ("orders", "positions", "settings")
    revoke: str | None = None


class BitfinexOrderEnd(msgspec.Struct, forbid_unknown_fields=True):
    """The venue ends an open order with a word of its own, such as RSN_DUST."""

    order_id: int
    ending: str


class BitfinexSymbolOrder(msgspec.Struct, forbid_unknown_fields=True):
    """Whether new orders in a symbol end with RSN_PAUSE."""

    symbol: str
    is_paused: bool


class BitfinexSocketOrder(msgspec.Struct, forbid_unknown_fields=True):
    """What happens to all open sockets: the server stops, maintenance begins or ends, the connections are cut, or a
    book's next checksum is wrong."""

    action: Literal["stop", "begin_maintenance", "end_maintenance", "cut", "corrupt_checksum"]
    symbol: str = ""


class BitfinexAdmin:
    """The tests' own paths."""

    def __init__(self, venue: BitfinexVenue) -> None:
        self._venue = venue

    def add_routes(self, app: web.Application) -> None:
        add_fault_routes(app, self._venue.faults)
        app.router.add_get(f"{PREFIX}/truth", self._truth)
        app.router.add_get(f"{PREFIX}/requests", self._requests)
        app.router.add_get(f"{PREFIX}/keys", self._keys)
        app.router.add_post(f"{PREFIX}/keys", self._change_keys)
        app.router.add_post(f"{PREFIX}/market", self._move_market)
        app.router.add_post(f"{PREFIX}/deposits", self._deposit)
        app.router.add_post(f"{PREFIX}/orders", self._end_order)
        app.router.add_post(f"{PREFIX}/symbols", self._pause)
        app.router.add_post(f"{PREFIX}/reset", self._reset)
        app.router.add_post(f"{PREFIX}/sockets", self._change_sockets)

    async def _truth(self, request: web.Request) -> web.Response:
        await self._venue.commit()
        return json_answer(bitfinex_truth(self._venue))

    async def _requests(self, request: web.Request) -> web.Response:
        """Trading requests with what became of each, the oldest first."""
        await self._venue.commit()
        return json_answer(list(self._venue.requests))

    async def _keys(self, request: web.Request) -> web.Response:
        return json_answer(self._venue.keys.all())

    async def _change_keys(self, request: web.Request) -> web.Response:
        order, venue = await read_order(request, BitfinexKeyOrder), self._venue
        if order.revoke is not None:
            venue.keys.revoke(order.revoke)
            return json_answer(None)
        account = order.account or venue.settings.account
        key = make_bitfinex_key(account, venue.ids, reads=order.reads, writes=order.writes)
        venue.keys.add(key)
        return json_answer(key)

    async def _move_market(self, request: web.Request) -> web.Response:
        move, venue = await read_order(request, BitfinexMarketMove), self._venue
        symbol = self._symbol(move.symbol)
        for command in market_commands(move, symbol, venue.now_ms()):
            venue.exchange.apply(symbol.name, command)
        if move.mark_price is not None:
            venue.exchange.set_mark(symbol.name, move.mark_price or None)
        await venue.commit()
        return json_answer(None)

    async def _deposit(self, request: web.Request) -> web.Response:
        order, venue = await read_order(request, BitfinexDeposit), self._venue
        if order.wallet not in WALLET_TYPES:
            raise web.HTTPBadRequest(text=f"there is no wallet {order.wallet}")
        key = order.account or venue.settings.account, order.wallet, order.currency
        venue.exchange.ledger.move(key, order.amount, f"Deposit ({order.currency})", venue.now_ms())
        await venue.commit()
        return json_answer(None)

    async def _end_order(self, request: web.Request) -> web.Response:
        order, venue = await read_order(request, BitfinexOrderEnd), self._venue
        found = next((each for each in venue.exchange.registry.all_orders() if each.order_id == order.order_id), None)
        if found is None or not found.is_open or order.ending not in ENDINGS or order.ending == EXECUTED:
            raise web.HTTPBadRequest(text="there is no such open order, or no such word")
        venue.exchange.end(found, order.ending, venue.now_ms())
        await venue.commit()
        return json_answer(None)

    async def _pause(self, request: web.Request) -> web.Response:
        order = await read_order(request, BitfinexSymbolOrder)
        change = self._venue.exchange.paused.add if order.is_paused else self._venue.exchange.paused.discard
        change(self._symbol(order.symbol).name)
        return json_answer(None)

    async def _reset(self, request: web.Request) -> web.Response:
        reset(self._venue)
        await self._venue.commit()
        return json_answer(None)

    async def _change_sockets(self, request: web.Request) -> web.Response:
        order, venue = await read_order(request, BitfinexSocketOrder), self._venue
        match order.action:
            case "stop":
                inform(venue, 20051)
                for outlet in list(venue.outlets):
                    outlet.end(SERVICE_RESTART, "Server restart")
            case "begin_maintenance":
                venue.requests_public.in_maintenance = True
                inform(venue, 20060)
            case "end_maintenance":
                venue.requests_public.in_maintenance = False
                inform(venue, 20061)
            case "cut":
                for outlet in list(venue.outlets):
                    outlet.abort()
            case "corrupt_checksum":
                venue.public.corrupt(self._symbol(order.symbol).name)
        return json_answer(None)

    def _symbol(self, name: str) -> BitfinexSymbol:
        symbol = self._venue.exchange.symbols.get(name)
        if symbol is None:
            raise web.HTTPBadRequest(text=f"there is no symbol {name}")
        return symbol
