"""Another program of the account gives its orders the label of ours. None of them becomes ours, is canceled by us or
has its executions booked to ours; and ours is found all the same."""

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal as D
from typing import Any

import msgspec
import pytest
from tests.adapters.deribit.labels_world import APART_MS, ARRIVED, HOUR_MS, LEFT_ALONE, LOST, Labels
from tests.adapters.deribit.test_deribit_sessions import pass_time, reach, stop
from tests.deribit_kit import LINEAR
from tests.inhouse_kit import kinds, replayed, until
from tests.simulated_kit import become

from cadenza.adapters.venues.deribit.rest import result_of
from cadenza.adapters.venues.deribit.spec import UNFILLED_MEMORY_MS
from cadenza.adapters.venues.kit.payloads import decode
from cadenza.domain.market.enums import OrderType
from cadenza.domain.trading.enums import OrderStatus
from cadenza.domain.trading.kept import KeepReason
from cadenza.domain.trading.order import Doubt
from cadenza.domain.trading.reports import Report

# --- strangers that are not ours for certain

OTHER: dict[str, dict[str, Any]] = {
    "amount": {"amount": "0.5"},
    "a dearer limit": {"price": "59991"},
    "side": {"side": "sell", "price": "60020"},
    "type": {"type": "stop_limit", "trigger": "last_price", "trigger_price": D(60100), "price": "59990"},
    "post-only": {"post_only": True},
    "reduce-only": {"reduce_only": True},
}
UNSEEN = {"post-only", "reduce-only"}
"""Terms that reports do not state. The order waits until asking has shown that it is another."""


@pytest.mark.parametrize("other", OTHER)
async def test_a_strangers_order_with_other_terms_is_adopted_and_ours_is_dead(labels: Labels, other: str) -> None:
    if other == "reduce-only":
        await labels.call("private/sell", {"instrument_name": LINEAR, "amount": D(1), "type": "market"})
    lost = await labels.lose()
    theirs = await labels.theirs(**OTHER[other])
    is_waiting = other in UNSEEN
    order, _ = become(labels.desk, lost, await labels.asked(), kept={KeepReason.NO_ORDER} if is_waiting else set())
    assert (order.status, order.venue_order_id, order.is_in_doubt) == (OrderStatus.SUBMITTED, None, True)
    order, adopted = become(labels.desk, lost, await labels.past_fence())
    assert (order.status, order.venue_order_id, order.executed_quantity) == (OrderStatus.REJECTED, None, 0)
    assert {each.venue_order_id: each.status for each in adopted}[theirs] is OrderStatus.ACCEPTED
    assert await labels.open() == [theirs]


async def test_two_strangers_never_become_ours_and_are_left_alone(labels: Labels) -> None:
    lost = await labels.lose()
    theirs = [await labels.theirs("2", "49000"), await labels.theirs("0.3", "48000")]
    found = [*await labels.asked(), *await labels.desk.session.cancel(labels.ours)]
    assert kinds(found) == ["UnknownOutcome", "CancelRefused"]
    order, adopted = become(labels.desk, lost, found, await labels.past_fence())
    assert (order.status, order.venue_order_id) == (OrderStatus.REJECTED, None)
    assert sorted(each.venue_order_id or "" for each in adopted) == sorted(theirs) == await labels.open()
    assert sorted(each.quantity for each in adopted) == [D("0.3"), D(2)]
    assert await labels.cancels() == 0


@pytest.mark.parametrize("how", [ARRIVED, LOST])
@pytest.mark.parametrize("before_ms", [APART_MS, HOUR_MS])
async def test_an_order_with_our_terms_from_before_ours_was_sent_is_not_ours(
    labels: Labels, before_ms: int, how: str
) -> None:
    theirs = await labels.theirs()
    await pass_time(labels.desk, before_ms)
    labels.recorded_now()
    lost = await labels.lose(how)
    found = await labels.asked() if how == ARRIVED else await labels.past_fence()
    order, (adopted,) = become(labels.desk, lost, found)
    expected = OrderStatus.ACCEPTED if how == ARRIVED else OrderStatus.REJECTED
    assert (order.status, order.is_in_doubt) == (expected, False)
    assert order.venue_order_id != theirs
    assert adopted.venue_order_id == theirs


async def test_what_waited_for_our_name_is_adopted_once_ours_has_another(labels: Labels) -> None:
    """The platform asks about what it keeps by the venue's id."""
    theirs = await labels.theirs()
    accepted = await labels.desk.session.submit(labels.ours)
    await labels.desk.fill()
    await until(lambda: bool(labels.desk.sink.fills), "the execution")
    identified = await labels.desk.session.identify(labels.desk.instrument.id, theirs)
    order, (adopted,) = become(labels.desk, accepted, identified, are_late=True)
    assert (order.status, order.executed_quantity) == (OrderStatus.ACCEPTED, 0)
    assert (adopted.venue_order_id, adopted.executed_quantity) == (theirs, D("0.5"))


