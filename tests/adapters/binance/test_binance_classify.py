"""What each refusal proves: every row of the tables, and everything that is in none of them."""

from decimal import Decimal as D

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.adapters.binance.binance_world import NOW_MS, SENT_ID, order

from cadenza.adapters.venues.binance.classify import (
    SUBMIT_CODES,
    SUBMIT_TEXTS,
    classify_cancel,
    classify_query,
    classify_submit,
    error_body,
)
from cadenza.adapters.venues.binance.endpoints import BinanceMarket
from cadenza.adapters.venues.binance.models import (
    BinanceRefusal,
    BinanceSocketReply,
)
from cadenza.adapters.venues.kit.payloads import decode
from cadenza.adapters.venues.kit.reply_outcome import ReplyOutcome, ReplyVerdict, cancel_report, submit_report
from cadenza.domain.trading.enums import CancelReason, RejectReason
from cadenza.domain.trading.reports import (
    CanceledReport,
    CancelRefusal,
    CancelRefusedReport,
    RejectedReport,
    UnknownOutcomeReport,
)

SPOT, MARGIN, USDM = BinanceMarket.SPOT, BinanceMarket.MARGIN, BinanceMarket.USDM
R, V = RejectReason, ReplyVerdict

INVALID_EVERYWHERE = [-1013, -1014, -1020, *range(-1106, -1099), -1108, -1109, -1110, -1111]
INVALID_EVERYWHERE += [-1114, -1115, -1116, -1117, -1118, -1119, -1128, -1130, -1134, -1135, -1136]
INVALID_ON_USDM = [-2022, -2024, -2025, -2026, *range(-4007, -4000), -4013, -4014, -4015, -4016, -4020, -4023, -4024]
INVALID_ON_USDM += [-4031, -4045, -4055, -4060, -4061, -4062, -4120, -4131, -4135, -4137, -4138, -4139, -4164]
INVALID_ON_USDM += [-4183, -4184, -4210, -4211, -5037, -5038, -5039, -5040, -5041]
REASONS = [
    *((market, code, R.INVALID_ORDER) for market in BinanceMarket for code in INVALID_EVERYWHERE),
    *((USDM, code, R.INVALID_ORDER) for code in INVALID_ON_USDM),
    *((market, -1121, R.INSTRUMENT_NOT_TRADABLE) for market in BinanceMarket),
    *((market, code, R.OTHER) for market in BinanceMarket for code in (-1021, -1112)),
    *((MARGIN, code, R.INSUFFICIENT_MARGIN) for code in (-3006, -3045)),
    *((USDM, code, R.INSUFFICIENT_BALANCE) for code in (-2018, -4050, -4051)),
    *((USDM, code, R.INSUFFICIENT_MARGIN) for code in (-2019, -2027, -2028, -4118)),
    *((USDM, code, R.STOP_WOULD_TRIGGER) for code in (-2021, -4142)),
    *((USDM, code, R.INSTRUMENT_NOT_TRADABLE) for code in (-4140, -4141)),
    *((USDM, code, R.OTHER) for code in (-2020, -2023, -4087, -4088, -4109, -4192, -4400, -4401, -4402, -5028)),
    (USDM, -5022, R.POST_ONLY_WOULD_TAKE),
]
RATE_LIMITED = (-1003, -1008, -1015)
KEY_REJECTED = (-1002, -1022, -2014, -2015, -2017)
PROVES_NOTHING = (-1000, -1001, -1006, -1007, -1016)
ELSEWHERE = {
    SPOT: (-2011, -2013, -2018, -2019, -2021, -2022, -2026, -2038, -2039, -3006, -4116, -5021, -5022, -9999, 0, 200),
    MARGIN: (-2011, -2013, -2021, -2022, -9999),
    USDM: (-2011, -2013, -2038, -2039, -3006, -4116, -9999),
}
"""Codes that no new order of that market meets, or that prove nothing of it."""


def test_every_row_of_the_tables_has_a_test() -> None:
    for market in BinanceMarket:
        tested = {code for m, code, _ in REASONS if m is market} | {*RATE_LIMITED, *KEY_REJECTED, *PROVES_NOTHING}
        assert set(SUBMIT_CODES[market]) == tested | ({-4116, -5021} if market is USDM else set())
    assert set(SUBMIT_TEXTS) <= {text.rstrip(".").lower() for text, _ in TEXTS}


def submit(market: BinanceMarket, code: int, text: str = "said the venue", status: int = 400) -> ReplyOutcome:
    return classify_submit(market, status, BinanceRefusal(code=code, msg=text))


@pytest.mark.parametrize(("market", "code", "reason"), REASONS)
def test_a_code_that_proves_a_refusal(market: BinanceMarket, code: int, reason: RejectReason) -> None:
    outcome = submit(market, code)
    assert (outcome.verdict, outcome.reason) == (V.REFUSED, reason)
    report = submit_report(outcome, order(), NOW_MS)
    assert isinstance(report, RejectedReport)
    says_all = reason in (R.POST_ONLY_WOULD_TAKE, R.STOP_WOULD_TRIGGER)
    assert report.reason == (reason.value if says_all else f"{reason.value}: {code} said the venue")


