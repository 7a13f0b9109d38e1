"""Which of several orders with our label is ours: by their rows, and by the dates that ours may have."""

from decimal import Decimal as D
from typing import Any

import pytest
from tests.adapters.deribit.deribit_world import (
    FUTURES,
    INVERSE,
    NOW_MS,
    OPTION,
    ORDER_ROW,
    PAIR,
    PAIRS,
    order,
    raw,
    scope,
)
from tests.simulated_kit import MovableClock

from cadenza.adapters.venues.deribit.models import DeribitTicker
from cadenza.adapters.venues.deribit.order_match import FoundOrder, Match, has_moved_limit, match_of, orders_of
from cadenza.adapters.venues.deribit.parse import AccountScope
from cadenza.adapters.venues.kit.placing_times import PLACED_TOLERANCE_MS, PlacingTimes
from cadenza.adapters.venues.kit.venue_clock import VenueClock
from cadenza.domain.accounts.trading_account import AccountType
from cadenza.domain.market.enums import OrderType, Side, TimeInForce
from cadenza.domain.trading.order import Expiry, Order

HOUR_MS = 3_600_000
GTC, IOC, FOK, GTX = TimeInForce.GTC, TimeInForce.IOC, TimeInForce.FOK, TimeInForce.GTX
Rows = dict[str, Any]


class Fitting(PlacingTimes):
    """Times of an order that left when it was recorded, and may not arrive after its deadline."""

    def __init__(self) -> None:
        super().__init__(VenueClock(MovableClock(), self._never), held_up_ms=0)

    async def _never(self) -> int | None:
        return None

    def rule_out(self, order: Order, placed_at_ms: int | None) -> bool:
        return placed_at_ms is not None and not self.fit(order, placed_at_ms)

    def fit(self, order: Order, placed_at_ms: int | None) -> bool:
        assert order.send_before_ms is not None
        assert placed_at_ms is not None
        from_ms, until_ms = order.created_at_ms, order.send_before_ms
        return from_ms - PLACED_TOLERANCE_MS <= placed_at_ms <= until_ms + PLACED_TOLERANCE_MS


def found(*rows: Rows, name: str = "BTC-PERPETUAL") -> list[FoundOrder]:
    return orders_of([raw(ORDER_ROW, **{"order_id": f"V{number}", **row}) for number, row in enumerate(rows)], name)


def match(ours: Order, *rows: Rows, of: AccountScope = FUTURES, ticker: DeribitTicker | None = None) -> Match:
    name = of.instruments and next(each for each, listed in of.instruments.items() if listed.id == ours.instrument_id)
    return match_of(ours, found(*rows, name=str(name)), of, Fitting(), ticker)


def is_ours(ours: Order, row: Rows, **parts: Any) -> bool:
    """Whether an order is ours; it is a stranger's otherwise, for certain."""
    result = match(ours, row, **parts)
    assert (result.own is None) is (len(result.strangers) == 1)
    return result.own is not None


def test_the_only_one_with_our_terms_is_ours() -> None:
    assert is_ours(order(), {})
    result = match(order(), {"amount": 110}, {}, {"direction": "sell"})
    assert result.own is not None
    assert (result.own.row.id, len(result.strangers)) == ("V1", 2)


