"""Lists of a wire, line by line: one that cannot be read is reported in its place, and leaves the others."""

from collections.abc import Callable, Iterable
from typing import TypeVar

import msgspec

from cadenza.adapters.venues.kit.unreadable import unreadable
from cadenza.adapters.venues.kit.words import UnreadablePayload
from cadenza.domain.ids import TradingAccountId
from cadenza.domain.trading.reports import UnreadableReport

L = TypeVar("L")


def read_each(
    lines: Iterable[msgspec.Raw], account_id: TradingAccountId, read: Callable[[msgspec.Raw], L | None]
) -> list[L | UnreadableReport]:
    """Read lines one by one. `read` returns None for a line that is not about the account."""
    found: list[L | UnreadableReport] = []
    for line in lines:
        try:
            one = read(line)
        except UnreadablePayload as error:
            found.append(unreadable(account_id, bytes(line), error))
        else:
            if one is not None:
                found.append(one)
    return found
