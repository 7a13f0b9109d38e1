"""A dry run says exactly what the submit of the same request does, and leaves no trace."""

from dataclasses import fields
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cadenza.application.orders.held_orders import HELD_ORDERS_PER_ACCOUNT_MAX, HeldOrders
from cadenza.application.orders.preview import Lock, OrderPreview, PreviewChange, PreviewOutcome
from cadenza.application.orders.submit import SubmitChange
from cadenza.domain.accounts.trading_account import AccountStatus, AccountType, PositionMode, PositionSide
from cadenza.domain.errors import CadenzaError, IdempotencyKeyReused, TradingAccountNotFound, VenueUnavailable
from cadenza.domain.evolve import evolve
from cadenza.domain.ids import OrderId, PositionId, TenantId
from cadenza.domain.market.enums import OrderType, Side, TimeInForce
from cadenza.domain.market.instrument import Instrument, InstrumentType
from cadenza.domain.money import Rounding
from cadenza.domain.trading.commands import SubmitOrderRequest
from cadenza.domain.trading.enums import QuantityType, RejectReason
from cadenza.domain.trading.position import Position
from cadenza.domain.trading.state import Changed, TradingState
from cadenza.domain.trading.submit import NewOrderNames
from cadenza.domain.trading.venue_spec import FundsCheck, Support
from tests.domain.trading.worlds import ACCOUNT, BTC, NOW_MS, TENANT, D, account, instrument, request, state, venue_spec

TRAILED = {
    InstrumentType.SPOT: {
        kind: dict.fromkeys(TimeInForce, Support.NATIVE) for kind in OrderType if kind is not OrderType.TRAILING_STOP
    }
    | {OrderType.TRAILING_STOP: dict.fromkeys((TimeInForce.GTC, TimeInForce.GTD, TimeInForce.DAY), Support.EMULATED)}
}
SPECS = {
    "ours": venue_spec(),
    "venue's": venue_spec(funds_check=FundsCheck.AT_VENUE),
    "held": venue_spec(orders=TRAILED),
}
AMOUNTS = ("0", "0.0005", "0.001", "0.25", "1", "1.2345", "7", "50", "100", "5000")
PRICES = (None, None, "60", "89.75", "90", "99.5", "100", "101", "110", "300")
KEYS = (None, None, "a", "b")

REQUESTS = st.builds(
    request,
    side=st.sampled_from(Side),
    type=st.sampled_from(OrderType),
    quantity=st.sampled_from(AMOUNTS).map(D),
    quantity_type=st.sampled_from(QuantityType),
    rounding=st.sampled_from(Rounding),
    limit_price=st.sampled_from(PRICES).map(lambda text: None if text is None else D(text)),
    stop_price=st.sampled_from(PRICES).map(lambda text: None if text is None else D(text)),
    time_in_force=st.sampled_from([None, *TimeInForce]),
    expire_at_ms=st.sampled_from([None, None, NOW_MS - 1, NOW_MS + 60_000]),
    leverage=st.sampled_from([None, None, 1, 5, 50]),
    client_order_id=st.sampled_from(KEYS),
    idempotency_key=st.sampled_from(KEYS),
)
PLAIN = st.builds(
    request,
    side=st.sampled_from(Side),
    quantity=st.sampled_from(("0.001", "0.25", "1", "7")).map(D),
    limit_price=st.sampled_from(("89", "90", "101")).map(D),
    client_order_id=st.sampled_from(KEYS),
    idempotency_key=st.sampled_from(KEYS),
)


def a_world(spec: str, type: AccountType, status: AccountStatus) -> TradingState:
    positions = []
    if type is AccountType.MARGIN:
        positions = [
            Position(
                id=PositionId(UUID(int=50)), account_id=ACCOUNT, instrument_id=BTC, side=PositionSide.NET,
                quantity=D(2), entry_cost=D(200), leverage=5, created_at_ms=NOW_MS, updated_at_ms=NOW_MS,
            )
        ]  # fmt: skip
    return state(
        account(type, PositionMode.NETTING, status=status), {"USDT": "2000", "BTC": "3"}, positions, spec=SPECS[spec]
    )


def change(
    asked: SubmitOrderRequest, number: int, traded: Instrument | CadenzaError | None = None, tenant: TenantId = TENANT
) -> SubmitChange:
    names = NewOrderNames(OrderId(UUID(int=number)), f"X{number}")
    return SubmitChange(asked, names, tenant, traded or instrument())


def decided(where: TradingState, work: Any) -> Any:
    """Decide as the committer does: a refusal leaves nothing."""
    before = where.savepoint()
    try:
        decision = work.decide(where)
    except CadenzaError as refusal:
        where.roll_back(before)
        return type(refusal), refusal.message, refusal.metadata
    where.record_order_events()
    return decision


def facts(where: TradingState) -> list[Any]:
    """All that would be written."""
    changed = [getattr(where.changed, field.name) for field in fields(Changed)]
    return [*changed, where.balances(ACCOUNT), where.account(ACCOUNT)]


