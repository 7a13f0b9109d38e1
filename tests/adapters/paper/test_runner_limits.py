"""The runner when more calls arrive than may wait."""

import asyncio

from tests.inhouse_kit import kinds, until
from tests.paper_bench import SPOT, Bench

from cadenza.adapters.venues.inhouse.runner import RunnerLimits
from cadenza.adapters.venues.paper import PaperVenueSettings
from cadenza.domain.market.enums import Side

LIMITS = RunnerLimits(waiting_calls_max=1)
SLOW = PaperVenueSettings(limits=LIMITS, latency_ms_min=100, latency_ms_max=100)


async def crowded() -> tuple[Bench, list["asyncio.Task[list[object]]"]]:
    """A runner with one call that is not due yet, one in the inbox and two that wait for room there."""
    bench = Bench(SLOW)
    await bench.connector.start()
    account, session, _ = await bench.session()
    orders = [bench.order(account, SPOT, Side.BUY, "0.1") for _ in range(4)]
    return bench, [asyncio.create_task(session.submit(order)) for order in orders]


async def test_a_full_runner_lets_other_tasks_run_until_a_call_is_due() -> None:
    bench, tasks = await crowded()
    runner = bench.connector._runner
    await until(lambda: len(runner._due) == 1 and runner._inbox.full(), "the crowd")
    assert not any(task.done() for task in tasks)

    def are_done() -> bool:
        bench.clock.advance(100)
        return all(task.done() for task in tasks)

    await until(are_done, "all four")
    assert [kinds(task.result()) for task in tasks] == [["Accepted", "Fill"]] * 4
    await bench.connector.stop()


async def test_a_call_that_waits_for_room_when_the_runner_ends_is_answered() -> None:
    bench, tasks = await crowded()
    runner = bench.connector._runner
    await until(lambda: len(runner._due) == 1 and runner._inbox.full(), "the crowd")
    await bench.connector.stop()
    assert [kinds(reports) for reports in await asyncio.gather(*tasks)] == [["UnknownOutcome"]] * 4
    assert bench.disk.orders == {}
