"""The life of a session at DERIBIT."""

from collections.abc import AsyncIterator
from dataclasses import replace
from decimal import Decimal as D
from pathlib import Path
from typing import Any

import pytest
from tests.adapters.life_cases import DelistingCases, LifeCases
from tests.deribit_kit import INVERSE, MARKETS, DeribitDesk, open_deribit_desk, simulated_deribit
from tests.inhouse_kit import kinds, until

from cadenza.adapters.venues.deribit.spec import UNFILLED_MEMORY_MS
from cadenza.domain.accounts.trading_account import AccountType
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
)
from cadenza.simulators.deribit.wire.credits import DeribitLimits

DAY_MS = 86_400_000


@pytest.fixture(params=list(MARKETS))
async def desk(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[DeribitDesk]:
    async with simulated_deribit(tmp_path) as venue, open_deribit_desk(venue, request.param) as opened:
        yield opened


class TestDeribitLife(LifeCases, DelistingCases):
    """In every market."""


@pytest.fixture
async def linear(tmp_path: Path) -> AsyncIterator[DeribitDesk]:
    async with simulated_deribit(tmp_path) as venue, open_deribit_desk(venue) as opened:
        yield opened


def stop(desk: DeribitDesk, price: str, **fields: Any) -> Order:
    """A stop to buy half a bitcoin."""
    made = desk.limit("0.5", None, type=OrderType.STOP, stop=price)
    return replace(made, time_in_force=TimeInForce.GTC, **fields)


async def pass_time(desk: DeribitDesk, duration_ms: int) -> None:
    """Return when so much time has passed, and the venue's clock was measured since."""
    desk.venue.clock.advance(duration_ms)
    session: Any = desk.session
    await until(lambda: session._rest.clock.usable() is not None, "the venue's time")


async def reach(desk: DeribitDesk, price: str) -> None:
    """Others trade at a price."""
    name = desk.instrument.external_symbol
    order = {"symbol": name, "trade_side": "BUY", "trade_price": price, "trade_quantity": "0.01"}
    await desk.venue.post("market", order)


# --- trigger orders


async def test_a_stop_that_is_triggered_stays_the_same_order(linear: DeribitDesk) -> None:
    linear.order = stop(linear, "60100")
    accepted = await linear.session.submit(linear.order)
    (first,) = accepted
    assert isinstance(first, AcceptedReport)
    await reach(linear, "60100")
    await until(lambda: linear.believed(accepted).status is OrderStatus.FILLED, "the fill")
    filled = linear.believed(accepted)
    assert filled.executed_quantity == D("0.5")
    assert filled.former_venue_order_ids == (first.venue_order_id,)
    assert {each.sent_id for each in linear.sink.of(ExternalOrderReport)} == {linear.order.sent_id}
    asked = linear.believed(await linear.session.lookup([linear.order]))
    assert (asked.status, asked.venue_order_id) == (OrderStatus.FILLED, filled.venue_order_id)


async def test_what_a_stop_has_become_is_found_by_its_former_id_too(linear: DeribitDesk) -> None:
    linear.order = stop(linear, "60100")
    accepted = await linear.session.submit(linear.order)
    known = linear.believed(accepted)
    await reach(linear, "60100")
    shown = await linear.session.lookup([known])
    assert linear.believed(accepted, shown).executed_quantity == D("0.5")
    assert known.venue_order_id is not None
    found = await linear.session.identify(known.instrument_id, known.venue_order_id)
    assert isinstance(found[0], ExternalOrderReport)
    assert found[0].venue_order_id == linear.believed(accepted, shown).venue_order_id


async def test_a_stop_limit_that_was_triggered_is_canceled_by_its_new_id(linear: DeribitDesk) -> None:
    made = linear.limit("0.5", "59000", type=OrderType.STOP_LIMIT, stop="60100")
    linear.order = made
    accepted = await linear.session.submit(made)
    await reach(linear, "60100")
    await until(lambda: bool(linear.believed(accepted).former_venue_order_ids), "the rename")
    works = linear.believed(accepted)
    reply = await linear.session.cancel(works)
    await until(lambda: linear.believed(accepted, reply).status is OrderStatus.CANCELED, "the end")


async def test_a_stop_whose_order_is_refused_when_it_is_triggered_is_rejected(linear: DeribitDesk) -> None:
    linear.order = replace(stop(linear, "60100"), quantity=D(2_000))
    accepted = await linear.session.submit(linear.order)
    assert kinds(accepted) == ["Accepted"]
    await reach(linear, "60100")
    await until(lambda: linear.believed(accepted).status is OrderStatus.REJECTED, "the refusal")


# --- what the venue refuses, with proof


async def test_a_post_only_order_that_would_take_is_refused_and_never_moved(linear: DeribitDesk) -> None:
    order = linear.limit("0.5", "60010", time_in_force=TimeInForce.GTX)
    (report,) = await linear.session.submit(order)
    assert isinstance(report, RejectedReport)
    assert report.reason == RejectReason.POST_ONLY_WOULD_TAKE


async def test_an_order_that_comes_after_its_deadline_is_refused_with_proof(linear: DeribitDesk) -> None:
    """The venue's clock is far ahead of what was measured: it got the order after `valid_until`, and says when."""
    await linear.venue.post("faults", {"clock_offset_ms": 30_000})
    (report,) = await linear.session.submit(linear.order)
    assert isinstance(report, RejectedReport)
    assert "timed_out" in report.reason


# --- memory


async def test_an_order_of_yesterday_is_found_with_its_executions_in_the_historical_store(linear: DeribitDesk) -> None:
    accepted = await linear.session.submit(linear.order)
    await linear.fill()
    await until(lambda: bool(linear.sink.fills), "the fill")
    works = linear.believed(accepted)
    await linear.session.cancel(works)
    await pass_time(linear, DAY_MS + 60_000)
    linear.sink.reports.clear()
    asked = await linear.session.lookup([works])
    known = linear.believed(accepted, asked)
    assert (known.status, known.executed_quantity) == (OrderStatus.CANCELED, D("0.5"))
    assert sum(each.quantity for each in asked if isinstance(each, FillReport)) == D("0.5")
    again = [report async for piece in linear.session.replay(works.created_at_ms) for report in piece.reports]
    assert linear.believed(accepted, again).executed_quantity == D("0.5")


async def test_an_order_without_an_answer_is_found_among_the_old_ones(linear: DeribitDesk) -> None:
    await linear.venue.fault(linear.about("place"), "reset_after")
    reply = await linear.session.submit(linear.order)
    assert kinds(reply) == ["UnknownOutcome"]
    await pass_time(linear, UNFILLED_MEMORY_MS + 60_000)
    asked = await linear.session.lookup([linear.order])
    assert linear.believed(reply, asked).status is OrderStatus.ACCEPTED


async def test_another_programs_order_under_our_label_does_not_become_ours(linear: DeribitDesk) -> None:
    accepted = await linear.session.submit(linear.order)
    known = linear.believed(accepted)
    session: Any = linear.session
    twin = replace(linear.resting("0.7", Side.SELL), sent_id=linear.order.sent_id)
    await linear.session.submit(twin)
    shown = await session.lookup([linear.order])
    assert linear.believed(accepted, shown).venue_order_id == known.venue_order_id
    assert linear.believed(accepted, shown).quantity == linear.order.quantity


# --- the socket


async def test_the_access_is_renewed_before_it_ends(tmp_path: Path) -> None:
    async with simulated_deribit(tmp_path, token_ms=60_000) as venue, open_deribit_desk(venue) as desk:
        session: Any = desk.session
        for _ in range(4):
            former = session._socket._refresh_token
            desk.venue.clock.advance(31_000)
            await until(lambda token=former: session._socket._refresh_token != token, "the renewal")  # type: ignore[misc]
        assert desk.sink.life == []
        assert desk.session.is_caught_up()
        await desk.session.submit(desk.resting("0.1"))
        await until(lambda: bool(desk.sink.of(ExternalOrderReport)), "the stream works on")


async def test_cancel_on_disconnect_is_never_switched_on(linear: DeribitDesk) -> None:
    await linear.session.submit(linear.order)
    await linear.venue.cut()
    await until(lambda: len(linear.sink.life) == 2, "the stream's return")
    assert await linear.truth() == ["NEW"]
    requests = await linear.venue.get("requests")
    assert not [each for each in requests if "disconnect" in each["name"]]


async def test_credits_are_never_used_up(tmp_path: Path) -> None:
    """By the lowest tier: 20 requests to the matching engine at once and 5 a second; cancels overtake orders."""
    async with simulated_deribit(tmp_path, limits=DeribitLimits()) as venue, open_deribit_desk(venue) as desk:
        reports = []
        for _ in range(30):
            order = desk.resting("0.001")
            reply = await desk.session.submit(order)
            reports += [*reply, *await desk.session.cancel(replace(order, venue_order_id=reply[0].venue_order_id))]  # type: ignore[attr-defined]
            desk.venue.clock.advance(200)
        assert not [each for each in reports if isinstance(each, RejectedReport)]
        assert kinds(reports) == ["Accepted", "Canceled"] * 30
        assert desk.sink.life == []


# --- inverse contracts


async def test_an_inverse_perpetual_counts_dollars_and_pays_fees_in_the_coin(tmp_path: Path) -> None:
    async with (
        simulated_deribit(tmp_path) as venue,
        open_deribit_desk(venue, type=AccountType.FUTURES, instrument=INVERSE) as desk,
    ):
        order = desk.limit("1000", None, time_in_force=TimeInForce.IOC, type=OrderType.MARKET)
        reply = await desk.session.submit(order)
        fills = [each for each in reply if isinstance(each, FillReport)]
        assert sum(each.quantity for each in fills) == 1000
        assert {fee.asset for each in fills for fee in each.fees} == {"BTC"}
        await until(lambda: bool(desk.sink.of(PositionReport)), "the position")
        position = desk.sink.of(PositionReport)[-1]
        assert (position.quantity, position.entry_price) == (1000, fills[0].price)
        assert position.leverage is not None
        await until(lambda: bool(desk.sink.of(BalanceReport)), "the balance")
        last = [each for each in desk.sink.of(BalanceReport) if each.asset == "BTC"][-1]
        fees = sum((fee.quantity for each in fills for fee in each.fees), D(0))
        assert last.total == D(10) - fees
        assert last.at_ms >= fills[-1].at_ms
        assert last.locked is not None
        assert last.locked > 0
