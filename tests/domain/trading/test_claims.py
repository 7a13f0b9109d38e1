"""What other open orders close already, a new one cannot close again: it opens, and needs margin."""

from collections.abc import Iterable
from decimal import Decimal
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cadenza.domain import errors as e
from cadenza.domain.accounts.trading_account import AccountType, PositionMode, PositionSide, TradingAccount
from cadenza.domain.ids import OrderId, PositionId
from cadenza.domain.market.enums import OrderType, Side
from cadenza.domain.trading.apply import apply_report
from cadenza.domain.trading.claims import Claim, Claims
from cadenza.domain.trading.enums import CancelReason
from cadenza.domain.trading.order import Order
from cadenza.domain.trading.position import Position, side_of_fill
from cadenza.domain.trading.reports import CanceledReport, ExternalOrderReport, FillReport
from cadenza.domain.trading.state import TradingState
from tests.domain.trading.worlds import ACCOUNT, BTC, NOW_MS, D, account, state, submit

FEE = D("0.001")
PRICE = D(90)
ROWS = {PositionMode.NETTING: (PositionSide.NET,), PositionMode.HEDGE: (PositionSide.LONG, PositionSide.SHORT)}


def margined(mode: PositionMode = PositionMode.NETTING) -> TradingAccount:
    return account(AccountType.MARGIN, mode)


def held(quantity: str, side: PositionSide = PositionSide.NET) -> Position:
    return Position(
        id=PositionId(UUID(int=50)), account_id=ACCOUNT, instrument_id=BTC, side=side, quantity=D(quantity),
        entry_cost=D(quantity) * 90, leverage=1, created_at_ms=NOW_MS, updated_at_ms=NOW_MS,
    )  # fmt: skip


def fill(order: Order, trade_id: str, quantity: Decimal, row: PositionSide | None = None) -> FillReport:
    return FillReport(
        account_id=ACCOUNT, order_id=order.id, venue_order_id=f"v{order.id}", at_ms=NOW_MS + 1, trade_id=trade_id,
        instrument_id=BTC, side=order.side, price=PRICE, quantity=quantity, position_side=row,
    )  # fmt: skip


def cancel(order: Order) -> CanceledReport:
    return CanceledReport(
        account_id=ACCOUNT,
        instrument_id=BTC,
        order_id=order.id,
        at_ms=NOW_MS + 1,
        reason=CancelReason.USER,
        executed_quantity=order.executed_quantity,
    )


def locked_by(order: Order) -> Decimal:
    assert order.reservation is not None
    return order.reservation.locked


def test_a_position_is_closed_by_one_order_and_not_by_many() -> None:
    world = state(margined(), {"USDT": "100"}, [held("1")])
    assert locked_by(submit(world, side=Side.SELL)) == PRICE * FEE
    with pytest.raises(e.InsufficientMargin):
        submit(world, number=101, side=Side.SELL)


def test_the_rest_of_a_position_may_be_closed_still() -> None:
    world = state(margined(), {"USDT": "1000"}, [held("3")])
    submit(world, side=Side.SELL, quantity=D(1))
    assert locked_by(submit(world, number=101, side=Side.SELL, quantity=D(2))) == 2 * PRICE * FEE
    assert locked_by(submit(world, number=102, side=Side.SELL, quantity=D(1))) == PRICE + PRICE * FEE


def test_what_is_canceled_claims_nothing_any_more() -> None:
    world = state(margined(), {"USDT": "20"}, [held("1")])
    first = submit(world, side=Side.SELL)
    apply_report(world, cancel(first))
    assert locked_by(submit(world, number=101, side=Side.SELL)) == PRICE * FEE


def test_orders_of_the_other_side_and_of_other_rows_claim_nothing() -> None:
    world = state(margined(), {"USDT": "1000"}, [held("1")])
    submit(world, side=Side.BUY, quantity=D(5))
    assert locked_by(submit(world, number=101, side=Side.SELL)) == PRICE * FEE
    hedged = state(margined(PositionMode.HEDGE), {"USDT": "1000"}, [held("1", PositionSide.LONG)])
    submit(hedged, side=Side.SELL)  # opens short, for it names no position
    assert locked_by(submit(hedged, number=101, side=Side.SELL, position_id=PositionId(UUID(int=50)))) == PRICE * FEE
    again = submit(hedged, number=102, side=Side.SELL, position_id=PositionId(UUID(int=50)))
    assert locked_by(again) == PRICE + PRICE * FEE


