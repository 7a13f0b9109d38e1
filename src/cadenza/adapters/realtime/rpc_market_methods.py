"""The methods of RPC about the market; as `rpc_methods`."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from cadenza.adapters.realtime import rpc_market_params as p
from cadenza.adapters.realtime import rpc_market_shapes as m
from cadenza.adapters.realtime.rpc_methods import RpcCall, in_turn, require_type
from cadenza.adapters.realtime.rpc_params import NoParams
from cadenza.adapters.realtime.rpc_shapes import RpcData
from cadenza.application.market_data.list_instruments import InstrumentQuery
from cadenza.application.market_data.list_securities import SecurityQuery
from cadenza.domain.errors import InvalidRequest
from cadenza.domain.identity.actor import Actor, Scope
from cadenza.domain.ids import InstrumentId, SecurityId, SubscriptionId, VenueId
from cadenza.domain.market.instrument import Instrument, InstrumentStatus, Security
from cadenza.domain.market.subscription import Subscription, SubscriptionType
from cadenza.wire import enums as e
from cadenza.wire.base import PAGE_ITEMS_MAX
from cadenza.wire.venues import VENUE_IDS, parse_optional_venue, parse_venue, split_instrument_id


async def list_klines(call: RpcCall, asked: p.KlinesParams) -> RpcData:
    found = await call.use_cases.list_klines(call.actor, asked.instruments(), asked.interval)
    return RpcData(data=[m.kline(instrument_id, asked.interval, candles) for instrument_id, candles in found])


async def sync_instruments(call: RpcCall, asked: p.SyncInstrumentsParams) -> RpcData:
    total = await call.use_cases.sync_instruments(call.actor, parse_venue(asked.venue), tuple(asked.symbols))
    return RpcData(data={"total": total})


async def list_instruments(call: RpcCall, asked: p.ListInstrumentsParams) -> RpcData:
    page = await call.use_cases.list_instruments(call.actor, asked.to_query())
    return RpcData(data=[m.instrument(each) for each in page.items])


async def delete_instrument(call: RpcCall, asked: p.InstrumentParams) -> RpcData:
    """Delete the instrument, and answer what it was."""
    call.actor.require(Scope.ADMIN)
    venue, symbol = split_instrument_id(InstrumentId(asked.instrument_id))
    found: Sequence[Any] = ()
    if venue in VENUE_IDS:
        query = InstrumentQuery(venue_id=VENUE_IDS[venue], symbols=(symbol,), limit=1, offset=0)
        found = (await call.use_cases.list_instruments(call.actor, query)).items
    await call.use_cases.delete_instrument(call.actor, InstrumentId(asked.instrument_id))
    return RpcData(data=m.instrument(found[0])) if found else RpcData()


async def enable_instrument(call: RpcCall, asked: p.InstrumentParams) -> RpcData:
    enabled = await call.use_cases.enable_instrument(call.actor, InstrumentId(asked.instrument_id))
    return RpcData(data=m.instrument(enabled))


async def disable_instrument(call: RpcCall, asked: p.InstrumentParams) -> RpcData:
    disabled = await call.use_cases.disable_instrument(call.actor, InstrumentId(asked.instrument_id))
    return RpcData(data=m.instrument(disabled))


async def save_instruments(call: RpcCall, asked: p.SaveInstrumentsParams) -> RpcData:
    """Enable or disable the instruments, as their `status` says. Their other fields are the venue's to say."""
    call.actor.require(Scope.ADMIN)
    changes: Mapping[InstrumentStatus, Callable[[Actor, InstrumentId], Awaitable[Instrument]]] = {
        InstrumentStatus.ACTIVE: call.use_cases.enable_instrument,
        InstrumentStatus.DISABLED: call.use_cases.disable_instrument,
    }
    wanted = [(each.instrument_id, e.INSTRUMENT_STATUS.read("status", each.status)) for each in asked.instruments]
    if any(status not in changes for _, status in wanted):
        raise InvalidRequest("status: ACTIVE or DISABLED; another is for the venue to say", {"field": "status"})

    async def save(each: tuple[str, InstrumentStatus]) -> m.RpcInstrument:
        return m.instrument(await changes[each[1]](call.actor, InstrumentId(each[0])))

    return await in_turn(wanted, save)


async def sync_securities(call: RpcCall, asked: p.SyncSecuritiesParams) -> RpcData:
    venue_id = parse_venue(asked.venue)
    await call.use_cases.sync_securities(call.actor, venue_id)
    return RpcData(data=[m.security(each) for each in await _securities(call, venue_id, asked.securities)])


async def delete_securities(call: RpcCall, asked: p.DeleteSecuritiesParams) -> RpcData:
    async def delete(security_id: str) -> None:
        await call.use_cases.delete_security(call.actor, SecurityId(security_id))

    return RpcData(error=(await in_turn(asked.security_ids, delete)).error)


