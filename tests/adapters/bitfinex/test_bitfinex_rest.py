"""The raw REST client: what it signs, at what pace, and in which order nonces leave."""

import asyncio

import pytest
from tests.adapters.bitfinex.rest_world import AHEAD_MS, STATUS_PATH, Host, ScriptedKey, answered, world
from tests.inhouse_kit import ManualClock, until

from cadenza.adapters.venues.bitfinex.answers import RestRefusal, is_result, refusal_of
from cadenza.adapters.venues.bitfinex.endpoints import (
    CANCEL,
    CONFIGURATION,
    OPEN_ORDERS,
    ORDER_TRADES,
    SUBMIT,
    WALLETS,
)
from cadenza.adapters.venues.bitfinex.pace import CONNECTIONS_FOR_URGENT, CONNECTIONS_MAX
from cadenza.adapters.venues.bitfinex.rest import LINE_MS_MAX, READ_MS_MAX, READING_TURN_MS_MAX, BitfinexRest, Body
from cadenza.adapters.venues.bitfinex.spec import urls_at
from cadenza.adapters.venues.kit.request_instant import RequestInstant, TooLateToSend
from cadenza.domain.errors import CredentialRejected, DatabaseUnavailable, VenueUnavailable
from cadenza.network.http import HttpRequest
from cadenza.network.outcomes import Answered, NotSent, NotSentCause, Outcome, OutcomeUnknown, UnknownCause
from cadenza.ports.venue import ANSWER_MS_MAX
from cadenza.ports.venue.memory import MemoryTakenOver

BODY = {"type": "EXCHANGE LIMIT", "symbol": "tBTCUSD", "amount": "0.1", "cid": 7}


def placed(_: RequestInstant) -> Body:
    return BODY


async def turns(clock: ManualClock, count: int = 100) -> None:
    """Let tasks run, while 2 ms pass each time."""
    for _ in range(count):
        await asyncio.sleep(0)
        clock.advance(2)


async def test_a_request_is_signed_as_it_is_sent() -> None:
    rest, host, _ = await world()
    assert isinstance(await rest.signed(ScriptedKey(), SUBMIT, placed), Answered)
    (sent,) = host.of(SUBMIT.path)
    assert (sent.method, sent.url) == ("POST", "http://127.0.0.1:9/v2/auth/w/order/submit")
    assert sent.headers["bfx-signature"] == f"/api/v2/auth/w/order/submit|1|{sent.body.decode()}"
    assert sent.headers["Content-Type"] == "application/json"
    assert host.bodies(SUBMIT.path) == [BODY]


async def test_places_of_a_path_are_filled_in_and_signed() -> None:
    rest, host, _ = await world()
    await rest.asked(ScriptedKey(), ORDER_TRADES, {}, places={"symbol": "tBTCF0:USTF0", "id": "33"})
    (sent,) = host.of("/v2/auth/r/order/tBTCF0:USTF0:33/trades")
    assert sent.headers["bfx-signature"] == "/api/v2/auth/r/order/tBTCF0:USTF0:33/trades|1|{}"


async def test_the_public_host_is_asked_without_a_signature() -> None:
    rest, host, _ = await world()
    await rest.read(CONFIGURATION, {"keys": "pub:list:pair:exchange,pub:info:pair"}, {"limit": "3"})
    (sent,) = host.of("/v2/conf/pub:list:pair:exchange,pub:info:pair")
    assert (sent.method, dict(sent.headers)) == ("GET", {})
    assert host.queries("/v2/conf/pub:list:pair:exchange,pub:info:pair") == [{"limit": "3"}]


async def test_the_venues_time_is_known_to_a_second_by_the_date_of_its_answers() -> None:
    rest, _, clock = await world()
    found = rest.clock.usable()
    assert found is not None
    assert abs(found.venue_ms - clock.now_ms() - AHEAD_MS) <= found.error_ms <= 600


async def test_maintenance_is_a_trouble_and_no_time_is_one_too() -> None:
    rest, host, _ = await world()
    host.answers[STATUS_PATH] = lambda: answered(200, b"[0]", host.date())
    assert await rest.clock.measure(1)
    assert rest.trouble == "BITFINEX is in maintenance"
    for answer in (answered(200, b"[1]"), answered(200, b"[1]", {"date": "yesterday"}), answered(502, b"<html>")):
        host.answers[STATUS_PATH] = lambda answer=answer: answer  # type: ignore[misc]
        assert not await rest.clock.measure(1)
        assert rest.trouble


