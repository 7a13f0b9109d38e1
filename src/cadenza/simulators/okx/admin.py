"""What tests ask and order under `/simulator/`, a prefix that the venue does not have. Nothing here is signed."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Literal

import msgspec
from aiohttp import web

from cadenza.simulators.kit.admin import PREFIX, MarketMove, add_fault_routes, json_answer, market_commands, read_order
from cadenza.simulators.okx.instruments import STATES, SWAP, SimulatedInstrument
from cadenza.simulators.okx.reset import reset
from cadenza.simulators.okx.settings import ACCOUNT_LEVELS, POSITION_MODES
from cadenza.simulators.okx.trading.expiry import expire
from cadenza.simulators.okx.trading.funding import FUNDING_RATE, settle_funding
from cadenza.simulators.okx.truth import okx_truth
from cadenza.simulators.okx.venue import OkxVenue
from cadenza.simulators.okx.wire.keys import make_okx_key
from cadenza.simulators.okx.wire.socket_api import close_sessions, notify_upgrade


class OkxMarketMove(MarketMove, forbid_unknown_fields=True):
    """A move of an instrument's market. A mark price of 0 lets the mark price follow the trades again."""

    mark_price: Decimal | None = None


class OkxDeposit(msgspec.Struct, forbid_unknown_fields=True):
    """A transfer into an account, or out of it with a negative amount. The account is that of the live key unless it is
    named."""

    asset: str
    amount: Decimal
    account: str | None = None


class OkxStateOrder(msgspec.Struct, forbid_unknown_fields=True):
    """A state in the venue's words. EXPIRED settles the positions of a contract and takes it off the list."""

    symbol: str
    state: str


class OkxFundingOrder(msgspec.Struct, forbid_unknown_fields=True):
    """The positions in a swap pay `rate` of their value now."""

    symbol: str
    rate: Decimal = FUNDING_RATE


class OkxTakeOver(msgspec.Struct, forbid_unknown_fields=True):
    """The venue closes the positions in a contract, as it does when their margin is gone, or to deleverage."""

    symbol: str
    category: Literal["full_liquidation", "adl"] = "full_liquidation"


class OkxKeyOrder(msgspec.Struct, forbid_unknown_fields=True):
    """A new key with its permissions, or the key that is revoked."""

    is_demo: bool = False
    can_trade: bool = True
    can_withdraw: bool = False
    addresses: tuple[str, ...] = ()
    revoke: str | None = None


class OkxAccountOrder(msgspec.Struct, forbid_unknown_fields=True):
    """How an account trades; what is left out stays as it is."""

    account: str | None = None
    level: str | None = None
    position_mode: str | None = None
    borrows: bool | None = None


class OkxBookOrder(msgspec.Struct, forbid_unknown_fields=True):
    """What happens to the `books` channel of an instrument: a heartbeat now, or numbers that begin low again."""

    symbol: str
    action: Literal["heartbeat", "renumber"]


class OkxMemoryOrder(msgspec.Struct, forbid_unknown_fields=True):
    """What queries find counts as so much older."""

    age_ms: int


class OkxStatusOrder(msgspec.Struct, forbid_unknown_fields=True):
    """A maintenance of the venue. It is announced only: requests are answered as before."""

    state: Literal["scheduled", "ongoing", "pre_open", "completed", "canceled"]
    title: str = "Simulated maintenance"
    begin_ms: int = 0
    end_ms: int = 0


class OkxSocketOrder(msgspec.Struct, forbid_unknown_fields=True):
    """What happens to all open sockets."""

    action: Literal["notice", "cut"]