async def list_securities(call: RpcCall, asked: p.ListSecuritiesParams) -> RpcData:
    symbols = [*asked.securities, *asked.external_symbols]
    found = await _securities(call, parse_optional_venue(asked.venue), symbols)
    return RpcData(data=[m.security(each) for each in found])


async def list_venues(call: RpcCall, asked: NoParams) -> RpcData:
    return RpcData(data=[str(venue_id) for venue_id, _ in await call.use_cases.list_venues(call.actor)])


async def get_order_book(call: RpcCall, asked: p.OrderBookParams) -> RpcData:
    book = await call.use_cases.get_order_book(call.actor, asked.instrument(), asked.depth)
    return RpcData(data=m.order_book(book))


async def list_order_books(call: RpcCall, asked: p.OrderBooksParams) -> RpcData:
    books = await call.use_cases.list_order_books(call.actor, asked.instruments(), asked.depth)
    return RpcData(data=[m.order_book(book) for book in books])


async def list_tickers(call: RpcCall, asked: p.InstrumentsParams) -> RpcData:
    books = await call.use_cases.list_order_books(call.actor, asked.instruments(), 1)
    return RpcData(data=[m.ticker(book) for book in books])


async def subscribe_order_books(call: RpcCall, asked: p.InstrumentsParams) -> RpcData:
    return await _subscribe_in_turn(call, asked.instruments())


async def unsubscribe_order_book(call: RpcCall, asked: p.UnsubscribeOrderBookParams) -> RpcData:
    named = None if asked.subscription_id is None else SubscriptionId(asked.subscription_id)
    instrument_id = None if asked.instrument_id is None else InstrumentId(asked.instrument_id)
    return RpcData(data=m.subscription(await call.use_cases.unsubscribe_order_book(call.actor, named, instrument_id)))


async def list_order_book_subscriptions(call: RpcCall, asked: p.InstrumentsParams) -> RpcData:
    found = await call.use_cases.list_order_book_subscriptions(call.actor, None)
    venue_id = parse_optional_venue(asked.venue)
    if asked.names_any:
        wanted = set(asked.instruments())
        found = [each for each in found if each.instrument_id in wanted]
    return RpcData(data=[m.subscription(each) for each in found if venue_id in (None, each.venue_id)])


async def create_subscriptions(call: RpcCall, asked: p.CreateSubscriptionParams) -> RpcData:
    call.actor.require(Scope.ADMIN)
    require_type(asked.subscription_type, SubscriptionType.ORDER_BOOK)
    venue = str(parse_venue(asked.venue))
    ids = [text if text.startswith(f"{venue}:") else f"{venue}:{text}" for text in asked.instruments]
    return await _subscribe_in_turn(call, [InstrumentId(id) for id in ids])


async def list_subscriptions(call: RpcCall, asked: p.ListSubscriptionsParams) -> RpcData:
    """List the tenant's subscriptions of both kinds."""
    wanted_type = e.SUBSCRIPTION_TYPE.read_optional("subscriptionType", asked.subscription_type or None)
    venue_id = parse_optional_venue(asked.venue)
    found: list[Subscription] = list(await call.use_cases.list_order_book_subscriptions(call.actor, None))
    if wanted_type in (None, SubscriptionType.TRADING_ACCOUNT) and not asked.instrument_id:
        found += await _account_subscriptions(call)
    shown = [
        each
        for each in found
        if wanted_type in (None, each.type)
        and venue_id in (None, each.venue_id)
        and (not asked.instrument_id or each.instrument_id in asked.instrument_id)
    ]
    return RpcData(data=[m.subscription(each) for each in shown])


async def _subscribe_in_turn(call: RpcCall, instrument_ids: Sequence[InstrumentId]) -> RpcData:
    async def subscribe(instrument_id: InstrumentId) -> m.RpcSubscription:
        return m.subscription(await call.use_cases.subscribe_order_book(call.actor, instrument_id))

    return await in_turn(instrument_ids, subscribe)


async def _account_subscriptions(call: RpcCall) -> list[Subscription]:
    found: list[Subscription] = []
    cursor: str | None = None
    while True:
        page = await call.use_cases.list_account_subscriptions(call.actor, None, PAGE_ITEMS_MAX, 0, cursor)
        found += page.items
        cursor = page.next_cursor
        if cursor is None:
            return found


async def _securities(call: RpcCall, venue_id: VenueId | None, symbols: Sequence[str]) -> list[Security]:
    query = SecurityQuery(venue_id=venue_id, limit=PAGE_ITEMS_MAX)
    found: list[Security] = []
    while True:
        page = await call.use_cases.list_securities(call.actor, query)
        found += page.items
        if not page.has_next:
            return [each for each in found if not symbols or each.symbol in symbols]
        query = replace(query, offset=query.offset + PAGE_ITEMS_MAX)
