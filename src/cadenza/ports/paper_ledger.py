"""Where a venue that runs in this process (PAPER, MOCK) writes its truth down."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from cadenza.domain.matching.records import HeldBalance, OrderHistory, VenueChanges, VenueState

ORDERS_PER_PAGE_MAX = 100
"""Orders that are read at once of what changed. A page's fills are read with it, however many they are."""


@dataclass(frozen=True, slots=True)
class Place:
    """How far an account's changes have been read: up to this order, which changed then."""

    updated_at_ms: int
    venue_order_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """A part of what changed, of one moment. `next` is where the next one starts, None when this is the last; only
    then are there balances."""

    histories: Sequence[OrderHistory]
    covered: Sequence[HeldBalance] = ()
    next: Place | None = None


class LedgerTakenOver(Exception):
    """Another process runs the venue now; this one must not say or write anything more about it."""


class PaperLedger(Protocol):
    """The durable state of one venue. Law: one writer; a batch of changes is on disk wholly or not at all; what was
    read of an order is committed. A database that does not answer raises `DatabaseUnavailable`, after which a commit
    may or may not have happened: `reload` tells."""

    async def take_over(self) -> VenueState:
        """Become the writer, whoever was it before, and return what the venue goes on from."""

    async def reload(self) -> VenueState:
        """Return the state as committed. Raises `LedgerTakenOver` when somebody else is the writer."""

    async def commit(self, changes: VenueChanges) -> None:
        """Write a batch in one transaction. Raises `LedgerTakenOver`, with nothing written."""

    async def histories(self, venue_order_ids: Sequence[str]) -> Sequence[OrderHistory]:
        """Return the orders that are known among these, with their fills."""

    async def since(self, external_id: str, since_ms: int, after: Place | None = None) -> Page:
        """Return, of one moment, a page of an account's orders that were placed or changed since then, in the order in
        which they changed last, and with the last page those of its balances in which the insurance paid a debt since
        then. An order that changes meanwhile comes (again) with a later page. What a balance contains has been told
        when it is."""
