"""Deciding new orders: the matrix of types, quantities in every unit, rounding, reservations, idempotency."""

from collections.abc import Iterable
from dataclasses import replace
from decimal import Decimal
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cadenza.domain import errors as e
from cadenza.domain.accounts.trading_account import AccountStatus, AccountType, PositionMode, PositionSide
from cadenza.domain.ids import PositionId
from cadenza.domain.market.book_messages import BookSnapshot
from cadenza.domain.market.enums import OrderType, Side, TimeInForce
from cadenza.domain.market.instrument import InstrumentType
from cadenza.domain.money import Rounding
from cadenza.domain.trading.commands import SubmitOrderRequest
from cadenza.domain.trading.enums import OrderStatus, QuantityType
from cadenza.domain.trading.order import Expiry
from cadenza.domain.trading.position import Position
from cadenza.domain.trading.state import TradingState
from cadenza.domain.trading.submit import NewOrderNames, decide_submit
from cadenza.domain.trading.venue_spec import Books, FundsCheck, Support
from tests.domain.trading.worlds import (
    ACCOUNT,
    BTC,
    NOW_MS,
    D,
    account,
    book,
    instrument,
    request,
    state,
    submit,
    venue_spec,
)

_AT_VENUE = venue_spec(books=dict.fromkeys(AccountType, Books.VENUE), funds_check=FundsCheck.AT_VENUE)


def test_a_limit_order_is_submitted_and_locks_its_cost_and_fee() -> None:
    world = state()
    order = submit(world)
    assert order.status is OrderStatus.SUBMITTED
    assert order.time_in_force is TimeInForce.GTC
    balance = world.balance(ACCOUNT, "USDT")
    assert balance.locked == D("90.09")
    assert balance.free == D("1000000") - D("90.09")


def test_a_spot_sell_locks_the_base_quantity() -> None:
    world = state()
    submit(world, side=Side.SELL, limit_price=D(120), quantity=D(3))
    assert world.balance(ACCOUNT, "BTC").locked == 3


def test_a_market_buy_walks_the_book_and_locks_padded_but_never_more_than_is_free() -> None:
    world = state()
    submit(world, type=OrderType.MARKET, quantity=D(15))  # 10 at 100, 5 at 100.5, fee 0.1 %, pad 2 %
    assert world.balance(ACCOUNT, "USDT").locked == D("1502.5") * D("1.001") * D("1.02")
    poor = state(balances={"USDT": "1504.1"})
    submit(poor, type=OrderType.MARKET, quantity=D(15))
    assert poor.balance(ACCOUNT, "USDT").locked == D("1504.1")


def test_without_a_fresh_price_a_market_buy_is_refused() -> None:
    with pytest.raises(e.NoMarketPrice):
        submit(state(market=None), type=OrderType.MARKET)


def test_what_is_not_free_cannot_be_spent_twice() -> None:
    world = state(balances={"USDT": "100"})
    submit(world)
    with pytest.raises(e.InsufficientBalance):
        submit(world, number=101)
    assert world.balance(ACCOUNT, "USDT").locked == D("90.09")


NEEDS = {
    OrderType.MARKET: (False, False), OrderType.LIMIT: (True, False), OrderType.STOP: (False, True),
    OrderType.STOP_LIMIT: (True, True), OrderType.STOP_LOSS: (False, True), OrderType.STOP_LOSS_LIMIT: (True, True),
    OrderType.TAKE_PROFIT: (False, True), OrderType.TAKE_PROFIT_LIMIT: (True, True),
    OrderType.TRAILING_STOP: (False, True),
}  # fmt: skip


