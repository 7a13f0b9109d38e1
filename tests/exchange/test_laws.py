"""What holds for every sequence of commands, checked from outside on random worlds."""

from __future__ import annotations

from collections.abc import Iterator

from cadenza.exchange import (
    Accepted,
    Canceled,
    EngineCancelReason,
    EngineCommand,
    EngineEvent,
    EngineState,
    EngineTimeInForce,
    Expired,
    Filled,
    MatchingEngine,
    NewOrder,
    OpenOrder,
    PublicTrade,
    ReduceOrder,
    Rejected,
    Side,
    Triggered,
    TriggerMoved,
)
from tests.exchange.matching_world import BUY, SELL, World

Step = tuple[EngineState, EngineCommand, list[EngineEvent], MatchingEngine]
WORLDS, COMMANDS = 80, 80


def steps() -> Iterator[Step]:
    """(state before, command, its events, engine after) for every command of many worlds."""
    for seed in range(WORLDS):
        engine = MatchingEngine()
        for command in World(9_000_000 + seed).commands(COMMANDS):
            before = engine.snapshot()
            yield before, command, engine.apply(command), engine


def resting(engine: MatchingEngine, side: Side) -> list[OpenOrder]:
    return [
        order
        for order in engine.open_orders()
        if order.side is side and order.limit_price is not None and (order.stop_price is None or order.is_triggered)
    ]


def market_available(state: EngineState) -> int:
    return sum(level.displayed - level.taken for level in state.market_levels)


def test_own_orders_never_cross_each_other_or_the_available_market() -> None:
    for _, command, _, engine in steps():
        bids = [order.limit_price or 0 for order in resting(engine, BUY)]
        asks = [order.limit_price or 0 for order in resting(engine, SELL)]
        market_bids = [price for price, _ in engine.market_depth(BUY, 1)]
        market_asks = [price for price, _ in engine.market_depth(SELL, 1)]
        assert not bids or max(bids) < min([*asks, *market_asks, 10**9]), command
        assert not asks or min(asks) > max([*bids, *market_bids, 0]), command


def test_a_level_shows_what_the_market_has_and_what_own_orders_have_left() -> None:
    for _, command, _, engine in steps():
        for side in (BUY, SELL):
            shown = dict(engine.market_depth(side, 10**6))
            for order in resting(engine, side):
                price = order.limit_price or 0
                shown[price] = shown.get(price, 0) + order.remaining
            assert dict(engine.depth(side, 10**6)) == shown, command


def test_every_order_is_accounted_for_to_the_last_lot() -> None:
    """quantity = filled + remaining, and an order is closed exactly once: full, canceled or expired."""
    left: dict[str, int] = {}
    world_start = 0
    for before, command, events, engine in steps():
        if before == EngineState():
            left, world_start = {}, world_start + 1
        for event in events:
            match event:
                case Accepted():
                    assert isinstance(command, NewOrder)
                    assert event.order_id not in left
                    left[event.order_id] = command.quantity
                case Filled():
                    assert event.quantity > 0
                    left[event.order_id] -= event.quantity
                    assert event.remaining == left[event.order_id] >= 0
                    if not event.remaining:
                        del left[event.order_id]
                case Canceled() | Expired():
                    assert event.remaining == left.pop(event.order_id) > 0
                case _:
                    pass
        if isinstance(command, ReduceOrder) and command.order_id in left:
            left[command.order_id] = min(left[command.order_id], command.remaining)
        assert left == {order.order_id: order.remaining for order in engine.open_orders()}
    assert world_start >= WORLDS


def test_trades_conserve_quantity() -> None:
    """A submit takes from the market what its fills say, own sides of a trade mirror each other, prints bound fills."""
    for before, command, events, engine in steps():
        trades: dict[int, list[Filled]] = {}
        for event in events:
            if isinstance(event, Filled):
                trades.setdefault(event.trade_sequence, []).append(event)
        assert sorted(trades) == list(range(before.trade_sequence + 1, before.trade_sequence + 1 + len(trades)))
        for number, sides in trades.items():
            if len(sides) == 2:
                maker, taker = sides
                assert (maker.is_maker, taker.is_maker) == (True, False)
                assert (maker.price, maker.quantity, maker.side) == (taker.price, taker.quantity, taker.side.opposite)
                assert (maker.contra_order_id, taker.contra_order_id) == (taker.order_id, maker.order_id)
                assert maker.account_id != taker.account_id
            else:
                assert [side.contra_order_id for side in sides] == [None], number
        if isinstance(command, NewOrder):
            taken = sum(sides[0].quantity for sides in trades.values() if len(sides) == 1)
            assert market_available(before) - market_available(engine.snapshot()) == taken
        if isinstance(command, PublicTrade):
            printed = sum(sides[0].quantity for sides in trades.values() if len(sides) == 1 and sides[0].is_maker)
            assert printed <= command.quantity


