"""A report that cannot be booked is kept aside with its reason; its neighbours are booked, and the stream goes on."""

import asyncio
from dataclasses import replace
from decimal import Decimal

import pytest

from cadenza.adapters.storage.kept import name_of
from cadenza.application.orders.cancel_closed import CancelClosed
from cadenza.application.orders.take_snapshots import EVERY_MS
from cadenza.domain.accounts.trading_account import AccountStatus
from cadenza.domain.errors import VenueUnavailable
from cadenza.domain.market.enums import OrderType, Side, TimeInForce
from cadenza.domain.trading.enums import OrderStatus
from cadenza.domain.trading.events import OrderUpdated
from cadenza.domain.trading.kept import KeepReason
from cadenza.domain.trading.reports import AcceptedReport, ExternalOrderReport, FillReport, VenueOrderStatus
from cadenza.ports.alarms import Alarm
from tests.inhouse_kit import until
from tests.scripted.kinds import only
from tests.scripted.session import Fault
from tests.scripted.specs import COMPARED, DESK, PER_SYMBOL, POLLED, STREAMED, Kind
from tests.scripted.truth import check_fills, check_truth
from tests.scripted.world import TENANT, Trader, World, actor_of

D = Decimal
some_kinds = only(STREAMED, POLLED, DESK)


@some_kinds
async def test_a_text_that_no_database_holds_does_not_take_its_neighbours_along(world: World, trader: Trader) -> None:
    order = await trader.submit(quantity="1")
    fill = trader.venue.fill(trader.at_venue(order), "0.5")
    good = trader.session.parse.fill(fill)
    bad = replace(good, trade_id="0\x00", quantity=D("0.25"))
    trader.session.report(bad, good)
    trader.session.report(trader.session.parse.status(trader.at_venue(order), trader.venue.now_ms))
    await trader.heard()
    assert (await trader.order(order)).executed_quantity == D("0.5")
    assert [kept.reason for kept in await world.kept()] == [KeepReason.UNREADABLE]
    assert len(world.alarms.of(Alarm.REPORT_UNREADABLE)) == 1
    trader.venue.fill(trader.at_venue(order), "0.5")
    await trader.heard()
    assert (await trader.order(order)).status is OrderStatus.FILLED
    await world.settle()
    await check_truth(trader)


@some_kinds
async def test_a_refused_report_does_not_hold_up_other_accounts(world: World, trader: Trader) -> None:
    other = await world.connect(trader.venue)
    order, others = await trader.submit(quantity="1"), await other.submit(quantity="1")
    bad = replace(
        trader.session.parse.external(trader.at_venue(order), trader.venue.now_ms),
        sent_id=None,
        venue_order_id="\x00",
    )
    for _ in range(3):
        trader.session.report(bad)
    other.venue.fill(other.at_venue(others), "1")
    await other.heard()
    await trader.heard()
    assert (await other.order(others)).status is OrderStatus.FILLED
    await world.settle()
    await check_truth(other)


@some_kinds
async def test_a_venue_order_id_that_another_order_has_is_refused_with_an_alarm(world: World, trader: Trader) -> None:
    first = await trader.submit(quantity="1")
    trader.session.hold_stream()
    trader.script.next("submit", Fault.LOSE_REPLY)
    second = await trader.submit(quantity="1")
    claim = AcceptedReport(
        account_id=trader.id, instrument_id=second.instrument_id, sent_id=second.sent_id, executed_quantity=D(0),
        venue_order_id=first.venue_order_id, at_ms=trader.venue.now_ms,
    )  # fmt: skip
    trader.session.report(claim)
    await trader.session.delivered()
    assert world.alarms.of(Alarm.VENUE_IDS_REPEATED)
    assert (await trader.order(second)).is_in_doubt
    await world.pass_time(6_000)
    answered = await trader.order(second)
    # The alarm halts the account, and what answers then on a halted account is canceled.
    assert (answered.status, answered.venue_order_id) == (OrderStatus.CANCELED, trader.at_venue(second).id)
    assert not (await trader.order(first)).is_closed
    trader.session.release_stream()
    await world.settle()
    await check_truth(trader)


