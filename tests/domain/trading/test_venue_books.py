"""Whose money: where the venue keeps the books its word counts and nothing is added to it; where our ledger does, fills
move it, corrections move it by the difference, and a word of the venue that differs is a correction in the log."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cadenza.domain.accounts.trading_account import AccountType, PositionSide
from cadenza.domain.errors import InstrumentNotTradable
from cadenza.domain.market.enums import Side
from cadenza.domain.market.instrument import InstrumentType
from cadenza.domain.trading.apply import apply_report
from cadenza.domain.trading.enums import OrderStatus
from cadenza.domain.trading.events import BalanceCorrected, PositionCorrected
from cadenza.domain.trading.execution import Fee
from cadenza.domain.trading.kept import KeepReason
from cadenza.domain.trading.order import Order
from cadenza.domain.trading.reports import (
    BalanceReport,
    FeeReport,
    FillBustedReport,
    FillCorrectedReport,
    FillReport,
    PositionReport,
    Report,
)
from cadenza.domain.trading.state import TradingState
from cadenza.domain.trading.venue_books import AHEAD_MS_MAX, apply_snapshot, differences
from cadenza.domain.trading.venue_spec import Books, FundsCheck
from tests.domain.trading.worlds import ACCOUNT, BTC, NOW_MS, D, account, instrument, state, submit, venue_spec

NET = PositionSide.NET
VENUE = venue_spec(books=dict.fromkeys(AccountType, Books.VENUE), funds_check=FundsCheck.AT_VENUE)
DESK = venue_spec(funds_check=FundsCheck.AT_VENUE)


def test_what_a_position_realised_is_known_only_where_every_fill_of_it_was_booked() -> None:
    stated = at_venue(AccountType.MARGIN)
    apply_report(stated, position("2", as_of=1))
    apply_report(stated, position("1", as_of=2))
    apply_report(stated, position("0", as_of=3))
    assert [each.realized_pnl for each in stated.changed.positions.values()] == [None]

    ours = state(account(AccountType.MARGIN))
    bought = submit(ours, quantity=D(2))
    apply_report(ours, fill(bought, "t1", "2"))
    sold = submit(ours, number=101, side=Side.SELL, limit_price=D(95))
    apply_report(ours, fill(sold, "t2", price="95", at_ms=6))
    assert [each.realized_pnl for each in ours.positions(ACCOUNT)] == [5]


def at_venue(type: AccountType = AccountType.SPOT, balances: dict[str, str] | None = None) -> TradingState:
    return state(account(type), balances or {}, spec=VENUE)


def balance(asset: str, total: str, as_of: int, locked: str = "0") -> BalanceReport:
    return BalanceReport(
        account_id=ACCOUNT, at_ms=as_of, asset=asset, total=D(total), locked=D(locked), borrowed=D(0), as_of=as_of
    )


def position(quantity: str, as_of: int, price: str = "90", **more: Any) -> PositionReport:
    return PositionReport(
        account_id=ACCOUNT, at_ms=as_of, instrument_id=BTC, side=NET, quantity=D(quantity), entry_price=D(price),
        as_of=as_of, **more,
    )  # fmt: skip


def fill(order: Order, trade_id: str, quantity: str = "1", price: str = "90", fee: str = "0", at_ms: int = 5) -> Report:
    return FillReport(
        account_id=ACCOUNT, instrument_id=BTC, order_id=order.id, at_ms=NOW_MS + at_ms, trade_id=trade_id,
        side=order.side, price=D(price), quantity=D(quantity), fees=(Fee("USDT", D(fee)),) if D(fee) else (),
    )  # fmt: skip


def corrected(order: Order, trade_id: str, quantity: str, price: str, at_ms: int) -> Report:
    return FillCorrectedReport(
        account_id=ACCOUNT, instrument_id=BTC, order_id=order.id, at_ms=NOW_MS + at_ms, trade_id=trade_id,
        side=order.side, price=D(price), quantity=D(quantity),
    )  # fmt: skip


def busted(order: Order, trade_id: str, at_ms: int = 50) -> Report:
    return FillBustedReport(
        account_id=ACCOUNT, instrument_id=BTC, order_id=order.id, at_ms=NOW_MS + at_ms, trade_id=trade_id
    )


def late_fee(order: Order, trade_id: str, fee: str, at_ms: int = 60) -> Report:
    return FeeReport(
        account_id=ACCOUNT, instrument_id=BTC, order_id=order.id, at_ms=NOW_MS + at_ms, trade_id=trade_id,
        fees=(Fee("USDT", D(fee)),),
    )  # fmt: skip


def now(world: TradingState, order: Order) -> Order:
    found = world.order(order.id)
    assert found is not None
    return found


def corrections(world: TradingState) -> list[tuple[str, Any, Any]]:
    """What the log says was corrected: what, before, after."""
    found: list[tuple[str, Any, Any]] = []
    for event in world.changed.events:
        if isinstance(event.body, BalanceCorrected):
            found.append((event.body.asset, event.body.before, event.body.after))
        elif isinstance(event.body, PositionCorrected):
            found.append((event.body.instrument_id, event.body.before, event.body.after))
    return found


# --- the venue's books


def test_a_balance_and_the_fill_that_is_in_it_are_counted_once() -> None:
    world = at_venue()
    order = submit(world)
    apply_report(world, balance("BTC", "1", 10))
    apply_report(world, fill(order, "t1", fee="0.1"))
    assert world.balance(ACCOUNT, "BTC").total == 1
    assert now(world, order).status is OrderStatus.FILLED
    assert [b.asset for b in world.balances(ACCOUNT)] == ["BTC"]


def test_an_order_needs_no_balance_that_we_know_of() -> None:
    for spec in (VENUE, DESK):
        world = state(account(), {}, spec=spec)
        order = submit(world, quantity=D(100), side=Side.SELL, limit_price=D(99))
        assert order.reservation is None
        assert world.balances(ACCOUNT) == []


def test_a_desk_s_balance_is_what_its_fills_moved() -> None:
    world = state(account(), {}, spec=DESK)
    apply_report(world, fill(submit(world), "t1"))
    held = {b.asset: (b.total, b.locked) for b in world.balances(ACCOUNT)}
    assert held == {"BTC": (D(1), D(0)), "USDT": (D(-90), D(0))}


@given(st.permutations([(10, "1", "0"), (20, "3", "1"), (30, "2", "2")]), st.sampled_from(AccountType))
def test_the_newest_word_wins_in_every_order_of_arrival(words: list[tuple[int, str, str]], type: AccountType) -> None:
    world = at_venue(type)
    for as_of, total, locked in words:
        apply_report(world, balance("BTC", total, as_of, locked))
        apply_report(world, position(total, as_of))
    held = world.balance(ACCOUNT, "BTC")
    assert (held.total, held.locked, held.free, held.as_of, held.updated_at_ms) == (D(2), D(2), D(0), 30, 30)
    shown = world.position(ACCOUNT, BTC, NET)
    assert shown is not None
    assert (shown.quantity, shown.as_of) == (D(2), 30)


def test_an_older_word_does_not_bring_a_closed_position_back() -> None:
    world = at_venue(AccountType.FUTURES)
    for word in (position("1", 10), position("0", 30), position("1", 20)):
        apply_report(world, word)
    assert world.positions(ACCOUNT) == []
    later = state(account(AccountType.FUTURES), {}, world.changed.positions.values(), spec=VENUE)  # the next batch
    apply_report(later, position("1", 20))
    assert later.positions(ACCOUNT) == []


def test_a_leverage_that_no_word_has_stated_is_unknown() -> None:
    where = at_venue(AccountType.MARGIN)
    for as_of, more, known in ((1, {}, None), (2, {"leverage": 3}, 3), (3, {}, 3), (4, {"leverage": 1}, 1)):
        apply_report(where, position("2", as_of, **more))
        assert where.positions(ACCOUNT)[0].leverage == known


def test_each_word_of_a_position_says_from_when_its_profit_is_not_paid_out() -> None:
    where = at_venue(AccountType.MARGIN)
    apply_report(where, position("2", 1, settled_cost=D(200)))
    (held,) = where.positions(ACCOUNT)
    assert (held.entry_cost, held.settled_cost) == (180, 200)
    apply_report(where, position("3", 2))
    assert where.positions(ACCOUNT)[0].settled_cost is None
    apply_report(where, position("3", 3, settled_cost=D(1)))
    apply_report(where, position("0", 4))
    assert not where.positions(ACCOUNT)


@pytest.mark.parametrize("ahead_ms", [AHEAD_MS_MAX, AHEAD_MS_MAX + 1])
def test_a_word_of_a_clock_that_was_far_ahead_is_replaced(ahead_ms: int) -> None:
    """The venue's clock is right again, and its words would be older until the wrong instant has come."""
    before, now = NOW_MS + ahead_ms, NOW_MS
    is_replaced = ahead_ms > AHEAD_MS_MAX
    where = at_venue()
    apply_report(where, balance("USDT", "5", as_of=before))
    apply_report(where, balance("USDT", "7", as_of=now))
    assert where.balance(ACCOUNT, "USDT").total == (7 if is_replaced else 5)
    apply_snapshot(where, ACCOUNT, [], None, as_of=now + 1, at_ms=now + 1)
    assert where.balance(ACCOUNT, "USDT").total == (0 if is_replaced else 5)
    futures = at_venue(AccountType.FUTURES)
    apply_report(futures, position("5", as_of=before))
    apply_report(futures, position("7", as_of=now))
    found = futures.position(ACCOUNT, BTC, NET)
    assert found is not None
    assert found.quantity == (7 if is_replaced else 5)


