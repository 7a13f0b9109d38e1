"""Executions at BITFINEX whose messages come late, twice, in another order or never, while all numbers are whole."""

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal as D
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from tests.adapters.bitfinex.executions_world import Questions, Wire, fill, kinds_of_life, live_on, no_time, passing
from tests.bitfinex_kit import BitfinexDesk, open_bitfinex_desk, simulated_bitfinex
from tests.conformance.harness import believed
from tests.inhouse_kit import replayed, until

from cadenza.adapters.venues.bitfinex import awaited_executions
from cadenza.adapters.venues.bitfinex.awaited_executions import (
    ASKED_BACK_MS,
    AWAITED_MS_MAX,
    LOOK_MS,
    SETTLES_MS,
)
from cadenza.adapters.venues.bitfinex.owed_fees import ASK_PAUSE_MS
from cadenza.domain.trading.enums import OrderStatus
from cadenza.domain.trading.order import Order
from cadenza.domain.trading.reports import OrderStatusReport, Report, UnreadableReport
from cadenza.simulators.bitfinex.private_feeds import AccountFrame

LONG_MS = 4 * ASK_PAUSE_MS

VENUE_TIME_BEHIND_MS = 2_000
"""How far the time of the venue that is known for certain may be behind its clock, and 200 ms more."""


async def test_one_question_finds_all_executions_whose_fees_did_not_come(spot: BitfinexDesk) -> None:
    wire, questions = Wire(spot), Questions(spot)
    other = spot.resting()
    replies = [await spot.session.submit(order) for order in (spot.order, other)]
    async with no_time(spot):
        await fill(spot, "0.1")
        wire.withheld = ("tu",)
        await fill(spot, "0.3", "0.4", "0.4")
        assert (wire.sent.count("te"), len(spot.sink.fills)) == (5, 1)
        shown_ms = spot.venue.clock.now_ms()
        spot.venue.clock.advance(SETTLES_MS - 1)
        assert spot.session.is_caught_up()
        assert spot.session.venue_time_ms() < shown_ms
        spot.venue.clock.advance(1)
        assert not spot.session.is_caught_up()
        spot.venue.clock.advance(LOOK_MS)
    await until(lambda: len(spot.sink.fills) == 5, "the answer")
    assert spot.session.is_caught_up()
    assert len(questions.asked_ms) == 1
    assert all(each.fees for each in spot.sink.fills)
    assert [each.at_ms for each in spot.sink.fills] == sorted(each.at_ms for each in spot.sink.fills)
    assert spot.believed(*replies).status is OrderStatus.FILLED
    before = spot.believed(*replies)
    for _ in range(2):  # late, and twice
        wire.release()
    await until(lambda: len(spot.sink.fills) == 13, "what came late")
    assert spot.believed(*replies).executions == before.executions
    assert spot.believed(*replies).fees == before.fees
    await live_on(spot, LONG_MS)
    assert len(questions.asked_ms) == 1
    assert spot.sink.life == []
    assert explained_statements(spot, other, replies[1]) == 1


async def test_a_fee_that_comes_a_moment_late_costs_no_question(spot: BitfinexDesk) -> None:
    wire, questions = Wire(spot), Questions(spot)
    wire.withheld = ("tu",)
    await spot.session.submit(spot.order)
    async with no_time(spot):
        await fill(spot, "1")
        spot.venue.clock.advance(SETTLES_MS - 1)
        wire.release()
        await fill(spot)
    await live_on(spot, LONG_MS)
    assert (len(spot.sink.fills), questions.asked_ms) == (1, [])


async def test_a_storm_of_executions_asks_nothing_and_is_never_in_doubt(spot: BitfinexDesk) -> None:
    """What an order has executed in all is reported once in a while, after the executions that explain it."""
    questions = Questions(spot)
    accepted = await spot.session.submit(spot.order)
    async with no_time(spot):
        for _ in range(10):
            await fill(spot, *["0.01"] * 5)
            spot.venue.clock.advance(LOOK_MS)
    await live_on(spot, LONG_MS)
    assert (len(spot.sink.fills), questions.asked_ms, spot.sink.life) == (50, [], [])
    assert 3 <= explained_statements(spot, spot.order, accepted) <= 10 * LOOK_MS // (SETTLES_MS - LOOK_MS) + 2
    assert spot.sink.of(OrderStatusReport)[-1].executed_quantity == D("0.5")