@only(PER_SYMBOL)
async def test_the_same_venue_order_id_in_another_symbol_is_no_contradiction(world: World, trader: Trader) -> None:
    first = await trader.submit()
    trader.script.next("submit", Fault.LOSE_REPLY)
    second = await trader.submit(instrument_id=trader.venue.eth)
    await world.pass_time(6_000)
    answered = await trader.order(second)
    assert (answered.status, answered.venue_order_id) == (OrderStatus.ACCEPTED, first.venue_order_id)
    assert not world.alarms.sounded


@some_kinds
async def test_a_number_that_is_no_number_of_a_fill_is_kept_aside(world: World, trader: Trader) -> None:
    order = await trader.submit(quantity="1")
    fill = trader.venue.fill(trader.at_venue(order), "0.5")
    claims = [
        FillReport(
            account_id=trader.id, instrument_id=order.instrument_id, sent_id=order.sent_id, at_ms=trader.venue.now_ms,
            trade_id=f"odd {quantity} {price}", side=Side.BUY, price=D(price), quantity=D(quantity),
        )
        for quantity, price in (("0", "100"), ("-1", "100"), ("0.1", "0"))
    ]  # fmt: skip
    trader.session.report(*claims, trader.session.parse.fill(fill))
    await trader.heard()
    assert {kept.reason for kept in await world.kept()} == {KeepReason.NOT_POSITIVE}
    assert len(world.alarms.of(Alarm.REPORT_REFUSED)) == 3
    check_fills(trader, list(await trader.orders()))


def of_another_type(trader: Trader) -> ExternalOrderReport:
    """An order of an instrument type that the account does not trade."""
    return ExternalOrderReport(
        account_id=trader.id, at_ms=trader.venue.now_ms, instrument_id=trader.venue.perpetual, venue_order_id="77",
        side=Side.BUY, type=OrderType.LIMIT, time_in_force=TimeInForce.GTC, quantity=D(1), executed_quantity=D(0),
        limit_price=D(100),
    )  # fmt: skip


@some_kinds
async def test_a_fill_beside_a_refused_report_is_published_as_it_is_booked(world: World, trader: Trader) -> None:
    order = await trader.submit(quantity="1")
    trader.session.hold_stream()
    fill = trader.venue.fill(trader.at_venue(order), "1")
    trader.session.report(trader.session.parse.fill(fill), of_another_type(trader))
    await trader.session.delivered()
    trader.session.release_stream()
    await trader.heard()
    assert (await trader.order(order)).status is OrderStatus.FILLED
    assert [kept.reason for kept in await world.kept()] == [KeepReason.REFUSED]
    assert len(world.alarms.of(Alarm.REPORT_REFUSED)) == 1
    async with world.process.storage.read() as uow:
        log = await uow.events.after(trader.id, 0, 100)
    orders = [event.body for event in log if isinstance(event.body, OrderUpdated)]
    assert orders[-1].order.status is OrderStatus.FILLED
    assert [execution.trade_id for body in orders for execution in body.executions] == [fill.trade_id]
    assert [event.sequence for event in world.publisher.events if event.account_id == trader.id][-1] == log[-1].sequence
    await world.settle()
    await check_truth(trader)


@only(STREAMED, COMPARED)
async def test_a_position_of_another_type_in_a_snapshot_is_set_aside_once(world: World, trader: Trader) -> None:
    trader.at.positions[trader.venue.perpetual] = (D(1), D(100))
    trader.at.as_of += 1
    trader.session.break_stream()
    trader.venue.deposit(trader.at, "USDT", "5")
    trader.session.restore_stream()
    await world.pass_time(2 * EVERY_MS + 60_000, 10_000)
    assert trader.takes_orders
    assert not await trader.positions()
    assert [kept.reason for kept in await world.kept()] == [KeepReason.REFUSED]
    assert len(world.alarms.of(Alarm.REPORT_REFUSED)) == 1
    assert (await trader.balances())["USDT"].total == D(1_000_005), "the rest is taken"