def test_claims_of_orders_that_the_batch_does_not_name_count() -> None:
    world = state(
        margined(), {"USDT": "10"}, [held("1")], claims=[Claim(ACCOUNT, BTC, Side.SELL, None, None, D("0.4"), 1, "BTC")]
    )
    assert locked_by(submit(world, side=Side.SELL, quantity=D("0.6"))) == D("0.6") * PRICE * FEE
    with pytest.raises(e.InsufficientMargin):
        submit(world, number=101, side=Side.SELL, quantity=D("0.4"))


def test_orders_placed_elsewhere_claim_too() -> None:
    world = state(margined(), {"USDT": "10"}, [held("1")])
    elsewhere = ExternalOrderReport(
        account_id=ACCOUNT, order_id=None, venue_order_id="x1", at_ms=NOW_MS, instrument_id=BTC, side=Side.SELL,
        type=OrderType.LIMIT, time_in_force=submit(state()).time_in_force, quantity=D(1), limit_price=PRICE,
        executed_quantity=D(0),
    )  # fmt: skip
    apply_report(world, elsewhere)
    with pytest.raises(e.InsufficientMargin):
        submit(world, side=Side.SELL)


def test_spot_accounts_keep_no_claims() -> None:
    world = state()
    submit(world, side=Side.SELL)
    assert list(world.claims.of(ACCOUNT, BTC, Side.SELL)) == []


def test_what_an_order_locks_stays_sane_when_another_closes_its_position() -> None:
    world = state(margined(), {"USDT": "1000"}, [held("1")])
    resting = submit(world, side=Side.SELL)
    other = submit(world, number=101, side=Side.SELL)  # the first claims the position: this one has margin
    apply_report(world, fill(other, "t1", D(1)))
    assert world.positions(ACCOUNT) == []
    assert world.balance(ACCOUNT, "USDT").locked == locked_by(resting) == PRICE * FEE
    apply_report(world, fill(resting, "t2", D(1)))
    assert world.position(ACCOUNT, BTC, PositionSide.NET).quantity == -1  # type: ignore[union-attr]
    assert world.balance(ACCOUNT, "USDT").locked == 0


class Twin:
    """The obvious way: remember every order and position, and add up."""

    def __init__(self, mode: PositionMode, held: Iterable[Position]) -> None:
        self.mode = mode
        self.orders: dict[OrderId, Order] = {}
        self.rows = {position.id: position.side for position in held}

    def look(self, world: TradingState) -> None:
        self.orders |= world.changed.created | world.changed.updated
        self.rows |= {position.id: position.side for position in world.changed.positions.values()}

    def row(self, order: Order) -> PositionSide:
        named = None if order.position_id is None else self.rows[order.position_id]
        return named or side_of_fill(self.mode, order.side, None)

    def claimed(self, side: Side, row: PositionSide) -> Decimal:
        mine = (o for o in self.orders.values() if not o.is_closed and (o.side, self.row(o)) == (side, row))
        return sum((o.quantity - o.executed_quantity for o in mine), D(0))

    def claims(self) -> list[Claim]:
        """As the database adds them up."""
        return [
            Claim(ACCOUNT, BTC, o.side, o.position_id, self.rows.get(o.position_id) if o.position_id else None,
                  o.quantity - o.executed_quantity, 1, "BTC")
            for o in self.orders.values() if not o.is_closed
        ]  # fmt: skip


def counted(claims: Claims, mode: PositionMode, side: Side, row: PositionSide) -> Decimal:
    own = side_of_fill(mode, side, None)
    return sum((q for named, q in claims.of(ACCOUNT, BTC, side) if (named or own) is row), D(0))


