"""The trailing stop that the platform holds: its rule, and the decisions about it."""

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cadenza.domain import errors as e
from cadenza.domain.accounts.trading_account import AccountStatus
from cadenza.domain.market.enums import OrderType, Side, TimeInForce
from cadenza.domain.market.instrument import InstrumentType, MarketLot, TopOfBook
from cadenza.domain.trading.apply import apply_report
from cadenza.domain.trading.cancel import decide_cancel
from cadenza.domain.trading.enums import CancelReason, OrderStatus, RejectReason
from cadenza.domain.trading.execution import Fee
from cadenza.domain.trading.held import as_sent, is_held, recorded_to_send_at_ms
from cadenza.domain.trading.order import Doubt, Expiry, Order
from cadenza.domain.trading.reports import (
    AcceptedReport,
    CancelRefusal,
    CancelRefusedReport,
    ExternalOrderReport,
    FillReport,
    NotSentReport,
    RejectedReport,
    Report,
    UndeterminedOutcomeReport,
)
from cadenza.domain.trading.state import TradingState
from cadenza.domain.trading.submit import NewOrderNames, decide_submit
from cadenza.domain.trading.trail import after_trade, is_reached, reference_of
from cadenza.domain.trading.trailing import decide_move, decide_release, expire_held
from cadenza.domain.trading.venue_spec import Books, CountedSentId, DerivedSentId, FundsCheck, OrderSupport, Support
from cadenza.exchange import MatchingEngine, NewOrder, OrderKind, PublicTrade, Rejected, SetLevel, Triggered
from cadenza.exchange.commands import EngineTimeInForce
from tests.domain.trading.worlds import (
    ACCOUNT,
    BTC,
    NOW_MS,
    SPOT,
    TENANT,
    account,
    instrument,
    request,
    state,
    submit,
    venue_spec,
)

D = Decimal
GTC, GTD, DAY = TimeInForce.GTC, TimeInForce.GTD, TimeInForce.DAY
IOC, EMULATED = TimeInForce.IOC, Support.EMULATED
HELD: OrderSupport = {
    OrderType.MARKET: {TimeInForce.IOC: Support.NATIVE},
    OrderType.TRAILING_STOP: dict.fromkeys((GTC, GTD, DAY), Support.EMULATED),
}
SPEC = venue_spec(orders={InstrumentType.SPOT: HELD})


def world_of(**changes: object) -> TradingState:
    """The bid is 99.5, the ask 100, and nothing was traded yet."""
    return state(spec=SPEC, **changes)  # type: ignore[arg-type]


def held(world: TradingState, side: Side = Side.SELL, stop: str = "95", **changes: object) -> Order:
    return submit(
        world, type=OrderType.TRAILING_STOP, side=side, limit_price=None, stop_price=D(stop), **changes
    )  # fmt: skip


def now(world: TradingState, order: Order) -> Order:
    found = world.order(order.id)
    assert found is not None
    return found


def released(world: TradingState, order: Order, trigger: str = "95") -> Order:
    found = decide_release(world, order.id, D(trigger), world.world.now_ms)
    assert found is not None
    return found


def about(order: Order) -> dict[str, object]:
    return {"account_id": ACCOUNT, "instrument_id": BTC, "order_id": order.id, "at_ms": NOW_MS + 5}


def not_sent(order: Order) -> NotSentReport:
    """What a session says of the order that it got."""
    return NotSentReport(**about(order), recorded_at_ms=as_sent(order).created_at_ms)  # type: ignore[arg-type]


def fill_of(order: Order) -> Report:
    return FillReport(
        **about(order), venue_order_id="v1", trade_id="t1", side=order.side, price=D(94), quantity=D(1),
        fees=(Fee("USDT", D("0.094")),),
    )  # type: ignore[arg-type]  # fmt: skip


# --- the rule

prices = st.integers(min_value=90, max_value=110)