@some_kinds
async def test_an_account_with_an_open_order_of_another_type_is_connected(world: World, kind: Kind) -> None:
    venue = world.venues[kind.spec.venue_id]
    at = venue.add_account("by hand", "key of by hand")
    venue.deposit(at, "USDT", "100")
    venue.place(at, venue.perpetual, Side.BUY, D(1), D(100))
    venue.place(at, venue.btc, Side.BUY, D(1), D(50))
    credential_id = await world.store_credential(venue, TENANT, at)
    view = await world.process.connect_account(actor_of(TENANT), (credential_id,), "by hand", None)
    await world.process.drain()
    assert view.account.status is AccountStatus.ACTIVE
    trader = Trader(world, venue, at, view.account)
    assert [order.instrument_id for order in await trader.orders()] == [venue.btc]
    await world.pass_time(2 * EVERY_MS, 10_000)
    assert [kept.reason for kept in await world.kept()] == [KeepReason.REFUSED]
    assert len(world.alarms.of(Alarm.REPORT_REFUSED)) == 1


@some_kinds
async def test_the_venue_is_asked_once_about_an_order_that_is_refused(world: World, trader: Trader) -> None:
    at = trader.venue.place(trader.at, trader.venue.perpetual, Side.BUY, D(1), D(100))
    trader.venue.fill(at, "1")
    await trader.heard()
    await world.pass_time(60_000, 1_000)
    kept, asked = len(await world.kept()), len(trader.venue.requests("identify"))
    await world.pass_time(600_000, 5_000)
    assert len(trader.venue.requests("identify")) == asked
    assert len(await world.kept()) == kept
    assert len(world.alarms.of(Alarm.REPORT_REFUSED)) == 1


@only(STREAMED, DESK)
async def test_a_contradiction_that_is_kept_raises_one_alarm_across_restarts(world: World, trader: Trader) -> None:
    order = await trader.submit(quantity="1")
    for _ in range(2):
        trader.venue.fill(trader.at_venue(order), "1")
    await trader.heard()
    assert len(world.alarms.of(Alarm.REPORT_REFUSED)) == 1
    for _ in range(2):
        await world.crash()
        await world.pass_time(5_000)
    assert trader.takes_orders
    assert [kept.reason for kept in await world.kept()] == [KeepReason.MORE_THAN_ORDERED]
    assert len(world.alarms.of(Alarm.REPORT_REFUSED)) == 1


@only(STREAMED)
async def test_a_refused_position_raises_one_alarm_across_restarts(world: World, trader: Trader) -> None:
    trader.at.positions[trader.venue.perpetual] = (D(1), D(100))
    for _ in range(2):
        trader.at.as_of += 1
        world.clock.advance(1_000)
        await world.crash()
        await world.pass_time(5_000)
    assert [kept.reason for kept in await world.kept()] == [KeepReason.REFUSED]
    assert len(world.alarms.of(Alarm.REPORT_REFUSED)) == 1


@only(COMPARED)
async def test_the_fills_of_an_order_that_is_set_aside_do_not_stop_the_corrections(
    world: World, trader: Trader
) -> None:
    at = trader.venue.place(trader.at, trader.venue.perpetual, Side.BUY, D(1), D(100))
    trader.venue.fill(at, "1")
    await trader.heard()
    assert {kept.reason for kept in await world.kept()} == {KeepReason.REFUSED, KeepReason.NOT_TRADED}
    trader.at.totals["ETH"] += 1
    await world.pass_time(2 * EVERY_MS + 60_000, 10_000)
    assert (await trader.balances())["ETH"].total == trader.at.totals["ETH"]
    assert len(world.alarms.of(Alarm.REPORT_REFUSED)) == 1


@only(COMPARED)
async def test_a_report_that_an_operator_dismissed_does_not_stop_the_corrections(world: World, trader: Trader) -> None:
    stray = FillReport(
        account_id=trader.id, at_ms=trader.venue.now_ms, instrument_id=trader.venue.btc, venue_order_id="stray",
        trade_id="7", side=Side.BUY, price=D(100), quantity=D(1),
    )  # fmt: skip
    trader.session.report(stray)
    await trader.heard()
    trader.at.totals["ETH"] += 1
    await world.pass_time(2 * EVERY_MS + 60_000, 10_000)
    assert (await trader.balances())["ETH"].total == D(10)
    async with world.process.storage.begin() as uow:
        assert await uow.kept.dismiss(name_of(stray))
        assert not await uow.kept.dismiss(name_of(stray)), "once"
        await uow.commit()
    trader.session.report(stray)
    await world.pass_time(2 * EVERY_MS + 60_000, 10_000)
    assert (await trader.balances())["ETH"].total == trader.at.totals["ETH"]
    assert not await world.kept()
    async with world.process.storage.read() as uow:
        assert (await uow.kept.summary()).oldest_kept_at_ms is None