class SlowHost(Host):
    """Answers no signed request before the test says so."""

    def __init__(self, clock: ManualClock) -> None:
        super().__init__(clock)
        self.under_way: list[tuple[HttpRequest, asyncio.Future[Outcome]]] = []

    async def call(self, request: HttpRequest) -> Outcome:
        if request.method == "GET":
            return await super().call(request)
        self.asked.append(request)
        future: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        self.under_way.append((request, future))
        return await future

    def answer(self, at: int) -> None:
        self.under_way[at][1].set_result(answered(200, b"[]"))


async def slow_world() -> tuple[BitfinexRest, SlowHost, ManualClock]:
    rest, _, clock = await world()
    slow = SlowHost(clock)
    rest._http = slow
    return rest, slow, clock


async def test_of_one_key_one_request_is_under_way_at_a_time() -> None:
    rest, host, clock = await slow_world()
    key = ScriptedKey()
    tasks = [asyncio.create_task(rest.signed(key, SUBMIT, placed)) for _ in range(50)]
    for answered_count in range(50):
        await until(lambda count=answered_count: len(host.under_way) == count + 1, "the next request")
        await turns(clock, 5)
        assert len(host.under_way) == answered_count + 1
        host.answer(answered_count)
        await turns(clock, 5)
    await asyncio.gather(*tasks)
    nonces = [int(request.headers["bfx-nonce"]) for request, _ in host.under_way]
    assert nonces == list(range(1, 51))


async def test_another_key_does_not_wait_for_it() -> None:
    rest, host, clock = await slow_world()
    tasks = [asyncio.create_task(rest.signed(ScriptedKey(name), SUBMIT, placed)) for name in ("a", "b")]
    await turns(clock, 10)
    assert len(host.under_way) == 2
    for at in range(2):
        host.answer(at)
    await asyncio.gather(*tasks)


