"""Every fill is booked exactly once and to its order, whatever the order and shape in which the news comes."""

from decimal import Decimal

from cadenza.domain.market.enums import Side, TimeInForce
from cadenza.domain.trading.enums import OrderStatus
from cadenza.domain.trading.execution import Fee
from cadenza.domain.trading.kept import KeepReason
from cadenza.domain.trading.reports import AcceptedReport, FillReport, VenueOrderStatus
from cadenza.ports.alarms import Alarm
from tests.scripted.kinds import every_kind, only
from tests.scripted.session import Fault
from tests.scripted.specs import CLOCK_AHEAD, COMPARED, DESK, PER_SYMBOL, POLLED, STREAMED
from tests.scripted.truth import check_truth
from tests.scripted.world import Trader, World

D = Decimal
streamed = only(STREAMED, DESK, PER_SYMBOL, CLOCK_AHEAD)
some_kinds = only(STREAMED, POLLED, DESK, COMPARED, PER_SYMBOL)


@streamed
async def test_a_fill_before_the_acknowledgement_is_booked(world: World, trader: Trader) -> None:
    trader.session.hold_stream()
    trader.script.next("submit", Fault.HOLD_REPLY)
    trader.script.on_arrival = lambda order: trader.venue.fill(order, "0.25") and None
    order = await trader.answered_late(trader.submitting())
    fill = trader.session.held.index("fill")
    trader.session.release_stream([fill])
    await trader.heard()
    trader.script.let_go()
    await world.settle()
    booked = await trader.order(order)
    assert (booked.status, booked.executed_quantity) == (OrderStatus.PARTIALLY_FILLED, D("0.25"))
    await check_truth(trader)


@streamed
async def test_news_that_comes_twice_and_in_disorder_is_booked_once(world: World, trader: Trader) -> None:
    trader.session.hold_stream()
    order = await trader.submit(quantity="1")
    at = trader.at_venue(order)
    for quantity in ("0.5", "0.3", "0.2"):
        trader.venue.fill(at, quantity)
        world.clock.advance(1)
    trader.session.release_stream(list(reversed(range(len(trader.session.held)))), times=2)
    await trader.heard()
    filled = await trader.order(order)
    assert (filled.status, filled.executed_quantity) == (OrderStatus.FILLED, D(1))
    await world.settle()
    await check_truth(trader)


@only(PER_SYMBOL)
async def test_a_fill_that_names_an_id_which_another_symbols_order_has_goes_to_its_own(
    world: World, trader: Trader
) -> None:
    bitcoin = await trader.submit()
    ether = await trader.submit(instrument_id=trader.venue.eth)
    assert bitcoin.venue_order_id == ether.venue_order_id == "1"
    trader.venue.fill(trader.at_venue(ether), "0.5")
    await trader.heard()
    assert (await trader.order(bitcoin)).executed_quantity == 0
    assert (await trader.order(ether)).executed_quantity == D("0.5")
    trader.venue.fill(trader.at_venue(bitcoin), "1")
    await world.settle()
    await check_truth(trader)


@some_kinds
async def test_a_busted_fill_never_counted(world: World, trader: Trader) -> None:
    order = await trader.submit(quantity="1")
    at = trader.at_venue(order)
    fill = trader.venue.fill(at, "0.5")
    trader.venue.fill(at, "0.25")
    world.clock.advance(10)
    trader.venue.bust(fill)
    await trader.heard()
    assert (await trader.order(order)).executed_quantity == D("0.25")
    await world.settle()
    await check_truth(trader)


@some_kinds
async def test_a_correction_changes_price_and_money_and_an_older_one_changes_nothing(
    world: World, trader: Trader
) -> None:
    order = await trader.submit(quantity="1")
    fill = trader.venue.fill(trader.at_venue(order), "0.5", "100")
    await trader.heard()
    trader.session.hold_stream()
    for price in ("99", "98"):
        world.clock.advance(10)
        trader.venue.correct(fill, price)
    trader.session.release_stream(list(reversed(range(len(trader.session.held)))), times=2)
    await trader.heard()
    corrected = await trader.order(order)
    assert (corrected.executed_quantity, corrected.executed_price) == (D("0.5"), D(98))
    await world.settle()
    await check_truth(trader)


