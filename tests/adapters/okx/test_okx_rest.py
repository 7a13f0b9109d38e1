"""The raw REST client: what it sends, at what pace, on whose time."""

import asyncio
from urllib.parse import urlsplit

import pytest
from tests.adapters.okx.okx_world import reply
from tests.adapters.okx.rest_world import AHEAD_MS, OTHER_SIGNER, SIGNER, TIME, Host, answered, world
from tests.inhouse_kit import ManualClock, until

from cadenza.adapters.venues.kit.request_instant import RequestInstant, TooLateToSend
from cadenza.adapters.venues.okx.credential import OkxSigner, timestamp_of
from cadenza.adapters.venues.okx.endpoints import BALANCE, CANCEL, SUBMIT, counted_as
from cadenza.adapters.venues.okx.requests import OkxRequest
from cadenza.adapters.venues.okx.rest import OkxRest
from cadenza.adapters.venues.okx.spec import urls_at
from cadenza.domain.accounts.credential import CredentialType, Secrets
from cadenza.domain.errors import CredentialRejected, VenueUnavailable
from cadenza.network.outcomes import Answered, NotSent, NotSentCause, Outcome

ORDER = "/api/v5/trade/order"
BODY = {"instId": "BTC-USDT", "banAmend": True}


def placed(time: RequestInstant) -> OkxRequest:
    return OkxRequest(method="POST", path=ORDER, body=BODY, expires_ms=time.venue_ms + 5_000)


def canceled(time: RequestInstant) -> OkxRequest:
    return OkxRequest(method="POST", path="/api/v5/trade/cancel-order", body={"instId": "BTC-USDT"})


async def test_a_signed_request_states_the_venues_time_and_its_expiry() -> None:
    rest, host, clock = await world()
    outcome = await rest.signed(SIGNER, SUBMIT, placed, instrument="BTC-USDT")
    assert isinstance(outcome, Answered)
    (sent,) = host.of(ORDER)
    venue_ms = clock.now_ms() + AHEAD_MS
    assert sent.headers["OK-ACCESS-TIMESTAMP"] == timestamp_of(venue_ms)
    assert sent.headers["expTime"] == str(venue_ms + 5_000)
    assert sent.body == b'{"instId":"BTC-USDT","banAmend":true}'
    expected = SIGNER.headers("POST", ORDER, sent.body.decode(), venue_ms)
    assert {name: sent.headers[name] for name in expected} == expected
    assert sent.headers["Content-Type"] == "application/json"
    assert "x-simulated-trading" not in sent.headers


async def test_demo_trading_is_a_header_of_every_request() -> None:
    rest, host, _ = await world(is_demo=True)
    await rest.signed(SIGNER, SUBMIT, placed)
    assert {request.headers["x-simulated-trading"] for request in host.asked} == {"1"}


async def test_a_query_is_signed_as_it_is_sent() -> None:
    rest, host, clock = await world()
    await rest.rows(SIGNER, BALANCE, {"ccy": "BTC,ETH"})
    (sent,) = host.of(BALANCE.path)
    assert urlsplit(sent.url).query == "ccy=BTC%2CETH"
    signature = SIGNER.headers("GET", f"{BALANCE.path}?ccy=BTC%2CETH", "", clock.now_ms() + AHEAD_MS)
    assert sent.headers["OK-ACCESS-SIGN"] == signature["OK-ACCESS-SIGN"]
    assert sent.body == b""


async def test_an_old_timestamp_replaces_the_present_time() -> None:
    rest, host, _ = await world()
    await rest.signed(SIGNER, SUBMIT, lambda _: OkxRequest(method="POST", path=ORDER, body=BODY, timestamp_ms=7_000))
    (sent,) = host.of(ORDER)
    assert sent.headers["OK-ACCESS-TIMESTAMP"] == "1970-01-01T00:00:07.000Z"
    assert "expTime" not in sent.headers


async def test_a_key_of_a_region_goes_to_its_hosts() -> None:
    clock = ManualClock()
    host = Host(clock)
    urls = {**urls_at("http://127.0.0.1:9"), "eea_rest": "http://127.0.0.1:8"}
    rest = OkxRest(urls=urls, http=host, clock=clock, is_demo=False)
    assert await rest.clock.measure()
    secrets = Secrets("a-key", "a-secret", None, {"passphrase": "p", "region": "EEA"})
    await rest.rows(OkxSigner(CredentialType.HMAC, secrets), BALANCE, {})
    await rest.rows(SIGNER, BALANCE, {})
    assert [urlsplit(request.url).port for request in host.of(BALANCE.path)] == [8, 9]


async def test_nothing_is_signed_while_the_venues_time_is_not_known() -> None:
    clock = ManualClock()
    host = Host(clock)
    rest = OkxRest(urls=urls_at("http://127.0.0.1:9"), http=host, clock=clock, is_demo=False)
    assert isinstance(await rest.signed(SIGNER, SUBMIT, placed), NotSent)
    assert host.asked == []


