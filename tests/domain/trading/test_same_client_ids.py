"""Two orders of an account with one client id: which of them a report is about."""

from dataclasses import replace

import pytest

from cadenza.domain.market.enums import OrderType, Side, TimeInForce
from cadenza.domain.trading.apply import apply_report
from cadenza.domain.trading.enums import OrderStatus
from cadenza.domain.trading.kept import KeepReason
from cadenza.domain.trading.order import Doubt, Order
from cadenza.domain.trading.reports import (
    AcceptedReport,
    ExternalOrderReport,
    FillReport,
    OrderStatusReport,
    VenueOrderStatus,
)
from cadenza.domain.trading.state import TradingState
from tests.domain.trading.test_doubt import accepted, now
from tests.domain.trading.worlds import ACCOUNT, BTC, NOW_MS, D, instrument, state, submit


@pytest.fixture
def world() -> TradingState:
    return state()


def works_at(venue_order_id: str, price: int, *, sent_id: str = "bot-1", **changes: object) -> ExternalOrderReport:
    report = ExternalOrderReport(
        account_id=ACCOUNT, instrument_id=BTC, sent_id=sent_id, venue_order_id=venue_order_id, at_ms=NOW_MS + 1,
        side=Side.BUY, type=OrderType.LIMIT, time_in_force=TimeInForce.GTC, quantity=D(1), executed_quantity=D(0),
        limit_price=D(price),
    )  # fmt: skip
    return replace(report, **changes)  # type: ignore[arg-type]


def filled(venue_order_id: str | None, trade_id: str, *, sent_id: str | None = "bot-1") -> FillReport:
    return FillReport(
        account_id=ACCOUNT, instrument_id=BTC, sent_id=sent_id, venue_order_id=venue_order_id, at_ms=NOW_MS + 2,
        trade_id=trade_id, side=Side.BUY, price=D(90), quantity=D(1),
    )  # fmt: skip


def applied(world: TradingState, report: ExternalOrderReport) -> Order:
    order = apply_report(world, report)
    assert order is not None
    return order


def test_another_order_of_the_venue_with_the_same_client_id_is_adopted(world: TradingState) -> None:
    one, two = applied(world, works_at("v1", 100)), applied(world, works_at("v2", 90))
    assert one.id != two.id
    assert applied(world, works_at("v2", 90)).id == two.id  # again
    assert (now(world, one).venue_order_id, now(world, one).former_venue_order_ids) == ("v1", ())
    assert (now(world, one).limit_price, now(world, two).limit_price) == (D(100), D(90))


def test_the_client_id_stays_with_the_first_order(world: TradingState) -> None:
    one, two = applied(world, works_at("v1", 100)), applied(world, works_at("v2", 90))
    assert (now(world, one).sent_id, now(world, two).sent_id) == ("bot-1", None)
    apply_report(world, filled(None, "t1"))  # without an id of the venue
    assert (now(world, one).executed_quantity, now(world, two).executed_quantity) == (D(1), D(0))


def test_a_report_goes_to_the_order_with_its_id_at_the_venue(world: TradingState) -> None:
    one, two = applied(world, works_at("v1", 100)), applied(world, works_at("v2", 90))
    apply_report(world, filled("v2", "t1"))
    assert (now(world, one).status, now(world, two).status) == (OrderStatus.ACCEPTED, OrderStatus.FILLED)


def test_news_of_another_order_that_is_not_known_yet_waits_for_it(world: TradingState) -> None:
    one = applied(world, works_at("v1", 100))
    assert apply_report(world, filled("v2", "t1")) is None
    assert [kept.reason for kept in world.changed.kept] == [KeepReason.NO_ORDER]
    two = applied(world, works_at("v2", 90))
    assert (now(world, one).executed_quantity, now(world, two).executed_quantity) == (D(0), D(1))
    assert not world.changed.kept


def test_what_waits_for_another_order_stays_when_the_first_one_changes(world: TradingState) -> None:
    one = applied(world, works_at("v1", 100))
    apply_report(world, filled("v2", "t1"))
    apply_report(world, filled("v1", "t2"))
    assert now(world, one).status is OrderStatus.FILLED
    assert [kept.reason for kept in world.changed.kept] == [KeepReason.NO_ORDER]


