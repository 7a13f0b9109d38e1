"""TC-N: news that come twice, late, in the wrong order, changed afterwards, or not at all."""

import asyncio
from collections.abc import Awaitable, Sequence
from decimal import Decimal

import pytest

from cadenza.domain.market.enums import Side
from cadenza.domain.trading.enums import OrderStatus
from cadenza.domain.trading.execution import Execution, Fee
from cadenza.domain.trading.order import Order
from cadenza.domain.trading.reports import AcceptedReport, BalanceReport, FillReport, Report
from cadenza.ports.venue import AccountSnapshot
from tests.conformance.booked import Booked
from tests.conformance.harness import (
    Capability,
    Trader,
    VenueUnderTest,
    Word,
    about,
    believed,
)
from tests.conformance.needs import (
    believes_balances,
    has_balances,
    has_news,
    has_replay,
    keeps_books,
)
from tests.conformance.orders import Orders
from tests.inhouse_kit import kinds, replayed, until

ONE = Decimal(1)
HALF = Decimal("0.5")
needs = pytest.mark.needs.with_args


async def test_tc_n01_a_fill_counts_once_whatever_brings_it(
    trader: Trader, orders: Orders, venue: VenueUnderTest
) -> None:
    """By the reply, by the stream (twice, where that can be done), by a lookup and by a replay, in either order."""
    start = await trader.session.snapshot()
    await venue.pass_time(1)
    order = orders.market(trader, Side.BUY, ONE)
    if Capability.REPEATS in venue.capabilities:
        trader.replies.extend(await venue.submit_repeated(trader.session, order))
        await until(lambda: trader.executed(order) == ONE, "the fills")
    else:
        await trader.submit(order)
    for answer in await trader.asked_again(order):
        assert believed(order, answer).executed_quantity == ONE, "each source alone brings all of it"
    reported = about(order, trader.reported)
    fills = [report for report in reported if isinstance(report, FillReport)]
    assert len(fills) > len({fill.trade_id for fill in fills}), "the fills came more than once"
    for reports in (reported, reported[::-1]):
        booked = Booked(trader, start, order).take(reports)
        known = booked.order(order)
        assert (known.status, known.executed_quantity) == (OrderStatus.FILLED, ONE)
        assert booked.kept == []
        assert sorted(e.trade_id for e in known.executions) == sorted({fill.trade_id for fill in fills})
        _check_ledger(booked, start, order)


@needs(Capability.CORRECTIONS, Capability.RESTING_FILLS)
async def test_tc_n02_a_bust_takes_an_execution_back(trader: Trader, orders: Orders, venue: VenueUnderTest) -> None:
    start = await trader.session.snapshot()
    order = await _filled_in_halves(trader, orders, venue)
    await venue.bust(order)
    await trader.learn(order, "the bust", lambda: trader.believed(order).executed_quantity == HALF)
    await _check_everywhere(trader, start, order)
    assert trader.believed(order).executed_quantity == HALF
    assert [e.is_busted for e in _by_time(trader.believed(order))] == [False, True]


@needs(Capability.CORRECTIONS, Capability.RESTING_FILLS)
async def test_tc_n03_a_correction_replaces_an_execution(trader: Trader, orders: Orders, venue: VenueUnderTest) -> None:
    start = await trader.session.snapshot()
    order = await _filled_in_halves(trader, orders, venue)
    price = venue.prices.bid - 7 * venue.spot.price_step(venue.prices.bid)
    await venue.correct(order, price)

    def prices() -> list[Decimal]:
        return [execution.price for execution in _by_time(trader.believed(order))]

    await trader.learn(order, "the correction", lambda: price in prices())
    await _check_everywhere(trader, start, order)
    assert prices() == [order.limit_price, price]
    assert trader.believed(order).executed_quantity == ONE


@needs(Capability.LATE_FEES, Capability.RESTING_FILLS)
async def test_tc_n04_a_late_fee_is_charged_once(trader: Trader, orders: Orders, venue: VenueUnderTest) -> None:
    start = await trader.session.snapshot()
    order = venue.to_be_filled(orders.resting(trader, Side.BUY, ONE))
    await trader.submit(order)
    await venue.fill_without_fee(order, ONE)
    await trader.learn_fills(order, ONE)

    def fees() -> Sequence[Fee]:
        return [fee for execution in trader.believed(order).executions for fee in execution.fees]

    assert fees() == []
    for quantity in (Decimal("0.25"), Decimal("0.3")):  # the second one replaces the first
        charged = [Fee(venue.spot.quote_asset, quantity)]
        await venue.charge(order, quantity)
        await trader.learn(order, "the fee", lambda charged=charged: fees() == charged)
        await _check_everywhere(trader, start, order)


