"""The raw REST client: what it sends, at what pace, on whose time."""

import asyncio
from collections.abc import Callable
from functools import partial
from urllib.parse import urlsplit

import pytest
from tests.adapters.binance.rest_world import AHEAD_MS, SIGNER, Host, answered, world
from tests.inhouse_kit import ManualClock, until

from cadenza.adapters.venues.binance.endpoints import SPOT, BinanceEndpoint, BinanceMarket
from cadenza.adapters.venues.binance.requests import BinanceRequest, stamp
from cadenza.adapters.venues.binance.rest import BinanceRest
from cadenza.adapters.venues.binance.spec import PaceLimits, urls_at
from cadenza.adapters.venues.kit.request_instant import RequestInstant
from cadenza.domain.errors import CredentialRejected, VenueUnavailable
from cadenza.network.outcomes import Answered, NotSent, NotSentCause, Outcome, OutcomeUnknown, UnknownCause


def placed(time: RequestInstant) -> BinanceRequest:
    return BinanceRequest("POST", "/api/v3/order", {"symbol": "BTCUSDT", **stamp(time)})


def canceled(time: RequestInstant) -> BinanceRequest:
    return BinanceRequest("DELETE", "/api/v3/order", {"symbol": "BTCUSDT", **stamp(time)})


def late(send_before_ms: int) -> Callable[[RequestInstant], BinanceRequest]:
    return lambda time: BinanceRequest("POST", "/api/v3/order", {**stamp(time, send_before_ms)})


async def test_a_signed_request_states_the_venues_time_and_shows_the_key() -> None:
    rest, host, clock = await world()
    outcome = await rest.signed(BinanceMarket.SPOT, SIGNER, placed, weight=1, is_order=True)
    assert isinstance(outcome, Answered)
    (sent,) = host.of("/api/v3/order")
    assert abs(int(sent["timestamp"]) - clock.now_ms() - AHEAD_MS) <= 1
    assert sent["signature"]
    assert host.asked[-1].headers == {"X-MBX-APIKEY": "k" * 64}


async def test_nothing_is_signed_while_the_venues_time_is_not_known() -> None:
    clock = ManualClock()
    host = Host(clock)
    rest = BinanceRest(urls=urls_at("http://127.0.0.1:9"), http=host, clock=clock)
    outcome = await rest.signed(BinanceMarket.SPOT, SIGNER, placed, weight=1, is_order=True)
    assert isinstance(outcome, NotSent)
    assert host.asked == []


async def test_a_market_that_the_environment_lacks_is_not_asked() -> None:
    clock = ManualClock()
    host = Host(clock)
    rest = BinanceRest(urls={}, http=host, clock=clock)
    with pytest.raises(VenueUnavailable):
        await rest.read(BinanceMarket.MARGIN, BinanceEndpoint("/sapi/v1/margin/account", 1), {})
    assert not rest.has(BinanceMarket.MARGIN)
    assert host.asked == []


async def test_an_order_after_its_deadline_is_not_sent_and_takes_no_room() -> None:
    rest, host, clock = await world(orders_per_10_s=1)
    outcome = await rest.signed(BinanceMarket.SPOT, SIGNER, late(clock.now_ms() - 1), weight=1, is_order=True)
    assert outcome == NotSent(NotSentCause.DEADLINE)
    assert isinstance(await rest.signed(BinanceMarket.SPOT, SIGNER, placed, weight=1, is_order=True), Answered)
    assert len(host.of("/api/v3/order")) == 1


async def test_an_order_that_cannot_leave_in_time_is_not_sent() -> None:
    rest, host, clock = await world(orders_per_10_s=1)
    await rest.signed(BinanceMarket.SPOT, SIGNER, placed, weight=1, is_order=True)
    by_ms = clock.monotonic_ms() + 5_000
    outcome = await rest.signed(BinanceMarket.SPOT, SIGNER, placed, weight=1, is_order=True, leave_by_ms=by_ms)
    assert isinstance(outcome, NotSent)
    assert len(host.of("/api/v3/order")) == 1


async def test_an_order_or_cancel_that_succeeds_weighs_nothing_and_one_that_fails_weighs() -> None:
    rest, host, clock = await world(weight_per_minute=20, reserved_weight=1)
    signed = partial(rest.signed, BinanceMarket.SPOT, SIGNER, weight=1, success_weight=SPOT.success_weight)
    for _ in range(40):
        clock.advance(2)
        assert isinstance(await signed(placed, is_order=True), Answered)
    host.answers["/api/v3/order"] = lambda: answered(400, {"code": -2010, "msg": "no"})
    outcomes = [await signed(canceled, leave_by_ms=0) for _ in range(30)]
    assert any(isinstance(outcome, NotSent) for outcome in outcomes)


