"""DERIBIT at its edges, over real sockets: a storm, a key that is revoked, a venue that falls silent, clocks that move,
and a connector that dies with orders under way."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from decimal import Decimal as D
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from tests.adapters.kit.sync_world import Listener
from tests.conformance.harness import believed
from tests.deribit_kit import SPOT, DeribitDesk, SimulatedDeribit, open_deribit_desk, simulated_deribit
from tests.inhouse_kit import BookKeeper, RecordingSink, kinds, replayed, trading_account, until
from tests.relay import relayed
from tests.simulated_kit import SEND_WITHIN_MS

from cadenza.adapters.venues.deribit import execution
from cadenza.adapters.venues.deribit.sockets import HEARTBEAT_S
from cadenza.adapters.venues.deribit.spec import BOOK_RULE, FENCE, spec_of
from cadenza.domain.accounts.credential import CredentialType
from cadenza.domain.accounts.trading_account import AccountType
from cadenza.domain.errors import CredentialRejected, VenueUnavailable
from cadenza.domain.evolve import evolve
from cadenza.domain.ids import Environment, TradingAccountId
from cadenza.domain.market.enums import Side
from cadenza.domain.trading.enums import OrderStatus
from cadenza.domain.trading.order import Order
from cadenza.domain.trading.reports import ExternalOrderReport, RejectedReport
from cadenza.ports.venue import COMPARED_WITHIN_MS
from cadenza.simulators.deribit.wire.connection import DeribitConnection
from cadenza.simulators.deribit.wire.credits import DeribitLimits


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[DeribitDesk]:
    async with simulated_deribit(tmp_path) as venue, open_deribit_desk(venue) as opened:
        yield opened


async def eventually_by_the_clock(
    there: SimulatedDeribit, condition: Callable[[], bool], what: str, *, step_ms: int = 20, within_s: float = 120
) -> None:
    """Let time pass in steps until the condition holds. It stands still otherwise, and while the venue executes
    requests: a slow machine makes none of them late."""
    deadline, executed = time.monotonic() + within_s, there.simulator.venue.running
    there.clock.stop()
    try:
        while not condition():
            assert time.monotonic() < deadline, f"{what} did not come true"
            if not executed._tasks:
                there.clock.advance(step_ms)
            await asyncio.sleep(0.001)
    finally:
        there.clock.go_on()


# --- a storm

STORM = 300
LIMITS = DeribitLimits()


async def test_a_storm_uses_the_credits_up_and_never_exceeds_them(tmp_path: Path) -> None:
    """300 orders and their cancels at once, by the lowest tier: 20 requests to the matching engine at once, and 5 a
    second. The peer is an ideal bucket that sends the moment it may."""
    async with simulated_deribit(tmp_path, limits=LIMITS) as venue, open_deribit_desk(venue) as desk:
        clock = venue.clock
        first = desk.resting("0.001")
        accepted = await desk.session.submit(first)
        connected = venue.simulator.venue.connections_made
        patient = {"send_before_ms": clock.now_ms() + 3_600_000}
        many = [replace(desk.limit("0.001", "50000"), **patient) for _ in range(STORM)]
        begun_ms = clock.monotonic_ms()
        storm = [asyncio.create_task(_in_and_out(desk, order)) for order in many]
        await until(lambda: len(desk.sink.of(ExternalOrderReport)) > 5, "the storm")

        canceling_ms = clock.monotonic_ms()
        canceling = asyncio.create_task(desk.session.cancel(believed(first, accepted)))
        await eventually_by_the_clock(venue, canceling.done, "the cancel")
        assert kinds(await canceling) == ["Canceled"]
        assert clock.monotonic_ms() - canceling_ms < 4_000, "it went before the orders that wait"
        assert sum(task.done() for task in storm) < STORM / 10

        await eventually_by_the_clock(venue, lambda: all(task.done() for task in storm), "the end")
        taken_ms = clock.monotonic_ms() - begun_ms
        assert {task.result() for task in storm} == {("Accepted", "Canceled")}
        assert {each["outcome"] for each in await venue.get("requests")} == {"OK"}, "10028 never comes"
        assert venue.simulator.venue.connections_made == connected, "no socket was cut"
        assert desk.sink.life == []
        ideal_ms = (2 * STORM + 1 - LIMITS.matching.burst) * 1_000 / LIMITS.matching.per_second
        assert ideal_ms / taken_ms > 0.7, "a quarter of the credits is kept for cancels"
        truth = await venue.get("truth")
        assert {each["times"] for each in truth["accepted"]} == {1}
        assert {each["state"] for each in truth["orders"]} == {"cancelled"}


async def _in_and_out(desk: DeribitDesk, order: Order) -> tuple[str, ...]:
    reply = await desk.session.submit(order)
    works = believed(order, reply)
    return (*kinds(reply), *kinds(await desk.session.cancel(works)))


# --- a key that is revoked


async def is_settled(desk: DeribitDesk) -> None:
    """The first reading of the account is over."""
    session: Any = desk.session
    await until(lambda: not session._life._side_tasks, "the first reading")


def is_ended(desk: DeribitDesk) -> bool:
    return "ended" in [what for what, _ in desk.sink.life]


async def test_a_key_that_is_revoked_while_live_ends_the_session(desk: DeribitDesk) -> None:
    """The venue closes the socket of a key that is revoked; the next login is refused."""
    accepted = await desk.session.submit(desk.order)
    secrets = desk.venue.secrets()
    await desk.venue.post("keys", {"revoke": secrets.api_key})
    await eventually_by_the_clock(desk.venue, lambda: is_ended(desk), "the end")
    assert [what for what, _ in desk.sink.life] == ["lost", "ended"]
    assert "13004 invalid_credentials" in str(desk.sink.life[-1][1])
    with pytest.raises(CredentialRejected):
        await desk.connector.verify(CredentialType.HMAC, secrets)
    with pytest.raises(CredentialRejected):
        await desk.connector.open_session(desk.account, CredentialType.HMAC, secrets, RecordingSink())
    refused = await desk.session.cancel(desk.believed(accepted))
    assert kinds(refused) == [], "the order is as it was"
    assert await desk.truth() == ["NEW"]
    assert [what for what, _ in desk.sink.life] == ["lost", "ended"], "it is said once"


async def test_an_order_that_meets_a_revoked_key_is_refused_with_proof(desk: DeribitDesk) -> None:
    """Nothing closed the socket: the order is the first to learn it."""
    await is_settled(desk)
    desk.venue.simulator.venue.keys.revoke(desk.venue.secrets().api_key)
    (report,) = await desk.session.submit(desk.order)
    assert isinstance(report, RejectedReport)
    assert await desk.truth() == []
    await until(lambda: is_ended(desk), "the end")


async def test_an_idle_session_learns_that_its_key_was_revoked(desk: DeribitDesk) -> None:
    """It is compared with a reading, which the venue refuses."""
    await is_settled(desk)
    revoked_ms = desk.venue.clock.monotonic_ms()
    desk.venue.simulator.venue.keys.revoke(desk.venue.secrets().api_key)
    await eventually_by_the_clock(desk.venue, lambda: is_ended(desk), "the end", step_ms=100)
    assert desk.venue.clock.monotonic_ms() - revoked_ms < COMPARED_WITHIN_MS


async def test_after_a_refused_renewal_the_key_logs_in_again(desk: DeribitDesk) -> None:
    """A refused refresh token says nothing about the key, though the venue has one code for both."""
    session: Any = desk.session
    socket = session._socket
    socket._refresh_token = "spent"
    socket._renew_ms = desk.venue.clock.monotonic_ms()
    await eventually_by_the_clock(desk.venue, lambda: len(desk.sink.life) > 1, "the return", step_ms=100)
    assert [what for what, _ in desk.sink.life] == ["lost", "restored"]
    assert socket.refused is None
    assert kinds(await desk.session.submit(desk.resting("0.1"))) == ["Accepted"]


async def test_a_key_that_is_refused_after_a_refused_renewal_ends_the_session(desk: DeribitDesk) -> None:
    await is_settled(desk)
    session: Any = desk.session
    session._socket._refresh_token = "spent"
    session._socket._renew_ms = desk.venue.clock.monotonic_ms()
    desk.venue.simulator.venue.keys.revoke(desk.venue.secrets().api_key)
    await eventually_by_the_clock(desk.venue, lambda: is_ended(desk), "the end", step_ms=100)
    assert session._socket.refused is not None


async def test_accounts_leave_room_for_books(tmp_path: Path) -> None:
    """The venue takes four connections of the address: two of accounts, and two for books."""
    async with simulated_deribit(tmp_path) as venue, open_deribit_desk(venue, sockets_max=4) as desk:
        venue._let_connect(4)
        opened = []
        for number, type in enumerate((AccountType.MARGIN, AccountType.OPTIONS)):
            reached = (await desk.connector.verify(CredentialType.HMAC, venue.secrets())).accounts
            external = next(each for each in reached if each.type is type)
            account = trading_account(desk.connector.spec.venue_id, external)
            account = evolve(account, id=TradingAccountId(UUID(int=900 + number)))
            opened.append(
                partial(desk.connector.open_session, account, CredentialType.HMAC, venue.secrets(), RecordingSink())
            )
        session = await opened[0]()
        with pytest.raises(VenueUnavailable, match=r"2 accounts of DERIBIT .* kept for books"):
            await opened[1]()
        keeper = BookKeeper()
        await desk.connector.open_book(desk.instrument.id, keeper)
        assert keeper.snapshots == 1
        await session.close()
        assert (await opened[1]()).is_caught_up(), "there is room again"


async def test_a_delivered_future_costs_no_other_book_its_channels(tmp_path: Path) -> None:
    async with simulated_deribit(tmp_path) as venue, open_deribit_desk(venue, "margin") as desk:
        listed = {each.external_symbol: each for each in (await desk.connector.instruments()).instruments}
        heard, delivered = (Listener(BOOK_RULE, listed[name].id) for name in (SPOT, "BTC-27DEC30"))
        for each in (heard, delivered):
            await desk.connector.open_book(each.instrument_id, each)
        order = {"instrument_name": "BTC-27DEC30", "state": "delivered", "delivery_price": "58000"}
        await venue.post("instruments", order)
        await venue.cut()
        await until(lambda: heard.stales == delivered.stales == 1 and heard.book.is_fresh, "the other book")
        await venue.market(SPOT, (Side.BUY, D(59990), D(1)))
        await until(lambda: (D(59990), D(1)) in heard.book.snapshot(50).bids, "it follows the market")
        assert not delivered.book.is_fresh


async def test_a_session_with_a_revoked_key_does_not_hammer_the_venue(desk: DeribitDesk) -> None:
    venue, clock = desk.venue.simulator.venue, desk.venue.clock
    await desk.venue.post("keys", {"revoke": desk.venue.secrets().api_key})
    await eventually_by_the_clock(desk.venue, lambda: is_ended(desk), "the end")
    connected, ended_ms = venue.connections_made, clock.monotonic_ms()
    await eventually_by_the_clock(
        desk.venue, lambda: clock.monotonic_ms() - ended_ms > 600_000, "ten minutes", step_ms=500
    )
    assert venue.connections_made - connected < 100, "its pauses grow to half a minute"
    await desk.session.close()
    connected, closed_ms = venue.connections_made, clock.monotonic_ms()
    await eventually_by_the_clock(
        desk.venue, lambda: clock.monotonic_ms() - closed_ms > 600_000, "ten more", step_ms=500
    )
    assert venue.connections_made == connected, "a session that was closed never comes back"


# --- the heartbeat, and a venue that falls silent


async def test_the_question_of_the_heartbeat_is_answered(desk: DeribitDesk, monkeypatch: pytest.MonkeyPatch) -> None:
    """A client that sends nothing is asked whether it is there. Without an answer the next heartbeat ends the
    socket."""
    venue, clock = desk.venue.simulator.venue, desk.venue.clock
    answered: list[int] = []
    answer = DeribitConnection.answer_test

    def noted(connection: DeribitConnection) -> None:
        answered.append(clock.monotonic_ms())
        answer(connection)

    monkeypatch.setattr(DeribitConnection, "answer_test", noted)
    begun_ms, connected = clock.monotonic_ms(), venue.connections_made
    await eventually_by_the_clock(desk.venue, lambda: len(answered) >= 3, "three answers", step_ms=100)
    assert clock.monotonic_ms() - begun_ms >= 3 * HEARTBEAT_S * 1_000
    assert venue.connections_made == connected
    assert desk.sink.life == []


async def test_a_heartbeat_without_an_answer_costs_the_socket_and_nothing_else(desk: DeribitDesk) -> None:
    accepted = await desk.session.submit(desk.order)
    since_ms = accepted[0].at_ms
    await desk.venue.fault("public/test", "silence_before")
    lives = lambda: [what for what, _ in desk.sink.life]  # noqa: E731
    await eventually_by_the_clock(desk.venue, lambda: lives() == ["lost", "restored"], "it comes back", step_ms=200)
    await desk.fill()
    again = await replayed(desk.session, since_ms)
    assert desk.believed(accepted, again).executed_quantity * 2 == 1


NOTICED_WITHIN_MS = 45_000


async def test_a_venue_that_falls_silent_is_noticed_and_orders_under_way_are_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The connections stay open, and nothing more comes from the venue: no answer, no frame, no pong. What we send
    still arrives."""
    async with (
        simulated_deribit(tmp_path) as venue,
        relayed(venue.url) as relay,
        open_deribit_desk(venue, spec=spec_of(Environment.LIVE, base=relay.url)) as desk,
    ):
        rests = desk.resting("0.2")
        accepted = await desk.session.submit(rests)
        await until(lambda: bool(desk.sink.of(ExternalOrderReport)), "the stream works")

        monkeypatch.setattr(execution, "REPLY_MS_MAX", 2_000)  # of real time: calls are timed by the event loop
        relay.freeze()
        frozen_ms = venue.clock.monotonic_ms()
        under_way = [desk.resting("0.1") for _ in range(10)]
        replies = await asyncio.gather(*(desk.session.submit(order) for order in under_way))
        assert [kinds(reply) for reply in replies] == [["UnknownOutcome"]] * 10

        await eventually_by_the_clock(venue, lambda: bool(desk.sink.life), "the silence was noticed", step_ms=100)
        assert venue.clock.monotonic_ms() - frozen_ms < NOTICED_WITHIN_MS
        assert desk.sink.life[0][0] == "lost"
        assert "silence" in str(desk.sink.life[0][1])
        assert not desk.session.is_caught_up()

        relay.thaw()
        await eventually_by_the_clock(venue, lambda: len(desk.sink.life) == 2, "the return", step_ms=100)
        assert desk.sink.life[1][0] == "restored"
        assert int(desk.sink.life[1][1]) <= frozen_ms, "the gap begins before the silence"
        for order, reply in zip(under_way, replies, strict=True):
            found = believed(order, [*reply, *await desk.session.lookup([order])])
            assert (found.status, found.is_in_doubt) == (OrderStatus.ACCEPTED, False)
        await is_equal_to_the_ledger(desk, {rests: accepted, **dict(zip(under_way, replies, strict=True))})