@pytest.mark.parametrize("type", NEEDS)
@pytest.mark.parametrize("has_limit", [True, False])
@pytest.mark.parametrize("has_stop", [True, False])
def test_each_type_has_the_prices_it_needs_and_no_others(type: OrderType, has_limit: bool, has_stop: bool) -> None:
    asked = request(type=type, limit_price=D(90) if has_limit else None, stop_price=D(110) if has_stop else None)
    if (has_limit, has_stop) == NEEDS[type]:
        assert submit(state(), asked).type is type
    else:
        with pytest.raises(e.InvalidPrice):
            submit(state(), asked)


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"limit_price": D("90.25")}, e.PipSize),
        ({"limit_price": D(0)}, e.InvalidPrice),
        ({"quantity": D("0.0005")}, e.LotSize),
        ({"quantity": D("0")}, e.InvalidQuantity),
        ({"quantity": D(-1)}, e.InvalidQuantity),
        ({"quantity": D("0.01")}, e.MinNotional),
        ({"quantity": D(101)}, e.MaxQuantity),
        ({"quantity": D(100), "limit_price": D(10_001)}, e.MaxNotional),
        ({"time_in_force": TimeInForce.GTD}, e.InvalidExpiry),
        ({"time_in_force": TimeInForce.GTD, "expire_at_ms": NOW_MS}, e.InvalidExpiry),
        ({"time_in_force": TimeInForce.GTC, "expire_at_ms": NOW_MS + 1}, e.InvalidExpiry),
        ({"time_in_force": TimeInForce.OPG}, e.UnsupportedTimeInForce),
        ({"type": OrderType.MARKET, "time_in_force": TimeInForce.GTX}, e.UnsupportedTimeInForce),
        ({"type": OrderType.QUOTED, "limit_price": None}, e.UnsupportedOrderType),
        ({"quantity_type": QuantityType.POSITION_RATIO, "quantity": D("1.1")}, e.InvalidQuantity),
        ({"quantity_type": QuantityType.POSITION_PERCENTAGE, "quantity": D("101")}, e.InvalidQuantity),
        ({"leverage": 2}, e.InvalidLeverage),
    ],
)
def test_every_broken_rule_has_its_own_cause(changes: dict[str, object], error: type[e.CadenzaError]) -> None:
    world = state()
    with pytest.raises(error):
        submit(world, **changes)
    assert not world.changed.created
    assert not world.changed.balances


def test_market_means_ioc_and_says_so() -> None:
    assert submit(state(), type=OrderType.MARKET).time_in_force is TimeInForce.IOC
    fok = submit(state(), type=OrderType.MARKET, time_in_force=TimeInForce.FOK)
    assert fok.time_in_force is TimeInForce.FOK


def test_day_ends_at_the_next_utc_midnight() -> None:
    order = submit(state(), time_in_force=TimeInForce.DAY)
    assert order.expire_at_ms is not None
    assert order.expire_at_ms % 86_400_000 == 0
    assert 0 < order.expire_at_ms - NOW_MS <= 86_400_000


@pytest.mark.parametrize(
    ("rounding", "quantity"),
    [(Rounding.UP, "1.235"), (Rounding.DOWN, "1.234"), (Rounding.HALF_EVEN, "1.234"), (Rounding.HALF_UP, "1.235")],
)
def test_quantities_are_rounded_to_lots_when_asked(rounding: Rounding, quantity: str) -> None:
    order = submit(state(), quantity=D("1.2345"), rounding=rounding)
    assert order.quantity == D(quantity)
    assert order.asked_quantity == D("1.2345")


def test_a_quote_quantity_converts_at_the_limit_price() -> None:
    order = submit(state(), quantity=D(1000), quantity_type=QuantityType.QUOTE, rounding=Rounding.DOWN)
    assert order.quantity == D("11.111")


def test_spot_ratios_take_a_share_of_what_is_free() -> None:
    sell = submit(
        state(), side=Side.SELL, limit_price=D(120), quantity=D("0.5"), quantity_type=QuantityType.POSITION_RATIO
    )
    assert sell.quantity == 5
    buy = submit(
        state(balances={"USDT": "901"}), quantity=D(100), quantity_type=QuantityType.POSITION_PERCENTAGE,
        rounding=Rounding.UP,
    )  # fmt: skip
    assert buy.quantity == D("10.001")  # 901 / (90 * 1.001), never more than the balance pays


def test_a_market_order_for_quote_units_is_sized_by_the_levels_that_fill_it() -> None:
    shallow = book(depth="1")  # 1 at 100, 1 at 100.5 …
    spend = submit(state(market=shallow), type=OrderType.MARKET, quantity=D("150.25"), quantity_type=QuantityType.QUOTE)
    assert spend.quantity == D("1.5")  # 100 + 50.25; at the best price it would be 1.502, which costs more
    receive = submit(
        state(market=shallow), side=Side.SELL, type=OrderType.MARKET, quantity=D("149"),
        quantity_type=QuantityType.QUOTE,
    )  # fmt: skip
    assert receive.quantity == D("1.5")  # 99.5 + 49.5


