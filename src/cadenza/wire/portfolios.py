"""Portfolios: balances, positions and a summary."""

from typing import Annotated
from uuid import UUID

from msgspec import UNSET, Meta, UnsetType

from cadenza.application.accounts.list_portfolios import PortfolioQuery
from cadenza.application.orders.portfolios import DEFAULT_CURRENCY
from cadenza.domain.ids import TradingAccountId
from cadenza.domain.money import ZERO, to_plain
from cadenza.domain.trading.portfolio import HeldBalance, MarkedPosition, Portfolio, Summary
from cadenza.wire import enums as e
from cadenza.wire.base import (
    NEVER_SENT,
    NULLABLE,
    PAGE_ITEMS_DEFAULT,
    DateTime,
    DecimalText,
    Instant,
    InstrumentIdText,
    Limit,
    Offset,
    Query,
    Response,
)
from cadenza.wire.values import optional, optional_plain, optional_rfc3339, rfc3339
from cadenza.wire.venues import VenueFilter, VenueOut, parse_optional_venue

Currency = Annotated[
    str,
    Meta(min_length=1, max_length=20, pattern=r"^[A-Za-z0-9_.-]*$", description="Of the summary", examples=["USD"]),
]


class ListTradingAccountPortfoliosQuery(Query, kw_only=True, frozen=True):
    trading_account_id: UUID | None = None
    venue: VenueFilter | None = None
    currency: Currency = DEFAULT_CURRENCY
    limit: Limit = PAGE_ITEMS_DEFAULT
    offset: Offset = 0

    def to_query(self) -> PortfolioQuery:
        return PortfolioQuery(
            account_id=None if self.trading_account_id is None else TradingAccountId(self.trading_account_id),
            venue_id=parse_optional_venue(self.venue),
            currency=self.currency,
            limit=self.limit,
            offset=self.offset,
        )


class PositionEntry(Response, kw_only=True, frozen=True):
    """An open position, or one closed within the last day. The sign of `quantity` is the side."""

    position_id: UUID
    security_symbol: str
    external_position_id: Annotated[str, NULLABLE, NEVER_SENT] | UnsetType = UNSET
    trading_account_id: UUID
    instrument_id: InstrumentIdText
    security_type: e.SecurityTypeOut
    status: e.PositionStatusOut
    quantity: DecimalText
    entry_price: (
        Annotated[DecimalText, Meta(description="Absent when the catalogue does not have the instrument")] | UnsetType
    ) = UNSET
    exit_price: DecimalText | UnsetType = UNSET
    current_price: Annotated[DecimalText, Meta(description="Absent when no fresh price is known")] | UnsetType = UNSET
    unrealized_pnl: DecimalText | UnsetType = UNSET
    realized_pnl: (
        Annotated[DecimalText, Meta(description="Before fees. Absent where the venue keeps the books")] | UnsetType
    ) = UNSET
    created_at: Instant
    created_at_date_time: DateTime
    updated_at: Instant
    updated_at_date_time: DateTime
    closed_at: Instant | UnsetType = UNSET
    closed_at_date_time: Annotated[DateTime, NULLABLE] | UnsetType = UNSET


class BalanceEntry(Response, kw_only=True, frozen=True):
    """One asset: total = free + locked, net = total - borrowed."""

    security_symbol: str
    security_type: e.SecurityTypeOut
    external_balance_id: Annotated[str, NULLABLE, NEVER_SENT] | UnsetType = UNSET
    trading_account_id: UUID
    status: e.BalanceStatusOut
    position_id: Annotated[UUID, NEVER_SENT] | UnsetType = UNSET
    free: DecimalText
    locked: DecimalText
    borrowed: DecimalText
    total: DecimalText
    net: DecimalText
    updated_at: Instant
    updated_at_date_time: DateTime


