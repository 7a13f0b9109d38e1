"""How far the accounts' logs have been told to a publisher outside of this process."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from cadenza.domain.ids import TradingAccountId


@dataclass(frozen=True, slots=True)
class Backlog:
    """An account whose log goes on after the last event that was published."""

    account_id: TradingAccountId
    published: int
    """The sequence of that event, 0 when there is none."""
    last_sequence: int


class RelayRepository(Protocol):
    """The relay's cursors. Law: what is claimed is locked until the transaction ends, so that of several processes one
    relays an account at a time; accounts that another one holds are passed over."""

    async def begin(self, now_ms: int) -> bool:
        """Take note that logs are relayed from now on. The first time all logs count as published to their present end,
        and True is returned; repeating is safe."""

    async def claim(self, accounts_max: int, *, after: TradingAccountId | None) -> Sequence[Backlog]:
        """Return accounts with events that wait, and lock their cursors: those that follow `after` by id, then the
        first ones again. Who goes on after the last one claimed comes to every account, however many always wait."""

    async def advance(self, published: Mapping[TradingAccountId, int]) -> None:
        """Set the cursors of claimed accounts."""
