"""The catalogue in memory: what is listed, and what each tenant sees of it. Every order asks it."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace

from cadenza.domain.errors import InstrumentNotFound, SecurityNotFound, UnknownCurrency
from cadenza.domain.identity.actor import Actor
from cadenza.domain.ids import Environment, InstrumentId, SecurityId, TenantId, VenueId
from cadenza.domain.market.asset_graph import AssetGraph
from cadenza.domain.market.instrument import Instrument, InstrumentStatus, Security
from cadenza.ports.storage import Storage
from cadenza.ports.storage.market import TenantOverride


@dataclass(frozen=True, slots=True)
class KnownListing:
    """What the copy has of all venues' lists at one instant, after so many changes of the tables."""

    instruments: Mapping[InstrumentId, Instrument]
    securities: Mapping[SecurityId, Security]
    changes: int


@dataclass(frozen=True, slots=True)
class _Load:
    number: int
    changes: int


class _Copied:
    """How one part of the copy follows its tables. Loads are numbered as they begin: one that ends after a later one is
    not shown. A change is counted before its commit, whose answer may be lost, and after it, because a load that began
    before it may not have it."""

    def __init__(self) -> None:
        self.changes = 0
        self._begun = 0
        self._shown = _Load(0, 0)

    @property
    def is_behind(self) -> bool:
        """Whether no load was shown that began after the last change."""
        return self._shown.changes < self.changes

    @contextmanager
    def changing(self) -> Iterator[None]:
        self.changes += 1
        try:
            yield
        finally:
            self.changes += 1

    def begin(self) -> _Load:
        self._begun += 1
        return _Load(self._begun, self.changes)

    def shows(self, load: _Load) -> bool:
        """Whether the load has to be shown: no later one was."""
        if load.number < self._shown.number:
            return False
        self._shown = load
        return True


