"""Venues, instruments, securities and order books."""

from cadenza.adapters.http.endpoint import HttpCall, listing
from cadenza.domain.ids import InstrumentId, SecurityId
from cadenza.wire import market as wire
from cadenza.wire.envelope import Listing, Success
from cadenza.wire.venues import parse_venue


async def list_venues(call: HttpCall, asked: None) -> Success[list[wire.MarketVenue]]:
    found = await call.use_cases.list_venues(call.actor)
    return Success(data=[wire.market_venue(venue_id, status) for venue_id, status in found])


async def sync_instruments(call: HttpCall, asked: wire.SyncMarketInstrumentsRequest) -> Success[wire.SyncedInstruments]:
    total = await call.use_cases.sync_instruments(call.actor, parse_venue(asked.venue), tuple(asked.symbols))
    return Success(data=wire.SyncedInstruments(total=total))


async def delete_instrument(call: HttpCall, asked: wire.InstrumentRequest) -> Success[str]:
    await call.use_cases.delete_instrument(call.actor, InstrumentId(asked.instrument_id))
    return Success(data="ok")


async def enable_instrument(call: HttpCall, asked: wire.InstrumentRequest) -> Success[wire.InstrumentModel]:
    enabled = await call.use_cases.enable_instrument(call.actor, InstrumentId(asked.instrument_id))
    return Success(data=wire.instrument(enabled))


async def disable_instrument(call: HttpCall, asked: wire.InstrumentRequest) -> Success[wire.InstrumentModel]:
    disabled = await call.use_cases.disable_instrument(call.actor, InstrumentId(asked.instrument_id))
    return Success(data=wire.instrument(disabled))


async def list_instruments(call: HttpCall, asked: wire.ListMarketInstrumentsQuery) -> Listing[wire.InstrumentModel]:
    return await listing(await call.use_cases.list_instruments(call.actor, asked.to_query()), wire.instrument)


async def sync_securities(call: HttpCall, asked: wire.SyncMarketSecuritiesRequest) -> Success[str]:
    await call.use_cases.sync_securities(call.actor, parse_venue(asked.venue))
    return Success(data="ok")


async def delete_security(call: HttpCall, asked: wire.DeleteMarketSecurityRequest) -> Success[wire.FinancialSecurity]:
    deleted = await call.use_cases.delete_security(call.actor, SecurityId(asked.security_id))
    return Success(data=wire.financial_security(deleted))


async def list_securities(call: HttpCall, asked: wire.ListMarketSecuritiesQuery) -> Listing[wire.FinancialSecurity]:
    return await listing(await call.use_cases.list_securities(call.actor, asked.to_query()), wire.financial_security)


async def get_order_book(call: HttpCall, asked: wire.GetMarketOrderBookQuery) -> Success[wire.OrderBookModel]:
    book = await call.use_cases.get_order_book(call.actor, asked.instrument(), asked.depth)
    return Success(data=wire.order_book(book))


async def list_order_books(call: HttpCall, asked: wire.ListMarketOrderBooksQuery) -> Success[list[wire.OrderBookModel]]:
    books = await call.use_cases.list_order_books(call.actor, asked.instruments(), asked.depth)
    return Success(data=[wire.order_book(book) for book in books])
