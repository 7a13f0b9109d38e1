"""Orders as requests, and payloads about them as reports, by the documented fields."""

import json
from decimal import Decimal as D
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.adapters.bitfinex.account_world import (
    CID,
    DERIVATIVE,
    FUTURES,
    MARGIN,
    NOW_MS,
    ORDER_ID,
    PAIR,
    SPOT,
    notified,
    order,
    order_row,
    raw,
    scope,
    trade_row,
)
from tests.inhouse_kit import kinds

from cadenza.adapters.venues.bitfinex import mapping
from cadenza.adapters.venues.bitfinex.models import OrderFields, TradeFields
from cadenza.adapters.venues.bitfinex.orders import cancel_bodies, new_order
from cadenza.adapters.venues.bitfinex.parse import AccountScope
from cadenza.adapters.venues.bitfinex.parse_account import balance_report, position_report
from cadenza.adapters.venues.bitfinex.parse_news import account_message, account_news
from cadenza.adapters.venues.bitfinex.parse_orders import end_report, fill_report, order_facts, placed_reports
from cadenza.adapters.venues.bitfinex.spec import SENT_ID_MAX
from cadenza.adapters.venues.kit.order_facts import OrderFacts, Standing
from cadenza.adapters.venues.kit.payloads import decode
from cadenza.adapters.venues.kit.request_instant import RequestInstant, TooLateToSend
from cadenza.adapters.venues.kit.words import UnknownMember, UnreadablePayload
from cadenza.domain.accounts.trading_account import AccountType
from cadenza.domain.errors import CadenzaError
from cadenza.domain.ids import TradingAccountId
from cadenza.domain.market.enums import OrderType, Side, TimeInForce
from cadenza.domain.trading.enums import CancelReason, LiquiditySide, RejectReason
from cadenza.domain.trading.execution import Fee
from cadenza.domain.trading.reports import (
    CanceledReport,
    ExpiredReport,
    OrderStatusReport,
    OrderTermsReport,
    RejectedReport,
    Report,
    UnreadableReport,
    VenueOrderStatus,
)

INSTANT = RequestInstant(NOW_MS + 1_000, 3_000)


def sent(account: AccountType = AccountType.SPOT, **changes: Any) -> dict[str, Any]:
    instrument = DERIVATIVE if account is AccountType.FUTURES else PAIR
    return dict(new_order(order(instrument_id=instrument.id, **changes), instrument, scope(account), INSTANT))


def facts(**changes: Any) -> OrderFacts:
    is_past = changes.pop("is_past", False)
    return order_facts(decode(OrderFields, raw(order_row(**changes))), SPOT, is_past=is_past)


def news(event: str, row: list[Any], *, type: AccountType = AccountType.SPOT, sent_ms: int = NOW_MS) -> list[Report]:
    message = account_message(json.dumps([0, event, row, 7, 3, sent_ms]).encode())
    return list(account_news(message, scope(type), 0))


# --- requests


def test_a_limit_order_of_the_exchange_wallet() -> None:
    assert sent() == {
        "type": "EXCHANGE LIMIT", "symbol": "tBTCUSD", "amount": "0.5", "cid": CID, "price": "59000",
    }  # fmt: skip


def test_a_sale_has_a_negative_amount_and_a_market_order_no_price() -> None:
    found = sent(side=Side.SELL, type=OrderType.MARKET, time_in_force=TimeInForce.IOC, limit_price=None)
    assert (found["type"], found["amount"]) == ("EXCHANGE MARKET", "-0.5")
    assert "price" not in found


@pytest.mark.parametrize(
    ("type", "symbol", "word"),
    [(AccountType.MARGIN, "tBTCUSD", "LIMIT"), (AccountType.FUTURES, "tBTCF0:USTF0", "LIMIT")],
)
def test_an_order_that_makes_a_position_has_no_word_for_the_wallet(type: AccountType, symbol: str, word: str) -> None:
    assert (sent(type)["type"], sent(type)["symbol"]) == (word, symbol)