@given(
    side=st.sampled_from(Side),
    stop=prices,
    ask=st.none() | prices,
    bid=st.none() | prices,
    before=st.none() | prices,
    after=st.lists(prices, max_size=30),
)
def test_the_rule_is_that_of_the_simulated_exchange(
    side: Side, stop: int, ask: int | None, bid: int | None, before: int | None, after: list[int]
) -> None:
    """PAPER and a venue whose trailing stops we hold mean the same, trade by trade."""
    if bid is not None and ask is not None and bid >= ask:
        return
    engine = MatchingEngine()
    for on, price in ((Side.BUY, bid), (Side.SELL, ask)):
        if price is not None:
            engine.apply(SetLevel(on, price, 5, 0))
    if before is not None:
        engine.apply(PublicTrade(Side.BUY, before, 1, 0))
    kind = OrderKind.TRAILING_STOP
    events = engine.apply(NewOrder("a", "x", side, kind, 1, None, stop, None, EngineTimeInForce.GTC, None, 0))
    last, best_bid, best_ask = (None if price is None else D(price) for price in (before, bid, ask))
    reference = reference_of(TopOfBook(best_bid, best_ask, last, 0), side)
    if reference is None or is_reached(side, D(stop), reference):
        refusal = "NO_REFERENCE_PRICE" if reference is None else RejectReason.STOP_WOULD_TRIGGER.value
        assert [each.reason.value for each in events if isinstance(each, Rejected)] == [refusal]
        return
    trigger, distance = D(stop), abs(reference - stop)
    for price in after:
        events = engine.apply(PublicTrade(Side.BUY, price, 1, 0))
        trigger = after_trade(side, distance, trigger, D(price))
        has_triggered = any(isinstance(each, Triggered) for each in events)
        assert is_reached(side, trigger, D(price)) is has_triggered
        if has_triggered:
            return
        (order,) = engine.open_orders()
        assert order.stop_price == trigger


# --- being held


def test_it_is_accepted_here_with_its_distance_and_nothing_is_sent() -> None:
    world = world_of()
    sell, buy = held(world), held(world, Side.BUY, "104", number=101)
    for order, distance in ((sell, D("4.5")), (buy, D(4))):
        assert (order.status, order.doubt, order.send_before_ms, order.expiry) == (
            OrderStatus.ACCEPTED,
            None,
            None,
            None,
        )
        assert order.trail is not None
        assert (order.trail.distance, order.trail.released_at_ms) == (distance, None)
        assert is_held(now(world, order))
        assert not order.is_awaited


def test_without_a_fresh_price_it_is_refused() -> None:
    world = world_of(market=None)
    with pytest.raises(e.NoMarketPrice):
        held(world)
    assert not world.changed.created
    assert world.balance(ACCOUNT, "BTC").locked == 0


@pytest.mark.parametrize(
    ("side", "stop"), [(Side.SELL, "99.5"), (Side.SELL, "101"), (Side.BUY, "100"), (Side.BUY, "99")]
)
def test_one_that_is_through_already_is_rejected_as_at_paper(side: Side, stop: str) -> None:
    world = world_of()
    order = held(world, side, stop)
    assert (order.status, order.reject_reason) == (OrderStatus.REJECTED, RejectReason.STOP_WOULD_TRIGGER.value)
    assert not any(world.balance(ACCOUNT, asset).locked for asset in ("BTC", "USDT"))


def test_what_our_ledger_locks_is_what_its_trigger_may_cost() -> None:
    world = world_of()
    order = held(world, Side.BUY, "104")
    locked = world.balance(ACCOUNT, "USDT").locked
    assert locked == D(104) * D("1.001") * D("1.02")
    assert decide_cancel(world, ACCOUNT, order.id).must_ask is False
    assert world.balance(ACCOUNT, "USDT").locked == 0


def test_the_books_of_a_venue_are_not_touched() -> None:
    world = state(spec=replace(SPEC, funds_check=FundsCheck.AT_VENUE), balances={})
    assert held(world).reservation is None


def test_it_has_the_lots_of_the_market_order_that_it_becomes() -> None:
    lots = MarketLot(lot_size=D("0.1"), min_quantity=D("0.1"), max_quantity=D(2))
    world = world_of(traded=instrument(market_lot=lots))
    with pytest.raises(e.LotSize):
        held(world, quantity=D("0.25"))
    with pytest.raises(e.MaxQuantity):
        held(world, quantity=D(3))
    assert held(world, quantity=D("0.3")).quantity == D("0.3")


# --- its trigger


