"""The rules of docs/concepts/matching.md, one scenario each, on both engines."""

from __future__ import annotations

import pytest

from cadenza.exchange import (
    Accepted,
    AdvanceTime,
    Canceled,
    CancelRejected,
    CancelRejectReason,
    EngineCancelReason,
    EngineCommand,
    EngineEvent,
    EngineRejectReason,
    EngineState,
    EngineTimeInForce,
    Expired,
    Filled,
    FillEstimate,
    MatchingEngine,
    NewOrder,
    OpenOrder,
    OrderKind,
    Rejected,
    ResetMarket,
    SetLevel,
    Side,
    Triggered,
    TriggerMoved,
)
from tests.exchange.matching_world import BUY, SELL, Engine, cancel, level, submit, trade


def run(engine: Engine, *commands: EngineCommand) -> list[EngineEvent]:
    """Apply all; the events of the last."""
    events: list[EngineEvent] = []
    for command in commands:
        events = engine.apply(command)
    return events


def fills(events: list[EngineEvent]) -> list[tuple[str, int, int]]:
    """(order, price, quantity)"""
    return [(event.order_id, event.price, event.quantity) for event in events if isinstance(event, Filled)]


def queue_ahead(engine: Engine, order_id: str) -> int:
    order = engine.order(order_id)
    assert order is not None
    return order.queue_ahead


# Taking


def test_a_market_order_walks_the_book_and_remembers_what_it_took(engine: Engine) -> None:
    run(engine, level(SELL, 101, 3), level(SELL, 102, 5))
    events = run(engine, submit("a", BUY, 5))
    assert events == [
        Accepted("a", 0, None),
        Filled(1, "a", "alice", BUY, 101, 3, 2, False, None),
        Filled(2, "a", "alice", BUY, 102, 2, 0, False, None),
    ]
    assert engine.market_depth(SELL, 9) == [(102, 3)]
    assert (engine.best_ask(), engine.best_displayed(SELL), engine.last_price) == (102, 101, None)
    # The feed repeats the level: what was taken stays taken; growth is new.
    run(engine, level(SELL, 101, 3))
    assert engine.best_ask() == 102
    run(engine, level(SELL, 101, 4))
    assert engine.market_depth(SELL, 9) == [(101, 1), (102, 3)]
    # A removed level forgets.
    run(engine, level(SELL, 101, 0), level(SELL, 101, 3))
    assert engine.market_depth(SELL, 1) == [(101, 3)]


def test_a_fall_of_the_displayed_quantity_shrinks_the_memory(engine: Engine) -> None:
    run(engine, level(SELL, 101, 10), submit("a", BUY, 6), level(SELL, 101, 4))
    assert engine.market_depth(SELL, 1) == []
    run(engine, level(SELL, 101, 9))
    assert engine.market_depth(SELL, 1) == [(101, 5)]


def test_a_market_order_without_liquidity_gets_no_invented_price(engine: Engine) -> None:
    assert run(engine, submit("a", BUY, 5)) == [
        Accepted("a", 0, None),
        Canceled("a", EngineCancelReason.IOC_REMAINDER, 5),
    ]
    assert engine.last_price is None


def test_a_limit_order_takes_to_its_limit_and_rests(engine: Engine) -> None:
    events = run(engine, level(SELL, 101, 3), level(SELL, 103, 3), submit("a", BUY, 5, 102))
    assert fills(events) == [("a", 101, 3)]
    assert engine.depth(BUY, 9) == [(102, 2)]
    assert engine.market_depth(BUY, 9) == []


def test_an_ioc_limit_order_does_not_rest(engine: Engine) -> None:
    events = run(engine, level(SELL, 101, 3), submit("a", BUY, 5, 102, tif=EngineTimeInForce.IOC))
    assert events[-1] == Canceled("a", EngineCancelReason.IOC_REMAINDER, 2)
    assert engine.open_orders() == []


@pytest.mark.parametrize("limit", [None, 102])
def test_fok_is_all_or_nothing(engine: Engine, limit: int | None) -> None:
    run(engine, level(SELL, 101, 3), submit("m", SELL, 1, 102, account="bob"))
    assert run(engine, submit("a", BUY, 5, limit, tif=EngineTimeInForce.FOK)) == [
        Accepted("a", 0, None),
        Canceled("a", EngineCancelReason.FOK_UNFILLABLE, 5),
    ]
    assert fills(run(engine, submit("b", BUY, 4, limit, tif=EngineTimeInForce.FOK))) == [
        ("b", 101, 3),
        ("m", 102, 1),
        ("b", 102, 1),
    ]