STOP: Rows = {"type": OrderType.STOP, "limit_price": None, "stop_price": D(60_000)}
STOP_ROW: Rows = {
    "order_type": "stop_market", "order_state": "untriggered", "price": "market_price", "trigger_price": 60000,
    "trigger": "last_price",
}  # fmt: skip
OURS: dict[str, tuple[Rows, Rows]] = {
    "limit": ({}, {}),
    "immediate": ({"time_in_force": IOC}, {"time_in_force": "immediate_or_cancel", "order_state": "cancelled"}),
    "fill or kill": ({"time_in_force": FOK}, {"time_in_force": "fill_or_kill", "order_state": "cancelled"}),
    "post-only": ({"time_in_force": GTX}, {"post_only": True}),
    "until a time": ({"time_in_force": TimeInForce.DAY, "expiry": Expiry.HERE}, {}),
    "market": (
        {"type": OrderType.MARKET, "limit_price": None, "time_in_force": IOC}, {"order_type": "market", "price": 61000},
    ),
    "stop": (STOP, STOP_ROW),
    "stop loss": ({**STOP, "type": OrderType.STOP_LOSS}, STOP_ROW),
    "take profit": ({**STOP, "type": OrderType.TAKE_PROFIT}, {**STOP_ROW, "order_type": "take_market"}),
    "stop limit": (
        {**STOP, "type": OrderType.STOP_LIMIT, "limit_price": D(60_100)},
        {**STOP_ROW, "order_type": "stop_limit", "price": 60100},
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", OURS)
@pytest.mark.parametrize("beside", OURS)
def test_only_an_order_of_our_kind_with_our_terms_is_ours(kind: str, beside: str) -> None:
    same = {"stop", "stop loss"}
    is_alike = kind == beside or {kind, beside} <= same or {kind, beside} == {"limit", "until a time"}
    assert is_ours(order(**OURS[kind][0]), OURS[beside][1]) is is_alike


OTHER: dict[str, tuple[str, Rows]] = {
    "amount": ("limit", {"amount": 110}),
    "less": ("limit", {"amount": 90}),
    "side": ("limit", {"direction": "sell"}),
    "a dearer limit": ("limit", {"price": 59001}),
    "reduce-only": ("limit", {"reduce_only": True}),
    "trigger": ("stop", {"trigger_price": 60000.5}),
    "what triggers it": ("stop", {"trigger": "mark_price"}),
    "limit of a stop": ("stop limit", {"price": 60100.5}),
}


@pytest.mark.parametrize("other", OTHER)
def test_an_order_with_other_terms_is_another(other: str) -> None:
    kind, row = OTHER[other]
    terms, like = OURS[kind]
    assert not is_ours(order(**terms), {**like, **row})


def test_an_order_in_another_instrument_is_left_out() -> None:
    result = match(order(), {"instrument_name": "ETH_USDC-PERPETUAL"})
    assert (result.is_empty, len(result.strangers)) == (True, 0)


@pytest.mark.parametrize("other", [other for other in OTHER if other != "side"])
def test_an_order_of_which_the_venue_does_not_say_whether_it_was_edited_may_be_ours(other: str) -> None:
    """The venue leaves the mark out in some lists. With our terms it is ours all the same."""
    kind, row = OTHER[other]
    terms, like = OURS[kind]
    assert match(order(**terms), {**like, "replaced": ...}).own is not None
    result = match(order(**terms), {**like, **row, "replaced": ...})
    assert (result.own, len(result.rivals)) == (None, 1)
    assert match(order(**terms), {**like, **row, "replaced": ...}, like).own is not None


@pytest.mark.parametrize("row", [{}, {"amount": 110}])
def test_an_order_that_somebody_has_edited_is_not_recognized_and_nothing_beside_it(row: Rows) -> None:
    edited = {**row, "replaced": True}
    assert len(match(order(), edited).rivals) == 1
    result = match(order(), {}, edited)
    assert (result.own, len(result.rivals)) == (None, 2)


def test_two_with_our_terms_are_rivals_and_are_adopted_without_our_label() -> None:
    result = match(order(), {}, {})
    assert (result.own, len(result.rivals)) == (None, 2)
    reports: Any = result.placed_elsewhere(lambda each: each.facts(FUTURES))
    assert {(each.venue_order_id, each.sent_id) for each in reports} == {("V0", None), ("V1", None)}


@pytest.mark.parametrize("apart_ms", [-HOUR_MS, HOUR_MS, -PLACED_TOLERANCE_MS - 1, 10_000 + PLACED_TOLERANCE_MS + 1])
def test_an_order_that_was_placed_when_ours_cannot_have_been_is_anothers(apart_ms: int) -> None:
    date = {"creation_timestamp": NOW_MS + apart_ms, "last_update_timestamp": NOW_MS + apart_ms}
    assert not is_ours(order(), date)
    result = match(order(), date, {})
    assert result.own is not None
    assert result.own.row.id == "V1"


def test_one_that_cannot_be_read_is_shown_if_no_other_may_be_ours() -> None:
    odd = {"order_state": "odd"}
    assert match(order(), odd).unreadable is not None
    result = match(order(), odd, {})
    assert result.own is not None
    assert match(order(), odd, {"replaced": True}).unreadable is None
    assert found({"order_id": ...}) == []


# --- a limit price that the venue has moved


TICKER = DeribitTicker(instrument="BTC-PERPETUAL", mark=D(60_000), lowest=D(59_100), highest=D(60_900))
MOVED: dict[str, tuple[Rows, Rows]] = {
    "down": ({"limit_price": D(70_000)}, {"price": 60910}),
    "up": ({"side": Side.SELL, "limit_price": D(50_000)}, {"price": 59090, "direction": "sell"}),
}


@pytest.mark.parametrize("way", MOVED)
def test_a_limit_price_that_the_venue_has_moved_is_ours_if_the_ticker_explains_it(way: str) -> None:
    terms, row = MOVED[way]
    assert has_moved_limit(order(**terms), found(row)[0], FUTURES)
    assert len(match(order(**terms), row).rivals) == 1, "without a ticker it may be ours"
    assert is_ours(order(**terms), row, ticker=TICKER)
    result = match(order(**terms), row, {**row, "price": int(order(**terms).limit_price or 0)}, ticker=TICKER)
    assert (result.own, len(result.rivals)) == (None, 2), "one of two with our terms was not moved"


UNEXPLAINED: dict[str, tuple[Rows, Rows]] = {
    "ours is within the limits": ({"limit_price": D(60_900)}, {"price": 60800}),
    "below the mark price": ({"limit_price": D(70_000)}, {"price": 59999}),
    "above the mark price": ({"side": Side.SELL, "limit_price": D(50_000)}, {"price": 60001, "direction": "sell"}),
}


@pytest.mark.parametrize("case", UNEXPLAINED)
def test_another_limit_price_that_the_ticker_does_not_explain_leaves_ours_in_doubt(case: str) -> None:
    terms, row = UNEXPLAINED[case]
    assert len(match(order(**terms), row, ticker=TICKER).rivals) == 1


@pytest.mark.parametrize(("instrument", "of"), [(PAIR, PAIRS), (OPTION, scope(AccountType.OPTIONS))])
def test_limit_prices_of_pairs_and_options_are_not_moved(instrument: str, of: AccountScope) -> None:
    (name,) = [each for each, listed in of.instruments.items() if listed.id == instrument]
    ours = order(instrument_id=instrument, limit_price=D(70_000), quantity=D(1))
    row = {"instrument_name": name, "amount": 1, "price": 60910}
    assert not is_ours(ours, row, of=of, ticker=TICKER)
    assert is_ours(ours, {**row, "price": 70000}, of=of)


# --- stops that were triggered

TRIGGERED: Rows = {**STOP_ROW, "order_id": "SLMS-7", "order_state": "triggered"}
LATE = {"creation_timestamp": NOW_MS + HOUR_MS, "last_update_timestamp": NOW_MS + HOUR_MS}
BECAME: Rows = {"order_id": "98475900", "order_type": "market", "trigger_order_id": "SLMS-7", **LATE}


@pytest.mark.parametrize("is_reversed", [False, True])
def test_what_a_stop_has_become_is_ours_with_the_terms_and_the_date_of_the_stop(is_reversed: bool) -> None:
    rows = (BECAME, TRIGGERED) if is_reversed else (TRIGGERED, BECAME)
    result = match(order(**STOP), *rows)
    assert result.own is not None
    assert (result.own.row.id, result.own.placed.id) == ("98475900", "SLMS-7")
    assert match(order(**{**STOP, "stop_price": D(60_001)}), *rows).own is None


def test_what_another_trigger_order_has_become_is_no_order_of_ours_that_has_none() -> None:
    """It has the terms of ours, and the date."""
    limit = {**BECAME, "order_type": "limit", "creation_timestamp": NOW_MS, "last_update_timestamp": NOW_MS}
    assert not is_ours(order(), limit)
    assert not is_ours(order(), {**limit, "trigger_order_id": "SLMS-8"})


def test_what_a_stop_has_become_may_be_ours_while_the_stop_is_not_shown() -> None:
    result = match(order(**STOP), BECAME)
    assert (result.own, len(result.rivals)) == (None, 1)


def test_the_same_order_from_two_stores_is_one() -> None:
    assert len(found({"order_id": "V7"}, {"order_id": "V7", "filled_amount": 40})) == 1
    assert found({"order_id": "V7"})[0].facts(FUTURES).instrument_id == INVERSE