def test_a_flip_closes_the_position_and_opens_another() -> None:
    world = at_venue(AccountType.FUTURES)
    apply_report(world, position("1", 10))
    long = world.position(ACCOUNT, BTC, NET)
    apply_report(world, position("-2", 20))
    short = world.position(ACCOUNT, BTC, NET)
    assert long is not None
    assert short is not None
    assert short.id != long.id
    assert (short.quantity, short.entry_cost) == (D(-2), D(-180))


def test_the_venue_s_cost_is_taken_as_it_is() -> None:
    world = at_venue(AccountType.FUTURES)
    apply_report(world, position("3", 10, price="33.333333333333", entry_cost=D(100), leverage=7))
    shown = world.position(ACCOUNT, BTC, NET)
    assert shown is not None
    assert (shown.entry_cost, shown.leverage) == (D(100), 7)


def test_what_the_venue_does_not_state_again_stays_as_it_stated_it_last() -> None:
    world = at_venue(AccountType.FUTURES)
    apply_report(world, position("1", 10, leverage=7, maintenance_margin=D("0.5")))
    apply_report(world, balance("USDT", "100", 10, locked="30"))
    apply_report(world, position("2", 20))
    apply_report(world, replace(balance("USDT", "99", 20), locked=None))
    shown, held = world.position(ACCOUNT, BTC, NET), world.balance(ACCOUNT, "USDT")
    assert shown is not None
    assert (shown.quantity, shown.leverage, shown.maintenance_margin) == (D(2), 7, D("0.5"))
    assert (held.total, held.locked, held.free) == (D(99), D(30), D(69))