@streamed
async def test_a_bust_or_a_correction_before_its_fill_waits_for_it(world: World, trader: Trader) -> None:
    order = await trader.submit(quantity="1")
    trader.session.hold_stream()
    at = trader.at_venue(order)
    first, second = trader.venue.fill(at, "0.5"), trader.venue.fill(at, "0.25")
    world.clock.advance(10)
    trader.venue.bust(first)
    trader.venue.correct(second, "97")
    order_of_news = sorted(range(len(trader.session.held)), key=lambda index: trader.session.held[index] == "fill")
    trader.session.release_stream(order_of_news)
    await trader.heard()
    booked = await trader.order(order)
    assert (booked.executed_quantity, booked.executed_price) == (D("0.25"), D(97))
    assert not await world.kept()
    await world.settle()
    await check_truth(trader)


@some_kinds
async def test_a_fee_that_comes_later_replaces_what_was_known(world: World, trader: Trader) -> None:
    order = await trader.submit(quantity="1")
    fill = trader.venue.fill(trader.at_venue(order), "1", has_late_fee=True)
    await trader.heard()
    assert (await trader.order(order)).fees == ()
    world.clock.advance(1_000)
    trader.venue.charge(fill, "0.3")
    await trader.heard()
    assert (await trader.order(order)).fees == (Fee("USDT", D("0.3")),)
    await world.settle()
    await check_truth(trader)


@streamed
async def test_a_fee_before_its_fill_waits_for_it(world: World, trader: Trader) -> None:
    order = await trader.submit(quantity="1")
    trader.session.hold_stream()
    fill = trader.venue.fill(trader.at_venue(order), "0.5", has_late_fee=True)
    fill_line = trader.session.held.index("fill")
    trader.venue.charge(fill, "0.3")
    fee_line = trader.session.held.index("fee")
    # As a venue does that reports the execution without its fee: the line of the fill is of before the charge.
    named = FillReport(
        account_id=trader.id, instrument_id=order.instrument_id, sent_id=order.sent_id, at_ms=fill.at_ms,
        trade_id=fill.trade_id, side=Side.BUY, price=fill.price, quantity=fill.quantity,
    )  # fmt: skip
    others = [i for i in range(len(trader.session.held)) if i not in (fee_line, fill_line)]
    trader.session.release_stream([fee_line, *others])
    trader.session.report(named)
    await trader.heard()
    assert (await trader.order(order)).fees == (Fee("USDT", D("0.3")),)
    await world.settle()
    await check_truth(trader)


@only(STREAMED, DESK, PER_SYMBOL)
async def test_what_became_of_fills_while_the_stream_was_lost_is_looked_up(world: World, trader: Trader) -> None:
    order = await trader.submit(quantity="2")
    at = trader.at_venue(order)
    busted, corrected = trader.venue.fill(at, "0.5"), trader.venue.fill(at, "0.25")
    charged = trader.venue.fill(at, "0.25", has_late_fee=True)
    await trader.heard()
    world.clock.advance(120_000)  # the changes are all that a replay from here on would bring
    trader.session.hold_stream()
    trader.venue.bust(busted)
    trader.venue.correct(corrected, "97")
    trader.venue.charge(charged, "0.3")
    trader.session.release_stream([])
    reports = await trader.session.lookup([await trader.order(order)])
    assert {"FillBustedReport", "FillCorrectedReport"} <= {type(report).__name__ for report in reports}
    await world.process.trading.intake.apply(reports)
    booked = await trader.order(order)
    assert (booked.executed_quantity, booked.executed_cost) == (D("0.5"), D("49.25"))
    assert {execution.trade_id: execution.fees for execution in booked.executions}[charged.trade_id] == charged.fees
    await world.settle()
    await check_truth(trader)


@some_kinds
async def test_a_rejection_after_a_partial_fill_keeps_what_was_executed(world: World, trader: Trader) -> None:
    order = await trader.submit(quantity="1")
    at = trader.at_venue(order)
    trader.venue.fill(at, "0.5")
    trader.venue.reject_rest(at)
    await trader.heard()
    await world.settle()
    closed = await trader.order(order)
    assert (closed.status, closed.executed_quantity) == (OrderStatus.CANCELED, D("0.5"))
    await check_truth(trader)