def test_an_order_by_hand_with_the_id_of_ours_is_another(world: TradingState) -> None:
    ours = submit(world)
    apply_report(world, accepted(ours))
    other = applied(world, works_at("v9", 90, sent_id=ours.sent_id or ""))
    assert (other.is_external, other.sent_id) == (True, None)
    assert now(world, ours).venue_order_id == "v1"


def test_a_status_under_another_id_renames_nothing(world: TradingState) -> None:
    one = applied(world, works_at("v1", 100))
    stands = OrderStatusReport(
        account_id=ACCOUNT, instrument_id=BTC, sent_id="bot-1", venue_order_id="v2", at_ms=NOW_MS + 2,
        status=VenueOrderStatus.FILLED, quantity=D(1), executed_quantity=D(1),
    )  # fmt: skip
    assert apply_report(world, stands) is None
    assert now(world, one) == one


def test_the_same_ids_in_another_instrument_are_another_order(world: TradingState) -> None:
    elsewhere = instrument(id="PAPER:ETH/USDT", base_asset="ETH", symbol="ETH/USDT")
    known = world.world.instrument
    world.world = replace(world.world, instrument=lambda id: elsewhere if id == elsewhere.id else known(id))
    one = applied(world, works_at("v1", 100))
    two = applied(world, works_at("v1", 90, instrument_id=elsewhere.id))
    assert one.id != two.id
    assert (now(world, two).instrument_id, now(world, two).sent_id) == (elsewhere.id, None)


def test_an_order_of_ours_that_the_venue_has_not_named_is_found_by_its_client_id(world: TradingState) -> None:
    ours = submit(world)
    assert applied(world, works_at("v1", 90, sent_id=ours.sent_id or "")).id == ours.id
    assert now(world, ours).venue_order_id == "v1"


def test_an_answer_about_our_order_that_shows_another_one_is_set_aside(world: TradingState) -> None:
    ours = submit(world)
    apply_report(world, accepted(ours))
    apply_report(world, replace(accepted(ours), venue_order_id="v2"))  # type: ignore[call-arg]
    assert [kept.reason for kept in world.changed.kept] == [KeepReason.OTHER_ORDER]
    assert now(world, ours).venue_order_id == "v1"


def test_a_rename_waits_for_the_one_before_it(world: TradingState) -> None:
    one = applied(world, works_at("v1", 100))
    second, third = (
        AcceptedReport(
            account_id=ACCOUNT, instrument_id=BTC, sent_id="bot-1", venue_order_id=new, former_venue_order_id=former,
            at_ms=NOW_MS + 3, executed_quantity=D(0),
        )
        for former, new in (("v1", "v2"), ("v2", "v3"))
    )  # fmt: skip
    assert apply_report(world, third) is None
    apply_report(world, second)
    assert (now(world, one).venue_order_id, now(world, one).former_venue_order_ids) == ("v3", ("v1", "v2"))
    assert not world.changed.kept


def test_a_rename_to_the_name_of_an_adopted_order_leaves_both_as_they_are_and_ours_in_doubt(
    world: TradingState,
) -> None:
    """The order that ours became was reported before the rename was, and adopted. Its fill stays where it is booked."""
    ours = submit(world)
    apply_report(world, accepted(ours))
    adopted = applied(world, works_at("v2", 100, sent_id="venue-made"))
    apply_report(world, filled("v2", "t1", sent_id=None))
    rename = replace(accepted(ours), venue_order_id="v2", former_venue_order_id="v1")  # type: ignore[call-arg]
    for _ in range(2):
        apply_report(world, rename)
    assert {kept.reason for kept in world.changed.kept} == {KeepReason.OTHER_ORDER}
    assert (now(world, ours).venue_order_id, now(world, ours).doubt) == ("v1", Doubt.UNDETERMINED)
    assert (now(world, adopted).status, now(world, adopted).executed_quantity) == (OrderStatus.FILLED, D(1))
    assert now(world, ours).executed_quantity == 0
