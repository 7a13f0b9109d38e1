"""Applying reports: every fill once, states that never go back, balances and positions that add up."""

from dataclasses import replace
from decimal import Decimal
from itertools import permutations
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cadenza.domain.accounts.trading_account import AccountType, PositionMode, PositionSide
from cadenza.domain.ids import OrderId, TradingAccountId
from cadenza.domain.market.enums import OrderType, Side, TimeInForce
from cadenza.domain.trading.apply import apply_report
from cadenza.domain.trading.cancel import decide_cancel
from cadenza.domain.trading.enums import CancelReason, OrderStatus
from cadenza.domain.trading.execution import Fee
from cadenza.domain.trading.kept import KeepReason, KeptReport
from cadenza.domain.trading.order import Order
from cadenza.domain.trading.position import PositionStatus
from cadenza.domain.trading.reports import (
    AcceptedReport,
    BalanceReport,
    CanceledReport,
    CancelRefusal,
    CancelRefusedReport,
    ExpiredReport,
    ExternalOrderReport,
    FillReport,
    RejectedReport,
    Report,
    TriggerMovedReport,
    UnknownOutcomeReport,
)
from cadenza.domain.trading.state import TradingState
from tests.domain.trading.worlds import ACCOUNT, BTC, NOW_MS, D, account, instrument, state, submit

WORKS_ON = CancelRefusal.WORKS_ON


def about(order: Order, **more: object) -> dict[str, object]:
    return {
        "account_id": ACCOUNT, "instrument_id": BTC, "order_id": order.id, "venue_order_id": f"v{order.id}",
        "at_ms": NOW_MS + 5
    } | more  # fmt: skip


def accepted(order: Order) -> Report:
    return AcceptedReport(**about(order), executed_quantity=D(0))  # type: ignore[arg-type]


def fill(order: Order, trade_id: str, quantity: str, price: str = "90", fee: str = "0", asset: str = "USDT") -> Report:
    return FillReport(
        **about(order), trade_id=trade_id, side=order.side, price=D(price), quantity=D(quantity),
        fees=(Fee(asset, D(fee)),) if D(fee) else (),
    )  # type: ignore[arg-type]  # fmt: skip


def canceled(order: Order, executed: str = "0") -> Report:
    return CanceledReport(**about(order), reason=CancelReason.USER, executed_quantity=D(executed))  # type: ignore[arg-type]


def expired(order: Order, executed: str = "0") -> Report:
    return ExpiredReport(**about(order), executed_quantity=D(executed))  # type: ignore[arg-type]


def now(world: TradingState, order: Order) -> Order:
    found = world.order(order.id)
    assert found is not None
    return found


def test_a_fill_moves_both_assets_and_releases_the_lock() -> None:
    world = state()
    order = submit(world, quantity=D(2))
    apply_report(world, fill(order, "t1", "1", fee="0.09"))
    assert now(world, order).status is OrderStatus.PARTIALLY_FILLED
    assert world.balance(ACCOUNT, "BTC").total == 11
    usdt = world.balance(ACCOUNT, "USDT")
    assert usdt.total == D("1000000") - 90 - D("0.09")
    assert usdt.locked == D("90.09")
    apply_report(world, fill(order, "t2", "1", price="89"))
    done = now(world, order)
    assert done.status is OrderStatus.FILLED
    assert done.executed_price == D("89.5")
    assert world.balance(ACCOUNT, "USDT").locked == 0


def test_a_base_fee_is_taken_from_what_was_bought() -> None:
    world = state()
    order = submit(world)
    apply_report(world, fill(order, "t1", "1", fee="0.001", asset="BTC"))
    assert world.balance(ACCOUNT, "BTC").total == D("10.999")
    assert now(world, order).fees == (Fee("BTC", D("0.001")),)


def test_a_rebate_adds() -> None:
    world = state()
    order = submit(world)
    apply_report(world, fill(order, "t1", "1", fee="-0.01"))
    assert world.balance(ACCOUNT, "USDT").total == D("1000000") - 90 + D("0.01")


def test_the_same_fill_twice_is_booked_once() -> None:
    world = state()
    order = submit(world, quantity=D(2))
    for _ in range(3):
        apply_report(world, fill(order, "t1", "1"))
    assert now(world, order).executed_quantity == 1
    assert len(world.changed.executions) == 1
    assert world.balance(ACCOUNT, "BTC").total == 11


