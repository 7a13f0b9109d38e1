"""TC-E: orders and their ends, at every venue."""

import asyncio
from dataclasses import replace
from decimal import Decimal

import pytest

from cadenza.domain.accounts.trading_account import AccountType
from cadenza.domain.market.enums import Side
from cadenza.domain.trading.enums import CancelReason, OrderStatus
from cadenza.domain.trading.reports import (
    CanceledReport,
    CancelRefusal,
    CancelRefusedReport,
    ExternalOrderReport,
    FillReport,
    NotSentReport,
    OrderReport,
    RejectedReport,
)
from cadenza.ports.venue import AccountSnapshot
from tests.conformance.harness import (
    Capability,
    Trader,
    VenueUnderTest,
    about,
    believed,
    trader_at,
)
from tests.conformance.needs import CANCELS_ALL, has_balances, has_news
from tests.conformance.orders import Orders
from tests.inhouse_kit import kinds, replayed, until

ONE = Decimal(1)
HALF = Decimal("0.5")
needs = pytest.mark.needs.with_args


async def test_tc_e01_a_resting_order_is_accepted_and_shown(trader: Trader, orders: Orders) -> None:
    order = orders.resting(trader, Side.BUY, ONE)
    (report,) = await trader.submit(order)
    assert kinds([report]) == ["Accepted"]
    assert about(order, [report])
    assert report.venue_order_id
    (shown,) = (await trader.session.snapshot()).open_orders
    assert about(order, [report], [shown])
    assert shown.venue_order_id == report.venue_order_id
    assert (shown.instrument_id, shown.side, shown.quantity) == (order.instrument_id, order.side, ONE)
    assert shown.limit_price == order.limit_price


async def test_tc_e02_a_market_order_is_filled_at_once(trader: Trader, orders: Orders, venue: VenueUnderTest) -> None:
    order = orders.market(trader, Side.BUY, ONE)
    reports = await trader.submit(order)
    assert believed(order, reports).status is OrderStatus.FILLED
    for fill in trader.fills_of(order):
        assert fill.trade_id
        assert (fill.instrument_id, fill.side) == (venue.spot.id, Side.BUY)
        assert fill.price >= venue.prices.ask
        assert fill.liquidity is not None


@needs(Capability.RESTING_FILLS)
async def test_tc_e03_a_resting_order_is_filled_by_the_market(
    trader: Trader, orders: Orders, venue: VenueUnderTest
) -> None:
    order = venue.to_be_filled(orders.resting(trader, Side.BUY, ONE))
    await trader.submit(order)
    await venue.fill_up_to(order, ONE)
    await trader.learn_fills(order, ONE)
    assert {fill.price for fill in trader.fills_of(order)} == {order.limit_price}
    assert believed(order, trader.reported).status is OrderStatus.FILLED


@needs(Capability.RESTING_FILLS)
async def test_tc_e04_a_part_is_filled_and_the_rest_works_on(
    trader: Trader, orders: Orders, venue: VenueUnderTest
) -> None:
    order = venue.to_be_filled(orders.resting(trader, Side.SELL, ONE))
    await trader.submit(order)
    await venue.fill_up_to(order, HALF)
    await trader.learn_fills(order, HALF)
    assert believed(order, trader.reported).status is OrderStatus.PARTIALLY_FILLED
    assert await trader.has_open(order)
    await venue.fill_up_to(order, ONE)
    await trader.learn_fills(order, ONE)
    assert believed(order, trader.reported).status is OrderStatus.FILLED
    assert await trader.has_open()


async def test_tc_e05_a_cancel_takes_the_order_off(trader: Trader, orders: Orders) -> None:
    order = orders.resting(trader, Side.BUY, ONE)
    await trader.submit(order)
    (canceled,) = await trader.cancel(order)
    assert isinstance(canceled, CanceledReport)
    assert canceled.reason is CancelReason.USER
    assert await trader.has_open()


