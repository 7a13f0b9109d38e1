"""List the prices that value an account's assets, and the assets that none values."""

from collections.abc import Sequence

from cadenza.application.market_data.catalogue import Catalogue
from cadenza.application.market_data.need_prices import NeedPrices
from cadenza.application.orders.portfolios import AssetPrice, PortfolioBuilder
from cadenza.application.tenancy import own_account
from cadenza.domain.identity.actor import Actor, Scope
from cadenza.domain.ids import TradingAccountId
from cadenza.ports.storage import Storage


class ListPortfolioPrices:
    """The use case: by assets, what the account's portfolio is valued at now. The books that value them are opened
    first."""

    def __init__(
        self, *, storage: Storage, portfolios: PortfolioBuilder, prices: NeedPrices, catalogue: Catalogue
    ) -> None:
        self._storage = storage
        self._portfolios = portfolios
        self._prices = prices
        self._catalogue = catalogue

    async def __call__(self, actor: Actor, account_id: TradingAccountId, currency: str) -> Sequence[AssetPrice]:
        """Return a price for each asset of which the account has or owes something. Raises `TradingAccountNotFound`
        and `UnknownCurrency`."""
        actor.require(Scope.READ)
        self._catalogue.require_currency(currency)
        async with self._storage.read() as uow:
            account = await own_account(uow, actor, account_id)
            balances = await uow.accounts.balances([account_id])
        assets = sorted(balance.asset for balance in balances if balance.total or balance.borrowed)
        valuation = self._portfolios.valuation(account.venue_id, currency)
        await self._prices.of_valuation(lambda: [each for asset in assets for each in valuation.needed(asset)])
        return [valuation.price(asset) for asset in assets]