def test_a_fill_that_comes_before_the_acceptance_is_booked_and_the_state_stays_ahead() -> None:
    world = state()
    order = submit(world, quantity=D(2))
    apply_report(world, fill(order, "t1", "1"))
    apply_report(world, accepted(order))
    assert now(world, order).status is OrderStatus.PARTIALLY_FILLED
    assert now(world, order).venue_order_id == f"v{order.id}"


def test_a_late_fill_after_a_cancel_is_booked_and_the_state_stays() -> None:
    world = state()
    order = submit(world, quantity=D(2))
    apply_report(world, canceled(order))
    assert world.balance(ACCOUNT, "USDT").locked == 0
    apply_report(world, fill(order, "t1", "1"))
    assert now(world, order).status is OrderStatus.CANCELED
    assert now(world, order).executed_quantity == 1
    assert world.balance(ACCOUNT, "BTC").total == 11
    assert world.balance(ACCOUNT, "USDT").locked == 0


def test_a_late_cancel_never_overwrites_a_fill() -> None:
    world = state()
    order = submit(world)
    apply_report(world, fill(order, "t1", "1"))
    apply_report(world, canceled(order))
    assert now(world, order).status is OrderStatus.FILLED
    assert now(world, order).cancel_reason is None


def test_a_complete_fill_wins_over_a_pending_cancel_and_a_partial_one_does_not() -> None:
    world = state()
    order = submit(world, quantity=D(2))
    decide_cancel(world, ACCOUNT, order.id)
    apply_report(world, fill(order, "t1", "1"))
    assert now(world, order).status is OrderStatus.PENDING_CANCEL
    apply_report(world, fill(order, "t2", "1"))
    assert now(world, order).status is OrderStatus.FILLED


@pytest.mark.parametrize(
    ("told_before", "told_with_it", "status"),
    [
        (None, None, OrderStatus.SUBMITTED),
        ("V1", None, OrderStatus.ACCEPTED),
        (None, "V1", OrderStatus.ACCEPTED),
    ],
)
def test_a_refused_cancel_returns_to_what_the_venue_has_told(
    told_before: str | None, told_with_it: str | None, status: OrderStatus
) -> None:
    world = state()
    order = submit(world, quantity=D(2))
    if told_before is not None:
        apply_report(world, AcceptedReport(**about(order) | {"venue_order_id": told_before}, executed_quantity=D(0)))  # type: ignore[arg-type]
    decide_cancel(world, ACCOUNT, order.id)
    refused = CancelRefusedReport(**about(order) | {"venue_order_id": told_with_it}, refusal=WORKS_ON, reason="busy")  # type: ignore[arg-type]
    apply_report(world, refused)
    assert (now(world, order).status, now(world, order).venue_order_id) == (status, told_before or told_with_it)


def test_a_refused_cancel_returns_to_what_the_executions_say() -> None:
    world = state()
    order = submit(world, quantity=D(2))
    apply_report(world, fill(order, "t1", "1"))
    decide_cancel(world, ACCOUNT, order.id)
    apply_report(world, CancelRefusedReport(**about(order), refusal=WORKS_ON, reason="busy"))  # type: ignore[arg-type]
    assert now(world, order).status is OrderStatus.PARTIALLY_FILLED


def test_an_unknown_outcome_changes_nothing() -> None:
    world = state()
    order = submit(world)
    apply_report(world, UnknownOutcomeReport(**about(order), cause="timeout"))  # type: ignore[arg-type]
    assert now(world, order).status is OrderStatus.SUBMITTED
    assert world.balance(ACCOUNT, "USDT").locked == D("90.09")


def test_a_rejection_gives_the_lock_back_and_never_undoes_a_fill() -> None:
    world = state()
    order = submit(world, quantity=D(2))
    filled = submit(world, number=101)
    apply_report(world, fill(filled, "t1", "0.5"))
    for target in (order, filled):
        apply_report(world, RejectedReport(**about(target), reason="OTHER"))  # type: ignore[arg-type]
    assert now(world, order).status is OrderStatus.REJECTED
    assert now(world, filled).status is OrderStatus.PARTIALLY_FILLED
    apply_report(world, canceled(filled, "0.5"))  # asked again, the venue says how much was executed
    assert (now(world, filled).status, now(world, filled).executed_quantity) == (OrderStatus.CANCELED, D("0.5"))


