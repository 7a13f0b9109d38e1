"""From a request to an order: its fields, the symbol's limits and the funds."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal

from cadenza.domain.evolve import evolve
from cadenza.domain.market.enums import Side
from cadenza.domain.money import ONE, ZERO
from cadenza.simulators.bitfinex.settings import EXCHANGE, MARGIN
from cadenza.simulators.bitfinex.symbols import BitfinexSymbol
from cadenza.simulators.bitfinex.trading.endings import reduce_only_ending
from cadenza.simulators.bitfinex.trading.exchange import BitfinexExchange
from cadenza.simulators.bitfinex.trading.records import (
    CANCELED,
    CLOSE,
    FLAGS,
    KINDS,
    LIMIT,
    MARKET,
    NO_POSITION,
    OCO,
    ON_EXCHANGE,
    PAUSED,
    POST_ONLY,
    REDUCE_ONLY,
    STOP,
    STOP_LIMIT,
    TRAILING_STOP,
    BitfinexOrder,
)
from cadenza.simulators.bitfinex.wire.errors import invalid, invalid_order, order_not_found
from cadenza.simulators.bitfinex.wire.numbers import decimal_text, rounded
from cadenza.simulators.bitfinex.wire.params import BitfinexParams

CID_MAX = 2**45 - 1
LEVERAGE_MAX = 100
OPEN_ORDERS_MAX = 1_000
TYPES = frozenset(KINDS) | {ON_EXCHANGE + kind for kind in KINDS}
STOP_PAD = Decimal("1.02")
"""An order that becomes MARKET at its trigger holds funds for a price above it."""


@dataclass(frozen=True, slots=True)
class TakenOrder:
    """An order as it was accepted, and what became of it at once. `other` is the second one of a pair."""

    accepted: BitfinexOrder
    order: BitfinexOrder
    other: BitfinexOrder | None = None


class BitfinexDesk:
    """Takes orders for the exchange. Raises `BitfinexRefusal`, and then nothing has changed."""

    def __init__(self, exchange: BitfinexExchange) -> None:
        self._exchange = exchange
        self._ledger = exchange.ledger

    def symbol(self, name: str) -> BitfinexSymbol:
        found = self._exchange.symbols.get(name)
        if found is None:
            raise invalid("symbol")
        return found

    def place(self, account: str, params: BitfinexParams, at_ms: int) -> TakenOrder:
        """Accept and execute an order."""
        order = self._read(account, params, at_ms)
        symbol = self.symbol(order.symbol)
        if order.flags & CLOSE:
            order = self._closing(order)
        self._check_size(symbol, order)
        if len(self._exchange.registry.open_orders(account)) >= OPEN_ORDERS_MAX:
            raise invalid_order("too many open orders")
        ending = self._ending(order)
        if ending is not None:
            return TakenOrder(order, self._exchange.place_ended(order, ending, at_ms))
        if order.flags & OCO:
            return self._place_pair(order, params, at_ms)
        self.check_funds(order, ZERO)
        return TakenOrder(order, self._exchange.place(order, at_ms))

    def find(self, account: str, params: BitfinexParams) -> BitfinexOrder:
        """Return the open order that a request names by its id, or by its cid and the day (UTC) of its creation."""
        id, cid = params.integer("id"), params.integer("cid", CID_MAX)
        if id is None and cid is None:
            raise invalid("id")
        day = None if id is not None else _day(params.text("cid_date"))
        for order in reversed(self._exchange.registry.open_orders(account)):
            if order.order_id == id or (id is None and order.cid == cid and day == day_of(order.created_ms)):
                return order
        raise order_not_found()

    def amend(self, account: str, params: BitfinexParams, at_ms: int) -> BitfinexOrder:
        """Change an open order: its remaining amount, its prices, flags or labels. From then on its row states the type
        that it had before, as in the venue's example of an update."""
        order = self.find(account, params)
        symbol = self.symbol(order.symbol)
        left = self._left(order, params)
        flags = params.integer("flags")
        tif = params.text("tif")
        labels = {name: params.integer(name) for name in ("gid", "cid") if name in params and "id" in params}
        changed = evolve(
            order,
            amount=order.executed + left,
            price=_price(params, "price", symbol) or order.price,
            aux_limit=_price(params, "price_aux_limit", symbol) or order.aux_limit,
            trailing=_price(params, "price_trailing", symbol) or order.trailing,
            flags=order.flags if flags is None else _flags(flags),
            tif_ms=_instant_ms(tif, at_ms) if tif else order.tif_ms,
            leverage=_leverage(params) or order.leverage,
            type_before=order.type,
            updated_ms=at_ms,
            **labels,
        )
        changed = evolve(changed, held_price=self._held_price(changed) if order.held_price else ZERO)
        self._check_size(symbol, evolve(changed, amount=left, fills=()))
        if _of_engine(changed) == _of_engine(order):
            return self._exchange.relabel(changed)
        self.check_funds(changed, self._needed(order))
        return self._exchange.amend(order, evolve(changed, revision=order.revision + 1), at_ms)

    def cancel(self, order: BitfinexOrder, at_ms: int) -> BitfinexOrder:
        return self._exchange.end(order, CANCELED, at_ms)

    # Funds

    def check_funds(self, order: BitfinexOrder, freed: Decimal) -> None:
        """Check that a wallet can pay an order. `freed` is what an order that it replaces has held."""
        symbol = self.symbol(order.symbol)
        if order.is_on_exchange:
            wallet, currency = EXCHANGE, symbol.quote if order.side is Side.BUY else symbol.base
        else:
            wallet, currency = MARGIN, symbol.quote
        left = self._ledger.available(order.account, wallet, currency) + freed
        if self._needed(order) <= left:
            return
        price = order.price or self._exchange.last_price(order.symbol)
        kind = "exchange" if order.is_on_exchange else "tradable"
        about = f"{decimal_text(order.remaining)} {symbol.pair} at {decimal_text(price)}"
        raise invalid_order(f"not enough {kind} balance for {about}")

    def _needed(self, order: BitfinexOrder) -> Decimal:
        if not order.is_on_exchange:
            return self._ledger.order_margin(order, order.held_price)
        if order.side is Side.SELL:
            return order.remaining
        if order.kind == MARKET:
            amount, cost = self._exchange.fillable(order)
            return cost + (order.amount - amount) * self._exchange.last_price(order.symbol)
        return order.remaining * order.held_price

    def _held_price(self, order: BitfinexOrder) -> Decimal:
        """Return the price for which an order holds funds."""
        last, cut = self._exchange.last_price(order.symbol), self.symbol(order.symbol).cut
        if order.kind == STOP_LIMIT:
            return order.aux_limit
        if order.kind == STOP:
            return cut(max(order.price, last if order.side is Side.BUY else ZERO) * STOP_PAD)
        if order.kind == TRAILING_STOP:
            return cut((last + order.trailing) * STOP_PAD)
        return order.price if order.kind != MARKET else last

    # Reading

    def _read(self, account: str, params: BitfinexParams, at_ms: int) -> BitfinexOrder:
        type, symbol = params.text("type").upper(), self.symbol(params.text("symbol"))
        if type not in TYPES:
            raise invalid("type")
        if not type.startswith(ON_EXCHANGE) and not symbol.is_margin:
            raise invalid_order("symbol is not traded on margin")
        if type.startswith(ON_EXCHANGE) and symbol.is_derivative:
            raise invalid("type")
        amount = params.decimal("amount")
        if amount is None or not rounded(amount):
            raise invalid("amount")
        kind, meta = type.removeprefix(ON_EXCHANGE), params.values.get("meta", {})
        leverage = _leverage(params)
        if leverage is not None and not symbol.is_derivative:
            raise invalid("lev")
        cid, tif = params.integer("cid", CID_MAX), params.text("tif")
        order = BitfinexOrder(
            order_id=self._exchange.next_id(),
            account=account,
            symbol=symbol.name,
            gid=params.integer("gid"),
            cid=at_ms if cid is None else cid,
            type=type,
            side=Side.BUY if amount > 0 else Side.SELL,
            amount=abs(rounded(amount)),
            price=_price(params, "price", symbol) if kind not in (MARKET, TRAILING_STOP) else ZERO,
            trailing=_price(params, "price_trailing", symbol),
            aux_limit=_price(params, "price_aux_limit", symbol),
            flags=_flags(params.number("flags", 0)),
            tif_ms=_instant_ms(tif, at_ms) if tif else None,
            leverage=leverage,
            meta=meta if isinstance(meta, dict) else {},
            created_ms=at_ms,
            updated_ms=at_ms,
        )
        self._check_prices(order)
        return evolve(order, held_price=self._held_price(order))

    def _check_prices(self, order: BitfinexOrder) -> None:
        tick, kind = self.symbol(order.symbol).tick, order.kind
        if kind == TRAILING_STOP:
            if order.trailing < tick:
                raise invalid("price_trailing")
        elif kind != MARKET and order.price < tick:
            raise invalid("price")
        if kind == STOP_LIMIT and order.aux_limit < tick:
            raise invalid("price_aux_limit")
        if order.flags & POST_ONLY and kind != LIMIT:
            raise invalid("flags")

    def _check_size(self, symbol: BitfinexSymbol, order: BitfinexOrder) -> None:
        if order.remaining < symbol.least:
            raise invalid_order(f"minimum size for {symbol.slashed} is {decimal_text(symbol.least)}")
        if order.remaining > symbol.most:
            raise invalid_order(f"maximum size for {symbol.slashed} is {decimal_text(symbol.most)}")

    def _left(self, order: BitfinexOrder, params: BitfinexParams) -> Decimal:
        """Return what is to be left of an order: an amount, or a change of what is left."""
        amount, delta = params.decimal("amount"), params.decimal("delta")
        if amount is not None and (amount > 0) is not (order.side is Side.BUY):
            raise invalid("amount")
        if amount is not None:
            return abs(rounded(amount))
        return order.remaining + (ZERO if delta is None else rounded(delta) * order.side.sign)

    # Positions and pairs

    def _closing(self, order: BitfinexOrder) -> BitfinexOrder:
        """Return an order for all of the position. One that meets no position keeps its amount."""
        held = self._ledger.position(order.account, order.symbol).amount
        if not held or order.is_on_exchange:
            return order
        return evolve(order, side=Side.SELL if held > 0 else Side.BUY, amount=abs(held))

    def _ending(self, order: BitfinexOrder) -> str | None:
        """Return the word with which the venue ends an order at once; None when it works."""
        if order.symbol in self._exchange.paused:
            return PAUSED
        if order.is_on_exchange:
            return None
        held = self._ledger.position(order.account, order.symbol).amount
        if order.flags & CLOSE and not held:
            return NO_POSITION
        return reduce_only_ending(order, held) if order.flags & REDUCE_ONLY else None

    def _place_pair(self, order: BitfinexOrder, params: BitfinexParams, at_ms: int) -> TakenOrder:
        """Place a LIMIT and a STOP of which one cancels the other. The LIMIT holds the funds of both."""
        symbol = self.symbol(order.symbol)
        trigger = _price(params, "price_oco_stop", symbol)
        if order.kind != LIMIT:
            raise invalid("type")
        if not trigger:
            raise invalid("price_oco_stop")
        wallet = ON_EXCHANGE if order.is_on_exchange else ""
        stop = evolve(
            order, order_id=self._exchange.next_id(), type=wallet + STOP, price=trigger, oco_id=order.order_id
        )
        if self._exchange.is_reached(stop):
            raise invalid_order("stop price is reached")
        limit = evolve(order, oco_id=stop.order_id, held_price=max(order.price, self._held_price(stop)))
        self.check_funds(limit, ZERO)
        self._exchange.place(evolve(stop, held_price=ZERO), at_ms)
        placed = self._exchange.place(limit, at_ms)
        return TakenOrder(limit, placed, self._exchange.registry.order(*stop.key))


