"""Valuing an account's portfolio at fresh market prices."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from operator import attrgetter

from cadenza.domain.accounts.balance import Balance
from cadenza.domain.accounts.trading_account import TradingAccount
from cadenza.domain.ids import InstrumentId, SecurityId, VenueId
from cadenza.domain.market.asset_graph import AssetGraph, PricePath
from cadenza.domain.market.instrument import Instrument, Security, SecurityType
from cadenza.domain.money import ONE
from cadenza.domain.trading.portfolio import HeldBalance, MarkedPosition, Portfolio, summarize
from cadenza.domain.trading.position import Position
from cadenza.ports.market import MarketView

DEFAULT_CURRENCY = "USDT"


@dataclass(frozen=True, slots=True, kw_only=True)
class AssetPrice:
    """What an asset is worth. `rate` is in units of the currency per unit of it, None without a path of fresh prices.
    `instruments` are those of the path; without one, those whose prices are needed. `at_ms` is the venue's time of the
    last change of the oldest book on the path. `is_awaited`: there is no price, but one may come in a moment."""

    asset: str
    currency: str
    rate: Decimal | None
    instruments: Sequence[InstrumentId]
    at_ms: int | None
    is_awaited: bool = False


class Valuation:
    """The values of one venue's assets in one currency at one moment. Each is looked up once: in the venue's own fresh
    prices, and where these do not value it, in those of the other venues. `graphs` are in that order."""

    def __init__(
        self,
        venue_id: VenueId,
        currency: str,
        *,
        graphs: Sequence[AssetGraph],
        market: MarketView,
        security: Callable[[SecurityId], Security | None],
    ) -> None:
        self.currency = currency
        self._venue = str(venue_id)
        self._graphs = graphs
        self._market = market
        self._security = security
        self._prices: dict[str, AssetPrice] = {}
        self._types: dict[str, SecurityType] = {}

    def rate(self, asset: str) -> Decimal | None:
        """Return units of the currency per unit of the asset; None without a path of fresh prices. Asking has the
        books that are `needed` opened, for the next time."""
        return self.price(asset).rate

    def price(self, asset: str) -> AssetPrice:
        """Return the rate and where it comes from, as `rate`."""
        if asset not in self._prices:
            self._prices[asset] = self._found(asset)
        return self._prices[asset]

    def needed(self, asset: str) -> Sequence[InstrumentId]:
        """Return the instruments whose prices value the asset most directly: those of the first venue that has such,
        and those of the next one as well while a book of the first is not fresh and is not about to come."""
        needed: list[InstrumentId] = []
        for graph in self._graphs:
            path = graph.path(asset, self.currency)
            if path is not None:
                instruments = [step.instrument_id for step in path]
                needed += instruments
                if all(map(self._is_near, instruments)) or self._fresh_path(graph, asset) is not None:
                    break
        return needed

    def is_awaited(self, asset: str) -> bool:
        """Return whether prices that value the asset may be fresh in a moment, because their books are being opened.
        Ask when it has no rate."""
        paths = (graph.path(asset, self.currency) for graph in self._graphs)
        return any(path is not None and all(self._is_near(step.instrument_id) for step in path) for path in paths)

    def may_come(self, instrument_id: InstrumentId) -> bool:
        """Return whether the mark of an instrument that has none may be known in a moment."""
        return self._market.known_top(instrument_id) is None and self._market.may_come(instrument_id)

    def type_of(self, asset: str) -> SecurityType:
        known = self._types.get(asset)
        if known is None:
            security = self._security(SecurityId(f"{self._venue}:{asset}"))
            known = self._types[asset] = SecurityType.CASH if security is None else security.type
        return known

    def _found(self, asset: str) -> AssetPrice:
        needed = self.needed(asset)
        for instrument_id in needed:
            self._market.top(instrument_id)
        prices = (self._price_in(graph, asset) for graph in self._graphs)
        known = next((price for price in prices if price is not None), None)
        return known or AssetPrice(
            asset=asset,
            currency=self.currency,
            rate=None,
            instruments=needed,
            at_ms=None,
            is_awaited=self.is_awaited(asset),
        )

    def _price_in(self, graph: AssetGraph, asset: str) -> AssetPrice | None:
        path = self._fresh_path(graph, asset)
        if path is None:
            return None
        worth, oldest_ms = ONE, None
        for step in path:
            top = self._market.top(step.instrument_id)
            if top is None or not top.mark:
                return None
            worth = step.convert(worth, top.mark)
            oldest_ms = top.at_ms if oldest_ms is None else min(oldest_ms, top.at_ms)
        instruments = [step.instrument_id for step in path]
        return AssetPrice(asset=asset, currency=self.currency, rate=worth, instruments=instruments, at_ms=oldest_ms)

    def _fresh_path(self, graph: AssetGraph, asset: str) -> PricePath | None:
        return graph.fresh_path(asset, self.currency, self._market.known_top)

    def _is_near(self, instrument_id: InstrumentId) -> bool:
        """Whether the instrument has a fresh price, or may have one in a moment."""
        top = self._market.known_top(instrument_id)
        return self._market.may_come(instrument_id) if top is None else bool(top.mark)


class PortfolioBuilder:
    """Builds portfolios from rows, the catalogue and the marks in memory. It has no side effects."""

    def __init__(
        self,
        *,
        market: MarketView,
        instrument: Callable[[InstrumentId], Instrument | None],
        security: Callable[[SecurityId], Security | None],
        asset_graphs: Callable[[VenueId], Sequence[AssetGraph]],
    ) -> None:
        self._market = market
        self._instrument = instrument
        self._security = security
        self._asset_graphs = asset_graphs

    def valuation(self, venue_id: VenueId, currency: str = DEFAULT_CURRENCY) -> Valuation:
        """Return the current values of the venue's assets, to be shared by portfolios in one currency that are built at
        one moment."""
        graphs = self._asset_graphs(venue_id)
        return Valuation(venue_id, currency, graphs=graphs, market=self._market, security=self._security)

    def build(
        self,
        account: TradingAccount,
        balances: Sequence[Balance],
        positions: Sequence[Position],
        now_ms: int,
        valuation: Valuation,
    ) -> Portfolio:
        """Return the portfolio. Its summary names the assets and the positions that no fresh price values. A position
        is shown also while the catalogue does not have its instrument."""
        marked = tuple(self._marked(position) for position in positions)
        held = tuple(
            HeldBalance(balance=balance, security_type=valuation.type_of(balance.asset))
            for balance in sorted(balances, key=_asset)
        )
        updated_ms = [h.balance.updated_at_ms for h in held] + [m.position.updated_at_ms for m in marked]
        return Portfolio(
            account=account,
            positions=marked,
            balances=held,
            summary=summarize(tuple(balances), marked, valuation.currency, valuation.rate),
            updated_at_ms=max(updated_ms, default=now_ms),
        )

    def _marked(self, position: Position) -> MarkedPosition:
        instrument = self._instrument(position.instrument_id)
        mark = None if instrument is None else self._mark(instrument.id)
        return MarkedPosition(position=position, instrument=instrument, mark=mark)

    def _mark(self, instrument_id: InstrumentId) -> Decimal | None:
        top = self._market.top(instrument_id)
        return None if top is None else top.mark


_asset = attrgetter("asset")