def test_expiry_keeps_executions() -> None:
    world = state()
    order = submit(world, quantity=D(2))
    apply_report(world, fill(order, "t1", "1"))
    apply_report(world, expired(order, "1"))
    assert now(world, order).status is OrderStatus.EXPIRED
    assert now(world, order).executed_quantity == 1
    assert world.balance(ACCOUNT, "USDT").locked == 0


def test_the_trigger_of_a_trailing_stop_follows() -> None:
    world = state()
    order = submit(world, type=OrderType.TRAILING_STOP, side=Side.SELL, limit_price=None, stop_price=D(90))
    apply_report(world, TriggerMovedReport(**about(order), stop_price=D(95)))  # type: ignore[arg-type]
    assert now(world, order).stop_price == 95


def test_a_balance_report_overrides_the_total_and_keeps_the_lock() -> None:
    world = state()
    submit(world)
    report = BalanceReport(
        account_id=ACCOUNT, at_ms=NOW_MS, asset="USDT", total=D(5000), locked=D(7), borrowed=D(0), as_of=NOW_MS
    )
    apply_report(world, report)
    assert world.balance(ACCOUNT, "USDT").total == 5000
    assert world.balance(ACCOUNT, "USDT").locked == D("90.09")


def external(quantity: str = "1", side: Side = Side.SELL) -> ExternalOrderReport:
    return ExternalOrderReport(
        account_id=ACCOUNT, venue_order_id="hand", at_ms=NOW_MS, instrument_id=BTC, side=side, type=OrderType.MARKET,
        time_in_force=TimeInForce.IOC, quantity=D(quantity), executed_quantity=D(0),
    )  # fmt: skip


def test_a_report_that_fits_no_order_is_kept_and_applied_when_the_order_is_known() -> None:
    world = state()
    orphan = FillReport(
        account_id=ACCOUNT, venue_order_id="hand", at_ms=NOW_MS, trade_id="t9", instrument_id=BTC, side=Side.SELL,
        price=D(100), quantity=D(1),
    )  # fmt: skip
    assert apply_report(world, orphan) is None
    assert [(kept.report, kept.reason) for kept in world.changed.kept] == [(orphan, KeepReason.NO_ORDER)]
    later = state(kept=world.changed.kept)
    order = apply_report(later, external())
    assert order is not None
    assert order.is_external
    assert order.status is OrderStatus.FILLED
    assert later.balance(ACCOUNT, "BTC").total == 9
    assert [kept.report for kept in later.changed.taken] == [orphan]


def test_a_report_and_its_order_in_one_batch_leave_nothing_that_is_kept() -> None:
    world = state()
    order = submit(world)
    assert apply_report(world, replace(fill(order, "t1", "1"), order_id=None, venue_order_id="hand")) is None
    adopted = apply_report(world, external(side=Side.BUY))
    assert adopted is not None
    assert adopted.status is OrderStatus.FILLED
    assert world.changed.kept == []


def test_what_names_another_order_of_ours_stays_kept() -> None:
    other = replace(fill(submit(state()), "t1", "1"), order_id=OrderId(UUID(int=999)), venue_order_id="hand")
    kept = KeptReport(report=other, reason=KeepReason.NO_ORDER, detail="", kept_at_ms=NOW_MS)
    world = state(kept=[kept])
    adopted = apply_report(world, external())
    assert adopted is not None
    assert adopted.executed_quantity == 0
    assert world.changed.taken == []


def test_an_adopted_order_is_adopted_once() -> None:
    world = state()
    first = apply_report(world, external())
    second = apply_report(world, external())
    assert first is not None
    assert second is not None
    assert first.id == second.id


def test_a_foreign_account_cannot_be_reached_through_an_order_id() -> None:
    world = state()
    order = submit(world)
    other = account(id=TradingAccountId(UUID(int=99)))
    world.put_account(other)
    stranger = replace(accepted(order), account_id=other.id)
    assert apply_report(world, stranger) is None
    assert now(world, order).status is OrderStatus.SUBMITTED