@pytest.mark.parametrize("type", [OrderType.MARKET, OrderType.LIMIT, OrderType.STOP])
@pytest.mark.parametrize("quantity_type", [QuantityType.BASE, QuantityType.QUOTE])
@pytest.mark.parametrize("market", [book(), None])
def test_a_quantity_of_an_inverse_contract_is_in_quote_units_whatever_its_price(
    type: OrderType, quantity_type: QuantityType, market: BookSnapshot | None
) -> None:
    order = submit(
        _at_venue(market=market), type=type, quantity=D(6_000), quantity_type=quantity_type,
        stop_price=D(110) if type is OrderType.STOP else None,
    )  # fmt: skip
    assert (order.quantity, order.asked_quantity, order.quantity_type) == (6_000, 6_000, quantity_type)


def test_quote_units_of_an_inverse_contract_are_rounded_down_to_its_lots() -> None:
    assert submit(_at_venue(), quantity=D("6009.99"), quantity_type=QuantityType.QUOTE).quantity == 6_000
    up = submit(_at_venue(), quantity=D("6001"), quantity_type=QuantityType.QUOTE, rounding=Rounding.UP)
    assert up.quantity == 6_010
    with pytest.raises(e.MinQuantity):
        submit(_at_venue(), quantity=D("9.99"), quantity_type=QuantityType.QUOTE)


@pytest.mark.parametrize("mode", PositionMode)
@pytest.mark.parametrize(
    ("side", "borrowed", "locked", "quantity"),
    [
        (Side.SELL, "0", "0", "5"),
        (Side.SELL, "4", "0", "3"),  # what is borrowed is not the account's own
        (Side.SELL, "4", "8", "1"),  # and what an order has locked is not free
        (Side.BUY, "0", "0", "5.55"),  # 1000 / (90 * 1.001) / 2
        (Side.BUY, "400", "0", "3.33"),
    ],
)
def test_a_share_in_a_margin_account_that_moves_assets_is_of_its_own_ones(
    mode: PositionMode, side: Side, borrowed: str, locked: str, quantity: str
) -> None:
    order = submit(
        _moving_assets(mode, {"BTC": "10", "USDT": "1000"}, borrowed, locked), side=side, quantity=D(50),
        quantity_type=QuantityType.POSITION_PERCENTAGE,
    )  # fmt: skip
    assert order.quantity == D(quantity)
    assert order.position_id is None


@pytest.mark.parametrize(("side", "balances"), [(Side.SELL, {"USDT": "1000"}), (Side.BUY, {"BTC": "10", "USDT": "0"})])
def test_nothing_of_its_own_is_no_share(side: Side, balances: dict[str, str]) -> None:
    with pytest.raises(e.NoPosition, match="no free balance"):
        submit(
            _moving_assets(PositionMode.NETTING, balances), side=side, quantity=D(1),
            quantity_type=QuantityType.POSITION_RATIO,
        )  # fmt: skip


def test_a_share_of_a_pair_that_makes_positions_is_of_the_position() -> None:
    world = state(account(AccountType.MARGIN), balances={"BTC": "10"}, positions=[_long("2")], spec=_AT_VENUE)
    sell = submit(world, side=Side.SELL, quantity=D(1), quantity_type=QuantityType.POSITION_RATIO)
    assert sell.quantity == 2


def _moving_assets(
    mode: PositionMode, balances: dict[str, str], borrowed: str = "0", locked: str = "0"
) -> TradingState:
    """A MARGIN account in which pairs move assets; so much is borrowed and locked of each asset."""
    world = state(
        account(AccountType.MARGIN, mode), balances={},
        spec=replace(_AT_VENUE, holds_assets=frozenset({AccountType.MARGIN})),
    )  # fmt: skip
    for asset, total in balances.items():
        held = world.balance(ACCOUNT, asset)
        world.put_balance(replace(held, total=D(total), borrowed=D(borrowed), locked=D(locked)))
    return world


def test_a_share_of_an_inverse_position_is_in_quote_units() -> None:
    world = _at_venue(positions=[_long("2000")])
    sell = submit(
        world, side=Side.SELL, type=OrderType.MARKET, quantity=D(50), quantity_type=QuantityType.POSITION_PERCENTAGE
    )
    assert sell.quantity == 1_000