@pytest.mark.parametrize(
    ("time", "word", "flags"),
    [
        (TimeInForce.GTC, "EXCHANGE LIMIT", None),
        (TimeInForce.GTX, "EXCHANGE LIMIT", 4096),
        (TimeInForce.IOC, "EXCHANGE IOC", None),
        (TimeInForce.FOK, "EXCHANGE FOK", None),
    ],
)
def test_times_in_force_are_types_and_a_flag(time: TimeInForce, word: str, flags: int | None) -> None:
    found = sent(time_in_force=time)
    assert (found["type"], found.get("flags")) == (word, flags)


def test_an_end_is_a_whole_second_and_early_rather_than_late() -> None:
    found = sent(time_in_force=TimeInForce.GTD, expire_at_ms=NOW_MS + 3_600_999)
    assert found["tif"] == "2025-10-09 09:53:20"


@pytest.mark.parametrize("type", [OrderType.STOP, OrderType.STOP_LOSS])
def test_a_stop_has_its_trigger_as_its_price(type: OrderType) -> None:
    found = sent(type=type, stop_price=D(61_000), limit_price=None)
    assert (found["type"], found["price"], found.get("price_aux_limit")) == ("EXCHANGE STOP", "61000", None)


@pytest.mark.parametrize("type", [OrderType.STOP_LIMIT, OrderType.STOP_LOSS_LIMIT])
def test_the_limit_of_a_stop_limit_has_a_field_of_its_own(type: OrderType) -> None:
    found = sent(type=type, stop_price=D(61_000), limit_price=D(61_100))
    assert (found["type"], found["price"], found["price_aux_limit"]) == ("EXCHANGE STOP LIMIT", "61000", "61100")


def test_only_an_order_of_a_derivative_has_a_leverage() -> None:
    assert sent(AccountType.FUTURES, leverage=20)["lev"] == 20
    assert "lev" not in sent(AccountType.FUTURES)
    assert "lev" not in sent(AccountType.MARGIN, leverage=1)
    with pytest.raises(CadenzaError):
        sent(AccountType.MARGIN, leverage=3)


@pytest.mark.parametrize(
    "changes",
    [
        {"time_in_force": TimeInForce.OPG},
        {"type": OrderType.MARKET, "time_in_force": TimeInForce.GTC},
        {"type": OrderType.STOP, "stop_price": None},
        {"type": OrderType.TAKE_PROFIT, "stop_price": D(1)},
        {"type": OrderType.TRAILING_STOP, "stop_price": D(1)},
        {"limit_price": None},
        {"time_in_force": TimeInForce.GTD},
        {"time_in_force": TimeInForce.GTD, "expire_at_ms": NOW_MS + 4_900},
    ],
)
def test_what_the_venue_lacks_is_refused_before_it_is_sent(changes: dict[str, Any]) -> None:
    with pytest.raises(CadenzaError):
        sent(**changes)


@pytest.mark.parametrize("sent_id", [None, "", "0", "12a", str(2**30), "-1", "\u0661"])
def test_an_id_that_the_venue_does_not_take_is_never_sent(sent_id: str | None) -> None:
    with pytest.raises(ValueError, match="no id"):
        sent(sent_id=sent_id)


def test_an_order_whose_time_is_over_is_not_made() -> None:
    with pytest.raises(TooLateToSend):
        new_order(order(), PAIR, SPOT, RequestInstant(NOW_MS + 10_000, 0))


MIDNIGHT_MS = 1_760_054_400_000
"""2025-10-10 00:00:00 UTC."""


@pytest.mark.parametrize(
    ("recorded_ms", "ahead_ms", "days"),
    [
        (MIDNIGHT_MS - 3_600_000, 0, ["2025-10-09"]),
        (MIDNIGHT_MS - 30_000, 0, ["2025-10-09", "2025-10-10"]),
        (MIDNIGHT_MS + 30_000, 0, ["2025-10-10", "2025-10-09"]),
        (MIDNIGHT_MS - 90_000, 120_000, ["2025-10-10", "2025-10-09"]),
    ],
)
def test_a_cancel_by_our_id_names_its_day_and_both_near_midnight(
    recorded_ms: int, ahead_ms: int, days: list[str]
) -> None:
    bodies = cancel_bodies(order(created_at_ms=recorded_ms), SPOT, ahead_ms)
    assert list(bodies) == [{"cid": CID, "cid_date": day} for day in days]


def test_a_cancel_names_the_venues_id_once_it_is_known() -> None:
    assert list(cancel_bodies(order(venue_order_id="77"), SPOT, 0)) == [{"id": 77}]