class PortfolioSummary(Response, kw_only=True, frozen=True):
    """Figures in `currency`; `"0"` where one does not apply. A price counts while its order book is fresh: those of the
    account's own venue first, then those of other venues. What no fresh price values is in none of the sums: an asset,
    which `tradingAccount/portfolio/price/list` shows as missing and the server's log by the alarm `asset_unpriced`, or
    a position whose `currentPrice` is absent. `riskExposureRate` is absent then. `marginUsage` and `marginLevel` are
    `"0"` while one of the sums that they follow from lacks a position. Prices that nobody needed for a minute may take
    some seconds to come."""

    trading_account_id: UUID
    currency: str
    leverage: int | None
    equity: Annotated[
        DecimalText,
        Meta(description="Balances at fresh prices, the value of options, and profits that the balances lack"),
    ]
    margin: Annotated[DecimalText, Meta(description="Initial margin in use")]
    margin_loan: DecimalText
    margin_usage: Annotated[DecimalText, Meta(description="Requirement / equity")]
    margin_requirement: Annotated[DecimalText, Meta(description="Maintenance margin")]
    margin_level: Annotated[DecimalText, Meta(description="Equity / margin")]
    credit: DecimalText
    risk_exposure: DecimalText
    max_risk_exposure: Annotated[DecimalText, NEVER_SENT] | UnsetType = UNSET
    risk_exposure_rate: (
        Annotated[DecimalText, Meta(description="Absent when the equity lacks something that no fresh price values")]
        | UnsetType
    ) = UNSET


class PortfolioModel(Response, kw_only=True, frozen=True):
    """The balances, positions and summary of an account."""

    trading_account_id: UUID
    venue: VenueOut
    positions: list[PositionEntry]
    balances: list[BalanceEntry]
    summary: PortfolioSummary
    updated_at: Instant
    updated_at_date_time: DateTime


def _position(marked: MarkedPosition) -> PositionEntry:
    position, mark = marked.position, marked.mark
    return PositionEntry(
        position_id=position.id,
        security_symbol=marked.symbol,
        trading_account_id=position.account_id,
        instrument_id=position.instrument_id,
        security_type=e.SECURITY_TYPE.write(marked.security_type),
        status=e.POSITION_STATUS.write(position.status),
        quantity=to_plain(position.quantity),
        entry_price=optional_plain(marked.entry_price),
        exit_price=optional_plain(marked.exit_price),
        current_price=optional_plain(mark),
        unrealized_pnl=optional_plain(marked.unrealized_pnl),
        realized_pnl=optional_plain(position.realized_pnl),
        created_at=position.created_at_ms,
        created_at_date_time=rfc3339(position.created_at_ms),
        updated_at=position.updated_at_ms,
        updated_at_date_time=rfc3339(position.updated_at_ms),
        closed_at=optional(position.closed_at_ms),
        closed_at_date_time=optional_rfc3339(position.closed_at_ms),
    )


def _balance(held: HeldBalance) -> BalanceEntry:
    balance = held.balance
    return BalanceEntry(
        security_symbol=balance.asset,
        security_type=e.SECURITY_TYPE.write(held.security_type),
        trading_account_id=balance.account_id,
        status=e.BALANCE_STATUS.write(balance.status),
        free=to_plain(balance.free),
        locked=to_plain(balance.locked),
        borrowed=to_plain(balance.borrowed),
        total=to_plain(balance.total),
        net=to_plain(balance.net),
        updated_at=balance.updated_at_ms,
        updated_at_date_time=rfc3339(balance.updated_at_ms),
    )


def _summary(account_id: TradingAccountId, summary: Summary) -> PortfolioSummary:
    return PortfolioSummary(
        trading_account_id=account_id,
        currency=summary.currency,
        leverage=summary.leverage,
        equity=to_plain(summary.equity),
        margin=to_plain(summary.margin),
        margin_loan=to_plain(summary.margin_loan),
        margin_usage=to_plain(summary.margin_usage or ZERO),
        margin_requirement=to_plain(summary.margin_requirement),
        margin_level=to_plain(summary.margin_level or ZERO),
        credit=to_plain(summary.credit),
        risk_exposure=to_plain(summary.risk_exposure),
        risk_exposure_rate=optional_plain(summary.risk_exposure_rate),
    )


def portfolio(portfolio: Portfolio) -> PortfolioModel:
    return PortfolioModel(
        trading_account_id=portfolio.account.id,
        venue=str(portfolio.account.venue_id),
        positions=[_position(marked) for marked in portfolio.positions],
        balances=[_balance(held) for held in portfolio.balances],
        summary=_summary(portfolio.account.id, portfolio.summary),
        updated_at=portfolio.updated_at_ms,
        updated_at_date_time=rfc3339(portfolio.updated_at_ms),
    )