@pytest.mark.parametrize("before_ms", [APART_MS, HOUR_MS])
async def test_after_a_restart_only_the_time_at_which_the_news_was_complete_is_proof(
    labels: Labels, before_ms: int
) -> None:
    await labels.theirs()
    await pass_time(labels.desk, before_ms)
    labels.recorded_now(recorded_after_ms=labels.desk.venue.clock.now_ms())
    lost = await labels.lose()
    await labels.desk.again()
    order, (adopted,) = become(labels.desk, lost, await labels.past_fence())
    assert (adopted.status, order.venue_order_id) == (OrderStatus.ACCEPTED, None)
    if before_ms == HOUR_MS:
        assert (order.status, order.is_in_doubt) == (OrderStatus.REJECTED, False)
    else:
        assert (order.status, order.doubt) == (OrderStatus.SUBMITTED, Doubt.UNDETERMINED)


async def test_ours_is_found_among_the_old_ones_beside_a_new_one(labels: Labels) -> None:
    lost = await labels.lose(ARRIVED)
    await labels.desk.fill(D(1))
    await until(lambda: bool(labels.desk.sink.fills), "the execution")
    await pass_time(labels.desk, UNFILLED_MEMORY_MS + 60_000)
    theirs = await labels.theirs(is_heard=False)
    order, _ = become(labels.desk, lost, await labels.asked())
    assert (order.status, order.executed_quantity) == (OrderStatus.FILLED, D(1))
    assert order.venue_order_id != theirs


# --- what a stranger executes


@pytest.mark.parametrize("amount", ["0.7", "1"], ids=["other terms", "our terms"])
@pytest.mark.parametrize("are_late", [False, True])
async def test_what_a_strangers_order_executes_is_never_ours(labels: Labels, amount: str, are_late: bool) -> None:
    """Its news come early, late and twice; and once more from the history."""
    begun_ms = labels.desk.venue.clock.now_ms() - 1_000
    theirs = await labels.theirs(amount)
    await pass_time(labels.desk, APART_MS)
    labels.recorded_now()
    lost = await labels.lose()
    await labels.desk.fill(D("0.25"))
    await until(lambda: bool(labels.desk.sink.fills), "the execution")
    again = await replayed(labels.desk.session, begun_ms)
    news = list(labels.desk.sink.reports)
    labels.desk.sink.reports += news
    order, (adopted,) = become(labels.desk, lost, again, await labels.past_fence(), again, are_late=are_late)
    assert (order.status, order.executed_quantity) == (OrderStatus.REJECTED, 0)
    assert (adopted.venue_order_id, adopted.executed_quantity) == (theirs, D("0.25"))


# --- two that may be ours


@pytest.mark.parametrize("is_restarted", [False, True])
@pytest.mark.parametrize("are_late", [False, True])
async def test_two_that_may_be_ours_leave_it_undetermined(labels: Labels, are_late: bool, is_restarted: bool) -> None:
    lost = await labels.lose(ARRIVED)
    theirs = await labels.theirs()
    await labels.desk.fill(D("0.25"))
    await until(lambda: bool(labels.desk.sink.fills), "the execution")
    order, adopted = become(labels.desk, lost, are_late=are_late, kept={KeepReason.NO_ORDER})
    assert (order.executed_quantity, order.venue_order_id, order.is_in_doubt, adopted) == (0, None, True, [])
    (canceled,) = await labels.desk.session.cancel(labels.ours)
    assert (kinds([canceled]), canceled.cause) == (["UnknownOutcome"], LEFT_ALONE)  # type: ignore[attr-defined]
    if is_restarted:
        news = labels.desk.sink.reports
        await labels.desk.again()
        labels.desk.sink.reports[:0] = news
    order, adopted = become(labels.desk, lost, await labels.past_fence(), are_late=are_late)
    assert (order.status, order.doubt) == (OrderStatus.SUBMITTED, Doubt.UNDETERMINED)
    assert (order.executed_quantity, order.venue_order_id) == (0, None)
    executed = {each.venue_order_id: each.executed_quantity for each in adopted}
    assert (len(executed), sum(executed.values()), theirs in executed) == (2, D("0.25"), True)
    assert len(await labels.open()) == 2
    assert await labels.cancels() == 0