def test_the_accounts_of_a_user_never_give_the_same_id() -> None:
    """At the venue they share one space of ids, and each counts by itself here."""
    other = AccountScope(TradingAccountId(UUID(int=2)), AccountType.SPOT, {}, str, is_paper=False)
    scopes = [SPOT, MARGIN, FUTURES, other]
    given = [each.cid(7) for each in scopes]
    assert len(set(given)) == len(given)
    assert max(each.cid(SENT_ID_MAX) for each in scopes) < 2**45
    for cid, owner in zip(given, scopes, strict=True):
        assert [each.sent_id(cid) for each in scopes] == ["7" if each is owner else None for each in scopes]
    assert [SPOT.sent_id(cid) for cid in (None, 0, 7, SPOT.mark)] == [None] * 4


# --- orders


def test_an_order_that_works() -> None:
    found = facts()
    assert (found.venue_order_id, found.sent_id, found.side, found.standing) == (
        str(ORDER_ID), "1234", Side.BUY, Standing.WORKING,
    )  # fmt: skip
    assert (found.type, found.time_in_force, found.limit_price) == (OrderType.LIMIT, TimeInForce.GTC, 59_000)
    assert (found.quantity, found.executed, found.placed_at_ms, found.at_ms) == (D("0.5"), 0, NOW_MS + 50, NOW_MS + 60)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"type": "EXCHANGE IOC"}, (OrderType.LIMIT, TimeInForce.IOC)),
        ({"type": "FOK"}, (OrderType.LIMIT, TimeInForce.FOK)),
        ({"type": "EXCHANGE MARKET"}, (OrderType.MARKET, TimeInForce.IOC)),
        ({"flags": 4096 | 64}, (OrderType.LIMIT, TimeInForce.GTX)),
        ({"tif": NOW_MS + 9_000}, (OrderType.LIMIT, TimeInForce.GTD)),
        ({"type": "EXCHANGE STOP LIMIT"}, (OrderType.STOP_LIMIT, TimeInForce.GTC)),
        ({"type": "TRAILING STOP"}, (OrderType.TRAILING_STOP, TimeInForce.GTC)),
    ],
)
def test_types_of_orders(changes: dict[str, Any], expected: tuple[OrderType, TimeInForce]) -> None:
    found = facts(**changes)
    assert (found.type, found.time_in_force) == expected


def test_a_stop_limit_shows_its_trigger_and_its_limit() -> None:
    found = facts(type="EXCHANGE STOP LIMIT", price=61_000, aux=61_100)
    assert (found.stop_price, found.limit_price) == (61_000, 61_100)


PART = "PARTIALLY FILLED @ 58999.5(0.2)"


@pytest.mark.parametrize(
    ("status", "left", "standing", "reason", "executed"),
    [
        (PART, 0.3, Standing.WORKING, None, "0.2"),
        ("EXECUTED @ 59000.0(0.5)", 0, Standing.FILLED, None, "0.5"),
        (f"EXECUTED @ 59000.0(0.3): was {PART}", 0, Standing.FILLED, None, "0.5"),
        (f"EXECUTED @ 59000.0(0.3), {PART}", 0, Standing.FILLED, None, "0.5"),
        ("EXECUTED @ 59000.0(0.5) was ACTIVE (note:POSCLOSE)", 0, Standing.FILLED, None, "0.5"),
        ("FORCED EXECUTED @ 59000.0(0.5)", 0, Standing.FILLED, None, "0.5"),
        ("CANCELED", 0.5, Standing.CANCELED, None, "0"),
        (f"CANCELED was: {PART}", 0.3, Standing.CANCELED, None, "0.2"),
        (f"CANCELED: was {PART}", 0.3, Standing.CANCELED, None, "0.2"),
        ("POSTONLY CANCELED", 0.5, Standing.REJECTED, CancelReason.VENUE, "0"),
        ("IOC CANCELED", 0.5, Standing.CANCELED, CancelReason.IOC_REMAINDER, "0"),
        (f"IOC CANCELED was: {PART}", 0.3, Standing.CANCELED, CancelReason.IOC_REMAINDER, "0.2"),
        ("FILLORKILL CANCELED", 0.5, Standing.CANCELED, CancelReason.FOK_NOT_FILLABLE, "0"),
        ("INSUFFICIENT BALANCE (U1)", 0.5, Standing.REJECTED, CancelReason.RISK, "0"),
        (f"INSUFFICIENT BALANCE (G1) was: {PART}", 0.3, Standing.CANCELED, CancelReason.RISK, "0.2"),
        (f"INSUFFICIENT MARGIN was: {PART}", 0.3, Standing.CANCELED, CancelReason.RISK, "0.2"),
        ("RSN_PAUSE", 0.5, Standing.REJECTED, CancelReason.VENUE, "0"),
        (f"RSN_BOOK_SLIP was: {PART}", 0.3, Standing.CANCELED, CancelReason.VENUE, "0.2"),
        ("RSN_DUST was: ACTIVE (note: POSCLOSE)", 0.5, Standing.CANCELED, CancelReason.VENUE, "0"),
        ("RSN_POS_REDUCE_FLIP", 0.5, Standing.CANCELED, CancelReason.VENUE, "0"),
    ],
)
def test_a_status_begins_with_its_word(
    status: str, left: float, standing: Standing, reason: CancelReason | None, executed: str
) -> None:
    found = facts(status=status, left=left)
    assert (found.standing, found.expiry, found.executed) == (standing, reason, D(executed))


