"""A database that does not answer in time: clients are answered so, and what becomes of their order stays the truth."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest

from cadenza.domain import errors as e
from cadenza.domain.trading.enums import OrderStatus
from tests.application.orders.order_world import ACTOR, OrderWorld, cancels, fills, order_world
from tests.domain.trading.worlds import ACCOUNT, request
from tests.serving import eventually


class Frozen:
    """The repository of a database that does not answer while the gate is closed."""

    def __init__(self, world: OrderWorld) -> None:
        self._trading = world.trading
        self.gate = asyncio.Event()
        self.gate.set()
        self.waiting = 0
        world.committer._trading = self  # type: ignore[assignment]
        world.committer._limits = replace(world.committer._limits, late_ms=0)

    async def load(self, *args: Any, **more: Any) -> Any:
        self.waiting += 1
        await self.gate.wait()
        self.waiting -= 1
        return await self._trading.load(*args, **more)

    async def save(self, *args: Any) -> bool:
        return await self._trading.save(*args)

    async def is_asked(self) -> bool:
        return self.waiting > 0


@pytest.fixture
async def world(database_dsn: str) -> AsyncIterator[OrderWorld]:
    async with order_world(database_dsn) as made:
        yield made


async def orders(world: OrderWorld) -> int:
    async with world.storage.read() as uow:
        return len(await uow.orders.unresolved(ACCOUNT))


async def test_a_command_that_is_late_is_given_up_and_leaves_no_trace(world: OrderWorld) -> None:
    database = Frozen(world)
    database.gate.clear()
    begun = asyncio.create_task(world.submit_order(ACTOR, request(idempotency_key="a")))
    await eventually(database.is_asked)
    queued = asyncio.create_task(world.submit_order(ACTOR, request(idempotency_key="b")))

    async def are_both_late() -> bool:
        await world.committer.answer_late()
        return begun.done() and queued.done()

    await eventually(are_both_late)
    for task in (begun, queued):
        assert isinstance(task.exception(), e.DatabaseUnavailable)
    database.gate.set()
    assert (await world.submit_order(ACTOR, request(idempotency_key="c"))).status is OrderStatus.ACCEPTED
    assert await orders(world) == 1
    assert len(world.session.submitted) == 1


async def test_an_answer_that_is_late_is_booked_and_found_by_the_same_key(world: OrderWorld) -> None:
    database = Frozen(world)
    world.session.on_submit = fills
    world.session.gate.clear()
    submitting = asyncio.create_task(world.submit_order(ACTOR, request(idempotency_key="a")))
    await world.session.has_submitted.wait()
    database.gate.clear()
    world.session.gate.set()
    await eventually(database.is_asked)
    await world.committer.answer_late()
    with pytest.raises(e.DatabaseUnavailable):
        await submitting
    database.gate.set()
    repeated = await world.submit_order(ACTOR, request(idempotency_key="a"))
    assert repeated.status is OrderStatus.FILLED
    assert len(world.session.submitted) == 1


async def test_so_is_the_answer_to_a_cancel(world: OrderWorld) -> None:
    order = await world.submit_order(ACTOR, request())
    database = Frozen(world)

    def answers_a_frozen_house(asked: Any) -> Any:
        database.gate.clear()
        return cancels(asked)

    world.session.on_cancel = answers_a_frozen_house
    canceling = asyncio.create_task(world.cancel_order(ACTOR, ACCOUNT, order.id))
    await eventually(database.is_asked)
    await world.committer.answer_late()
    with pytest.raises(e.DatabaseUnavailable):
        await canceling
    database.gate.set()

    async def is_canceled() -> bool:
        return (await world.stored(order)).status is OrderStatus.CANCELED

    await eventually(is_canceled)


async def test_nobody_is_answered_before_the_time(world: OrderWorld) -> None:
    database = Frozen(world)
    world.committer._limits = replace(world.committer._limits, late_ms=60_000)
    database.gate.clear()
    submitting = asyncio.create_task(world.submit_order(ACTOR, request()))
    await eventually(database.is_asked)
    await world.committer.answer_late()
    database.gate.set()
    assert (await submitting).status is OrderStatus.ACCEPTED
    await world.committer.answer_late()
    assert not world.committer._limited