@pytest.mark.parametrize("executed", ["0.4", "1"], ids=["it works", "it has ended"])
async def test_an_order_that_has_executed_more_than_came_is_in_doubt_and_a_question_shows_how_it_stands(
    spot: BitfinexDesk, executed: str
) -> None:
    """Neither message of the execution has come: `ou` and `oc` state how much was executed."""
    wire, questions = Wire(spot), Questions(spot)
    wire.withheld = ("te", "tu")
    accepted = await spot.session.submit(spot.order)
    await fill(spot, executed)
    await until(passing(spot, lambda: spot.believed(accepted).missing_quantity == D(executed)), "the statement")
    assert spot.believed(accepted).is_awaited
    assert (spot.sink.fills, questions.asked_ms) == ([], [])
    found = await spot.session.lookup([spot.believed(accepted)])
    after = spot.believed(accepted, found)
    assert (after.executed_quantity, after.is_awaited) == (D(executed), False)


async def test_a_word_that_waits_is_not_reported_after_a_newer_one(spot: BitfinexDesk) -> None:
    accepted = await spot.session.submit(spot.order)
    async with no_time(spot):
        await fill(spot, "0.4", "0.6")
    await live_on(spot, LONG_MS)
    assert [each.status.value for each in spot.sink.of(OrderStatusReport)] == ["FILLED"]
    assert spot.believed(accepted).status is OrderStatus.FILLED


async def test_a_busy_account_is_caught_up_up_to_the_execution_whose_fee_is_on_its_way(spot: BitfinexDesk) -> None:
    """Each fee comes 200 ms late, when the next execution has happened."""
    wire = Wire(spot)
    wire.withheld = ("tu",)
    await spot.session.submit(spot.order)
    async with no_time(spot):
        for n in range(20):
            at_ms = spot.venue.clock.now_ms()
            await fill(spot, "0.01")
            while len(wire.held) > 1:
                wire.send_first()
            await fill(spot)
            assert spot.session.is_caught_up()
            assert len(spot.sink.fills) == n
            assert at_ms - VENUE_TIME_BEHIND_MS <= spot.session.venue_time_ms() < at_ms
            spot.venue.clock.advance(200)
    assert spot.sink.life == []


