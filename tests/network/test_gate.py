"""The gate loses no place, whoever is cancelled."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.network.peers import settle

from cadenza.network.gate import CallGate, Entry
from cadenza.network.patience import RetryPauses


@given(
    inside_max=st.integers(1, 3),
    waiting_max=st.integers(0, 4),
    steps=st.lists(st.tuples(st.sampled_from(["enter", "leave", "cancel", "cancel and leave"]), st.integers(0, 9))),
)
def test_places_are_given_in_order_and_none_is_lost(
    inside_max: int, waiting_max: int, steps: list[tuple[str, int]]
) -> None:
    asyncio.run(_play(inside_max, waiting_max, steps))


async def _play(inside_max: int, waiting_max: int, steps: list[tuple[str, int]]) -> None:
    gate = CallGate(inside_max=inside_max, waiting_max=waiting_max)
    inside: list[asyncio.Task[Entry]] = []
    waiting: list[asyncio.Task[Entry]] = []
    for step, which in steps:
        if step == "enter":
            room, queue = len(inside) < inside_max, len(waiting) < waiting_max
            entering = asyncio.create_task(gate.enter())
            await settle(3)
            if room or not queue:
                assert entering.result() is (Entry.IN if room else Entry.FULL)
                inside += [entering] if room else []
            else:
                waiting.append(entering)
        if step in ("leave", "cancel and leave") and inside:
            inside.pop(which % len(inside))
            gate.leave()
            if step == "cancel and leave" and waiting:  # in the very turn in which it got the place
                waiting.pop(0).cancel()
            if waiting:
                await settle(3)
                inside.append(waiting.pop(0))
        if step == "cancel" and waiting:
            waiting.pop(which % len(waiting)).cancel()
        await settle(3)
        assert all(task.done() and task.result() is Entry.IN for task in inside)
        assert not any(task.done() for task in waiting)
    gate.close()
    await settle(3)
    assert [task.result() for task in waiting] == [Entry.CLOSED] * len(waiting)
    assert await gate.enter() is Entry.CLOSED
    emptied = asyncio.create_task(gate.wait_until_empty())
    await settle(3)
    assert emptied.done() is (not inside)
    for _ in inside:
        gate.leave()
    await emptied


class Highest:
    def randrange(self, stop: int) -> int:
        return stop - 1


def test_pauses_double_up_to_the_most() -> None:
    pauses = RetryPauses(100, 1_000)
    assert [pauses.after(failures, Highest()) for failures in (1, 2, 3, 4, 5, 10_000)] == [
        100,
        200,
        400,
        800,
        1000,
        1000,
    ]
    with pytest.raises(ValueError, match="first_ms"):
        RetryPauses(0, 1)