def test_its_trigger_only_moves_favourably() -> None:
    world = world_of()
    sell, buy = held(world), held(world, Side.BUY, "104", number=101)
    for order, moves in ((sell, ("97", "96", "97")), (buy, ("102", "103", "102"))):
        for trigger in moves:
            assert decide_move(world, order.id, D(trigger))
        assert now(world, order).stop_price == D(moves[0])
    world.record_order_events()
    assert len(world.changed.events) == 2


def test_a_released_order_is_about_to_be_sent_as_a_market_order() -> None:
    world = world_of()
    order = released(world, held(world), "97")
    assert (order.status, order.doubt, order.stop_price) == (OrderStatus.SUBMITTED, Doubt.UNANSWERED, D(97))
    assert order.send_before_ms == NOW_MS + SPEC.send_within_ms
    assert order.is_awaited
    assert not order.is_acknowledged
    sent = as_sent(order)
    assert (sent.type, sent.time_in_force, sent.stop_price) == (OrderType.MARKET, TimeInForce.IOC, None)
    assert (sent.id, sent.sent_id, sent.quantity, sent.side) == (order.id, order.sent_id, order.quantity, order.side)


def test_only_one_release_sends() -> None:
    world = world_of()
    order = held(world)
    assert decide_release(world, order.id, D(95), world.world.now_ms) is not None
    assert decide_release(world, order.id, D(95), NOW_MS + 1) is None
    assert not decide_move(world, order.id, D(97))


def test_the_repetition_of_its_submit_does_not_send_it() -> None:
    """The commit of the submit was answered late, and the order was released before the submit was decided again."""
    world = world_of()
    order = released(world, held(world))
    assert order.status is OrderStatus.SUBMITTED
    asked = request(type=OrderType.TRAILING_STOP, side=Side.SELL, limit_price=None, stop_price=D(95))
    again = decide_submit(world, asked, NewOrderNames(order.id, "X100"), TENANT, instrument())
    assert again is not None
    assert not again.is_new


# --- its end


def test_cancel_and_release_meet_and_one_of_them_wins() -> None:
    world = world_of()
    first, second = held(world), held(world, number=101)
    canceled = decide_cancel(world, ACCOUNT, first.id)
    assert not canceled.must_ask
    assert (canceled.order.status, canceled.order.cancel_reason) == (OrderStatus.CANCELED, CancelReason.USER.value)
    assert decide_release(world, first.id, D(95), world.world.now_ms) is None
    released(world, second)
    late = decide_cancel(world, ACCOUNT, second.id)
    assert late.must_ask
    assert late.order.status is OrderStatus.PENDING_CANCEL


@pytest.mark.parametrize(("time_in_force", "expire_at_ms"), [(GTD, NOW_MS + 1_000), (DAY, None)])
def test_it_expires_here_while_it_is_held_and_not_afterwards(
    time_in_force: TimeInForce, expire_at_ms: int | None
) -> None:
    world = world_of()
    terms = {"time_in_force": time_in_force, "expire_at_ms": expire_at_ms}
    first, second = held(world, **terms), held(world, number=101, **terms)
    assert first.expire_at_ms is not None
    assert first.is_overdue(first.expire_at_ms)
    expire_held(world, first)
    ended = now(world, first)
    assert (ended.status, ended.cancel_reason) == (OrderStatus.EXPIRED, CancelReason.EXPIRED.value)
    assert decide_release(world, first.id, D(95), world.world.now_ms) is None
    sent = released(world, second)
    assert not sent.is_overdue(first.expire_at_ms)
    assert sent.send_before_ms == min(NOW_MS + SPEC.send_within_ms, first.expire_at_ms)


def test_one_of_a_disabled_account_is_released_and_one_of_a_disconnected_account_is_not() -> None:
    world = world_of()
    first, second = held(world), held(world, number=101)
    world.put_account(world.account(ACCOUNT).with_status(AccountStatus.INACTIVE, NOW_MS))
    released(world, first)
    world.put_account(world.account(ACCOUNT).with_status(AccountStatus.DISCONNECTED, NOW_MS))
    with pytest.raises(e.AccountDisconnected):
        decide_release(world, second.id, D(95), world.world.now_ms)


def test_a_release_whose_commit_was_written_and_its_reply_lost_goes_on() -> None:
    world = world_of()
    order = released(world, held(world))
    version = now(world, order).version
    assert decide_release(world, order.id, D(95), NOW_MS) == now(world, order)
    assert decide_release(world, order.id, D(95), NOW_MS + 1) is None, "another process, or this one after a restart"
    assert now(world, order).version == version


