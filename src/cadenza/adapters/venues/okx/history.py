"""What happened in an account since an instant: its past orders and executions, kind by kind of instruments."""

from collections.abc import Callable, Mapping
from typing import TypeVar

import msgspec

from cadenza.adapters.venues.kit.lines import read_each
from cadenza.adapters.venues.kit.order_facts import OrderFacts, external, renamed
from cadenza.adapters.venues.kit.payloads import decode
from cadenza.adapters.venues.kit.words import UnreadablePayload
from cadenza.adapters.venues.okx import mapping
from cadenza.adapters.venues.okx.credential import OkxSigner
from cadenza.adapters.venues.okx.endpoints import OLD_FILLS, OLD_ORDERS, OPEN_ORDERS, PAST_ORDERS, OkxEndpoint
from cadenza.adapters.venues.okx.models import OkxFill, OkxOrder
from cadenza.adapters.venues.okx.pages import pages
from cadenza.adapters.venues.okx.parse import AccountScope
from cadenza.adapters.venues.okx.parse_orders import end_report, facts_of_order, fill_report
from cadenza.adapters.venues.okx.rest import OkxRest
from cadenza.adapters.venues.okx.spec import DAY_MS
from cadenza.domain.trading.reports import FillReport, Report, UnreadableReport

RECENT_MS = 6 * DAY_MS
"""Orders of the last seven days have a list of their own, in which canceled ones are found as well."""

Found = TypeVar("Found")


class PastOrders:
    """Reads the past of one account."""

    def __init__(self, rest: OkxRest, signer: OkxSigner, scope: AccountScope) -> None:
        self._rest = rest
        self._signer = signer
        self._scope = scope

    async def reports(self, since_ms: int, until_ms: int) -> list[Report]:
        """Return the orders that were placed since then as they were announced, renames first; then all executions;
        then how those orders ended. An order from before is known, or was announced by an earlier replay; how it ended
        is asked of it by itself. `until_ms` is the venue's present time. Raises `VenueUnavailable` and
        `CredentialRejected`."""
        announced: list[Report] = []
        stated: list[Report] = []
        for facts in await self._orders(since_ms, until_ms):
            if isinstance(facts, UnreadableReport):
                announced.append(facts)
                continue
            announced += renamed(facts)
            if not facts.is_refused and facts.quantity:
                announced.append(external(facts))
            if not facts.is_working:
                stated.append(end_report(facts))
        return [*announced, *await self._fills(since_ms), *stated]

    async def _orders(self, since_ms: int, until_ms: int) -> list[OrderFacts | UnreadableReport]:
        endpoint = PAST_ORDERS if until_ms - since_ms < RECENT_MS else OLD_ORDERS
        found = await self._since(OPEN_ORDERS, {}, "order_id", self._order, _placed_ms, since_ms)
        for kind in mapping.KIND_WORDS[self._scope.account_type]:
            past = await self._since(endpoint, {"instType": kind}, "order_id", self._order, _placed_ms, since_ms)
            found += past
        return found

    async def _fills(self, since_ms: int) -> list[Report]:
        found: list[Report] = []
        for kind in mapping.KIND_WORDS[self._scope.account_type]:
            query = {"instType": kind, "begin": str(since_ms)}
            found += await self._since(OLD_FILLS, query, "bill_id", self._fill, lambda fill: fill.at_ms, since_ms)
        return sorted(found, key=lambda report: report.at_ms)

    async def _since(
        self,
        endpoint: OkxEndpoint,
        query: Mapping[str, str],
        counted_by: str,
        read: Callable[[msgspec.Raw], Found | None],
        at_ms: Callable[[Found], int],
        since_ms: int,
    ) -> list[Found | UnreadableReport]:
        """Return the lines of a list that are not older than an instant, the oldest first."""
        found: list[Found | UnreadableReport] = []
        async for lines in pages(self._rest, self._signer, endpoint, query, counted_by=counted_by):
            page = read_each(lines, self._scope.account_id, read)
            newer = [each for each in page if isinstance(each, UnreadableReport) or at_ms(each) >= since_ms]
            found += newer
            if page and not newer:
                break
        return list(reversed(found))

    def _order(self, line: msgspec.Raw) -> OrderFacts | None:
        row = decode(OkxOrder, line)
        return facts_of_order(row, self._scope) if self._scope.covers(row.kind, row.trade_mode) else None

    def _fill(self, line: msgspec.Raw) -> FillReport | None:
        row = decode(OkxFill, line)
        return fill_report(row, self._scope) if self._scope.covers(row.kind) else None


def _placed_ms(facts: OrderFacts) -> int:
    if facts.placed_at_ms is None:
        raise UnreadablePayload("an order does not say when it was placed")
    return facts.placed_at_ms
