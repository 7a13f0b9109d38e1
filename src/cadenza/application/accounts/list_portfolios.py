"""List the portfolios of accounts, valued in one currency."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from cadenza.application.market_data.catalogue import Catalogue
from cadenza.application.market_data.need_prices import NeedPrices
from cadenza.application.orders.portfolios import DEFAULT_CURRENCY, PortfolioBuilder, Valuation
from cadenza.application.orders.unpriced_assets import UnpricedAssets
from cadenza.application.paging import Page
from cadenza.application.tenancy import require_own_account
from cadenza.domain.accounts.balance import Balance
from cadenza.domain.accounts.trading_account import TradingAccount
from cadenza.domain.identity.actor import Actor, Scope
from cadenza.domain.ids import InstrumentId, TradingAccountId, VenueId
from cadenza.domain.trading.portfolio import Portfolio
from cadenza.domain.trading.position import Position
from cadenza.ports.clock import Clock
from cadenza.ports.storage import Storage
from cadenza.ports.storage.accounts import AccountFilter


@dataclass(frozen=True, slots=True, kw_only=True)
class PortfolioQuery:
    """Selects accounts whose portfolios are valued in `currency`. Without an account id, archived accounts are left
    out."""

    account_id: TradingAccountId | None = None
    venue_id: VenueId | None = None
    currency: str = DEFAULT_CURRENCY
    limit: int = 50
    offset: int = 0


class ListPortfolios:
    """The use case; accounts newest first. The books that value positions and balances are opened first. An asset that
    no fresh price values is in no figure, and sounds an alarm (`UnpricedAssets`)."""

    def __init__(
        self,
        *,
        storage: Storage,
        portfolios: PortfolioBuilder,
        prices: NeedPrices,
        catalogue: Catalogue,
        unpriced: UnpricedAssets,
        clock: Clock,
    ) -> None:
        self._storage = storage
        self._portfolios = portfolios
        self._prices = prices
        self._catalogue = catalogue
        self._unpriced = unpriced
        self._clock = clock

    async def __call__(self, actor: Actor, query: PortfolioQuery) -> Page[Portfolio]:
        """Return the page. Raises `UnknownCurrency`."""
        actor.require(Scope.READ)
        self._catalogue.require_currency(query.currency)
        wanted = AccountFilter(
            tenant_id=actor.tenant_id,
            account_id=query.account_id,
            venue_id=query.venue_id,
            is_archived=None if query.account_id is not None else False,
            accounts=actor.accounts,
        )
        async with self._storage.read() as uow:
            await require_own_account(uow, actor, query.account_id)
            total = await uow.accounts.count(wanted)
            accounts = await uow.accounts.page(wanted, offset=query.offset, limit=query.limit)
            ids = [account.id for account in accounts]
            balances = await uow.accounts.balances(ids)
            positions = await uow.accounts.positions(ids)
        await self._prices.of_valuation(lambda: self._valuing(query.currency, accounts, balances, positions))
        now_ms = self._clock.now_ms()
        valuations = self._valuations(query.currency, accounts)
        items = []
        for account in accounts:
            valuation = valuations[account.venue_id]
            portfolio = self._portfolios.build(
                account,
                [balance for balance in balances if balance.account_id == account.id],
                [position for position in positions if position.account_id == account.id],
                now_ms,
                valuation,
            )
            self._unpriced.name(portfolio, valuation)
            items.append(portfolio)
        return Page(
            items=items,
            total=total,
            offset=query.offset,
            limit=query.limit,
            has_next=query.offset + len(items) < total,
        )

    def _valuing(
        self,
        currency: str,
        accounts: Sequence[TradingAccount],
        balances: Sequence[Balance],
        positions: Sequence[Position],
    ) -> Iterator[InstrumentId]:
        """Yield the instruments whose prices are needed: those of the positions, then those that value the assets."""
        yield from (position.instrument_id for position in positions)
        venues = {account.id: account.venue_id for account in accounts}
        held = {(venues[b.account_id], b.asset) for b in balances if b.total or b.borrowed}
        valuations = self._valuations(currency, accounts)
        for venue_id, asset in sorted(held):
            yield from valuations[venue_id].needed(asset)

    def _valuations(self, currency: str, accounts: Sequence[TradingAccount]) -> dict[VenueId, Valuation]:
        venues = {account.venue_id for account in accounts}
        return {venue_id: self._portfolios.valuation(venue_id, currency) for venue_id in venues}