# --- margined accounts


def test_a_flip_closes_the_position_and_opens_a_new_one() -> None:
    world = state(account(AccountType.MARGIN))
    bought = submit(world, quantity=D(2), leverage=5)
    apply_report(world, fill(bought, "t1", "2", price="90"))
    long = world.position(ACCOUNT, BTC, PositionSide.NET)
    assert long is not None
    sold = submit(world, number=101, side=Side.SELL, quantity=D(3), limit_price=D(100))
    apply_report(world, fill(sold, "t2", "3", price="100"))
    short = world.position(ACCOUNT, BTC, PositionSide.NET)
    assert short is not None
    assert short.quantity == -1
    assert short.id != long.id
    closed = world.changed.positions[long.id]
    assert closed.status is PositionStatus.CLOSED
    assert closed.realized_pnl == 20
    assert closed.exit_price(instrument()) == 100
    assert world.balance(ACCOUNT, "USDT").total == D("1000020")
    assert world.balance(ACCOUNT, "BTC").total == 10


def test_hedge_mode_keeps_long_and_short_side_by_side() -> None:
    world = state(account(AccountType.MARGIN, PositionMode.HEDGE))
    for number, side in ((100, Side.BUY), (101, Side.SELL)):
        order = submit(world, number=number, side=side, limit_price=D(90))
        apply_report(world, fill(order, f"t{number}", "1"))
    long = world.position(ACCOUNT, BTC, PositionSide.LONG)
    short = world.position(ACCOUNT, BTC, PositionSide.SHORT)
    assert long is not None
    assert short is not None
    assert (long.quantity, short.quantity) == (1, -1)
    closing = submit(world, number=102, side=Side.SELL, limit_price=D(95), position_id=long.id)
    apply_report(world, fill(closing, "t3", "1", price="95"))
    assert world.position(ACCOUNT, BTC, PositionSide.LONG) is None
    assert world.balance(ACCOUNT, "USDT").total == D("1000005")


def test_a_liquidation_marks_the_position() -> None:
    world = state(account(AccountType.MARGIN))
    order = submit(world, quantity=D(1), leverage=5)
    apply_report(world, fill(order, "t1", "1"))
    position = world.position(ACCOUNT, BTC, PositionSide.NET)
    assert position is not None
    liquidation = apply_report(world, replace(external(), is_liquidation=True))
    assert liquidation is not None
    apply_report(world, replace(fill(liquidation, "t2", "1", price="70"), venue_order_id=liquidation.venue_order_id))
    assert world.changed.positions[position.id].status is PositionStatus.LIQUIDATED


# --- laws

fills = st.lists(
    st.tuples(st.integers(min_value=1, max_value=400), st.integers(min_value=100, max_value=200)),
    min_size=1,
    max_size=6,
)


@given(fills, st.sampled_from(Side), st.data())
def test_spot_money_is_conserved_in_any_order_and_with_any_repetition(
    parts: list[tuple[int, int]], side: Side, data: st.DataObject
) -> None:
    world = state(balances={"USDT": "10000000", "BTC": "100"}, traded=instrument(min_notional=D(0)))
    total = sum(lots for lots, _ in parts)
    price = D("100") if side is Side.BUY else D("50")
    order = submit(world, side=side, quantity=D(total) / 1000, limit_price=price)
    reports = [fill(order, f"t{i}", str(D(lots) / 1000), str(D(p) / 2)) for i, (lots, p) in enumerate(parts)]
    shuffled = data.draw(st.permutations([*reports, *reports]))
    for report in shuffled:
        apply_report(world, report)
        assert world.balance(ACCOUNT, "USDT").locked >= 0
    done = now(world, order)
    cost = sum((D(lots) / 1000 * D(p) / 2 for lots, p in parts), Decimal(0))
    assert done.status is OrderStatus.FILLED
    assert done.executed_cost == cost
    assert world.balance(ACCOUNT, "BTC").total == D(100) + side.sign * D(total) / 1000
    assert world.balance(ACCOUNT, "USDT").total == D(10000000) - side.sign * cost
    assert world.balance(ACCOUNT, "USDT").locked == world.balance(ACCOUNT, "BTC").locked == 0


