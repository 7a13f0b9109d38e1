"""A venue that gives a new order the id of an older one: its ids have begun again, or the account is another one."""

import pytest

from cadenza.domain.accounts.trading_account import TradingMode
from cadenza.domain.errors import CadenzaError
from cadenza.domain.trading.apply import apply_or_keep
from cadenza.domain.trading.enums import OrderStatus
from cadenza.domain.trading.events import AccountUpdated
from cadenza.domain.trading.kept import KeepReason
from cadenza.domain.trading.order import Doubt, Order
from cadenza.domain.trading.reports import AcceptedReport, OrderReport, Report
from cadenza.domain.trading.state import TradingState
from tests.domain.trading.test_doubt import accepted, canceled, fill, named, now, stands
from tests.domain.trading.worlds import ACCOUNT, D, state, submit


@pytest.fixture
def world() -> TradingState:
    return state()


@pytest.fixture
def old(world: TradingState) -> Order:
    """It has ended, and the venue called it v1."""
    order = submit(world)
    apply_or_keep(world, accepted(order))
    apply_or_keep(world, canceled(order, "0"))
    return now(world, order)


@pytest.fixture
def new(world: TradingState, old: Order) -> Order:
    return submit(world, number=101)


def same_id(order: Order) -> list[Report]:
    return [accepted(order), fill(order, "t1", "1"), stands(order, "FILLED", "1"), canceled(order, "0")]


@pytest.mark.parametrize("number", range(4))
def test_no_report_that_gives_the_order_a_taken_id_is_applied(
    world: TradingState, old: Order, new: Order, number: int
) -> None:
    apply_or_keep(world, same_id(new)[number])
    assert (now(world, new), now(world, old)) == (new, old)
    assert (new.status, new.doubt, new.is_awaited) == (OrderStatus.SUBMITTED, Doubt.UNANSWERED, True)
    (kept,) = world.changed.kept
    assert kept.reason is KeepReason.ID_TAKEN
    assert isinstance(kept.report, OrderReport)
    assert kept.report.order_id == new.id
    assert str(old.id) in kept.detail


def test_the_account_is_halted_and_shows_it(world: TradingState, old: Order, new: Order) -> None:
    for report in same_id(new):
        apply_or_keep(world, report)
    assert world.account(ACCOUNT).trading_mode is TradingMode.HALTED
    shown = [event.body for event in world.changed.events if isinstance(event.body, AccountUpdated)]
    assert [body.account.trading_mode for body in shown] == [TradingMode.HALTED], "once"
    with pytest.raises(CadenzaError, match="HALTED"):
        submit(world, number=102)


def test_all_reports_about_the_order_are_one_fact(world: TradingState, old: Order, new: Order) -> None:
    for report in same_id(new):
        apply_or_keep(world, report)
    assert len(world.changed.kept) == 4
    assert len({kept.fact for kept in world.changed.kept}) == 1


def test_an_id_that_another_order_had_before_it_was_renamed_may_be_given_again(
    world: TradingState, old: Order, new: Order
) -> None:
    apply_or_keep(
        world, AcceptedReport(**named(old, venue_order_id="v2"), executed_quantity=D(0), former_venue_order_id="v1")
    )
    apply_or_keep(world, accepted(new))
    assert now(world, new).status is OrderStatus.ACCEPTED
    assert world.account(ACCOUNT).trading_mode is TradingMode.ACTIVE
