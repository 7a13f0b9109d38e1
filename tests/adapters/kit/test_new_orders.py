"""What is reported of a new order, whatever became of its request; and why one was not sent."""

import json
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from random import Random
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import pytest
from tests.adapters.binance import rest_world as binance
from tests.adapters.binance.binance_world import order
from tests.adapters.bitfinex import rest_world as bitfinex
from tests.adapters.okx import rest_world as okx
from tests.inhouse_kit import ManualClock

from cadenza.adapters.venues.binance.endpoints import BinanceMarket
from cadenza.adapters.venues.binance.requests import BinanceRequest, stamp
from cadenza.adapters.venues.bitfinex.endpoints import SUBMIT as BITFINEX_SUBMIT
from cadenza.adapters.venues.deribit.credential import DeribitSigner
from cadenza.adapters.venues.deribit.requests import RequestPool, RpcMessage, matching
from cadenza.adapters.venues.deribit.rest import DeribitRest
from cadenza.adapters.venues.deribit.spec import urls_at
from cadenza.adapters.venues.kit.new_orders import NewOrders
from cadenza.adapters.venues.kit.not_sent import CAUSE_LENGTH_MAX, not_sent_report, why_not_sent
from cadenza.adapters.venues.kit.order_calls import OrderCalls, Reports, SubmitCall
from cadenza.adapters.venues.kit.reply_outcome import ReplyOutcome, ReplyVerdict
from cadenza.adapters.venues.kit.request_instant import RequestInstant, TooLateToSend
from cadenza.adapters.venues.kit.venue_clock import VenueClock
from cadenza.adapters.venues.kit.words import UnreadablePayload
from cadenza.adapters.venues.okx.endpoints import SUBMIT as OKX_SUBMIT
from cadenza.adapters.venues.okx.requests import OkxRequest
from cadenza.domain.accounts.credential import CredentialType, Secrets
from cadenza.domain.errors import UnsupportedOrderType
from cadenza.domain.evolve import evolve
from cadenza.domain.ids import OrderId
from cadenza.domain.trading.enums import RejectReason
from cadenza.domain.trading.order import Order
from cadenza.domain.trading.reports import NotSentReport, RejectedReport, Report, UnknownOutcomeReport, WithdrawnReport
from cadenza.network.http import HttpRequest
from cadenza.network.outcomes import Answered, NotSent, NotSentCause, Outcome, OutcomeUnknown, UnknownCause

AHEAD_MS = 7_000
ANSWER = Answered(200, {}, b"an answer")
TAKEN = WithdrawnReport(account_id=order().account_id, at_ms=1, instrument_id=order().instrument_id)
"""Stands for what a venue's session reads of an order that was taken in."""


@dataclass
class Desk:
    clock: ManualClock
    venue_clock: VenueClock
    orders: NewOrders
    refused: list[ReplyOutcome]


@pytest.fixture
async def desk() -> Desk:
    clock = ManualClock()
    refused: list[ReplyOutcome] = []

    async def ask() -> int:
        return clock.now_ms() + AHEAD_MS

    venue_clock = VenueClock(clock, ask)
    assert await venue_clock.measure()
    orders = NewOrders(OrderCalls(_nobody, clock.now_ms), refused.append, clock, venue_clock)
    return Desk(clock, venue_clock, orders, refused)


async def _nobody(reports: Sequence[Report]) -> None:
    raise AssertionError("no reply is late")


async def asked(outcome: Outcome) -> Outcome:
    return outcome


def unread(order: Order, answered: Answered) -> Reports | ReplyOutcome:
    raise AssertionError("there is no answer to read")


# --- what is reported


async def test_what_the_venue_said_of_an_order_that_it_took_in_is_reported(desk: Desk) -> None:
    assert await desk.orders.settled(order(), asked(ANSWER), lambda *_: [TAKEN]) == [TAKEN]
    assert not desk.refused


async def test_a_refusal_is_dated_by_the_venue_and_what_proves_nothing_by_us(desk: Desk) -> None:
    proof = ReplyOutcome(verdict=ReplyVerdict.REFUSED, text="-1 no", reason=RejectReason.INVALID_ORDER)
    (rejected,) = await desk.orders.settled(order(), asked(ANSWER), lambda *_: proof)
    assert isinstance(rejected, RejectedReport)
    assert rejected.reason == "INVALID_ORDER: -1 no"
    assert rejected.at_ms == desk.venue_clock.earliest_ms() > desk.clock.now_ms()
    nothing = ReplyOutcome(verdict=ReplyVerdict.UNKNOWN, text="HTTP 502")
    (unknown,) = await desk.orders.settled(order(), asked(ANSWER), lambda *_: nothing)
    assert isinstance(unknown, UnknownOutcomeReport)
    assert (unknown.cause, unknown.at_ms) == ("HTTP 502", desk.clock.now_ms())
    assert desk.refused == [proof, nothing], "the key is looked at after each"


