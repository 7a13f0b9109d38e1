"""The cases of failures at BITFINEX: with the exchange wallet, on margin, in derivatives, and for stops."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
from tests.adapters.late_cases import (
    CANCEL_MS,
    SUBMIT_MS,
    LateCases,
    arrive,
    broken_cancel,
    broken_submit,
    look_up_twice,
)
from tests.adapters.outcome_cases import OutcomeCases
from tests.bitfinex_kit import MARKETS, BitfinexDesk, SimulatedBitfinex, open_bitfinex_desk, simulated_bitfinex
from tests.inhouse_kit import kinds, until
from tests.simulated_kit import SEND_WITHIN_MS, SimulatedDesk

from cadenza.adapters.venues.bitfinex.rest import LINE_MS_MAX
from cadenza.adapters.venues.bitfinex.spec import FENCE, spec_of
from cadenza.domain.accounts.credential import CredentialType
from cadenza.domain.ids import Environment
from cadenza.domain.market.enums import OrderType, TimeInForce
from cadenza.domain.trading.enums import OrderStatus

TRIGGER = "trigger"


@pytest.fixture(params=[*MARKETS, TRIGGER])
async def desk(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[BitfinexDesk]:
    market = "spot" if request.param == TRIGGER else request.param
    async with (
        simulated_bitfinex(tmp_path) as venue,
        venue.relaying(spec_of(Environment.LIVE, base=venue.url)) as spec,
        open_bitfinex_desk(venue, market, spec=spec) as opened,
    ):
        if request.param == TRIGGER:
            found = opened.limit("0.5", None, type=OrderType.STOP, stop="60100")
            opened.order = replace(found, time_in_force=TimeInForce.GTC)
        yield opened


class TestBitfinexOutcomes(OutcomeCases):
    """In every account, and for stops."""

    async def test_an_order_that_the_venue_holds_back_past_its_deadline(self, desk: SimulatedDesk) -> None:
        """An order has no deadline at the venue. A question that was answered meanwhile had a larger nonce, so the
        order is refused for its own, however late it arrives."""
        faults = desk.venue.simulator.venue.faults
        await desk.venue.fault(desk.about("place"), "late", delay_ms=SEND_WITHIN_MS + 2_000)
        submitting = asyncio.create_task(desk.session.submit(desk.order))
        await until(lambda: not faults.requests, "the order has left")
        desk.venue.clock.advance(LINE_MS_MAX)
        early = await desk.session.lookup([desk.order])
        assert kinds(early) == ["UnknownOutcome"]
        desk.venue.clock.advance(SEND_WITHIN_MS + 2_000)
        reply = await submitting
        assert kinds(reply) == ["UnknownOutcome"]
        assert "10114" in reply[0].cause  # type: ignore[attr-defined]
        desk.venue.clock.advance(FENCE.margin_ms)
        late = await desk.session.lookup([desk.order])
        assert (desk.believed(early, reply, late).status, await desk.truth()) == (OrderStatus.REJECTED, [])

    async def test_an_order_is_not_proved_dead_by_questions_of_another_key(self, desk: BitfinexDesk) -> None:
        """The new key's nonces say nothing of a request of the former one, which may arrive at any time."""
        venue: SimulatedBitfinex = desk.venue  # type: ignore[assignment]
        await venue.fault(desk.about("place"), "reset_before")
        reply = await desk.session.submit(desk.order)
        await desk.session.close()
        venue.clock.advance(1)
        for secrets in (venue.next_secrets(), venue.secrets()):
            session = await desk.connector.open_session(desk.account, CredentialType.HMAC, secrets, desk.sink)
            venue.clock.advance(SEND_WITHIN_MS + FENCE.margin_ms + 1)
            late = await session.lookup([desk.order])
            assert kinds(late) == ["UndeterminedOutcome"]
            assert desk.believed(reply, late).is_in_doubt
            await session.close()


class TestBitfinexLateRequests(LateCases):
    """In every account, and for stops."""

    async def test_an_order_and_its_cancel_that_are_executed_late_with_a_fill_between(
        self, desk: SimulatedDesk
    ) -> None:
        """The cancel looks for the order first. That question overtakes the order, which is refused when it arrives: no
        fill can come between, and nothing is left to cancel."""
        reply = await broken_submit(desk, SUBMIT_MS)
        unknown = await broken_cancel(desk, desk.order, CANCEL_MS)
        await arrive(desk, "place", SUBMIT_MS)
        assert await desk.truth() == []
        await arrive(desk, "cancel", CANCEL_MS - SUBMIT_MS)
        desk.venue.clock.advance(SEND_WITHIN_MS + FENCE.margin_ms)
        end = desk.believed(reply, unknown, await look_up_twice(desk))
        assert (end.status, end.is_in_doubt, await desk.truth()) == (OrderStatus.REJECTED, False, [])
