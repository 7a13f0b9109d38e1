"""A long replay is many small changes: others take their turn between them, and a death in the middle loses nothing."""

from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from typing import Any

import pytest

from cadenza.application.orders.apply_report import ApplyReports
from cadenza.domain.errors import VenueUnavailable
from cadenza.domain.market.enums import Side
from cadenza.domain.trading.enums import OrderStatus
from cadenza.domain.trading.order import Order
from cadenza.domain.trading.reports import ExternalOrderReport, FillReport, Report
from cadenza.ports.venue import REPLAY_REPORTS_MAX, REPORTED_WITHIN_MS, ReplayPiece
from tests.application.orders.order_world import ACTOR, OrderWorld, cancels, fills, order_world
from tests.application.orders.test_complete_until import BEGUN_MS, complete_until, elsewhere
from tests.domain.trading.worlds import ACCOUNT, BTC, NOW_MS, D, request

ORDERS = 3 * REPLAY_REPORTS_MAX
PIECES = 2 * ORDERS // REPLAY_REPORTS_MAX
"""Each order is adopted and filled in part."""


@pytest.fixture
async def world(database_dsn: str) -> AsyncIterator[OrderWorld]:
    async with order_world(database_dsn) as made:
        made.session.on_lookup = lambda order: []
        made.session.venue_ms = LAST_MS
        yield made


def part(order: ExternalOrderReport) -> FillReport:
    return FillReport(
        account_id=ACCOUNT, venue_order_id=order.venue_order_id, at_ms=order.at_ms,
        trade_id=f"T{order.venue_order_id}", instrument_id=BTC, side=order.side, price=D(90), quantity=D("0.5"),
        fees=(),
    )  # fmt: skip


PLACED = [elsewhere(BEGUN_MS + n, f"V{n}") for n in range(1, ORDERS + 1)]
HAPPENED: list[Report] = [report for order in PLACED for report in (order, part(order))]
LAST_MS = BEGUN_MS + ORDERS


class LongReplay:
    """Replays what happened in pieces; the venue goes away after `pieces_max` of them."""

    def __init__(self, world: OrderWorld, pieces_max: int = PIECES) -> None:
        self.asked: list[int] = []
        self.heard: list[int | None] = []
        self._world, self._pieces_max = world, pieces_max
        world.session.replay = self  # type: ignore[assignment]

    async def __call__(self, since_ms: int) -> AsyncIterator[ReplayPiece]:
        self.asked.append(since_ms)
        for n in range(PIECES):
            self.heard.append(await complete_until(self._world))
            if n == self._pieces_max:
                raise VenueUnavailable("the venue does not answer")
            piece = HAPPENED[n * REPLAY_REPORTS_MAX : (n + 1) * REPLAY_REPORTS_MAX]
            yield ReplayPiece(reports=piece, covers_from_ms=since_ms)


def changes_of(world: OrderWorld) -> list[ApplyReports]:
    """The reports that the committer is given from now on."""
    changes: list[ApplyReports] = []
    commit_report = world.committer.commit_report

    async def remembering(change: Any, on_late: object = None) -> object:
        if isinstance(change, ApplyReports):
            changes.append(change)
        return await commit_report(change)

    world.committer.commit_report = remembering  # type: ignore[method-assign, assignment]
    return changes


async def booked(world: OrderWorld) -> int:
    """How many of the orders are known and filled in part."""
    async with world.storage.read() as uow:
        orders = await uow.orders.unresolved(ACCOUNT)
    return sum([each.quantity for each in order.executions] == [D("0.5")] for order in orders)


async def test_each_piece_is_a_transaction_and_the_mark_moves_after_the_last(world: OrderWorld) -> None:
    replay, changes, before = LongReplay(world), changes_of(world), world.trading.transactions_total
    await world.reconcile(ACCOUNT, world.session)
    assert world.trading.transactions_total - before == PIECES + 1, "the last one moves the mark"
    assert [report for change in changes for report in change.reports] == HAPPENED
    assert max(len(change.reports) for change in changes) == REPLAY_REPORTS_MAX
    assert not any(change.is_complete for change in changes)
    assert replay.heard == [BEGUN_MS] * PIECES
    assert await complete_until(world) == LAST_MS
    assert await booked(world) == ORDERS


