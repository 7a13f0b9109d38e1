"""TC-K: every order type with every time in force, as the instruments declare them."""

from decimal import Decimal

import pytest

from cadenza.domain.accounts.trading_account import AccountType
from cadenza.domain.market.enums import OrderType, Side, TimeInForce
from cadenza.domain.trading.enums import CancelReason, OrderStatus, RejectReason
from cadenza.domain.trading.reports import CanceledReport, RejectedReport, Report
from cadenza.domain.trading.venue_spec import Support
from tests.conformance.harness import (
    Capability,
    Trader,
    VenueUnderTest,
    about,
    believed,
    trader_at,
)
from tests.conformance.needs import TAKES_AN_END, TAKES_GTD, TAKES_STOPS, has_news
from tests.conformance.orders import Orders, makes_sense
from tests.inhouse_kit import START_MS, kinds, until

ONE = Decimal(1)
needs = pytest.mark.needs.with_args


@needs(Capability.MATCHING)
@pytest.mark.parametrize("type", list(OrderType))
async def test_tc_k01_what_is_declared_works_and_nothing_else(
    orders: Orders, venue: VenueUnderTest, type: OrderType
) -> None:
    """A declared kind is never called invalid; one that is not declared is refused with proof, never taken for
    another."""
    has_margin = Capability.MARGIN in venue.capabilities
    for instrument in (await venue.connector.instruments()).instruments:
        if instrument.id != venue.spot.id and (not has_margin or instrument.id != venue.perpetual.id):
            continue
        trader = await trader_at(venue, None if instrument.id == venue.spot.id else AccountType.MARGIN)
        for time_in_force in TimeInForce:
            if not makes_sense(type, time_in_force):
                continue
            order = orders.of_kind(trader, type, time_in_force, START_MS, instrument)
            (first, *_) = await trader.submit(order)
            spec = venue.connector.spec
            is_held = spec.holds(instrument.type, type)  # the platform never passes such an order on as it is
            is_declared = spec.support_of(instrument.type, type, time_in_force) is not None and not is_held
            is_listed = type in instrument.order_types and time_in_force in instrument.time_in_force_options
            if is_declared and is_listed:
                may_be_killed = time_in_force is TimeInForce.FOK and Capability.KILLS_AT_ONCE in venue.capabilities
                is_killed = may_be_killed and _is_killed(first)
                assert kinds([first]) == ["Accepted"] or is_killed, (type, time_in_force, first)
                if believed(order, trader.reported).status is OrderStatus.ACCEPTED:
                    await trader.cancel(order)
            else:
                assert isinstance(first, RejectedReport), (type, time_in_force)
                assert first.reason.partition(":")[0] == RejectReason.INVALID_ORDER


@needs(Capability.MATCHING)
async def test_tc_k02_ioc_leaves_nothing_behind(trader: Trader, orders: Orders, venue: VenueUnderTest) -> None:
    order = orders.limit(trader, Side.BUY, ONE, step_below_bid(venue), time_in_force=TimeInForce.IOC)
    reports = await trader.submit(order)
    assert isinstance(reports[-1], CanceledReport)
    assert reports[-1].reason is CancelReason.IOC_REMAINDER
    assert believed(order, reports).executed_quantity == 0


@needs(Capability.MATCHING)
async def test_tc_k03_fok_is_all_or_nothing(trader: Trader, orders: Orders, venue: VenueUnderTest) -> None:
    too_much = venue.prices.available + venue.spot.lot_size
    behind = step_below_bid(venue)
    for quantity, price in ((too_much, venue.prices.ask), (ONE, behind)):
        if quantity > venue.spot.max_quantity:
            continue
        order = orders.limit(trader, Side.BUY, quantity, price, time_in_force=TimeInForce.FOK)
        end = believed(order, await trader.submit(order))
        assert (end.status, end.cancel_reason) == (OrderStatus.CANCELED, CancelReason.FOK_NOT_FILLABLE)
        assert end.executed_quantity == 0
    order = orders.limit(trader, Side.BUY, ONE, venue.prices.ask, time_in_force=TimeInForce.FOK)
    assert believed(order, await trader.submit(order)).status is OrderStatus.FILLED