@some_kinds
async def test_a_cancel_that_does_not_say_how_much_was_executed_waits_for_the_fills(
    world: World, trader: Trader
) -> None:
    order = await trader.submit(quantity="1")
    at = trader.at_venue(order)
    trader.session.hold_stream()
    trader.venue.fill(at, "0.5")
    trader.venue.cancel(at, says_quantity=False)
    if trader.venue.kind.is_streamed:
        trader.session.release_stream([trader.session.held.index("canceled without quantity")])
        trader.session.report(
            AcceptedReport(
                account_id=trader.id, instrument_id=order.instrument_id, sent_id=order.sent_id,
                at_ms=order.created_at_ms, venue_order_id=at.id, executed_quantity=D(0),
            )
        )  # fmt: skip
        await trader.heard()
        assert not (await trader.order(order)).is_closed, "a late acknowledgement does not say how much was executed"
    trader.session.release_stream()
    await world.settle()
    closed = await trader.order(order)
    assert (closed.status, closed.executed_quantity) == (OrderStatus.CANCELED, D("0.5"))
    await check_truth(trader)


@some_kinds
async def test_an_order_amended_at_the_venue_is_shown_as_it_is_there(world: World, trader: Trader) -> None:
    order = await trader.submit(quantity="1", price="100")
    at = trader.at_venue(order)
    world.clock.advance(10)
    trader.venue.amend(at, "2", "90")
    await trader.heard()
    amended = await trader.order(order)
    assert (amended.quantity, amended.limit_price) == (D(2), D(90))
    trader.venue.fill(at, "2", "90")
    await trader.heard()
    assert (await trader.order(order)).status is OrderStatus.FILLED
    await world.settle()
    await check_truth(trader)


@some_kinds
async def test_a_fill_beyond_the_known_quantity_waits_for_the_amendment_that_explains_it(
    world: World, trader: Trader
) -> None:
    order = await trader.submit(quantity="1")
    at = trader.at_venue(order)
    trader.session.hold_stream()
    world.clock.advance(10)
    trader.venue.amend(at, "2", "100")
    trader.venue.fill(at, "2")
    trader.session.release_stream(list(reversed(range(len(trader.session.held)))))
    await trader.heard()
    filled = await trader.order(order)
    assert (filled.status, filled.executed_quantity) == (OrderStatus.FILLED, D(2))
    await world.settle()
    assert not await world.kept()
    await check_truth(trader)


@some_kinds
async def test_an_order_amended_down_to_what_was_executed_is_filled(world: World, trader: Trader) -> None:
    order = await trader.submit(quantity="1")
    at = trader.at_venue(order)
    trader.venue.fill(at, "0.5")
    world.clock.advance(10)
    trader.venue.amend(at, "0.5", "100")
    await trader.heard()
    await world.settle()
    assert (await trader.order(order)).status is OrderStatus.FILLED
    await check_truth(trader)


@some_kinds
async def test_an_order_made_larger_after_it_was_filled_is_booked_with_an_alarm(world: World, trader: Trader) -> None:
    order = await trader.submit(quantity="1")
    at = trader.at_venue(order)
    trader.venue.fill(at, "1")
    await trader.heard()
    assert (await trader.order(order)).status is OrderStatus.FILLED
    world.clock.advance(10)
    at.status = VenueOrderStatus.WORKING
    trader.venue.amend(at, "2", "100")
    trader.venue.fill(at, "0.5")
    await trader.heard()
    await world.settle()
    booked = await trader.order(order)
    assert (booked.status, booked.executed_quantity) == (OrderStatus.FILLED, D("1.5"))
    (alarm,) = world.alarms.of(Alarm.CLOSED_ORDER_WORKS)
    assert alarm["order_id"] == order.id
    assert not await world.kept()
    await check_truth(trader)


@some_kinds
async def test_more_than_was_ordered_is_kept_aside_with_an_alarm(world: World, trader: Trader) -> None:
    order = await trader.submit(quantity="1")
    trader.venue.fill(trader.at_venue(order), "1.5")
    await trader.heard()
    booked = await trader.order(order)
    assert (booked.status, booked.executed_quantity) == (OrderStatus.ACCEPTED, 0)
    (kept,) = await world.kept()
    assert kept.reason is KeepReason.MORE_THAN_ORDERED
    assert len(world.alarms.of(Alarm.REPORT_REFUSED)) == 1


