"""The pacer wakes whoever may leave, and whoever goes away takes nothing with it."""

import asyncio
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.network.peers import StandingClock, settle

from cadenza.network.pace_queue import PaceRefusal, PaceRefusalCause
from cadenza.network.pace_windows import MeterKey, WindowLimit
from cadenza.network.pacing import Pacer, PaceTicket

ADDRESS = MeterKey("address", "a")


def make(weight_max: int = 2, length_ms: int = 100) -> tuple[Pacer, StandingClock]:
    clock = StandingClock()
    return Pacer({"address": [WindowLimit(weight_max, length_ms)]}, clock=clock, waiting_max=50), clock


async def test_callers_wait_for_their_turn_and_the_timer_wakes_them() -> None:
    pacer, clock = make()
    left: list[int] = []

    async def call(number: int) -> None:
        ticket = await pacer.acquire("a", {ADDRESS: 1}, deadline_ms=clock.at_ms + 10_000)
        assert isinstance(ticket, PaceTicket)
        with ticket:
            left.append(number)

    calls = [asyncio.create_task(call(number)) for number in range(5)]
    await settle()
    assert left == [0, 1]
    await clock.pass_time(100)
    assert left == [0, 1]
    await clock.pass_time(1)
    assert left == [0, 1, 2, 3]
    await clock.pass_time(101)
    assert left == [0, 1, 2, 3, 4]
    await asyncio.gather(*calls)
    pacer.close()


async def test_a_call_that_was_not_sent_gives_its_room_to_the_next_at_once() -> None:
    pacer, clock = make(weight_max=1)
    first = await pacer.acquire("a", {ADDRESS: 1}, deadline_ms=clock.at_ms)
    second = asyncio.create_task(pacer.acquire("a", {ADDRESS: 1}, deadline_ms=clock.at_ms + 1_000))
    await settle()
    assert isinstance(first, PaceTicket)
    first.give_back()
    first.settle()  # the second time counts for nothing
    assert isinstance(await second, PaceTicket)
    pacer.close()


async def test_a_call_that_is_cancelled_when_it_may_leave_already_gives_its_room_to_the_next() -> None:
    pacer, clock = make(weight_max=1)
    first = await pacer.acquire("a", {ADDRESS: 1}, deadline_ms=clock.at_ms)
    going, staying = (
        asyncio.create_task(pacer.acquire(caller, {ADDRESS: 1}, deadline_ms=clock.at_ms + 1_000)) for caller in "bc"
    )
    await settle()
    assert isinstance(first, PaceTicket)
    first.give_back()
    going.cancel()
    await settle()
    assert going.cancelled()
    assert staying.done()
    pacer.close()


async def test_the_timer_is_set_earlier_for_a_call_that_may_leave_earlier() -> None:
    pacer, clock = make(weight_max=1)
    other = MeterKey("address", "b")
    pacer.hold(ADDRESS, 5_000)
    pacer.hold(other, 100)
    late, early = (
        asyncio.create_task(pacer.acquire("a", {key: 1}, deadline_ms=clock.at_ms + 9_000, is_urgent=key is other))
        for key in (ADDRESS, other)
    )
    await settle()
    await clock.pass_time(100)
    assert early.done()
    assert not late.done()
    await clock.pass_time(4_900)
    assert late.done()
    pacer.close()


async def test_a_ban_holds_everybody_and_its_end_lets_them_go() -> None:
    pacer, clock = make()
    pacer.hold(ADDRESS, 5_000)
    urgent = asyncio.create_task(pacer.acquire("a", {ADDRESS: 1}, deadline_ms=clock.at_ms + 9_000, is_urgent=True))
    assert isinstance(await pacer.acquire("a", {ADDRESS: 1}, deadline_ms=clock.at_ms + 4_999), PaceRefusal)
    await clock.pass_time(4_999)
    assert not urgent.done()
    await clock.pass_time(1)
    assert isinstance(await urgent, PaceTicket)
    pacer.close()


async def test_a_deadline_ends_the_wait_by_the_timer() -> None:
    pacer, clock = make(weight_max=1, length_ms=1_000)
    assert isinstance(await pacer.acquire("a", {ADDRESS: 1}, deadline_ms=clock.at_ms), PaceTicket)  # never settled
    waiting = asyncio.create_task(pacer.acquire("a", {ADDRESS: 1}, deadline_ms=clock.at_ms + 1_500))
    await settle()
    for _ in range(16):
        await clock.pass_time(100)
    assert isinstance(await waiting, PaceRefusal)
    pacer.close()


