"""Lists of the past, window by window, the newest line first."""

from collections.abc import AsyncIterator

import msgspec

from cadenza.adapters.venues.bitfinex.endpoints import RestEndpoint
from cadenza.adapters.venues.bitfinex.private_keys import PrivateKey
from cadenza.adapters.venues.bitfinex.rest import BitfinexRest
from cadenza.adapters.venues.kit.payloads import decode
from cadenza.adapters.venues.kit.words import UnreadablePayload
from cadenza.domain.errors import VenueUnavailable

LINES_MAX = 2_500
"""Lines in one answer."""

ORDER_AT, TRADE_AT = 5, 2
"""In which place of a line its instant stands: that of an order's last change, and that of an execution."""


async def past_lines(
    rest: BitfinexRest,
    key: PrivateKey,
    endpoint: RestEndpoint,
    since_ms: int,
    *,
    at: int,
    until_ms: int | None = None,
    is_urgent: bool = False,
) -> AsyncIterator[list[msgspec.Raw]]:
    """Yield the lines of a list since an instant, and until another (the venue's clock), each once, until an answer is
    not full. The next window ends at the last line's instant, because several lines may have it. Raises
    `VenueUnavailable`, also when one instant has more lines than an answer, and `CredentialRejected`."""
    end: dict[str, int] = {} if until_ms is None else {"end": until_ms}
    seen: set[bytes] = set()
    while True:
        body = {"start": since_ms, "limit": LINES_MAX, **end}
        lines = await rest.rows(key, endpoint, body, is_urgent=is_urgent)
        fresh = [line for line in lines if bytes(line) not in seen]
        yield fresh
        if len(lines) < LINES_MAX:
            return
        last_ms = _instant(lines[-1], at)
        if not fresh or end.get("end") == last_ms:
            raise VenueUnavailable("BITFINEX lists more in one millisecond than it answers with")
        end = {"end": last_ms}
        seen = {bytes(line) for line in lines if _instant(line, at) == last_ms}


def _instant(line: msgspec.Raw, at: int) -> int:
    try:
        return decode(int, decode(list[msgspec.Raw], line)[at])
    except (UnreadablePayload, IndexError) as error:
        raise VenueUnavailable(f"BITFINEX answered with a list whose last line has no instant: {error}") from error