async def test_tc_e06_a_second_cancel_changes_nothing(trader: Trader, orders: Orders) -> None:
    order = orders.resting(trader, Side.BUY, ONE)
    await trader.submit(order)
    await trader.cancel(order)
    once = believed(order, trader.reported)
    again = await trader.cancel(order)
    assert set(kinds(again)) <= {"Accepted", "Canceled", "CancelRefused"}
    assert (once.status, believed(order, trader.reported)) == (OrderStatus.CANCELED, once)


async def test_tc_e07_a_filled_order_cannot_be_canceled(trader: Trader, orders: Orders) -> None:
    order = orders.market(trader, Side.BUY, ONE)
    await trader.submit(order)
    reports = await trader.cancel(order)
    assert isinstance(reports[-1], CancelRefusedReport)
    assert reports[-1].refusal is CancelRefusal.TOO_LATE
    assert not any(isinstance(report, CanceledReport) for report in reports)
    assert believed(order, trader.reported).status is OrderStatus.FILLED


@needs(Capability.BURIES)
async def test_tc_e08_a_cancel_of_an_unknown_order_is_refused_and_ends_it(trader: Trader, orders: Orders) -> None:
    order = orders.resting(trader, Side.BUY, ONE)
    sent = order.submitted(order.created_at_ms, order.created_at_ms).cancel_requested(order.created_at_ms)
    reports = await trader.cancel(order)
    assert isinstance(reports[-1], CancelRefusedReport)
    assert reports[-1].refusal is CancelRefusal.UNKNOWN_ORDER
    assert believed(sent, reports).status is OrderStatus.REJECTED
    assert kinds(await trader.submit(order)) == ["Rejected"]


@needs(Capability.RESTING_FILLS)
async def test_tc_e09_a_canceled_order_keeps_its_executions(
    trader: Trader, orders: Orders, venue: VenueUnderTest
) -> None:
    order = venue.to_be_filled(orders.resting(trader, Side.BUY, ONE))
    await trader.submit(order)
    await venue.fill_up_to(order, HALF)
    await trader.learn_fills(order, HALF)
    await trader.cancel(order)
    end = believed(order, [*trader.sink.reports, *trader.replies])
    assert (end.status, end.executed_quantity) == (OrderStatus.CANCELED, HALF)


@needs(has_balances)
async def test_tc_e10_an_order_asked_twice_is_executed_once(
    trader: Trader, orders: Orders, venue: VenueUnderTest
) -> None:
    before = await trader.held()
    order = orders.market(trader, Side.BUY, ONE)
    await trader.submit(order)
    await trader.submit(order)
    together = orders.market(trader, Side.BUY, ONE)
    await asyncio.gather(trader.submit(together), trader.submit(together))
    assert trader.executed(order) == trader.executed(together) == ONE
    fees = [fee for each in (order, together) for fill in trader.fills_of(each) for fee in fill.fees]
    moves_assets = Capability.MOVES_ASSETS in venue.capabilities
    paid = sum((fee.quantity for fee in fees if moves_assets and fee.asset == order.base_asset), Decimal(0))
    assert await trader.held() == before + 2 - paid


@needs(Capability.MATCHING)
async def test_tc_e11_what_cannot_work_is_refused_with_proof(
    trader: Trader, orders: Orders, venue: VenueUnderTest
) -> None:
    spot = venue.spot
    step = spot.price_step(venue.prices.bid)
    price = venue.prices.bid - 5 * step
    levered = [orders.limit(trader, Side.BUY, ONE, price, leverage=2)]
    worthless = [orders.limit(trader, Side.BUY, spot.min_quantity, spot.pip_size)]
    for bad in (
        orders.limit(trader, Side.BUY, ONE + spot.lot_size / 10, price),
        orders.limit(trader, Side.BUY, ONE, price + step / 10),
        orders.limit(trader, Side.BUY, spot.max_quantity + spot.lot_size, price),
        *(worthless if spot.min_notional else ()),
        orders.limit(trader, Side.BUY, ONE, price, instrument_id="NOWHERE:NO/NE"),
        *(levered if venue.account_type in _without_leverage(venue) else ()),
    ):
        (report,) = await trader.submit(bad)
        assert isinstance(report, RejectedReport)
        assert report.reason
    assert await trader.has_open()


