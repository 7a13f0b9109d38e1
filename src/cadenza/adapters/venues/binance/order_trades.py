"""The executions of one order, all of them: the venue answers with a page of them, and on USD-M of one week."""

from collections.abc import Iterator
from decimal import Decimal

from cadenza.adapters.venues.binance.credential import BinanceSigner, Parameters
from cadenza.adapters.venues.binance.dialects import MarketDialect, ReadTrades
from cadenza.adapters.venues.binance.history import windows
from cadenza.adapters.venues.binance.parse import AccountScope
from cadenza.adapters.venues.binance.rest import BinanceRest
from cadenza.adapters.venues.kit.order_facts import OrderFacts
from cadenza.adapters.venues.kit.words import UnreadablePayload
from cadenza.domain.errors import VenueUnavailable
from cadenza.domain.money import ZERO
from cadenza.domain.trading.reports import FillReport, Report, UnreadableReport

LINES_MAX = 1_000
"""The longest list of executions, in every market."""


class OrderTrades:
    """Reads the executions of orders of one account. Each answer states at most `LINES_MAX` of them."""

    def __init__(self, rest: BinanceRest, signer: BinanceSigner, dialect: MarketDialect, scope: AccountScope) -> None:
        self._rest = rest
        self._signer = signer
        self._dialect = dialect
        self._scope = scope

    async def of(self, facts: OrderFacts, symbol: str) -> list[Report]:
        """Return the executions of an order, in the order of their numbers within each answer, and the lines that could
        not be read. It asks until the answers make up `facts.executed`, or the venue has no more. Raises
        `VenueUnavailable` and `CredentialRejected`."""
        found = _Found(facts)
        if not facts.executed:
            return found.reports
        order: Parameters = {"symbol": symbol, "orderId": int(facts.venue_order_id), "limit": LINES_MAX}
        for span in self._spans(facts):
            page = await self._page({**order, **span})
            found.add(page)
            if page.count >= LINES_MAX:  # which of them the venue left out, it does not say
                await self._read_by_number(order, found)
                break
            if found.is_whole:
                break
        return found.reports

    async def _read_by_number(self, order: Parameters, found: "_Found") -> None:
        from_id = 0
        while not found.is_whole:
            page = await self._page({**order, "fromId": from_id})
            found.add(page)
            if page.count < LINES_MAX or page.last_id < from_id:
                return
            from_id = page.last_id + 1

    def _spans(self, facts: OrderFacts) -> Iterator[Parameters]:
        """The spans of time to ask about. Without one, USD-M answers with those of the last seven days."""
        span_ms = self._dialect.order_trades_span_ms
        if span_ms is None or facts.placed_at_ms is None:
            yield {}
            return
        until_ms = max(facts.at_ms, self._rest.clock_of(self._dialect.endpoints.market).earliest_ms())
        for start_ms, end_ms in windows(facts.placed_at_ms, until_ms, span_ms):
            yield {"startTime": start_ms, "endTime": end_ms}

    async def _page(self, parameters: Parameters) -> ReadTrades:
        endpoints = self._dialect.endpoints
        body = await self._rest.read_signed(
            endpoints.market, self._signer, endpoints.order_trades, parameters, is_urgent=True
        )
        try:
            return self._dialect.trades(body, self._scope)
        except UnreadablePayload as error:
            raise VenueUnavailable(f"BINANCE answered with no list of executions: {error}") from error


class _Found:
    """What the answers have brought of one order, each execution once."""

    def __init__(self, facts: OrderFacts) -> None:
        self._facts = facts
        self._fills: dict[str, FillReport] = {}
        self._unreadable: list[UnreadableReport] = []
        self._quantity: Decimal = ZERO

    def add(self, page: ReadTrades) -> None:
        for fill in page.fills:
            if fill.venue_order_id == self._facts.venue_order_id and fill.trade_id not in self._fills:
                self._fills[fill.trade_id] = fill
                self._quantity += fill.quantity
        self._unreadable += [each for each in page.unreadable if each not in self._unreadable]

    @property
    def is_whole(self) -> bool:
        return self._quantity >= self._facts.executed

    @property
    def reports(self) -> list[Report]:
        return [*self._fills.values(), *self._unreadable]
