"""What each failure of an order or cancel leaves behind, at every venue that has a simulator: it ends equal to the
simulator's ledger, nothing is sent twice, and no order is called rejected before its fence has passed.

A venue's tests derive a class from the cases, and give the fixture `desk`.
"""

import asyncio

import pytest
from tests.inhouse_kit import kinds, until
from tests.serving import eventually
from tests.simulated_kit import SEND_WITHIN_MS, SimulatedDesk

from cadenza.domain.trading.enums import OrderStatus
from cadenza.domain.trading.order import Doubt
from cadenza.domain.trading.reports import RejectedReport, UnknownOutcomeReport

ARRIVED = ["reset_after", "error_after", "timeout_after"]
LOST = ["reset_before", "error_before", "timeout_before"]


class OutcomeCases:
    """The cases. `desk` has an order that rests, in the market or in a service for conditional orders."""

    @pytest.mark.parametrize("kind", [*ARRIVED, *LOST])
    async def test_a_submit_without_an_answer(self, desk: SimulatedDesk, kind: str) -> None:
        has_arrived = kind in ARRIVED
        await desk.venue.fault(desk.about("place"), kind)
        reply = await desk.session.submit(desk.order)
        assert kinds(reply) == ["UnknownOutcome"]
        early = await desk.session.lookup([desk.order])
        assert not any(isinstance(report, RejectedReport) for report in early), "the fence has not passed"
        if not has_arrived:
            assert kinds(early) == ["UnknownOutcome"]
            desk.venue.clock.advance(SEND_WITHIN_MS + _margin_ms(desk) + 1)
        late = await desk.session.lookup([desk.order])
        end = desk.believed(reply, early, late)
        if has_arrived:
            expected = OrderStatus.ACCEPTED, None, ["NEW"]
        elif desk.is_checked_inside:
            expected = OrderStatus.REJECTED, None, []
        else:  # it may arrive at any time
            expected = OrderStatus.SUBMITTED, Doubt.UNDETERMINED, []
        assert (end.status, end.doubt, await desk.truth()) == expected
        assert end.is_in_doubt is (end.doubt is not None)
        assert await desk.requests(desk.about("place")) == (1 if has_arrived else 0)

    @pytest.mark.parametrize("kind", [*ARRIVED, *LOST])
    async def test_a_cancel_without_an_answer(self, desk: SimulatedDesk, kind: str) -> None:
        accepted = await desk.session.submit(desk.order)
        works = desk.believed(accepted)
        await desk.venue.fault(desk.about("cancel"), kind)
        reply = await desk.session.cancel(works)
        assert kinds(reply) == ["UnknownOutcome"]
        shown = await desk.session.lookup([works])
        expected, truth = (OrderStatus.CANCELED, ["CANCELED"]) if kind in ARRIVED else (OrderStatus.ACCEPTED, ["NEW"])
        assert (desk.believed(accepted, shown).status, await desk.truth()) == (expected, truth)
        again = await desk.session.cancel(works)
        await until(lambda: desk.believed(accepted, shown, again).status is OrderStatus.CANCELED, "the end")
        assert await desk.truth() == ["CANCELED"]

    async def test_a_submit_that_is_never_answered_is_given_up_and_found(self, desk: SimulatedDesk) -> None:
        """The platform stops waiting; the venue has the order."""
        await desk.venue.fault(desk.about("place"), "silence_after")
        submitting = asyncio.create_task(desk.session.submit(desk.order))
        await eventually(desk.has_arrived)
        submitting.cancel()
        await asyncio.gather(submitting, return_exceptions=True)
        shown = await desk.session.lookup([desk.order])
        assert desk.believed(shown).status is OrderStatus.ACCEPTED
        assert await desk.requests(desk.about("place")) == 1

    async def test_an_answer_that_comes_late_goes_to_the_sink(self, desk: SimulatedDesk) -> None:
        await desk.venue.fault(desk.about("place"), "slow", delay_ms=400)
        submitting = asyncio.create_task(desk.session.submit(desk.order))
        await eventually(desk.has_arrived)
        submitting.cancel()
        await asyncio.gather(submitting, return_exceptions=True)
        await until(lambda: "Accepted" in kinds(desk.sink.reports), "the late answer")
        assert desk.believed().status is OrderStatus.ACCEPTED

    async def test_an_order_that_the_venue_holds_back_past_its_deadline(self, desk: SimulatedDesk) -> None:
        """It waits inside the venue until its time is over, and is then checked again, where the venue does that."""
        await desk.venue.fault(desk.about("place"), "late", delay_ms=SEND_WITHIN_MS + 2_000)
        submitting = asyncio.create_task(desk.session.submit(desk.order))
        await asyncio.sleep(0)
        early = await desk.session.lookup([desk.order])
        assert kinds(early) == ["UnknownOutcome"]

        def is_answered() -> bool:
            desk.venue.clock.advance(5)
            return submitting.done()

        await until(is_answered, "the refusal")
        reply = await submitting
        stands = desk.believed(early, reply).status, await desk.truth()
        assert stands == ((OrderStatus.REJECTED, []) if desk.is_checked_inside else (OrderStatus.ACCEPTED, ["NEW"]))

    async def test_a_query_that_is_behind_does_not_kill_an_order(self, desk: SimulatedDesk) -> None:
        """-2013 for a second after the order was accepted."""
        await desk.venue.post("faults", {"lookup_lag_ms": 1_000})
        await desk.venue.fault(desk.about("place"), "reset_after")
        reply = await desk.session.submit(desk.order)
        early = await desk.session.lookup([desk.order])
        assert kinds(early) == ["UnknownOutcome"]
        desk.venue.clock.advance(1_001)
        late = await desk.session.lookup([desk.order])
        assert desk.believed(reply, early, late).status is OrderStatus.ACCEPTED

    async def test_a_query_that_is_behind_even_after_the_fence_is_asked_twice(self, desk: SimulatedDesk) -> None:
        """Also about an order that its venue may take in at any time: no operator has to look for it."""
        await desk.venue.fault(desk.about("place"), "reset_after")
        reply = await desk.session.submit(desk.order)
        lag_ms = SEND_WITHIN_MS + _margin_ms(desk) + 300
        await desk.venue.post("faults", {"lookup_lag_ms": lag_ms})
        desk.venue.clock.advance(SEND_WITHIN_MS + _margin_ms(desk) + 1)
        shown = await desk.session.lookup([desk.order])
        assert kinds(shown) == ["OrderStatus"]
        assert desk.believed(reply, shown).status is OrderStatus.ACCEPTED

    async def test_a_cancel_whose_query_is_behind_ends_as_the_venue_says(self, desk: SimulatedDesk) -> None:
        """-2013 for a second after the cancel was executed, and its answer is lost."""
        accepted = await desk.session.submit(desk.order)
        works = desk.believed(accepted)
        await desk.venue.fault(desk.about("cancel"), "reset_after")
        lag_ms = desk.venue.clock.now_ms() - works.created_at_ms + 1_000
        await desk.venue.post("faults", {"lookup_lag_ms": lag_ms})
        reply = await desk.session.cancel(works)
        early = await desk.session.lookup([works])
        assert not any(isinstance(report, RejectedReport) for report in [*reply, *early])
        desk.venue.clock.advance(1_001)
        late = await desk.session.lookup([works])
        assert desk.believed(accepted, reply, early, late).status is OrderStatus.CANCELED
        assert await desk.truth() == ["CANCELED"]

    async def test_a_cancel_that_is_looked_up_after_the_fence_ends_as_the_venue_says(self, desk: SimulatedDesk) -> None:
        """The deadline of the order is long past then, and the order is in doubt no more."""
        accepted = await desk.session.submit(desk.order)
        works = desk.believed(accepted)
        await desk.venue.fault(desk.about("cancel"), "reset_after")
        reply = await desk.session.cancel(works)
        desk.venue.clock.advance(SEND_WITHIN_MS + _margin_ms(desk) + 1)
        shown = await desk.session.lookup([works])
        again = await desk.session.cancel(works)
        assert not any(isinstance(report, RejectedReport) for report in [*reply, *shown, *again])
        assert desk.believed(accepted, reply, shown, again).status is OrderStatus.CANCELED
        assert await desk.truth() == ["CANCELED"]

    async def test_a_cancel_whose_answer_comes_after_the_fence_is_delivered(self, desk: SimulatedDesk) -> None:
        accepted = await desk.session.submit(desk.order)
        works = desk.believed(accepted)
        await desk.venue.fault(desk.about("cancel"), "slow", delay_ms=SEND_WITHIN_MS + _margin_ms(desk) + 1_000)
        canceling = asyncio.create_task(desk.session.cancel(works))

        async def is_canceled() -> bool:
            return await desk.truth() == ["CANCELED"]

        await eventually(is_canceled)
        early = await desk.session.lookup([works])
        assert desk.believed(accepted, early).status is OrderStatus.CANCELED
        desk.venue.clock.advance(SEND_WITHIN_MS + _margin_ms(desk) + 1_000)
        reply = await canceling
        assert desk.believed(accepted, reply, early).status is OrderStatus.CANCELED
        assert desk.believed(accepted, early, reply).status is OrderStatus.CANCELED

    async def test_too_many_requests_and_a_ban_reject_nothing_twice(self, desk: SimulatedDesk) -> None:
        await desk.venue.fault(desk.about("place"), "too_many_requests", retry_after_s=1)
        reply = await desk.session.submit(desk.order)
        assert desk.believed(reply).status is OrderStatus.REJECTED
        assert "RATE_LIMITED" in reply[0].reason  # type: ignore[attr-defined]
        assert await desk.truth() == []

    async def test_a_cancel_that_could_not_be_asked_says_nothing(self, desk: SimulatedDesk) -> None:
        accepted = await desk.session.submit(desk.order)
        await desk.venue.fault(desk.about("cancel"), "too_many_requests", retry_after_s=1)
        assert await desk.session.cancel(desk.believed(accepted)) == ()
        assert await desk.truth() == ["NEW"]

    async def test_an_answer_that_cannot_be_read_settles_nothing(self, desk: SimulatedDesk) -> None:
        await desk.venue.fault(desk.about("place"), "error_after", status=200, body="<html>a proxy</html>")
        reply = await desk.session.submit(desk.order)
        assert isinstance(reply[0], UnknownOutcomeReport)
        shown = await desk.session.lookup([desk.order])
        assert desk.believed(reply, shown).status is OrderStatus.ACCEPTED


def _margin_ms(desk: SimulatedDesk) -> int:
    fence = desk.connector.spec.fence
    assert fence is not None
    return int(fence.margin_ms)