async def is_equal_to_the_ledger(desk: DeribitDesk, made: dict[Order, Any]) -> None:
    """Every order stands here as in the venue's ledger, and none was sent twice."""
    truth = await desk.venue.get("truth")
    assert all(each["times"] == 1 for each in truth["accepted"])
    there = {each["label"]: (WORDS[each["state"]], D(each["filled"])) for each in truth["orders"]}
    here: dict[str, tuple[OrderStatus, D]] = {}
    for order, reply in made.items():
        asked = believed(order, [*reply, *await desk.session.lookup([believed(order, reply)])])
        assert order.sent_id is not None
        if asked.status is not OrderStatus.REJECTED:
            here[order.sent_id] = asked.status, asked.executed_quantity
    assert here == there


WORDS = {
    "open": OrderStatus.ACCEPTED,
    "untriggered": OrderStatus.ACCEPTED,
    "filled": OrderStatus.FILLED,
    "cancelled": OrderStatus.CANCELED,
}


# --- a connector that dies


async def test_a_connector_that_dies_with_orders_under_way_leaves_nothing_in_doubt(tmp_path: Path) -> None:
    """It is abandoned as it stands, with open orders, orders whose answers never come, and orders that never arrived.
    Its successor asks about each; meanwhile the market has moved."""
    async with simulated_deribit(tmp_path) as venue, open_deribit_desk(venue) as desk:
        open_orders = [desk.resting("0.1") for _ in range(5)]
        made: dict[Order, Any] = {order: await desk.session.submit(order) for order in open_orders}
        since_ms = min(reply[0].at_ms for reply in made.values())
        venue.clock.advance(5_000)  # all credits are there again
        arrived, lost = [desk.resting("0.2") for _ in range(7)], [desk.resting("0.3") for _ in range(7)]
        await venue.fault("private/buy", "silence_after", times=7)
        calls = [asyncio.create_task(desk.session.submit(order)) for order in arrived]
        await until(lambda: _arrived(venue) == 12, "the orders arrived")
        await venue.fault("private/buy", "silence_before", times=7)
        calls += [asyncio.create_task(desk.session.submit(order)) for order in lost]
        armed = venue.simulator.venue.faults
        await until(lambda: not armed.requests, "the others were lost")
        assert not any(call.done() for call in calls)
        dead, dead_session = desk.connector, desk.session
        for call in calls:
            call.cancel()

        desk.order = open_orders[0]
        await desk.fill(D("0.1"))
        desk.connector, desk.sink = venue.connector(), RecordingSink()
        await desk.connector.start()
        desk.session = await desk.connector.open_session(desk.account, CredentialType.HMAC, venue.secrets(), desk.sink)
        again = await replayed(desk.session, since_ms)
        made |= dict.fromkeys([*arrived, *lost], ())
        early = {order: await desk.session.lookup([order]) for order in lost}
        assert {kind for reports in early.values() for kind in kinds(reports)} == {"UnknownOutcome"}, "before the fence"
        venue.clock.advance(SEND_WITHIN_MS + FENCE.margin_ms + 1)
        await is_equal_to_the_ledger(desk, made)
        assert len((await desk.session.snapshot()).open_orders) == 11
        assert believed(open_orders[0], [*made[open_orders[0]], *again]).executed_quantity == D("0.1")
        await dead_session.close()
        await dead.stop()


