"""The laws of the venue's ledger: nothing is made or lost, and nobody holds what they have not."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from decimal import Decimal
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cadenza.domain.accounts.trading_account import AccountType, PositionMode, PositionSide
from cadenza.domain.ids import PAPER, InstrumentId
from cadenza.domain.market.enums import OrderType, Side, TimeInForce
from cadenza.domain.market.instrument import Instrument, InstrumentStatus, InstrumentType, SecurityType
from cadenza.domain.money import ZERO
from cadenza.domain.trading.enums import OrderStatus, RejectReason
from cadenza.domain.trading.execution import Fee
from cadenza.exchange.ledger import FEES, INSURANCE, MARKET, FeeAsset, Ledger
from cadenza.exchange.records import VenueAccount, VenueOrder

INSTRUMENT = Instrument(
    id=InstrumentId("PAPER:AAA/BBB"),
    venue_id=PAPER,
    symbol="AAA/BBB",
    external_symbol="AAABBB",
    type=InstrumentType.SPOT,
    status=InstrumentStatus.ACTIVE,
    base_asset="AAA",
    quote_asset="BBB",
    base_security_type=SecurityType.CRYPTO,
    quote_security_type=SecurityType.CRYPTO,
    base_precision=8,
    quote_precision=8,
    lot_size=Decimal("0.001"),
    pip_size=Decimal("0.01"),
    min_quantity=Decimal("0.001"),
    max_quantity=Decimal(1000),
    min_notional=ZERO,
    order_types=tuple(OrderType),
    time_in_force_options=tuple(TimeInForce),
    maker_fee=Decimal("-0.0002"),
    taker_fee=Decimal("0.0007"),
    maintenance_margin=Decimal("0.02"),
)
OWNERS = ("spot", "other", "margin", "hedge")
DEPOSITS = {"AAA": Decimal(10), "BBB": Decimal(10_000)}
Make = Callable[..., Ledger]


def account(id: str) -> VenueAccount:
    return VenueAccount(
        external_id=id,
        type=AccountType.MARGIN if id in ("margin", "hedge") else AccountType.SPOT,
        position_mode=PositionMode.HEDGE if id == "hedge" else PositionMode.NETTING,
        max_leverage=20,
        opened_at_ms=0,
    )


def make_ledger(fee_asset: FeeAsset = FeeAsset.QUOTE, mark: Decimal = Decimal(100), *owners: str) -> Ledger:
    ledger = Ledger({INSTRUMENT.id: INSTRUMENT}, fee_asset, lambda _: mark)
    for owner in owners or OWNERS:
        ledger.open_account(account(owner), DEPOSITS)
    return ledger


def make_order(
    ledger: Ledger,
    owner: str,
    side: Side,
    quantity: Decimal,
    *,
    number: int = 1,
    is_closing: bool = False,
    leverage: int | None = None,
) -> VenueOrder:
    return VenueOrder(
        venue_order_id=f"P{number}",
        external_id=owner,
        order_id=UUID(int=number),
        account_id=UUID(int=1),
        instrument_id=INSTRUMENT.id,
        side=side,
        type=OrderType.LIMIT,
        time_in_force=TimeInForce.GTC,
        quantity=quantity,
        remaining=quantity,
        leverage=leverage,
        position_side=ledger.row_of(owner, side, is_closing),
        is_closing=is_closing,
        status=OrderStatus.ACCEPTED,
        created_at_ms=0,
        updated_at_ms=0,
    )


def assert_conserved(ledger: Ledger) -> None:
    for asset in ("AAA", "BBB"):
        assert sum(total for (_, of), total in ledger.totals().items() if of == asset) == 0


def assert_holds_sum_up(ledger: Ledger, held: Iterable[tuple[VenueOrder, Decimal]]) -> None:
    expected: dict[tuple[str, str], Decimal] = {}
    for order, amount in held:
        asset = "AAA" if order.side is Side.SELL and order.external_id in ("spot", "other") else "BBB"
        expected[order.external_id, asset] = expected.get((order.external_id, asset), ZERO) + amount
    for owner in OWNERS:
        for asset in DEPOSITS:
            assert ledger.locked(owner, asset) == expected.get((owner, asset), ZERO)


def assert_sums_are_kept(ledger: Ledger) -> None:
    """What is kept to save counting is what counting gives."""
    claimed: dict[tuple[object, ...], Decimal] = {}
    for holds in ledger._holds.values():
        for hold in holds.values():
            order = hold.order
            if order.position_side is not None:
                key = order.external_id, order.instrument_id, order.side, order.position_side
                claimed[key] = claimed.get(key, ZERO) + hold.remaining
    assert {key: quantity for key, quantity in ledger._claimed.items() if quantity} == claimed
    holders = {owner for owner in OWNERS if ledger.positions(owner)}
    assert ledger._holders.get(INSTRUMENT.id, set()) == holders


quantities = st.integers(1, 5_000).map(lambda lots: lots * INSTRUMENT.lot_size)
prices = st.integers(1, 30_000).map(lambda ticks: ticks * INSTRUMENT.pip_size)
steps = st.tuples(
    st.sampled_from(OWNERS), st.sampled_from(Side), quantities, prices, st.booleans(), st.booleans(),
    st.integers(1, 20), st.integers(0, 5_000),
)  # fmt: skip


@settings(max_examples=150)
@given(st.lists(steps, max_size=25), st.sampled_from(FeeAsset), prices)
def test_every_asset_sums_to_zero_through_any_sequence(
    sequence: list[tuple], fee_asset: FeeAsset, mark: Decimal
) -> None:
    ledger = make_ledger(fee_asset, mark)
    postings = list(ledger.take_changes().postings)
    held_by: dict[str, tuple[VenueOrder, Decimal]] = {}
    for number, (owner, side, quantity, price, is_maker, is_closing, leverage, lots) in enumerate(sequence):
        is_closing = is_closing and owner == "hedge"
        order = make_order(ledger, owner, side, quantity, number=number, is_closing=is_closing, leverage=leverage)
        free_before = {asset: ledger.free(owner, asset) for asset in DEPOSITS}
        held = ledger.hold(order, quantity * price)
        if isinstance(held, RejectReason):
            assert {asset: ledger.free(owner, asset) for asset in DEPOSITS} == free_before
            continue
        assert held == 0 or all(ledger.free(owner, asset) >= 0 for asset in DEPOSITS if free_before[asset] >= 0)
        filled = min(quantity, lots * INSTRUMENT.lot_size)
        if filled:
            ledger.fill(order, price, filled, is_maker=is_maker, trade_id=str(number), at_ms=number)
        held_by[order.venue_order_id] = order, held * (quantity - filled)
        if lots % 3 or filled == quantity:
            ledger.release(order)
            del held_by[order.venue_order_id]
        assert_holds_sum_up(ledger, held_by.values())
        for called, asset in ledger.margin_calls([INSTRUMENT.id]):
            ledger.cover(called, asset, number)
        assert_conserved(ledger)
        assert_sums_are_kept(ledger)
        postings.extend(ledger.take_changes().postings)
    for (owner, asset), total in ledger.totals().items():
        received = sum(posting.amount for posting in postings if (posting.target, posting.asset) == (owner, asset))
        given = sum(posting.amount for posting in postings if (posting.source, posting.asset) == (owner, asset))
        assert received - given == total


@given(quantities, prices, st.integers(1, 5_000))
def test_a_spot_account_never_pays_more_than_its_orders_held(quantity: Decimal, price: Decimal, lots: int) -> None:
    ledger = make_ledger()
    order = make_order(ledger, "spot", Side.BUY, quantity)
    if isinstance(ledger.hold(order, quantity * price), RejectReason):
        return
    filled = min(quantity, lots * INSTRUMENT.lot_size)
    free = ledger.free("spot", "BBB")
    ledger.fill(order, price, filled, is_maker=False, trade_id="1", at_ms=0)
    assert ledger.free("spot", "BBB") == free
    ledger.release(order)
    assert ledger.locked("spot", "BBB") == 0
    assert ledger.total("spot", "BBB") >= 0


def test_fees_go_to_the_fee_account_and_rebates_come_from_it() -> None:
    ledger = make_ledger()
    bought = make_order(ledger, "spot", Side.BUY, Decimal(2))
    booking = ledger.fill(bought, Decimal(100), Decimal(2), is_maker=False, trade_id="1", at_ms=0)
    assert booking.fees == (Fee("BBB", Decimal("0.14")),)
    assert ledger.total(FEES, "BBB") == Decimal("0.14")
    booking = ledger.fill(bought, Decimal(100), Decimal(2), is_maker=True, trade_id="2", at_ms=0)
    assert booking.fees == (Fee("BBB", Decimal("-0.04")),)
    assert ledger.total("spot", "BBB") == Decimal(10_000) - 400 - Decimal("0.10")


def test_received_fees_come_out_of_what_a_fill_delivers() -> None:
    ledger = make_ledger(FeeAsset.RECEIVED)
    bought, sold = make_order(ledger, "spot", Side.BUY, Decimal(1)), make_order(ledger, "other", Side.SELL, Decimal(1))
    assert ledger.fill(bought, Decimal(100), Decimal(1), is_maker=False, trade_id="1", at_ms=0).fees == (
        Fee("AAA", Decimal("0.0007")),
    )
    assert ledger.fill(sold, Decimal(100), Decimal(1), is_maker=False, trade_id="1", at_ms=0).fees == (
        Fee("BBB", Decimal("0.07")),
    )
    assert ledger.total("spot", "AAA") == Decimal("10.9993")
    assert_conserved(ledger)


@pytest.mark.parametrize(
    ("is_maker", "places", "fee"), [(False, 2, "0.21"), (False, None, "0.217"), (True, 2, "-0.06"), (True, 8, "-0.062")]
)
def test_fees_are_cut_at_the_venues_decimals(is_maker: bool, places: int | None, fee: str) -> None:
    ledger = Ledger({INSTRUMENT.id: INSTRUMENT}, FeeAsset.QUOTE, lambda _: Decimal(100), places)
    ledger.open_account(account("spot"), DEPOSITS)
    bought = make_order(ledger, "spot", Side.BUY, Decimal("3.1"))
    booking = ledger.fill(bought, Decimal(100), Decimal("3.1"), is_maker=is_maker, trade_id="1", at_ms=0)
    assert booking.fees == (Fee("BBB", Decimal(fee)),)
    assert ledger.total(FEES, "BBB") == Decimal(fee)
    assert_conserved(ledger)


def test_a_deposit_comes_from_outside_and_a_withdrawal_goes_there() -> None:
    ledger = make_ledger()
    ledger.deposit("spot", "AAA", Decimal(5), 1)
    ledger.deposit("spot", "AAA", Decimal(-2), 2)
    assert ledger.total("spot", "AAA") == Decimal(13)
    assert_conserved(ledger)


def test_a_spot_order_without_funds_is_refused() -> None:
    ledger = make_ledger()
    assert (
        ledger.hold(make_order(ledger, "spot", Side.SELL, Decimal("10.001")), ZERO) is RejectReason.INSUFFICIENT_BALANCE
    )
    assert ledger.hold(make_order(ledger, "spot", Side.SELL, Decimal(10)), ZERO) == 1
    second = make_order(ledger, "spot", Side.SELL, Decimal("0.001"), number=2)
    assert ledger.hold(second, ZERO) is RejectReason.INSUFFICIENT_BALANCE
    buy = make_order(ledger, "other", Side.BUY, Decimal(100))
    assert ledger.hold(buy, Decimal(10_000)) is RejectReason.INSUFFICIENT_BALANCE  # the fee is missing


def test_leverage_decides_what_a_margined_order_needs() -> None:
    ledger = make_ledger()
    order = make_order(ledger, "margin", Side.BUY, Decimal(1000))
    assert ledger.hold(order, Decimal(100_000)) is RejectReason.INSUFFICIENT_MARGIN
    levered = replace(order, leverage=11)
    rate = ledger.hold(levered, Decimal(100_000))
    assert not isinstance(rate, RejectReason)
    expected = Decimal(100_000) / 11 + 70
    assert abs(ledger.locked("margin", "BBB") - expected) < Decimal("1e-12")


def levered(ledger: Ledger, leverage: int, quantity: int = 1000) -> None:
    order = make_order(ledger, "margin", Side.BUY, Decimal(quantity), leverage=leverage)
    ledger.fill(order, Decimal(100), Decimal(quantity), is_maker=False, trade_id="1", at_ms=0)


def test_a_tiny_order_pays_for_the_whole_position_that_it_re_margins() -> None:
    """1000 at 100 use 5 000 of 9 930 at leverage 20. At 11 they would use 9 090.91, at 10 they would use 10 000."""
    ledger = make_ledger()
    levered(ledger, 20)
    for leverage, is_held in ((1, False), (10, False), (11, True)):
        order = make_order(ledger, "margin", Side.BUY, Decimal("0.01"), number=2, leverage=leverage)
        held = ledger.hold(order, Decimal(1))
        assert (held is not RejectReason.INSUFFICIENT_MARGIN) is is_held
    more = Decimal(100_000) / 11 - 5_000
    assert abs(ledger.locked("margin", "BBB") - (more + Decimal(1) / 11 + Decimal("0.0007"))) < Decimal("1e-12")


@pytest.mark.parametrize("leverage", [None, 20, 25])
def test_an_order_that_keeps_or_raises_the_leverage_pays_for_itself_only(leverage: int | None) -> None:
    ledger = make_ledger()
    levered(ledger, 20)
    order = make_order(ledger, "margin", Side.BUY, Decimal(1), number=2, leverage=leverage)
    rate = ledger.hold(order, Decimal(100))
    assert rate == Decimal(100) / (leverage or 20) + Decimal("0.07")


@pytest.mark.parametrize(
    ("leverage", "mark", "after"),
    [
        (10, 100, 20),  # the equity of 9 929.93 covers no 10 001
        (11, 100, 11),
        (11, 99, 20),  # the market fell since the order was accepted
        (25, 99, 25),  # a higher leverage never needs more
        (None, 100, 20),
    ],
)
def test_a_fill_changes_the_leverage_only_if_the_equity_covers_the_position(
    leverage: int | None, mark: int, after: int
) -> None:
    ledger = make_ledger(FeeAsset.QUOTE, Decimal(mark))
    levered(ledger, 20)
    order = make_order(ledger, "margin", Side.BUY, Decimal("0.01"), number=2, leverage=leverage)
    booking = ledger.fill(order, Decimal(100), Decimal("0.01"), is_maker=True, trade_id="2", at_ms=0)
    (position,) = ledger.positions("margin")
    assert (position.leverage, booking.leverage) == (after, after)
    state = ledger.margin("margin", "BBB")
    assert state.initial <= state.equity


def test_a_fill_says_the_leverage_of_the_position_that_it_leaves() -> None:
    ledger = make_ledger()
    levered(ledger, 20, 10)
    for number, (quantity, leverage, after) in enumerate(((4, 3, 20), (8, 3, 3), (2, 7, 7))):
        order = make_order(ledger, "margin", Side.SELL, Decimal(quantity), number=number, leverage=leverage)
        booking = ledger.fill(order, Decimal(100), Decimal(quantity), is_maker=True, trade_id=str(number), at_ms=0)
        assert booking.leverage == after
    closing = make_order(ledger, "margin", Side.BUY, Decimal(4), number=9)
    assert ledger.fill(closing, Decimal(100), Decimal(4), is_maker=True, trade_id="9", at_ms=0).leverage is None
    spot = make_order(ledger, "spot", Side.BUY, Decimal(1))
    assert ledger.fill(spot, Decimal(100), Decimal(1), is_maker=True, trade_id="10", at_ms=0).leverage is None


def test_closing_needs_no_margin_and_two_closings_do_not_share_a_position() -> None:
    ledger = make_ledger(FeeAsset.QUOTE, Decimal(100))
    ledger.fill(
        make_order(ledger, "margin", Side.BUY, Decimal(1000), leverage=20),
        Decimal(100), Decimal(1000), is_maker=False, trade_id="1", at_ms=0,
    )  # fmt: skip
    first = make_order(ledger, "margin", Side.SELL, Decimal(1000), number=2)
    assert ledger.hold(first, Decimal(100_000)) == 0
    second = make_order(ledger, "margin", Side.SELL, Decimal(1000), number=3, leverage=1)
    assert ledger.hold(second, Decimal(100_000)) is RejectReason.INSUFFICIENT_MARGIN


def test_profit_is_settled_in_the_quote_asset_against_the_market() -> None:
    ledger = make_ledger()
    for number, (side, quantity, price) in enumerate(
        ((Side.BUY, 3, 100), (Side.BUY, 4, 101), (Side.SELL, 2, 110), (Side.SELL, 6, 90))
    ):
        order = make_order(ledger, "margin", side, Decimal(quantity), number=number, leverage=5)
        ledger.fill(order, Decimal(price), Decimal(quantity), is_maker=False, trade_id=str(number), at_ms=0)
    (position,) = ledger.positions("margin")
    assert (position.quantity, position.entry_cost, position.leverage) == (-1, -90, 5)
    fees = Decimal(300 + 404 + 220 + 540) * INSTRUMENT.taker_fee
    profit = Decimal(2 * 110 + 5 * 90 - 704)
    assert ledger.total("margin", "BBB") == 10_000 + profit - fees
    assert ledger.total(MARKET, "BBB") == -len(OWNERS) * 10_000 - profit


def test_hedged_rows_stand_side_by_side_and_a_closing_order_must_find_its_row() -> None:
    ledger = make_ledger()
    for number, side in enumerate((Side.BUY, Side.SELL)):
        order = make_order(ledger, "hedge", side, Decimal(2), number=number)
        ledger.fill(order, Decimal(100), Decimal(2), is_maker=True, trade_id=str(number), at_ms=0)
    assert [(p.side, p.quantity) for p in ledger.positions("hedge")] == [
        (PositionSide.LONG, Decimal(2)),
        (PositionSide.SHORT, Decimal(-2)),
    ]
    too_much = make_order(ledger, "hedge", Side.SELL, Decimal(3), number=8, is_closing=True)
    assert ledger.hold(too_much, Decimal(300)) is RejectReason.INVALID_ORDER
    closing = make_order(ledger, "hedge", Side.SELL, Decimal(2), number=9, is_closing=True)
    assert ledger.hold(closing, Decimal(200)) == 0
    ledger.fill(closing, Decimal(100), Decimal(2), is_maker=True, trade_id="9", at_ms=0)
    assert [p.side for p in ledger.positions("hedge")] == [PositionSide.SHORT]


@pytest.mark.parametrize(("mark", "is_called"), [("92", False), ("91", True)])
def test_a_margin_call_comes_when_equity_is_below_the_maintenance_margin(mark: str, is_called: bool) -> None:
    ledger = make_ledger(FeeAsset.QUOTE, Decimal(mark))
    order = make_order(ledger, "margin", Side.BUY, Decimal(1000), leverage=20)
    ledger.fill(order, Decimal(100), Decimal(1000), is_maker=True, trade_id="1", at_ms=0)
    state = ledger.margin("margin", "BBB")
    assert state.equity == 10_020 + (Decimal(mark) - 100) * 1000
    assert state.maintenance == Decimal(mark) * 20
    assert ledger.margin_calls([INSTRUMENT.id]) == ([("margin", "BBB")] if is_called else [])
    assert ledger.margin_calls([]) == []


def test_the_insurance_pays_a_debt_and_nothing_else() -> None:
    ledger = make_ledger()
    assert ledger.cover("margin", "BBB", 0) is None
    order = make_order(ledger, "margin", Side.BUY, Decimal(1000), leverage=20)
    ledger.fill(order, Decimal(100), Decimal(1000), is_maker=True, trade_id="1", at_ms=0)
    ledger.fill(replace(order, side=Side.SELL), Decimal(80), Decimal(1000), is_maker=True, trade_id="2", at_ms=0)
    debt = -ledger.total("margin", "BBB")
    assert ledger.cover("margin", "BBB", 0) == debt > 0
    assert ledger.total("margin", "BBB") == 0
    assert ledger.total(INSURANCE, "BBB") == -debt
    assert_conserved(ledger)


def test_a_restored_ledger_goes_on_as_the_original() -> None:
    ledger = make_ledger()
    order = make_order(ledger, "margin", Side.BUY, Decimal(10), leverage=3)
    rate = ledger.hold(order, Decimal(1000))
    assert not isinstance(rate, RejectReason)
    ledger.fill(order, Decimal(100), Decimal(4), is_maker=True, trade_id="1", at_ms=0)
    changes = ledger.take_changes()
    again = make_ledger()
    left = replace(order, hold_rate=rate, remaining=Decimal(6))
    again.restore([account(owner) for owner in OWNERS], changes.balances, changes.positions, [left])
    assert again.totals() == ledger.totals()
    assert again.positions("margin") == ledger.positions("margin")
    assert again.free("margin", "BBB") == ledger.free("margin", "BBB")


def test_a_spot_account_takes_no_order_of_a_perpetual() -> None:
    perpetual = replace(INSTRUMENT, type=InstrumentType.PERPETUAL)
    ledger = Ledger({INSTRUMENT.id: perpetual}, FeeAsset.QUOTE, lambda _: Decimal(100))
    for owner in ("spot", "margin"):
        ledger.open_account(account(owner), DEPOSITS)
    refused = ledger.hold(make_order(ledger, "spot", Side.BUY, Decimal(1)), Decimal(100))
    assert refused is RejectReason.INSTRUMENT_NOT_TRADABLE
    assert isinstance(ledger.hold(make_order(ledger, "margin", Side.BUY, Decimal(1)), Decimal(100)), Decimal)