@needs(Capability.MATCHING)
async def test_tc_e12_what_cannot_be_paid_is_refused(trader: Trader, orders: Orders, venue: VenueUnderTest) -> None:
    """By one lot where an order locks what it pays with. Where it needs margin, by far."""
    too_much = {side: min(venue.spot.max_quantity, Decimal(1_000_000)) for side in Side}
    if Capability.MOVES_ASSETS in venue.capabilities:
        balances, lot = await trader.balances(), venue.spot.lot_size
        cost = balances[venue.spot.quote_asset] / (venue.prices.bid - 5 * venue.spot.price_step(venue.prices.bid))
        lots = cost // lot + (0 if Capability.RESERVES_FEES in venue.capabilities else 1)  # 0: the fee is missing
        too_much = {Side.SELL: balances[venue.spot.base_asset] + lot, Side.BUY: lots * lot}
    for side, quantity in too_much.items():
        (report,) = await trader.submit(orders.resting(trader, side, quantity))
        assert isinstance(report, RejectedReport)
        what = "BALANCE" if Capability.MOVES_ASSETS in venue.capabilities else "MARGIN"
        assert report.reason.partition(":")[0] == f"INSUFFICIENT_{what}"


@needs(Capability.MATCHING)
async def test_tc_e13_a_cancel_frees_what_the_order_held(trader: Trader, orders: Orders, venue: VenueUnderTest) -> None:
    large, small = await _large_and_small(trader, orders, venue)
    for _ in range(2):
        order = orders.resting(trader, Side.SELL, large)
        assert kinds(await trader.submit(order)) == ["Accepted"]
        assert kinds(await trader.submit(orders.resting(trader, Side.SELL, small))) == ["Rejected"]
        assert kinds(await trader.cancel(order)) == ["Canceled"]


async def _large_and_small(trader: Trader, orders: Orders, venue: VenueUnderTest) -> tuple[Decimal, Decimal]:
    """Return two quantities of which the account can sell the first, and not both."""
    if Capability.MOVES_ASSETS in venue.capabilities:
        return (await trader.balances())[venue.spot.base_asset], ONE
    quantity = venue.spot.lot_size
    while 2 * quantity <= min(venue.spot.max_quantity, Decimal(1_000_000)):
        quantity *= 2
    while True:  # the double of what is accepted was refused
        order = orders.resting(trader, Side.SELL, quantity)
        if kinds(await trader.submit(order)) == ["Accepted"]:
            assert kinds(await trader.cancel(order)) == ["Canceled"]
            return quantity, quantity
        quantity /= 2


@needs(Capability.RESTING_FILLS, has_news)
async def test_tc_e14_an_order_is_reported_in_the_order_of_its_life(
    trader: Trader, orders: Orders, venue: VenueUnderTest
) -> None:
    """By the reply and then the stream: accepted, fills by time, nothing after the end."""
    many = [venue.to_be_filled(orders.resting(trader, Side.BUY, ONE)) for _ in range(3)]
    for order in many:
        await trader.submit(order)
    for executed in (HALF, ONE):
        for order in many:
            await venue.fill_up_to(order, executed)
    await until(lambda: all(trader.executed(order) == ONE for order in many), "all fills")
    for order in many:
        own = about(order, trader.reported)
        if Capability.STATUS_AFTER_END in venue.capabilities and kinds(own)[-1] == "OrderStatus":
            own = own[:-1]
        assert kinds(own)[0] == "Accepted"
        assert kinds(own)[-2:] == ["Fill", "Fill"]
        assert set(kinds(own)[1:-2]) <= {"ExternalOrder"}, "an acceptance may come by reply and by stream"
        assert [report.at_ms for report in own] == sorted(report.at_ms for report in own)