async def test_tc_n05_a_caller_that_stops_waiting_does_not_cancel_the_order(
    trader: Trader, orders: Orders, venue: VenueUnderTest
) -> None:
    """The reply is delivered when it comes. An order that may be dropped before it was sent is proved dead then."""
    order = orders.resting(trader, Side.BUY, ONE)
    has_left = Capability.SLOW_REPLIES in venue.capabilities
    call = await venue.submit_slowly(trader.session, order) if has_left else trader.session.submit(order)
    assert trader.sink.of(AcceptedReport) == []
    await _abandon(call)
    if has_left:
        await venue.let_replies_come()
    elif Capability.DROPS_UNSENT in venue.capabilities:
        fence = venue.connector.spec.fence
        assert fence is not None
        await venue.pass_time(venue.connector.spec.send_within_ms + fence.margin_ms + 1)
        assert kinds(await trader.lookup(order)) == ["Rejected"]
        assert await trader.has_open()
        return
    await until(lambda: "Accepted" in kinds(about(order, trader.sink.reports)), "the late reply")
    known = believed(order, trader.sink.reports)
    assert (known.status, known.is_in_doubt) == (OrderStatus.ACCEPTED, False)
    assert await trader.has_open(order)


async def test_tc_n06_a_caller_that_stops_waiting_does_not_cancel_the_cancel(
    trader: Trader, orders: Orders, venue: VenueUnderTest
) -> None:
    """The reply is delivered when it comes. A cancel that may be dropped before it was sent can be sent again."""
    order = orders.resting(trader, Side.BUY, ONE)
    await trader.submit(order)
    has_left = Capability.SLOW_CANCELS in venue.capabilities
    known = trader.believed(order)
    await _abandon(await venue.cancel_slowly(trader.session, known) if has_left else trader.session.cancel(known))
    if has_left:
        await venue.let_replies_come()
    elif Capability.DROPS_UNSENT in venue.capabilities:
        await trader.cancel(order)
    await until(lambda: "Canceled" in kinds(about(order, trader.reported)), "the late reply")
    assert trader.believed(order).status is OrderStatus.CANCELED
    assert await trader.has_open()


@needs(Capability.SILENCE, Capability.RESTING_FILLS, has_replay)
async def test_tc_n07_a_silent_stream_is_found_out_by_comparison(
    trader: Trader, orders: Orders, venue: VenueUnderTest
) -> None:
    """A stream without news that agrees with the venue is left alone. Without a stream, the reading is the news."""
    order = venue.to_be_filled(orders.resting(trader, Side.BUY, ONE))
    await trader.submit(order)
    await venue.pass_time(60_000)
    await venue.compare(trader.session)
    assert trader.sink.life == []
    await venue.fall_silent(trader.session)
    await venue.fill_up_to(order, HALF)
    await venue.pass_time(5_000)
    assert trader.executed(order) == 0
    await venue.compare(trader.session)
    if not has_news(venue.connector.spec):
        assert (trader.executed(order), trader.sink.life) == (HALF, [])
        return
    (lost, _), (restored, gap_since_ms) = trader.sink.life
    assert (lost, restored) == ("lost", "restored")
    assert isinstance(gap_since_ms, int)
    missed = await replayed(trader.session, gap_since_ms)
    assert believed(order, [*trader.reported, *missed]).executed_quantity == HALF
    await venue.fill_up_to(order, ONE)
    await until(lambda: trader.executed(order) == HALF, "the stream brings news again")


@needs(believes_balances)
async def test_tc_n08_a_newer_balance_stays_when_an_older_one_comes(
    trader: Trader, orders: Orders, venue: VenueUnderTest
) -> None:
    """`as_of` says which of two balances, or positions, is newer, whether the stream or a snapshot brings it."""
    snapshots = [await trader.session.snapshot()]
    for _ in range(3):
        await venue.pass_time(1)
        await trader.submit(orders.market(trader, Side.BUY, HALF))
        snapshots.append(await trader.session.snapshot())
    start, *_, end = snapshots
    streamed = [each for each in trader.words(trader.sink.reports) if each.as_of > start.as_of]
    assert len({each.as_of for each in streamed}) == len(streamed), "two facts of one millisecond differ too"
    assert all(each.as_of <= end.as_of for each in streamed)
    read = [each for snapshot in snapshots for each in trader.words_of(snapshot)]
    assert [each.as_of for each in read] == sorted({each.as_of for each in read})
    for words in (read, streamed or read):
        for reports in (words, words[::-1], [words[-1], *words, words[0]]):
            assert Booked(trader, start).take(reports).held() == trader.held_in(end)