def test_gtx_is_maker_or_nothing(engine: Engine) -> None:
    run(engine, level(SELL, 101, 3))
    refused = [Rejected("a", EngineRejectReason.POST_ONLY_WOULD_TAKE)]
    assert run(engine, submit("a", BUY, 5, 101, tif=EngineTimeInForce.GTX)) == refused
    assert run(engine, submit("a", BUY, 5, 100, tif=EngineTimeInForce.GTX)) == [Accepted("a", 0, None)]
    # Its own account's order stops a post-only order too: resting there would cross the book.
    assert run(engine, submit("b", SELL, 5, 100, tif=EngineTimeInForce.GTX)) == [
        Rejected("b", EngineRejectReason.POST_ONLY_WOULD_TAKE)
    ]


# The queue


def test_a_taker_meets_the_queue_in_its_exact_order(engine: Engine) -> None:
    run(engine, level(BUY, 100, 4), submit("a", BUY, 2, 100))
    run(engine, level(BUY, 100, 7), submit("b", BUY, 3, 100), level(BUY, 100, 9))
    assert (queue_ahead(engine, "a"), queue_ahead(engine, "b")) == (4, 7)
    assert engine.depth(BUY, 1) == [(100, 14)]
    events = run(engine, submit("t", SELL, 13, 100, account="bob"))
    assert [(e.order_id, e.quantity, e.contra_order_id) for e in events if isinstance(e, Filled)] == [
        ("t", 4, None),
        ("a", 2, "t"),
        ("t", 2, "a"),
        ("t", 3, None),
        ("b", 3, "t"),
        ("t", 3, "b"),
        ("t", 1, None),
    ]
    assert engine.depth(BUY, 1) == [(100, 1)]


def test_both_sides_of_an_own_trade_share_its_number(engine: Engine) -> None:
    events = run(engine, submit("m", SELL, 5, 100, account="bob"), submit("t", BUY, 2, 105))
    assert events[1:] == [
        Filled(1, "m", "bob", SELL, 100, 2, 3, True, "t"),
        Filled(1, "t", "alice", BUY, 100, 2, 0, False, "m"),
    ]


def test_a_canceled_order_leaves_the_market_before_it_to_the_next(engine: Engine) -> None:
    run(engine, level(BUY, 100, 4), submit("a", BUY, 2, 100), level(BUY, 100, 6), submit("b", BUY, 2, 100))
    assert run(engine, cancel("a")) == [Canceled("a", EngineCancelReason.USER, 2)]
    assert queue_ahead(engine, "b") == 6


def test_a_shrinking_level_clamps_the_queue(engine: Engine) -> None:
    run(engine, level(BUY, 100, 4), submit("a", BUY, 2, 100), level(BUY, 100, 8), submit("b", BUY, 2, 100))
    run(engine, level(BUY, 100, 5))
    assert (queue_ahead(engine, "a"), queue_ahead(engine, "b")) == (4, 5)
    run(engine, level(BUY, 100, 3))
    assert (queue_ahead(engine, "a"), queue_ahead(engine, "b")) == (3, 3)
    run(engine, level(BUY, 100, 50))
    assert (queue_ahead(engine, "a"), queue_ahead(engine, "b")) == (3, 3)


def test_a_print_passes_the_queue_then_fills_in_time_order(engine: Engine) -> None:
    run(engine, level(BUY, 100, 4), submit("a", BUY, 2, 100), level(BUY, 100, 5), submit("b", BUY, 9, 100))
    assert run(engine, trade(SELL, 100, 3)) == []
    assert (queue_ahead(engine, "a"), queue_ahead(engine, "b")) == (1, 2)
    assert engine.last_price == 100
    assert run(engine, trade(SELL, 100, 7)) == [
        Filled(1, "a", "alice", BUY, 100, 2, 0, True, None),
        Filled(2, "b", "alice", BUY, 100, 3, 6, True, None),
    ]
    # The feed's level follows with its own message: a print takes nothing from the displayed quantity.
    assert engine.market_depth(BUY, 1) == [(100, 5)]


def test_a_print_through_fills_the_best_price_first_at_own_prices(engine: Engine) -> None:
    run(engine, level(BUY, 100, 50), submit("a", BUY, 2, 99), submit("b", BUY, 2, 100), submit("c", BUY, 2, 98))
    events = run(engine, trade(SELL, 98, 5))
    assert fills(events) == [("b", 100, 2), ("a", 99, 2), ("c", 98, 1)]
    assert engine.last_price == 98


