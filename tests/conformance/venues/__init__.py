"""The venues under test, one file each."""

from collections.abc import Mapping
from functools import partial

from tests.conformance.harness import VenueFactory
from tests.conformance.venues.binance import BinanceMarginUnderTest, BinanceUnderTest, BinanceUsdmUnderTest
from tests.conformance.venues.bitfinex import (
    BitfinexFuturesUnderTest,
    BitfinexMarginUnderTest,
    BitfinexPaperUnderTest,
    BitfinexUnderTest,
)
from tests.conformance.venues.deribit import DeribitOptionsUnderTest, DeribitSpotUnderTest, DeribitUnderTest
from tests.conformance.venues.mock import MockUnderTest
from tests.conformance.venues.okx import (
    OkxMarginUnderTest,
    OkxOptionsUnderTest,
    OkxSwapUnderTest,
    OkxUnderTest,
)
from tests.conformance.venues.paper import PaperUnderTest
from tests.conformance.venues.scripted import ScriptedUnderTest
from tests.scripted.specs import SUITE_KINDS

DOCUMENTED: Mapping[str, VenueFactory] = {
    "PAPER": PaperUnderTest,
    "MOCK": MockUnderTest,
    "BINANCE": BinanceUnderTest,
    "OKX": OkxUnderTest,
    "DERIBIT": DeribitUnderTest,
    "BITFINEX": BitfinexUnderTest,
}
"""Those that users can trade on; each has a page."""

VENUES: Mapping[str, VenueFactory] = DOCUMENTED | {
    "BINANCE MARGIN": BinanceMarginUnderTest,
    "BINANCE USD-M": BinanceUsdmUnderTest,
    "BITFINEX MARGIN": BitfinexMarginUnderTest,
    "BITFINEX FUTURES": BitfinexFuturesUnderTest,
    "BITFINEX_UAT": BitfinexPaperUnderTest,
    "DERIBIT MARGIN": DeribitSpotUnderTest,
    "DERIBIT OPTIONS": DeribitOptionsUnderTest,
    "OKX MARGIN": OkxMarginUnderTest,
    "OKX FUTURES": OkxSwapUnderTest,
    "OKX OPTIONS": OkxOptionsUnderTest,
    **{kind.name: partial(ScriptedUnderTest, kind) for kind in SUITE_KINDS.values()},
}