async def test_an_answer_that_cannot_be_read_and_no_answer_settle_nothing(desk: Desk) -> None:
    def read(order: Order, answered: Answered) -> Reports | ReplyOutcome:
        raise UnreadablePayload("no id")

    (unread_one,) = await desk.orders.settled(order(), asked(ANSWER), read)
    (unanswered,) = await desk.orders.settled(order(), asked(OutcomeUnknown(UnknownCause.DEADLINE)), unread)
    assert isinstance(unread_one, UnknownOutcomeReport)
    assert isinstance(unanswered, UnknownOutcomeReport)
    assert (unread_one.cause, unanswered.cause) == ("status 200: the answer cannot be read, no id", "deadline")


async def test_what_the_venue_has_not_is_rejected_and_never_asked(desk: Desk) -> None:
    async def cannot_be_written() -> Outcome:
        raise UnsupportedOrderType("it has no such orders")

    (invalid,) = await desk.orders.settled(order(), cannot_be_written(), unread)
    (foreign,) = desk.orders.not_tradable(order())
    assert isinstance(invalid, RejectedReport)
    assert isinstance(foreign, RejectedReport)
    assert invalid.reason == "INVALID_ORDER: it has no such orders"
    assert foreign.reason == "INSTRUMENT_NOT_TRADABLE"


async def test_a_barred_order_is_refused_and_nothing_is_sent(desk: Desk) -> None:
    """An order that was sent before gets the reply to that, because it may work."""
    sent: list[SubmitCall] = []

    async def work(call: SubmitCall) -> Reports:
        sent.append(call)
        return [TAKEN]

    first, second = order(), evolve(order(), id=OrderId(UUID(int=77)))
    assert await desk.orders.submit(first, work) == [TAKEN]
    desk.orders.barred_by = lambda: "the position mode is another one"
    assert await desk.orders.submit(first, work) == [TAKEN]
    (refused,) = await desk.orders.submit(second, work)
    assert isinstance(refused, RejectedReport)
    assert refused.reason == "OTHER: the position mode is another one"
    assert len(sent) == 1


def test_an_order_leaves_by_its_deadline_though_our_wall_clock_was_set_back() -> None:
    clock = ManualClock()
    orders = NewOrders(OrderCalls(_nobody, clock.now_ms), lambda _: None, clock, VenueClock(clock, _no_time))
    mine = order(updated_at_ms=clock.now_ms() + 500, send_before_ms=clock.now_ms() + 2_000)
    assert orders.leave_by_ms(mine) == clock.monotonic_ms() + 1_500
    assert orders.leave_by_ms(order(send_before_ms=None)) == clock.monotonic_ms() + 15_000


async def _no_time() -> None:
    return None


def test_an_order_may_have_left_from_when_its_request_was_made() -> None:
    call = SubmitCall(order=order(), until_ms=0)

    def too_late(instant: int) -> str:
        raise TooLateToSend

    with pytest.raises(TooLateToSend):
        call.leaving(too_late)(1)
    assert not call.has_left
    assert call.leaving(str)(1) == "1"
    assert call.has_left


# --- why an order was not sent


@pytest.mark.parametrize("cause", list(NotSentCause))
async def test_an_order_that_was_not_sent_says_why(desk: Desk, cause: NotSentCause) -> None:
    mine = order()
    (report,) = await desk.orders.settled(mine, asked(NotSent(cause)), unread)
    assert isinstance(report, NotSentReport)
    assert (report.recorded_at_ms, report.at_ms) == (mine.created_at_ms, desk.clock.now_ms())
    assert len(report.cause.split()) >= 4, "a sentence, also where nothing more is known"


def test_the_words_of_our_own_are_told_and_those_of_libraries_are_not() -> None:
    ours = NotSent(NotSentCause.NOT_CONNECTED, "the venue's time is not known")
    assert why_not_sent(ours) == "the venue's time is not known"
    for cause in (NotSentCause.PROXY, NotSentCause.CONNECT, NotSentCause.DNS, NotSentCause.TLS):
        assert "secret.example" not in why_not_sent(NotSent(cause, "cannot connect to secret.example:8080"))


async def test_an_order_after_its_deadline_says_so(desk: Desk) -> None:
    late = order(send_before_ms=desk.clock.now_ms() - 1)

    async def work(call: SubmitCall) -> Reports:
        raise AssertionError("it is too late")

    (report,) = await desk.orders.submit(late, work)
    assert isinstance(report, NotSentReport)
    assert report.cause == "its deadline passed before it could leave"


async def test_an_order_of_a_session_that_has_ended_says_so() -> None:
    calls = OrderCalls(_nobody, ManualClock().now_ms)
    calls.close()

    async def work(call: SubmitCall) -> Reports:
        raise AssertionError("the session has ended")

    (report,) = await calls.submit(order(), work)
    assert isinstance(report, NotSentReport)
    assert report.cause == "the session ended before it could leave"


def test_a_cause_is_one_short_line() -> None:
    report = not_sent_report(order(), "no nonce:\n" + "x" * 1_000, 5)
    assert report.cause.startswith("no nonce: xxx")
    assert len(report.cause) == CAUSE_LENGTH_MAX


