"""Durable storage for a venue that runs in this process (PAPER, MOCK)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from cadenza.exchange.records import LedgerBalance, OrderHistory, VenueChanges, VenueState

ORDERS_PER_PAGE_MAX = 100
"""Orders per page of an account's history. All fills of these orders come with the page, however many there are."""


@dataclass(frozen=True, slots=True)
class HistoryCursor:
    """Marks how far an account's history has been read: up to this order, whose last change was at `updated_at_ms`."""

    updated_at_ms: int
    venue_order_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryPage:
    """A part of an account's history, read at one moment. `next` is the cursor of the next page. It is None on the last
    page, and only the last page has balances: `covered` are those in which the insurance paid a debt."""

    histories: Sequence[OrderHistory]
    covered: Sequence[LedgerBalance] = ()
    next: HistoryCursor | None = None


class LedgerTakenOver(Exception):
    """Another process runs the venue now. This process must not report or write anything more about it."""


class ExchangeLedger(Protocol):
    """The durable state of one venue. Law: there is one writer. A batch of changes is on disk completely or not at all.
    Everything that is read has been committed. All methods raise `DatabaseUnavailable` when the database does not
    answer; then it is unknown whether a commit happened, and `reload` returns the truth."""

    async def take_over(self) -> VenueState:
        """Become the writer in place of any earlier one, and return the state from which the venue continues."""

    async def reload(self) -> VenueState:
        """Return the committed state. Raises `LedgerTakenOver` when another process is the writer."""

    async def commit(self, changes: VenueChanges) -> None:
        """Write a batch in one transaction. Raises `LedgerTakenOver` and writes nothing when another process is the
        writer."""

    async def histories(self, venue_order_ids: Sequence[str]) -> Sequence[OrderHistory]:
        """Return those of the orders that are known, with their fills."""

    async def since(self, external_id: str, since_ms: int, after: HistoryCursor | None = None) -> HistoryPage:
        """Return a page of the account's orders that were placed or changed since `since_ms`, in the order of their
        last change, as of one moment. The last page also has the balances in which the insurance paid a debt since
        then. An order that changes while a caller reads comes again on a later page. Every change that a balance
        contains is on its page or on an earlier one."""
