"""A new order is executed without a look at the ledger, and an order that was executed before is always found."""

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.inhouse_kit import as_acknowledged
from tests.paper_bench import SPOT, Bench

from cadenza.adapters.venues.inhouse.seen_orders import SeenOrders
from cadenza.domain.market.enums import Side
from cadenza.exchange.records import OrderHistory


@given(
    taken_over_ms=st.integers(0, 20),
    before=st.dictionaries(st.text("abc", min_size=1, max_size=2), st.integers(0, 20)),
    arrivals=st.lists(st.tuples(st.text("abc", min_size=1, max_size=2), st.integers(0, 40)), max_size=12),
    ids_max=st.integers(1, 3),
)
def test_an_order_in_the_ledger_is_never_taken_for_a_new_one(
    taken_over_ms: int, before: dict[str, int], arrivals: list[tuple[str, int]], ids_max: int
) -> None:
    ledger = {id: recorded_ms for id, recorded_ms in before.items() if recorded_ms <= taken_over_ms}
    seen = SeenOrders(taken_over_ms, ids_max)
    for id, recorded_ms in arrivals:
        assert id not in ledger or seen.may_be_stored(id, ledger[id])
        seen.add(id, ledger.setdefault(id, recorded_ms))


class _Reads:
    """Counts the orders that a ledger is asked about."""

    def __init__(self, ledger: Any) -> None:
        self._ledger = ledger
        self.asked: list[str] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._ledger, name)

    async def histories(self, venue_order_ids: Sequence[str]) -> Sequence[OrderHistory]:
        self.asked += venue_order_ids
        found: Sequence[OrderHistory] = await self._ledger.histories(venue_order_ids)
        return found


@pytest.fixture
def reads(bench: Bench) -> _Reads:
    runner: Any = bench.connector._runner
    reads = runner.ledger = _Reads(runner.ledger)
    return reads


async def test_a_new_order_costs_no_read_and_a_repeated_one_is_found(bench: Bench, reads: _Reads) -> None:
    account, session, _ = await bench.session()
    await bench.tick()
    order = bench.order(account, SPOT, Side.BUY, "0.5")
    first = await session.submit(order)
    assert reads.asked == []
    assert as_acknowledged(await session.submit(order)) == first
    assert reads.asked == [order.sent_id]


async def test_an_order_that_comes_twice_at_once_is_executed_once(bench: Bench, reads: _Reads) -> None:
    account, session, _ = await bench.session()
    await bench.tick()
    order = bench.order(account, SPOT, Side.BUY, "0.5")
    first, second = await asyncio.gather(session.submit(order), session.submit(order))
    assert as_acknowledged(second) == as_acknowledged(first)
