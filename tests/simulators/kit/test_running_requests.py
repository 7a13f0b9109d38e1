"""A request that was read in whole is executed, whether its client waits or not; the stop ends it."""

import asyncio

import pytest
from aiohttp import web

from cadenza.simulators.kit import running_requests
from cadenza.simulators.kit.running_requests import RunningRequests


class Work:
    """A request that is executed when it may be."""

    def __init__(self) -> None:
        self.has_begun = asyncio.Event()
        self.may_end = asyncio.Event()
        self.is_done = asyncio.Event()

    async def run(self) -> str:
        self.has_begun.set()
        await self.may_end.wait()
        self.is_done.set()
        return "done"


async def test_a_client_that_waits_is_answered() -> None:
    running, work = RunningRequests(), Work()
    work.may_end.set()
    assert await running.complete(work.run()) == "done"


async def test_a_failure_is_the_callers() -> None:
    async def fail() -> None:
        raise ValueError("refused")

    with pytest.raises(ValueError, match="refused"):
        await RunningRequests().complete(fail())


async def test_a_client_that_leaves_does_not_cancel_its_request() -> None:
    running, work = RunningRequests(), Work()
    asking = asyncio.create_task(running.complete(work.run()))
    await work.has_begun.wait()
    asking.cancel()
    await asyncio.gather(asking, return_exceptions=True)
    assert asking.cancelled()
    work.may_end.set()
    async with asyncio.timeout(10):
        await work.is_done.wait()


async def test_the_stop_ends_requests_with_and_without_a_client() -> None:
    running, waiting, left = RunningRequests(), Work(), Work()
    asking = [asyncio.create_task(running.complete(work.run())) for work in (waiting, left)]
    await asyncio.gather(waiting.has_begun.wait(), left.has_begun.wait())
    asking[1].cancel()
    await running.stop()
    await asyncio.gather(*asking, return_exceptions=True)
    assert all(each.cancelled() for each in asking)
    assert asyncio.all_tasks() == {asyncio.current_task()}
    assert not any(work.is_done.is_set() for work in (waiting, left))


async def test_a_request_after_the_stop_does_not_begin() -> None:
    running, work = RunningRequests(), Work()
    await running.stop()
    asking = asyncio.create_task(running.complete(work.run()))
    await asyncio.gather(asking, return_exceptions=True)
    assert asking.cancelled()
    assert not work.has_begun.is_set()


async def test_requests_that_run_are_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(running_requests, "REQUESTS_MAX", 1)
    running, first, second = RunningRequests(), Work(), Work()
    asking = asyncio.create_task(running.complete(first.run()))
    await first.has_begun.wait()
    with pytest.raises(web.HTTPServiceUnavailable):
        await running.complete(second.run())
    first.may_end.set()
    assert await asking == "done"
    second.may_end.set()
    assert await running.complete(second.run()) == "done"