@pytest.mark.parametrize("market", BinanceMarket)
@pytest.mark.parametrize("code", [*RATE_LIMITED, *KEY_REJECTED])
def test_limits_and_keys_prove_that_nothing_was_processed(market: BinanceMarket, code: int) -> None:
    verdict = V.RATE_LIMITED if code in RATE_LIMITED else V.KEY_REJECTED
    error = BinanceRefusal(code=code, msg="no")
    assert submit(market, code).verdict is verdict
    assert classify_cancel(400, error).verdict is verdict
    assert classify_query(market, 400, error).verdict is verdict
    report = submit_report(submit(market, code), order(), NOW_MS)
    assert isinstance(report, RejectedReport)
    words = "RATE_LIMITED" if code in RATE_LIMITED else "OTHER: the key is not accepted, or may not trade here"
    assert report.reason == f"{words}: {code} said the venue"
    assert cancel_report(classify_cancel(400, error), order(), NOW_MS) is None


@pytest.mark.parametrize(
    ("market", "code"), [(market, code) for market, codes in ELSEWHERE.items() for code in (*codes, *PROVES_NOTHING)]
)
def test_any_other_code_leaves_the_outcome_of_an_order_unknown(market: BinanceMarket, code: int) -> None:
    outcome = submit(market, code)
    assert outcome.verdict is V.UNKNOWN
    report = submit_report(outcome, order(), NOW_MS)
    assert isinstance(report, UnknownOutcomeReport)
    assert report.cause == f"status 400, {code} said the venue"


@given(st.sampled_from(BinanceMarket), st.integers(-100_000, 100_000), st.text(max_size=40), st.integers(100, 699))
def test_only_a_known_code_in_a_refusal_of_the_client_ends_an_order(
    market: BinanceMarket, code: int, text: str, status: int
) -> None:
    outcome = submit(market, code, text, status)
    if outcome.verdict is not V.UNKNOWN:
        assert status in range(400, 500)
        known = {c for m, c, _ in REASONS if m is market} | {c for _, c, _ in REASONS}
        assert status in (418, 429) or code in known | {*RATE_LIMITED, *KEY_REJECTED, -1010, -2010, -5021}


TEXTS = [
    ("Account has insufficient balance for requested action.", R.INSUFFICIENT_BALANCE),
    ("Order would immediately match and take.", R.POST_ONLY_WOULD_TAKE),
    ("Order would trigger immediately.", R.STOP_WOULD_TRIGGER),
    ("Market is closed.", R.INSTRUMENT_NOT_TRADABLE),
    ("This symbol is not permitted for this account.", R.INSTRUMENT_NOT_TRADABLE),
    ("This symbol is restricted for this account.", R.INSTRUMENT_NOT_TRADABLE),
    ("This action is disabled on this account.", R.OTHER),
    ("This account may not place or cancel orders.", R.OTHER),
    ("Filter failure: MAX_NUM_ORDERS", R.INVALID_ORDER),
    ("Filter failure: NOTIONAL", R.INVALID_ORDER),
    ("Unsupported order combination", R.INVALID_ORDER),
    ("Price * QTY is zero or less.", R.INVALID_ORDER),
    ("IcebergQty exceeds QTY.", R.INVALID_ORDER),
    ("The relationship of the prices for the orders is not correct.", R.INVALID_ORDER),
    ("Market orders are not supported for this symbol.", R.INVALID_ORDER),
    ("Stop loss limit orders are not supported for this symbol.", R.INVALID_ORDER),
    ("Quote order qty market orders are not support for this symbol.", R.INVALID_ORDER),
    ("Rest API trading is not enabled.", R.OTHER),
    ("Order book liquidity is less than `LOT_SIZE` filter minimum quantity.", R.OTHER),
    ("A sentence that nobody has seen yet.", R.OTHER),
    ("", R.OTHER),
]


@pytest.mark.parametrize(("text", "reason"), TEXTS)
@pytest.mark.parametrize("code", [-1010, -2010])
def test_the_matching_engine_says_why_in_its_text(code: int, text: str, reason: RejectReason) -> None:
    outcome = submit(SPOT, code, text)
    assert (outcome.verdict, outcome.reason) == (V.REFUSED, reason)


@pytest.mark.parametrize("text", ["Duplicate order sent.", "duplicate clientOrderId"])
def test_a_refusal_as_duplicate_proves_nothing(text: str) -> None:
    assert submit(SPOT, -2010, text).verdict is V.UNKNOWN
    assert submit(USDM, -4116, "ClientOrderId is duplicated.").verdict is V.UNKNOWN


def test_a_fill_or_kill_that_was_killed() -> None:
    report = submit_report(submit(USDM, -5021), order(), NOW_MS)
    assert isinstance(report, CanceledReport)
    assert (report.reason, report.executed_quantity) == (CancelReason.FOK_NOT_FILLABLE, D(0))
    assert (report.order_id, report.sent_id, report.at_ms) == (order().id, SENT_ID, NOW_MS)


