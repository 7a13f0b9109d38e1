"""Two orders of a user have the same `cid` and the same terms. One of them is ours, and its reply was lost. Their dates
may show which one is ours. If they do not, ours stays in doubt, and no fill is booked to it."""

from dataclasses import replace
from decimal import Decimal as D

import pytest
from tests.adapters.bitfinex.test_bitfinex_same_ids import Pair, pair
from tests.inhouse_kit import kinds, until
from tests.simulated_kit import SEND_WITHIN_MS
from tests.simulators.bitfinex.trader import BitfinexTrader

from cadenza.domain.accounts.trading_account import AccountType
from cadenza.domain.evolve import evolve
from cadenza.domain.trading.enums import OrderStatus
from cadenza.domain.trading.order import Doubt, Order
from cadenza.domain.trading.reports import Report
from cadenza.runtime.local import SystemIds
from cadenza.simulators.bitfinex.wire.keys import make_bitfinex_key

__all__ = ["pair"]

HOUR_MS = 3_600_000
APART_MS = 10_000
"""More than all tolerances of dates together."""

ARRIVED, LOST = "reset_after", "reset_before"


def recorded_now(pair: Pair, *, recorded_after_ms: int = 0) -> Order:
    """Let our order be recorded at this moment."""
    now_ms = pair.ours.venue.clock.now_ms()
    pair.ours.order = evolve(
        pair.ours.order,
        created_at_ms=now_ms,
        updated_at_ms=now_ms,
        send_before_ms=now_ms + SEND_WITHIN_MS,
        recorded_after_ms=recorded_after_ms,
    )
    return pair.ours.order


async def heard(pair: Pair, count: int) -> None:
    """Wait until the stream has brought so many new orders."""
    await until(lambda: kinds(pair.ours.sink.reports).count("ExternalOrder") >= count, "the news")


async def asked_twice(pair: Pair) -> list[Report]:
    """Ask before the fence and after it."""
    early = await pair.ours.session.lookup([pair.ours.order])
    assert kinds(early) == ["UnknownOutcome"]
    return [*early, *await pair.past_fence()]


@pytest.mark.parametrize("kind", [ARRIVED, LOST])
async def test_an_order_from_before_ours_was_sent_is_not_ours(pair: Pair, kind: str) -> None:
    theirs = await pair.place_theirs(pair.ours.order)
    pair.ours.venue.clock.advance(APART_MS)
    recorded_now(pair)
    lost = await pair.lose(kind)
    if kind == LOST:
        found = await asked_twice(pair)
    else:
        await heard(pair, 2)
        found = [*await pair.ours.session.lookup([pair.ours.order])]
    order, (adopted,) = pair.become(lost, found)
    expected = OrderStatus.ACCEPTED if kind == ARRIVED else OrderStatus.REJECTED
    assert (order.status, order.is_in_doubt) == (expected, False)
    assert adopted.venue_order_id == theirs.venue_order_id
    assert order.venue_order_id not in (None if kind == ARRIVED else "", theirs.venue_order_id)


@pytest.mark.parametrize("is_amended", [False, True])
async def test_an_order_from_an_hour_before_does_not_leave_ours_undetermined(pair: Pair, is_amended: bool) -> None:
    terms = {"quantity": D("0.7")} if is_amended else {}
    theirs = await pair.place_theirs(replace(pair.ours.order, **terms))  # type: ignore[arg-type]
    pair.ours.venue.clock.advance(HOUR_MS)
    recorded_now(pair)
    lost = await pair.lose(LOST)
    order, (adopted,) = pair.become(lost, await asked_twice(pair))
    assert (order.status, order.is_in_doubt) == (OrderStatus.REJECTED, False)
    assert (adopted.venue_order_id, adopted.status) == (theirs.venue_order_id, OrderStatus.ACCEPTED)