@pytest.mark.parametrize("status", ["", "SETTLED", "PARTIALLY CANCELED", "EXECUTED_LATE @ 1.0(1.0)", "canceled"])
def test_an_unknown_status_is_refused_and_named(status: str) -> None:
    with pytest.raises(UnknownMember, match="order status"):
        facts(status=status)


@given(
    st.sampled_from(sorted(mapping.ORDER_STATUSES)), st.sampled_from([" was: ", ": was ", " @ 1.0(2.0): was ", ", "])
)
def test_whatever_follows_the_word_it_is_read(word: str, joint: str) -> None:
    assert mapping.status_words(f"{word}{joint}PARTIALLY FILLED @ 1.0(2.0), PARTIALLY FILLED @ 1.0(1.0)") == word
    assert mapping.status_words(word) == word


def test_a_liquidation_is_named_as_one() -> None:
    assert facts(status="FORCED EXECUTED @ 59000.0(0.5)", left=0).is_liquidation


def test_an_order_without_executions_is_as_large_as_what_is_left() -> None:
    """An amendment changed what is left; whether it changes the other amount too is not documented."""
    assert facts(left=0.4, amount=0.5).quantity == D("0.4")


@pytest.mark.parametrize("changes", [{"status": PART, "left": 0.6}, {"status": "EXECUTED @ 1.0(1.0)", "left": 0.1}])
def test_amounts_that_contradict_the_status_are_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(UnreadablePayload):
        facts(**changes)


def test_a_partly_filled_order_of_the_past_has_ended() -> None:
    assert facts(status=PART, left=0.3, is_past=True).standing is Standing.CANCELED
    with pytest.raises(UnreadablePayload):
        facts(status="ACTIVE", is_past=True)


def test_a_market_order_that_was_not_filled_in_whole_leaves_a_remainder() -> None:
    found = facts(type="EXCHANGE MARKET", status=f"CANCELED was: {PART}", left=0.3)
    assert found.end_reason is CancelReason.IOC_REMAINDER


def test_an_order_whose_time_has_come_is_expired() -> None:
    (found,) = news("oc", order_row(status="CANCELED", tif=NOW_MS, updated=NOW_MS + 5))
    assert isinstance(found, ExpiredReport)
    (early,) = news("oc", order_row(status="CANCELED", tif=NOW_MS + 10, updated=NOW_MS + 5))
    assert isinstance(early, CanceledReport)


# --- news


def test_the_life_of_an_order() -> None:
    (new,) = news("on", order_row())
    (part,) = news("ou", order_row(status=PART, left=0.3, updated=NOW_MS + 90))
    (done,) = news("oc", order_row(status=f"EXECUTED @ 59000.0(0.3): was {PART}", left=0, updated=NOW_MS + 95))
    assert kinds([new, part, done]) == ["ExternalOrder", "OrderStatus", "OrderStatus"]
    assert isinstance(part, OrderStatusReport)
    assert isinstance(done, OrderStatusReport)
    assert (part.executed_quantity, done.status) == (D("0.2"), VenueOrderStatus.FILLED)
    for each in (new, part, done):  # our id is a number that another order may have: these tell the two apart
        assert isinstance(each, OrderTermsReport)
        assert (each.side, each.type, each.placed_at_ms) == (Side.BUY, OrderType.LIMIT, NOW_MS + 50)