async def test_the_count_of_the_other_side_raises_ours() -> None:
    pacer, clock = make(weight_max=10)
    pacer.raise_to(ADDRESS, 100, 10)
    waiting = asyncio.create_task(pacer.acquire("a", {ADDRESS: 1}, deadline_ms=clock.at_ms + 1_000))
    await settle()
    assert not waiting.done()
    await clock.pass_time(101)
    assert isinstance(await waiting, PaceTicket)
    pacer.close()


@pytest.mark.timeout(120)
@given(seed=st.integers(0, 2**32), weight_max=st.integers(1, 3))
def test_no_wake_up_is_lost_whoever_is_cancelled(seed: int, weight_max: int) -> None:
    asyncio.run(_storm(random.Random(seed), weight_max))


async def _storm(chance: random.Random, weight_max: int) -> None:
    """Callers come, go away while they wait or in the turn in which they may leave, and end late. All that stay get
    their turn in the time that the limit allows."""
    pacer, clock = make(weight_max, 50)
    stayed, tasks = 0, []

    async def call(way_ms: int) -> bool:
        ticket = await pacer.acquire("abc"[way_ms % 3], {ADDRESS: 1}, deadline_ms=10**9, is_urgent=way_ms % 5 == 0)
        assert isinstance(ticket, PaceTicket)
        with ticket:
            await clock.sleep_ms(way_ms)
        return True

    for _ in range(20):
        task = asyncio.create_task(call(chance.randrange(30)))
        tasks.append(task)
        if chance.random() < 0.3:
            await settle(chance.randrange(3))
        if chance.random() < 0.3:
            await clock.pass_time(chance.randrange(60))
        if chance.random() < 0.3:
            chance.choice(tasks).cancel()
    for _ in range(20):
        await clock.pass_time(100)
    assert all(task.done() for task in tasks)
    stayed = sum(not task.cancelled() for task in tasks)
    assert stayed == sum(task.result() for task in tasks if not task.cancelled())
    assert not pacer._turns
    assert not pacer._queue._under_way
    pacer.close()


async def test_limits_that_change_hold_for_callers_that_wait_and_forget_nothing_that_was_used() -> None:
    pacer, clock = make(weight_max=2)
    under_way = [await pacer.acquire("a", {ADDRESS: 1}, deadline_ms=clock.at_ms) for _ in range(2)]
    waiting = [asyncio.create_task(pacer.acquire("a", {ADDRESS: 1}, deadline_ms=clock.at_ms + 900)) for _ in range(3)]
    await settle()
    pacer.use_limits({"address": [WindowLimit(3, 100), WindowLimit(4, 1_000)]})
    await settle()
    assert [task.done() for task in waiting] == [True, False, False]
    for ticket in under_way:
        assert isinstance(ticket, PaceTicket)
        ticket.settle()
    await clock.pass_time(150)
    left = [isinstance(await task, PaceTicket) for task in waiting]
    assert left == [True, True, False], "four leave within a second, and the last one's deadline is earlier"
    pacer.use_limits({"address": [WindowLimit(1, 100)]})
    await clock.pass_time(150)
    more = [await pacer.acquire("a", {ADDRESS: 1}, deadline_ms=clock.at_ms) for _ in range(2)]
    assert [isinstance(each, PaceTicket) for each in more] == [False, False], "two calls have not ended"
    pacer.close()


async def test_a_narrower_limit_refuses_a_caller_whose_charge_exceeds_it() -> None:
    pacer, clock = make(weight_max=3)
    first = await pacer.acquire("a", {ADDRESS: 3}, deadline_ms=clock.at_ms)
    waiting = asyncio.create_task(pacer.acquire("a", {ADDRESS: 3}, deadline_ms=clock.at_ms + 10_000))
    await settle()
    pacer.use_limits({"address": [WindowLimit(2, 100)]})
    assert isinstance(first, PaceTicket)
    first.settle()
    await clock.pass_time(150)
    assert not waiting.done()
    await clock.pass_time(10_000)
    assert isinstance(await waiting, PaceRefusal)
    pacer.close()


async def test_a_pacer_that_is_closed_refuses_those_that_wait_and_those_that_come() -> None:
    pacer, clock = make(weight_max=1)
    await pacer.acquire("a", {ADDRESS: 1}, deadline_ms=clock.at_ms)
    waiting = asyncio.create_task(pacer.acquire("a", {ADDRESS: 1}, deadline_ms=clock.at_ms + 1_000))
    await settle()
    pacer.close()
    for refused in (await waiting, await pacer.acquire("a", {ADDRESS: 1}, deadline_ms=clock.at_ms + 1_000)):
        assert isinstance(refused, PaceRefusal)
        assert refused.cause is PaceRefusalCause.CLOSED