@pytest.mark.parametrize("before_ms", [APART_MS, HOUR_MS])
async def test_after_a_restart_only_the_time_at_which_the_news_was_complete_is_proof(
    pair: Pair, before_ms: int
) -> None:
    """The session that sent ours knew the venue's time to the second. What is stored is known to a minute."""
    await pair.place_theirs(pair.ours.order)
    pair.ours.venue.clock.advance(before_ms)
    recorded_now(pair, recorded_after_ms=pair.ours.venue.clock.now_ms())
    lost = await pair.lose(LOST)
    await pair.ours.again()
    late = await pair.past_fence()
    order, (adopted,) = pair.become(lost, late)
    assert (adopted.status, order.venue_order_id) == (OrderStatus.ACCEPTED, None)
    if before_ms == HOUR_MS:
        assert (order.status, order.is_in_doubt) == (OrderStatus.REJECTED, False)
    else:
        assert (order.status, order.doubt) == (OrderStatus.SUBMITTED, Doubt.UNDETERMINED)


async def test_after_a_restart_ours_is_found_by_its_terms(pair: Pair) -> None:
    recorded_now(pair, recorded_after_ms=pair.ours.venue.clock.now_ms())
    lost = await pair.lose(ARRIVED)
    await pair.ours.again()
    order, adopted = pair.become(lost, await pair.ours.session.lookup([pair.ours.order]))
    assert (order.status, adopted) == (OrderStatus.ACCEPTED, [])


async def test_an_order_from_after_the_fence_is_not_ours(pair: Pair) -> None:
    """Once a question was answered, the venue refuses a request of ours from before it."""
    recorded_now(pair)
    lost = await pair.lose(LOST)
    early = await pair.ours.session.lookup([pair.ours.order])
    pair.ours.venue.clock.advance(APART_MS)
    sent = replace(pair.ours.order, account_id=pair.theirs.account.id)
    await pair.theirs.session.submit(evolve(sent, send_before_ms=sent.created_at_ms + HOUR_MS))
    await pair.ours.fill()
    late = await pair.past_fence()
    order, (adopted,) = pair.become(lost, early, late)
    assert (order.status, order.executed_quantity, order.is_in_doubt) == (OrderStatus.REJECTED, 0, False)
    assert (adopted.venue_order_id, adopted.stated_quantity) != (None, 0)


@pytest.mark.parametrize("is_restarted", [False, True])
@pytest.mark.parametrize("is_heard_first", [False, True])
async def test_two_that_may_be_ours_leave_it_in_doubt(pair: Pair, is_heard_first: bool, is_restarted: bool) -> None:
    """One reading shows both, and the stream an execution of the stranger's before that."""
    recorded_now(pair)
    theirs = await pair.place_theirs(pair.ours.order)
    await pair.ours.fill()
    await until(lambda: bool(pair.ours.sink.fills), "the execution")
    lost = await pair.lose(ARRIVED)
    await heard(pair, 2)
    order, adopted = pair.become(lost, are_late=is_heard_first, is_waiting=True)
    assert (order.executed_quantity, order.venue_order_id, order.is_in_doubt, adopted) == (0, None, True, [])
    news = list(pair.ours.sink.reports)
    if is_restarted:
        await pair.ours.again()
        pair.ours.sink.reports[:0] = news
    found = await asked_twice(pair)
    order, adopted = pair.become(lost, found, are_late=is_heard_first)
    assert (order.status, order.doubt) == (OrderStatus.SUBMITTED, Doubt.UNDETERMINED)
    assert (order.executed_quantity, order.venue_order_id) == (0, None)
    executed = {each.venue_order_id: each.executed_quantity for each in adopted}
    assert len(executed) == 2
    assert executed[theirs.venue_order_id] == D("0.5")
    assert sum(executed.values()) == D("0.5")


async def test_our_cancel_leaves_both_alone(pair: Pair) -> None:
    recorded_now(pair)
    lost = await pair.lose(ARRIVED)
    await pair.place_theirs(pair.ours.order)
    reports = await pair.ours.session.cancel(pair.ours.order)
    assert kinds(reports) == ["UnknownOutcome"]
    assert await pair.cancels() == 0
    found = await asked_twice(pair)
    order, adopted = pair.become(lost, reports, found)
    assert (order.doubt, order.venue_order_id, len(adopted)) == (Doubt.UNDETERMINED, None, 2)
    assert {each.status for each in adopted} == {OrderStatus.ACCEPTED}