@given(st.lists(st.tuples(st.sampled_from(Side), st.integers(1, 50), st.integers(60, 140)), min_size=1, max_size=12))
def test_margined_profit_equals_the_cash_that_went_through(trades: list[tuple[Side, int, int]]) -> None:
    """Closing everything at the end leaves exactly proceeds minus costs, whatever was rounded on the way."""
    world = state(account(AccountType.MARGIN), traded=instrument(max_quantity=D(10_000), max_notional=None))
    cash, net = Decimal(0), 0
    for number, (side, quantity, price) in enumerate(trades):
        order = submit(world, number=200 + number, side=side, quantity=D(quantity), limit_price=D(price), leverage=20)
        apply_report(world, fill(order, f"t{number}", str(quantity), str(price)))
        cash -= side.sign * D(quantity) * price
        net += side.sign * quantity
    if net:
        side = Side.SELL if net > 0 else Side.BUY
        order = submit(world, number=999, side=side, quantity=D(abs(net)), limit_price=D(100))
        apply_report(world, fill(order, "last", str(abs(net)), "100"))
        cash += net * D(100)
    assert world.balance(ACCOUNT, "USDT").total == D(1000000) + cash
    assert not world.positions(ACCOUNT)


FINAL = [
    lambda o: fill(o, "a", "1"),
    lambda o: fill(o, "b", "1"),
    accepted,
    canceled,
    expired,
]


def test_closed_states_are_final_in_every_order_of_news() -> None:
    for way in permutations(range(len(FINAL))):
        _closed_states_are_final(way)


def _closed_states_are_final(way: tuple[int, ...]) -> None:
    world = state()
    order = submit(world, quantity=D(2))
    closed: OrderStatus | None = None
    for index in way:
        apply_report(world, FINAL[index](order))  # type: ignore[arg-type]
        status = now(world, order).status
        assert closed is None or status is closed
        closed = status if status.is_closed else closed
    done = now(world, order)
    assert done.executed_quantity == 2
    assert (done.status is OrderStatus.FILLED) == (closed is OrderStatus.FILLED)
    assert world.balance(ACCOUNT, "USDT").locked == 0
    assert OrderId(done.id) == order.id


# --- the snapshot that an account goes on from


def test_a_fill_that_the_snapshot_has_fills_its_order_and_moves_no_money() -> None:
    world = state(account(adopted_at_ms=NOW_MS + 5))
    order = submit(world, quantity=D(2))
    apply_report(world, fill(order, "t1", "1", fee="0.09"))
    assert now(world, order).executed_quantity == 1
    assert world.balance(ACCOUNT, "BTC").total == 10
    usdt = world.balance(ACCOUNT, "USDT")
    assert (usdt.total, usdt.locked) == (D(1_000_000), D("90.09"))
    apply_report(world, replace(fill(order, "t2", "1"), at_ms=NOW_MS + 6))
    assert now(world, order).status is OrderStatus.FILLED
    assert world.balance(ACCOUNT, "BTC").total == 11


def test_before_there_is_a_snapshot_nothing_is_applied() -> None:
    world = state()
    order = submit(world)
    world.put_account(account(adopted_at_ms=None))
    for report in (fill(order, "t1", "1"), accepted(order)):
        assert apply_report(world, report) is None
    assert now(world, order).executed_quantity == 0
    assert world.balance(ACCOUNT, "BTC").total == 10
    assert world.changed.kept == []


def test_an_order_that_was_placed_elsewhere_locks_what_it_holds() -> None:
    world = state()
    adopted = apply_report(world, external())
    assert adopted is not None
    assert adopted.reservation is not None
    assert world.balance(ACCOUNT, adopted.reservation.asset).locked == adopted.reservation.remaining > 0


def test_what_was_kept_for_a_venue_order_id_is_applied_when_the_id_becomes_known() -> None:
    world = state()
    order = submit(world)
    early = replace(fill(order, "t1", "1"), order_id=None)
    assert apply_report(world, early) is None
    apply_report(world, accepted(order))
    assert now(world, order).executed_quantity == 1
    apply_report(world, fill(order, "t1", "1"))
    assert now(world, order).executed_quantity == 1
