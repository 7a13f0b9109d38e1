"""Lists of the venue, page by page, the newest line first."""

from collections.abc import AsyncIterator, Mapping

import msgspec

from cadenza.adapters.venues.kit.payloads import decode
from cadenza.adapters.venues.kit.words import UnreadablePayload
from cadenza.adapters.venues.okx.credential import OkxSigner
from cadenza.adapters.venues.okx.endpoints import LINES_MAX, OkxEndpoint
from cadenza.adapters.venues.okx.rest import OkxRest
from cadenza.domain.errors import VenueUnavailable


class _LineNumbers(msgspec.Struct, frozen=True, kw_only=True):
    """The numbers that pages are counted by: that of an execution's bill, of an order, or of an algo order."""

    bill_id: str = msgspec.field(name="billId", default="")
    order_id: str = msgspec.field(name="ordId", default="")
    algo_id: str = msgspec.field(name="algoId", default="")


async def pages(
    rest: OkxRest,
    signer: OkxSigner,
    endpoint: OkxEndpoint,
    query: Mapping[str, str],
    *,
    counted_by: str = "order_id",
    is_urgent: bool = False,
) -> AsyncIterator[list[msgspec.Raw]]:
    """Yield the pages of a list, until one is not full. `counted_by` is the field of `_LineNumbers` that the venue
    counts this list by. Raises `VenueUnavailable`, also when a page does not say where the next one begins, and
    `CredentialRejected`."""
    after: dict[str, str] = {}
    while True:
        lines = await rest.rows(signer, endpoint, {**query, "limit": str(LINES_MAX), **after}, is_urgent=is_urgent)
        yield lines
        if len(lines) < LINES_MAX:
            return
        try:
            last: str = getattr(decode(_LineNumbers, lines[-1]), counted_by)
        except UnreadablePayload as error:
            raise VenueUnavailable(f"OKX answered with a page without an end: {error}") from error
        if not last or after.get("after") == last:
            raise VenueUnavailable("OKX answered with a page without an end")
        after = {"after": last}