# --- the pace of each venue, whose client is asked as a session asks it

Ask = Callable[..., Awaitable[Outcome]]


async def binance_client(status: int = 429) -> tuple[Ask, ManualClock]:
    rest, host, clock = await binance.world()
    host.answers["/api/v3/order"] = lambda: binance.answered(
        status, {"code": -1003, "msg": "no"}, {"retry-after": "60"}
    )
    make = lambda time: BinanceRequest("POST", "/api/v3/order", {**stamp(time)})  # noqa: E731
    return partial(rest.signed, BinanceMarket.SPOT, binance.SIGNER, make, weight=1, is_order=True), clock


async def okx_client() -> tuple[Ask, ManualClock]:
    rest, host, clock = await okx.world()
    host.answers[OKX_SUBMIT.path] = lambda: okx.answered(429, b"slow down")
    make = lambda _: OkxRequest(method="POST", path=OKX_SUBMIT.path, body={})  # noqa: E731
    return partial(rest.signed, okx.SIGNER, OKX_SUBMIT, make, instrument="BTC-USDT"), clock


async def bitfinex_client() -> tuple[Ask, ManualClock]:
    rest, host, clock = await bitfinex.world()
    host.answers[BITFINEX_SUBMIT.path] = lambda: bitfinex.answered(200, b'{"error":"ERR_RATE_LIMIT"}')
    return partial(rest.signed, bitfinex.ScriptedKey(), BITFINEX_SUBMIT, lambda _: {"cid": 7}), clock


class DeribitHost:
    """Tells the time, and refuses all else for the pace."""

    def __init__(self, clock: ManualClock) -> None:
        self._clock = clock

    async def call(self, request: HttpRequest) -> Outcome:
        if urlsplit(request.url).path.endswith("/get_time"):
            return Answered(200, {}, json.dumps({"jsonrpc": "2.0", "result": self._clock.now_ms()}).encode())
        return Answered(429, {}, b"")


async def deribit_client() -> tuple[Ask, ManualClock]:
    clock = ManualClock()
    base = urls_at("http://127.0.0.1:9")
    rest = DeribitRest(urls=base, http=DeribitHost(clock), clock=clock, randomness=Random(1))
    assert await rest.clock.measure()
    signer = DeribitSigner(CredentialType.HMAC, Secrets("a-key", "a-secret", None))

    def make(_: RequestInstant) -> RpcMessage:
        return matching("private/buy", {})

    return partial(rest.signed, signer, make, pool=RequestPool.MATCHING), clock


CLIENTS: dict[str, tuple[Any, str, int]] = {
    "BINANCE": (binance_client, "weight", 60_000),
    "OKX": (okx_client, "POST /api/v5/trade/order", 2_000),
    "DERIBIT": (deribit_client, "MATCHING", 4_000),
    "BITFINEX": (bitfinex_client, "/v2/auth/w/order/submit", 60_000),
}


@pytest.mark.parametrize("venue", CLIENTS)
async def test_while_a_venue_wants_a_pause_an_order_names_the_limit_and_until_when(desk: Desk, venue: str) -> None:
    client, limit, pause_ms = CLIENTS[venue]
    ask, clock = await client()
    assert isinstance(await ask(), Answered)
    outcome = await ask(leave_by_ms=clock.monotonic_ms() + 1_000)
    (report,) = await desk.orders.settled(order(), asked(outcome), unread)
    assert isinstance(report, NotSentReport)
    assert f"until {_utc(clock.now_ms() + pause_ms)} UTC" in report.cause
    assert f"its limit '{limit}' is reached" in report.cause
    clock.advance(pause_ms)
    assert isinstance(await ask(leave_by_ms=clock.monotonic_ms() + 1_000), Answered), "the pause is over"


async def test_while_an_address_is_banned_an_order_says_so() -> None:
    ask, clock = await binance_client(418)
    assert isinstance(await ask(), Answered)
    outcome = await ask(leave_by_ms=clock.monotonic_ms() + 1_000)
    assert isinstance(outcome, NotSent)
    until = _utc(clock.now_ms() + 60_000)
    assert outcome.detail.startswith(f"BINANCE banned this address (HTTP 418) until {until} UTC")


async def test_an_order_that_waits_too_long_for_the_pace_says_so() -> None:
    rest, _, clock = await binance.world(orders_per_10_s=1)
    make = lambda time: BinanceRequest("POST", "/api/v3/order", {**stamp(time)})  # noqa: E731
    ask = partial(rest.signed, BinanceMarket.SPOT, binance.SIGNER, make, weight=1, is_order=True)
    assert isinstance(await ask(), Answered)
    outcome = await ask(leave_by_ms=clock.monotonic_ms() + 5_000)
    assert outcome == NotSent(NotSentCause.DEADLINE, "the venue's limits leave no room in time")


def _utc(ms: int) -> str:
    return f"{datetime.fromtimestamp(ms // 1_000, UTC):%Y-%m-%d %H:%M:%S}"