@only(STREAMED, DESK)
async def test_an_operator_cancels_what_is_left_of_an_enlarged_closed_order(world: World, trader: Trader) -> None:
    order = await trader.submit(quantity="1")
    at = trader.at_venue(order)
    trader.venue.fill(at, "1")
    await trader.heard()
    at.status = VenueOrderStatus.WORKING
    trader.venue.amend(at, "3", "100")
    await trader.heard()
    trading = world.process.trading
    cancel = CancelClosed(storage=world.process.storage, sessions=trading.sessions, send_cancel=trading.send_cancel)
    trader.session.break_stream()
    await trader.heard()
    with pytest.raises(VenueUnavailable):
        await cancel({"order_id": str(order.id)})
    trader.session.restore_stream()
    await world.pass_time(2_000)
    trader.script.next("cancel", Fault.HOLD)
    late = asyncio.create_task(cancel({"order_id": str(order.id)}))
    await until(lambda: trader.script.waiting > 0, "the cancel to be on its way")
    world.clock.advance(trader.venue.kind.spec.reply_ms_max)
    with pytest.raises(VenueUnavailable):
        await late
    await cancel({"order_id": str(order.id)})
    assert at.status is VenueOrderStatus.CANCELED
    assert (await trader.order(order)).status is OrderStatus.FILLED
    open_order = await trader.submit(quantity="1")
    await cancel({"order_id": str(open_order.id)})
    assert len(trader.venue.requests("cancel")) == 1, "an open order is canceled by the API"
    await world.settle()
    await check_truth(trader)


@pytest.mark.parametrize("id", ["a\x00b", "\ud800"], ids=["NUL", "surrogate"])
@only(STREAMED)
async def test_a_name_that_no_database_holds_does_not_block_a_replay(world: World, trader: Trader, id: str) -> None:
    trader.session.break_stream()
    await trader.session.delivered()
    trader.venue.place(trader.at, trader.venue.btc, Side.BUY, D(1), D(90), sent_id=id, is_by_hand=False)
    trader.session.restore_stream()
    await world.pass_time(5_000)
    assert trader.takes_orders
    assert world.alarms.of(Alarm.REPORT_UNREADABLE)


@pytest.mark.parametrize(
    ("asset", "total"),
    [("USDT", "1E+200000"), ("USDT", "1E-20000"), ("USDT", "NaN"), ("A\x00B", "1"), ("\ud800", "1")],
    ids=["huge", "tiny", "no number", "NUL", "surrogate"],
)
@only(STREAMED)
async def test_a_balance_that_no_database_holds_does_not_block_the_account(
    world: World, trader: Trader, asset: str, total: str
) -> None:
    trader.session.break_stream()
    await trader.session.delivered()
    trader.at.totals[asset] = D(total)
    trader.at.as_of += 1
    trader.session.restore_stream()
    await world.pass_time(2 * EVERY_MS, 10_000)
    assert trader.takes_orders
    assert (await trader.balances())["USDT"].total == D(1_000_000)
    assert len(world.alarms.of(Alarm.REPORT_UNREADABLE)) == 1


@pytest.mark.parametrize(("price", "quantity"), [("1E+200000", "1"), ("100", "1E+200000"), ("NaN", "1")])
@only(STREAMED)
async def test_an_order_by_hand_that_no_database_holds_is_set_aside(
    world: World, trader: Trader, price: str, quantity: str
) -> None:
    trader.venue.place(trader.at, trader.venue.btc, Side.BUY, D(quantity), D(price))
    await world.pass_time(10_000)
    assert trader.takes_orders
    assert await trader.orders() == []
    assert world.alarms.of(Alarm.REPORT_UNREADABLE)


@only(STREAMED)
async def test_an_account_that_holds_an_odd_asset_is_connected(world: World, kind: Kind) -> None:
    trader = await world.connect(world.venues[kind.spec.venue_id], holdings={"USDT": "1000", "A\x00B": "1"})
    assert trader.takes_orders
    assert world.alarms.of(Alarm.REPORT_UNREADABLE)
