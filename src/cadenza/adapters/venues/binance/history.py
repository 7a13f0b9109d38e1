"""What happened in an account since an instant: its past orders and executions, symbol by symbol."""

from collections.abc import AsyncIterator, Callable, Collection, Iterator, Sequence
from typing import TypeVar

from cadenza.adapters.venues.binance.classify import HTTP_OK, error_body
from cadenza.adapters.venues.binance.credential import BinanceSigner, ParameterValue
from cadenza.adapters.venues.binance.dialects import MarketDialect, ReadLinks, ReadOrders, ReadTrades
from cadenza.adapters.venues.binance.endpoints import BinanceEndpoint
from cadenza.adapters.venues.binance.parse import AccountScope
from cadenza.adapters.venues.binance.rest import READING_TURN_MS_MAX, BinanceRest, body_of, request_of
from cadenza.adapters.venues.binance.spec import REPLAY_WINDOW_MS, USDM_SPAN_MS
from cadenza.adapters.venues.kit.order_facts import external, status
from cadenza.adapters.venues.kit.replay_pieces import replay_pieces
from cadenza.adapters.venues.kit.words import UnreadablePayload
from cadenza.domain.errors import CredentialRejected, VenueUnavailable
from cadenza.domain.trading.reports import AcceptedReport, Report
from cadenza.network.outcomes import Answered, Outcome
from cadenza.ports.clock import Clock
from cadenza.ports.venue import ReplayPiece

WINDOWS_MAX = 14
"""A replay of more windows than this pages through the whole list by the venue's numbers: that takes fewer requests."""

FEW_ORDERS = 100
"""A symbol with fewer orders than this is asked for all of them at once."""

LINK_WINDOWS_MAX = 13
"""About as far back as the venue knows orders."""

INVALID_SYMBOL = -1121

Page = TypeVar("Page", ReadOrders, ReadTrades, ReadLinks)