@needs(has_balances)
async def test_tc_e15_quantities_and_money_are_exact(trader: Trader, orders: Orders, venue: VenueUnderTest) -> None:
    """To the last digit: what the fills say is what the balances, or the position, moved by."""
    expected, held = await trader.balances(), await trader.held()
    moves_assets = Capability.MOVES_ASSETS in venue.capabilities
    lot, least = venue.spot.lot_size, venue.spot.min_quantity
    many = ((Side.BUY, 12_345), (Side.SELL, 777), (Side.BUY, 10_001))
    few = ((Side.BUY, 123), (Side.SELL, 77), (Side.BUY, 101))  # lots of an option are large
    for side, lots in many if moves_assets else few:
        quantity = least + lots * lot
        order = orders.market(trader, side, quantity)
        await trader.submit(order)
        fills = trader.fills_of(order)
        assert sum(fill.quantity for fill in fills) == quantity
        held += side.sign * quantity
        for fill in fills if moves_assets else ():
            expected[venue.spot.base_asset] += side.sign * fill.quantity
            expected[venue.spot.quote_asset] -= side.sign * fill.quantity * fill.price
            for fee in fill.fees:
                expected[fee.asset] -= fee.quantity
    if moves_assets:
        assert await trader.balances() == expected
    else:
        assert await trader.held() == held


async def test_tc_e16_a_trade_id_names_one_execution_of_an_instrument_and_side(trader: Trader, orders: Orders) -> None:
    """A fill may be reported by the reply and by the stream, and then says the same."""
    made = [orders.market(trader, Side.SELL if n % 2 else Side.BUY, HALF / 10) for n in range(10)]
    for order in made:
        await trader.submit(order)
    claims: dict[tuple[object, ...], set[tuple[object, ...]]] = {}
    for order in made:
        for fill in about(order, trader.reported):
            if isinstance(fill, FillReport):
                claim = (order.id, fill.price, fill.quantity, fill.at_ms)
                claims.setdefault((fill.instrument_id, fill.side, fill.trade_id), set()).add(claim)
    assert len(claims) >= 10
    assert all(len(said) == 1 for said in claims.values())


async def test_tc_e17_nothing_is_delivered_after_close(trader: Trader, orders: Orders, venue: VenueUnderTest) -> None:
    order = orders.resting(trader, Side.BUY, ONE)
    if Capability.RESTING_FILLS in venue.capabilities:
        order = venue.to_be_filled(order)
    await trader.submit(order)
    await trader.session.snapshot()  # all of it was delivered
    reply = list(trader.sink.reports)
    await trader.session.close()
    await trader.session.close()
    if Capability.RESTING_FILLS in venue.capabilities:
        await venue.fill_up_to(order, ONE)
    await venue.pass_time(5_000)
    assert trader.sink.reports == reply


async def test_tc_e18_accounts_hear_nothing_of_each_other(
    trader: Trader, orders: Orders, venue: VenueUnderTest
) -> None:
    other = await trader_at(venue, number=2, secrets=venue.other_secrets)
    before = await other.session.snapshot()
    heard = list(other.sink.reports)
    assert not any(isinstance(each, OrderReport) for each in heard), "money alone, as it stands when a stream opens"
    order = orders.resting(trader, Side.BUY, ONE)
    await trader.submit(order)
    await trader.submit(orders.market(trader, Side.BUY, HALF))
    await trader.cancel(order)
    after = await other.session.snapshot()
    assert after.open_orders == ()
    assert _money(after) == _money(before)
    assert other.sink.reports == heard
    assert await replayed(other.session, 0) == []