async def test_after_a_death_in_the_middle_the_next_start_asks_from_the_same_instant(world: OrderWorld) -> None:
    first = LongReplay(world, pieces_max=4)
    with pytest.raises(VenueUnavailable):
        await world.reconcile(ACCOUNT, world.session)
    assert 0 < await booked(world) < ORDERS
    assert await complete_until(world) == BEGUN_MS
    again = LongReplay(world)
    await world.reconcile(ACCOUNT, world.session)
    assert first.asked == again.asked == [BEGUN_MS - REPORTED_WITHIN_MS]
    assert await booked(world) == ORDERS
    assert await complete_until(world) == LAST_MS
    assert await world.balance("BTC") == (D(10) + ORDERS * D("0.5"), D(0))


async def test_what_is_known_already_writes_nothing(world: OrderWorld) -> None:
    LongReplay(world)
    await world.reconcile(ACCOUNT, world.session)
    before = world.trading.transactions_total
    await world.reconcile(ACCOUNT, world.session)
    assert world.trading.transactions_total == before


async def test_pieces_of_a_session_that_are_too_big_are_applied_in_small_ones(world: OrderWorld) -> None:
    async def replay(since_ms: int) -> AsyncIterator[ReplayPiece]:
        yield ReplayPiece(reports=HAPPENED, covers_from_ms=since_ms)

    world.session.replay = replay  # type: ignore[method-assign]
    changes = changes_of(world)
    await world.reconcile(ACCOUNT, world.session)
    assert [len(change.reports) for change in changes] == [REPLAY_REPORTS_MAX] * PIECES
    assert not any(change.is_complete for change in changes)


def by_order_id(report: Any, order: Order) -> Report:
    return report  # type: ignore[no-any-return]


def by_sent_id(report: Any, order: Order) -> Report:
    return replace(report, order_id=None, sent_id=order.sent_id)  # type: ignore[no-any-return]


def by_venue_id(report: Any, order: Order) -> Report:
    return replace(report, order_id=None, venue_order_id=order.venue_order_id)  # type: ignore[no-any-return]


Naming = Callable[[Any, Order], Report]


@pytest.mark.parametrize("named", [by_order_id, by_sent_id, by_venue_id])
async def test_what_closed_orders_know_is_left_out_and_nothing_else(world: OrderWorld, named: Naming) -> None:
    """A fill that came after an order was closed is money: it is booked."""

    def half(order: Order) -> list[Report]:
        accepted, fill = fills(order)
        canceled = cancels(replace(order, executed_quantity=D("0.5")))
        return [accepted, replace(fill, quantity=D("0.5"), fees=()), *canceled]  # type: ignore[call-arg]

    world.session.on_submit = half
    filled = await world.submit_order(ACTOR, request())
    assert filled.status is OrderStatus.CANCELED
    as_external = replace(
        elsewhere(NOW_MS, filled.venue_order_id or ""), sent_id=filled.sent_id, executed_quantity=D("0.5")
    )
    known = [named(report, filled) for report in (as_external, *half(filled))]
    assert isinstance(known[2], FillReport)
    other_side = replace(known[2], side=Side.SELL)
    late = replace(known[2], trade_id="late", quantity=D("0.1"))  # type: ignore[call-arg]
    changes = changes_of(world)

    async def replay(since_ms: int) -> AsyncIterator[ReplayPiece]:
        yield ReplayPiece(reports=known, covers_from_ms=since_ms)
        yield ReplayPiece(reports=[*known, late, other_side], covers_from_ms=since_ms)

    world.session.replay = replay  # type: ignore[method-assign]
    await world.reconcile(ACCOUNT, world.session)
    assert [list(change.reports) for change in changes] == [[late, other_side]]
    booked_trades = {execution.trade_id for execution in (await world.stored(filled)).executions}
    assert booked_trades == {f"T{filled.id.hex}", "late"}