@pytest.mark.parametrize("status", [500, 502, 503, 504, 599])
@pytest.mark.parametrize("body", [b"", b"<html>Bad gateway</html>", b'{"code":-2010,"msg":"Market is closed."}'])
def test_a_5xx_proves_nothing_whatever_its_body_says(status: int, body: bytes) -> None:
    for outcome in (
        classify_submit(SPOT, status, error_body(body)),
        classify_cancel(status, error_body(body)),
        classify_query(SPOT, status, error_body(body)),
    ):
        assert outcome.verdict is V.UNKNOWN


@pytest.mark.parametrize(
    "body", [b"", b"<html>", b"[]", b'"no"', b'{"msg":"x"}', b'{"code":"-2010"}', b"\xff", b'{"code":1.5}']
)
def test_a_body_that_is_no_refusal_proves_nothing(body: bytes) -> None:
    assert error_body(body) is None
    for status in (200, 204, 302, 400, 401, 404, 409):
        assert classify_submit(SPOT, status, error_body(body)).verdict is V.UNKNOWN
        assert classify_cancel(status, error_body(body)).verdict is V.UNKNOWN


@pytest.mark.parametrize("status", [418, 429])
@pytest.mark.parametrize("body", [b"<html>", b'{"code":-1003,"msg":"Way too much request weight used"}'])
def test_the_gateway_stops_too_many_requests_before_they_are_processed(status: int, body: bytes) -> None:
    assert classify_submit(SPOT, status, error_body(body)).verdict is V.RATE_LIMITED
    assert classify_cancel(status, error_body(body)).verdict is V.RATE_LIMITED
    assert classify_query(USDM, status, error_body(body)).verdict is V.RATE_LIMITED


def test_the_firewall_stops_a_request_before_it_is_processed() -> None:
    outcome = classify_submit(SPOT, 403, error_body(b"<html>blocked</html>"))
    assert (outcome.verdict, outcome.reason) == (V.REFUSED, R.OTHER)
    assert cancel_report(classify_cancel(403, None), order(), NOW_MS) is None


@pytest.mark.parametrize(
    ("code", "text", "refusal"),
    [
        (-2011, "Unknown order sent.", CancelRefusal.UNKNOWN_ORDER),
        (-2011, "Cancel order is invalid. Check origClOrdId and orderId.", CancelRefusal.UNKNOWN_ORDER),
        (-2011, "Order was not canceled due to cancel restrictions.", CancelRefusal.WORKS_ON),
        (-2011, "Market is closed.", CancelRefusal.WORKS_ON),
        (-2011, "This action is disabled on this account.", CancelRefusal.WORKS_ON),
        (-2011, "This account may not place or cancel orders.", CancelRefusal.WORKS_ON),
        (-2013, "Order does not exist.", CancelRefusal.UNKNOWN_ORDER),
        (-4117, "stop order is triggering", CancelRefusal.TOO_LATE),
    ],
)
def test_a_cancel_that_the_venue_refuses(code: int, text: str, refusal: CancelRefusal) -> None:
    outcome = classify_cancel(400, BinanceRefusal(code=code, msg=text))
    report = cancel_report(outcome, order(venue_order_id="5"), NOW_MS)
    assert isinstance(report, CancelRefusedReport)
    assert (report.refusal, report.reason, report.venue_order_id) == (refusal, f"{code} {text}", "5")


@pytest.mark.parametrize("code", [-2011, -2010, -1021, -1102, -9999, *PROVES_NOTHING])
def test_a_cancel_without_a_clear_answer_is_not_refused(code: int) -> None:
    outcome = classify_cancel(400, BinanceRefusal(code=code, msg="A sentence that nobody has seen yet."))
    assert outcome.verdict is V.UNKNOWN
    assert cancel_report(outcome, order(), NOW_MS) is None


def test_an_order_that_the_venue_does_not_know_and_one_that_it_archived() -> None:
    archived = BinanceRefusal(code=-2026, msg="Order was canceled or expired with no executed qty over 90 days ago")
    for market in BinanceMarket:
        unknown = classify_query(market, 400, BinanceRefusal(code=-2013, msg="Order does not exist."))
        assert unknown.verdict is V.NOT_FOUND
        assert classify_query(market, 400, BinanceRefusal(code=-1021, msg="late")).verdict is V.UNKNOWN
    assert classify_query(SPOT, 400, archived).verdict is V.ENDED_UNFILLED
    assert classify_query(USDM, 400, archived).verdict is V.UNKNOWN


def test_a_refusal_over_the_websocket_api_proves_the_same() -> None:
    frame = (
        b'{"id":"7","status":400,"error":{"code":-2010,"msg":"Account has insufficient balance for requested action."},'
        b'"rateLimits":[]}'
    )
    reply = decode(BinanceSocketReply, frame)
    assert (reply.id, reply.result) == ("7", msgspec.Raw())
    outcome = classify_submit(SPOT, reply.status, reply.error)
    assert (outcome.verdict, outcome.reason) == (V.REFUSED, R.INSUFFICIENT_BALANCE)
    done = decode(BinanceSocketReply, b'{"id":8,"status":200,"result":{"orderId":5}}')
    assert (done.error, bytes(done.result)) == (None, b'{"orderId":5}')