async def test_two_strangers_with_our_terms_leave_ours_undetermined(labels: Labels) -> None:
    lost = await labels.lose()
    theirs = [await labels.theirs(), await labels.theirs()]
    late = await labels.past_fence()
    order, adopted = become(labels.desk, lost, late)
    assert (order.doubt, len(adopted), await labels.open()) == (Doubt.UNDETERMINED, 2, sorted(theirs))
    assert "may be others'" in late[-1].cause  # type: ignore[attr-defined]


async def test_ours_that_somebody_edits_before_it_is_named_is_neither_dead_nor_recognized(labels: Labels) -> None:
    """It is edited and edited back. It could just as well be a stranger's that was edited into ours."""
    lost = await labels.lose(ARRIVED)
    (id,) = await labels.open()
    for price in ("59980", "59990"):
        await labels.call("private/edit", {"order_id": id, "amount": D(1), "price": D(price)})
    order, adopted = become(labels.desk, lost, await labels.past_fence())
    assert (order.doubt, order.venue_order_id) == (Doubt.UNDETERMINED, None)
    assert [each.venue_order_id for each in adopted] == [id] == await labels.open()


# --- ours beside a stranger's


@pytest.mark.parametrize("is_first", [True, False], ids=["ours first", "theirs first"])
@pytest.mark.parametrize("other", ["amount", "side", "type"])
async def test_ours_is_found_and_canceled_beside_a_strangers(labels: Labels, other: str, is_first: bool) -> None:
    theirs = "" if is_first else await labels.theirs(**OTHER[other])
    lost = await labels.lose(ARRIVED)
    theirs = theirs or await labels.theirs(**OTHER[other])
    found = await labels.asked()
    order, adopted = become(labels.desk, lost, found)
    assert (order.status, order.quantity, order.is_in_doubt) == (OrderStatus.ACCEPTED, D(1), False)
    assert [each.venue_order_id for each in adopted] == [theirs]
    reply = await labels.desk.session.cancel(labels.ours)
    order, _ = become(labels.desk, lost, reply)
    assert (order.status, await labels.open()) == (OrderStatus.CANCELED, [theirs])


async def test_our_cancel_leaves_a_strangers_alone_when_ours_has_ended(labels: Labels) -> None:
    await labels.lose(ARRIVED)
    await labels.desk.fill(D(1))
    await until(lambda: bool(labels.desk.sink.fills), "the execution")
    theirs = await labels.theirs()
    assert kinds(await labels.desk.session.cancel(labels.ours)) == ["UnknownOutcome"]
    assert (await labels.open(), await labels.cancels()) == ([theirs], 0)


async def test_a_cancel_of_ours_that_has_ended_says_how(labels: Labels) -> None:
    lost = await labels.lose(ARRIVED)
    await labels.desk.fill(D(1))
    reports = await labels.desk.session.cancel(labels.ours)
    order, _ = become(labels.desk, lost, reports)
    assert (order.status, order.executed_quantity) == (OrderStatus.FILLED, D(1))
    assert kinds(reports)[-1] == "CancelRefused"


async def test_an_order_that_cannot_be_looked_for_is_not_canceled(labels: Labels) -> None:
    await labels.lose(ARRIVED)
    await labels.desk.venue.fault("private/get_order_state_by_label", LOST)
    assert await labels.desk.session.cancel(labels.ours) == []
    assert (await labels.cancels(), len(await labels.open())) == (0, 1)


async def test_the_reply_names_ours_whatever_the_stream_brought_before_it(labels: Labels) -> None:
    theirs = await labels.theirs()
    accepted = await labels.desk.session.submit(labels.ours)
    await until(lambda: len(labels.announced()) == 2, "the news")
    for are_late in (True, False):
        order, adopted = become(
            labels.desk, accepted, are_late=are_late, kept={KeepReason.NO_ORDER} if are_late else frozenset()
        )
        assert (order.status, order.venue_order_id != theirs) == (OrderStatus.ACCEPTED, True)
        assert [each.venue_order_id for each in adopted] == ([] if are_late else [theirs])


# --- stops


async def lost_and_triggered(labels: Labels, how: str, *, theirs: str | None = None) -> Sequence[Report]:
    """The reply to our stop is lost, or its request, beside a stranger's stop; then both are triggered."""
    labels.desk.order = stop(labels.desk, "60100")
    lost = await labels.lose(how)
    if theirs is not None:
        params = {"trigger": "last_price", "trigger_price": D(theirs), "type": "stop_market"}
        await labels.theirs("0.5", None, **params)
    await reach(labels.desk, "60100")
    await until(lambda: bool(labels.desk.sink.fills), "the execution")
    return lost