async def test_tc_e19_an_order_placed_elsewhere_is_reported_and_can_be_canceled(
    trader: Trader, orders: Orders, venue: VenueUnderTest
) -> None:
    """A second trading account of the same account at the venue adopts it, looks it up and takes it off."""
    other = await trader_at(venue, number=2)
    order = orders.resting(trader, Side.BUY, ONE)
    (accepted,) = await trader.submit(order)
    if has_news(venue.connector.spec):
        await until(lambda: bool(other.sink.of(ExternalOrderReport)), "the order placed elsewhere")
    heard = other.sink.reports or await replayed(other.session)
    (placed,) = [report for report in heard if isinstance(report, ExternalOrderReport)]
    assert (placed.order_id, placed.venue_order_id) == (None, accepted.venue_order_id)
    adopted = orders.adopted(other, order, placed)
    can_ask = venue.connector.spec.lookup is not None
    works = replace(adopted, status=OrderStatus.ACCEPTED)
    known = believed(works, await other.lookup(adopted), has_lookup=can_ask)
    assert (known.status, known.is_in_doubt, known.quantity) == (OrderStatus.ACCEPTED, False, ONE)
    (canceled,) = await other.cancel(adopted)
    assert (kinds([canceled]), canceled.venue_order_id) == (["Canceled"], accepted.venue_order_id)
    await trader.learn(order, "the owner's news", lambda: trader.believed(order).status is OrderStatus.CANCELED)


async def test_tc_e20_nothing_is_sent_after_its_deadline(trader: Trader, orders: Orders, venue: VenueUnderTest) -> None:
    order = orders.resting(trader, Side.BUY, ONE)
    await venue.pass_time(venue.connector.spec.send_within_ms + 1)
    (report,) = await trader.submit(order)
    assert isinstance(report, NotSentReport)
    assert report.recorded_at_ms == order.created_at_ms, "it names the attempt"
    assert await trader.has_open()


async def test_tc_e21_an_acceptance_states_what_was_executed(
    trader: Trader, orders: Orders, venue: VenueUnderTest
) -> None:
    order = orders.resting(trader, Side.BUY, ONE)
    (accepted,) = await trader.submit(order)
    assert accepted.executed_quantity == 0
    (canceled,) = await trader.cancel(order)
    assert canceled.executed_quantity in (0, None)


@needs(Capability.RESTING_FILLS)
async def test_tc_e22_a_cancel_says_how_much_was_executed_or_that_it_does_not_know(
    trader: Trader, orders: Orders, venue: VenueUnderTest
) -> None:
    order = venue.to_be_filled(orders.resting(trader, Side.BUY, ONE))
    await trader.submit(order)
    await venue.fill_up_to(order, HALF)
    await trader.learn_fills(order, HALF)
    reports = await trader.cancel(order)
    canceled = next(report for report in reports if isinstance(report, CanceledReport))
    assert canceled.executed_quantity in (HALF, None)


@needs(CANCELS_ALL, Capability.RESTING_FILLS)
async def test_tc_e23_one_request_cancels_all_orders_of_an_instrument(
    trader: Trader, orders: Orders, venue: VenueUnderTest
) -> None:
    """Also those of another program; it says what was executed, and a second request changes nothing."""
    other = await trader_at(venue, number=2)
    part = venue.to_be_filled(orders.resting(trader, Side.BUY, ONE))
    own, foreign = [part, orders.resting(trader, Side.SELL, ONE)], orders.resting(other, Side.SELL, HALF)
    for each in own:
        await trader.submit(each)
    await other.submit(foreign)
    await venue.fill_up_to(part, HALF)
    await trader.learn_fills(part, HALF)
    for _ in range(2):
        await trader.cancel_all(*own)
        await until(lambda: all(trader.believed(each).is_closed for each in own), "the ends")
        assert [trader.believed(each).status for each in own] == [OrderStatus.CANCELED] * 2
        assert [trader.believed(each).executed_quantity for each in own] == [HALF, 0]
        assert await trader.has_open()
    await other.learn(foreign, "the end of the other program's order", lambda: other.believed(foreign).is_closed)


def _money(snapshot: AccountSnapshot) -> tuple[list[object], list[object]]:
    """Balances and positions without the instant and the number of the reading."""
    balances, positions = snapshot.balances or (), snapshot.positions or ()
    return [(each.asset, each.total, each.locked) for each in balances], [each.quantity for each in positions]


def _without_leverage(venue: VenueUnderTest) -> frozenset[AccountType]:
    """The types of accounts whose orders have no leverage of their own."""
    return venue.connector.spec.own_leverage | {AccountType.SPOT}
