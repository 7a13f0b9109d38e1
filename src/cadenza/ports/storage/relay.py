"""Cursors: how far the accounts' logs have been published by an engine outside of this process."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from cadenza.domain.ids import TradingAccountId


@dataclass(frozen=True, slots=True)
class Backlog:
    """An account whose log has events after the last published one."""

    account_id: TradingAccountId
    published: int
    """The sequence of the last published event; 0 when there is none."""
    last_sequence: int


class RelayRepository(Protocol):
    """The relay's cursors. Law: a claimed cursor is locked until the transaction ends, so only one process relays an
    account at a time. `claim` skips accounts that another process has claimed."""

    async def begin(self, now_ms: int) -> bool:
        """Record that logs are relayed from now on. The first call marks all logs as published up to their current end
        and returns True. Repeating is safe."""

    async def claim(self, accounts_max: int, *, after: TradingAccountId | None) -> Sequence[Backlog]:
        """Return accounts with waiting events, and lock their cursors. Accounts whose id follows `after` come first,
        then the others from the lowest id. A caller that passes the last claimed account as `after` reaches every
        account, however many wait."""

    async def advance(self, published: Mapping[TradingAccountId, int]) -> None:
        """Set the cursors of claimed accounts."""
