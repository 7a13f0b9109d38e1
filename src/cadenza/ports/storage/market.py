"""The shared catalogue of instruments and securities, and each tenant's own view of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from cadenza.domain.ids import InstrumentId, SecurityId, TenantId, VenueId
from cadenza.domain.market.instrument import Instrument, Security
from cadenza.ports.venue import VenueCondition


@dataclass(frozen=True, slots=True)
class TenantOverride:
    """A tenant's decisions about an instrument: a disabled one stays disabled through every sync, and a deleted one is
    hidden."""

    instrument_id: InstrumentId
    is_disabled: bool
    is_deleted: bool


class CatalogueRepository(Protocol):
    """Law: rows of the catalogue are never removed, because orders refer to them; they become DELISTED."""

    async def upsert_instruments(self, instruments: Sequence[Instrument]) -> None: ...

    async def deactivate_unreadable(
        self, venue_id: VenueId, external_symbols: Sequence[str], readable: Sequence[InstrumentId]
    ) -> int:
        """Mark the venue's instruments of these symbols INACTIVE, but not those that were readable or are DELISTED.
        Return how many were not INACTIVE before. Two instruments may share a symbol."""

    async def delist_missing(
        self, venue_id: VenueId, listed: Sequence[InstrumentId], external_symbols: Sequence[str]
    ) -> int:
        """Mark the venue's other instruments DELISTED: those that have neither one of these ids nor one of these
        symbols. Return how many were not DELISTED before."""

    async def upsert_securities(self, securities: Sequence[Security]) -> None: ...

    async def instruments(self) -> Sequence[Instrument]: ...

    async def securities(self) -> Sequence[Security]: ...

    async def overrides(self) -> Sequence[tuple[TenantId, TenantOverride]]: ...

    async def set_override(self, tenant_id: TenantId, override: TenantOverride) -> None: ...

    async def deleted_securities(self) -> Sequence[tuple[TenantId, SecurityId]]: ...

    async def set_security_deleted(self, tenant_id: TenantId, security_id: SecurityId, is_deleted: bool) -> None: ...

    async def open_use_of(self, tenant_id: TenantId, instrument_id: InstrumentId) -> int:
        """Return how many open orders and open positions of the tenant refer to the instrument."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NotedCondition:
    """How a venue was when a server last noted it, at `noted_at_ms` (our clock)."""

    venue_id: VenueId
    condition: VenueCondition
    noted_at_ms: int


class VenueConditions(Protocol):
    """How the venues are, as the running server notes it, for those who are not in its process."""

    async def note(self, conditions: Mapping[VenueId, VenueCondition], at_ms: int) -> None:
        """Replace what is noted: a venue that is left out is not connected any more."""

    async def all(self) -> Sequence[NotedCondition]:
        """Return what is noted, in the order of the venues' names."""