def test_a_print_of_the_same_side_touches_nothing(engine: Engine) -> None:
    run(engine, submit("a", BUY, 2, 100))
    assert run(engine, trade(BUY, 99, 5)) == []


def test_an_arriving_level_fills_own_orders_and_remembers(engine: Engine) -> None:
    run(engine, level(BUY, 100, 7), submit("a", BUY, 2, 100), submit("b", BUY, 4, 101))
    assert fills(run(engine, level(SELL, 99, 5))) == [("b", 101, 4), ("a", 100, 1)]
    assert queue_ahead(engine, "a") == 0
    assert engine.market_depth(SELL, 1) == []
    assert fills(run(engine, level(SELL, 99, 8))) == [("a", 100, 1)]
    assert engine.market_depth(SELL, 1) == [(99, 2)]


def test_a_snapshot_replaces_the_market_and_keeps_its_memory(engine: Engine) -> None:
    run(engine, level(SELL, 101, 5), level(SELL, 102, 5), submit("t", BUY, 7), submit("a", BUY, 4, 100))
    events = run(engine, ResetMarket(bids=((98, 2), (99, 1)), asks=((102, 6), (100, 3)), at_ms=5))
    assert fills(events) == [("a", 100, 3)]
    assert engine.market_depth(SELL, 9) == [(102, 4)]
    assert engine.depth(BUY, 9) == [(100, 1), (99, 1), (98, 2)]
    assert engine.snapshot().now_ms == 5


# Self-trade


def test_an_order_that_meets_its_own_account_loses_its_remainder(engine: Engine) -> None:
    run(engine, level(SELL, 101, 3), submit("m", SELL, 5, 101), level(SELL, 101, 8))
    events = run(engine, submit("t", BUY, 7, 105))
    assert fills(events) == [("t", 101, 3)]
    assert events[-1] == Canceled("t", EngineCancelReason.SELF_TRADE, 4)
    assert engine.order("m") is not None
    assert run(engine, submit("f", BUY, 1, 105, tif=EngineTimeInForce.FOK))[-1] == Canceled(
        "f", EngineCancelReason.FOK_UNFILLABLE, 1
    )
    assert engine.cost_to_fill(BUY, 9) == FillEstimate(9, 909)
    assert engine.cost_to_fill(BUY, 9, account_id="alice") == FillEstimate(0, 0)
    assert engine.cost_to_fill(BUY, 99, limit_price=100) == FillEstimate(0, 0)


# Triggers


@pytest.mark.parametrize(
    ("side", "kind", "quiet", "reaching"),
    [
        (BUY, OrderKind.STOP, 104, 105),
        (SELL, OrderKind.STOP, 96, 95),
        (BUY, OrderKind.STOP_LOSS, 104, 105),
        (SELL, OrderKind.STOP_LOSS, 96, 95),
        (BUY, OrderKind.TAKE_PROFIT, 96, 95),
        (SELL, OrderKind.TAKE_PROFIT, 104, 105),
    ],
)
def test_each_kind_triggers_in_its_direction(
    engine: Engine, side: Side, kind: OrderKind, quiet: int, reaching: int
) -> None:
    run(engine, level(SELL, 110, 9), level(BUY, 90, 9), trade(BUY, 100, 1))
    assert run(engine, submit("s", side, 2, kind=kind, stop=reaching)) == [Accepted("s", 0, reaching)]
    assert run(engine, trade(BUY, quiet, 1)) == []
    events = run(engine, trade(BUY, reaching, 1, at=7))
    assert events[0] == Triggered("s", 7)
    assert fills(events) == [("s", 110 if side is BUY else 90, 2)]


@pytest.mark.parametrize("stop", [100, 99])
def test_a_stop_already_reached_is_refused(engine: Engine, stop: int) -> None:
    run(engine, trade(BUY, 100, 1))
    refused = [Rejected("s", EngineRejectReason.STOP_WOULD_TRIGGER)]
    assert run(engine, submit("s", BUY, 2, kind=OrderKind.STOP, stop=stop)) == refused
    assert run(engine, submit("s", SELL, 2, kind=OrderKind.TAKE_PROFIT, stop=stop)) == refused
    assert run(engine, submit("s", SELL, 2, kind=OrderKind.STOP, stop=stop)) == (
        refused if stop == 100 else [Accepted("s", 0, stop)]
    )


