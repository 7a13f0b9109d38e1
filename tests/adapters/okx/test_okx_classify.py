"""What each refusal proves. Whatever a table does not list is an unknown outcome, never a rejection."""

import json
from typing import Any

import pytest
from tests.adapters.okx.okx_world import reply

from cadenza.adapters.venues.kit.reply_outcome import ReplyVerdict
from cadenza.adapters.venues.okx.classify import (
    SUBMIT_CODES,
    answer_of,
    classify_cancel,
    classify_query,
    classify_submit,
    order_answer_of,
    refused_key,
)
from cadenza.domain.trading.enums import RejectReason
from cadenza.domain.trading.reports import CancelRefusal


def failed(code: str, text: str = "a text", **fields: Any) -> bytes:
    """A request about one order that has failed, as the venue answers it."""
    row = {"ordId": "", "clOrdId": "x", "tag": "", "ts": "1790000000000", "sCode": code, "sMsg": text, **fields}
    return reply(row, code="1", msg="All operations failed")


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("51008", RejectReason.INSUFFICIENT_BALANCE),
        ("51008_1000", RejectReason.INSUFFICIENT_BALANCE),
        ("51131", RejectReason.INSUFFICIENT_BALANCE),
        ("51006", RejectReason.INVALID_ORDER),
        ("51020", RejectReason.INVALID_ORDER),
        ("51121", RejectReason.INVALID_ORDER),
        ("51001", RejectReason.INSTRUMENT_NOT_TRADABLE),
        ("51022", RejectReason.INSTRUMENT_NOT_TRADABLE),
        ("51278", RejectReason.STOP_WOULD_TRIGGER),
        ("51280", RejectReason.STOP_WOULD_TRIGGER),
        ("50036", RejectReason.OTHER),
        ("50037", RejectReason.OTHER),
    ],
)
def test_the_code_of_the_row_counts(code: str, reason: RejectReason) -> None:
    outcome = classify_submit(200, order_answer_of(failed(code)))
    assert (outcome.verdict, outcome.reason) == (ReplyVerdict.REFUSED, reason)
    assert outcome.text == f"{code.partition('_')[0]} a text"


def test_a_lack_of_funds_is_a_lack_of_margin_where_positions_are_traded() -> None:
    outcome = classify_submit(200, order_answer_of(failed("51008")), is_margined=True)
    assert outcome.reason is RejectReason.INSUFFICIENT_MARGIN


@pytest.mark.parametrize("code", ["50001", "50004", "50013", "50026", "51054", "51149", "99999"])
def test_timeouts_and_unknown_codes_prove_nothing(code: str) -> None:
    for body in (failed(code), reply(code=code, msg="busy")):
        assert classify_submit(200, order_answer_of(body)).verdict is ReplyVerdict.UNKNOWN
        assert classify_submit(400, order_answer_of(body)).verdict is ReplyVerdict.UNKNOWN


@pytest.mark.parametrize("code", sorted(SUBMIT_CODES))
def test_no_code_proves_anything_in_a_5xx(code: str) -> None:
    assert classify_submit(500, order_answer_of(failed(code))).verdict is ReplyVerdict.UNKNOWN


@pytest.mark.parametrize("code", ["51016", "50071", "50042"])
def test_a_duplicate_proves_nothing_and_says_so(code: str) -> None:
    outcome = classify_submit(200, order_answer_of(failed(code)))
    assert (outcome.verdict, outcome.is_duplicate) == (ReplyVerdict.UNKNOWN, True)


@pytest.mark.parametrize("body", [b"<html>", b"", b"[]", b'{"code": 0}', reply(code="0"), reply({}, {}, code="1")])
def test_what_is_no_answer_about_the_order_proves_nothing(body: bytes) -> None:
    answer = order_answer_of(body)
    assert answer is None or not answer.is_success
    assert classify_submit(200, answer).verdict is ReplyVerdict.UNKNOWN


def test_a_refusal_for_the_pace_proves_that_nothing_was_processed() -> None:
    for status, body in (
        (429, b"slow down"),
        (429, reply(code="50011")),
        (200, failed("50011")),
        (200, failed("50061")),
    ):
        outcome = classify_submit(status, order_answer_of(body))
        assert (outcome.verdict, outcome.reason) == (ReplyVerdict.RATE_LIMITED, RejectReason.RATE_LIMITED)
    assert classify_query(429, None).verdict is ReplyVerdict.RATE_LIMITED


@pytest.mark.parametrize("code", ["50101", "50105", "50110", "50111", "50113", "50119", "50120"])
def test_a_key_that_is_not_accepted(code: str) -> None:
    body = reply(code=code, msg="Invalid OK-ACCESS-KEY")
    assert classify_submit(401, order_answer_of(body)).verdict is ReplyVerdict.KEY_REJECTED
    assert refused_key(401, answer_of(body)) == f"{code} Invalid OK-ACCESS-KEY"
    assert classify_cancel(401, order_answer_of(body)).verdict is ReplyVerdict.KEY_REJECTED


@pytest.mark.parametrize(
    ("code", "refusal"),
    [
        ("51400", CancelRefusal.UNKNOWN_ORDER),
        ("51603", CancelRefusal.UNKNOWN_ORDER),
        ("51401", CancelRefusal.TOO_LATE),
        ("51402", CancelRefusal.TOO_LATE),
    ],
)
def test_a_cancel_that_was_refused(code: str, refusal: CancelRefusal) -> None:
    outcome = classify_cancel(200, order_answer_of(failed(code)))
    assert (outcome.verdict, outcome.refusal) == (ReplyVerdict.CANCEL_REFUSED, refusal)


@pytest.mark.parametrize("code", ["51412", "50004", "51410", "50102"])
def test_a_cancel_that_proves_nothing(code: str) -> None:
    assert classify_cancel(200, order_answer_of(failed(code))).refusal is None
    assert classify_cancel(500, order_answer_of(failed("51400"))).refusal is None


def test_an_order_that_the_venue_does_not_know() -> None:
    body = reply(code="51603", msg="Order does not exist")
    assert classify_query(200, answer_of(body)).verdict is ReplyVerdict.NOT_FOUND
    assert classify_query(500, answer_of(body)).verdict is ReplyVerdict.UNKNOWN
    assert refused_key(200, answer_of(body)) is None


def test_a_success_has_the_row_of_the_order() -> None:
    body = json.dumps({"code": "0", "msg": "", "data": [{"ordId": "312", "clOrdId": "x", "sCode": "0", "sMsg": ""}]})
    answer = order_answer_of(body.encode())
    assert answer is not None
    assert answer.is_success
    assert answer.row is not None
    assert answer.row.order_id == "312"