@pytest.mark.parametrize(("event", "status"), [("oc", "ACTIVE"), ("on", "CANCELED"), ("ou", "EXECUTED @ 59000.0(0.5)")])
def test_an_event_that_contradicts_its_order_is_reported_unread(event: str, status: str) -> None:
    (found,) = news(event, order_row(status=status, left=0 if "EXECUTED" in status else 0.5))
    assert isinstance(found, UnreadableReport)


def test_an_execution_is_booked_by_its_second_message_which_has_the_fee() -> None:
    assert news("te", trade_row(fee=None, currency=None)) == []
    (fill,) = news("tu", trade_row())
    assert fill == fill_report(decode(TradeFields, raw(trade_row())), SPOT)
    assert (fill.trade_id, fill.venue_order_id, fill.sent_id) == ("402088407", str(ORDER_ID), "1234")  # type: ignore[attr-defined]
    assert (fill.quantity, fill.price, fill.fees) == (D("0.2"), D("58999.5"), (Fee("BTC", D("0.0004")),))  # type: ignore[attr-defined]
    assert fill.liquidity is LiquiditySide.TAKER  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("changes", "fees"),
    [
        ({"fee": 0, "currency": "USD"}, ()),
        ({"fee": None, "currency": None}, ()),
        ({"fee": 0.01, "currency": "UST"}, (Fee("USDT", D("-0.01")),)),
    ],
)
def test_a_fee_may_be_nothing_and_a_positive_one_is_a_rebate(changes: dict[str, Any], fees: tuple[Fee, ...]) -> None:
    assert fill_report(decode(TradeFields, raw(trade_row(**changes))), SPOT).fees == fees


def test_the_maker_of_an_execution_is_one_of_two_numbers() -> None:
    with pytest.raises(UnknownMember):
        fill_report(decode(TradeFields, raw(trade_row(maker=2))), SPOT)


@pytest.mark.parametrize(
    ("row", "types"),
    [
        (order_row(), {AccountType.SPOT}),
        (order_row(type="LIMIT"), {AccountType.MARGIN}),
        (order_row(type="LIMIT", symbol="tBTCF0:USTF0"), {AccountType.FUTURES}),
        (order_row(symbol="tTESTBTC:TESTUSD"), set()),
    ],
)
def test_news_of_other_accounts_and_environments_are_not_ours(row: list[Any], types: set[AccountType]) -> None:
    all_types = (AccountType.SPOT, AccountType.MARGIN, AccountType.FUTURES)
    assert {type for type in all_types if news("on", row, type=type)} == types


def test_a_paper_account_hears_of_paper_symbols_alone() -> None:
    paper = scope(is_paper=True)
    assert paper.covers_order("tTESTBTC:TESTUSD", "EXCHANGE LIMIT")
    assert not paper.covers_order("tBTCUSD", "EXCHANGE LIMIT")
    assert paper.covers_wallet("exchange", "TESTUSD")
    assert not paper.covers_wallet("exchange", "USD")


@pytest.mark.parametrize("event", ["xx", "cs"])
def test_an_event_that_no_document_has_is_refused(event: str) -> None:
    with pytest.raises(UnknownMember):
        news(event, [])


def test_a_heartbeat_has_a_number() -> None:
    message = account_message(json.dumps([0, "hb", 8, NOW_MS]).encode())
    assert (message.number, list(account_news(message, SPOT, 0))) == (8, [])


@pytest.mark.parametrize("data", [b"[1,[],7,1]", b"[0]", b"[]", b"nonsense", b'[0,"on",[]]'])
def test_what_is_no_message_of_the_account_is_refused(data: bytes) -> None:
    with pytest.raises(UnreadablePayload):
        account_message(data)


# --- replies


