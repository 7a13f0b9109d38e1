"""The executions of one order, all of them: recent ones are listed apart from older ones."""

from decimal import Decimal

import msgspec

from cadenza.adapters.venues.kit.lines import read_each
from cadenza.adapters.venues.kit.order_facts import OrderFacts
from cadenza.adapters.venues.kit.payloads import decode
from cadenza.adapters.venues.okx.credential import OkxSigner
from cadenza.adapters.venues.okx.endpoints import FILLS, OLD_FILLS, OkxEndpoint
from cadenza.adapters.venues.okx.models import OkxFill
from cadenza.adapters.venues.okx.pages import pages
from cadenza.adapters.venues.okx.parse import AccountScope
from cadenza.adapters.venues.okx.parse_orders import fill_report
from cadenza.adapters.venues.okx.rest import OkxRest
from cadenza.domain.money import ZERO
from cadenza.domain.trading.reports import FillReport, Report, UnreadableReport


class OrderTrades:
    """Reads the executions of orders of one account."""

    def __init__(self, rest: OkxRest, signer: OkxSigner, scope: AccountScope) -> None:
        self._rest = rest
        self._signer = signer
        self._scope = scope

    async def of(self, facts: OrderFacts, name: str, kind: str) -> list[Report]:
        """Return the executions of an order, the oldest first, and the lines that could not be read. `name` and `kind`
        are the venue's of its instrument. Those of the last three days are asked for first; older ones only if they do
        not make up `facts.executed`. Raises `VenueUnavailable` and `CredentialRejected`."""
        found: dict[str, FillReport] = {}
        odd: dict[UnreadableReport, None] = {}
        for endpoint in (FILLS, OLD_FILLS):
            if _quantity(found) >= facts.executed:
                break
            for each in await self._listed(endpoint, facts, name, kind):
                if isinstance(each, UnreadableReport):
                    odd[each] = None
                elif each.venue_order_id == facts.venue_order_id:
                    found.setdefault(each.trade_id, each)
        fills = sorted(found.values(), key=lambda fill: fill.at_ms)
        return [*fills, *odd]

    async def _listed(
        self, endpoint: OkxEndpoint, facts: OrderFacts, name: str, kind: str
    ) -> list[FillReport | UnreadableReport]:
        def read(line: msgspec.Raw) -> FillReport:
            return fill_report(decode(OkxFill, line), self._scope)

        query = {"instType": kind, "instId": name, "ordId": facts.venue_order_id}
        found: list[FillReport | UnreadableReport] = []
        async for lines in pages(self._rest, self._signer, endpoint, query, counted_by="bill_id", is_urgent=True):
            found += read_each(lines, self._scope.account_id, read)
        return found


def _quantity(fills: dict[str, FillReport]) -> Decimal:
    return sum((fill.quantity for fill in fills.values()), ZERO)