def test_before_any_public_trade_the_displayed_opposite_price_is_the_reference(engine: Engine) -> None:
    assert run(engine, submit("a", BUY, 1, kind=OrderKind.STOP, stop=50)) == [Accepted("a", 0, 50)]
    run(engine, level(SELL, 101, 3))
    # Neither what own orders took nor where they rest makes another reference.
    run(engine, submit("t", BUY, 3), submit("m", SELL, 1, 99, account="bob"))
    assert run(engine, submit("b", BUY, 1, kind=OrderKind.STOP, stop=101)) == [
        Rejected("b", EngineRejectReason.STOP_WOULD_TRIGGER)
    ]
    assert run(engine, submit("c", SELL, 1, kind=OrderKind.TRAILING_STOP, stop=90)) == [
        Rejected("c", EngineRejectReason.NO_REFERENCE_PRICE)
    ]


def test_a_stop_limit_becomes_a_limit_order_behind_those_that_were_there(engine: Engine) -> None:
    run(engine, trade(BUY, 100, 1), submit("s", BUY, 2, 101, kind=OrderKind.STOP_LIMIT, stop=102))
    run(engine, submit("a", BUY, 2, 101))
    assert run(engine, trade(BUY, 103, 1)) == [Triggered("s", 0)]
    assert [(order.order_id, order.is_triggered) for order in engine.open_orders()] == [("a", False), ("s", True)]
    assert fills(run(engine, trade(SELL, 101, 3))) == [("a", 101, 2), ("s", 101, 1)]


def test_a_triggered_post_only_order_that_would_take_is_canceled(engine: Engine) -> None:
    run(engine, trade(BUY, 100, 1), level(SELL, 101, 5))
    run(engine, submit("s", BUY, 2, 103, kind=OrderKind.STOP_LIMIT, stop=102, tif=EngineTimeInForce.GTX))
    assert run(engine, trade(BUY, 102, 1)) == [
        Triggered("s", 0),
        Canceled("s", EngineCancelReason.POST_ONLY_WOULD_TAKE, 2),
    ]


@pytest.mark.parametrize("kind", [OrderKind.STOP, OrderKind.STOP_LOSS])
@pytest.mark.parametrize("tif", [EngineTimeInForce.GTC, EngineTimeInForce.IOC, EngineTimeInForce.FOK])
def test_a_protected_stop_takes_no_further_and_never_rests(
    engine: Engine, kind: OrderKind, tif: EngineTimeInForce
) -> None:
    run(engine, trade(BUY, 100, 1), level(SELL, 102, 1), level(SELL, 103, 1), level(SELL, 104, 9))
    run(engine, submit("s", BUY, 3, 103, kind=kind, stop=101, tif=tif))
    events = run(engine, trade(BUY, 101, 1))
    assert fills(events) == ([] if tif is EngineTimeInForce.FOK else [("s", 102, 1), ("s", 103, 1)])
    reason = EngineCancelReason.FOK_UNFILLABLE if tif is EngineTimeInForce.FOK else EngineCancelReason.IOC_REMAINDER
    assert events[-1] == Canceled("s", reason, 3 if tif is EngineTimeInForce.FOK else 1)
    assert engine.open_orders() == []


def test_own_trades_trigger_nothing_and_move_nothing(engine: Engine) -> None:
    """One account empties the book and trades with another at any price: a third one's stops stay as they were."""
    run(engine, trade(BUY, 100, 1), level(BUY, 99, 5), level(SELL, 101, 5))
    run(engine, submit("stop", SELL, 1, account="carol", kind=OrderKind.STOP, stop=50))
    run(engine, submit("trail", SELL, 1, account="carol", kind=OrderKind.TRAILING_STOP, trail=10))
    waiting = engine.open_orders()
    run(engine, submit("a", SELL, 5), submit("b", BUY, 5), submit("m", BUY, 2, 10, account="bob"))
    assert fills(run(engine, submit("c", SELL, 1)))[-1] == ("c", 10, 1)
    run(engine, submit("n", SELL, 2, 900, account="bob"))
    assert fills(run(engine, submit("d", BUY, 1)))[-1] == ("d", 900, 1)
    assert [order for order in engine.open_orders() if order.account_id == "carol"] == waiting
    assert (engine.best_displayed(BUY), engine.best_displayed(SELL), engine.last_price) == (99, 101, 100)
    # A fill by an arriving level is at the own order's price, so it says nothing of the market's.
    run(engine, submit("e", BUY, 1, 45, account="bob"), level(BUY, 99, 0), level(SELL, 101, 0), level(SELL, 44, 1))
    assert [order for order in engine.open_orders() if order.account_id == "carol"] == waiting


