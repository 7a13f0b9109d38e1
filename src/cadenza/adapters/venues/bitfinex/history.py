"""What happened in an account since an instant: its orders and executions, those that are open included."""

import msgspec

from cadenza.adapters.venues.bitfinex.endpoints import OPEN_ORDERS, PAST_ORDERS, PAST_TRADES
from cadenza.adapters.venues.bitfinex.models import OrderFields, TradeFields
from cadenza.adapters.venues.bitfinex.owed_fees import OwedFees
from cadenza.adapters.venues.bitfinex.pages import ORDER_AT, TRADE_AT, past_lines
from cadenza.adapters.venues.bitfinex.parse import AccountScope
from cadenza.adapters.venues.bitfinex.parse_orders import end_report, order_facts, own_fill
from cadenza.adapters.venues.bitfinex.private_keys import PrivateKey
from cadenza.adapters.venues.bitfinex.rest import BitfinexRest
from cadenza.adapters.venues.kit.lines import read_each
from cadenza.adapters.venues.kit.order_facts import OrderFacts, external
from cadenza.adapters.venues.kit.payloads import decode
from cadenza.domain.trading.reports import FillReport, Report, UnreadableReport


class PastOrders:
    """Reads the past of one account."""

    def __init__(self, rest: BitfinexRest, key: PrivateKey, scope: AccountScope, owed: OwedFees) -> None:
        self._rest = rest
        self._key = key
        self._scope = scope
        self._owed = owed

    async def reports(self, since_ms: int) -> list[Report]:
        """Return the orders that were placed since then as they were announced; then all executions; then how orders
        ended since. An order from before is known, or was announced by an earlier replay. Raises `VenueUnavailable`
        and `CredentialRejected`."""
        announced: list[Report] = []
        stated: list[Report] = []
        for facts in [*await self._open(), *await self._past(since_ms)]:
            if isinstance(facts, UnreadableReport):
                announced.append(facts)
                continue
            if not facts.is_refused and (facts.placed_at_ms or 0) >= since_ms:
                announced.append(external(facts))
            if not facts.is_working:
                stated.append(end_report(facts))
        return [*announced, *await self._fills(since_ms), *stated]

    async def _open(self) -> list[OrderFacts | UnreadableReport]:
        lines = await self._rest.rows(self._key, OPEN_ORDERS, {})
        return read_each(lines, self._scope.account_id, lambda line: self._order(line, is_past=False))

    async def _past(self, since_ms: int) -> list[OrderFacts | UnreadableReport]:
        """Return the orders that ended since then, the oldest first."""
        found: list[OrderFacts | UnreadableReport] = []
        async for lines in past_lines(self._rest, self._key, PAST_ORDERS, since_ms, at=ORDER_AT):
            found += read_each(lines, self._scope.account_id, lambda line: self._order(line, is_past=True))
        return list(reversed(found))

    async def _fills(self, since_ms: int) -> list[Report]:
        found: list[Report] = []
        async for lines in past_lines(self._rest, self._key, PAST_TRADES, since_ms, at=TRADE_AT):
            found += read_each(lines, self._scope.account_id, self._fill)
        return sorted(found, key=lambda report: report.at_ms)

    def _order(self, line: msgspec.Raw, *, is_past: bool) -> OrderFacts | None:
        row = decode(OrderFields, line)
        return (
            order_facts(row, self._scope, is_past=is_past) if self._scope.covers_order(row.symbol, row.type) else None
        )

    def _fill(self, line: msgspec.Raw) -> FillReport | None:
        row = decode(TradeFields, line)
        fill = own_fill(row, self._scope)
        if fill is not None:
            self._owed.note(row, line)
        return fill
