"""Reports that fit no order are kept and shown; once their order is known they are applied and gone, at once."""

from collections.abc import AsyncIterator
from dataclasses import replace
from types import SimpleNamespace

import pytest

from cadenza.application.orders.watch_kept import WatchKept
from cadenza.domain.errors import DatabaseUnavailable
from cadenza.domain.ids import InstrumentId, OrderId
from cadenza.domain.market.enums import OrderType, Side, TimeInForce
from cadenza.domain.trading.enums import OrderStatus
from cadenza.domain.trading.order import Order
from cadenza.domain.trading.reports import ExternalOrderReport, FillReport
from cadenza.ports.alarms import Alarm
from cadenza.ports.storage.trading import KeptSummary
from tests.application.orders.order_world import ACTOR, OrderWorld, accepts, loses_the_answer, order_world
from tests.domain.trading.worlds import ACCOUNT, BTC, NOW_MS, D, instrument, request


@pytest.fixture
async def world(database_dsn: str) -> AsyncIterator[OrderWorld]:
    async with order_world(database_dsn) as made:
        yield made


def elsewhere(instrument_id: InstrumentId = BTC) -> ExternalOrderReport:
    return ExternalOrderReport(
        account_id=ACCOUNT, venue_order_id="hand", at_ms=NOW_MS, instrument_id=instrument_id,
        side=Side.BUY, type=OrderType.LIMIT, time_in_force=TimeInForce.GTC, quantity=D(2), limit_price=D(90),
        executed_quantity=D(0),
    )  # fmt: skip


def fill(
    trade_id: str, venue_order_id: str = "hand", at_ms: int = NOW_MS, order_id: OrderId | None = None
) -> FillReport:
    return FillReport(
        account_id=ACCOUNT, order_id=order_id, venue_order_id=venue_order_id, at_ms=at_ms, trade_id=trade_id,
        instrument_id=BTC, side=Side.BUY, price=D(90), quantity=D(1),
    )  # fmt: skip


async def kept(world: OrderWorld) -> list[str]:
    """The trade ids of the fills that are kept, the oldest first."""
    async with world.storage.read() as uow:
        reports = [each.report for each in await uow.kept.oldest(10)]
    return [report.trade_id for report in reports if isinstance(report, FillReport)]


async def test_what_is_kept_is_counted_and_listed_the_oldest_first(world: OrderWorld) -> None:
    await world.sink.deliver([fill("t1"), fill("t1")])
    await world.sink.deliver([fill("t2"), fill("t1")])
    assert await kept(world) == ["t1", "t2"]
    async with world.storage.read() as uow:
        (first,) = await uow.kept.oldest(1)
        summary = await uow.kept.summary()
    assert summary == KeptSummary(curable_count=2, refused_count=0, oldest_kept_at_ms=first.kept_at_ms)
    assert first.kept_at_ms <= world.clock.now_ms()


async def test_adopting_an_order_applies_and_deletes_what_was_kept_for_it(world: OrderWorld) -> None:
    await world.sink.deliver([fill("t1"), fill("t2"), fill("t3", "another")])
    await world.sink.deliver([elsewhere()])
    assert await kept(world) == ["t3"]
    async with world.storage.read() as uow:
        assert await uow.orders.unresolved(ACCOUNT) == []
    assert (await world.balance("BTC"))[0] == 12


async def test_learning_the_venue_s_id_of_our_order_does_so_too(world: OrderWorld) -> None:
    world.session.on_submit = loses_the_answer
    order = await world.submit_order(ACTOR, request(quantity=D(1)))
    named = f"V{order.id.hex}"
    await world.sink.deliver([fill("t1", named)])
    assert await kept(world) == ["t1"]
    await world.sink.deliver(list(accepts(order)))
    assert await kept(world) == []
    assert (await world.stored(order)).status is OrderStatus.FILLED


async def test_a_report_that_names_an_order_we_do_not_have_stays(world: OrderWorld) -> None:
    await world.sink.deliver([fill("t1", order_id=OrderId(world.ids.new()))])
    await world.sink.deliver([elsewhere()])
    assert await kept(world) == ["t1"]


async def test_what_is_applied_is_deleted_in_that_very_transaction(world: OrderWorld) -> None:
    await world.sink.deliver([fill("t1")])
    before = world.trading.transactions_total
    await world.sink.deliver([elsewhere()])
    assert world.trading.transactions_total - before == 1
    assert await kept(world) == []


async def test_the_figures_are_watched(world: OrderWorld) -> None:
    watch = WatchKept(storage=world.storage, alarms=world.alarms, clock=world.clock)
    await watch.tick()
    assert (watch.curable_count, watch.refused_count, watch.oldest_age_ms) == (0, 0, 0)
    order = await world.submit_order(ACTOR, request())
    other_side = replace(fill("t2", order_id=order.id), side=Side.SELL)
    await world.sink.deliver([fill("t1"), other_side])
    await watch.tick()
    assert (watch.curable_count, watch.refused_count) == (1, 1)
    assert 0 <= watch.oldest_age_ms < 60_000
    assert [alarm for alarm, _ in world.alarms.sounded] == [Alarm.REPORT_REFUSED]


async def test_a_process_sounds_one_alarm_for_what_an_earlier_one_left(world: OrderWorld) -> None:
    """The earlier one may have died between its commit and its alarm."""
    order = await world.submit_order(ACTOR, request())
    await world.sink.deliver([replace(fill("t2", order_id=order.id), side=Side.SELL)])
    world.alarms.sounded.clear()
    watch = WatchKept(storage=world.storage, alarms=world.alarms, clock=world.clock)
    await watch.tick()
    await watch.tick()
    assert world.alarms.sounded == [(Alarm.LEFT_FROM_BEFORE, {"reports": 1, "undetermined": 0, "executed": 0})]


async def test_the_figures_of_before_stay_while_the_database_is_away(world: OrderWorld) -> None:
    class Away:
        def read(self) -> object:
            raise DatabaseUnavailable("away")

    watch = WatchKept(storage=world.storage, alarms=world.alarms, clock=world.clock)
    await world.sink.deliver([fill("t1")])
    await watch.tick()
    watch._storage = Away()  # type: ignore[assignment]
    await watch.tick()
    assert watch.curable_count == 1


async def test_an_order_of_an_unknown_instrument_is_kept_until_it_can_be_adopted(world: OrderWorld) -> None:
    unknown: Order | ExternalOrderReport = elsewhere(InstrumentId("PAPER:NEW/USDT"))
    await world.sink.deliver([unknown])  # type: ignore[list-item]
    async with world.storage.read() as uow:
        assert (await uow.kept.summary()).curable_count == 1
    listed = replace(instrument(), id=unknown.instrument_id)
    world.committer._catalogue = SimpleNamespace(instrument=lambda id: listed)  # type: ignore[assignment]
    await world.sink.deliver([replace(unknown, at_ms=NOW_MS + 1)])  # type: ignore[list-item]
    async with world.storage.read() as uow:
        assert (await uow.kept.summary()).curable_count == 0
