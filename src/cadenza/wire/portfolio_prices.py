"""The prices that value a portfolio, which the platform adds to the interface: its figures have no field for them."""

from typing import Annotated
from uuid import UUID

from msgspec import UNSET, Meta, UnsetType

from cadenza.application.orders.portfolios import DEFAULT_CURRENCY, AssetPrice
from cadenza.application.use_cases import UseCases
from cadenza.domain.errors import InvalidRequest
from cadenza.domain.identity.actor import Actor
from cadenza.domain.ids import TradingAccountId
from cadenza.wire.base import DateTime, DecimalText, Instant, InstrumentIdText, Query, Response
from cadenza.wire.envelope import Success
from cadenza.wire.operation import get
from cadenza.wire.own_operation import OwnOperation
from cadenza.wire.portfolios import Currency
from cadenza.wire.values import optional, optional_plain, optional_rfc3339


class PortfolioPricesQuery(Query, kw_only=True, frozen=True):
    trading_account_id: Annotated[UUID, Meta(description="Needed")] | None = None
    currency: Annotated[Currency, Meta(description="Of the prices")] = DEFAULT_CURRENCY


class PortfolioPriceModel(Response, kw_only=True, frozen=True):
    """What one unit of an asset is worth in `currency`. The figures of a portfolio leave out an asset without `price`.
    `instrumentIds` are the instruments that value it, one after the other; without a price, those whose books are not
    fresh, one-sided or too wide."""

    trading_account_id: UUID
    security_symbol: str
    currency: str
    price: Annotated[DecimalText, Meta(description="Absent when no fresh price is known")] | UnsetType = UNSET
    is_awaited: Annotated[bool, Meta(description="There is no price yet, because a book is being opened")]
    instrument_ids: list[InstrumentIdText]
    priced_at: (
        Annotated[Instant, Meta(description="Venue's time of the last change of the oldest of their books")] | UnsetType
    ) = UNSET
    priced_at_date_time: DateTime | UnsetType = UNSET


def portfolio_price(account_id: TradingAccountId, price: AssetPrice) -> PortfolioPriceModel:
    return PortfolioPriceModel(
        trading_account_id=account_id,
        security_symbol=price.asset,
        currency=price.currency,
        price=optional_plain(price.rate),
        is_awaited=price.is_awaited,
        instrument_ids=list(price.instruments),
        priced_at=optional(price.at_ms),
        priced_at_date_time=optional_rfc3339(price.at_ms),
    )


async def _list(use_cases: UseCases, actor: Actor, asked: PortfolioPricesQuery) -> Success[list[PortfolioPriceModel]]:
    if asked.trading_account_id is None:
        raise InvalidRequest("tradingAccountId: needed", {"field": "tradingAccountId"})
    account_id = TradingAccountId(asked.trading_account_id)
    prices = await use_cases.list_portfolio_prices(actor, account_id, asked.currency)
    return Success(data=[portfolio_price(account_id, price) for price in prices])


LIST_PORTFOLIO_PRICES = get(
    "listTradingAccountPortfolioPrices",
    "/tradingAccount/portfolio/price/list",
    "Trading Account Portfolio",
    "List the prices that value an account's assets, and the assets without a fresh price.",
    list[PortfolioPriceModel],
    query=PortfolioPricesQuery,
)

PORTFOLIO_PRICE_OPERATIONS = (OwnOperation(LIST_PORTFOLIO_PRICES, "query.portfolio_price.list", _list),)