QUANTITIES = st.integers(1, 40).map(lambda n: D(n) / 10)
STEPS = st.one_of(
    st.tuples(st.just("submit"), st.sampled_from(Side), QUANTITIES, st.booleans()),
    st.tuples(st.just("fill"), st.integers(0, 9), QUANTITIES),
    st.tuples(st.just("cancel"), st.integers(0, 9)),
    st.tuples(st.just("next batch"), st.sets(st.integers(0, 9), max_size=3)),
)


@given(mode=st.sampled_from(PositionMode), steps=st.lists(STEPS, max_size=40), funds=st.sampled_from(["500", "100000"]))
def test_claims_are_the_sum_over_all_open_orders_in_any_history(
    mode: PositionMode, steps: list[tuple[object, ...]], funds: str
) -> None:
    world, twin = state(margined(mode), {"USDT": funds}), Twin(mode, ())
    for number, step in enumerate(steps):
        _take(world, twin, number, step)
        if step[0] == "next batch":
            world = _next_batch(world, twin, step[1], 1000 * (number + 2))  # type: ignore[arg-type]
        twin.look(world)
        for side in Side:
            for row in ROWS[mode]:
                assert counted(world.claims, mode, side, row) == twin.claimed(side, row)
        remaining = [o.reservation.remaining for o in twin.orders.values() if o.reservation]
        assert all(left >= 0 for left in remaining)
        assert world.balance(ACCOUNT, "USDT").locked == sum(remaining, D(0))


def _take(world: TradingState, twin: Twin, number: int, step: tuple[object, ...]) -> None:
    match step:
        case ("submit", Side() as side, Decimal() as quantity, bool() as names):
            _submit(world, twin, 200 + number, side, quantity, names)
        case ("fill", int() as which, Decimal() as quantity):
            if (order := _open(world, which)) is not None:
                _fill(world, twin, number, order, quantity)
        case ("cancel", int() as which):
            if (order := _open(world, which)) is not None:
                apply_report(world, cancel(order))


def _open(world: TradingState, which: int) -> Order | None:
    """One of the open orders that the batch has."""
    orders = [order for order in world._orders.values() if not order.is_closed]
    return orders[which % len(orders)] if orders else None


def _submit(world: TradingState, twin: Twin, number: int, side: Side, quantity: Decimal, names: bool) -> None:
    opposite = [p for p in world.positions(ACCOUNT) if (p.quantity > 0) == (side is Side.SELL)]
    named = opposite[0] if opposite and (names or twin.mode is PositionMode.NETTING) else None
    closable = D(0) if named is None else max(D(0), abs(named.quantity) - twin.claimed(side, named.side))
    opening = max(D(0), quantity - closable)
    try:
        order = submit(
            world, number=number, side=side, quantity=quantity,
            position_id=named.id if named is not None and names else None,
        )  # fmt: skip
    except e.InsufficientMargin:
        assert opening > 0
        return
    assert locked_by(order) == opening * PRICE + quantity * PRICE * FEE


def _fill(world: TradingState, twin: Twin, number: int, order: Order, quantity: Decimal) -> None:
    row, quantity = twin.row(order), min(quantity, order.leaves_quantity)
    if twin.mode is PositionMode.HEDGE and row is not side_of_fill(twin.mode, order.side, None):
        position = world.position(ACCOUNT, BTC, row)  # a venue closes no more of a row than there is
        quantity = min(quantity, abs(position.quantity) if position else D(0))
    if quantity > 0:
        apply_report(world, fill(order, f"t{number}", quantity, row))


def _next_batch(world: TradingState, twin: Twin, loaded: set[int], first_id: int) -> TradingState:
    """What is in the database afterwards, with some of the open orders named."""
    twin.look(world)
    orders = [order for order in twin.orders.values() if not order.is_closed]
    fresh = state(
        world.account(ACCOUNT), {}, world.positions(ACCOUNT),
        [orders[n % len(orders)] for n in loaded] if orders else (), claims=twin.claims(),
        first_id=first_id,
    )  # fmt: skip
    for balance in world.balances(ACCOUNT):
        fresh.put_balance(balance)
    fresh.changed.balances.clear()
    return fresh