def test_a_snapshot_closes_what_it_leaves_out_unless_newer_news_said_otherwise() -> None:
    world = at_venue(AccountType.FUTURES)
    for word in (balance("BTC", "1", 10), balance("ETH", "5", 10), balance("USDT", "9", 30), position("1", 10)):
        apply_report(world, word)
    apply_snapshot(world, ACCOUNT, [balance("BTC", "2", 20)], [], as_of=20, at_ms=20)
    held = {b.asset: b.total for b in world.balances(ACCOUNT)}
    assert held == {"BTC": D(2), "ETH": D(0), "USDT": D(9)}
    assert world.positions(ACCOUNT) == []
    assert corrections(world) == []


def test_a_word_with_the_same_as_of_is_the_same_fact_unless_a_snapshot_brings_it() -> None:
    world = at_venue(AccountType.FUTURES)
    for total in ("1", "2"):
        apply_report(world, balance("BTC", total, 10))
        apply_report(world, position(total, 10))
    assert world.balance(ACCOUNT, "BTC").total == 1
    shown = world.position(ACCOUNT, BTC, NET)
    assert shown is not None
    assert shown.quantity == 1
    apply_snapshot(world, ACCOUNT, [balance("BTC", "3", 10)], [position("3", 10)], as_of=10, at_ms=10)
    assert world.balance(ACCOUNT, "BTC").total == 3
    shown = world.position(ACCOUNT, BTC, NET)
    assert shown is not None
    assert shown.quantity == 3
    apply_snapshot(world, ACCOUNT, [], [], as_of=10, at_ms=10)
    assert world.balance(ACCOUNT, "BTC").total == 0
    assert world.positions(ACCOUNT) == []


def test_a_snapshot_without_balances_says_nothing_about_them() -> None:
    world = at_venue()
    apply_report(world, balance("BTC", "1", 10))
    apply_snapshot(world, ACCOUNT, None, None, as_of=20, at_ms=20)
    assert world.balance(ACCOUNT, "BTC").total == 1


# --- our ledger


def test_what_a_snapshot_shows_otherwise_is_found_and_corrected_with_both_values() -> None:
    world = state(account(AccountType.MARGIN), {"USDT": "100", "BTC": "10"})
    apply_report(world, fill(submit(world, quantity=D(1), leverage=20), "t1"))
    reply = [balance("USDT", "101", 20), balance("BTC", "10", 20)]
    assert differences(world, ACCOUNT, reply, [position("2", 20)]) == (
        ("PAPER:BTC/USDT NET", D(1), D(2)),
        ("USDT", D(100), D(101)),
    )
    assert differences(world, ACCOUNT, None, None) == ()
    apply_snapshot(world, ACCOUNT, reply, [position("2", 20)], as_of=20, at_ms=20)
    assert corrections(world) == [("USDT", D(100), D(101)), (BTC, D(1), D(2))]
    assert differences(world, ACCOUNT, reply, [position("2", 20)]) == ()