async def test_our_cancel_leaves_the_strangers_alone_when_ours_has_ended(pair: Pair) -> None:
    """Only the stranger's is open, and it has our id and terms."""
    recorded_now(pair)
    await pair.lose(ARRIVED)
    await pair.ours.fill(D(1))
    await until(lambda: bool(pair.ours.sink.fills), "the execution")
    await pair.place_theirs(pair.ours.order)
    assert kinds(await pair.ours.session.cancel(pair.ours.order)) == ["UnknownOutcome"]
    assert await pair.cancels() == 0


async def test_the_reply_tells_them_apart(pair: Pair) -> None:
    recorded_now(pair)
    await pair.place_theirs(pair.ours.order)
    accepted = await pair.ours.session.submit(pair.ours.order)
    await heard(pair, 2)
    order, adopted = pair.become(accepted, are_late=True, is_waiting=True)
    assert (order.status, adopted) == (OrderStatus.ACCEPTED, [])
    order, (adopted,) = pair.become(accepted)
    assert order.status is OrderStatus.ACCEPTED
    assert order.venue_order_id != adopted.venue_order_id


# --- amended before it was named


async def amend(pair: Pair, *, cid_of: Order, back: bool = True, fill: bool = False) -> None:
    """The owner amends the only open order by hand, and back, with an execution between."""
    key = make_bitfinex_key("main", SystemIds())
    pair.ours.venue.simulator.venue.keys.add(key)
    async with BitfinexTrader(pair.ours.venue.simulator, key) as trader:
        (row,) = await trader.open_orders()
        assert (await trader.update(id=row[0], price="59980")).status == 200
        if fill:
            await pair.ours.show(cid_of.side.opposite, D(59_980), D("0.25"))
            await pair.ours.show(cid_of.side.opposite, D(59_980), D(0))
        if back:
            assert (await trader.update(id=row[0], price=str(cid_of.limit_price))).status == 200


@pytest.mark.parametrize("is_filled", [False, True])
@pytest.mark.parametrize("is_seen", [False, True])
async def test_ours_that_is_amended_and_amended_back_is_not_recognized(
    pair: Pair, is_seen: bool, is_filled: bool
) -> None:
    """Whether or not the amended terms were seen, it may be a stranger's that was amended into ours. The account
    trades on."""
    recorded_now(pair)
    lost = await pair.lose(ARRIVED)
    if is_seen:
        await amend(pair, cid_of=pair.ours.order, back=False)
        (row,) = (await pair.ours.session.snapshot()).open_orders
        pair.ours.sink.reports.append(row)
    await amend(pair, cid_of=pair.ours.order, fill=is_filled)
    found = await asked_twice(pair)
    order, (adopted,) = pair.become(lost, found, are_late=True)
    assert (order.doubt, order.venue_order_id, order.executed_quantity) == (Doubt.UNDETERMINED, None, 0)
    assert (adopted.limit_price, adopted.executed_quantity) == (D(59_990), D("0.25") if is_filled else 0)


async def test_a_strangers_order_that_is_amended_into_ours_is_never_taken_for_ours(pair: Pair) -> None:
    recorded_now(pair)
    theirs = await pair.place_theirs(replace(pair.ours.order, limit_price=D(59_970)))
    lost = await pair.lose(LOST)
    await amend(pair, cid_of=pair.ours.order)
    order, (adopted,) = pair.become(lost, await asked_twice(pair), are_late=True)
    assert (order.doubt, order.venue_order_id) == (Doubt.UNDETERMINED, None)
    assert (adopted.venue_order_id, adopted.limit_price) == (theirs.venue_order_id, pair.ours.order.limit_price)


async def test_an_order_of_another_wallet_is_another_accounts(pair: Pair) -> None:
    """It has our id and terms, and is of the margin wallet."""
    recorded_now(pair)
    lost = await pair.lose(LOST)
    key = make_bitfinex_key("main", SystemIds())
    pair.ours.venue.simulator.venue.keys.add(key)
    assert pair.ours.account.external.type is AccountType.SPOT
    async with BitfinexTrader(pair.ours.venue.simulator, key) as trader:
        cid = pair.ours.session._scope.cid(int(pair.ours.order.sent_id or ""))  # type: ignore[attr-defined]
        placed = await trader.submit(cid=cid, type="LIMIT", amount="1", price="59990")
        assert placed.status == 200
    order, adopted = pair.become(lost, await asked_twice(pair))
    assert (order.status, order.is_in_doubt, adopted) == (OrderStatus.REJECTED, False, [])