@pytest.mark.parametrize("what", ["shown", "canceled", "not sent", "unknown to the venue", "undetermined"])
def test_a_release_that_somebody_has_dealt_with_does_not_go_on(what: str) -> None:
    world = world_of()
    order = released(world, held(world))
    lost = {"reason": RejectReason.NOT_FOUND_AT_VENUE.value}
    match what:
        case "shown":
            apply_report(world, fill_of(order))
        case "canceled":
            decide_cancel(world, ACCOUNT, order.id)
        case "not sent":
            apply_report(world, not_sent(order))
            world.world = replace(world.world, now_ms=NOW_MS + 2_000)
            released(world, order)
        case "unknown to the venue":
            apply_report(world, RejectedReport(**about(order), **lost))  # type: ignore[arg-type]
        case "undetermined":
            apply_report(world, UndeterminedOutcomeReport(**about(order), cause="forgotten"))  # type: ignore[arg-type]
    assert decide_release(world, order.id, D(95), NOW_MS) is None


# --- reports


def test_what_was_proved_not_to_be_sent_is_held_again() -> None:
    world = world_of()
    order = released(world, held(world, time_in_force=GTD, expire_at_ms=NOW_MS + 60_000), "97")
    apply_report(world, not_sent(order))
    again = now(world, order)
    assert is_held(again)
    assert (again.status, again.doubt, again.stop_price, again.expiry) == (
        OrderStatus.ACCEPTED, None, D(97), Expiry.HERE
    )  # fmt: skip
    assert world.balance(ACCOUNT, "BTC").locked == 1
    assert decide_release(world, order.id, D(97), world.world.now_ms) is not None


@pytest.mark.parametrize("clock_ms", [2_000, -2_000])
@pytest.mark.parametrize("shown", [False, True])
def test_a_repeated_word_about_an_earlier_release_changes_nothing(clock_ms: int, shown: bool) -> None:
    """Otherwise the order would be sent twice. Wall clocks step back, so the instant of the word shows nothing."""
    world = world_of()
    order = released(world, held(world, time_in_force=GTD, expire_at_ms=NOW_MS + 3_000))
    first = not_sent(order)
    apply_report(world, first)
    world.world = replace(world.world, now_ms=NOW_MS + clock_ms)
    again = released(world, order)
    if shown:
        apply_report(world, fill_of(again))
    before = now(world, again)
    for word in (first, replace(first, at_ms=NOW_MS + 60_000), replace(first, recorded_at_ms=None)):
        apply_report(world, word)
        assert now(world, order) == before
    assert not world.changed.kept
    apply_report(world, not_sent(again))
    assert is_held(now(world, order)) is not shown


def test_one_that_is_being_canceled_is_not_held_again() -> None:
    world = world_of()
    order = released(world, held(world))
    decide_cancel(world, ACCOUNT, order.id)
    apply_report(world, not_sent(order))
    assert now(world, order).status is OrderStatus.REJECTED


def test_a_held_order_that_its_venue_shows_was_released_before_a_backup_was_restored() -> None:
    world = world_of()
    order = held(world)
    apply_report(world, replace(fill_of(order), order_id=None, sent_id=order.sent_id))
    assert now(world, order).status is OrderStatus.FILLED
    partly = held(world, quantity=D(2), number=101)
    apply_report(world, replace(fill_of(partly), trade_id="t2", venue_order_id="v2"))
    assert now(world, partly).status is OrderStatus.PARTIALLY_FILLED
    assert decide_release(world, partly.id, D(95), world.world.now_ms) is None


def shown(order: Order, **changes: object) -> list[Report]:
    """What a stream says of a MARKET order with our id, and its execution, which has none of our ids."""
    names = {**about(order), "order_id": None, "sent_id": order.sent_id, "venue_order_id": "v1"}
    terms = {"side": order.side, "quantity": order.quantity, "executed_quantity": D(0), **changes}
    market = ExternalOrderReport(
        **names, type=OrderType.MARKET, time_in_force=TimeInForce.IOC, **terms
    )  # type: ignore[arg-type]  # fmt: skip
    return [market, replace(fill_of(order), order_id=None)]  # type: ignore[arg-type]


