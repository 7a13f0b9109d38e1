"""What each failure of an order or cancel leaves behind: it ends equal to the simulator's ledger, nothing is sent
twice, and no order is called rejected before its fence has passed."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
from structlog.testing import capture_logs
from tests.adapters.late_cases import LateCases
from tests.adapters.outcome_cases import OutcomeCases
from tests.binance_kit import MARKETS, Desk, open_desk, simulated_binance

from cadenza.adapters.venues.binance.spec import spec_of
from cadenza.domain.ids import Environment
from cadenza.domain.market.enums import OrderType, TimeInForce
from cadenza.domain.trading.reports import RejectedReport

ALGO = "algo"
"""The algo service of USD-M, where conditional orders wait."""


@pytest.fixture(params=[*MARKETS, ALGO])
async def desk(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Desk]:
    market = "usdm" if request.param == ALGO else request.param
    async with (
        simulated_binance(tmp_path) as venue,
        venue.relaying(spec_of(Environment.LIVE, base=venue.url)) as spec,
        open_desk(venue, market=market, spec=spec) as opened,
    ):
        if request.param == ALGO:
            found = opened.limit("0.5", None, type=OrderType.STOP, stop="60100")
            opened.order = replace(found, time_in_force=TimeInForce.GTC)
        yield opened


class TestBinanceOutcomes(OutcomeCases):
    """In every market, and for conditional orders of USD-M."""


class TestBinanceLateRequests(LateCases):
    """In every market, and for conditional orders of USD-M."""


async def test_a_refusal_shows_the_venues_code_and_words_to_the_user_and_in_the_log(tmp_path: Path) -> None:
    async with simulated_binance(tmp_path) as venue, open_desk(venue) as desk:
        with capture_logs() as lines:
            (report,) = await desk.session.submit(desk.limit("1", "999999999"))
    assert isinstance(report, RejectedReport)
    assert report.reason == "INVALID_ORDER: -1013 Filter failure: PRICE_FILTER"
    (line,) = (each for each in lines if each["event"] == "venue_refused")
    assert (line["request"], line["status"]) == ("POST /api/v3/order", 400)
    assert line["text"] == "-1013 Filter failure: PRICE_FILTER"
    assert desk.venue.secrets().api_key not in str(lines)
