"""Balances and positions: the venue's word where it keeps the books, the sum of the fills where we do."""

from dataclasses import replace
from decimal import Decimal

import pytest

from cadenza.domain.accounts.trading_account import AccountType, PositionSide
from cadenza.domain.errors import InsufficientBalance
from cadenza.domain.market.enums import Side
from cadenza.domain.trading.enums import OrderStatus
from cadenza.domain.trading.events import BalanceCorrected, PositionCorrected
from cadenza.domain.trading.position import PositionStatus
from cadenza.domain.trading.reports import BalanceReport, PositionReport
from cadenza.ports.alarms import Alarm
from tests.scripted.kinds import kinds, only
from tests.scripted.session import Fault
from tests.scripted.specs import CLOCK_AHEAD, COMPARED, DESK, POLLED, STREAMED, Kind
from tests.scripted.truth import check_truth
from tests.scripted.world import Trader, World

D = Decimal
streams_balances = kinds(lambda kind: kind.streams_balances)
venue_books = only(STREAMED, POLLED, CLOCK_AHEAD)
AFTER_FILL_MS = 2_000


def _balance(trader: Trader, total: str, as_of: int, asset: str = "USDT") -> BalanceReport:
    return BalanceReport(
        account_id=trader.id, at_ms=trader.venue.now_ms, asset=asset, total=D(total), locked=D(0), borrowed=D(0),
        as_of=as_of,
    )  # fmt: skip


def _position(trader: Trader, quantity: str, as_of: int) -> PositionReport:
    return PositionReport(
        account_id=trader.id, at_ms=trader.venue.now_ms, instrument_id=trader.venue.perpetual, side=PositionSide.NET,
        quantity=D(quantity), entry_price=D(100), as_of=as_of,
    )  # fmt: skip


async def _usdt(trader: Trader) -> Decimal:
    return (await trader.balances())["USDT"].total


# --- the venue keeps the books


@streams_balances
async def test_a_balance_before_its_fill_is_not_counted_twice(world: World, trader: Trader) -> None:
    trader.venue.balance_comes_first = True
    order = await trader.submit(quantity="1", price="100")
    trader.venue.fill(trader.at_venue(order), "1", "100")
    await trader.heard()
    assert (await trader.order(order)).status is OrderStatus.FILLED
    assert await _usdt(trader) == trader.at.totals["USDT"] == D("999899.9")
    await world.settle()
    await check_truth(trader)


@venue_books
async def test_a_fill_moves_no_balance(world: World, trader: Trader) -> None:
    order = await trader.submit(quantity="1", price="100")
    trader.session.hold_stream()
    fill = trader.venue.fill(trader.at_venue(order), "1", "100")
    trader.session.report(trader.session.parse.fill(fill))
    await trader.session.delivered()
    assert (await trader.order(order)).status is OrderStatus.FILLED
    assert await _usdt(trader) == D(1_000_000)


@venue_books
async def test_an_older_balance_never_replaces_a_newer_one(world: World, trader: Trader) -> None:
    trader.session.report(_balance(trader, "500", 1_000))
    trader.session.report(_balance(trader, "700", 999))
    await trader.session.delivered()
    assert await _usdt(trader) == D(500)
    trader.session.report(_balance(trader, "700", 999), _balance(trader, "800", 1_001), _balance(trader, "600", 1_000))
    await trader.session.delivered()
    assert await _usdt(trader) == D(800)


@venue_books
async def test_an_older_position_never_replaces_a_newer_one_nor_revives_a_closed_one(world: World, kind: Kind) -> None:
    trader = await world.connect(world.venues[kind.spec.venue_id], type=AccountType.MARGIN)
    trader.session.report(_position(trader, "2", 1_000), _position(trader, "1", 999))
    await trader.session.delivered()
    assert [p.quantity for p in await trader.positions() if p.status is PositionStatus.OPEN] == [D(2)]
    trader.session.report(_position(trader, "0", 1_001))
    await trader.session.delivered()
    trader.session.report(_position(trader, "2", 1_000))
    await trader.session.delivered()
    await world.crash()
    await world.tick()
    trader.session.report(_position(trader, "2", 1_000))
    await trader.session.delivered()
    assert not [p for p in await trader.positions() if p.status is PositionStatus.OPEN]


@only(STREAMED)
async def test_what_a_venue_has_paid_out_of_a_position_survives_a_crash(world: World, kind: Kind) -> None:
    trader = await world.connect(world.venues[kind.spec.venue_id], type=AccountType.MARGIN)
    for as_of, settled_cost in (1_000, D(210)), (1_001, D("230.000000000000000001")):
        trader.session.report(replace(_position(trader, "2", as_of), settled_cost=settled_cost))
    await trader.session.delivered()
    await world.crash()
    await world.tick()
    (position,) = await trader.positions()
    assert (position.entry_cost, position.settled_cost) == (200, D("230.000000000000000001"))
    assert position.leverage is None, "no word stated it"


