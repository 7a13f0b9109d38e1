"""Events: our own facts, appended to the account's log in the transaction that made them true.

The log of an account is the history of its realtime channel: `sequence` is the offset. Every event carries the whole
state it is about, so a reader needs no other table to tell the story.
"""

from dataclasses import dataclass

from cadenza.domain.accounts.trading_account import TradingAccount
from cadenza.domain.ids import TenantId, TradingAccountId
from cadenza.domain.trading.order import Order
from cadenza.domain.trading.portfolio import Portfolio

__all__ = ["AccountEvent", "AccountUpdated", "EventBody", "OrderUpdated", "PortfolioUpdated"]


@dataclass(frozen=True, slots=True)
class OrderUpdated:
    order: Order


@dataclass(frozen=True, slots=True)
class PortfolioUpdated:
    portfolio: Portfolio


@dataclass(frozen=True, slots=True)
class AccountUpdated:
    account: TradingAccount


EventBody = OrderUpdated | PortfolioUpdated | AccountUpdated


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountEvent:
    """One row of an account's log; sequences start at 1 and have no gap."""

    account_id: TradingAccountId
    tenant_id: TenantId
    sequence: int
    at_ms: int
    body: EventBody