def _at_venue(
    market: BookSnapshot | None = book(),  # noqa: B008 - a frozen value
    positions: Iterable[Position] = (),
) -> TradingState:
    """A margined account at a venue that keeps the books, and an inverse contract in lots of 10 USD."""
    traded = instrument(
        type=InstrumentType.PERPETUAL, is_inverse=True, lot_size=D(10), min_quantity=D(10), max_quantity=D(100_000)
    )
    return state(account(AccountType.MARGIN), traded=traded, market=market, positions=positions, spec=_AT_VENUE)


@given(free=st.integers(min_value=6, max_value=2_000), depth=st.sampled_from(["0.1", "1", "100"]))
def test_all_of_the_free_balance_buys_what_it_pays_for_at_any_depth(free: int, depth: str) -> None:
    world = state(balances={"USDT": str(free)}, market=book(depth=depth))
    order = submit(
        world, type=OrderType.MARKET, quantity=D(100), quantity_type=QuantityType.POSITION_PERCENTAGE,
        rounding=Rounding.DOWN,
    )  # fmt: skip
    assert order.quantity > 0
    assert world.balance(ACCOUNT, "USDT").free >= 0


def _long(quantity: str = "2", side: PositionSide = PositionSide.NET) -> Position:
    return Position(
        id=PositionId(UUID(int=50)), account_id=ACCOUNT, instrument_id=BTC, side=side, quantity=D(quantity),
        entry_cost=D(quantity) * 80, leverage=5, created_at_ms=NOW_MS, updated_at_ms=NOW_MS,
    )  # fmt: skip


def test_closing_a_hundred_percent_closes_exactly_the_position() -> None:
    world = state(account(AccountType.MARGIN), positions=[_long("2.0005")])
    order = submit(
        world, side=Side.SELL, type=OrderType.MARKET, quantity=D(100), rounding=Rounding.UP,
        quantity_type=QuantityType.POSITION_PERCENTAGE,
    )  # fmt: skip
    assert order.quantity == D("2.000")  # rounding up would exceed the position


def test_in_hedge_mode_a_share_means_the_side_that_the_order_closes() -> None:
    owner = account(AccountType.MARGIN, PositionMode.HEDGE)
    long = _long("2", PositionSide.LONG)
    world = state(owner, positions=[long])
    order = submit(
        world, side=Side.SELL, type=OrderType.MARKET, quantity=D("0.5"), quantity_type=QuantityType.POSITION_RATIO
    )
    assert (order.quantity, order.position_id) == (1, long.id)  # unnamed it would open a short one
    assert order.reservation is not None
    assert order.reservation.locked == D("0.0995")  # the fee alone: it closes
    with pytest.raises(e.NoPosition):
        submit(
            world, number=101, side=Side.BUY, type=OrderType.MARKET, quantity=D("0.5"),
            quantity_type=QuantityType.POSITION_RATIO,
        )  # fmt: skip


def test_margin_is_locked_for_what_opens_only() -> None:
    world = state(account(AccountType.MARGIN), positions=[_long("2")])
    submit(world, side=Side.SELL, limit_price=D(120), quantity=D(2))
    assert world.balance(ACCOUNT, "USDT").locked == D("0.24")  # the fee alone
    fresh = state(account(AccountType.MARGIN))
    submit(fresh, leverage=10)
    assert fresh.balance(ACCOUNT, "USDT").locked == D("9.09")


def test_margin_that_is_not_there_is_refused() -> None:
    world = state(account(AccountType.MARGIN), balances={"USDT": "9"})
    with pytest.raises(e.InsufficientMargin):
        submit(world, leverage=10)


@pytest.mark.parametrize("status", [AccountStatus.INACTIVE, AccountStatus.LOCKED, AccountStatus.SETUP])
def test_an_account_that_is_not_active_takes_no_orders(status: AccountStatus) -> None:
    with pytest.raises(e.AccountNotActive):
        submit(state(account(status=status)))


def test_an_archived_account_says_so() -> None:
    with pytest.raises(e.AccountDisconnected):
        submit(state(account(status=AccountStatus.DISCONNECTED)))


