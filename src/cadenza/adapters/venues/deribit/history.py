"""What happened in an account since an instant: its past orders and executions, currency by currency, from the recent
stores and the historical ones."""

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import TypeVar

import msgspec

from cadenza.adapters.venues.deribit.credential import DeribitSigner
from cadenza.adapters.venues.deribit.models import OrderPage, OrderRow, TradePage, UserTrade
from cadenza.adapters.venues.deribit.names import currencies_of
from cadenza.adapters.venues.deribit.orders import historical
from cadenza.adapters.venues.deribit.parse import AccountScope
from cadenza.adapters.venues.deribit.parse_orders import end_report, fill_report, is_triggered, order_facts
from cadenza.adapters.venues.deribit.requests import Parameter, RpcMessage
from cadenza.adapters.venues.deribit.rest import DeribitRest
from cadenza.adapters.venues.deribit.spec import RECENT_TRADES_MS, UNFILLED_MEMORY_MS
from cadenza.adapters.venues.kit.lines import read_each
from cadenza.adapters.venues.kit.order_facts import OrderFacts, external, renamed
from cadenza.adapters.venues.kit.payloads import decode
from cadenza.adapters.venues.kit.words import UnreadablePayload
from cadenza.domain.errors import VenueUnavailable
from cadenza.domain.trading.reports import FillReport, Report, UnreadableReport

PAGE_LINES_MAX = 1_000
"""The longest page of a list."""

STORES_OVERLAP_MS = 60_000
"""The historical store is asked too when something may be about to move there."""


P = TypeVar("P", OrderPage, TradePage, list[msgspec.Raw])


