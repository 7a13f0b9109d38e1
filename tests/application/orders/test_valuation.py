"""What an asset is worth: by fresh prices of its own venue, else by those of another that trades for real."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal as D
from typing import Any

from cadenza.application.market_data.catalogue import Catalogue
from cadenza.application.orders.portfolios import AssetPrice, PortfolioBuilder
from cadenza.domain.ids import PAPER, Environment, InstrumentId, Venue, VenueId
from cadenza.domain.market.instrument import Instrument, TopOfBook
from tests.domain.trading.worlds import instrument

BINANCE, OKX = VenueId(Venue.BINANCE, Environment.LIVE), VenueId(Venue.OKX, Environment.LIVE)
OKX_UAT = VenueId(Venue.OKX, Environment.UAT)


def listed(venue_id: VenueId, base: str, quote: str = "USDT") -> Instrument:
    return instrument(
        id=InstrumentId(f"{venue_id}:{base}/{quote}"), venue_id=venue_id, base_asset=base, quote_asset=quote
    )


@dataclass
class Market:
    """Fresh prices by instrument, the books that were opened, and those that are about to be fresh."""

    prices: dict[str, str]
    opened: list[InstrumentId] = field(default_factory=list)
    coming: set[str] = field(default_factory=set)

    def top(self, instrument_id: InstrumentId) -> TopOfBook | None:
        self.opened.append(instrument_id)
        return self.known_top(instrument_id)

    def known_top(self, instrument_id: InstrumentId) -> TopOfBook | None:
        price = self.prices.get(instrument_id)
        return None if price is None else TopOfBook(D(price), D(price), D(price), 1)

    def may_come(self, instrument_id: InstrumentId) -> bool:
        return instrument_id in self.coming


async def builder(market: Market, instruments: Sequence[Instrument]) -> PortfolioBuilder:
    catalogue = Catalogue(storage=_Stored(instruments))  # type: ignore[arg-type]
    await catalogue.load()
    shown: Any = market
    return PortfolioBuilder(
        market=shown,
        instrument=catalogue.instrument,
        security=catalogue.security,
        asset_graphs=catalogue.asset_graphs,
    )


class _Stored:
    """A storage with this catalogue."""

    def __init__(self, instruments: Sequence[Instrument]) -> None:
        self._instruments = instruments

    def read(self) -> "_Stored":
        return self

    async def __aenter__(self) -> "_Stored":
        return self

    async def __aexit__(self, *_: object) -> None: ...

    @property
    def catalogue(self) -> "_Stored":
        return self

    async def instruments(self) -> Sequence[Instrument]:
        return self._instruments

    async def securities(self) -> Sequence[object]:
        return ()

    async def overrides(self) -> Sequence[object]:
        return ()

    async def deleted_securities(self) -> Sequence[object]:
        return ()


async def test_the_own_venues_fresh_price_counts_before_another_venues() -> None:
    market = Market({"OKX:BTC/USDT": "100", "BINANCE:BTC/USDT": "101"})
    portfolios = await builder(market, [listed(BINANCE, "BTC"), listed(OKX, "BTC")])
    assert portfolios.valuation(OKX).rate("BTC") == D(100)
    assert portfolios.valuation(BINANCE).rate("BTC") == D(101)
    assert set(market.opened) == {"OKX:BTC/USDT", "BINANCE:BTC/USDT"}


async def test_another_venue_values_what_the_own_one_does_not_list_or_has_no_fresh_price_of() -> None:
    market = Market({"BINANCE:BTC/USDT": "101", "BINANCE:ETH/BTC": "0.05"}, coming={"OKX:BTC/USDT"})
    portfolios = await builder(market, [listed(BINANCE, "BTC"), listed(BINANCE, "ETH", "BTC"), listed(OKX, "BTC")])
    valued = portfolios.valuation(OKX)
    assert valued.rate("BTC") == D(101)
    assert valued.needed("BTC") == ["OKX:BTC/USDT"], "its own book is opened, and counts once it is fresh"
    assert valued.rate("ETH") == D("5.05")
    assert valued.needed("ETH") == ["BINANCE:ETH/BTC", "BINANCE:BTC/USDT"]
    market.prices["OKX:BTC/USDT"] = "100"
    assert portfolios.valuation(OKX).rate("BTC") == D(100)


async def test_another_venues_books_are_opened_when_those_of_the_own_one_do_not_come() -> None:
    market = Market({}, coming={"OKX:ETH/BTC", "OKX:BTC/USDT"})
    portfolios = await builder(
        market, [listed(each, *pair) for each in (BINANCE, OKX) for pair in (("ETH", "BTC"), ("BTC",))]
    )
    valued = portfolios.valuation(OKX)
    assert (valued.rate("ETH"), valued.is_awaited("ETH")) == (None, True)
    assert market.opened == ["OKX:ETH/BTC", "OKX:BTC/USDT"], "they may come in a moment"
    market.coming = {"OKX:ETH/BTC", "BINANCE:ETH/BTC", "BINANCE:BTC/USDT"}
    market.opened.clear()
    valued = portfolios.valuation(OKX)
    assert (valued.rate("ETH"), valued.is_awaited("ETH")) == (None, True)
    assert market.opened == ["OKX:ETH/BTC", "OKX:BTC/USDT", "BINANCE:ETH/BTC", "BINANCE:BTC/USDT"]
    market.prices = {"BINANCE:ETH/BTC": "0.05", "BINANCE:BTC/USDT": "101"}
    assert portfolios.valuation(OKX).rate("ETH") == D("5.05")
    market.prices, market.coming = {}, {"BINANCE:ETH/BTC"}
    valued = portfolios.valuation(OKX)
    assert (valued.rate("ETH"), valued.is_awaited("ETH")) == (None, False)


async def test_an_indirect_path_of_the_own_venue_opens_no_book_of_another() -> None:
    market = Market({"OKX:BTC/USDC": "100", "OKX:USDC/USDT": "1"})
    pairs = [listed(OKX, "BTC"), listed(OKX, "BTC", "USDC"), listed(OKX, "USDC"), listed(BINANCE, "BTC")]
    portfolios = await builder(market, pairs)
    assert portfolios.valuation(OKX).rate("BTC") == D(100)
    assert {each for each in market.opened if each.startswith("BINANCE")} == set()


async def test_a_price_says_where_it_comes_from_and_a_missing_one_what_it_needs() -> None:
    market = Market({"OKX:ETH/BTC": "0.05", "OKX:BTC/USDT": "100"}, coming={"OKX:SOL/USDT"})
    pairs = [listed(OKX, "ETH", "BTC"), listed(OKX, "BTC"), listed(OKX, "SOL"), listed(OKX, "OLD")]
    valued = (await builder(market, pairs)).valuation(OKX)
    path = [InstrumentId("OKX:ETH/BTC"), InstrumentId("OKX:BTC/USDT")]
    assert valued.price("ETH") == AssetPrice(asset="ETH", currency="USDT", rate=D(5), instruments=path, at_ms=1)
    assert valued.price("USDT") == AssetPrice(asset="USDT", currency="USDT", rate=D(1), instruments=[], at_ms=None)
    missing = valued.price("SOL"), valued.price("OLD")
    assert [(each.rate, each.instruments, each.is_awaited) for each in missing] == [
        (None, ["OKX:SOL/USDT"], True),
        (None, ["OKX:OLD/USDT"], False),
    ]


async def test_prices_of_a_test_environment_or_of_paper_value_nothing_elsewhere() -> None:
    market = Market({"OKX_UAT:BTC/USDT": "7", "PAPER:BTC/USDT": "8", "OKX_UAT:TEST/USDT": "3"})
    instruments = [listed(OKX_UAT, "BTC"), listed(OKX_UAT, "TEST"), listed(PAPER, "BTC"), listed(OKX, "BTC")]
    portfolios = await builder(market, instruments)
    assert portfolios.valuation(OKX).rate("BTC") is None
    assert portfolios.valuation(OKX).rate("TEST") is None
    assert portfolios.valuation(OKX_UAT).rate("TEST") == D(3)


async def test_what_no_venue_prices_has_no_value() -> None:
    portfolios = await builder(Market({}), [listed(BINANCE, "BTC"), listed(OKX, "BTC")])
    assert portfolios.valuation(OKX).rate("BTC") is None
    assert portfolios.valuation(OKX).rate("DUST") is None
    assert portfolios.valuation(OKX).needed("DUST") == []