def _arrived(venue: SimulatedDeribit) -> int:
    return sum(1 for _ in venue.simulator.venue.exchange.orders.all_orders())


# --- clocks


async def test_the_venues_clock_moves_by_three_seconds_and_back(desk: DeribitDesk) -> None:
    """At each place orders go through, the one whose answer is lost is found, the one that is lost is dead after the
    fence and not before, and the stream goes on."""
    made: dict[Order, Any] = {}
    for offset_ms in (3_000, 0, -3_000, 0):
        await desk.venue.post("faults", {"clock_offset_ms": offset_ms})
        taken, unanswered, never = (desk.resting("0.1") for _ in range(3))
        made[taken] = await desk.session.submit(taken)
        assert kinds(made[taken]) == ["Accepted"]
        await desk.venue.fault("private/buy", "reset_after")
        made[unanswered] = await desk.session.submit(unanswered)
        await desk.venue.fault("private/buy", "reset_before")
        made[never] = await desk.session.submit(never)
        made[unanswered] = [*made[unanswered], *await desk.session.lookup([unanswered])]
        assert believed(unanswered, made[unanswered]).status is OrderStatus.ACCEPTED
        early = await desk.session.lookup([never])
        assert kinds(early) == ["UnknownOutcome"]
        is_measured = partial(_is_close, desk, offset_ms)
        await eventually_by_the_clock(desk.venue, is_measured, "the clock was measured again", step_ms=200)
    assert desk.sink.life == []
    desk.venue.clock.advance(SEND_WITHIN_MS + FENCE.margin_ms + 1)
    await is_equal_to_the_ledger(desk, made)


def _is_close(desk: DeribitDesk, offset_ms: int) -> bool:
    return abs(desk.session.venue_time_ms() - desk.venue.clock.monotonic_ms() - offset_ms) < 1_000
