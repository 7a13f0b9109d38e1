"""A list of portfolios is valued at fresh prices, however many it needs, and says which assets have none."""

from types import SimpleNamespace
from typing import Any

import pytest
from tests.application.market_data.market_world import OKX, MarketWorld, ScriptedConnector
from tests.domain.trading.worlds import ACCOUNT, NOW_MS, D, account, instrument

from cadenza.application.accounts.list_portfolio_prices import ListPortfolioPrices
from cadenza.application.accounts.list_portfolios import ListPortfolios, PortfolioQuery
from cadenza.application.market_data import need_prices
from cadenza.application.market_data.keep_book import REOPEN_DELAY_MS_MIN
from cadenza.application.orders.portfolios import PortfolioBuilder
from cadenza.application.orders.unpriced_assets import UNPRICED_AGAIN_MS, UnpricedAssets
from cadenza.domain.accounts.balance import Balance
from cadenza.domain.accounts.trading_account import AccountType
from cadenza.domain.errors import VenueUnavailable
from cadenza.domain.ids import Environment, InstrumentId, Venue, VenueId
from cadenza.domain.market.asset_graph import AssetGraph
from cadenza.domain.trading.portfolio import Summary

BINANCE = VenueId(Venue.BINANCE, Environment.LIVE)
ACTOR: Any = SimpleNamespace(
    require=lambda _: None, require_account=lambda _: None, tenant_id=account().tenant_id, accounts=None
)
ASSETS = [f"A{number}" for number in range(5)]


class Stored:
    """A storage with one account at OKX, which has 1 of each asset."""

    accounts = property(lambda self: self)

    def read(self) -> "Stored":
        return self

    async def __aenter__(self) -> "Stored":
        return self

    async def __aexit__(self, *_: object) -> None: ...

    async def get(self, account_id: Any) -> Any:
        return account(AccountType.SPOT, venue_id=OKX)

    async def count(self, wanted: Any) -> int:
        return 1

    async def page(self, wanted: Any, offset: int, limit: int) -> list[Any]:
        return [account(AccountType.SPOT, venue_id=OKX)]

    async def balances(self, ids: Any) -> list[Balance]:
        return [Balance(account_id=ACCOUNT, asset=each, total=D(1), updated_at_ms=NOW_MS) for each in ASSETS]

    async def positions(self, ids: Any) -> list[Any]:
        return []


class Listing:
    """The use case over real books of two venues that both trade every asset; a middle is 100."""

    def __init__(self) -> None:
        self.world = world = MarketWorld()
        self.binance = world.connectors[BINANCE] = ScriptedConnector(BINANCE)
        self.okx = world.okx
        graphs = []
        for venue_id in (OKX, BINANCE):
            listed = [
                instrument(id=InstrumentId(f"{venue_id}:{asset}/USDT"), venue_id=venue_id, base_asset=asset)
                for asset in ASSETS
            ]
            graphs.append(AssetGraph(listed))
            world.instruments |= {each.id: each for each in listed}
        self.alarms: list[dict[str, Any]] = []
        alarms: Any = SimpleNamespace(sound=lambda alarm, facts: self.alarms.append(facts))
        catalogue: Any = SimpleNamespace(require_currency=lambda currency: None)
        storage: Any = Stored()
        portfolios = PortfolioBuilder(
            market=world.books,
            instrument=world.instruments.get,
            security=lambda _: None,
            asset_graphs=lambda _: graphs,
        )
        self.list_prices = ListPortfolioPrices(
            storage=storage, portfolios=portfolios, prices=world.prices, catalogue=catalogue
        )
        self._list = ListPortfolios(
            storage=storage,
            portfolios=portfolios,
            prices=world.prices,
            catalogue=catalogue,
            unpriced=UnpricedAssets(alarms=alarms, clock=world.clock),
            clock=world.clock,
        )

    async def summary(self) -> Summary:
        page = await self._list(ACTOR, PortfolioQuery())
        return page.items[0].summary


async def test_the_first_list_is_complete_however_many_prices_it_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(need_prices, "AT_ONCE_MAX", 2)
    listing = Listing()
    summary = await listing.summary()
    assert (summary.equity, summary.unpriced) == (500, ())
    assert listing.binance.calls == [], "the own venue has all prices"
    assert listing.alarms == []


async def test_the_first_list_is_complete_although_the_own_venue_is_down() -> None:
    listing = Listing()
    listing.okx.is_down = True
    summary = await listing.summary()
    assert (summary.equity, summary.unpriced) == (500, ())


async def test_what_no_venue_prices_sounds_an_alarm_once_in_a_while() -> None:
    listing = Listing()
    listing.okx.is_down = listing.binance.is_down = True
    for _ in range(2):
        summary = await listing.summary()
        assert (summary.equity, summary.unpriced) == (0, tuple(ASSETS))
    assert [each["asset"] for each in listing.alarms] == ASSETS
    assert listing.alarms[0]["without_fresh_price"] == ["OKX:A0/USDT", "BINANCE:A0/USDT"]
    listing.world.clock.advance(UNPRICED_AGAIN_MS)
    await listing.summary()
    assert len(listing.alarms) == 2 * len(ASSETS)


async def test_a_price_that_is_still_to_come_sounds_no_alarm(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(need_prices, "VALUATION_WAIT_MS_MAX", 20)
    listing = Listing()
    listing.okx.is_silent = True
    summary = await listing.summary()
    assert summary.unpriced == tuple(ASSETS)
    assert listing.alarms == []
    for asset in ASSETS:
        listing.okx.snapshot(InstrumentId(f"OKX:{asset}/USDT"))
    assert (await listing.summary()).equity == 500


async def test_the_prices_of_a_portfolio_name_the_assets_that_have_none() -> None:
    listing = Listing()
    listing.okx.fails["open_book"] = listing.binance.fails["open_book"] = VenueUnavailable("down")
    found = await listing.list_prices(ACTOR, ACCOUNT, "USDT")
    assert [(each.asset, each.rate, each.is_awaited) for each in found] == [(each, None, False) for each in ASSETS]
    listing.okx.fails.clear()
    listing.world.clock.advance(REOPEN_DELAY_MS_MIN)
    await listing.world.maintain()
    found = await listing.list_prices(ACTOR, ACCOUNT, "USDT")
    assert [(each.rate, each.instruments) for each in found] == [(100, [f"OKX:{each}/USDT"]) for each in ASSETS]
