"""The cases of failures at DERIBIT: pairs, perpetuals, and trigger orders."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest
from tests.adapters.late_cases import HALF, SUBMIT_MS, LateCases, arrive, broken_submit, canceled_again
from tests.adapters.outcome_cases import OutcomeCases
from tests.deribit_kit import MARKETS, DeribitDesk, open_deribit_desk, simulated_deribit
from tests.inhouse_kit import kinds, until
from tests.simulated_kit import SEND_WITHIN_MS, SimulatedDesk

from cadenza.adapters.venues.deribit.spec import FENCE, spec_of
from cadenza.domain.ids import Environment
from cadenza.domain.market.enums import OrderType, TimeInForce
from cadenza.domain.trading.enums import OrderStatus

TRIGGER = "trigger"


@pytest.fixture(params=[*MARKETS, TRIGGER])
async def desk(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[DeribitDesk]:
    market = "futures" if request.param == TRIGGER else request.param
    async with (
        simulated_deribit(tmp_path) as venue,
        venue.relaying(spec_of(Environment.LIVE, base=venue.url)) as spec,
        open_deribit_desk(venue, market, spec=spec) as opened,
    ):
        if request.param == TRIGGER:
            found = opened.limit("0.5", None, type=OrderType.STOP, stop="60100")
            opened.order = replace(found, time_in_force=TimeInForce.GTC)
        yield opened


class TestDeribitOutcomes(OutcomeCases):
    """In every market, and for stops."""

    async def test_an_order_that_the_venue_holds_back_past_its_deadline(self, desk: SimulatedDesk) -> None:
        """The venue had got it in time, so its `timed_out` does not say whether it has the order. After the fence it
        does not know it."""
        await desk.venue.fault(desk.about("place"), "late", delay_ms=SEND_WITHIN_MS + 2_000)
        submitting = asyncio.create_task(desk.session.submit(desk.order))

        def is_answered() -> bool:
            desk.venue.clock.advance(5)
            return submitting.done()

        await until(is_answered, "the refusal")
        reply = await submitting
        assert kinds(reply) == ["UnknownOutcome"]
        desk.venue.clock.advance(FENCE.margin_ms + 1)
        late = await desk.session.lookup([desk.order])
        assert (desk.believed(reply, late).status, await desk.truth()) == (OrderStatus.REJECTED, [])


class TestDeribitLateRequests(LateCases):
    """In every market, and for stops."""

    async def test_an_order_and_its_cancel_that_are_executed_late_with_a_fill_between(
        self, desk: SimulatedDesk
    ) -> None:
        """The cancel is asked for before the order has arrived. Nothing is sent, because only the venue's id names it.
        Once it is found it is canceled."""
        reply = await broken_submit(desk, SUBMIT_MS)
        refused = await desk.session.cancel(desk.order)
        assert kinds(refused) == ["CancelRefused"]
        await arrive(desk, "place", SUBMIT_MS)
        executed = Decimal(0)
        if desk.order.limit_price is not None:
            await desk.fill(HALF)
            executed = HALF
        assert await desk.requests("private/cancel") == 0
        end = await canceled_again(desk, desk.order, reply, refused)
        assert end.executed_quantity == executed
