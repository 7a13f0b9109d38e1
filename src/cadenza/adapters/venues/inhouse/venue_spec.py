"""What a venue that runs in this process can do: PAPER and MOCK differ in their ids only."""

from dataclasses import replace
from decimal import Decimal

from cadenza.adapters.venues.inhouse.feed import IN_PROCESS_BOOKS
from cadenza.domain.accounts.credential import CredentialType
from cadenza.domain.accounts.trading_account import AccountType
from cadenza.domain.ids import VenueId
from cadenza.domain.market.enums import OrderType, TimeInForce
from cadenza.domain.market.instrument import Instrument, InstrumentType, PriceBand
from cadenza.domain.trading.enums import QuantityType
from cadenza.domain.trading.venue_spec import (
    TRADED,
    Books,
    DerivedSentId,
    Fence,
    FundsCheck,
    Lookup,
    NewsSource,
    Replay,
    Support,
    VenueSpec,
)

_LISTED = (InstrumentType.SPOT, InstrumentType.PERPETUAL)
_BAND = PriceBand(bid_down=Decimal("0.2"), bid_up=Decimal(5), ask_down=Decimal("0.2"), ask_up=Decimal(5))
_IMMEDIATE = (TimeInForce.IOC, TimeInForce.FOK)
_RESTING = (TimeInForce.GTC, TimeInForce.IOC, TimeInForce.FOK, TimeInForce.GTD, TimeInForce.DAY)
_TIMES = {
    OrderType.MARKET: _IMMEDIATE,
    OrderType.LIMIT: (*_RESTING, TimeInForce.GTX),
    OrderType.STOP: _RESTING,
    OrderType.STOP_LIMIT: _RESTING,
    OrderType.STOP_LOSS: _RESTING,
    OrderType.STOP_LOSS_LIMIT: _RESTING,
    OrderType.TAKE_PROFIT: _RESTING,
    OrderType.TAKE_PROFIT_LIMIT: _RESTING,
    OrderType.TRAILING_STOP: _RESTING,
}


def in_process_spec(venue_id: VenueId, prefix: str) -> VenueSpec:
    """Return the spec of a simulated venue; `prefix` begins its ids of orders."""
    return VenueSpec(
        venue_id=venue_id,
        is_in_process=True,
        balances_follow_fills=True,
        credential_types=frozenset(CredentialType),
        books={AccountType.SPOT: Books.OURS, AccountType.MARGIN: Books.OURS},
        traded={**TRADED, AccountType.MARGIN: frozenset({InstrumentType.SPOT, InstrumentType.PERPETUAL})},
        funds_check=FundsCheck.HERE,
        orders={
            kind: {type: dict.fromkeys(times, Support.NATIVE) for type, times in _TIMES.items()} for kind in _LISTED
        },
        quantity_types={type: _support(type) for type in QuantityType},
        order_books=dict.fromkeys(_LISTED, IN_PROCESS_BOOKS),
        account_news=NewsSource.STREAM,
        sent_id=DerivedSentId(prefix=prefix),
        fence=Fence(margin_ms=0, proof="the venue runs in this process and refuses an order after its deadline"),
        lookup=Lookup(),
        replay=Replay(),
        snapshots=True,
    )


def with_limits(instrument: Instrument, open_orders_max: int) -> Instrument:
    """Return the instrument as the venue lists it: with its price band and an account's limit of open orders."""
    return replace(instrument, price_band=_BAND, max_open_orders=open_orders_max)


def _support(type: QuantityType) -> Support:
    return Support.NATIVE if type is QuantityType.BASE else Support.EMULATED