@settings(max_examples=300)
@given(
    spec=st.sampled_from(sorted(SPECS)), type=st.sampled_from([AccountType.SPOT, AccountType.MARGIN]),
    status=st.sampled_from([AccountStatus.ACTIVE] * 5 + [AccountStatus.INACTIVE]), earlier=st.lists(PLAIN, max_size=3),
    asked=REQUESTS | PLAIN, is_reached=st.sampled_from([True, True, True, False]),
)  # fmt: skip
def test_a_dry_run_agrees_with_the_submit(
    spec: str, type: AccountType, status: AccountStatus, earlier: list[SubmitOrderRequest], asked: SubmitOrderRequest,
    is_reached: bool,
) -> None:  # fmt: skip
    where = a_world(spec, type, AccountStatus.ACTIVE)
    for number, each in enumerate(earlier, start=1):
        decided(where, change(each, number))
    if status is not AccountStatus.ACTIVE:
        where.put_account(evolve(where.account(ACCOUNT), status=status))
    work = change(asked, 100, None if is_reached else VenueUnavailable("down"))
    written, locked = str(facts(where)), locks(where)

    previewed = decided(where, PreviewChange(work))
    assert str(facts(where)) == written, "a dry run changes nothing"
    submitted = decided(where, work)

    if isinstance(submitted, tuple):
        assert previewed == submitted, "the refusal of the submit"
        return
    assert isinstance(previewed, OrderPreview)
    assert (previewed.outcome is PreviewOutcome.REPEAT) is not submitted.is_new
    assert previewed.order == submitted.order
    more = {asset: locks(where)[asset] - locked.get(asset, D(0)) for asset in locks(where)}
    expected = {} if previewed.lock is None else {previewed.lock.asset: previewed.lock.quantity}
    assert {asset: quantity for asset, quantity in more.items() if quantity} == {
        asset: quantity for asset, quantity in expected.items() if quantity
    }
    if previewed.lock is not None:
        assert 0 <= previewed.lock.fee <= previewed.lock.quantity


def locks(where: TradingState) -> dict[str, Decimal]:
    return {balance.asset: balance.locked for balance in where.balances(ACCOUNT)}


def preview(where: TradingState, **changes: object) -> OrderPreview:
    found = PreviewChange(change(request(**changes), 100)).decide(where)
    assert isinstance(found, OrderPreview)
    return found


def test_a_limit_order_locks_its_cost_and_the_fee() -> None:
    found = preview(state(), quantity=D(2), limit_price=D(90))
    assert (found.outcome, found.sent_type, found.support) == (PreviewOutcome.SEND, OrderType.LIMIT, Support.NATIVE)
    assert found.lock == Lock("USDT", D("180.18"), D("0.18"))
    assert found.order.time_in_force is TimeInForce.GTC


def test_a_sell_locks_what_it_sells_and_no_fee() -> None:
    assert preview(state(), side=Side.SELL, quantity=D(2), limit_price=D(101)).lock == Lock("BTC", D(2), D(0))


def test_a_market_order_says_its_rounded_quantity_and_its_effective_time_in_force() -> None:
    found = preview(state(), type=OrderType.MARKET, quantity=D("150.09"), quantity_type=QuantityType.QUOTE)
    assert (found.order.quantity, found.order.asked_quantity) == (D("1.5"), D("150.09"))
    assert found.order.time_in_force is TimeInForce.IOC
    assert found.lock is not None
    assert found.lock.fee == D("0.15")


def test_a_margined_order_locks_margin_and_fee() -> None:
    found = preview(state(account(AccountType.MARGIN)), quantity=D(2), limit_price=D(90), leverage=5)
    assert found.lock == Lock("USDT", D("36.18"), D("0.18"))


def test_where_the_venue_checks_the_funds_nothing_is_locked() -> None:
    assert preview(state(spec=SPECS["venue's"])).lock is None


def test_a_trailing_stop_that_the_platform_holds() -> None:
    where = state(spec=SPECS["held"])
    found = preview(where, type=OrderType.TRAILING_STOP, side=Side.SELL, limit_price=None, stop_price=D(95))
    assert (found.outcome, found.sent_type, found.support) == (
        PreviewOutcome.HOLD, OrderType.MARKET, Support.EMULATED
    )  # fmt: skip
    through = preview(where, type=OrderType.TRAILING_STOP, side=Side.SELL, limit_price=None, stop_price=D(101))
    assert (through.outcome, through.lock) == (PreviewOutcome.REJECT, None)
    assert through.order.reject_reason == RejectReason.STOP_WOULD_TRIGGER


def test_a_known_key_names_its_order_and_another_body_is_refused() -> None:
    where = state()
    first = decided(where, change(request(idempotency_key="k"), 1)).order
    found = preview(where, idempotency_key="k")
    assert (found.outcome, found.order.id, found.lock) == (PreviewOutcome.REPEAT, first.id, None)
    with pytest.raises(IdempotencyKeyReused):
        preview(where, idempotency_key="k", quantity=D(2))


def test_another_tenants_account_does_not_exist() -> None:
    with pytest.raises(TradingAccountNotFound):
        PreviewChange(change(request(), 1, tenant=TenantId(UUID(int=9)))).decide(state())


def test_a_dry_run_takes_no_room_of_held_orders() -> None:
    held = HeldOrders()
    held._per_account[ACCOUNT] = HELD_ORDERS_PER_ACCOUNT_MAX - 1
    assert held.has_room(ACCOUNT)
    with held.entering(ACCOUNT) as has_room:
        assert has_room
        assert not held.has_room(ACCOUNT)
        with held.entering(ACCOUNT) as has_more_room:
            assert not has_more_room
    assert held.has_room(ACCOUNT)