def test_stops_are_executed_in_order_of_acceptance(engine: Engine) -> None:
    run(engine, trade(BUY, 100, 1), level(BUY, 95, 2), level(BUY, 90, 2))
    run(engine, submit("late", SELL, 2, kind=OrderKind.STOP, stop=95))
    run(engine, submit("b", SELL, 1, kind=OrderKind.STOP, stop=98), submit("c", SELL, 1, kind=OrderKind.STOP, stop=99))
    events = run(engine, trade(SELL, 98, 1))
    assert [event for event in events if isinstance(event, Triggered)] == [
        Triggered("b", 0),
        Triggered("c", 0),
    ]
    assert fills(events) == [("b", 95, 1), ("c", 95, 1)]
    assert fills(run(engine, trade(SELL, 95, 1))) == [("late", 90, 2)]


def test_a_trailing_stop_follows_and_never_returns(engine: Engine) -> None:
    run(engine, level(BUY, 90, 9), trade(BUY, 100, 1))
    run(engine, submit("s", SELL, 2, kind=OrderKind.TRAILING_STOP, stop=97))
    assert run(engine, trade(BUY, 104, 1)) == [TriggerMoved("s", 101)]
    assert run(engine, trade(BUY, 102, 1)) == []
    order = engine.order("s")
    assert order is not None
    assert (order.stop_price, order.trail_distance) == (101, 3)
    events = run(engine, trade(BUY, 101, 1, at=9))
    assert events[0] == Triggered("s", 9)
    assert fills(events) == [("s", 90, 2)]


def test_a_trailing_stop_by_distance(engine: Engine) -> None:
    run(engine, trade(BUY, 100, 1))
    assert run(engine, submit("s", BUY, 2, kind=OrderKind.TRAILING_STOP, trail=3)) == [Accepted("s", 0, 103)]
    assert run(engine, trade(BUY, 95, 1)) == [TriggerMoved("s", 98)]
    assert run(engine, submit("t", SELL, 2, kind=OrderKind.TRAILING_STOP, trail=95)) == [
        Rejected("t", EngineRejectReason.INVALID)
    ]
    assert run(engine, submit("u", SELL, 2, kind=OrderKind.TRAILING_STOP, stop=95)) == [
        Rejected("u", EngineRejectReason.STOP_WOULD_TRIGGER)
    ]


def test_trailing_stops_move_in_order_of_acceptance(engine: Engine) -> None:
    run(engine, level(BUY, 100, 9), submit("first", SELL, 1, kind=OrderKind.TRAILING_STOP, trail=3))
    run(engine, level(BUY, 102, 9), submit("second", SELL, 1, kind=OrderKind.TRAILING_STOP, trail=3))
    assert run(engine, trade(BUY, 105, 1)) == [TriggerMoved("first", 102), TriggerMoved("second", 102)]


# Time


def test_orders_expire_by_any_command_and_before_it(engine: Engine) -> None:
    run(engine, submit("a", BUY, 2, 100, tif=EngineTimeInForce.GTD, expire=10))
    run(engine, submit("b", BUY, 2, 100, tif=EngineTimeInForce.DAY, expire=5))
    assert run(engine, AdvanceTime(4)) == []
    assert run(engine, AdvanceTime(5)) == [Expired("b", 2)]
    assert run(engine, trade(SELL, 99, 9, at=10)) == [Expired("a", 2)]
    assert run(engine, cancel("a", at=10)) == [CancelRejected("a", CancelRejectReason.ALREADY_CLOSED)]
    # Time never goes back.
    assert run(engine, submit("c", BUY, 2, 100, tif=EngineTimeInForce.GTD, expire=10, at=3)) == [
        Rejected("c", EngineRejectReason.EXPIRE_TIME_PASSED)
    ]


def test_a_waiting_stop_expires_too(engine: Engine) -> None:
    run(engine, submit("a", BUY, 2, kind=OrderKind.STOP, stop=100, tif=EngineTimeInForce.GTD, expire=10))
    assert run(engine, AdvanceTime(10)) == [Expired("a", 2)]
    assert run(engine, trade(BUY, 101, 1, at=11)) == []