class OkxAdmin:
    """The tests' own paths."""

    def __init__(self, venue: OkxVenue) -> None:
        self._venue = venue

    def add_routes(self, app: web.Application) -> None:
        add_fault_routes(app, self._venue.faults)
        app.router.add_get(f"{PREFIX}/truth", self._truth)
        app.router.add_get(f"{PREFIX}/requests", self._requests)
        app.router.add_get(f"{PREFIX}/keys", self._keys)
        app.router.add_post(f"{PREFIX}/keys", self._change_keys)
        app.router.add_post(f"{PREFIX}/account", self._change_account)
        app.router.add_post(f"{PREFIX}/market", self._move_market)
        app.router.add_post(f"{PREFIX}/deposits", self._deposit)
        app.router.add_post(f"{PREFIX}/instruments", self._set_state)
        app.router.add_post(f"{PREFIX}/funding", self._settle_funding)
        app.router.add_post(f"{PREFIX}/liquidations", self._liquidate)
        app.router.add_post(f"{PREFIX}/books", self._change_book)
        app.router.add_post(f"{PREFIX}/status", self._announce)
        app.router.add_post(f"{PREFIX}/reset", self._reset)
        app.router.add_post(f"{PREFIX}/memory", self._age)
        app.router.add_post(f"{PREFIX}/sockets", self._change_sockets)

    async def _truth(self, request: web.Request) -> web.Response:
        await self._venue.commit()
        return json_answer(okx_truth(self._venue))

    async def _requests(self, request: web.Request) -> web.Response:
        """Trading requests with what became of each, the oldest first."""
        await self._venue.commit()
        return json_answer(list(self._venue.requests))

    async def _keys(self, request: web.Request) -> web.Response:
        return json_answer(self._venue.keys.all())

    async def _change_keys(self, request: web.Request) -> web.Response:
        order, venue = await read_order(request, OkxKeyOrder), self._venue
        if order.revoke is not None:
            venue.keys.revoke(order.revoke)
            close_sessions(venue, order.revoke)
            return json_answer(None)
        key = make_okx_key(
            venue.settings.demo_account if order.is_demo else venue.settings.account,
            venue.ids,
            is_demo=order.is_demo,
            can_trade=order.can_trade,
            can_withdraw=order.can_withdraw,
            addresses=order.addresses,
        )
        venue.keys.add(key)
        return json_answer(key)

    async def _change_account(self, request: web.Request) -> web.Response:
        order, ledger = await read_order(request, OkxAccountOrder), self._venue.exchange.ledger
        mode = ledger.mode(order.account or self._venue.settings.account)
        level, position_mode = order.level or mode.level, order.position_mode or mode.position_mode
        if level not in ACCOUNT_LEVELS or position_mode not in POSITION_MODES:
            raise web.HTTPBadRequest(text="there is no such level or position mode")
        borrows = mode.borrows if order.borrows is None else order.borrows
        ledger.set_mode(replace(mode, level=level, position_mode=position_mode, borrows=borrows))
        await self._venue.commit()
        return json_answer(ledger.mode(mode.account))

    async def _move_market(self, request: web.Request) -> web.Response:
        move, venue = await read_order(request, OkxMarketMove), self._venue
        instrument = self._instrument(move.symbol)
        for command in market_commands(move, instrument, venue.now_ms()):
            venue.exchange.apply(instrument.name, command)
        if move.mark_price is not None:
            venue.exchange.set_mark(instrument.name, move.mark_price or None, venue.now_ms())
        await venue.commit()
        return json_answer(None)

    async def _deposit(self, request: web.Request) -> web.Response:
        order, venue = await read_order(request, OkxDeposit), self._venue
        venue.deposit(order.account or venue.settings.account, order.asset, order.amount, venue.now_ms())
        await venue.commit()
        return json_answer(None)

    async def _set_state(self, request: web.Request) -> web.Response:
        order, venue = await read_order(request, OkxStateOrder), self._venue
        instrument = self._instrument(order.symbol)
        if order.state == "expired":
            expire(venue.exchange, venue.algos, instrument, venue.now_ms())
        elif order.state in STATES:
            venue.exchange.states[instrument.name] = order.state
        else:
            raise web.HTTPBadRequest(text=f"there is no state {order.state}")
        await venue.commit()
        venue.public.send_instrument(instrument.name)
        return json_answer(None)

    async def _settle_funding(self, request: web.Request) -> web.Response:
        order = await read_order(request, OkxFundingOrder)
        if self._instrument(order.symbol).type != SWAP:
            raise web.HTTPBadRequest(text=f"{order.symbol} is no swap")
        settle_funding(self._venue.exchange, order.symbol, order.rate, self._venue.now_ms())
        await self._venue.commit()
        return json_answer(None)

    async def _liquidate(self, request: web.Request) -> web.Response:
        order, venue = await read_order(request, OkxTakeOver), self._venue
        for account in venue.exchange.ledger.accounts():
            for position in venue.exchange.ledger.positions(account, self._instrument(order.symbol).name):
                venue.liquidator.close(position, order.category, venue.now_ms())
        await venue.commit()
        return json_answer(None)

    async def _change_book(self, request: web.Request) -> web.Response:
        order, venue = await read_order(request, OkxBookOrder), self._venue
        name, now_ms = self._instrument(order.symbol).name, venue.now_ms()
        match order.action:
            case "heartbeat":
                venue.public.send_heartbeat(name, now_ms)
            case "renumber":
                venue.public.renumber(name, 1, now_ms)
        return json_answer(None)

    async def _announce(self, request: web.Request) -> web.Response:
        order, venue = await read_order(request, OkxStatusOrder), self._venue
        venue.public.announce_maintenance(
            {
                "title": order.title,
                "state": order.state,
                "begin": str(order.begin_ms or venue.now_ms()),
                "end": str(order.end_ms or venue.now_ms()),
                "preOpenBegin": "",
                "href": "",
                "serviceType": "5",
                "system": "unified",
                "scheDesc": "",
                "maintType": "1",
                "env": "1",
                "ts": str(venue.now_ms()),
            }
        )
        return json_answer(None)

    async def _reset(self, request: web.Request) -> web.Response:
        reset(self._venue)
        await self._venue.commit()
        return json_answer(None)

    async def _age(self, request: web.Request) -> web.Response:
        self._venue.memory_age_ms = (await read_order(request, OkxMemoryOrder)).age_ms
        return json_answer(None)

    async def _change_sockets(self, request: web.Request) -> web.Response:
        order = await read_order(request, OkxSocketOrder)
        match order.action:
            case "notice":
                notify_upgrade(self._venue)
            case "cut":
                for outlet in list(self._venue.outlets):
                    outlet.abort()
        return json_answer(None)

    def _instrument(self, name: str) -> SimulatedInstrument:
        instrument = self._venue.exchange.instruments.get(name)
        if instrument is None:
            raise web.HTTPBadRequest(text=f"there is no instrument {name}")
        return instrument
