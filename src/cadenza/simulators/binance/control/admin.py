"""What tests ask and order under `/simulator/`, a prefix that the venue does not have. Nothing here is signed."""

from __future__ import annotations

from decimal import Decimal
from typing import Literal

import msgspec
from aiohttp import web

from cadenza.simulators.binance.control.truth import margin_truth, spot_truth, usdm_truth
from cadenza.simulators.binance.margin.cross_margin import margin_account
from cadenza.simulators.binance.spot.symbols import STATUSES
from cadenza.simulators.binance.usdm.symbols import FUNDING_RATE
from cadenza.simulators.binance.usdm.symbols import STATUSES as CONTRACT_STATUSES
from cadenza.simulators.binance.venue import BinanceVenue
from cadenza.simulators.binance.wire.keys import KeyPermissions, make_key
from cadenza.simulators.binance.wire.markets import VenueMarket
from cadenza.simulators.kit.admin import PREFIX, MarketMove, add_fault_routes, json_answer, market_commands, read_order

BookMarket = Literal["spot", "usdm"]
AccountMarket = Literal["spot", "margin", "usdm"]


class MarketOrder(MarketMove, forbid_unknown_fields=True):
    """A move of a market of spot or USD-M. `mark_price` is for USD-M only; 0 lets the mark price follow the trades
    again."""

    market: BookMarket = "spot"
    mark_price: Decimal | None = None


class DepositOrder(msgspec.Struct, forbid_unknown_fields=True):
    """A transfer into the account of a market, or out of it with a negative amount."""

    asset: str
    amount: Decimal
    market: AccountMarket = "spot"


DELISTED = "DELISTED"


class StatusOrder(msgspec.Struct, forbid_unknown_fields=True):
    """A status in the words of the symbol's market. DELISTED, which no market has, cancels the symbol's open orders and
    takes it off the list until the simulator is started again."""

    symbol: str
    status: str
    market: BookMarket = "spot"


class FundingOrder(msgspec.Struct, forbid_unknown_fields=True):
    """The positions in a contract pay `rate` of their value now."""

    symbol: str
    rate: Decimal = FUNDING_RATE


class KeyOrder(msgspec.Struct, forbid_unknown_fields=True):
    """A new key of a kind with its permissions, or the key that is revoked."""

    kind: Literal["HMAC", "RSA", "ED25519"] = "HMAC"
    permissions: KeyPermissions = KeyPermissions()
    revoke: str | None = None


class SocketOrder(msgspec.Struct, forbid_unknown_fields=True):
    """What happens to all open sockets."""

    action: Literal["announce_shutdown", "cut", "terminate_user_streams"]


class SimulatorAdmin:
    """The tests' own paths."""

    def __init__(self, venue: BinanceVenue) -> None:
        self._venue = venue

    def add_routes(self, app: web.Application) -> None:
        add_fault_routes(app, self._venue.faults)
        app.router.add_get(f"{PREFIX}/truth", self._truth)
        app.router.add_get(f"{PREFIX}/requests", self._requests)
        app.router.add_get(f"{PREFIX}/keys", self._keys)
        app.router.add_post(f"{PREFIX}/keys", self._change_keys)
        app.router.add_post(f"{PREFIX}/market", self._move_market)
        app.router.add_post(f"{PREFIX}/deposits", self._deposit)
        app.router.add_post(f"{PREFIX}/symbols", self._set_status)
        app.router.add_post(f"{PREFIX}/funding", self._settle_funding)
        app.router.add_post(f"{PREFIX}/sockets", self._end_sockets)

    async def _truth(self, request: web.Request) -> web.Response:
        """Orders, trades and balances market by market, and how often each client order id was accepted."""
        await self._venue.commit()
        account = self._venue.settings.account
        spot, usdm = self._venue.spot, self._venue.usdm
        return json_answer(
            {
                "spot": spot_truth(spot.exchange, account),
                "margin": margin_truth(spot, margin_account(account)),
                "usdm": usdm_truth(usdm),
            }
        )

    async def _requests(self, request: web.Request) -> web.Response:
        """Trading requests with what became of each, the oldest first."""
        await self._venue.commit()
        return json_answer(list(self._venue.requests))

    async def _keys(self, request: web.Request) -> web.Response:
        return json_answer(self._venue.keys.all())

    async def _change_keys(self, request: web.Request) -> web.Response:
        order = await read_order(request, KeyOrder)
        if order.revoke is not None:
            self._venue.keys.revoke(order.revoke)
            self._venue.terminate_user_streams(order.revoke)
            return json_answer(None)
        key = make_key(self._venue.settings.account, order.kind, self._venue.ids, order.permissions)
        self._venue.keys.add(key)
        return json_answer(key)

    async def _move_market(self, request: web.Request) -> web.Response:
        order, venue = await read_order(request, MarketOrder), self._venue
        exchange = venue.usdm.exchange if order.market == "usdm" else venue.spot.exchange
        for command in market_commands(order, exchange.symbol(order.symbol), venue.now_ms()):
            exchange.apply(order.symbol, command)
        if order.mark_price is not None:
            venue.usdm.exchange.set_mark(order.symbol, order.mark_price or None, venue.now_ms())
        await venue.commit()
        return json_answer(None)

    async def _deposit(self, request: web.Request) -> web.Response:
        order, venue = await read_order(request, DepositOrder), self._venue
        account, now_ms = venue.settings.account, venue.now_ms()
        if order.market == "usdm":
            venue.usdm.transfer(account, order.asset, order.amount, now_ms)
        else:
            name = margin_account(account) if order.market == "margin" else account
            venue.spot.exchange.deposit(name, order.asset, order.amount, now_ms)
        await venue.commit()
        return json_answer(None)

    async def _set_status(self, request: web.Request) -> web.Response:
        order, venue = await read_order(request, StatusOrder), self._venue
        if order.status == DELISTED:
            venue.delist(VenueMarket(order.market), order.symbol)
            await venue.commit()
            return json_answer(None)
        if order.status not in (CONTRACT_STATUSES if order.market == "usdm" else STATUSES):
            raise web.HTTPBadRequest(text=f"{order.market} has no status {order.status}")
        exchange = venue.usdm.exchange if order.market == "usdm" else venue.spot.exchange
        exchange.set_status(order.symbol, order.status)
        return json_answer(None)

    async def _settle_funding(self, request: web.Request) -> web.Response:
        order = await read_order(request, FundingOrder)
        self._venue.usdm.funding.settle(order.symbol, order.rate, self._venue.now_ms())
        await self._venue.commit()
        return json_answer(None)

    async def _end_sockets(self, request: web.Request) -> web.Response:
        order = await read_order(request, SocketOrder)
        match order.action:
            case "announce_shutdown":
                self._venue.announce_shutdown()
            case "cut":
                self._venue.cut_sockets()
            case "terminate_user_streams":
                self._venue.terminate_user_streams()
        return json_answer(None)