# Refusals


def test_cancels_of_unknown_and_closed_orders(engine: Engine) -> None:
    assert run(engine, cancel("x")) == [CancelRejected("x", CancelRejectReason.UNKNOWN_ORDER)]
    run(engine, submit("x", BUY, 1))
    assert run(engine, cancel("x")) == [CancelRejected("x", CancelRejectReason.ALREADY_CLOSED)]
    assert run(engine, submit("x", BUY, 1)) == [Rejected("x", EngineRejectReason.DUPLICATE_ORDER_ID)]


def test_an_open_id_is_taken_and_a_rejected_one_is_free(engine: Engine) -> None:
    assert run(engine, submit("x", BUY, 0, 100)) == [Rejected("x", EngineRejectReason.INVALID)]
    assert run(engine, cancel("x")) == [CancelRejected("x", CancelRejectReason.UNKNOWN_ORDER)]
    assert run(engine, submit("x", BUY, 1, 100)) == [Accepted("x", 0, None)]
    assert run(engine, submit("x", BUY, 1, 100)) == [Rejected("x", EngineRejectReason.DUPLICATE_ORDER_ID)]


@pytest.mark.parametrize(
    "command",
    [
        submit("", BUY, 1, 100),
        submit("x", BUY, 1, 100, account=""),
        submit("x", BUY, -1, 100),
        submit("x", BUY, 1, 0),
        submit("x", BUY, 1, 100, kind=OrderKind.MARKET),
        submit("x", BUY, 1, kind=OrderKind.LIMIT),
        submit("x", BUY, 1, 100, stop=99),
        submit("x", BUY, 1, kind=OrderKind.STOP),
        submit("x", BUY, 1, kind=OrderKind.STOP, stop=0),
        submit("x", BUY, 1, kind=OrderKind.STOP_LIMIT, stop=99),
        submit("x", BUY, 1, kind=OrderKind.STOP, stop=99, trail=1),
        submit("x", BUY, 1, kind=OrderKind.TRAILING_STOP),
        submit("x", BUY, 1, kind=OrderKind.TRAILING_STOP, stop=99, trail=1),
        submit("x", BUY, 1, 100, tif=EngineTimeInForce.GTD),
        submit("x", BUY, 1, 100, expire=10),
        submit("x", BUY, 1, tif=EngineTimeInForce.GTX),
        submit("x", BUY, 1, kind=OrderKind.STOP, stop=99, tif=EngineTimeInForce.GTX),
    ],
)
def test_malformed_orders_are_refused(engine: Engine, command: NewOrder) -> None:
    assert run(engine, command) == [Rejected(command.order_id, EngineRejectReason.INVALID)]


@pytest.mark.parametrize("bad", [(0, 1), (-1, 1), (1, -1)])
def test_malformed_market_commands_cannot_be_made(bad: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="needs price > 0"):
        SetLevel(BUY, *bad, 0)
    with pytest.raises(ValueError, match="need price > 0"):
        ResetMarket((bad,), (), 0)
    with pytest.raises(ValueError, match="needs price > 0"):
        trade(BUY, *bad)
    with pytest.raises(ValueError, match="once"):
        ResetMarket((), ((5, 1), (5, 2)), 0)


def test_the_engine_holds_no_more_than_it_says() -> None:
    small = MatchingEngine(open_orders_max=1, closed_order_ids_max=1)
    run(small, submit("a", BUY, 1, 100))
    assert run(small, submit("b", BUY, 1, 100)) == [Rejected("b", EngineRejectReason.TOO_MANY_OPEN_ORDERS)]
    run(small, cancel("a"), submit("b", BUY, 1), cancel("b"))
    assert run(small, cancel("a")) == [CancelRejected("a", CancelRejectReason.UNKNOWN_ORDER)]


# Keeping


def test_orders_can_be_restored_from_their_rows_alone(engine: Engine) -> None:
    row = OpenOrder(
        "a", "alice", BUY, OrderKind.LIMIT, 5, 3, 100, None, None, EngineTimeInForce.GTC, None, False, 41, queue_ahead=7
    )
    engine.restore(EngineState(orders=(row,)))
    assert queue_ahead(engine, "a") == 0
    run(engine, submit("b", BUY, 1, 99))
    assert [(order.order_id, order.sequence) for order in engine.open_orders()] == [("a", 41), ("b", 42)]
    assert fills(run(engine, trade(SELL, 99, 3))) == [("a", 100, 3)]