def test_the_same_key_and_body_give_the_first_order() -> None:
    world = state()
    first = submit(world, idempotency_key="k")
    again = submit(world, number=101, idempotency_key="k", quantity=D("1.000"))
    assert again.id == first.id
    assert len(world.changed.created) == 1


def test_the_same_key_with_another_body_is_refused() -> None:
    world = state()
    submit(world, idempotency_key="k")
    with pytest.raises(e.IdempotencyKeyReused):
        submit(world, number=101, idempotency_key="k", quantity=D(2))


def test_the_client_order_id_serves_as_the_key_and_is_unique() -> None:
    world = state()
    first = submit(world, client_order_id="c")
    assert submit(world, number=101, client_order_id="c").id == first.id
    with pytest.raises(e.DuplicateClientOrderId):
        submit(world, number=102, client_order_id="c", quantity=D(2))
    with pytest.raises(e.DuplicateClientOrderId):
        submit(world, number=103, client_order_id="c", idempotency_key="other")


def test_a_try_that_was_committed_unknowingly_is_found_by_its_id_and_is_still_to_be_sent() -> None:
    world = state()
    first = submit(world)
    assert submit(world).id == first.id


@given(
    quantity=st.decimals(min_value=D("0.001"), max_value=90, places=3),
    price=st.integers(min_value=20_000, max_value=20_020).map(lambda n: Decimal(n) / 2),
    side=st.sampled_from(Side),
)
def test_free_and_locked_always_add_up_to_the_total(quantity: Decimal, price: Decimal, side: Side) -> None:
    world = state(balances={"USDT": "1000000", "BTC": "100"}, traded=instrument(max_notional=None))
    asked: SubmitOrderRequest = request(quantity=quantity, limit_price=price, side=side)
    before = {asset: world.balance(ACCOUNT, asset).total for asset in ("USDT", "BTC")}
    order = submit(world, asked)
    for asset, total in before.items():
        balance = world.balance(ACCOUNT, asset)
        assert balance.total == total
        assert balance.free + balance.locked == total
        assert balance.free >= 0
    assert order.reservation is not None
    assert order.reservation.remaining == order.reservation.locked


def test_the_book_is_what_values_a_market_order() -> None:
    world = state(balances={"USDT": "100"}, market=book(ask="200", bid="199"))
    with pytest.raises(e.InsufficientBalance):
        submit(world, type=OrderType.MARKET, quantity=D(1))


def test_a_try_that_was_closed_meanwhile_is_not_sent_any_more() -> None:
    world = state()
    order = submit(world)
    world.put_order(order.rejected("NOT_FOUND_AT_VENUE", NOW_MS))
    again = decide_submit(world, request(), NewOrderNames(order.id, "X"), order.tenant_id, instrument())
    assert again.is_new is False


@pytest.mark.parametrize(("side", "names_it"), [(Side.BUY, False), (Side.SELL, True)])
def test_a_hedged_order_names_a_position_only_to_close_it(side: Side, names_it: bool) -> None:
    held = Position(
        id=PositionId(UUID(int=77)),
        account_id=ACCOUNT,
        instrument_id=BTC,
        side=PositionSide.LONG,
        quantity=D(1),
        entry_cost=D(90),
        created_at_ms=NOW_MS,
        updated_at_ms=NOW_MS,
    )
    world = state(account(AccountType.MARGIN, PositionMode.HEDGE), positions=[held])
    order = submit(world, side=side, position_id=held.id, quantity=D("0.5"), limit_price=D(110 if names_it else 90))
    assert (order.position_id == held.id) is names_it


def test_an_instrument_must_fit_the_type_of_the_account() -> None:
    perpetual = instrument(type=InstrumentType.PERPETUAL)
    with pytest.raises(e.InstrumentNotTradable) as refused:
        submit(state(traded=perpetual))
    assert refused.value.metadata == {"instrumentType": "PERPETUAL", "accountType": "SPOT"}
    assert submit(state(account(AccountType.MARGIN), traded=perpetual)).status is OrderStatus.SUBMITTED


