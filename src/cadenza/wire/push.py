"""Publications on channels: `{"type": …, "data": …}` with the REST shape in `data`.

An order is published with the executions that the event adds, and with cumulative totals; REST answers with all
executions. The interface has no REST shape for a public trade; `MarketTradeTick` is ours.
"""

from typing import Annotated, Generic, TypeVar

from msgspec import Meta, Struct

from cadenza.domain.evolve import evolve
from cadenza.domain.market.book_messages import BookSnapshot, MarketTrade
from cadenza.domain.money import to_plain
from cadenza.domain.trading.events import (
    AccountEvent,
    AccountUpdated,
    BalanceCorrected,
    MassCanceled,
    OrderUpdated,
    PositionCorrected,
)
from cadenza.domain.trading.portfolio import Portfolio
from cadenza.wire import enums as e
from cadenza.wire.accounts import trading_account
from cadenza.wire.base import DecimalText, Instant, InstrumentIdText, Response
from cadenza.wire.envelope import encode
from cadenza.wire.market import order_book
from cadenza.wire.orders import trade_order
from cadenza.wire.portfolios import portfolio
from cadenza.wire.venues import VenueOut, split_instrument_id

T = TypeVar("T")


class Push(Struct, Generic[T], kw_only=True, frozen=True, gc=False):
    """One publication."""

    type: str
    data: T


class MarketTradeTick(Response, kw_only=True, frozen=True):
    """A public trade; `side` is the side of the taker."""

    instrument_id: InstrumentIdText
    venue: VenueOut
    symbol: str
    trade_id: str
    price: DecimalText
    quantity: DecimalText
    side: e.SideOut
    timestamp: Annotated[Instant, Meta(description="The venue's time")]


def encode_account_event(event: AccountEvent) -> bytes:
    """Return the publication of one event of an account's log."""
    match event.body:
        case OrderUpdated(order, executions):
            shown = trade_order(evolve(order, executions=executions))
            return encode(Push(type="event.trade_order.updated", data=shown))
        case (
            AccountUpdated(account)
            | BalanceCorrected(account=account)
            | PositionCorrected(account=account)
            | MassCanceled(account=account)
        ):
            return encode(Push(type="event.trading_account.updated", data=trading_account(account, ())))


def encode_portfolio(view: Portfolio) -> bytes:
    """Return the publication of an account's portfolio."""
    return encode(Push(type="event.portfolio.updated", data=portfolio(view)))


def encode_order_book(snapshot: BookSnapshot) -> bytes:
    """Return the publication of a book."""
    return encode(Push(type="event.orderbook.updated", data=order_book(snapshot)))


def market_trade(trade: MarketTrade) -> MarketTradeTick:
    venue, symbol = split_instrument_id(trade.instrument_id)
    return MarketTradeTick(
        instrument_id=trade.instrument_id,
        venue=venue,
        symbol=symbol,
        trade_id=trade.trade_id,
        price=to_plain(trade.price),
        quantity=to_plain(trade.quantity),
        side=e.SIDE.write(trade.aggressor),
        timestamp=trade.at_ms,
    )


def encode_trade(trade: MarketTrade) -> bytes:
    """Return the publication of a public trade."""
    return encode(Push(type="event.trade.updated", data=market_trade(trade)))