def day_of(at_ms: int) -> str:
    """Return the day (UTC) of an instant."""
    return datetime.fromtimestamp(at_ms // 1000, UTC).strftime("%Y-%m-%d")


def _of_engine(order: BitfinexOrder) -> tuple[object, ...]:
    """Return what the engine knows of an order."""
    return order.amount, order.price, order.aux_limit, order.trailing, order.flags & POST_ONLY, order.leverage


def _price(params: BitfinexParams, name: str, symbol: BitfinexSymbol) -> Decimal:
    """Return a price with the digits that the venue keeps; 0 when it is absent."""
    value = params.decimal(name)
    if value is None:
        return ZERO
    if value < 0:
        raise invalid(name)
    return symbol.cut(value)


def _flags(flags: int) -> int:
    if flags & ~FLAGS:
        raise invalid("flags")
    return flags


def _leverage(params: BitfinexParams) -> int | None:
    value = params.integer("lev", LEVERAGE_MAX)
    if value is not None and value < ONE:
        raise invalid("lev")
    return value


def _day(text: str) -> str:
    try:
        return datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC).strftime("%Y-%m-%d")
    except ValueError:
        raise invalid("cid_date") from None


def _instant_ms(text: str, now_ms: int) -> int:
    """Return the instant (UTC) at which an order is canceled. It must lie ahead."""
    for form in ("%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d"):
        try:
            at_ms = int(datetime.strptime(text, form).replace(tzinfo=UTC).timestamp()) * 1000
        except ValueError:
            continue
        if at_ms <= now_ms:
            break
        return at_ms
    raise invalid("tif")