@pytest.mark.parametrize(
    ("asked", "quantity"),
    [
        ({"quantity": D("100.033"), "quantity_type": QuantityType.QUOTE, "type": OrderType.MARKET}, "1"),
        ({"quantity": D("90.08"), "quantity_type": QuantityType.QUOTE}, "1"),
        ({"quantity": D("0.3333"), "quantity_type": QuantityType.POSITION_RATIO, "side": Side.SELL}, "3.333"),
        ({"quantity": D("3.337"), "quantity_type": QuantityType.POSITION_PERCENTAGE, "side": Side.SELL}, "0.333"),
    ],
)
def test_without_a_rounding_an_amount_or_a_share_is_rounded_down(asked: dict[str, object], quantity: str) -> None:
    assert submit(state(), **asked).quantity == D(quantity)


@pytest.mark.parametrize("percent", [100, 99, 98, 97])
def test_a_share_of_the_free_quote_leaves_room_for_a_price_worse_than_the_trigger(percent: int) -> None:
    world = state(balances={"USDT": "1000"})
    order = submit(
        world, type=OrderType.STOP, stop_price=D(110), limit_price=None, quantity=D(percent),
        quantity_type=QuantityType.POSITION_PERCENTAGE,
    )  # fmt: skip
    locked = world.balance(ACCOUNT, "USDT").locked
    assert locked == order.quantity * 110 * D("1.001") * D("1.02")  # the pad is not cut off
    assert D(10 * percent) - locked < 110 * D("0.001") * D("1.03")  # and no further lot would fit


def test_the_platform_expires_what_its_venue_cannot() -> None:
    orders = {OrderType.LIMIT: {TimeInForce.GTC: Support.NATIVE, TimeInForce.GTD: Support.EMULATED}}
    world = state(account(), spec=venue_spec(orders={InstrumentType.SPOT: orders}))
    plain = submit(world)
    assert (plain.expiry, plain.sent_time_in_force) == (None, TimeInForce.GTC)
    expiring = submit(world, number=101, time_in_force=TimeInForce.GTD, expire_at_ms=NOW_MS + 2_000)
    assert (expiring.expiry, expiring.sent_time_in_force) == (Expiry.HERE, TimeInForce.GTC)
    assert expiring.send_before_ms == NOW_MS + 2_000, "it is not sent after its end"
    with pytest.raises(e.UnsupportedOrderType) as refusal:
        submit(world, number=102, type=OrderType.STOP, limit_price=None, stop_price=D(110))
    assert refusal.value.metadata == {"orderTypes": ["LIMIT"]}


@pytest.mark.parametrize("times", [
    {TimeInForce.GTC: Support.EMULATED},
    {TimeInForce.IOC: Support.NATIVE, TimeInForce.GTD: Support.EMULATED},
    {TimeInForce.GTC: Support.NATIVE, TimeInForce.FOK: Support.EMULATED},
])  # fmt: skip
def test_nothing_else_is_emulated(times: dict[TimeInForce, Support]) -> None:
    with pytest.raises(ValueError, match="cannot emulate STOP orders"):
        venue_spec(orders={InstrumentType.SPOT: {OrderType.STOP: times}})


def test_what_a_venue_takes_of_one_kind_of_instrument_it_need_not_take_of_another() -> None:
    gtc, gtd = ({OrderType.LIMIT: dict.fromkeys(times, Support.NATIVE)} for times in (
        (TimeInForce.GTC,), (TimeInForce.GTC, TimeInForce.GTD)
    ))  # fmt: skip
    asked = {"time_in_force": TimeInForce.GTD, "expire_at_ms": NOW_MS + 600_000}
    for orders in ({InstrumentType.SPOT: gtd, InstrumentType.PERPETUAL: gtc}, {InstrumentType.SPOT: gtd}):
        assert submit(state(account(), spec=venue_spec(orders=orders)), **asked).status is OrderStatus.SUBMITTED
    others = venue_spec(orders={InstrumentType.SPOT: gtc, InstrumentType.PERPETUAL: gtd})
    with pytest.raises(e.UnsupportedTimeInForce, match="LIMIT orders of SPOT instruments as GTD") as refusal:
        submit(state(account(), spec=others), **asked)
    assert refusal.value.metadata == {"timeInForceOptions": ["GTC"]}
    with pytest.raises(e.UnsupportedOrderType, match="LIMIT orders of SPOT instruments"):
        submit(state(account(), spec=venue_spec(orders={InstrumentType.PERPETUAL: gtd})), **asked)