class Catalogue:
    """A copy of the catalogue's tables. It is loaded at the start and again after each change that this process makes,
    or later if the database did not answer then (`is_behind`).

    Guarantee: answers from memory at once; an older load never replaces a newer one. What venues list is from one
    consistent load, and so is what tenants decided.
    """

    def __init__(self, *, storage: Storage) -> None:
        self._storage = storage
        self._instruments: Mapping[InstrumentId, Instrument] = {}
        self._securities: Mapping[SecurityId, Security] = {}
        self._overrides: dict[tuple[TenantId, InstrumentId], TenantOverride] = {}
        self._deleted_securities: frozenset[tuple[TenantId, SecurityId]] = frozenset()
        self._graphs: dict[VenueId, AssetGraph] = {}
        self._live: Sequence[VenueId] = ()
        self._currencies: frozenset[str] = frozenset()
        self._listing = _Copied()
        self._choices = _Copied()

    def known(self) -> KnownListing:
        """Return what venues list, as it is now. Nothing changes it later."""
        return KnownListing(self._instruments, self._securities, self._listing.changes)

    def changing_listing(self) -> AbstractContextManager[None]:
        """Commit a change of what venues list within this. Whether or not the commit and the load after it succeed, the
        copy is behind until a later load has succeeded."""
        return self._listing.changing()

    def changing_overrides(self) -> AbstractContextManager[None]:
        """Commit a change of what tenants decided within this."""
        return self._choices.changing()

    @property
    def is_behind(self) -> bool:
        """Whether the tables may have more than the copy."""
        return self._listing.is_behind or self._choices.is_behind

    async def load(self) -> None:
        """Read the tables again. Raises `DatabaseUnavailable`, and then shows what it showed before."""
        listing, overriding = self._listing.begin(), self._choices.begin()
        async with self._storage.read() as uow:
            instruments = await uow.catalogue.instruments()
            securities = await uow.catalogue.securities()
            overrides = await uow.catalogue.overrides()
            deleted = await uow.catalogue.deleted_securities()
        if self._listing.shows(listing):
            self._show_listing(instruments, securities)
        if self._choices.shows(overriding):
            self._show_overrides(overrides, deleted)

    async def load_overrides(self) -> None:
        """Read again what tenants decided, which is little beside what venues list. Raises `DatabaseUnavailable`, and
        then shows what it showed before."""
        overriding = self._choices.begin()
        async with self._storage.read() as uow:
            overrides = await uow.catalogue.overrides()
            deleted = await uow.catalogue.deleted_securities()
        if self._choices.shows(overriding):
            self._show_overrides(overrides, deleted)

    def _show_listing(self, instruments: Sequence[Instrument], securities: Sequence[Security]) -> None:
        self._instruments = {each.id: each for each in sorted(instruments, key=lambda each: each.id)}
        self._securities = {each.id: each for each in sorted(securities, key=lambda each: each.id)}
        self._graphs = {}
        listed = {instrument.venue_id for instrument in instruments}
        self._live = sorted(each for each in listed if each.environment is Environment.LIVE)
        self._currencies = frozenset(
            {security.symbol for security in securities}
            | {asset for instrument in instruments for asset in (instrument.base_asset, instrument.quote_asset)}
        )

    def _show_overrides(
        self,
        overrides: Sequence[tuple[TenantId, TenantOverride]],
        deleted_securities: Sequence[tuple[TenantId, SecurityId]],
    ) -> None:
        self._overrides = {(tenant_id, override.instrument_id): override for tenant_id, override in overrides}
        self._deleted_securities = frozenset(deleted_securities)

    def instrument(self, instrument_id: InstrumentId) -> Instrument | None:
        """Return an instrument as the venue lists it."""
        return self._instruments.get(instrument_id)

    def security(self, security_id: SecurityId) -> Security | None:
        """Return a security as the venue lists it."""
        return self._securities.get(security_id)

    def instruments_of(self, venue_id: VenueId) -> Sequence[Instrument]:
        return [instrument for instrument in self._instruments.values() if instrument.venue_id == venue_id]

    def asset_graphs(self, venue_id: VenueId) -> Sequence[AssetGraph]:
        """Return which instruments price assets in one another: those of the venue itself first, then those of each
        other venue that trades for real. A test environment's prices value nothing elsewhere."""
        return [self._graph_of(each) for each in (venue_id, *(each for each in self._live if each != venue_id))]

    def _graph_of(self, venue_id: VenueId) -> AssetGraph:
        graph = self._graphs.get(venue_id)
        if graph is None:
            graph = self._graphs[venue_id] = AssetGraph(self.instruments_of(venue_id))
        return graph

    def require_currency(self, symbol: str) -> None:
        """Raise `UnknownCurrency` unless some venue lists the asset."""
        if symbol not in self._currencies:
            raise UnknownCurrency(f"no venue lists the currency {symbol}", {"currency": symbol})

    def override(self, tenant_id: TenantId, instrument_id: InstrumentId) -> TenantOverride:
        """Return the tenant's own decisions about the instrument."""
        return self._overrides.get((tenant_id, instrument_id)) or TenantOverride(instrument_id, False, False)

    def for_tenant(self, tenant_id: TenantId, instrument_id: InstrumentId) -> Instrument:
        """Return an instrument as the tenant sees it; raise `InstrumentNotFound` when there is none or it was
        deleted."""
        instrument = self._instruments.get(instrument_id)
        seen = None if instrument is None else self._seen_by(tenant_id, instrument)
        if seen is None:
            raise InstrumentNotFound(f"there is no instrument {instrument_id}", {"instrumentId": instrument_id})
        return seen

    def exists_for(self, actor: Actor, instrument_id: InstrumentId) -> bool:
        """Whether the instrument exists for the actor: its tenant did not delete it, and may use its venue."""
        instrument = self._instruments.get(instrument_id)
        seen = None if instrument is None else self._seen_by(actor.tenant_id, instrument)
        return seen is not None and seen.venue_id.access in actor.access

    def all_for_tenant(self, tenant_id: TenantId) -> Sequence[Instrument]:
        """Return what the tenant sees, by id."""
        seen = (self._seen_by(tenant_id, instrument) for instrument in self._instruments.values())
        return [instrument for instrument in seen if instrument is not None]

    def security_for_tenant(self, tenant_id: TenantId, security_id: SecurityId) -> Security:
        """Raises `SecurityNotFound` when there is none or the tenant deleted it."""
        security = self._securities.get(security_id)
        if security is None or (tenant_id, security_id) in self._deleted_securities:
            raise SecurityNotFound(f"there is no security {security_id}", {"securityId": security_id})
        return security

    def securities_for_tenant(self, tenant_id: TenantId) -> Sequence[Security]:
        """Return what the tenant sees, by id."""
        return [
            security for id, security in self._securities.items() if (tenant_id, id) not in self._deleted_securities
        ]

    def deleted_securities_of(self, tenant_id: TenantId) -> Sequence[SecurityId]:
        return [security_id for owner_id, security_id in self._deleted_securities if owner_id == tenant_id]

    def _seen_by(self, tenant_id: TenantId, instrument: Instrument) -> Instrument | None:
        """Return it as the tenant sees it; what its venue delisted is DELISTED, even if the tenant disabled it."""
        override = self._overrides.get((tenant_id, instrument.id))
        if override is None:
            return instrument
        if override.is_deleted:
            return None
        is_disabled = override.is_disabled and instrument.status is not InstrumentStatus.DELISTED
        return replace(instrument, status=InstrumentStatus.DISABLED) if is_disabled else instrument