class PastOrders:
    """Reads the past of one account. `unlist` takes a symbol that the venue does not know any more, and `traded` one in
    which the account turns out to trade."""

    def __init__(
        self,
        rest: BinanceRest,
        signer: BinanceSigner,
        dialect: MarketDialect,
        scope: AccountScope,
        unlist: Callable[[str], None],
        traded: Callable[[str], None],
        clock: Clock,
    ) -> None:
        self._rest = rest
        self._signer = signer
        self._dialect = dialect
        self._scope = scope
        self._unlist = unlist
        self._traded = traded
        self._clock = clock
        self._venue_clock = rest.clocks[dialect.endpoints.market]

    async def pieces(
        self, symbols: Sequence[str], since_ms: int, until_ms: int, untraded: Collection[str] = ()
    ) -> AsyncIterator[ReplayPiece]:
        """Yield what happened in these symbols, as `ExecutionSession.replay` does: the venue has no list of all.
        `until_ms` is the venue's present time. In those that are `untraded` the account was never seen to trade."""
        if self._dialect.depth_ms is not None:
            since_ms = max(since_ms, until_ms - self._dialect.depth_ms)
        for symbol in symbols:
            past = self._of_untraded if symbol in untraded else self._of_symbol
            reading = past(symbol, since_ms, until_ms)
            async for piece in replay_pieces(reading, since_ms, self._clock, self._venue_clock):
                yield piece
        yield ReplayPiece(reports=(), covers_from_ms=since_ms)

    async def _of_untraded(self, symbol: str, since_ms: int, until_ms: int) -> list[Report]:
        """Return the same as `_of_symbol`, by one list where nothing has happened: that of all orders that the symbol
        has, which are few. An order that has executed has changed since, or with it, so when none has changed, nothing
        was executed either. Executions need no list of their own then."""
        endpoint, dialect = self._dialect.endpoints.past_orders, self._dialect
        orders = await self._page(endpoint, dialect.orders, symbol, {"orderId": 0}, FEW_ORDERS)
        is_whole = len(orders.facts) == orders.count < FEW_ORDERS
        if is_whole and all(facts.at_ms < since_ms for facts in orders.facts):
            return []
        self._traded(symbol)
        return await self._of_symbol(symbol, since_ms, until_ms)

    async def _of_symbol(self, symbol: str, since_ms: int, until_ms: int) -> list[Report]:
        """Return the orders of a symbol as they were announced, then their executions, then how they stand. Before all
        that come the links of conditional orders to what they have become, so that what they became is no order of a
        stranger."""
        endpoints, dialect = self._dialect.endpoints, self._dialect
        announced: list[Report] = []
        fills: list[Report] = []
        stated: list[Report] = []
        triggered: set[str] = set()
        async for orders in self._pages(endpoints.past_orders, "orderId", dialect.orders, symbol, since_ms, until_ms):
            recent = [facts for facts in orders.facts if facts.at_ms >= since_ms]
            announced += [external(facts) for facts in recent if not facts.is_refused]
            announced += orders.unreadable
            triggered |= orders.triggered & {facts.venue_order_id for facts in recent}
            stated += [status(facts) for facts in recent if not facts.is_working]
        async for trades in self._pages(endpoints.trades, "fromId", dialect.trades, symbol, since_ms, until_ms):
            fills += [fill for fill in trades.fills if fill.at_ms >= since_ms]
            fills += trades.unreadable
        links = await self.links(symbol, triggered, until_ms) if triggered else []
        return [*links, *announced, *fills, *stated]

    async def links(self, symbol: str, triggered: Collection[str], until_ms: int) -> list[AcceptedReport]:
        """Return what gives conditional orders the ids that they have now, of these `triggered` ones. The venue does
        not say which conditional order an order was, so the past conditional orders are read, the newest first, until
        all are found or `LINK_WINDOWS_MAX` weeks are read. Raises `VenueUnavailable`."""
        endpoint, dialect = self._dialect.conditional_orders, self._dialect
        found: list[AcceptedReport] = []
        if endpoint is None:
            return found
        missing = set(triggered)
        for week in range(LINK_WINDOWS_MAX):
            end_ms = until_ms - week * USDM_SPAN_MS
            parameters: dict[str, ParameterValue] = {"startTime": end_ms - USDM_SPAN_MS + 1, "endTime": end_ms}
            last_id = 0
            while missing:
                page = await self._page(endpoint, dialect.links, symbol, parameters)
                found += [link for link in page.reports if link.venue_order_id in missing]
                missing -= page.became
                if page.count < self._dialect.endpoints.lines_max or page.last_id <= last_id:
                    break
                last_id = page.last_id
                parameters = {"algoId": last_id + 1}
            if not missing:
                break
        return found

    async def _pages(
        self,
        endpoint: BinanceEndpoint,
        id_name: str,
        read: Callable[[bytes, AccountScope], Page],
        symbol: str,
        since_ms: int,
        until_ms: int,
    ) -> AsyncIterator[Page]:
        """Yield the pages of a list: by windows of time; from where one is full, by the venue's numbers."""
        lines_max = self._dialect.endpoints.lines_max
        spans = list(windows(since_ms, until_ms, REPLAY_WINDOW_MS))
        next_id = 0 if len(spans) > WINDOWS_MAX else None
        for start_ms, end_ms in spans if next_id is None else ():
            page = await self._page(endpoint, read, symbol, {"startTime": start_ms, "endTime": end_ms})
            yield page
            if page.count >= lines_max:
                next_id = page.last_id + 1
                break
        while next_id is not None:
            page = await self._page(endpoint, read, symbol, {id_name: next_id})
            yield page
            next_id = page.last_id + 1 if page.count >= lines_max and page.last_id >= next_id else None

    async def _page(
        self,
        endpoint: BinanceEndpoint,
        read: Callable[[bytes, AccountScope], Page],
        symbol: str,
        parameters: dict[str, ParameterValue],
        lines_max: int | None = None,
    ) -> Page:
        market = self._dialect.endpoints.market
        limit = lines_max or self._dialect.endpoints.lines_max
        make = request_of(endpoint, {"symbol": symbol, **parameters, "limit": limit})
        by_ms = self._clock.monotonic_ms() + READING_TURN_MS_MAX
        outcome = await self._rest.signed(market, self._signer, make, weight=endpoint.weight, leave_by_ms=by_ms)
        if is_unknown_symbol(outcome):
            self._unlist(symbol)
        try:
            return read(body_of(market, outcome), self._scope)
        except CredentialRejected as error:
            raise VenueUnavailable(str(error)) from error
        except UnreadablePayload as error:
            raise VenueUnavailable(f"BINANCE answered with no list: {error}") from error


def is_unknown_symbol(outcome: Outcome) -> bool:
    """Whether the venue answered that it does not know the symbol (any more)."""
    if not isinstance(outcome, Answered) or outcome.status == HTTP_OK:
        return False
    error = error_body(outcome.body)
    return error is not None and error.code == INVALID_SYMBOL


def windows(since_ms: int, until_ms: int, span_ms: int) -> Iterator[tuple[int, int]]:
    """Yield the first and the last instant of spans of `span_ms` each, from one instant to the other or a little past
    it."""
    start_ms = since_ms
    while True:
        end_ms = start_ms + span_ms - 1
        yield start_ms, end_ms
        if end_ms >= until_ms:
            return
        start_ms = end_ms + 1
