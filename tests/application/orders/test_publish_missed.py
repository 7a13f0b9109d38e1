"""Whoever listens hears of what was committed, though the reply to the commit was lost."""

from collections.abc import AsyncIterator

import pytest

from cadenza.application.orders import publish_missed
from cadenza.domain.errors import DatabaseUnavailable
from cadenza.ports.storage.trading import BatchChanges, BatchRows
from tests.application.orders.order_world import ACTOR, OrderWorld, fills, order_world
from tests.domain.trading.worlds import ACCOUNT, request


@pytest.fixture
async def world(database_dsn: str) -> AsyncIterator[OrderWorld]:
    async with order_world(database_dsn) as made:
        yield made


def lose_the_next_reply(world: OrderWorld, *, is_written: bool) -> None:
    save = world.trading.save

    async def lossy(rows: BatchRows, changes: BatchChanges) -> bool:
        world.trading.save = save  # type: ignore[method-assign]
        if is_written:
            await save(rows, changes)
        raise DatabaseUnavailable("the connection was lost")

    world.trading.save = lossy  # type: ignore[method-assign]


async def logged(world: OrderWorld) -> list[int]:
    async with world.storage.read() as uow:
        return [event.sequence for event in await uow.events.after(ACCOUNT, 0, 1_000)]


@pytest.mark.parametrize("is_written", [True, False])
async def test_a_fill_whose_commit_was_not_heard_of_is_published(world: OrderWorld, *, is_written: bool) -> None:
    order = await world.submit_order(ACTOR, request())
    world.publisher.events.clear()
    before = await logged(world)
    lose_the_next_reply(world, is_written=is_written)
    await world.sink.deliver(list(fills(order)))
    await world.publish_missed.tick()
    reply = [event.sequence for event in world.publisher.events]
    assert sorted(set(reply)) == (await logged(world))[len(before) :]
    world.publisher.events.clear()
    await world.publish_missed.tick()
    assert not world.publisher.events


async def test_doubts_end(world: OrderWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    order = await world.submit_order(ACTOR, request())
    monkeypatch.setattr(publish_missed, "DOUBT_MS", -1)
    lose_the_next_reply(world, is_written=True)
    await world.sink.deliver(list(fills(order)))
    assert len(world.publish_missed._doubts) == 1
    await world.publish_missed.tick()
    await world.publish_missed.tick()
    assert not world.publish_missed._doubts


async def test_a_doubt_stays_while_the_database_is_away(world: OrderWorld) -> None:
    class Away:
        def read(self) -> object:
            raise DatabaseUnavailable("away")

    world.publish_missed.doubt(ACCOUNT, 0)
    there = world.publish_missed._storage
    world.publish_missed._storage = Away()  # type: ignore[assignment]
    await world.publish_missed.tick()
    world.publish_missed._storage = there
    await world.publish_missed.tick()
    assert [event.sequence for event in world.publisher.events] == await logged(world)