def test_no_fill_is_worse_than_the_limit_and_makers_get_their_own_price() -> None:
    limits: dict[str, int | None] = {}
    for before, command, events, _ in steps():
        if before == EngineState():
            limits = {}
        for event in events:
            if isinstance(event, Accepted) and isinstance(command, NewOrder):
                limits[event.order_id] = command.limit_price
            if isinstance(event, Filled):
                limit = limits[event.order_id]
                assert limit is None or event.price * event.side.sign <= limit * event.side.sign
                assert not event.is_maker or event.price == limit


def test_price_then_time_decides_which_own_order_trades_first() -> None:
    """When an order that rested before the command is filled, no better or earlier one of its side is still open."""
    for before, command, events, engine in steps():
        rested = {order.order_id: order for order in before.orders}
        still_open = {order.order_id for order in engine.open_orders()}
        rank = {
            order.order_id: (-(order.limit_price or 0) * order.side.sign, order.sequence)
            for order in before.orders
            if order.limit_price is not None and (order.stop_price is None or order.is_triggered)
        }
        for event in events:
            if isinstance(event, Filled) and event.is_maker and event.order_id in rank:
                overtaken = [
                    other
                    for other in rank
                    if rested[other].side is event.side and rank[other] < rank[event.order_id] and other in still_open
                ]
                assert not overtaken, command


def test_queue_positions_only_improve_and_fit_the_market() -> None:
    for before, command, _, engine in steps():
        ahead = {order.order_id: (order.queue_ahead, order.sequence) for order in before.orders}
        highest: dict[tuple[Side, int], int] = {}
        state = engine.snapshot()
        available = {(level.side, level.price): level.displayed - level.taken for level in state.market_levels}
        for order in (*resting(engine, BUY), *resting(engine, SELL)):
            place = order.side, order.limit_price or 0
            assert highest.get(place, 0) <= order.queue_ahead <= available.get(place, 0), command
            highest[place] = order.queue_ahead
            earlier = ahead.get(order.order_id)
            if earlier is not None and earlier[1] == order.sequence:
                assert order.queue_ahead <= earlier[0], command


def test_fok_is_all_or_nothing_and_gtx_never_takes() -> None:
    time_in_force: dict[str, NewOrder] = {}
    for before, command, events, _ in steps():
        if before == EngineState():
            time_in_force = {}
        if isinstance(command, NewOrder) and not any(isinstance(event, Rejected) for event in events):
            time_in_force[command.order_id] = command
        filled: dict[str, int] = {}
        for event in events:
            if isinstance(event, Filled):
                filled[event.order_id] = filled.get(event.order_id, 0) + event.quantity
                assert event.is_maker or time_in_force[event.order_id].time_in_force is not EngineTimeInForce.GTX
        for order_id, quantity in filled.items():
            if time_in_force[order_id].time_in_force is EngineTimeInForce.FOK:
                assert quantity == time_in_force[order_id].quantity
        for event in events:
            if isinstance(event, Canceled) and event.reason is EngineCancelReason.FOK_UNFILLABLE:
                assert event.remaining == time_in_force[event.order_id].quantity


def test_trailing_triggers_never_move_unfavourably() -> None:
    stops: dict[str, tuple[Side, int]] = {}
    for before, command, events, _ in steps():
        if before == EngineState():
            stops = {}
        for event in events:
            if isinstance(event, Accepted) and event.stop_price is not None and isinstance(command, NewOrder):
                stops[event.order_id] = (command.side, event.stop_price)
            if isinstance(event, TriggerMoved):
                side, stop = stops[event.order_id]
                assert event.stop_price * side.sign < stop * side.sign
                stops[event.order_id] = (side, event.stop_price)
            if isinstance(event, Triggered):
                del stops[event.order_id]


def test_applying_is_deterministic() -> None:
    for seed in range(50):
        commands = World(seed).commands(COMMANDS)
        one, other = MatchingEngine(), MatchingEngine()
        assert [one.apply(command) for command in commands] == [other.apply(command) for command in commands]
        assert one.state_hash() == other.state_hash()