@pytest.mark.parametrize("is_late", [False, True])
async def test_a_stop_that_is_triggered_before_it_is_named_is_found(labels: Labels, is_late: bool) -> None:
    lost = await lost_and_triggered(labels, ARRIVED)
    order, adopted = become(labels.desk, lost, are_late=is_late, kept={KeepReason.NO_ORDER})
    assert (order.executed_quantity, adopted) == (0, [])
    order, adopted = become(labels.desk, lost, await labels.asked(), are_late=is_late)
    assert (order.status, order.executed_quantity, adopted) == (OrderStatus.FILLED, D("0.5"), [])
    assert len(order.former_venue_order_ids) == 1


async def test_a_stop_that_is_triggered_while_nobody_listens_is_found(labels: Labels) -> None:
    begun_ms = labels.desk.venue.clock.now_ms() - 1_000
    lost = await lost_and_triggered(labels, ARRIVED)
    await labels.desk.again()
    again = await replayed(labels.desk.session, begun_ms)
    order, adopted = become(labels.desk, lost, again, await labels.asked(), again)
    assert (order.status, order.executed_quantity, adopted) == (OrderStatus.FILLED, D("0.5"), [])


async def test_a_stop_that_is_triggered_before_it_is_named_is_canceled_by_its_new_id(labels: Labels) -> None:
    made = labels.desk.limit("0.5", "59000", type=OrderType.STOP_LIMIT, stop="60100")
    labels.desk.order = made
    lost = await labels.lose(ARRIVED)
    await reach(labels.desk, "60100")
    await until(lambda: "Accepted" in kinds(labels.desk.sink.reports), "the rename")
    reply = await labels.desk.session.cancel(labels.ours)
    for are_late in (False, True):
        order, adopted = become(labels.desk, lost, reply, are_late=are_late)
        assert (order.status, len(order.former_venue_order_ids), adopted) == (OrderStatus.CANCELED, 1, [])
    assert await labels.open() == []


async def test_a_strangers_stop_that_is_triggered_is_not_ours(labels: Labels) -> None:
    lost = await lost_and_triggered(labels, LOST, theirs="60090")
    order, (adopted,) = become(labels.desk, lost, await labels.past_fence(), are_late=True)
    assert (order.status, order.executed_quantity) == (OrderStatus.REJECTED, 0)
    assert (adopted.status, adopted.executed_quantity) == (OrderStatus.FILLED, D("0.5"))


async def test_a_strangers_stop_whose_trigger_was_not_heard_of_stays_one_order(labels: Labels) -> None:
    """It was adopted before. The answer to the question about ours says what it has become."""
    labels.desk.order = stop(labels.desk, "60100")
    lost = await labels.lose()
    trigger = {"trigger": "last_price", "trigger_price": D(60_090), "type": "stop_market"}
    theirs = await labels.theirs("0.5", None, **trigger)
    await labels.desk.venue.hold_stream_down()
    await reach(labels.desk, "60090")
    order, (adopted,) = become(labels.desk, lost, await labels.past_fence(), are_late=True)
    assert (order.status, adopted.former_venue_order_ids) == (OrderStatus.REJECTED, (theirs,))
    assert adopted.stated_quantity == D("0.5")


async def test_our_triggered_stop_is_told_from_a_strangers(labels: Labels) -> None:
    lost = await lost_and_triggered(labels, ARRIVED, theirs="60090")
    await until(lambda: len(labels.desk.sink.fills) == 2, "both executions")
    order, (adopted,) = become(labels.desk, lost, await labels.asked())
    assert (order.status, order.executed_quantity) == (OrderStatus.FILLED, D("0.5"))
    assert (adopted.status, adopted.executed_quantity) == (OrderStatus.FILLED, D("0.5"))


@pytest.mark.parametrize("how", [ARRIVED, LOST])
async def test_what_a_stop_has_become_is_found_though_the_stop_is_not_listed(labels: Labels, how: str) -> None:
    """The venue lists what a stop has become, and knows the stop by its id alone. A stranger's has another trigger."""
    lost = await lost_and_triggered(labels, how, theirs=None if how == ARRIVED else "60090")
    session: Any = labels.desk.session
    whole = session._rest.signed

    async def without_triggered(signer: Any, make: Any, **more: Any) -> Any:
        outcome = await whole(signer, make, **more)
        if make(None).method != "private/get_order_state_by_label":
            return outcome
        rows = [row for row in decode(list[Any], result_of(outcome)) if row["order_state"] != "triggered"]
        return replace(outcome, body=msgspec.json.encode({"result": rows}))

    session._rest.signed = without_triggered
    found = await labels.asked() if how == ARRIVED else await labels.past_fence()
    order, _ = become(labels.desk, lost, found)
    expected = (OrderStatus.FILLED, D("0.5")) if how == ARRIVED else (OrderStatus.REJECTED, D(0))
    assert (order.status, order.executed_quantity) == expected
