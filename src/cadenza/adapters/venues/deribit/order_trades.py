"""The executions of one order, all of them: recent ones and older ones are in two stores."""

from decimal import Decimal

import msgspec

from cadenza.adapters.venues.deribit.credential import DeribitSigner
from cadenza.adapters.venues.deribit.models import TradePage, UserTrade
from cadenza.adapters.venues.deribit.orders import trades_request
from cadenza.adapters.venues.deribit.parse import AccountScope
from cadenza.adapters.venues.deribit.parse_orders import fill_report
from cadenza.adapters.venues.deribit.rest import DeribitRest
from cadenza.adapters.venues.kit.lines import read_each
from cadenza.adapters.venues.kit.order_facts import OrderFacts
from cadenza.adapters.venues.kit.payloads import decode
from cadenza.adapters.venues.kit.words import UnreadablePayload
from cadenza.domain.errors import VenueUnavailable
from cadenza.domain.money import ZERO
from cadenza.domain.trading.reports import FillReport, Report, UnreadableReport


class OrderTrades:
    """Reads the executions of orders of one account."""

    def __init__(self, rest: DeribitRest, signer: DeribitSigner, scope: AccountScope) -> None:
        self._rest = rest
        self._signer = signer
        self._scope = scope

    async def of(self, facts: OrderFacts) -> list[Report]:
        """Return the executions of an order, the oldest first, and the lines that could not be read. The historical
        store is asked only if the recent one does not make up `facts.executed`. Raises `VenueUnavailable` and
        `CredentialRejected`."""
        found: dict[str, FillReport] = {}
        odd: dict[UnreadableReport, None] = {}
        for is_historical in (False, True):
            if _quantity(found) >= facts.executed:
                break
            request = trades_request(facts.venue_order_id, is_historical=is_historical)
            result = await self._rest.asked(self._signer, request, is_urgent=True)
            for each in read_each(_lines(result), self._scope.account_id, self._read):
                if isinstance(each, UnreadableReport):
                    odd[each] = None
                elif each.venue_order_id == facts.venue_order_id:
                    found.setdefault(each.trade_id, each)
        fills = sorted(found.values(), key=lambda fill: fill.at_ms)
        return [*fills, *odd]

    def _read(self, line: msgspec.Raw) -> FillReport:
        return fill_report(decode(UserTrade, line), self._scope)


def _lines(result: msgspec.Raw) -> list[msgspec.Raw]:
    """The documents show a list, and clients an object that has one."""
    try:
        if bytes(result).startswith(b"["):
            return decode(list[msgspec.Raw], result)
        return decode(TradePage, result).trades
    except UnreadablePayload as error:
        raise VenueUnavailable(f"DERIBIT answered with no list of trades: {error}") from error


def _quantity(fills: dict[str, FillReport]) -> Decimal:
    return sum((fill.quantity for fill in fills.values()), ZERO)
