"""List the portfolios of accounts, valued in one currency."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from cadenza.application.market_data.catalogue import Catalogue
from cadenza.application.market_data.need_prices import NeedPrices
from cadenza.application.orders.portfolios import DEFAULT_CURRENCY, PortfolioBuilder
from cadenza.application.paging import Page
from cadenza.application.tenancy import require_own_account
from cadenza.domain.accounts.balance import Balance
from cadenza.domain.accounts.trading_account import TradingAccount
from cadenza.domain.identity.actor import Actor, Scope
from cadenza.domain.ids import InstrumentId, TradingAccountId, VenueId
from cadenza.domain.trading.portfolio import Portfolio
from cadenza.domain.trading.position import Position
from cadenza.ports.alarms import Alarm, Alarms
from cadenza.ports.clock import Clock
from cadenza.ports.storage import Storage
from cadenza.ports.storage.accounts import AccountFilter

UNPRICED_AGAIN_MS = 3_600_000
"""How long the alarm about an asset without a price is not repeated."""

NAMED_ASSETS_MAX = 1_000
"""Alarms that are remembered, so that they are not repeated."""


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
    no fresh price values sounds an alarm, at most once in `UNPRICED_AGAIN_MS` for each asset, venue and currency."""

    def __init__(
        self,
        *,
        storage: Storage,
        portfolios: PortfolioBuilder,
        prices: NeedPrices,
        catalogue: Catalogue,
        alarms: Alarms,
        clock: Clock,
    ) -> None:
        self._storage = storage
        self._portfolios = portfolios
        self._prices = prices
        self._catalogue = catalogue
        self._alarms = alarms
        self._clock = clock
        self._named_ms: dict[tuple[VenueId, str, str], int] = {}

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
        items = [
            self._portfolios.build(
                account,
                [balance for balance in balances if balance.account_id == account.id],
                [position for position in positions if position.account_id == account.id],
                now_ms,
                self._portfolios.valuation(account.venue_id, query.currency),
            )
            for account in accounts
        ]
        for portfolio in items:
            self._name_unpriced(portfolio)
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
        valuations = {venue_id: self._portfolios.valuation(venue_id, currency) for venue_id in venues.values()}
        for venue_id, asset in sorted(held):
            yield from valuations[venue_id].needed(asset)

    def _name_unpriced(self, portfolio: Portfolio) -> None:
        now_ms = self._clock.monotonic_ms()
        for asset in portfolio.summary.unpriced:
            key = (portfolio.account.venue_id, asset, portfolio.summary.currency)
            if now_ms >= self._named_ms.get(key, now_ms):
                if len(self._named_ms) >= NAMED_ASSETS_MAX:
                    self._named_ms.clear()
                self._named_ms[key] = now_ms + UNPRICED_AGAIN_MS
                valuing = self._portfolios.valuation(key[0], key[2]).needed(asset)
                facts = {
                    "venue": key[0],
                    "asset": asset,
                    "currency": key[2],
                    "without_fresh_price": list(valuing),
                    "account_id": portfolio.account.id,
                }
                self._alarms.sound(Alarm.ASSET_UNPRICED, facts)
