"""What tests ask and order under `/simulator/`, a prefix that the venue does not have. Nothing here is signed."""

from __future__ import annotations

from decimal import Decimal
from typing import Literal

import msgspec
from aiohttp import web

from cadenza.simulators.deribit.market.instruments import CURRENCIES, INDEXES, STATES, DeribitInstrument
from cadenza.simulators.deribit.trading.records import InstrumentState
from cadenza.simulators.deribit.venue import DeribitVenue
from cadenza.simulators.deribit.wire.access import AREAS, LEVELS, make_deribit_key
from cadenza.simulators.kit.admin import (
    PREFIX,
    MarketMove,
    add_fault_routes,
    json_answer,
    market_commands,
    read_order,
)


class PriceOrder(msgspec.Struct, forbid_unknown_fields=True):
    """The price of an index, or the mark price of an instrument (0: it follows the trades again)."""

    name: str
    price: Decimal


class CurrencyDeposit(msgspec.Struct, forbid_unknown_fields=True):
    """An amount that is moved into the account, or out of it when it is negative."""

    currency: str
    amount: Decimal


class StateOrder(msgspec.Struct, forbid_unknown_fields=True):
    """The state of an instrument. `delivered` settles it now, at `delivery_price` or at the price of its index."""

    instrument_name: str
    state: str
    delivery_price: Decimal | None = None


class FundingRate(msgspec.Struct, forbid_unknown_fields=True):
    """The positions in a perpetual pay `rate` of their value now."""

    instrument_name: str
    rate: Decimal


class ScopeOrder(msgspec.Struct, forbid_unknown_fields=True):
    """A new key with its scopes, such as `{"trade": "read"}`; the key that is revoked."""

    scopes: dict[str, str] | None = None
    revoke: str | None = None


class CutOrder(msgspec.Struct, forbid_unknown_fields=True):
    """What happens to all open sockets."""

    action: Literal["cut"] = "cut"


class DeribitAdmin:
    """The tests' own paths."""

    def __init__(self, venue: DeribitVenue) -> None:
        self._venue = venue

    def add_routes(self, app: web.Application) -> None:
        add_fault_routes(app, self._venue.faults)
        app.router.add_get(f"{PREFIX}/truth", self._truth)
        app.router.add_get(f"{PREFIX}/requests", self._requests)
        app.router.add_get(f"{PREFIX}/keys", self._keys)
        app.router.add_post(f"{PREFIX}/keys", self._change_keys)
        app.router.add_post(f"{PREFIX}/market", self._move_market)
        app.router.add_post(f"{PREFIX}/prices", self._set_price)
        app.router.add_post(f"{PREFIX}/deposits", self._deposit)
        app.router.add_post(f"{PREFIX}/instruments", self._set_state)
        app.router.add_post(f"{PREFIX}/funding", self._pay_funding)
        app.router.add_post(f"{PREFIX}/settlement", self._settle)
        app.router.add_post(f"{PREFIX}/sockets", self._end_sockets)
        app.router.add_post(f"{PREFIX}/reset", self._reset)

    async def _truth(self, request: web.Request) -> web.Response:
        """Orders, trades, positions and money, and how often each label was accepted."""
        await self._venue.commit()
        exchange = self._venue.exchange
        accepted = exchange.orders.accepted_by_label().items()
        return json_answer(
            {
                "orders": exchange.orders.all_orders(),
                "trades": exchange.orders.all_trades(),
                "positions": exchange.ledger.all_positions(),
                "wallets": exchange.ledger.all_wallets(),
                "entries": exchange.ledger.entries,
                "states": list(exchange.states.values()),
                "accepted": [
                    {"account": account, "label": label, "times": times} for (account, label), times in accepted
                ],
            }
        )

    async def _requests(self, request: web.Request) -> web.Response:
        """Trading requests with what became of each, the oldest first."""
        await self._venue.commit()
        return json_answer(list(self._venue.requests))

    async def _keys(self, request: web.Request) -> web.Response:
        return json_answer(self._venue.keys.all())

    async def _change_keys(self, request: web.Request) -> web.Response:
        order, venue = await read_order(request, ScopeOrder), self._venue
        if order.revoke is not None:
            venue.revoke(order.revoke)
            return json_answer(None)
        if any(area not in AREAS or level not in LEVELS for area, level in (order.scopes or {}).items()):
            raise web.HTTPBadRequest(text=f"areas are {AREAS}, levels {LEVELS}")
        key = make_deribit_key(venue.settings.account, venue.ids, order.scopes)
        venue.keys.add(key)
        return json_answer(key)

    async def _move_market(self, request: web.Request) -> web.Response:
        order, venue = await read_order(request, MarketMove), self._venue
        instrument = self._instrument(order.symbol)
        for command in market_commands(order, instrument, venue.now_ms()):
            venue.exchange.apply(instrument.name, command)
        await venue.commit()
        return json_answer(None)

    async def _set_price(self, request: web.Request) -> web.Response:
        order, venue = await read_order(request, PriceOrder), self._venue
        if order.name in INDEXES:
            if order.price <= 0:
                raise web.HTTPBadRequest(text="an index has a price")
            venue.set_index(order.name, order.price)
        else:
            venue.set_mark(self._instrument(order.name).name, order.price or None)
        await venue.commit()
        return json_answer(None)

    async def _deposit(self, request: web.Request) -> web.Response:
        order = await read_order(request, CurrencyDeposit)
        if order.currency not in CURRENCIES:
            raise web.HTTPBadRequest(text=f"there is no {order.currency}")
        self._venue.deposit(order.currency, order.amount)
        await self._venue.commit()
        return json_answer(None)

    async def _set_state(self, request: web.Request) -> web.Response:
        order, venue = await read_order(request, StateOrder), self._venue
        name = self._instrument(order.instrument_name).name
        if order.state not in STATES:
            raise web.HTTPBadRequest(text=f"there is no state {order.state}")
        if order.state == "delivered":
            venue.settlement.deliver(name, order.delivery_price, venue.now_ms())
        else:
            venue.exchange.set_state(InstrumentState(instrument=name, state=order.state))
        await venue.commit()
        return json_answer(None)

    async def _pay_funding(self, request: web.Request) -> web.Response:
        order, exchange = await read_order(request, FundingRate), self._venue.exchange
        instrument = self._instrument(order.instrument_name)
        if not instrument.is_perpetual:
            raise web.HTTPBadRequest(text=f"{instrument.name} is no perpetual")
        for position in exchange.ledger.holders(instrument.name):
            exchange.ledger.pay_funding(position, order.rate, self._venue.now_ms())
            exchange.news.position_changed(position.account, instrument.name)
            exchange.note_money(position.account, instrument)
        await self._venue.commit()
        return json_answer(None)

    async def _settle(self, request: web.Request) -> web.Response:
        """Settle the day now."""
        self._venue.settlement.settle(self._venue.now_ms())
        await self._venue.commit()
        return json_answer(None)

    async def _end_sockets(self, request: web.Request) -> web.Response:
        await read_order(request, CutOrder)
        self._venue.cut_sockets()
        return json_answer(None)

    async def _reset(self, request: web.Request) -> web.Response:
        """Begin again, with the same keys."""
        self._venue.reset()
        await self._venue.commit()
        return json_answer(None)

    def _instrument(self, name: str) -> DeribitInstrument:
        instrument = self._venue.exchange.instruments.get(name)
        if instrument is None:
            raise web.HTTPBadRequest(text=f"there is no instrument {name}")
        return instrument