async def test_a_wrong_instant_of_an_execution_does_not_make_a_question_read_the_whole_past(
    spot: BitfinexDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    wire, since = Wire(spot), []
    wire.withheld = ("tu",)
    wire.change = _of_long_ago
    asked = awaited_executions.past_lines

    def noted(rest: Any, key: Any, endpoint: Any, since_ms: int, **options: Any) -> Any:
        since.append(since_ms)
        return asked(rest, key, endpoint, since_ms, **options)

    monkeypatch.setattr(awaited_executions, "past_lines", noted)
    accepted = await spot.session.submit(spot.order)
    shown_ms = spot.venue.clock.now_ms()
    await fill(spot, "1")
    await until(passing(spot, lambda: len(spot.sink.fills) == 1), "the answer")
    assert shown_ms - 2 * ASKED_BACK_MS < since[0] < shown_ms
    assert spot.believed(accepted).status is OrderStatus.FILLED


async def test_a_question_that_fails_is_asked_again_after_a_pause(spot: BitfinexDesk) -> None:
    wire, questions = Wire(spot), Questions(spot)
    wire.withheld = ("tu",)
    await spot.venue.fault("trades.hist", "error_before", times=2)
    accepted = await spot.session.submit(spot.order)
    await fill(spot, "1")
    await until(passing(spot, lambda: len(spot.sink.fills) == 1), "an answer")
    assert len(questions.asked_ms) == 3
    assert all(later - earlier >= ASK_PAUSE_MS for earlier, later in _pairs(questions.asked_ms))
    assert spot.believed(accepted).status is OrderStatus.FILLED
    assert spot.sink.life == []


async def test_after_asking_for_half_a_minute_the_connection_is_opened_again(spot: BitfinexDesk) -> None:
    """The replay of the gap finds the execution, once the venue answers again."""
    wire, questions = Wire(spot), Questions(spot)
    wire.withheld = ("tu",)
    await spot.venue.fault("trades.hist", "error_before", times=1_000)
    accepted = await spot.session.submit(spot.order)
    shown_ms = spot.venue.clock.monotonic_ms()
    await fill(spot, "1")
    await until(passing(spot, lambda: bool(spot.sink.life)), "the end of asking")
    assert spot.venue.clock.monotonic_ms() - shown_ms >= AWAITED_MS_MAX
    assert 3 < len(questions.asked_ms) <= AWAITED_MS_MAX // ASK_PAUSE_MS
    await spot.venue.disarm()
    await until(passing(spot, lambda: kinds_of_life(spot) == ["lost", "restored"]), "the new connection")
    asked = len(questions.asked_ms)
    again = await replayed(spot.session, int(spot.sink.life[-1][1]))
    assert spot.believed(accepted, again).status is OrderStatus.FILLED
    await live_on(spot, LONG_MS)
    assert len(questions.asked_ms) == asked + 1  # that of the replay
    assert kinds_of_life(spot) == ["lost", "restored"]


async def test_a_connection_that_ends_meanwhile_leaves_a_gap_that_begins_before_the_execution(
    spot: BitfinexDesk,
) -> None:
    """Although later executions have come."""
    wire, questions = Wire(spot), Questions(spot)
    wire.withheld = ("tu",)
    accepted = await spot.session.submit(spot.order)
    async with no_time(spot):
        await fill(spot, "0.4")
        spot.venue.clock.advance(100)
        wire.withheld = ()
        await fill(spot, "0.6")
        assert len(spot.sink.fills) == 1
        await spot.venue.cut()
    await until(passing(spot, lambda: kinds_of_life(spot) == ["lost", "restored"]), "the new connection")
    assert questions.asked_ms == []
    since = int(spot.sink.life[-1][1])
    assert since < spot.sink.fills[0].at_ms - 50
    assert spot.believed(accepted, await replayed(spot.session, since)).status is OrderStatus.FILLED


async def test_an_execution_that_is_shown_again_after_its_fee_came_is_not_awaited(spot: BitfinexDesk) -> None:
    wire, questions = Wire(spot), Questions(spot)
    wire.withheld = ("te",)
    await spot.session.submit(spot.order)
    await fill(spot, "1")
    assert len(spot.sink.fills) == 1
    for _ in range(2):
        wire.release()
    await fill(spot)
    assert spot.session.is_caught_up()
    await live_on(spot, LONG_MS)
    assert (questions.asked_ms, len(spot.sink.fills)) == ([], 1)


async def test_a_fee_that_cannot_be_read_is_reported_as_such_and_not_asked_for(spot: BitfinexDesk) -> None:
    wire, questions = Wire(spot), Questions(spot)
    wire.change = _of_an_unknown_symbol
    await spot.session.submit(spot.order)
    await fill(spot, "1")
    assert len(spot.sink.of(UnreadableReport)) == 1
    await live_on(spot, LONG_MS)
    assert (questions.asked_ms, spot.sink.life) == ([], [])


async def test_an_execution_of_another_account_of_the_user_is_not_awaited(tmp_path: Path) -> None:
    """All accounts of a user have one channel."""
    async with (
        simulated_bitfinex(tmp_path) as venue,
        open_bitfinex_desk(venue) as spot,
        open_bitfinex_desk(venue, "margin") as margin,
    ):
        wire, questions = Wire(spot), Questions(spot)
        wire.withheld = ("tu",)
        await margin.session.submit(margin.order)
        async with no_time(spot):
            for desk in (margin, spot):
                await fill(desk, *(["1"] if desk is margin else []))
            venue.clock.advance(SETTLES_MS)
            assert (margin.session.is_caught_up(), spot.session.is_caught_up()) == (False, True)
        await until(passing(spot, lambda: len(margin.sink.fills) == 1), "the answer")
        assert (questions.asked_ms, spot.sink.fills) == ([], [])


def explained_statements(desk: BitfinexDesk, order: Order, accepted: Sequence[Report]) -> int:
    """Count how often the session has stated what an order that works has executed. The executions came before."""
    found = 0
    for n, each in enumerate(desk.sink.reports):
        if (
            isinstance(each, OrderStatusReport)
            and each.sent_id == order.sent_id
            and each.executed_quantity < each.quantity
        ):
            assert believed(order, [*accepted, *desk.sink.reports[: n + 1]]).missing_quantity == 0
            found += 1
    return found


def _pairs(instants_ms: list[int]) -> list[tuple[int, int]]:
    return list(pairwise(instants_ms))


def _of_long_ago(frame: AccountFrame) -> AccountFrame:
    if frame.kind != "te":
        return frame
    assert isinstance(frame.row, list)
    return replace(frame, row=[*frame.row[:2], 1, *frame.row[3:]])


def _of_an_unknown_symbol(frame: AccountFrame) -> AccountFrame:
    if frame.kind != "tu":
        return frame
    assert isinstance(frame.row, list)
    return replace(frame, row=[frame.row[0], "tNEWUSD", *frame.row[2:]])