class PastOrders:
    """Reads the past of one account."""

    def __init__(self, rest: DeribitRest, signer: DeribitSigner, scope: AccountScope) -> None:
        self._rest = rest
        self._signer = signer
        self._scope = scope

    async def reports(self, since_ms: int, until_ms: int) -> list[Report]:
        """Return the orders that were placed since then as they were announced, renames first; then all executions;
        then how the orders ended that ended since then. `until_ms` is the venue's present time. Raises
        `VenueUnavailable` and `CredentialRejected`."""
        announced: list[Report] = []
        ended: list[Report] = []
        for facts in await self._orders(since_ms, until_ms):
            if isinstance(facts, UnreadableReport):
                announced.append(facts)
                continue
            announced += renamed(facts)
            if not facts.is_refused and (facts.placed_at_ms or 0) >= since_ms:
                announced.append(external(facts))
            if not facts.is_working:
                ended.append(end_report(facts))
        return [*announced, *await self._fills(since_ms, until_ms), *ended]

    def _currencies(self) -> Sequence[str]:
        """The currencies under which the venue lists what the account trades, by the catalogue."""
        names = (name for name in self._scope.instruments if self._scope.covers(name))
        return sorted({currency for name in names for currency in currencies_of(name)})

    # Orders

    async def _orders(self, since_ms: int, until_ms: int) -> list[OrderFacts | UnreadableReport]:
        asked = await self._asked("private/get_open_orders", {"kind": self._scope.kind})
        open_orders = _page(list[msgspec.Raw], asked)
        found = dict.fromkeys(self._read_orders(open_orders, since_ms))
        for currency in self._currencies():
            for is_historical in _stores(since_ms, until_ms, UNFILLED_MEMORY_MS):
                async for lines in self._past_orders(currency, is_historical=is_historical):
                    read = self._read_orders(lines, since_ms)
                    found |= dict.fromkeys(read)
                    if lines and not read:
                        break  # the latest come first
        return sorted(found, key=lambda each: (not isinstance(each, UnreadableReport), each.at_ms))

    def _read_orders(self, lines: list[msgspec.Raw], since_ms: int) -> list[OrderFacts | UnreadableReport]:
        return read_each(lines, self._scope.account_id, lambda line: self._order(line, since_ms))

    def _order(self, line: msgspec.Raw, since_ms: int) -> OrderFacts | None:
        row = decode(OrderRow, line)
        is_told = row.updated_ms >= since_ms and not is_triggered(row)
        return order_facts(row, self._scope) if is_told and self._scope.covers(row.instrument) else None

    async def _past_orders(self, currency: str, *, is_historical: bool) -> AsyncIterator[list[msgspec.Raw]]:
        params: dict[str, Parameter] = {
            "currency": currency,
            "kind": self._scope.kind,
            "count": PAGE_LINES_MAX,
            "include_old": True,
            "include_unfilled": True,
            "with_continuation": True,
            **historical(is_historical),
        }
        read, last = 0, b""
        while True:
            result = await self._asked("private/get_order_history_by_currency", params)
            page = _order_page(result)
            yield page.orders
            read += len(page.orders)
            if page.continuation and page.continuation != params.get("continuation"):
                params["continuation"] = page.continuation
            elif _is_list(result) and len(page.orders) == PAGE_LINES_MAX:
                if bytes(result) == last:
                    raise VenueUnavailable("DERIBIT answers every page of the past orders with the same one")
                params["offset"], last = read, bytes(result)
            else:
                return

    # Executions

    async def _fills(self, since_ms: int, until_ms: int) -> list[Report]:
        found: dict[Report, None] = {}
        for currency in self._currencies():
            for is_historical in _stores(since_ms, until_ms, RECENT_TRADES_MS):
                found |= dict.fromkeys(await self._trades(currency, since_ms, until_ms, is_historical=is_historical))
        return sorted(found, key=lambda report: report.at_ms)

    async def _trades(
        self, currency: str, since_ms: int, until_ms: int, *, is_historical: bool
    ) -> list[FillReport | UnreadableReport]:
        """Return the executions of a currency, the oldest first. A page begins with the last instant of the one before
        it, because several may have that."""
        found: dict[FillReport | UnreadableReport, None] = {}
        start_ms = since_ms
        while True:
            params: dict[str, Parameter] = {
                "currency": currency,
                "kind": self._scope.kind,
                "start_timestamp": start_ms,
                "end_timestamp": until_ms + STORES_OVERLAP_MS,
                "count": PAGE_LINES_MAX,
                "sorting": "asc",
                **historical(is_historical),
            }
            page = _page(TradePage, await self._asked("private/get_user_trades_by_currency_and_time", params))
            read = read_each(page.trades, self._scope.account_id, self._fill)
            found |= dict.fromkeys(read)
            last_ms = max((each.at_ms for each in read), default=start_ms)
            if not page.has_more:
                return list(found)
            if last_ms <= start_ms:
                raise VenueUnavailable("DERIBIT has more executions of one instant than a page holds")
            start_ms = last_ms

    def _fill(self, line: msgspec.Raw) -> FillReport | None:
        row = decode(UserTrade, line)
        return fill_report(row, self._scope) if self._scope.covers(row.instrument) else None

    # Helpers

    async def _asked(self, method: str, params: Mapping[str, Parameter]) -> msgspec.Raw:
        return await self._rest.asked(self._signer, RpcMessage(method, dict(params)))


def _page(type: type[P], result: msgspec.Raw) -> P:
    try:
        return decode(type, result)
    except UnreadablePayload as error:
        raise VenueUnavailable(f"DERIBIT answered with no page: {error}") from error


def _order_page(result: msgspec.Raw) -> OrderPage:
    """The documents show a list, of which `offset` asks for the rest; clients show a page with a token."""
    if _is_list(result):
        return OrderPage(orders=_page(list[msgspec.Raw], result))
    return _page(OrderPage, result)


def _is_list(result: msgspec.Raw) -> bool:
    return bytes(result).startswith(b"[")


def _stores(since_ms: int, until_ms: int, recent_ms: int) -> tuple[bool, ...]:
    """Return which stores are asked: the recent one, and the historical one (True) when the time reaches further back
    than the recent one does."""
    return (False,) if until_ms - since_ms < recent_ms - STORES_OVERLAP_MS else (False, True)
