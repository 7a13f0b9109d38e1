"""The fast engine and its naive twin: the same events and state, command by command, also across a restart."""

from __future__ import annotations

from dataclasses import replace
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cadenza.exchange import (
    AdvanceTime,
    CancelRequest,
    EngineCommand,
    EngineState,
    EngineTimeInForce,
    MatchingEngine,
    NewOrder,
    OrderKind,
    PublicTrade,
    ReduceOrder,
    ResetMarket,
    SetLevel,
)
from tests.exchange.matching_world import BUY, ENGINES, QUANTITY_MAX, SELL, Engine, World, submit
from tests.exchange.naive import NaiveMatchingEngine

CHUNKS, WORLDS_PER_CHUNK, COMMANDS_PER_WORLD = 10, 100, 60


def memory_of(state: EngineState) -> EngineState:
    """`MatchingEngine.memory`, the obvious way."""
    resting = {(o.side, o.limit_price) for o in state.orders if o.stop_price is None or o.is_triggered}
    levels = (level for level in state.market_levels if level.taken or (level.side, level.price) in resting)
    return replace(state, orders=(), closed_order_ids=(), market_levels=tuple(levels))


def assert_twins_agree(commands: list[EngineCommand], limits: dict[str, int] | None = None) -> None:
    fast, naive = MatchingEngine(**(limits or {})), NaiveMatchingEngine(**(limits or {}))
    for number, command in enumerate(commands):
        assert fast.apply(command) == naive.apply(command), f"command {number}: {command}"
        state = fast.snapshot()
        assert state == naive.snapshot(), f"command {number}: {command}"
        assert fast.memory() == memory_of(state)
        assert all(fast.order(order.order_id) == order for order in state.orders)
        if number % 16 == 0 or number == len(commands) - 1:
            assert fast.state_hash() == naive.state_hash()
    for side in (BUY, SELL):
        assert fast.depth(side, 5) == naive.depth(side, 5)
        assert fast.market_depth(side, 5) == naive.market_depth(side, 5)
        for account in (None, "alice"):
            for quantity in (1, 7, 1000):
                assert fast.cost_to_fill(side, quantity, account_id=account) == naive.cost_to_fill(
                    side, quantity, account_id=account
                )
        assert fast.best_displayed(side) == naive.best_displayed(side)
    assert (fast.best_bid(), fast.best_ask(), fast.last_price) == (naive.best_bid(), naive.best_ask(), naive.last_price)
    assert [fast.order(order.order_id) for order in fast.open_orders()] == naive.open_orders()


@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_random_worlds(chunk: int) -> None:
    for seed in range(chunk * WORLDS_PER_CHUNK, (chunk + 1) * WORLDS_PER_CHUNK):
        assert_twins_agree(World(seed).commands(COMMANDS_PER_WORLD))


def test_long_worlds() -> None:
    for seed in range(3):
        assert_twins_agree(World(1_000_000 + seed).commands(1000))


def test_worlds_at_their_limits() -> None:
    for seed in range(100):
        assert_twins_agree(World(2_000_000 + seed).commands(60), {"open_orders_max": 4, "closed_order_ids_max": 3})


@pytest.mark.parametrize("maker", ENGINES, ids=["fast", "naive"])
def test_a_restored_engine_goes_on_as_if_nothing_had_happened(
    maker: type[Engine],
) -> None:
    for seed in range(150):
        commands = World(3_000_000 + seed).commands(60)
        cut = Random(seed).randrange(len(commands))
        original, restored = maker(), maker()
        for command in commands[:cut]:
            original.apply(command)
        restored.apply(submit("forgotten", BUY, 1, 1))
        restored.restore(original.snapshot())
        assert restored.state_hash() == original.state_hash()
        for command in commands[cut:]:
            assert restored.apply(command) == original.apply(command)
            assert restored.snapshot() == original.snapshot()


def test_a_state_moves_between_implementations() -> None:
    for seed in range(100):
        commands = World(4_000_000 + seed).commands(60)
        fast, naive = MatchingEngine(), NaiveMatchingEngine()
        for command in commands[:30]:
            fast.apply(command)
        naive.restore(fast.snapshot())
        for command in commands[30:]:
            assert naive.apply(command) == fast.apply(command)
        assert naive.state_hash() == fast.state_hash()


prices = st.integers(97, 103)
quantities = st.integers(1, QUANTITY_MAX)
sides = st.sampled_from((BUY, SELL))
times = st.integers(0, 20)
sizes = st.dictionaries(prices, quantities, max_size=4).map(lambda levels: tuple(levels.items()))
submissions = st.builds(
    NewOrder,
    order_id=st.sampled_from([f"o{number}" for number in range(12)]),
    account_id=st.sampled_from(("alice", "bob")),
    side=sides,
    kind=st.sampled_from(OrderKind),
    quantity=quantities,
    limit_price=st.none() | prices,
    stop_price=st.none() | prices,
    trail_distance=st.none() | st.integers(1, 3),
    time_in_force=st.sampled_from(EngineTimeInForce),
    expire_at_ms=st.none() | times,
    at_ms=times,
)
limits = st.builds(
    lambda number, account, side, quantity, price: submit(f"l{number}", side, quantity, price, account=account),
    st.integers(0, 12),
    st.sampled_from(("alice", "bob")),
    sides,
    quantities,
    prices,
)
commands = st.one_of(
    limits,
    submissions,
    st.builds(SetLevel, sides, prices, st.integers(0, 12), times),
    st.builds(PublicTrade, sides, prices, st.integers(1, 20), times),
    st.builds(CancelRequest, st.sampled_from([f"l{number}" for number in range(12)]), times),
    st.builds(ReduceOrder, st.sampled_from([f"l{number}" for number in range(12)]), st.integers(1, 9), times),
    st.builds(ResetMarket, sizes, sizes, times),
    st.builds(AdvanceTime, times),
)


@settings(max_examples=300)
@given(st.lists(commands, max_size=30))
def test_any_commands(sequence: list[EngineCommand]) -> None:
    assert_twins_agree(sequence)
