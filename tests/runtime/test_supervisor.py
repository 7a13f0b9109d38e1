"""Supervised tasks come back after a failure, tell about it, and end in order and in time."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from structlog.testing import capture_logs

from cadenza.domain.errors import InternalError, VenueUnavailable
from cadenza.runtime.supervisor import Supervisor, TaskHealth, TaskState

GIVE_UP_S = 60


@pytest.fixture
async def supervisor() -> AsyncIterator[Supervisor]:
    made = Supervisor(backoff_ms_first=1, backoff_ms_max=4)
    yield made
    await made.stop(deadline_ms=1000)


async def forever() -> None:
    await asyncio.Event().wait()


async def test_a_failing_task_is_started_again_and_its_failures_are_told(supervisor: Supervisor) -> None:
    runs = 0
    recovered = asyncio.Event()

    async def body() -> None:
        nonlocal runs
        runs += 1
        if runs < 4:
            raise ConnectionError(f"down {runs}")
        recovered.set()
        await forever()

    supervisor.start("feed", body)
    async with asyncio.timeout(GIVE_UP_S):
        await recovered.wait()
    assert list(supervisor.health()) == [TaskHealth("feed", TaskState.RUNNING, 3, "ConnectionError: down 3")]
    assert supervisor.is_healthy


async def test_the_pause_doubles_up_to_its_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    pauses: list[float] = []
    done = asyncio.Event()
    sleep = asyncio.sleep

    async def noted(pause_s: float) -> None:
        pauses.append(round(pause_s * 1000))
        if len(pauses) == 6:
            done.set()
            await forever()
        await sleep(0)

    async def body() -> None:
        raise RuntimeError("no")

    monkeypatch.setattr(asyncio, "sleep", noted)
    supervisor = Supervisor(backoff_ms_first=50, backoff_ms_max=500)
    supervisor.start("feed", body)
    async with asyncio.timeout(GIVE_UP_S):
        await done.wait()
    assert pauses == [50, 100, 200, 400, 500, 500]
    assert next(supervisor.health()).state is TaskState.WAITING
    assert not supervisor.is_healthy
    assert await supervisor.stop(deadline_ms=1000) == []


async def test_a_task_that_returns_has_finished(supervisor: Supervisor) -> None:
    async def body() -> None:
        return

    supervisor.start("once", body)
    async with asyncio.timeout(GIVE_UP_S):
        while next(supervisor.health()).state is not TaskState.FINISHED:  # noqa: ASYNC110 - the state is what is told
            await asyncio.sleep(0)
    assert supervisor.is_healthy


async def test_tasks_end_in_the_reverse_order_of_their_starts() -> None:
    supervisor, ended, started = Supervisor(), [], asyncio.Barrier(4)

    def body(name: str):  # type: ignore[no-untyped-def]
        async def run() -> None:
            await started.wait()
            try:
                await forever()
            finally:
                await asyncio.sleep(0)
                ended.append(name)

        return run

    for name in ("database", "committer", "http"):
        supervisor.start(name, body(name))
    await started.wait()
    assert await supervisor.stop(deadline_ms=1000) == []
    assert ended == ["http", "committer", "database"]
    assert {health.state for health in supervisor.health()} == {TaskState.STOPPED}


async def test_a_task_that_does_not_end_is_named_and_not_waited_for() -> None:
    supervisor, release, running = Supervisor(), asyncio.Event(), asyncio.Event()

    async def stubborn() -> None:
        running.set()
        try:
            await forever()
        finally:
            await release.wait()

    supervisor.start("quick", forever)
    supervisor.start("stubborn", stubborn)
    await running.wait()
    async with asyncio.timeout(GIVE_UP_S):
        assert await supervisor.stop(deadline_ms=20) == ["stubborn"]
    release.set()


async def test_names_are_unique_and_free_again_after_cancel(supervisor: Supervisor) -> None:
    supervisor.start("feed", forever)
    with pytest.raises(ValueError, match="feed runs already"):
        supervisor.start("feed", forever)
    await supervisor.cancel("feed")
    await supervisor.cancel("never there")
    supervisor.start("feed", forever)
    await supervisor.stop(deadline_ms=1000)
    with pytest.raises(RuntimeError, match="while the supervisor stops"):
        supervisor.start("late", forever)


async def test_a_known_cause_that_repeats_is_one_line_without_a_traceback(supervisor: Supervisor) -> None:
    causes = iter([*["refused"] * 3, *["no such host"] * 2])
    done = asyncio.Event()

    async def body() -> None:
        cause = next(causes, None)
        if cause is None:
            done.set()
            await forever()
        raise VenueUnavailable(cause or "")

    with capture_logs() as lines:
        supervisor.start("venue", body)
        async with asyncio.timeout(GIVE_UP_S):
            await done.wait()
    found = [(line["log_level"], line["error"], line["failures"]) for line in lines]
    assert found == [("warning", "VenueUnavailable: refused", 1), ("warning", "VenueUnavailable: no such host", 4)]
    assert not any("exc_info" in line for line in lines)


async def test_a_defect_is_an_error_with_its_traceback_each_time(supervisor: Supervisor) -> None:
    left: list[Exception] = [KeyError("result"), InternalError("no rule"), InternalError("no rule")]
    done = asyncio.Event()

    async def body() -> None:
        if not left:
            done.set()
            await forever()
        raise left.pop()

    with capture_logs() as lines:
        supervisor.start("venue", body)
        async with asyncio.timeout(GIVE_UP_S):
            await done.wait()
    assert [(line["log_level"], line["exc_info"]) for line in lines] == [("error", True)] * 3