def test_a_reply_says_how_the_order_stands() -> None:
    assert kinds(placed_reports(notified(order_row()), order(), SPOT)) == ["Accepted"]
    filled = placed_reports(notified(order_row(status="EXECUTED @ 59000.0(0.5)", left=0)), order(), SPOT)
    assert kinds(filled) == ["Accepted", "OrderStatus"]
    (refused,) = placed_reports(notified(order_row(status="POSTONLY CANCELED", flags=4096)), order(), SPOT)
    assert isinstance(refused, RejectedReport)
    assert refused.reason == RejectReason.POST_ONLY_WOULD_TAKE


@pytest.mark.parametrize(
    "rows", [[], [order_row(), order_row(id=7)], [order_row(cid=99)], [order_row(symbol="tBTCF0:USTF0")]]
)
def test_a_reply_about_something_else_settles_nothing(rows: list[list[Any]]) -> None:
    with pytest.raises(UnreadablePayload):
        placed_reports(notified(*rows), order(), SPOT)


def test_how_a_past_order_ended_is_reported() -> None:
    assert isinstance(end_report(facts(status="CANCELED", is_past=True)), CanceledReport)


# --- the account


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        (["exchange", "USD", 100.5, 0, 40.25, None, None], ("USD", "100.5", "60.25", "0")),
        (["exchange", "UST", 100.5, 0, None], ("USDT", "100.5", None, "0")),
        (["exchange", "USD", -3, 0, -3], ("USD", "0", "0", "3")),
        (["exchange", "USD", 1e-8, 0, 1e-8], ("USD", "1e-8", "0", "0")),
    ],
)
def test_a_wallet_is_a_balance(row: list[Any], expected: tuple[str, str, str | None, str]) -> None:
    found = balance_report(raw(row), SPOT, NOW_MS)
    assert found is not None
    asset, total, locked, owed = expected
    assert (found.asset, found.total, found.locked, found.borrowed, found.at_ms) == (
        asset, D(total), None if locked is None else D(locked), D(owed), NOW_MS,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("wallet", "currency", "owner"),
    [
        ("exchange", "USD", AccountType.SPOT),
        ("margin", "USD", AccountType.MARGIN),
        ("margin", "USTF0", AccountType.FUTURES),
        ("funding", "USD", None),
    ],
)
def test_a_wallet_belongs_to_one_account(wallet: str, currency: str, owner: AccountType | None) -> None:
    types = (AccountType.SPOT, AccountType.MARGIN, AccountType.FUTURES)
    line = raw([wallet, currency, 1, 0, 1])
    assert [type for type in types if balance_report(line, scope(type), 0)] == ([] if owner is None else [owner])


def test_an_unknown_wallet_is_refused() -> None:
    with pytest.raises(UnknownMember):
        balance_report(raw(["derivatives", "USD", 1, 0, 1]), SPOT, 0)


def position(symbol: str, amount: float, leverage: float | None, status: str = "ACTIVE") -> list[Any]:
    return [symbol, status, amount, 59000.5, 0, 0, 1.5, 0.1, 40000, leverage, None, 12, None, None]


def test_positions_of_pairs_and_of_derivatives_are_of_two_accounts() -> None:
    pair, derivative = raw(position("tBTCUSD", -0.5, 3.2)), raw(position("tBTCF0:USTF0", 0.5, 10))
    short, long = position_report(pair, MARGIN, NOW_MS), position_report(derivative, FUTURES, NOW_MS)
    assert short is not None
    assert long is not None
    assert (short.quantity, short.entry_price, short.leverage) == (D("-0.5"), D("59000.5"), None)
    assert (long.quantity, long.leverage) == (D("0.5"), 10)
    assert [position_report(pair, FUTURES, 0), position_report(derivative, MARGIN, 0)] == [None, None]
    assert position_report(pair, SPOT, 0) is None


def test_a_position_that_is_closed_is_nothing() -> None:
    found = position_report(raw(position("tBTCUSD", 0.5, None, "CLOSED")), MARGIN, 0)
    assert found is not None
    assert found.quantity == 0


def test_a_balance_contains_what_the_stream_has_named_and_what_is_older_than_a_second() -> None:
    message = account_message(json.dumps([0, "wu", ["exchange", "USD", 1, 0, 1], 1, 1, NOW_MS]).encode())
    for named_ms, expected in ((NOW_MS - 10, NOW_MS - 10), (0, NOW_MS - 1_000)):
        (found,) = account_news(message, SPOT, named_ms)
        assert found.at_ms == expected
