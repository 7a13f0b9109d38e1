"""The portfolio of an account: balances, positions and a summary in one currency.

Valuation rule: an asset is worth its amount times the mark of `ASSET/CURRENCY` at the account's venue, or through one
intermediate (`ASSET/X` times `X/CURRENCY`), forwards or inverted. An asset without such a path adds nothing, as its
price is not known.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal

from cadenza.domain.accounts.balance import Balance
from cadenza.domain.accounts.trading_account import TradingAccount
from cadenza.domain.ids import InstrumentId
from cadenza.domain.market.instrument import Instrument, SecurityType
from cadenza.domain.money import ZERO, divide
from cadenza.domain.trading.position import Position

Rate = Callable[[str], Decimal | None]
"""Units of the summary's currency per unit of an asset; None when unknown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MarkedPosition:
    """A position with what the market says of it; `mark` is None when there is no fresh price."""

    position: Position
    security_type: SecurityType
    base_asset: str
    mark: Decimal | None


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldBalance:
    balance: Balance
    security_type: SecurityType


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """Margin figures in `currency`: `equity` = marked balances + unrealised profit; `margin` = initial margin in use;
    `margin_requirement` = maintenance margin; `risk_exposure` = notional of all positions. 0 where it does not
    apply."""

    currency: str
    leverage: int | None
    equity: Decimal
    margin: Decimal
    margin_loan: Decimal
    margin_requirement: Decimal
    credit: Decimal
    risk_exposure: Decimal

    @property
    def margin_usage(self) -> Decimal:
        """Requirement / equity."""
        return divide(self.margin_requirement, self.equity, 8) if self.equity > 0 else ZERO

    @property
    def margin_level(self) -> Decimal:
        """Equity / margin."""
        return divide(self.equity, self.margin, 8) if self.margin > 0 else ZERO

    @property
    def risk_exposure_rate(self) -> Decimal:
        """Exposure / equity."""
        return divide(self.risk_exposure, self.equity, 8) if self.equity > 0 else ZERO


@dataclass(frozen=True, slots=True, kw_only=True)
class Portfolio:
    account: TradingAccount
    positions: tuple[MarkedPosition, ...]
    balances: tuple[HeldBalance, ...]
    summary: Summary
    updated_at_ms: int


def position_margin(position: Position, instrument: Instrument, mark: Decimal) -> Decimal:
    """Initial margin of a position in quote units: notional / leverage."""
    return divide(abs(position.quantity) * mark, Decimal(position.leverage), 18)


def summarize(
    balances: tuple[Balance, ...],
    positions: tuple[MarkedPosition, ...],
    instruments: Mapping[InstrumentId, Instrument],
    currency: str,
    rate: Rate,
) -> Summary:
    """Value balances and open positions in `currency`."""
    equity = margin = requirement = exposure = loan = ZERO
    leverage: int | None = None
    for balance in balances:
        to_currency = rate(balance.asset) or ZERO
        equity += balance.net * to_currency
        loan += balance.borrowed * to_currency
    for marked in positions:
        position, mark = marked.position, marked.mark
        if position.quantity == 0 or mark is None:
            continue
        instrument = instruments[position.instrument_id]
        to_currency = rate(instrument.quote_asset) or ZERO
        notional = abs(position.quantity) * mark * to_currency
        equity += position.unrealized_pnl(mark) * to_currency
        margin += position_margin(position, instrument, mark) * to_currency
        requirement += notional * (instrument.maintenance_margin or ZERO)
        exposure += notional
        leverage = max(leverage or 1, position.leverage)
    return Summary(
        currency=currency,
        leverage=leverage,
        equity=equity,
        margin=margin,
        margin_loan=loan,
        margin_requirement=requirement,
        credit=ZERO,
        risk_exposure=exposure,
    )
