"""Valuing an account's portfolio at fresh market prices."""

from collections.abc import Callable, Sequence
from decimal import Decimal

from cadenza.domain.accounts.balance import Balance
from cadenza.domain.accounts.trading_account import TradingAccount
from cadenza.domain.ids import InstrumentId, SecurityId, VenueId
from cadenza.domain.market.instrument import Instrument, InstrumentType, Security, SecurityType
from cadenza.domain.money import ONE, divide
from cadenza.domain.trading.portfolio import HeldBalance, MarkedPosition, Portfolio, Rate, summarize
from cadenza.domain.trading.position import Position
from cadenza.ports.market import MarketView

DEFAULT_CURRENCY = "USDT"


RateCache = dict[str, dict[str, Decimal | None]]
"""By venue, then by asset: units of the currency per unit of the asset."""


class PortfolioBuilder:
    """Builds portfolios from rows, the catalogue and the marks in memory. Pure but for reading those."""

    def __init__(
        self,
        *,
        market: MarketView,
        instrument: Callable[[InstrumentId], Instrument | None],
        security: Callable[[SecurityId], Security | None],
    ) -> None:
        self._market = market
        self._instrument = instrument
        self._security = security

    def build(
        self,
        account: TradingAccount,
        balances: Sequence[Balance],
        positions: Sequence[Position],
        now_ms: int,
        currency: str = DEFAULT_CURRENCY,
        rates: RateCache | None = None,
    ) -> Portfolio:
        """Return the portfolio valued in `currency`. Assets without a fresh price path add nothing to the equity.

        `rates` remembers what was looked up, for portfolios in one currency that are built at one moment.
        """
        instruments = {}
        for position in positions:
            instrument = self._instrument(position.instrument_id)
            if instrument is not None:
                instruments[instrument.id] = instrument
        marked = tuple(
            self._marked(p, instruments[p.instrument_id]) for p in positions if p.instrument_id in instruments
        )
        held = tuple(
            HeldBalance(balance=balance, security_type=self._type_of(account.venue_id, balance.asset))
            for balance in sorted(balances, key=lambda b: b.asset)
        )
        updated = [now_ms] if not (held or marked) else [
            *(h.balance.updated_at_ms for h in held), *(m.position.updated_at_ms for m in marked)
        ]  # fmt: skip
        return Portfolio(
            account=account,
            positions=marked,
            balances=held,
            summary=summarize(
                tuple(balances),
                marked,
                instruments,
                currency,
                self._rate(account.venue_id, currency, {} if rates is None else rates),
            ),
            updated_at_ms=max(updated),
        )

    def _marked(self, position: Position, instrument: Instrument) -> MarkedPosition:
        return MarkedPosition(
            position=position,
            security_type=_kind(instrument),
            base_asset=instrument.base_asset,
            mark=self._mark(instrument.id),
        )

    def _type_of(self, venue_id: VenueId, asset: str) -> SecurityType:
        security = self._security(SecurityId(f"{venue_id}:{asset}"))
        return security.type if security is not None else SecurityType.CASH

    def _mark(self, instrument_id: InstrumentId) -> Decimal | None:
        top = self._market.top(instrument_id)
        return None if top is None else top.mark

    def _rate(self, venue_id: VenueId, currency: str, rates: RateCache) -> Rate:
        venue = str(venue_id)
        known = rates.setdefault(venue, {})

        def direct(asset: str, target: str) -> Decimal | None:
            if asset == target:
                return ONE
            mark = self._mark(InstrumentId(f"{venue}:{asset}/{target}"))
            if mark is not None:
                return mark
            inverse = self._mark(InstrumentId(f"{venue}:{target}/{asset}"))
            return divide(ONE, inverse) if inverse else None

        def found(asset: str) -> Decimal | None:
            straight = direct(asset, currency)
            if straight is not None:
                return straight
            for middle in ("USDT", "USD", "BTC"):
                first, second = direct(asset, middle), direct(middle, currency)
                if first is not None and second is not None:
                    return first * second
            return None

        def rate(asset: str) -> Decimal | None:
            if asset not in known:
                known[asset] = found(asset)
            return known[asset]

        return rate


def _kind(instrument: Instrument) -> SecurityType:
    """The security type of a position: the kind of contract, or for spot the base asset's."""
    match instrument.type:
        case InstrumentType.SPOT:
            return instrument.base_security_type
        case InstrumentType.PERPETUAL:
            return SecurityType.PERPETUAL
        case InstrumentType.FUTURES:
            return SecurityType.FUTURES
        case InstrumentType.OPTION:
            return SecurityType.OPTION
        case InstrumentType.DERIVATIVE:
            return SecurityType.DERIVATIVE
