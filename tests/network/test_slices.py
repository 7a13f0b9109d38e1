"""Long work lets others run in between."""

import asyncio

from hypothesis import given
from hypothesis import strategies as st

from cadenza.network.slices import ITEMS_PER_SLICE, in_slices


@given(st.lists(st.integers(), max_size=5 * ITEMS_PER_SLICE))
def test_all_is_done_in_order(items: list[int]) -> None:
    assert asyncio.run(in_slices(items, lambda part: [item * 2 for item in part])) == [item * 2 for item in items]


async def test_others_run_between_two_slices() -> None:
    happened: list[str] = []

    async def other() -> None:
        for _ in range(3):
            happened.append("other")
            await asyncio.sleep(0)

    def work(part: list[int]) -> list[int]:
        happened.append(f"slice of {len(part)}")
        return part

    running = asyncio.create_task(other())
    await in_slices([0] * (2 * ITEMS_PER_SLICE + 1), work)
    await running
    whole = f"slice of {ITEMS_PER_SLICE}"
    assert happened == [whole, "other", whole, "other", "slice of 1", "other"]
