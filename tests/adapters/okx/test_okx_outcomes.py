"""The cases of failures at OKX: spot, margin, swaps, and the algo service of each."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
from tests.adapters.late_cases import LateCases
from tests.adapters.outcome_cases import OutcomeCases
from tests.okx_kit import MARKETS, OkxDesk, open_okx_desk, simulated_okx

from cadenza.adapters.venues.okx.spec import spec_of
from cadenza.domain.ids import Environment
from cadenza.domain.market.enums import OrderType, TimeInForce

ALGO = "algo"


@pytest.fixture(params=[*MARKETS, ALGO])
async def desk(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[OkxDesk]:
    market = "swap" if request.param == ALGO else request.param
    level = "3" if market == "margin" else "2"
    async with (
        simulated_okx(tmp_path, account_level=level) as venue,
        venue.relaying(spec_of(Environment.LIVE, base=venue.url)) as spec,
        open_okx_desk(venue, market, spec=spec) as opened,
    ):
        if request.param == ALGO:
            found = opened.limit("0.5", None, type=OrderType.STOP, stop="60100")
            opened.order = replace(found, time_in_force=TimeInForce.GTC)
        yield opened


class TestOkxOutcomes(OutcomeCases):
    """In every market, and for stops."""


class TestOkxLateRequests(LateCases):
    """In every market, and for stops."""