async def test_a_cancel_overtakes_what_waits_for_weight() -> None:
    rest, host, clock = await world(weight_per_minute=30, reserved_weight=10)
    slow = BinanceEndpoint("/api/v3/account", 15)
    by_ms = clock.monotonic_ms() + 600_000
    waiting = [asyncio.create_task(rest.public(BinanceMarket.SPOT, slow, {}, leave_by_ms=by_ms)) for _ in range(3)]
    await asyncio.sleep(0)
    assert isinstance(await rest.signed(BinanceMarket.SPOT, SIGNER, canceled, weight=1, is_urgent=True), Answered)
    assert [urlsplit(request.url).path for request in host.asked[-2:]] == ["/api/v3/account", "/api/v3/order"]
    assert not all(task.done() for task in waiting)

    def all_left() -> bool:
        clock.advance(1_000)
        return all(task.done() for task in waiting)

    await until(all_left, "the requests that waited")


async def test_readings_leave_room_for_orders_and_for_the_venues_time() -> None:
    """Fifty accounts that are read at a start use up what is theirs, and no more."""
    rest, _, clock = await world(weight_per_minute=40, reserved_weight=3, order_weight=20)
    account = BinanceEndpoint("/api/v3/account", 5)
    by_ms = clock.monotonic_ms() + 5_000

    async def read() -> Outcome:
        return await rest.signed(BinanceMarket.SPOT, SIGNER, placed, weight=account.weight, leave_by_ms=by_ms)

    assert [type(await read()) for _ in range(4)] == [Answered, Answered, Answered, NotSent]
    order = partial(rest.signed, BinanceMarket.SPOT, SIGNER, placed, weight=5, is_order=True, leave_by_ms=by_ms)
    waiting = asyncio.create_task(rest.public(BinanceMarket.SPOT, account, {}, leave_by_ms=by_ms + 600_000))
    await asyncio.sleep(0)
    assert [type(await order()) for _ in range(4)] == [Answered] * 3 + [NotSent]
    assert not waiting.done()
    assert await rest.clock_of(BinanceMarket.SPOT).measure(samples=1)
    waiting.cancel()


async def test_a_reading_waits_for_its_turn_and_readings_are_spread_over_the_minute() -> None:
    """A third of what they may weigh goes in 20 s. So none waits for almost a minute, and fails, because all of it was
    used at once; and none gives up after a few seconds, and has to be made again."""
    rest, host, clock = await world(weight_per_minute=100, reserved_weight=1, order_weight=10, reading_parts=3)
    account = BinanceEndpoint("/api/v3/account", 10)

    async def read() -> bytes:
        return await rest.read_signed(BinanceMarket.SPOT, SIGNER, account, {})

    waiting = [asyncio.create_task(read()) for _ in range(8)]
    for left in (3, 6, 8):
        for _ in range(20):
            await asyncio.sleep(0)
        assert len(host.of("/api/v3/account")) == left
        clock.advance(20_400)
    assert await asyncio.gather(*waiting) == [b"{}"] * 8


@pytest.mark.parametrize(("status", "usual_ms"), [(429, 60_000), (418, 120_000)])
async def test_too_many_requests_stop_everything_for_as_long_as_the_venue_says(status: int, usual_ms: int) -> None:
    for headers, held_ms in (({"retry-after": "7"}, 7_000), ({}, usual_ms)):
        rest, host, clock = await world()
        refusal = answered(status, {"code": -1003, "msg": "Too many requests."}, headers)
        host.answers["/api/v3/account"] = partial(same, refusal)
        with pytest.raises(VenueUnavailable):
            await rest.read_signed(BinanceMarket.SPOT, SIGNER, SPOT.account, {})
        by_ms = clock.monotonic_ms() + held_ms - 1
        outcome = await rest.signed(BinanceMarket.SPOT, SIGNER, canceled, weight=1, is_urgent=True, leave_by_ms=by_ms)
        assert isinstance(outcome, NotSent)
        assert host.of("/api/v3/order") == []
        clock.advance(held_ms + 1)
        assert isinstance(await rest.signed(BinanceMarket.SPOT, SIGNER, canceled, weight=1, is_urgent=True), Answered)


async def test_too_many_orders_stop_new_orders_and_no_cancels() -> None:
    rest, host, clock = await world()
    host.answers["/api/v3/order"] = lambda: answered(429, {"code": -1015, "msg": "Too many new orders."})
    await rest.signed(BinanceMarket.SPOT, SIGNER, placed, weight=1, is_order=True)
    by_ms = clock.monotonic_ms() + 9_000
    outcome = await rest.signed(BinanceMarket.SPOT, SIGNER, placed, weight=1, is_order=True, leave_by_ms=by_ms)
    assert isinstance(outcome, NotSent)
    assert isinstance(await rest.signed(BinanceMarket.SPOT, SIGNER, canceled, weight=1), Answered)