SHARED = venue_spec(
    orders={InstrumentType.SPOT: HELD}, sent_id=DerivedSentId(prefix="X", is_shared=True),
    books={SPOT: Books.VENUE}, funds_check=FundsCheck.AT_VENUE,
)  # fmt: skip


@pytest.mark.parametrize("is_ours", [True, False])
def test_where_others_may_give_out_our_ids_a_held_order_is_recognized_by_its_terms(is_ours: bool) -> None:
    """Nothing asks about it. It was released before a backup was restored; else it would be executed twice."""
    world = state(spec=SHARED)
    order = held(world)
    for report in shown(order, **({} if is_ours else {"quantity": D(2)})):
        apply_report(world, report)
    assert now(world, order).executed_quantity == (D(1) if is_ours else D(0))
    adopted = world.order_by_venue_id(order, "v1")
    assert adopted is not None
    assert (adopted.id == order.id, adopted.executed_quantity) == (is_ours, D(1))
    assert is_held(now(world, order)) is not is_ours


def test_where_others_may_give_out_our_ids_a_released_order_waits_for_its_name() -> None:
    world = state(spec=SHARED)
    order = released(world, held(world))
    for report in shown(order):
        apply_report(world, report)
    assert now(world, order).executed_quantity == 0
    assert world.order_by_venue_id(order, "v1") is None
    apply_report(world, AcceptedReport(**about(order), venue_order_id="v1", executed_quantity=D(0)))  # type: ignore[arg-type]
    assert (now(world, order).status, world.changed.kept) == (OrderStatus.FILLED, [])


@pytest.mark.parametrize("make", [
    lambda order: RejectedReport(**about(order), reason=RejectReason.NOT_FOUND_AT_VENUE.value),
    lambda order: RejectedReport(**about(order), reason="OTHER: no"),
    lambda order: UndeterminedOutcomeReport(**about(order), cause="it has forgotten"),
    lambda order: CancelRefusedReport(**about(order), refusal=CancelRefusal.UNKNOWN_ORDER, reason="no"),
    lambda order: not_sent(order),
])  # fmt: skip
def test_that_its_venue_does_not_know_it_says_nothing(make: object) -> None:
    world = world_of()
    order = held(world)
    assert callable(make)
    apply_report(world, make(order))
    assert now(world, order) == order
    assert not world.changed.kept


def test_its_venue_is_asked_as_about_an_order_of_the_instant_of_its_release() -> None:
    world = world_of()
    first = held(world)
    old = replace(first, created_at_ms=1)
    assert (recorded_to_send_at_ms(old), as_sent(old).created_at_ms) == (1, 1)
    world.put_order(old)
    order = released(world, old)
    assert (order.created_at_ms, recorded_to_send_at_ms(order), as_sent(order).created_at_ms) == (1, NOW_MS, NOW_MS)


# --- what a spec may list


@pytest.mark.parametrize("changes", [
    {"orders": {InstrumentType.SPOT: {**HELD, OrderType.MARKET: {TimeInForce.FOK: Support.NATIVE}}}},
    {"orders": {InstrumentType.SPOT: {**HELD, OrderType.TRAILING_STOP: {GTC: EMULATED, IOC: EMULATED}}}},
    {"orders": {InstrumentType.SPOT: {**HELD, OrderType.TRAILING_STOP: {GTC: EMULATED, GTD: Support.NATIVE}}}},
    {"orders": {InstrumentType.SPOT: HELD}, "order_books": {}},
    {"orders": {InstrumentType.SPOT: HELD}, "sent_id": CountedSentId(counter="cid")},
])  # fmt: skip
def test_a_spec_lists_it_only_if_it_can_be_followed_and_sent(changes: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="cannot emulate TRAILING_STOP orders"):
        venue_spec(**changes)


def test_a_native_one_is_not_held() -> None:
    times = {GTC: Support.NATIVE, GTD: Support.EMULATED}
    spec = venue_spec(orders={InstrumentType.SPOT: {OrderType.TRAILING_STOP: times}})
    assert not spec.holds(InstrumentType.SPOT, OrderType.TRAILING_STOP)
    order = held(state(account(), spec=spec), time_in_force=GTD, expire_at_ms=NOW_MS + 1_000)
    assert (order.status, order.trail, order.expiry) == (OrderStatus.SUBMITTED, None, Expiry.HERE)
