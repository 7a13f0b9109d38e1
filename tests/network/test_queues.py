"""The inbox and the promise: order, room, gathering, and waiters that go away."""

import asyncio

import pytest

from cadenza.network.queues import GATHERING_TURNS_MAX, QUIET_TURNS, AsyncioInbox, AsyncioPromise


async def _offer_each(inbox: AsyncioInbox[int], count: int, turns_between: int) -> None:
    for number in range(count):
        for _ in range(turns_between):
            await asyncio.sleep(0)
        assert inbox.offer(number)


async def test_what_is_on_its_way_comes_along() -> None:
    inbox: AsyncioInbox[int] = AsyncioInbox(100)
    offering = asyncio.create_task(_offer_each(inbox, 6, QUIET_TURNS - 1))
    assert await inbox.take(100) == [0, 1, 2, 3, 4, 5]
    await offering


async def test_what_comes_later_does_not() -> None:
    inbox: AsyncioInbox[int] = AsyncioInbox(100)
    offering = asyncio.create_task(_offer_each(inbox, 2, QUIET_TURNS + 2))
    assert [await inbox.take(100), await inbox.take(100)] == [[0], [1]]
    await offering


async def test_a_trickle_is_not_gathered_for_ever() -> None:
    inbox: AsyncioInbox[int] = AsyncioInbox(10_000)
    offering = asyncio.create_task(_offer_each(inbox, 1_000, 1))
    assert len(await inbox.take(10_000)) <= GATHERING_TURNS_MAX + 1
    offering.cancel()


async def test_a_batch_has_its_limit_and_items_keep_their_order() -> None:
    inbox: AsyncioInbox[int] = AsyncioInbox(10)
    assert [inbox.offer(number) for number in range(11)] == [True] * 10 + [False]
    waiting = asyncio.create_task(inbox.put(10))
    assert [await inbox.take(4) for _ in range(3)] == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9, 10]]
    await waiting
    assert len(inbox) == 0


async def test_a_reader_that_goes_away_takes_nothing_with_it() -> None:
    inbox: AsyncioInbox[int] = AsyncioInbox(10)
    taking = asyncio.create_task(inbox.take(10))
    inbox.offer(1)
    await asyncio.sleep(0)  # it gathers now
    await asyncio.sleep(0)
    taking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await taking
    assert await inbox.take(10) == [1]


async def test_a_waiter_that_goes_away_leaves_the_promise_to_the_others() -> None:
    promise: AsyncioPromise[str] = AsyncioPromise()
    going, staying = asyncio.create_task(promise.wait()), asyncio.create_task(promise.wait())
    await asyncio.sleep(0)
    going.cancel()
    await asyncio.gather(going, return_exceptions=True)
    promise.resolve("kept")
    promise.fail(ValueError("too late"))
    assert (await staying, await promise.wait(), await promise.wait_for(1)) == ("kept", "kept", "kept")


async def test_a_failure_reaches_every_waiter_and_nobody_has_to_wait() -> None:
    unheard: AsyncioPromise[str] = AsyncioPromise()
    unheard.fail(ValueError("nobody asks"))
    promise: AsyncioPromise[str] = AsyncioPromise()
    waiters = [asyncio.create_task(promise.wait()) for _ in range(3)] + [asyncio.create_task(promise.wait_for(10_000))]
    await asyncio.sleep(0)
    promise.fail(ValueError("refused"))
    promise.resolve("too late")
    failures = await asyncio.gather(*waiters, return_exceptions=True)
    assert [str(failure) for failure in failures] == ["refused"] * 4
    with pytest.raises(ValueError, match="refused"):
        await promise.wait()


async def test_a_wait_ends_in_time_and_the_promise_goes_on() -> None:
    promise: AsyncioPromise[str] = AsyncioPromise()
    assert await promise.wait_for(1) is None
    promise.resolve("later")
    assert await promise.wait_for(1) == "later"
