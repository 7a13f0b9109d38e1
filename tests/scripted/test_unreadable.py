"""What a connector cannot read is kept aside with one alarm, and everything beside it goes on."""

from dataclasses import replace
from decimal import Decimal

from cadenza.application.orders.take_snapshots import AFTER_UNREADABLE_MS, EVERY_MS
from cadenza.domain.market.enums import Side
from cadenza.domain.trading.enums import OrderStatus
from cadenza.domain.trading.kept import KeepReason
from cadenza.domain.trading.order import Doubt
from cadenza.domain.trading.reports import UNREADABLE_TEXT_LENGTH_MAX, UnreadableReport
from cadenza.ports.alarms import Alarm
from cadenza.wire.orders import trade_order
from cadenza.wire.push import encode_account_event
from tests.scripted.kinds import only
from tests.scripted.specs import COMPARED, DESK, FORGETFUL, NO_LOOKUP, PER_SYMBOL, POLLED, STREAMED
from tests.scripted.truth import check_truth
from tests.scripted.venue import VenueOrder
from tests.scripted.world import Trader, World

D = Decimal
some_kinds = only(STREAMED, POLLED, DESK, NO_LOOKUP, PER_SYMBOL)


def place_odd(trader: Trader) -> VenueOrder:
    return trader.venue.place(trader.at, trader.venue.eth, Side.BUY, D(1), D(100), is_odd=True)


async def unreadable(world: World) -> list[UnreadableReport]:
    return [kept.report for kept in await world.kept() if isinstance(kept.report, UnreadableReport)]


@some_kinds
async def test_a_line_of_a_replay_that_cannot_be_read_does_not_stop_the_account(world: World, trader: Trader) -> None:
    order = await trader.submit()
    trader.session.break_stream()
    await trader.heard()
    place_odd(trader)
    trader.venue.fill(trader.at_venue(order), "1")
    trader.session.restore_stream()
    await world.pass_time(20_000, 1_000)
    assert trader.takes_orders
    assert (await trader.order(order)).status is OrderStatus.FILLED
    assert KeepReason.UNREADABLE in {kept.reason for kept in await world.kept()}
    assert world.alarms.of(Alarm.REPORT_UNREADABLE)
    await check_truth(trader)


@some_kinds
async def test_the_same_line_is_kept_and_shown_once(world: World, trader: Trader) -> None:
    trader.session.break_stream()
    await trader.heard()
    place_odd(trader)
    trader.session.restore_stream()
    await world.pass_time(20_000, 1_000)
    kept, alarms = len(await world.kept()), len(world.alarms.sounded)
    for _ in range(2):
        await world.crash()
        await world.pass_time(20_000, 1_000)
    await world.pass_time(2 * EVERY_MS, 10_000)
    assert (len(await world.kept()), len(world.alarms.sounded)) == (kept, alarms)
    assert len(await unreadable(world)) == kept == alarms
    assert trader.takes_orders


@only(STREAMED, POLLED, FORGETFUL)
async def test_after_a_message_that_cannot_be_read_the_whole_account_is_read_soon(world: World, trader: Trader) -> None:
    order = await trader.submit()
    at = trader.at_venue(order)
    at.is_odd = True
    trader.venue.fill(at, "0.5")
    await trader.heard()
    at.is_odd = False  # the message alone was odd
    assert (await trader.order(order)).executed_quantity == 0
    await world.pass_time(AFTER_UNREADABLE_MS + 2_000, 1_000)
    assert (await trader.order(order)).executed_quantity == D("0.5")
    assert await unreadable(world)
    await check_truth(trader)


@only(STREAMED)
async def test_an_order_whose_state_cannot_be_read_is_in_doubt_and_shown(world: World, trader: Trader) -> None:
    order = await trader.submit()
    trader.at_venue(order).is_odd = True
    await world.pass_time(EVERY_MS + 20_000, 5_000)
    assert (await trader.order(order)).doubt is Doubt.UNDETERMINED
    assert len(world.alarms.of(Alarm.OUTCOME_UNDETERMINED)) == 1
    asked = len(trader.venue.requests("lookup"))
    await world.pass_time(2 * EVERY_MS, 10_000)
    assert len(trader.venue.requests("lookup")) == asked, "asking again brings the same text"
    trader.at_venue(order).is_odd = False
    trader.session.report(trader.session.parse.status(trader.at_venue(order), trader.venue.now_ms))
    await trader.heard()
    assert not (await trader.order(order)).is_in_doubt


@only(STREAMED, PER_SYMBOL)
async def test_the_fills_of_an_order_that_cannot_be_read_do_not_make_it_asked_for_ever(
    world: World, trader: Trader
) -> None:
    at = place_odd(trader)
    await trader.heard()
    at.is_odd = False
    fill = trader.venue.fill(at, "0.5")
    at.is_odd = True
    await trader.heard()
    await world.pass_time(60_000, 1_000)
    asked = len(trader.venue.requests("identify"))
    await world.pass_time(600_000, 10_000)
    assert len(trader.venue.requests("identify")) == asked
    assert fill.trade_id in [getattr(kept.report, "trade_id", None) for kept in await world.kept()]


@only(STREAMED, COMPARED)
async def test_a_snapshot_with_an_unreadable_balance_keeps_what_is_known_of_it(world: World, trader: Trader) -> None:
    await world.pass_time(1_000)
    trader.venue.odd_assets.add("ETH")
    trader.session.break_stream()
    trader.at.totals["USDT"] += 5
    trader.at.as_of += 1
    trader.session.restore_stream()
    await world.pass_time(2 * EVERY_MS, 10_000)
    balances = await trader.balances()
    assert (balances["ETH"].total, balances["USDT"].total) == (10, 1_000_005)
    assert len(await unreadable(world)) == 1
    assert len(world.alarms.of(Alarm.REPORT_UNREADABLE)) == 1


@only(STREAMED, DESK)
async def test_a_text_of_any_length_and_of_any_characters_is_kept(world: World, trader: Trader) -> None:
    order = await trader.submit()
    fill = trader.venue.fill(trader.at_venue(order), "1")
    odd = UnreadableReport(
        account_id=trader.id, at_ms=0, text="\x00\ud800" + "x" * 100_000, why="\ud800", venue_order_id="\x00",
    )  # fmt: skip
    trader.session.report(odd, odd, trader.session.parse.fill(fill))
    trader.session.report(odd)
    await trader.heard()
    assert (await trader.order(order)).status is OrderStatus.FILLED
    (kept,) = await unreadable(world)
    assert kept.text.startswith("\\x00\\ud800xxx")
    assert len(kept.text) < UNREADABLE_TEXT_LENGTH_MAX + 100
    assert len(world.alarms.of(Alarm.REPORT_UNREADABLE)) == 1


@only(STREAMED, DESK)
async def test_a_fill_with_an_instant_that_no_calendar_holds_is_set_aside(world: World, trader: Trader) -> None:
    order = await trader.submit(quantity="1")
    trader.session.hold_stream()
    fill = trader.venue.fill(trader.at_venue(order), "0.5")
    in_ms = trader.session.parse.fill(fill)
    trader.session.report(replace(in_ms, at_ms=in_ms.at_ms * 1_000))
    await trader.heard()
    assert (await trader.order(order)).executed_quantity == 0
    assert len(world.alarms.of(Alarm.REPORT_UNREADABLE)) == 1
    trader.session.release_stream()
    await trader.heard()
    shown = await trader.order(order)
    assert shown.executed_quantity == D("0.5")
    assert trade_order(shown).executed_quantity == "0.5"
    for event in world.publisher.events:
        encode_account_event(event)
