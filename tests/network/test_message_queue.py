"""The queue of messages loses and reorders nothing, and keeps its limits. Subscriptions granted against asked."""

import asyncio

from hypothesis import given
from hypothesis import strategies as st
from tests.network.peers import StandingClock, settle

from cadenza.network.message_queue import MessageQueue
from cadenza.network.subscriptions import GrantResult, Grants


@given(
    items_max=st.integers(1, 4),
    bytes_max=st.integers(1, 20),
    steps=st.lists(st.one_of(st.integers(0, 30), st.sampled_from(["take", "take one", "cancel"])), max_size=40),
)
def test_items_leave_in_order_within_the_limits(items_max: int, bytes_max: int, steps: list[int | str]) -> None:
    asyncio.run(_play(items_max, bytes_max, steps))


async def _play(items_max: int, bytes_max: int, steps: list[int | str]) -> None:
    queue: MessageQueue[int] = MessageQueue(items_max=items_max, bytes_max=bytes_max)
    putting: list[tuple[int, int, asyncio.Task[None]]] = []
    inside: list[tuple[int, int]] = []
    for number, step in enumerate(steps):
        if isinstance(step, int):
            putting.append((number, step, asyncio.create_task(queue.put(number, step))))
        elif step == "cancel" and putting:
            putting.pop(number % len(putting))[2].cancel()
        elif step.startswith("take") and inside:
            taken = await queue.take(1 if step == "take one" else 100)
            assert taken == [item for item, _ in inside[: len(taken)]]
            assert len(taken) == (1 if step == "take one" else len(inside))
            del inside[: len(taken)]
        await settle(6)
        while putting and (
            not inside or (len(inside) < items_max and sum(s for _, s in inside) + putting[0][1] <= bytes_max)
        ):
            item, size, task = putting.pop(0)
            assert task.done()
            inside.append((item, size))
        assert not any(task.done() for _, _, task in putting)
        assert (len(queue), queue.waiting_bytes) == (len(inside), sum(size for _, size in inside))
    for _, _, task in putting:
        task.cancel()


async def test_what_was_asked_is_compared_with_what_was_granted() -> None:
    clock, grants = StandingClock(), Grants(["a", "b", "c"])
    waiting = asyncio.create_task(grants.wait(clock, 5_000))
    await settle()
    grants.grant("a", "x")
    grants.refuse("b", "no such stream")
    await clock.pass_time(4_999)
    assert not waiting.done()
    await clock.pass_time(1)
    result = await waiting
    assert result == GrantResult(frozenset("a"), {"b": "no such stream"}, frozenset("c"), frozenset("x"))
    assert not result.is_complete


async def test_the_wait_ends_with_the_last_answer_and_the_last_word_counts() -> None:
    clock, grants = StandingClock(), Grants(["a", "b"])
    waiting = asyncio.create_task(grants.wait(clock, 5_000))
    grants.refuse("a", "busy")
    grants.grant("a")
    await settle()
    assert not waiting.done()
    grants.grant("b")
    assert (await waiting).is_complete
    assert (await Grants([]).wait(clock, 5_000)).is_complete


async def test_the_wait_ends_when_no_further_answers_are_expected() -> None:
    clock, grants = StandingClock(), Grants(["a", "b"])
    waiting = asyncio.create_task(grants.wait(clock, 5_000))
    grants.grant("a")
    await settle()
    assert not waiting.done()
    grants.end()
    assert await waiting == GrantResult(frozenset("a"), {}, frozenset("b"), frozenset())
