"""The cases of failures at BITFINEX: with the exchange wallet, on margin, in derivatives, and for stops."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
from tests.adapters.outcome_cases import OutcomeCases
from tests.bitfinex_kit import MARKETS, BitfinexDesk, open_bitfinex_desk, simulated_bitfinex

from cadenza.domain.market.enums import OrderType, TimeInForce

TRIGGER = "trigger"


@pytest.fixture(params=[*MARKETS, TRIGGER])
async def desk(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[BitfinexDesk]:
    market = "spot" if request.param == TRIGGER else request.param
    async with simulated_bitfinex(tmp_path) as venue, open_bitfinex_desk(venue, market) as opened:
        if request.param == TRIGGER:
            found = opened.limit("0.5", None, type=OrderType.STOP, stop="60100")
            opened.order = replace(found, time_in_force=TimeInForce.GTC)
        yield opened


class TestBitfinexOutcomes(OutcomeCases):
    """In every account, and for stops."""
