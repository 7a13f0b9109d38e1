"""What refusals prove, by the venue's codes and texts."""

import json
from typing import Any

import pytest
from tests.adapters.bitfinex.account_world import notified, order_row

from cadenza.adapters.venues.bitfinex.classify import classify_cancel, classify_submit, order_answer
from cadenza.adapters.venues.kit.reply_outcome import ReplyVerdict
from cadenza.domain.trading.enums import RejectReason
from cadenza.domain.trading.reports import CancelRefusal


def error(code: Any, text: Any) -> bytes:
    return json.dumps(["error", code, text]).encode()


REFUSED = [
    (10001, "Invalid order: not enough exchange balance for 2.0 BTCUSD at 60000", RejectReason.INSUFFICIENT_BALANCE),
    (10001, "Invalid order: not enough tradable balance for 2.0 BTCUSD at 60000", RejectReason.INSUFFICIENT_MARGIN),
    (10001, "Invalid order: minimum size for BTC/USD is 0.00004", RejectReason.INVALID_ORDER),
    (10001, "Invalid order: something that nobody has seen", RejectReason.INVALID_ORDER),
    (10020, "symbol: invalid", RejectReason.INSTRUMENT_NOT_TRADABLE),
    (10020, "price: invalid", RejectReason.INVALID_ORDER),
    (11000, "ready: invalid", RejectReason.OTHER),
]


@pytest.mark.parametrize("status", [200, 500])
@pytest.mark.parametrize(("code", "text", "reason"), REFUSED)
def test_a_readable_error_is_a_refusal_whatever_the_status(
    status: int, code: int, text: str, reason: RejectReason
) -> None:
    outcome = classify_submit(status, order_answer(status, error(code, text)))
    assert (outcome.verdict, outcome.reason, outcome.text) == (ReplyVerdict.REFUSED, reason, f"{code} {text}")


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (500, b""),
        (502, b"<html>a proxy</html>"),
        (500, b'{"message":"Internal server error"}'),
        (500, error(10001, "Internal error")),
        (500, error(10000, "Unknown error")),
        (500, error(10008, "concurrency")),
        (500, error("10001", "Invalid order: x")),
        (200, b"[]"),
        (200, notified(order_row(), status="PENDING")),
        (503, notified(order_row())),
    ],
)
def test_anything_else_proves_nothing(status: int, body: bytes) -> None:
    answer = order_answer(status, body)
    assert not answer.is_success
    assert classify_submit(status, answer).verdict is ReplyVerdict.UNKNOWN


@pytest.mark.parametrize(
    ("status", "body", "verdict"),
    [
        (429, b'{"error":"ERR_RATE_LIMIT"}', ReplyVerdict.RATE_LIMITED),
        (429, b"", ReplyVerdict.RATE_LIMITED),
        (500, error(11010, "ratelimit: error"), ReplyVerdict.RATE_LIMITED),
        (500, error(10100, "apikey: invalid"), ReplyVerdict.KEY_REJECTED),
        (500, error(10001, "api_key: permission invalid"), ReplyVerdict.KEY_REJECTED),
    ],
)
def test_the_pace_and_the_key_prove_that_nothing_was_processed(status: int, body: bytes, verdict: ReplyVerdict) -> None:
    answer = order_answer(status, body)
    assert classify_submit(status, answer).verdict is verdict
    assert classify_cancel(status, answer).verdict is verdict


def test_a_notification_that_is_no_success_refuses_by_its_text() -> None:
    body = notified(order_row(), status="ERROR", text="Invalid order: not enough exchange balance for 1.0 BTCUSD")
    assert classify_submit(200, order_answer(200, body)).reason is RejectReason.INSUFFICIENT_BALANCE
    other = notified(order_row(), status="ERROR", text="something else")
    assert classify_submit(200, order_answer(200, other)).verdict is ReplyVerdict.UNKNOWN


def test_a_cancel_of_an_order_that_is_not_found_is_refused() -> None:
    outcome = classify_cancel(500, order_answer(500, error(10001, "Order not found.")))
    assert outcome.refusal is CancelRefusal.UNKNOWN_ORDER
    assert classify_cancel(500, order_answer(500, error(10001, "else"))).verdict is ReplyVerdict.UNKNOWN