@pytest.mark.parametrize("type", [AccountType.SPOT, AccountType.MARGIN])
def test_a_busted_fill_leaves_the_account_as_if_it_had_not_been(type: AccountType) -> None:
    world = state(account(type))
    order = submit(world, quantity=D(2), **({} if type is AccountType.SPOT else {"leverage": 5}))
    for report in (fill(order, "t1", fee="0.5"), fill(order, "t2", price="80"), busted(order, "t1"), fill(order, "t1")):
        apply_report(world, report)
    twin = state(account(type))
    only = submit(twin, quantity=D(2), **({} if type is AccountType.SPOT else {"leverage": 5}))
    apply_report(twin, fill(only, "t2", price="80"))
    assert _worth(world) == _worth(twin)
    done = now(world, order)
    assert (done.executed_quantity, done.executed_cost, done.fees) == (D(1), D(80), ())
    assert (done.status, done.cancel_reason) == (OrderStatus.CANCELED, "VENUE")


def _worth(world: TradingState, mark: int = 100) -> tuple[Any, ...]:
    """What balances and positions are worth at one price, and what is held of each."""
    positions = world.positions(ACCOUNT)
    profit = sum((p.unrealized_pnl(instrument(), D(mark)) for p in positions), D(0))
    held = sorted((p.side, p.quantity) for p in positions)
    return world.balance(ACCOUNT, "USDT").total + profit, world.balance(ACCOUNT, "BTC").total, held


def test_the_newest_correction_wins_and_moves_the_difference() -> None:
    for late in (False, True):
        world = state()
        order = submit(world, quantity=D(2))
        first, second = corrected(order, "t1", "1.5", "80", 10), corrected(order, "t1", "0.5", "70", 20)
        apply_report(world, fill(order, "t1"))
        for report in (second, first, second) if late else (first, second, first):
            apply_report(world, report)
        done = now(world, order)
        assert (done.executed_quantity, done.executed_cost) == (D("0.5"), D(35))
        assert world.balance(ACCOUNT, "BTC").total == D("10.5")
        assert world.balance(ACCOUNT, "USDT").total == D(1_000_000) - 35


def test_a_correction_before_its_fill_is_the_fill() -> None:
    world = state()
    order = submit(world, quantity=D(2))
    for report in (corrected(order, "t1", "0.5", "70", 20), fill(order, "t1")):
        apply_report(world, report)
    assert now(world, order).executed_cost == D(35)
    assert world.balance(ACCOUNT, "BTC").total == D("10.5")


@pytest.mark.parametrize("is_before", [False, True])
def test_a_fee_or_a_bust_may_come_before_its_fill(is_before: bool) -> None:
    world = state()
    order = submit(world, quantity=D(2))
    news = [fill(order, "t1"), late_fee(order, "t1", "0.7"), fill(order, "t2"), busted(order, "t2")]
    if is_before:
        news.reverse()
    for report in news:
        apply_report(world, report)
    assert world.changed.kept == []
    done = now(world, order)
    assert (done.executed_quantity, done.fees) == (D(1), (Fee("USDT", D("0.7")),))
    assert world.balance(ACCOUNT, "USDT").total == D(1_000_000) - 90 - D("0.7")
    apply_report(world, late_fee(order, "t1", "0.7"))
    assert world.balance(ACCOUNT, "USDT").total == D(1_000_000) - 90 - D("0.7")


def test_a_fee_of_an_execution_that_never_comes_waits_and_is_seen() -> None:
    world = state()
    order = submit(world)
    apply_report(world, late_fee(order, "t9", "1"))
    assert [(kept.reason, kept.report.at_ms) for kept in world.changed.kept] == [(KeepReason.NO_EXECUTION, NOW_MS + 60)]


def test_at_the_venue_a_correction_moves_the_order_alone() -> None:
    world = at_venue(balances={"BTC": "1"})
    order = submit(world, quantity=D(2))
    for report in (fill(order, "t1"), replace(corrected(order, "t1", "0.5", "70", 20)), late_fee(order, "t1", "1")):
        apply_report(world, report)
    assert now(world, order).executed_quantity == D("0.5")
    assert now(world, order).fees == (Fee("USDT", D(1)),)
    assert {b.asset: b.total for b in world.balances(ACCOUNT)} == {"BTC": D(1)}


def test_a_position_that_the_account_cannot_have_is_refused() -> None:
    perpetual = instrument(type=InstrumentType.PERPETUAL)
    spot = state(account(AccountType.SPOT), {}, traded=perpetual, spec=VENUE)
    with pytest.raises(InstrumentNotTradable):
        apply_report(spot, position("1", as_of=10))
    assert not spot.positions(ACCOUNT)