@some_kinds
async def test_a_fill_of_the_other_side_is_kept_aside_with_an_alarm(world: World, trader: Trader) -> None:
    order = await trader.submit(Side.BUY, "1")
    claim = FillReport(
        account_id=trader.id, instrument_id=order.instrument_id, sent_id=order.sent_id, at_ms=trader.venue.now_ms,
        trade_id="999", side=Side.SELL, price=D(100), quantity=D(1),
    )  # fmt: skip
    trader.session.report(claim)
    await trader.heard()
    assert (await trader.order(order)).executed_quantity == 0
    assert [kept.reason for kept in await world.kept()] == [KeepReason.OTHER_SIDE]
    assert len(world.alarms.of(Alarm.REPORT_REFUSED)) == 1


@every_kind
async def test_an_order_by_hand_is_adopted_with_its_fills(world: World, trader: Trader) -> None:
    expire_at_ms = trader.venue.now_ms + 3_600_000
    at = trader.venue.place(
        trader.at, trader.venue.btc, Side.SELL, D(2), D(105), time_in_force=TimeInForce.GTD, expire_at_ms=expire_at_ms
    )
    trader.venue.fill(at, "0.5", "105")
    await trader.heard()
    await world.settle()
    (order,) = await trader.orders()
    assert (order.is_external, order.status, order.quantity) == (True, OrderStatus.PARTIALLY_FILLED, D(2))
    assert order.expire_at_ms == expire_at_ms
    trader.venue.expire(at)
    await trader.heard()
    assert (await trader.order(order)).status is OrderStatus.EXPIRED
    await world.settle()
    await check_truth(trader)


@streamed
async def test_a_fill_of_an_order_that_is_not_known_is_kept_asked_about_and_booked(
    world: World, trader: Trader
) -> None:
    trader.session.hold_stream()
    at = trader.venue.place(trader.at, trader.venue.btc, Side.SELL, D(2), D(105))
    trader.venue.fill(at, "0.5", "105")
    trader.session.release_stream([trader.session.held.index("fill")])
    await trader.heard()
    assert [kept.reason for kept in await world.kept()] == [KeepReason.NO_ORDER]
    await world.pass_time(8_000)
    assert not await world.kept()
    (order,) = await trader.orders()
    assert (order.is_external, order.executed_quantity) == (True, D("0.5"))
    await world.settle()
    await check_truth(trader)


@some_kinds
async def test_an_order_that_gets_another_venue_id_keeps_the_former_one_as_a_name(world: World, trader: Trader) -> None:
    order = await trader.submit(quantity="1")
    at = trader.at_venue(order)
    former_id = at.id
    trader.venue.rename(at, "renamed")
    await trader.heard()
    assert (await trader.order(order)).venue_order_id == "renamed"
    late = FillReport(
        account_id=trader.id, instrument_id=order.instrument_id, venue_order_id=former_id, at_ms=trader.venue.now_ms,
        trade_id="before", side=Side.BUY, price=D(100), quantity=D("0.5"),
    )  # fmt: skip
    trader.session.report(late)
    await trader.heard()
    booked = await trader.order(order)
    assert (booked.executed_quantity, booked.venue_order_id) == (D("0.5"), "renamed")
    canceled = await trader.cancel(booked)
    assert not trader.at_venue(order).is_working
    assert canceled.status is OrderStatus.CANCELED


@some_kinds
async def test_an_order_placed_by_hand_is_followed_under_its_new_name(world: World, trader: Trader) -> None:
    at = trader.venue.place(trader.at, trader.venue.btc, Side.SELL, D(2), D(105))
    await trader.heard()
    former_id = at.id
    trader.venue.rename(at, "renamed")
    trader.venue.fill(at, "0.5", "105")
    await trader.heard()
    await world.settle()
    (order,) = await trader.orders()
    assert (order.venue_order_id, order.former_venue_order_ids) == ("renamed", (former_id,))
    assert order.executed_quantity == D("0.5")
    assert not await world.kept()
    await check_truth(trader)
