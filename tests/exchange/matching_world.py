"""Short ways to write commands, and random worlds: a seed makes a sequence of commands that meet each other often."""

from __future__ import annotations

from random import Random

from cadenza.exchange import (
    AdvanceTime,
    CancelRequest,
    EngineCommand,
    EngineTimeInForce,
    MatchingEngine,
    NewOrder,
    OrderKind,
    PublicTrade,
    ReduceOrder,
    ResetMarket,
    SetLevel,
    Side,
)
from tests.exchange.naive import NaiveMatchingEngine

Engine = MatchingEngine | NaiveMatchingEngine
ENGINES: tuple[type[MatchingEngine], type[NaiveMatchingEngine]] = (MatchingEngine, NaiveMatchingEngine)
BUY, SELL = Side.BUY, Side.SELL
TRIGGER_KINDS: tuple[OrderKind, ...] = tuple(
    kind for kind in OrderKind if kind not in (OrderKind.MARKET, OrderKind.LIMIT)
)
LIMIT_KINDS = (OrderKind.LIMIT, OrderKind.STOP_LIMIT, OrderKind.STOP_LOSS_LIMIT, OrderKind.TAKE_PROFIT_LIMIT)
PRICE_MIN, PRICE_MAX, QUANTITY_MAX = 95, 105, 9


def submit(
    order_id: str,
    side: Side,
    quantity: int,
    limit: int | None = None,
    *,
    account: str = "alice",
    kind: OrderKind | None = None,
    stop: int | None = None,
    trail: int | None = None,
    tif: EngineTimeInForce = EngineTimeInForce.GTC,
    expire: int | None = None,
    at: int = 0,
) -> NewOrder:
    """MARKET without a limit, LIMIT with one, unless `kind` says otherwise."""
    kind = kind or (OrderKind.MARKET if limit is None else OrderKind.LIMIT)
    return NewOrder(order_id, account, side, kind, quantity, limit, stop, trail, tif, expire, at)


def level(side: Side, price: int, quantity: int, at: int = 0) -> SetLevel:
    return SetLevel(side, price, quantity, at)


def trade(aggressor: Side, price: int, quantity: int, at: int = 0) -> PublicTrade:
    return PublicTrade(aggressor, price, quantity, at)


def cancel(order_id: str, at: int = 0) -> CancelRequest:
    return CancelRequest(order_id, at)


def reduce(order_id: str, remaining: int, at: int = 0) -> ReduceOrder:
    return ReduceOrder(order_id, remaining, at)


class World:
    """A market and three accounts with no plan; few prices and small quantities, so that all of them meet."""

    def __init__(self, seed: int) -> None:
        self._random = Random(seed)
        self._now_ms = 0
        self._orders = 0
        # Worlds differ in temper: some are quiet books, some mostly stops, some mostly churn.
        self._submit_weight = self._random.choice((2, 5, 9))
        self._trigger_share = self._random.choice((0.1, 0.4, 0.8))
        self._patience = self._random.choice((0.1, 0.7, 0.95))

    def commands(self, count: int) -> list[EngineCommand]:
        return [self._command() for _ in range(count)]

    def _command(self) -> EngineCommand:
        random = self._random
        self._now_ms += random.choice((0, 0, 1, 2, -1))
        make = random.choices(
            (self._submit, self._level, self._print, self._cancel, self._reduce, self._reset, self._advance),
            weights=(self._submit_weight, 5, 3, 1, 0.5, 0.3, 0.5),
        )[0]
        return make()

    def _distant_price(self, side: Side) -> int:
        """Where a patient order of that side waits: at 100 or behind it."""
        if self._random.random() > self._patience:
            return self._price()
        return 100 - side.sign * self._random.randint(0, 5)

    def _price(self) -> int:
        return self._random.randint(PRICE_MIN, PRICE_MAX)

    def _quantity(self) -> int:
        return self._random.randint(1, QUANTITY_MAX)

    def _side(self) -> Side:
        return self._random.choice((BUY, SELL))

    def _level(self) -> SetLevel:
        side = self._side()
        # Mostly an uncrossed market around 100, at times a crossing one.
        price = self._price() if self._random.random() < 0.2 else 100 - side.sign * self._random.randint(0, 4)
        return SetLevel(side, price, self._random.choice((0, 1, 3, 6, 12)), self._now_ms)

    def _print(self) -> PublicTrade:
        return PublicTrade(self._side(), self._price(), self._random.choice((1, 4, 20)), self._now_ms)

    def _reset(self) -> ResetMarket:
        middle = self._random.randint(PRICE_MIN + 2, PRICE_MAX - 2)
        bids = tuple((middle - step, self._quantity()) for step in range(4) if self._random.random() < 0.7)
        asks = tuple((middle + 1 + step, self._quantity()) for step in range(4) if self._random.random() < 0.7)
        return ResetMarket(bids, asks, self._now_ms)

    def _cancel(self) -> CancelRequest:
        return CancelRequest(f"o{self._random.randint(1, self._orders + 2)}", self._now_ms)

    def _reduce(self) -> ReduceOrder:
        return reduce(f"o{self._random.randint(1, self._orders + 2)}", self._quantity(), self._now_ms)

    def _advance(self) -> AdvanceTime:
        self._now_ms += self._random.randint(0, 6)
        return AdvanceTime(self._now_ms)

    def _submit(self) -> NewOrder:
        random = self._random
        self._orders += 1
        number = self._orders if random.random() < 0.98 else random.randint(1, self._orders)
        if random.random() < self._trigger_share:
            kind: OrderKind = random.choice(TRIGGER_KINDS)
        else:
            kind = random.choice((OrderKind.LIMIT, OrderKind.LIMIT, OrderKind.LIMIT, OrderKind.MARKET))
        side = self._side()
        is_limit = kind in LIMIT_KINDS
        is_protected = kind not in (*LIMIT_KINDS, OrderKind.MARKET) and random.random() < 0.4
        time_in_force = random.choice(
            [tif for tif in EngineTimeInForce if is_limit or tif is not EngineTimeInForce.GTX]
        )
        if random.random() < 0.5:
            time_in_force = EngineTimeInForce.GTC
        stop: int | None = None
        trail: int | None = None
        if kind is OrderKind.TRAILING_STOP and random.random() < 0.5:
            trail = random.randint(1, 4)
        elif kind not in (OrderKind.MARKET, OrderKind.LIMIT):
            is_take_profit = kind in (OrderKind.TAKE_PROFIT, OrderKind.TAKE_PROFIT_LIMIT)
            stop = self._distant_price(side if is_take_profit else side.opposite)
        return NewOrder(
            order_id=f"o{number}",
            account_id=random.choice(("alice", "bob", "carol")),
            side=side,
            kind=kind,
            quantity=self._quantity() if random.random() < 0.99 else 0,
            limit_price=self._distant_price(side) if is_limit or is_protected else None,
            stop_price=stop,
            trail_distance=trail,
            time_in_force=time_in_force,
            expire_at_ms=self._now_ms + random.randint(0, 15) if time_in_force in ("GTD", "DAY") else None,
            at_ms=self._now_ms,
        )