@needs(Capability.MATCHING)
async def test_tc_k04_post_only_never_takes(trader: Trader, orders: Orders, venue: VenueUnderTest) -> None:
    for side in Side:
        taking = orders.limit(trader, side, ONE, venue.prices.taking(side), time_in_force=TimeInForce.GTX)
        *accepted, report = await trader.submit(taking)
        assert isinstance(report, RejectedReport)
        assert report.reason == RejectReason.POST_ONLY_WOULD_TAKE
        assert not accepted or Capability.ENDS_LATER in venue.capabilities
        making = orders.resting(trader, side, ONE, time_in_force=TimeInForce.GTX)
        assert kinds(await trader.submit(making)) == ["Accepted"]


@needs(TAKES_AN_END)
@pytest.mark.parametrize("time_in_force", [TimeInForce.GTD, TimeInForce.DAY])
async def test_tc_k05_an_order_ends_at_its_time(
    trader: Trader, orders: Orders, venue: VenueUnderTest, time_in_force: TimeInForce
) -> None:
    is_listed = time_in_force in venue.spot.time_in_force_options
    support = venue.connector.spec.support_of(venue.spot.type, OrderType.LIMIT, time_in_force)
    if not is_listed or support is not Support.NATIVE:
        pytest.skip(f"{venue.name}: LIMIT orders as {time_in_force.value} are not taken")
    expiry = START_MS + venue.ends_after_ms
    order = orders.resting(trader, Side.BUY, ONE, time_in_force=time_in_force, expire_at_ms=expiry)
    assert kinds(await trader.submit(order)) == ["Accepted"]
    await venue.pass_time(venue.ends_after_ms - venue.end_margin_ms)
    assert await trader.has_open(order)
    await venue.pass_time(venue.end_margin_ms)
    await trader.learn(order, "the expiry", lambda: trader.believed(order).status is OrderStatus.EXPIRED)
    assert await trader.has_open()


@needs(TAKES_GTD, has_news)
async def test_tc_k06_an_expiry_survives_a_restart(trader: Trader, orders: Orders, venue: VenueUnderTest) -> None:
    expiry = START_MS + venue.ends_after_ms
    order = orders.resting(trader, Side.BUY, ONE, time_in_force=TimeInForce.GTD, expire_at_ms=expiry)
    await trader.submit(order)
    await venue.restart()
    again = await trader_at(venue)
    await venue.pass_time(venue.ends_after_ms - venue.end_margin_ms)
    assert about(order, again.sink.reports) == []
    await venue.pass_time(venue.end_margin_ms)
    await until(lambda: bool(about(order, again.sink.reports)), "the expiry")
    assert kinds(about(order, again.sink.reports)) == ["Expired"]


@needs(Capability.MATCHING, TAKES_STOPS)
async def test_tc_k07_a_stop_through_its_trigger_is_refused(
    trader: Trader, orders: Orders, venue: VenueUnderTest
) -> None:
    far = 5000 * venue.spot.price_step(venue.prices.bid)
    through = {
        OrderType.STOP: venue.prices.bid - far,
        OrderType.STOP_LOSS: venue.prices.bid - far,
        OrderType.TAKE_PROFIT: venue.prices.ask + far,
    }
    spec = venue.connector.spec
    taken = {type: stop for type, stop in through.items() if spec.support_of(venue.spot.type, type, TimeInForce.GTC)}
    await trader.submit(orders.market(trader, Side.BUY, ONE / 10))  # a last price
    for type, stop in taken.items():
        order = orders.market(trader, Side.BUY, ONE / 10, type=type, stop=str(stop))
        reports = await trader.submit(order)
        if Capability.TRIGGERS_AT_ONCE in venue.capabilities:
            assert believed(order, reports).status is OrderStatus.FILLED
            continue
        (report,) = reports
        assert isinstance(report, RejectedReport)
        assert report.reason == RejectReason.STOP_WOULD_TRIGGER


def step_below_bid(venue: VenueUnderTest) -> Decimal:
    return venue.prices.bid - venue.spot.price_step(venue.prices.bid)


def _is_killed(report: Report) -> bool:
    """Whether the venue took a FOK order in and ended it in one word."""
    return isinstance(report, CanceledReport) and report.reason is CancelReason.FOK_NOT_FILLABLE
