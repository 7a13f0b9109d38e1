"""An order that was recorded while the wall clock was ahead does not stay in doubt until that clock is reached."""

import asyncio

from tests.adapters.inhouse.mock_world import mock_world
from tests.inhouse_kit import until

from cadenza.application.orders.sending import ON_THE_WAY_MS_MAX
from cadenza.domain.trading.enums import OrderStatus

DAY_MS = 86_400_000


async def test_an_order_that_never_arrives_is_closed_though_its_deadline_is_a_day_away(database_dsn: str) -> None:
    async with mock_world(database_dsn) as world:
        world.clock.jump(DAY_MS)
        task = asyncio.create_task(world.submit("mock.never-arrives"))
        await until(lambda: _answered(world, task), "the answer of a request without a reply")
        world.clock.jump(-DAY_MS)
        order = await task
        for _ in range(2 * ON_THE_WAY_MS_MAX // 5_000):
            world.clock.advance(5_000)
            await world.tick()
            await world.concurrency.drain(5_000)
        closed = await world.order(order)
        assert (closed.status, closed.is_in_doubt) == (OrderStatus.REJECTED, False)


def _answered(world: object, task: "asyncio.Task[object]") -> bool:
    """Let time pass until the request is given up."""
    world.clock.advance(100)  # type: ignore[attr-defined]
    return task.done()