async def test_what_the_venue_counts_replaces_a_lower_count_of_ours() -> None:
    rest, host, clock = await world()
    host.answers["/api/v3/account"] = lambda: answered(200, {}, {"x-mbx-used-weight-1m": "985"})
    await rest.read_signed(BinanceMarket.SPOT, SIGNER, SPOT.account, {})
    by_ms = clock.monotonic_ms() + 1_000
    assert isinstance(await rest.public(BinanceMarket.SPOT, SPOT.account, {}, leave_by_ms=by_ms), NotSent)


async def test_a_refused_timestamp_has_the_clock_measured_again() -> None:
    rest, host, _ = await world()
    measuring = asyncio.create_task(rest.clock_of(BinanceMarket.SPOT).run())
    asked = len(host.of("/api/v3/time"))
    host.answers["/api/v3/order"] = lambda: answered(400, {"code": -1021, "msg": "Timestamp"})
    await rest.signed(BinanceMarket.SPOT, SIGNER, placed, weight=1, is_order=True)
    await until(lambda: len(host.of("/api/v3/time")) > asked, "the measuring")
    measuring.cancel()


async def test_a_refused_key_and_a_venue_that_is_away_are_told_apart() -> None:
    rest, host, _ = await world()
    host.answers["/api/v3/account"] = lambda: answered(401, {"code": -2015, "msg": "Invalid API-key"})
    with pytest.raises(CredentialRejected):
        await rest.read_signed(BinanceMarket.SPOT, SIGNER, SPOT.account, {})
    for outcome in (answered(502, {}), OutcomeUnknown(UnknownCause.DISCONNECTED), NotSent(NotSentCause.DNS)):
        host.answers["/api/v3/account"] = partial(same, outcome)
        with pytest.raises(VenueUnavailable):
            await rest.read_signed(BinanceMarket.SPOT, SIGNER, SPOT.account, {})


@pytest.mark.parametrize(
    ("outcome", "words"),
    [
        (NotSent(NotSentCause.DNS, "no such host"), "the venue could not be asked: dns, no such host"),
        (NotSent(NotSentCause.CONNECT, "refused"), "the venue could not be asked: connect, refused"),
        (NotSent(NotSentCause.TLS, "expired"), "the venue could not be asked: tls, expired"),
        (OutcomeUnknown(UnknownCause.DEADLINE), "the venue did not answer: deadline"),
        (Answered(503, {}, b"<html>"), "the venue answered 503: status 503"),
        (
            Answered(418, {"retry-after": "300"}, b""),
            "BINANCE banned this address (HTTP 418) until 2025-10-09 08:58:20 UTC",
        ),
    ],
)
async def test_an_outage_has_a_cause_until_it_is_over(outcome: Outcome, words: str) -> None:
    rest, host, clock = await world()
    assert rest.trouble(BinanceMarket.SPOT) is None
    host.answers["/api/v3/time"] = lambda: outcome
    assert not await rest.clock_of(BinanceMarket.SPOT).measure()
    shown = rest.trouble(BinanceMarket.SPOT)
    assert shown == words
    del host.answers["/api/v3/time"]
    clock.advance(300_001)
    assert await rest.clock_of(BinanceMarket.SPOT).measure()
    assert rest.trouble(BinanceMarket.SPOT) is None


def same(outcome: Outcome) -> Outcome:
    return outcome


async def test_a_ban_stops_all_markets_of_the_host_and_a_pause_the_market_that_was_asked_for_it() -> None:
    """A pause is asked for because of one meter, and spot and margin have two; a ban is that of the address."""
    for status, stopped in ((429, {BinanceMarket.SPOT}), (418, {BinanceMarket.SPOT, BinanceMarket.MARGIN})):
        rest, host, clock = await world()
        host.answers["/api/v3/account"] = partial(same, answered(status, {"code": -1003, "msg": "no"}))
        with pytest.raises(VenueUnavailable):
            await rest.read_signed(BinanceMarket.SPOT, SIGNER, SPOT.account, {})
        refused = set()
        for market in (BinanceMarket.SPOT, BinanceMarket.MARGIN):
            outcome = await rest.public(market, SPOT.time, {}, leave_by_ms=clock.monotonic_ms())
            refused |= {market} if isinstance(outcome, NotSent) else set()
        assert refused == stopped


async def test_limits_that_are_read_later_hold_for_requests_that_wait() -> None:
    """A market that was left out at the start is asked for its time; its list, and so its limits, come later."""
    rest, host, clock = await world(weight_per_minute=20, reserved_weight=1)
    by_ms = clock.monotonic_ms() + 600_000
    waiting = [
        asyncio.create_task(rest.public(BinanceMarket.SPOT, SPOT.order, {}, leave_by_ms=by_ms)) for _ in range(9)
    ]
    await until(lambda: len(host.of("/api/v3/order")) == 4, "those that have room")
    rest.use_limits(BinanceMarket.SPOT, PaceLimits(weight_per_minute=6_000, orders_per_10_s=100))
    await until(lambda: all(task.done() for task in waiting), "the others")
    assert all(isinstance(task.result(), Answered) for task in waiting)