async def test_a_request_without_an_answer_holds_up_the_next_one_for_a_second() -> None:
    rest, host, clock = await slow_world()
    key = ScriptedKey()
    tasks = [asyncio.create_task(rest.signed(key, SUBMIT, placed)) for _ in range(2)]
    await turns(clock, LINE_MS_MAX // 2 - 20)
    assert len(host.under_way) == 1
    await turns(clock, 30)
    assert len(host.under_way) == 2
    for at in (1, 0):
        host.answer(at)
    await asyncio.gather(*tasks)


async def test_cancels_overtake_orders_in_the_line_of_a_key() -> None:
    rest, host, clock = await slow_world()
    key = ScriptedKey()
    orders = [asyncio.create_task(rest.signed(key, SUBMIT, placed)) for _ in range(3)]
    await turns(clock, 10)
    cancel = asyncio.create_task(rest.signed(key, CANCEL, lambda _: {"id": 1}, is_urgent=True))
    await turns(clock, 10)
    for at in range(4):
        host.answer(at)
        await turns(clock, 10)
    await asyncio.gather(cancel, *orders)
    paths = [request.url.rpartition("/")[2] for request, _ in host.under_way]
    assert paths == ["submit", "cancel", "submit", "submit"]
    assert [request.headers["bfx-nonce"] for request, _ in host.under_way] == ["1", "2", "3", "4"]


async def test_a_login_waits_in_the_line_and_holds_it() -> None:
    rest, host, clock = await slow_world()
    key = ScriptedKey()
    turn = await rest.line(key)
    assert not isinstance(turn, NotSent)
    with turn:
        task = asyncio.create_task(rest.signed(key, SUBMIT, placed))
        await turns(clock, 10)
        assert host.under_way == []
    await turns(clock, 10)
    host.answer(0)
    await task


async def test_a_caller_that_is_cancelled_in_the_line_takes_nobodys_place() -> None:
    rest, host, clock = await slow_world()
    key = ScriptedKey()
    tasks = [asyncio.create_task(rest.signed(key, SUBMIT, placed)) for _ in range(3)]
    await turns(clock, 10)
    tasks[1].cancel()
    await asyncio.gather(tasks[1], return_exceptions=True)
    host.answer(0)
    await turns(clock, 10)
    host.answer(1)
    await asyncio.gather(tasks[0], tasks[2])
    assert key.last == 2


async def test_what_waits_too_long_behind_its_own_key_is_told_so() -> None:
    rest, host, clock = await slow_world()
    key = ScriptedKey()
    first = asyncio.create_task(rest.signed(key, SUBMIT, placed))
    await turns(clock, 10)
    late = asyncio.create_task(rest.signed(key, SUBMIT, placed, leave_by_ms=clock.monotonic_ms() + 100))
    await turns(clock, 100)
    said = "other requests of the API key went before, and took too long"
    assert await late == NotSent(NotSentCause.DEADLINE, said)
    host.answer(0)
    await first


async def test_what_waits_too_long_for_a_place_is_told_so() -> None:
    rest, host, clock = await slow_world()
    places = CONNECTIONS_MAX - CONNECTIONS_FOR_URGENT
    first = [asyncio.create_task(rest.signed(ScriptedKey(str(at)), SUBMIT, placed)) for at in range(places)]
    await turns(clock, 100)
    assert len(host.under_way) == places
    late = asyncio.create_task(rest.signed(ScriptedKey(), SUBMIT, placed, leave_by_ms=clock.monotonic_ms() + 100))
    await turns(clock, 100)
    said = "other requests to the venue went before, and took too long"
    assert await late == NotSent(NotSentCause.DEADLINE, said)
    for at in range(places):
        host.answer(at)
    await asyncio.gather(*first)


async def test_without_a_nonce_nothing_leaves_and_no_place_is_lost() -> None:
    rest, host, clock = await world()
    key = ScriptedKey()
    said = {
        DatabaseUnavailable("nonces of 7f; try again with the same key"): "the database of the platform did not answer",
        MemoryTakenOver("nonces of 7f"): "another process of the platform has begun to use the API key",
        VenueUnavailable("9 is above the largest nonce"): "the clock of the platform is wrong",
    }
    for trouble, words in said.items():
        key.trouble = trouble
        outcome = await rest.signed(key, SUBMIT, placed)
        assert outcome == NotSent(NotSentCause.NOT_CONNECTED, words)
        clock.advance(2)
    assert host.of(SUBMIT.path) == []
    key.trouble = None
    assert isinstance(await rest.signed(key, SUBMIT, placed), Answered)


async def test_nothing_leaves_after_a_deadline_and_no_room_is_taken() -> None:
    rest, host, clock = await world()

    def too_late(_: RequestInstant) -> Body:
        raise TooLateToSend

    for _ in range(SUBMIT.requests_max + 1):
        outcome = await rest.signed(ScriptedKey(), SUBMIT, too_late)
        assert isinstance(outcome, NotSent)
        assert outcome.cause is NotSentCause.DEADLINE
        clock.advance(2)
    assert isinstance(await rest.signed(ScriptedKey(), SUBMIT, placed), Answered)
    assert len(host.of(SUBMIT.path)) == 1


async def test_nothing_is_sent_while_the_venues_time_is_not_known() -> None:
    clock = ManualClock()
    host = Host(clock)
    rest = BitfinexRest(urls=urls_at("http://127.0.0.1:9"), http=host, clock=clock)
    assert isinstance(await rest.signed(ScriptedKey(), SUBMIT, placed), NotSent)
    assert host.asked == []


async def test_orders_of_all_keys_of_a_user_count_together_and_questions_have_room() -> None:
    rest, host, clock = await world()
    keys = [ScriptedKey("a"), ScriptedKey("b")]
    for key in keys:
        rest.note_user(key, "1")
    for number in range(SUBMIT.requests_max):
        assert isinstance(await rest.signed(keys[number % 2], SUBMIT, placed), Answered)
        clock.advance(2)
    late = await rest.signed(keys[0], SUBMIT, placed, leave_by_ms=clock.monotonic_ms() + 1_000)
    assert isinstance(late, NotSent)
    assert await rest.asked(keys[0], OPEN_ORDERS, {}, is_urgent=True) == b"[1]"
    clock.advance(2)
    assert isinstance(await rest.signed(keys[0], CANCEL, placed, is_urgent=True), Answered)
    assert len(host.of(SUBMIT.path)) == SUBMIT.requests_max


async def test_questions_about_orders_have_room_when_readings_have_used_theirs() -> None:
    rest, _, clock = await world()
    key = ScriptedKey()
    for _ in range(OPEN_ORDERS.requests_max - OPEN_ORDERS.for_urgent):
        await rest.asked(key, OPEN_ORDERS, {})
        clock.advance(2)
    with pytest.raises(VenueUnavailable, match="no room"):
        await rest.asked(key, OPEN_ORDERS, {})
    assert await rest.asked(key, OPEN_ORDERS, {}, is_urgent=True) == b"[1]"


async def test_a_reading_waits_for_its_turn_as_long_as_anybody_waits_for_its_answer() -> None:
    """One that gave up sooner would have its session opened again, and all that it had read be read in vain."""
    rest, host, clock = await world()
    for number in range(WALLETS.requests_max):
        await rest.asked(ScriptedKey(str(number)), WALLETS, {})
        clock.advance(2)
    clock.advance(20_000)
    reading = asyncio.create_task(rest.asked(ScriptedKey("late"), WALLETS, {}))
    await turns(clock, 10)
    assert len(host.of(WALLETS.path)) == WALLETS.requests_max
    clock.advance(40_000)
    await turns(clock)
    assert await reading == b"[1]"
    assert READING_TURN_MS_MAX + READ_MS_MAX < ANSWER_MS_MAX


LIMITED = [(429, b"slow down"), (500, b'["error",11010,"ratelimit: error"]'), (200, b'{"error":"ERR_RATE_LIMIT"}')]


@pytest.mark.parametrize("answer", LIMITED)
async def test_a_refusal_for_the_pace_stops_that_request_for_a_minute(answer: tuple[int, bytes]) -> None:
    rest, host, clock = await world()
    key = ScriptedKey()
    host.answers[SUBMIT.path] = lambda: answered(*answer)
    await rest.signed(key, SUBMIT, placed)
    host.answers.clear()
    waiting = asyncio.create_task(rest.signed(key, SUBMIT, placed, leave_by_ms=clock.monotonic_ms() + 70_000))
    await turns(clock)
    assert len(host.of(SUBMIT.path)) == 1
    assert isinstance(await rest.signed(key, CANCEL, placed, is_urgent=True), Answered)
    clock.advance(60_000)
    await turns(clock, 20)
    await waiting
    assert len(host.of(SUBMIT.path)) == 2


@pytest.mark.parametrize(
    ("status", "body", "error"),
    [
        (500, b'["error",10100,"apikey: invalid"]', CredentialRejected),
        (500, b'["error",10100,"apikey: digest invalid"]', CredentialRejected),
        (500, b'["error",10001,"api_key: permission invalid"]', CredentialRejected),
        (500, b'["error",10020,"symbol: invalid"]', VenueUnavailable),
        (200, b'["error",11000,"ready: invalid"]', VenueUnavailable),
        (500, b"<html>", VenueUnavailable),
        (500, b"[]", VenueUnavailable),
        (200, b"<html>", VenueUnavailable),
        (200, b"", VenueUnavailable),
    ],
)
async def test_a_reading_that_fails_says_whose_fault_it_is(status: int, body: bytes, error: type[Exception]) -> None:
    rest, host, _ = await world()
    host.answers[OPEN_ORDERS.path] = lambda: answered(status, body)
    with pytest.raises(error):
        await rest.asked(ScriptedKey(), OPEN_ORDERS, {})


async def test_a_question_that_was_overtaken_is_asked_again_and_an_order_never() -> None:
    rest, host, clock = await world()
    key = ScriptedKey()
    overtaken = answered(500, b'["error",10114,"nonce: small"]')
    host.answers[OPEN_ORDERS.path] = lambda: overtaken if key.last < 3 else answered(200, b"[]")
    question = asyncio.create_task(rest.asked(key, OPEN_ORDERS, {}))
    await turns(clock, 20)
    assert await question == b"[]"
    assert [request.headers["bfx-nonce"] for request in host.of(OPEN_ORDERS.path)] == ["1", "2", "3"]
    host.answers[SUBMIT.path] = lambda: overtaken
    assert await rest.signed(key, SUBMIT, placed) == overtaken
    assert len(host.of(SUBMIT.path)) == 1


async def test_an_answer_that_does_not_come_is_no_refusal_of_the_key() -> None:
    rest, host, _ = await world()
    host.answers[OPEN_ORDERS.path] = lambda: OutcomeUnknown(UnknownCause.DEADLINE)
    with pytest.raises(VenueUnavailable, match="did not answer"):
        await rest.asked(ScriptedKey(), OPEN_ORDERS, {})


@pytest.mark.parametrize(
    ("body", "refusal"),
    [
        (b'["error",10001,"Invalid order: not enough"]', RestRefusal(10001, "Invalid order: not enough")),
        (b' ["error",10001,"x","new field"]', RestRefusal(10001, "x")),
        (b'{"error":"ERR_RATE_LIMIT"}', RestRefusal(11010, "ERR_RATE_LIMIT")),
        (b'["error"]', None),
        (b'["error","10001","x"]', None),
        (b'["error",10001,null]', None),
        (b"[]", None),
        (b'["on-req",1]', None),
        (b'[["error"]]', None),
        (b'{"message":"no"}', None),
        (b"<html>", None),
        (b'["error",10001,"cut', None),
    ],
)
def test_only_an_array_with_a_code_and_a_text_is_a_refusal(body: bytes, refusal: RestRefusal | None) -> None:
    assert refusal_of(body) == refusal


def test_a_result_is_an_array_under_200() -> None:
    assert is_result(200, b"[]")
    assert not is_result(500, b"[]")
    assert not is_result(200, b'["error",10001,"x"]')
    assert not is_result(200, b"{}")


async def test_a_closed_client_sends_nothing() -> None:
    rest, host, _ = await world()
    rest.close()
    assert isinstance(await rest.signed(ScriptedKey(), SUBMIT, placed), NotSent)
    assert host.of(SUBMIT.path) == []
