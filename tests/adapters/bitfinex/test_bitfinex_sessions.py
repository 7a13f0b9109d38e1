"""The life of a session at BITFINEX."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from decimal import Decimal as D
from pathlib import Path
from typing import Any

import pytest
from tests.adapters.life_cases import DelistingCases, LifeCases
from tests.bitfinex_kit import MARKETS, PAPER_PAIR, BitfinexDesk, open_bitfinex_desk, secrets_of, simulated_bitfinex
from tests.inhouse_kit import RecordingSink, kinds, replayed, trading_account, until
from tests.serving import eventually
from tests.simulated_kit import SimulatedDesk

from cadenza.adapters.venues.bitfinex.endpoints import SUBMIT
from cadenza.adapters.venues.bitfinex.private_keys import RESERVED_MS
from cadenza.adapters.venues.bitfinex.rest import LINE_MS_MAX, SECOND_MS
from cadenza.domain.accounts.credential import CredentialType
from cadenza.domain.accounts.trading_account import AccountType
from cadenza.domain.errors import CredentialRejected
from cadenza.domain.ids import Environment
from cadenza.domain.market.enums import OrderType, Side, TimeInForce
from cadenza.domain.trading.enums import OrderStatus, RejectReason
from cadenza.domain.trading.order import Order
from cadenza.domain.trading.reports import (
    AcceptedReport,
    BalanceReport,
    ExternalOrderReport,
    FillReport,
    PositionReport,
    RejectedReport,
    Report,
)
from cadenza.runtime.local import SystemIds
from cadenza.simulators.bitfinex.wire.errors import BitfinexRefusal
from cadenza.simulators.bitfinex.wire.keys import make_bitfinex_key


@pytest.fixture(params=list(MARKETS))
async def desk(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[BitfinexDesk]:
    async with simulated_bitfinex(tmp_path) as venue, open_bitfinex_desk(venue, request.param) as opened:
        yield opened


class TestBitfinexLife(LifeCases, DelistingCases):
    """In every account."""

    async def test_events_that_come_twice_or_swapped_are_booked_once(self, desk: SimulatedDesk) -> None:
        """Messages are numbered, so one that is not in its place is noticed: the connection is opened again, and the
        replay brings what is missing, beside what is known."""
        events = [{"on": "user", "kind": kind} for kind in ("duplicate", "duplicate", "swap", "duplicate")]
        await desk.venue.post("faults", {"events": events})
        accepted = await desk.session.submit(desk.order)
        await desk.fill()
        await until(lambda: [what for what, _ in desk.sink.life] == ["lost", "restored"], "the disorder was noticed")
        await desk.fill()
        since = desk.sink.life[-1][1]
        assert isinstance(since, int)
        again = await replayed(desk.session, since)
        assert desk.believed(accepted, again).status is OrderStatus.FILLED
        fills = [each for each in [*desk.sink.reports, *again] if isinstance(each, FillReport)]
        assert len({each.trade_id for each in fills}) == 2


def refused_nonces(desk: BitfinexDesk) -> list[int]:
    """Have the venue note the nonces that it refuses."""
    venue = desk.venue.simulator.venue
    use, refused = venue.use_nonce, []

    def noting(key: str, nonce: int) -> None:
        try:
            use(key, nonce)
        except BitfinexRefusal:
            refused.append(nonce)
            raise

    venue.use_nonce = noting
    return refused


def stop(desk: BitfinexDesk, price: str, **fields: Any) -> Order:
    """A stop to buy half a bitcoin."""
    made = desk.limit("0.5", None, type=OrderType.STOP, stop=price)
    return replace(made, time_in_force=TimeInForce.GTC, **fields)


async def reach(desk: BitfinexDesk, price: str) -> None:
    """Others trade at a price."""
    name = desk.instrument.external_symbol
    order = {"symbol": name, "trade_side": "BUY", "trade_price": price, "trade_quantity": "0.01"}
    await desk.venue.post("market", order)


# --- nonces, and the order in which they leave


async def test_fifty_orders_at_once_beside_questions_use_no_nonce_too_late(spot: BitfinexDesk) -> None:
    refused = refused_nonces(spot)
    orders = [spot.resting("0.01") for _ in range(50)]
    questions = [spot.session.lookup([orders[0]]) for _ in range(5)]
    replies = await asyncio.gather(*(spot.session.submit(order) for order in orders), *questions)
    assert [kinds(reply) for reply in replies[:50]] == [["Accepted"]] * 50
    assert refused == []
    canceled = await asyncio.gather(
        *(
            spot.session.cancel(replace(order, venue_order_id=reply[0].venue_order_id))  # type: ignore[attr-defined]
            for order, reply in zip(orders, replies, strict=False)
        )
    )
    assert canceled == [[]] * 50
    assert refused == []


async def test_accounts_of_one_key_share_its_nonces(spot: BitfinexDesk) -> None:
    refused = refused_nonces(spot)
    secrets, sinks = spot.venue.secrets(), [RecordingSink() for _ in MARKETS]
    externals = (await spot.connector.verify(CredentialType.HMAC, secrets)).accounts
    for number, (external, sink) in enumerate(zip(externals, sinks, strict=True)):
        account = trading_account(spot.connector.spec.venue_id, external, 10 + number)
        session = await spot.connector.open_session(account, CredentialType.HMAC, secrets, sink)
        snapshots = await asyncio.gather(*(session.snapshot() for _ in range(3)))
        assert all(snapshot.is_whole for snapshot in snapshots)
    assert refused == []


async def test_a_restart_with_a_clock_that_was_set_back_goes_on(spot: BitfinexDesk) -> None:
    refused = refused_nonces(spot)
    await spot.session.submit(spot.resting("0.1"))
    spot.venue.clock.wall_offset_ms = -3_600_000
    await spot.again()
    assert kinds(await spot.session.submit(spot.resting("0.1"))) == ["Accepted"]
    assert refused == []


async def test_an_order_without_an_answer_holds_a_cancel_up_for_a_second_at_most(spot: BitfinexDesk) -> None:
    accepted = await spot.session.submit(spot.order)
    await spot.venue.fault("order.submit", "silence_after")
    silent = asyncio.create_task(spot.session.submit(spot.resting("0.1")))
    await until(lambda: len(spot.sink.of(ExternalOrderReport)) == 2, "both orders are there")
    canceling = asyncio.create_task(spot.session.cancel(spot.believed(accepted)))
    spot.venue.clock.advance(LINE_MS_MAX)
    assert await canceling == []
    assert not silent.done()
    silent.cancel()


async def test_a_session_whose_key_another_process_uses_ends(spot: BitfinexDesk) -> None:
    other = spot.venue.connector()
    await other.start()
    try:
        await other.verify(CredentialType.HMAC, spot.venue.secrets())
        spot.venue.clock.advance(2 * RESERVED_MS)
        spot.order = spot.resting()
        reply = await spot.session.submit(spot.order)
        assert kinds(reply) == ["NotSent"]
        await until(lambda: "ended" in [what for what, _ in spot.sink.life], "the end")
        assert await spot.truth() == []
        account = spot.account
        again = await spot.connector.open_session(account, CredentialType.HMAC, spot.venue.secrets(), spot.sink)
        assert kinds(await again.submit(spot.resting("0.1"))) == ["Accepted"]
    finally:
        await other.stop()


# --- orders


async def test_a_stop_that_is_triggered_stays_the_same_order(spot: BitfinexDesk) -> None:
    spot.order = stop(spot, "60100")
    accepted = await spot.session.submit(spot.order)
    (first,) = accepted
    assert isinstance(first, AcceptedReport)
    await reach(spot, "60100")
    await until(lambda: spot.believed(accepted).status is OrderStatus.FILLED, "the fill")
    assert spot.believed(accepted).venue_order_id == first.venue_order_id
    asked = spot.believed(await spot.session.lookup([spot.order]))
    assert (asked.status, asked.executed_quantity) == (OrderStatus.FILLED, D("0.5"))


async def test_a_post_only_order_that_would_take_is_refused(spot: BitfinexDesk) -> None:
    (report,) = await spot.session.submit(spot.limit("0.5", "60010", time_in_force=TimeInForce.GTX))
    assert isinstance(report, RejectedReport)
    assert report.reason == RejectReason.POST_ONLY_WOULD_TAKE


async def test_an_order_ends_at_its_time_at_the_venue(spot: BitfinexDesk) -> None:
    ends_ms = spot.venue.clock.now_ms() + 10_000
    spot.order = replace(spot.resting(), time_in_force=TimeInForce.GTD, expire_at_ms=ends_ms)
    accepted = await spot.session.submit(spot.order)
    assert kinds(accepted) == ["Accepted"]
    spot.venue.clock.advance(10_000)
    await until(lambda: spot.believed(accepted).status is OrderStatus.EXPIRED, "the end")


@pytest.mark.parametrize("ending", ["RSN_DUST", "RSN_BOOK_SLIP", "INSUFFICIENT BALANCE (G1)", "CANCELED"])
async def test_an_order_that_the_venue_ends_keeps_its_executions(spot: BitfinexDesk, ending: str) -> None:
    accepted = await spot.session.submit(spot.order)
    await spot.fill()
    known = spot.believed(accepted)
    await spot.venue.post("orders", {"order_id": int(known.venue_order_id or 0), "ending": ending})
    await until(lambda: spot.believed(accepted).status is OrderStatus.CANCELED, "the end")
    assert spot.believed(accepted).executed_quantity == D("0.5")


async def test_an_order_without_an_answer_is_looked_for_and_canceled(spot: BitfinexDesk) -> None:
    await spot.venue.fault("order.submit", "reset_after")
    assert kinds(await spot.session.submit(spot.order)) == ["UnknownOutcome"]
    assert await spot.session.cancel(spot.order) == []
    assert await spot.truth() == ["CANCELED"]


async def test_the_same_number_of_another_account_of_the_user_is_another_order(spot: BitfinexDesk) -> None:
    """Both are asked for and canceled by our ids alone, because no reply came."""
    secrets, sink = spot.venue.secrets(), RecordingSink()
    externals = (await spot.connector.verify(CredentialType.HMAC, secrets)).accounts
    external = next(each for each in externals if each.type is AccountType.MARGIN)
    account = trading_account(spot.connector.spec.venue_id, external)
    session = await spot.connector.open_session(account, CredentialType.HMAC, secrets, sink)
    margin = BitfinexDesk(spot.venue, spot.connector, account, spot.instrument, session, sink, "margin")
    assert spot.order.sent_id == margin.order.sent_id
    for desk in (spot, margin):
        await desk.venue.fault("order.submit", "reset_after")
        assert kinds(await desk.session.submit(desk.order)) == ["UnknownOutcome"]
    assert await margin.session.cancel(margin.order) == []
    shown = await spot.session.lookup([spot.order])
    ended = await margin.session.lookup([margin.order])
    assert spot.believed(shown).status is OrderStatus.ACCEPTED
    assert margin.believed(ended).status is OrderStatus.CANCELED


async def test_an_order_is_found_among_the_past_ones_by_our_id(spot: BitfinexDesk) -> None:
    await spot.venue.fault("order.submit", "reset_after")
    spot.order = replace(spot.order, limit_price=D(60_010))
    reply = await spot.session.submit(spot.order)
    shown = await spot.session.lookup([spot.order])
    assert spot.believed(reply, shown).status is OrderStatus.FILLED
    assert sum(each.quantity for each in shown if isinstance(each, FillReport)) == 1


async def test_another_programs_order_under_our_id_does_not_become_ours(spot: BitfinexDesk) -> None:
    accepted = await spot.session.submit(spot.order)
    known = spot.believed(accepted)
    twin = replace(spot.resting("0.7", Side.SELL), sent_id=spot.order.sent_id)
    await spot.session.submit(twin)
    shown = await spot.session.lookup([known])
    assert spot.believed(accepted, shown).venue_order_id == known.venue_order_id
    assert spot.believed(accepted, shown).quantity == spot.order.quantity


async def test_after_a_refusal_for_the_pace_no_order_leaves_for_a_minute_and_cancels_do(spot: BitfinexDesk) -> None:
    accepted = await spot.session.submit(spot.order)
    await spot.venue.fault("order.submit", "too_many_requests")
    assert "RATE_LIMITED" in (await spot.session.submit(spot.resting("0.1")))[0].reason  # type: ignore[attr-defined]
    assert kinds(await spot.session.submit(spot.resting("0.1"))) == ["NotSent"]
    assert await spot.session.cancel(spot.believed(accepted)) == []
    assert await spot.truth() == ["CANCELED"]
    spot.venue.clock.advance(60_001)
    assert kinds(await spot.session.submit(spot.resting("0.1"))) == ["Accepted"]


STORM, STORM_S = 2_500, 240.0


async def test_a_storm_keeps_the_pace_and_cancels_overtake(tmp_path: Path) -> None:
    """5000 orders and cancels as fast as the venue lets them: 1000 of each in five minutes, one request at a time."""
    async with simulated_bitfinex(tmp_path) as venue, open_bitfinex_desk(venue) as desk:
        there, first = venue.simulator.venue, desk.resting("0.001")
        known = _named(first, await desk.session.submit(first))
        patient = {"send_before_ms": venue.clock.now_ms() + 3_600_000}
        many = [replace(desk.limit("0.001", "50000"), **patient) for _ in range(STORM)]
        storm = [asyncio.create_task(_in_and_out(desk, order)) for order in many]
        await until(lambda: len(there.requests) > 100, "the storm")
        assert await desk.session.cancel(known) == []
        assert not all(task.done() for task in storm), "the cancel overtook"

        full = [SUBMIT.requests_max * used - 1 for used in (1, 2)]  # beside the first order

        async def is_over() -> bool:
            ended = sum(task.done() for task in storm)
            if full and ended == full[0]:  # the room is used up, and nothing is under way
                del full[0]
                venue.clock.advance(SUBMIT.window_ms)
            return ended == STORM

        await eventually(is_over, STORM_S)
        assert {task.result() for task in storm} == {("Accepted",)}
        assert {row.outcome for row in there.requests} == {"OK"}, "10114 never comes"
        placed = sorted(each.created_ms for each in there.exchange.registry.all_orders())
        assert len(placed) == STORM + 1
        for before, after in zip(placed, placed[SUBMIT.requests_max :], strict=False):
            assert after - before >= SUBMIT.window_ms - SECOND_MS
        assert not (await desk.session.snapshot()).open_orders


async def _in_and_out(desk: BitfinexDesk, order: Order) -> tuple[str, ...]:
    reply = await desk.session.submit(order)
    return (*kinds(reply), *kinds(await desk.session.cancel(_named(order, reply))))


def _named(order: Order, reply: Sequence[Report]) -> Order:
    """The order under the id at the venue that the reply gives it."""
    (accepted,) = reply
    assert isinstance(accepted, AcceptedReport)
    return replace(order, venue_order_id=accepted.venue_order_id)


# --- the socket


@pytest.mark.parametrize("event", ["te", "tu", "on", "oc", "wu"])
async def test_a_message_that_is_lost_is_noticed_by_its_number(spot: BitfinexDesk, event: str) -> None:
    """The next message shows that one is missing: the connection is opened again, and what it said is found."""
    await spot.session.submit(spot.resting("0.1"))
    await until(lambda: len(spot.sink.of(BalanceReport)) > 0, "the stream works")
    await spot.venue.post("faults", {"events": [{"on": "user", "event": event, "kind": "drop"}]})
    accepted = await spot.session.submit(spot.order)
    await spot.fill(D("1.1"))
    await until(lambda: [what for what, _ in spot.sink.life] == ["lost", "restored"], "the loss was noticed")
    since = spot.sink.life[-1][1]
    assert isinstance(since, int)
    again = await replayed(spot.session, since)
    assert spot.believed(accepted, again).status is OrderStatus.FILLED


async def test_maintenance_stops_trading_and_its_end_begins_it_again(spot: BitfinexDesk) -> None:
    await spot.venue.post("sockets", {"action": "begin_maintenance"})
    await until(lambda: [what for what, _ in spot.sink.life] == ["lost"], "maintenance")
    (report,) = await spot.session.submit(spot.order)
    assert isinstance(report, RejectedReport)
    assert "11000" in report.reason
    await spot.venue.post("sockets", {"action": "end_maintenance"})

    def is_back() -> bool:
        spot.venue.clock.advance(20)
        return spot.session.is_caught_up()

    await until(is_back, "its end")
    assert kinds(await spot.session.submit(spot.resting("0.1"))) == ["Accepted"]


async def test_the_dead_mans_switch_is_never_set(spot: BitfinexDesk) -> None:
    await spot.session.submit(spot.order)
    await spot.venue.cut()
    await until(lambda: len(spot.sink.life) == 2, "the stream's return")
    assert await spot.truth() == ["NEW"]


# --- accounts


async def test_a_derivative_takes_its_leverage_with_the_order(tmp_path: Path) -> None:
    async with simulated_bitfinex(tmp_path) as venue, open_bitfinex_desk(venue, "futures") as desk:
        order = desk.limit("0.5", None, type=OrderType.MARKET, time_in_force=TimeInForce.IOC, leverage=20)
        await desk.session.submit(order)
        await until(lambda: bool(desk.sink.of(PositionReport)), "the position")
        position = desk.sink.of(PositionReport)[-1]
        assert (position.quantity, position.entry_price, position.leverage) == (D("0.5"), D(60_010), 20)


@pytest.mark.parametrize("environment", [Environment.LIVE, Environment.UAT])
async def test_a_key_of_the_other_environment_is_refused_as_far_as_its_money_shows_it(
    tmp_path: Path, environment: Environment
) -> None:
    """Both environments have the same hosts, which take the keys of either."""
    async with simulated_bitfinex(tmp_path, environment=environment) as venue:
        own, keys = venue.connector(), venue.simulator.venue.keys
        await own.start()
        others = secrets_of(keys.of("paper" if environment is Environment.LIVE else "main"))
        with pytest.raises(CredentialRejected, match=rf"currencies only: .* not of {own.spec.venue_id}$"):
            await own.verify(CredentialType.HMAC, others)
        assert len((await own.verify(CredentialType.HMAC, venue.secrets())).accounts) == len(MARKETS)
        empty = make_bitfinex_key("empty", SystemIds())
        keys.add(empty)
        assert len((await own.verify(CredentialType.HMAC, secrets_of(empty))).accounts) == len(MARKETS)
        await own.stop()


async def test_a_paper_account_trades_paper_symbols_alone(tmp_path: Path) -> None:
    async with (
        simulated_bitfinex(tmp_path, environment=Environment.UAT) as venue,
        open_bitfinex_desk(venue, symbol=PAPER_PAIR) as desk,
    ):
        await venue.post("deposits", {"currency": "USD", "amount": "1", "account": "paper"})
        reply = await desk.session.submit(desk.limit("0.5", None, type=OrderType.MARKET, time_in_force=TimeInForce.IOC))
        await until(lambda: desk.believed(reply).executed_quantity == D("0.5") or bool(desk.sink.fills), "the fill")
        snapshot = await desk.session.snapshot()
        assert {balance.asset for balance in snapshot.balances or ()} == {"TESTBTC", "TESTUSD", "TESTUSDT"}
        listed = (await desk.connector.instruments()).instruments
        assert all("TEST" in each.symbol for each in listed)