async def test_nothing_leaves_after_a_deadline_and_no_room_is_taken() -> None:
    rest, _, clock = await world()

    def too_late(time: RequestInstant) -> OkxRequest:
        raise TooLateToSend

    for _ in range(SUBMIT.per_2_s + 1):
        outcome = await rest.signed(SIGNER, SUBMIT, too_late, instrument="BTC-USDT")
        assert isinstance(outcome, NotSent)
        assert outcome.cause is NotSentCause.DEADLINE
        clock.advance(2)
    assert isinstance(await rest.signed(SIGNER, SUBMIT, placed, instrument="BTC-USDT"), Answered)


Sent = tuple[int, list[asyncio.Task[Outcome]]]


async def sent_at_once(rest: OkxRest, host: Host, signer: OkxSigner, instrument: str, count: int) -> Sent:
    """Ask for so many orders, and return how many leave within 200 ms."""
    before = len(host.of(ORDER))
    tasks = [asyncio.create_task(rest.signed(signer, SUBMIT, placed, instrument=instrument)) for _ in range(count)]
    for _ in range(100):
        await asyncio.sleep(0)
        host.clock.advance(2)
    return len(host.of(ORDER)) - before, tasks


async def test_orders_are_paced_by_user_and_instrument() -> None:
    rest, host, clock = await world()
    rest.note_user(SIGNER, "1")
    rest.note_user(OTHER_SIGNER, "1")
    first, waiting = await sent_at_once(rest, host, SIGNER, "BTC-USDT", 61)
    assert first == 60
    second, more = await sent_at_once(rest, host, OTHER_SIGNER, "BTC-USDT", 1)
    assert second == 0, "another key of the same user counts with it"
    other, _ = await sent_at_once(rest, host, SIGNER, "ETH-USDT", 1)
    assert other == 1
    clock.advance(2_100)
    await asyncio.gather(*waiting, *more)
    assert len(host.of(ORDER)) == 63


async def test_another_user_has_a_limit_of_its_own() -> None:
    rest, host, _ = await world()
    rest.note_user(SIGNER, "1")
    rest.note_user(OTHER_SIGNER, "2")
    await sent_at_once(rest, host, SIGNER, "BTC-USDT", 60)
    sent, _ = await sent_at_once(rest, host, OTHER_SIGNER, "BTC-USDT", 1)
    assert sent == 1


async def test_cancels_have_room_while_orders_wait() -> None:
    rest, host, clock = await world()
    _, waiting = await sent_at_once(rest, host, SIGNER, "BTC-USDT", 80)
    outcome = await rest.signed(SIGNER, CANCEL, canceled, instrument="BTC-USDT", is_urgent=True)
    assert isinstance(outcome, Answered)
    assert len(host.of(ORDER)) == 60
    clock.advance(2_100)
    await asyncio.gather(*waiting)


@pytest.mark.parametrize("answer", [(429, b"slow down"), (200, reply(code="50011", msg="Too Many Requests"))])
async def test_a_refusal_for_the_pace_stops_that_limit_for_its_window(answer: tuple[int, bytes]) -> None:
    rest, host, clock = await world()
    host.answers[ORDER] = lambda: answered(*answer)
    await rest.signed(SIGNER, SUBMIT, placed, instrument="BTC-USDT")
    host.answers.clear()
    sent, waiting = await sent_at_once(rest, host, SIGNER, "BTC-USDT", 1)
    assert sent == 0
    other, _ = await sent_at_once(rest, host, SIGNER, "ETH-USDT", 1)
    assert other == 1
    clock.advance(2_100)
    await asyncio.gather(*waiting)
    assert len(host.of(ORDER)) == 3


async def test_a_refused_timestamp_has_the_clock_measured_again() -> None:
    rest, host, _ = await world()
    running = asyncio.create_task(rest.clock.run())
    measured = len(host.of(TIME))
    host.answers[BALANCE.path] = lambda: answered(401, reply(code="50102", msg="Timestamp request expired"))
    with pytest.raises(VenueUnavailable, match="50102"):
        await rest.rows(SIGNER, BALANCE, {})
    await until(lambda: len(host.of(TIME)) > measured, "another measuring")
    running.cancel()


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (reply(code="50111", msg="Invalid OK-ACCESS-KEY"), CredentialRejected),
        (reply(code="50001", msg="Service temporarily unavailable"), VenueUnavailable),
        (b"<html>", VenueUnavailable),
        (b'{"code":"0"', VenueUnavailable),
    ],
)
async def test_a_reading_that_fails_says_whose_fault_it_is(body: bytes, error: type[Exception]) -> None:
    rest, host, _ = await world()
    host.answers[BALANCE.path] = lambda: answered(200, body)
    with pytest.raises(error):
        await rest.rows(SIGNER, BALANCE, {})


async def test_a_closed_client_sends_nothing() -> None:
    rest, host, _ = await world()
    rest.close()
    outcome = await rest.signed(SIGNER, SUBMIT, placed)
    assert isinstance(outcome, NotSent)
    assert host.of(ORDER) == []


def test_options_are_counted_by_family() -> None:
    assert counted_as("BTC-USD-220514-22000-C") == "BTC-USD"
    assert counted_as("BTC-USD-220527") == "BTC-USD-220527"
    assert counted_as("BTC-USDT-SWAP") == "BTC-USDT-SWAP"
