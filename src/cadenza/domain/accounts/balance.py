"""Balances: total = free + locked, net = total - borrowed. `locked` is what open orders have reserved."""

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from cadenza.domain.evolve import evolve
from cadenza.domain.ids import TradingAccountId
from cadenza.domain.money import ZERO


class BalanceStatus(StrEnum):
    ACTIVE = "ACTIVE"
    INACTIVE = "INACTIVE"
    FROZEN = "FROZEN"


@dataclass(frozen=True, kw_only=True)  # no slots: `evolve`
class Balance:
    """One asset of one account, in units of the asset. `free` may be negative where a venue allows a debt or a fee came
    out of what an order had locked. `as_of` is the venue's instant or sequence of the newest report that set it; 0 when
    no report did."""

    account_id: TradingAccountId
    asset: str
    total: Decimal = ZERO
    locked: Decimal = ZERO
    borrowed: Decimal = ZERO
    status: BalanceStatus = BalanceStatus.ACTIVE
    as_of: int = 0
    updated_at_ms: int

    @property
    def free(self) -> Decimal:
        return self.total - self.locked

    @property
    def net(self) -> Decimal:
        return self.total - self.borrowed

    @property
    def free_own(self) -> Decimal:
        """What is free and not borrowed; 0 where nothing is."""
        return max(min(self.free, self.net), ZERO)

    def changed(self, *, total: Decimal = ZERO, locked: Decimal = ZERO, at_ms: int) -> "Balance":
        """Add the given amounts (either sign)."""
        return evolve(self, total=self.total + total, locked=self.locked + locked, updated_at_ms=at_ms)