@venue_books
async def test_a_position_is_what_the_venue_says(world: World, kind: Kind) -> None:
    trader = await world.connect(world.venues[kind.spec.venue_id], type=AccountType.MARGIN)
    order = await trader.submit(quantity="2", price="100", instrument_id=trader.venue.perpetual)
    trader.venue.fill(trader.at_venue(order), "2", "100")
    await trader.heard()
    await world.settle()
    (position,) = await trader.positions()
    assert (position.quantity, position.entry_cost) == (D(2), D(200))
    liquidation = trader.venue.liquidate(trader.at, trader.venue.perpetual, "80")
    await trader.heard()
    await world.settle()
    assert not [p for p in await trader.positions() if p.status is PositionStatus.OPEN]
    closing = next(order for order in await trader.orders() if order.venue_order_id == liquidation.id)
    assert (closing.is_liquidation, closing.status) == (True, OrderStatus.FILLED)
    await check_truth(trader)


@only(POLLED)
async def test_a_fill_without_newer_word_is_followed_by_one_snapshot_two_seconds_later(
    world: World, trader: Trader
) -> None:
    order = await trader.submit(quantity="1", price="100")
    before = len(trader.venue.requests("snapshot"))
    at = trader.at_venue(order)
    filled_ms = world.clock.monotonic_ms()
    for _ in range(4):
        trader.venue.fill(at, "0.25", "100")
        await trader.heard()
        world.clock.advance(100)
    await world.pass_time(10_000)
    snapshots = trader.venue.requests("snapshot")[before:]
    assert len(snapshots) == 1, "several fills are one reading"
    assert AFTER_FILL_MS <= snapshots[0].elapsed_ms - filled_ms <= AFTER_FILL_MS + 1_000
    assert await _usdt(trader) == trader.at.totals["USDT"]
    await check_truth(trader)


@streams_balances
async def test_a_fill_that_newer_word_follows_needs_no_snapshot(world: World, trader: Trader) -> None:
    order = await trader.submit(quantity="1", price="100")
    before = len(trader.venue.requests("snapshot"))
    trader.venue.fill(trader.at_venue(order), "1", "100")
    await trader.heard()
    await world.pass_time(10_000)
    assert len(trader.venue.requests("snapshot")) == before
    await check_truth(trader)


@venue_books
async def test_a_snapshot_closes_what_it_leaves_out(world: World, kind: Kind) -> None:
    trader = await world.connect(world.venues[kind.spec.venue_id], type=AccountType.MARGIN)
    trader.session.report(_position(trader, "2", 1), _balance(trader, "5", 1, "GONE"))
    await trader.session.delivered()
    trader.at.as_of = 50
    await world.pass_time(301_000, 20_000)
    assert not [p for p in await trader.positions() if p.status is PositionStatus.OPEN]
    assert (await trader.balances())["GONE"].total == 0
    await check_truth(trader)


@venue_books
async def test_an_old_snapshot_does_not_close_what_newer_word_has_opened(world: World, kind: Kind) -> None:
    trader = await world.connect(world.venues[kind.spec.venue_id], type=AccountType.MARGIN)
    trader.session.report(_position(trader, "2", 1_000_000), _balance(trader, "5", 1_000_000, "NEW"))
    await trader.session.delivered()
    await world.pass_time(301_000, 20_000)
    assert [p.quantity for p in await trader.positions() if p.status is PositionStatus.OPEN] == [D(2)]
    assert (await trader.balances())["NEW"].total == D(5)


@venue_books
async def test_what_was_deposited_while_nobody_listened_is_known_after_a_crash(world: World, trader: Trader) -> None:
    await world.process.trading.sessions.close_all()
    trader.venue.deposit(trader.at, "USDT", "5")
    await world.crash()
    await world.tick()
    assert await _usdt(trader) == D(1_000_005)
    await check_truth(trader)


@venue_books
async def test_a_missing_balance_never_stops_an_order(world: World, kind: Kind) -> None:
    trader = await world.connect(world.venues[kind.spec.venue_id], holdings={})
    assert (await trader.submit(quantity="1")).status is OrderStatus.ACCEPTED


@venue_books
async def test_the_venues_refusal_is_the_proof_that_money_is_missing(world: World, trader: Trader) -> None:
    trader.script.next("submit", Fault.REJECT)
    order = await trader.submit(quantity="1")
    assert (order.status, order.reject_reason) == (OrderStatus.REJECTED, "INSUFFICIENT_BALANCE")


# --- our ledger keeps the books


