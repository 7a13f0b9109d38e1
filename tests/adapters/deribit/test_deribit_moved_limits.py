"""Others may use our labels, and the venue has moved the limit price of ours, or its clock was set."""

from dataclasses import replace
from decimal import Decimal as D
from typing import Any

import pytest
from tests.adapters.deribit.labels_world import APART_MS, ARRIVED, LEFT_ALONE, Labels
from tests.adapters.deribit.test_deribit_sessions import pass_time
from tests.inhouse_kit import kinds, until
from tests.simulated_kit import SEND_WITHIN_MS, become

from cadenza.adapters.venues.deribit.requests import RpcMessage
from cadenza.adapters.venues.deribit.spec import FENCE
from cadenza.domain.market.enums import OrderType, Side
from cadenza.domain.trading.enums import OrderStatus
from cadenza.domain.trading.kept import KeepReason
from cadenza.domain.trading.order import Doubt

# --- limit prices that the venue moves


@pytest.mark.parametrize(("side", "limit"), [(Side.BUY, "90000"), (Side.SELL, "30000")])
async def test_ours_is_found_although_the_venue_has_moved_its_limit(labels: Labels, side: Side, limit: str) -> None:
    labels.desk.order = labels.desk.limit("5", limit, side)
    lost = await labels.lose(ARRIVED)
    order, adopted = become(labels.desk, lost, kept={KeepReason.NO_ORDER})
    assert (order.venue_order_id, adopted) == (None, []), "it waits for its name"
    order, adopted = become(labels.desk, lost, await labels.asked(), are_late=True)
    assert (order.status, order.executed_quantity, adopted) == (OrderStatus.PARTIALLY_FILLED, D(3), [])
    assert order.limit_price not in (None, D(limit))


async def test_a_strangers_order_with_a_worse_limit_is_not_one_that_the_venue_has_moved(labels: Labels) -> None:
    """The venue would not move ours: its limit is close to the market."""
    lost = await labels.lose()
    theirs = await labels.theirs(price="59000")
    order, (adopted,) = become(labels.desk, lost, await labels.past_fence())
    assert (order.doubt, order.venue_order_id) == (Doubt.UNDETERMINED, None)
    assert (adopted.venue_order_id, adopted.limit_price) == (theirs, D(59_000))


async def test_a_reply_after_the_news_of_a_moved_limit_names_ours(labels: Labels) -> None:
    labels.desk.order = labels.desk.limit("1", "90000", type=OrderType.LIMIT)
    accepted = await labels.desk.session.submit(labels.ours)
    await until(lambda: bool(labels.announced()), "the news")
    order, adopted = become(labels.desk, accepted, are_late=True)
    assert (order.status, order.executed_quantity, adopted) == (OrderStatus.FILLED, D(1), [])


@pytest.mark.parametrize("status", [400, 502])
async def test_a_moved_limit_that_no_ticker_explains_leaves_ours_to_an_operator(
    labels: Labels, monkeypatch: pytest.MonkeyPatch, status: int
) -> None:
    """The venue states no ticker, of a contract that is over, say. Nothing is canceled, which the cancel says."""
    labels.desk.order = labels.desk.limit("1", "90000", type=OrderType.LIMIT)
    lost = await labels.lose(ARRIVED)
    session: Any = labels.desk.session
    ask = session._rest.public

    async def without_ticker(request: RpcMessage, **more: Any) -> Any:
        outcome = await ask(request, **more)
        refused = b'{"error":{"code":-32602,"message":"Invalid params"}}'
        return replace(outcome, status=status, body=refused) if request.method == "public/ticker" else outcome

    monkeypatch.setattr(session._rest, "public", without_ticker)
    found = await labels.past_fence()
    (refused,) = await session.cancel(labels.ours)
    assert (kinds([refused]), refused.cause) == (["UnknownOutcome"], LEFT_ALONE)  # type: ignore[attr-defined]
    order, adopted = become(labels.desk, lost, found)
    assert (order.doubt, order.venue_order_id, len(adopted)) == (Doubt.UNDETERMINED, None, 1)


# --- the venue's clock


async def test_ours_is_found_after_the_venues_clock_was_set_back_by_more_than_clocks_may_differ(labels: Labels) -> None:
    """Its dates are before ours was recorded, and prove nothing. The reply to our order is about our order anyway."""
    labels.recorded_now(recorded_after_ms=labels.desk.venue.clock.now_ms() - 100)
    await labels.desk.venue.post("faults", {"clock_offset_ms": -70_000})
    session: Any = labels.desk.session
    assert await session._rest.clock.measure()
    accepted = await session.submit(labels.ours)
    assert kinds(accepted) == ["Accepted"]
    for said in (accepted, await labels.asked()):
        order, adopted = become(labels.desk, said)
        assert (order.status, order.is_in_doubt, adopted) == (OrderStatus.ACCEPTED, False, [])


async def test_a_date_proves_nothing_after_the_venues_clock_was_set(labels: Labels) -> None:
    """It is measured again before an order is called a stranger's."""
    await labels.desk.venue.post("faults", {"clock_offset_ms": -30_000})
    lost = await labels.lose(ARRIVED)
    order, _ = become(labels.desk, lost, await labels.asked())
    assert (order.status, order.is_in_doubt) == (OrderStatus.ACCEPTED, False)


async def test_no_order_is_called_a_strangers_while_the_venues_time_cannot_be_asked_for(
    labels: Labels, monkeypatch: pytest.MonkeyPatch
) -> None:
    await labels.theirs()
    await pass_time(labels.desk, APART_MS)
    labels.recorded_now()
    lost = await labels.lose()
    await pass_time(labels.desk, SEND_WITHIN_MS + FENCE.margin_ms)
    session: Any = labels.desk.session

    async def unanswered(samples: int = 1) -> bool:
        return False

    with monkeypatch.context() as away:
        away.setattr(session._rest.clock, "measure", unanswered)
        assert kinds(await labels.asked()) == ["UnknownOutcome"]
    order, _ = become(labels.desk, lost, await labels.asked())
    assert order.status is OrderStatus.REJECTED, "it can be asked for again"