@needs(has_balances)
async def test_tc_n09_a_balance_and_its_fill_count_once_whichever_comes_first(
    trader: Trader, orders: Orders, venue: VenueUnderTest
) -> None:
    """So does a position. A ledger of ours moves by the fills alone, to what the venue shows."""
    start = await trader.session.snapshot()
    made = [orders.market(trader, Side.BUY, HALF), orders.market(trader, Side.SELL, HALF / 5)]
    for order in made:
        await venue.pass_time(1)
        if Capability.DISORDER in venue.capabilities:
            await venue.hold_stream(trader.session)
            trader.replies.extend(await trader.session.submit(order))
            await venue.release_reversed(trader.session)
        else:
            await trader.submit(order)
    end = await trader.session.snapshot()
    read = [*(end.balances or ()), *(end.positions or ())]
    words = [*(each for each in trader.reported if isinstance(each, Word)), *read]
    others = [each for each in trader.reported if not isinstance(each, Word)]
    ways = [[*trader.reported, *read], [*others, *words]]
    if not venue.connector.spec.balances_follow_fills:
        ways += [[*words, *others], [*trader.sink.reports[::-1], *words, *trader.replies]]
    for reports in ways:
        booked = Booked(trader, start, *made).take(reports)
        assert [booked.order(order).executed_quantity for order in made] == [HALF, HALF / 5]
        assert (booked.corrections, booked.kept) == ([], [])
        assert booked.held() == trader.held_in(end)
        for asset in (venue.spot.base_asset, venue.spot.quote_asset):
            assert booked.total(asset) == _total(end, asset)


@needs(keeps_books)
async def test_tc_n10_what_the_venue_says_of_its_books_contains_every_fill_up_to_its_instant(
    trader: Trader, orders: Orders, venue: VenueUnderTest
) -> None:
    """So a limit can tell whether a fill is in them already. Everything that the stream and a snapshot say counts."""
    start = await trader.held()
    made: list[Order] = []
    for side, quantity in ((Side.BUY, ONE), (Side.SELL, HALF), (Side.BUY, HALF)):
        await venue.pass_time(2)
        made.append(orders.market(trader, side, quantity))
        await trader.submit(made[-1])
        await trader.learn_fills(made[-1], quantity)
    await venue.pass_time(2)
    snapshot = await trader.session.snapshot()
    words = [*trader.words(trader.sink.reports), *trader.words_of(snapshot)]
    said = [(each.at_ms, each.total if isinstance(each, BalanceReport) else each.quantity) for each in words]
    assert snapshot.at_ms in [at_ms for at_ms, _ in said]
    fills = [(order.side, fill) for order in made for fill in trader.fills_of(order)]
    for at_ms, held in said:
        assert held == start + sum(side.sign * trader.moved_by(fill) for side, fill in fills if fill.at_ms <= at_ms)


async def _filled_in_halves(trader: Trader, orders: Orders, venue: VenueUnderTest) -> Order:
    order = venue.to_be_filled(orders.resting(trader, Side.BUY, ONE))
    await trader.submit(order)
    for executed in (HALF, ONE):
        await venue.fill_up_to(order, executed)
        await trader.learn_fills(order, executed)
    return order


async def _abandon(call: Awaitable[Sequence[Report]]) -> None:
    """Let a request begin, and stop waiting for it."""
    task = asyncio.ensure_future(call)
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def _check_everywhere(trader: Trader, start: AccountSnapshot, order: Order) -> None:
    """Assert that whatever is asked says the same of the order, and that it is booked once."""
    heard = list(trader.reported)
    known = _terms(trader.believed(order))
    for answer in await trader.asked_again(order):
        assert _terms(believed(order, answer)) == known
        booked = Booked(trader, start, order).take([*heard, *answer, *answer])
        assert booked.kept == []
        _check_ledger(booked, start, order)
    assert _terms(trader.believed(order)) == known


def _check_ledger(booked: Booked, start: AccountSnapshot, order: Order) -> None:
    """Assert that a ledger of ours moved by what the order's executions say, to the last digit."""
    if not booked.is_ours:
        return
    expected = {asset: _total(start, asset) for asset in (order.base_asset, order.quote_asset)}
    for execution in booked.order(order).executions:
        if not execution.is_busted:
            expected[order.base_asset] += order.side.sign * execution.quantity
            expected[order.quote_asset] -= order.side.sign * execution.quantity * execution.price
            for fee in execution.fees:
                expected[fee.asset] -= fee.quantity
    assert {asset: booked.total(asset) for asset in expected} == expected


def _total(snapshot: AccountSnapshot, asset: str) -> Decimal:
    return sum((each.total for each in snapshot.balances or () if each.asset == asset), Decimal(0))


def _by_time(order: Order) -> list[Execution]:
    return sorted(order.executions, key=lambda execution: execution.executed_at_ms)


def _terms(order: Order) -> list[tuple[object, ...]]:
    return [(e.trade_id, e.price, e.quantity, e.fees, e.is_busted) for e in _by_time(order)]