@only(DESK)
async def test_a_desk_with_a_credit_line_and_no_balance_trades(world: World, kind: Kind) -> None:
    trader = await world.connect(world.venues[kind.spec.venue_id], holdings={})
    assert not await trader.balances(), "unknown is not zero"
    order = await trader.submit(Side.BUY, "1", "100")
    trader.venue.fill(trader.at_venue(order), "1", "100")
    await trader.heard()
    await world.settle()
    totals = {asset: balance.total for asset, balance in (await trader.balances()).items()}
    assert totals == {"BTC": D(1), "USDT": D("-100.1")}
    assert not world.alarms.sounded
    await check_truth(trader)


@only(COMPARED)
async def test_a_difference_found_twice_is_corrected_and_shown(world: World, trader: Trader) -> None:
    trader.venue.deposit(trader.at, "USDT", "5")
    await world.pass_time(301_000, 20_000)
    assert await _usdt(trader) == D(1_000_000), "found once, it may be news on its way"
    await world.pass_time(60_000, 1_000)
    assert await _usdt(trader) == D(1_000_005)
    corrections = [event.body for event in world.publisher.events if isinstance(event.body, BalanceCorrected)]
    assert [(c.asset, c.before, c.after) for c in corrections] == [("USDT", D(1_000_000), D(1_000_005))]
    (alarm,) = world.alarms.of(Alarm.BOOKS_DIFFER)
    assert alarm["differences"] == (("USDT", D(1_000_000), D(1_000_005)),)
    assert world.process.trading.compare_books.corrections_total == 1
    await check_truth(trader)


@only(COMPARED)
async def test_a_difference_that_a_report_explains_is_not_corrected(world: World, trader: Trader) -> None:
    order = await trader.submit(quantity="1", price="100")
    trader.session.hold_stream()
    trader.venue.fill(trader.at_venue(order), "1", "100")
    await world.pass_time(301_000, 20_000)
    trader.session.release_stream()
    await trader.heard()
    await world.pass_time(60_000, 1_000)
    assert not world.alarms.of(Alarm.BOOKS_DIFFER)
    assert await _usdt(trader) == D("999899.9")
    await check_truth(trader)


@only(COMPARED)
async def test_a_position_that_differs_twice_is_corrected_with_both_values(world: World, kind: Kind) -> None:
    trader = await world.connect(world.venues[kind.spec.venue_id], type=AccountType.MARGIN)
    order = await trader.submit(quantity="2", price="100", instrument_id=trader.venue.perpetual)
    trader.venue.fill(trader.at_venue(order), "2", "100")
    await trader.heard()
    trader.at.positions[trader.venue.perpetual] = (D(3), D(300))
    trader.at.as_of += 1
    await world.pass_time(400_000, 20_000)
    (position,) = [p for p in await trader.positions() if p.status is PositionStatus.OPEN]
    assert (position.quantity, position.entry_cost) == (D(3), D(300))
    corrections = [event.body for event in world.publisher.events if isinstance(event.body, PositionCorrected)]
    assert [(c.instrument_id, c.before, c.after) for c in corrections] == [(trader.venue.perpetual, D(2), D(3))]
    await check_truth(trader)


@only(COMPARED)
async def test_an_order_that_nobody_can_pay_for_is_not_sent(world: World, kind: Kind) -> None:
    trader = await world.connect(world.venues[kind.spec.venue_id], holdings={"USDT": "50"})
    with pytest.raises(InsufficientBalance):
        await trader.submit(quantity="1", price="100")
    assert not trader.venue.requests("submit")


@only(STREAMED, POLLED)
async def test_borrowed_and_locked_are_the_venues_word(world: World, trader: Trader) -> None:
    order = await trader.submit(quantity="1", price="100")
    await trader.heard()
    await world.pass_time(301_000, 20_000)
    assert (await trader.balances())["USDT"].locked == D(100)
    await trader.cancel(order)
    await trader.heard()
    await world.pass_time(301_000, 20_000)
    assert (await trader.balances())["USDT"].locked == 0


@only(DESK, COMPARED)
async def test_a_balance_of_the_stream_with_a_fill_in_it_is_counted_once(world: World, trader: Trader) -> None:
    """Our ledger keeps the books: the balance comes before the fill that it contains."""
    order = await trader.submit(quantity="1")
    before = {asset: balance.total for asset, balance in (await trader.balances()).items()}
    trader.session.hold_stream()
    trader.venue.fill(trader.at_venue(order), "1")
    trader.session.report(
        *trader.session.parse.balances(trader.at, trader.venue.now_ms, dict.fromkeys(trader.at.totals, D(0)))
    )
    await trader.session.delivered()
    assert {asset: balance.total for asset, balance in (await trader.balances()).items()} == before
    trader.session.release_stream()
    await trader.heard()
    snapshots = len(trader.venue.requests("snapshot"))
    await world.pass_time(10_000)
    assert len(trader.venue.requests("snapshot")) > snapshots or not trader.venue.kind.spec.snapshots
    assert not world.alarms.of(Alarm.BOOKS_DIFFER)
    await world.settle()
    await check_truth(trader)


@only(STREAMED)
async def test_of_two_balances_with_one_as_of_the_first_counts(world: World, trader: Trader) -> None:
    trader.session.report(_balance(trader, "2", 99, "ETH"))
    trader.session.report(_balance(trader, "1", 99, "ETH"))
    await trader.heard()
    assert (await trader.balances())["ETH"].total == 2


@only(STREAMED)
async def test_facts_of_one_millisecond_are_numbered_within_it(world: World, trader: Trader) -> None:
    """A venue that states milliseconds: instant times 1000 plus the number within the instant."""
    instant = trader.venue.now_ms * 1_000
    words = [_balance(trader, total, instant + number, "ETH") for number, total in enumerate(("3", "2", "1"))]
    trader.session.report(*words)
    for late in words:
        trader.session.report(late)
    await trader.heard()
    assert (await trader.balances())["ETH"].total == 1


@only(STREAMED)
async def test_an_older_balance_after_a_fill_does_not_make_the_snapshot_needless(world: World, trader: Trader) -> None:
    order = await trader.submit()
    fill = trader.session.parse.fill(trader.venue.fill(trader.at_venue(order), "0.5"))
    await trader.heard()
    await world.pass_time(5_000)
    read = len(trader.venue.requests("snapshot"))
    at_ms = trader.venue.now_ms
    old = _balance(trader, "7", 1, "ETH")
    trader.session.report(replace(fill, trade_id="later", quantity=D("0.1"), at_ms=at_ms), old)
    trader.session.report(old)
    await trader.session.delivered()
    await world.pass_time(5_000)
    assert len(trader.venue.requests("snapshot")) == read + 1


@only(STREAMED)
async def test_a_balance_from_before_the_fill_does_not_make_the_snapshot_needless(world: World, trader: Trader) -> None:
    order = await trader.submit()
    fill = trader.session.parse.fill(trader.venue.fill(trader.at_venue(order), "0.5"))
    await trader.heard()
    await world.pass_time(5_000)
    read = len(trader.venue.requests("snapshot"))
    at_ms = trader.venue.now_ms
    later = replace(fill, trade_id="later", quantity=D("0.1"), at_ms=at_ms)
    before = replace(_balance(trader, "7", trader.at.as_of + 1, "ETH"), at_ms=at_ms - 1)
    trader.session.report(later, before)
    await trader.session.delivered()
    await world.pass_time(5_000)
    assert len(trader.venue.requests("snapshot")) == read + 1
    after = replace(_balance(trader, "8", trader.at.as_of + 2, "ETH"), at_ms=trader.venue.now_ms)
    latest = replace(fill, trade_id="latest", quantity=D("0.1"), at_ms=trader.venue.now_ms)
    trader.session.report(latest, after)
    await trader.session.delivered()
    await world.pass_time(5_000)
    assert len(trader.venue.requests("snapshot")) == read + 1, "the balance is newer than the fill"


@only(DESK)
async def test_a_balance_that_a_desk_without_snapshots_streams_is_compared_and_shown(
    world: World, trader: Trader
) -> None:
    order = await trader.submit()
    trader.venue.fill(trader.at_venue(order), "1")
    await trader.heard()
    world.clock.advance(10)
    trader.session.report(_balance(trader, "1", 5, "BTC"))
    await trader.heard()
    await world.pass_time(120_000, 1_000)
    assert not world.alarms.sounded
    trader.session.report(_balance(trader, "3", 6, "BTC"))
    await trader.heard()
    await world.pass_time(30_000, 1_000)
    assert not world.alarms.sounded, "a fill may explain it yet"
    await world.pass_time(60_000, 1_000)
    (facts,) = world.alarms.of(Alarm.BOOKS_DIFFER)
    assert (facts["differences"], facts["is_corrected"]) == ((("BTC", D(1), D(3)),), False)
    assert trader.id in world.process.trading.compare_books.differing
    assert (await trader.balances())["BTC"].total == 1, "it is shown, not taken over"
    trader.session.report(_balance(trader, "1", 7, "BTC"))
    await trader.heard()
    await world.pass_time(5_000, 1_000)
    assert not world.process.trading.compare_books.differing


@only(DESK)
async def test_a_desk_s_balance_from_before_a_fill_is_not_compared(world: World, trader: Trader) -> None:
    order = await trader.submit()
    trader.session.report(_balance(trader, "0", 5, "BTC"))
    await trader.heard()
    world.clock.advance(10)
    trader.venue.fill(trader.at_venue(order), "1")
    await trader.heard()
    await world.pass_time(200_000, 1_000)
    assert not world.alarms.sounded
