"""Run the venues' connectors in the background. None of them can delay or fail the platform's start.

A connector is started, again and again until it is; then it is looked after. Whenever its venue comes online, what the
venue lists is read and the order books that somebody needs are opened. Until then the catalogue is what is stored, and
the venue is OFFLINE.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from cadenza.application.market_data.catalogue import Catalogue
from cadenza.application.market_data.keep_book import KeepBook
from cadenza.application.market_data.refresh_catalogue import RefreshCatalogue
from cadenza.domain.errors import CadenzaError, VenueUnavailable
from cadenza.domain.ids import VenueId
from cadenza.ports.clock import Clock
from cadenza.ports.concurrency import Concurrency, Promise
from cadenza.ports.venue import CONNECTOR_START_MS_MAX, Connectors, VenueCondition, VenueConnector, VenueStatus

FIRST_TRY_MS_MAX = 5_000
"""Whoever needs every venue to have been tried once waits at most this long, counted from the start."""

LOOK_MS = 1_000
"""How often a started connector is asked for its status."""

REFRESH_MS = 3_600_000
"""A venue's lists are read again after so long."""


@dataclass(slots=True, kw_only=True)
class _RunningVenue:
    """`is_ready`: since the venue came online its lists were read and its books opened."""

    connector: VenueConnector
    first_try: Promise[bool]
    condition: VenueCondition
    is_started: bool = False
    is_tried: bool = False
    is_ready: bool = False
    refresh_at_ms: int = 0


class RunVenues:
    """The use case, of the platform itself. `run` is the body of one supervised task per venue: it raises when the
    venue fails, and the supervisor logs that and calls it again after a pause.

    `on_change` is called with every change of a venue's condition, `on_online` when a venue has come online.
    """

    def __init__(
        self,
        *,
        connectors: Connectors,
        catalogue: Catalogue,
        refresh: RefreshCatalogue,
        books: KeepBook,
        clock: Clock,
        concurrency: Concurrency,
        on_change: Callable[[VenueId, VenueCondition], None],
        on_online: Callable[[VenueId], None],
    ) -> None:
        self._catalogue = catalogue
        self._refresh = refresh
        self._books = books
        self._clock = clock
        self._concurrency = concurrency
        self._on_change = on_change
        self._on_online = on_online
        self._tried_by_ms = clock.monotonic_ms() + FIRST_TRY_MS_MAX
        offline = VenueCondition(status=VenueStatus.OFFLINE, since_ms=clock.now_ms())
        self._venues: Mapping[VenueId, _RunningVenue] = {
            venue_id: _RunningVenue(connector=connector, first_try=concurrency.promise(), condition=offline)
            for venue_id, connector in connectors.items()
        }

    def status(self, venue_id: VenueId) -> VenueStatus:
        """Return OFFLINE until the connector has started, then what its last contact said."""
        venue = self._venues[venue_id]
        return venue.connector.status() if venue.is_started else VenueStatus.OFFLINE

    def conditions(self) -> Iterator[tuple[VenueId, VenueCondition]]:
        """Yield how every venue is; at most `LOOK_MS` old."""
        return ((venue_id, venue.condition) for venue_id, venue in self._venues.items())

    @property
    def has_tried_all(self) -> bool:
        """Whether every venue has been tried once, or has had its time for that."""
        is_late = self._clock.monotonic_ms() >= self._tried_by_ms
        return is_late or all(venue.is_tried for venue in self._venues.values())

    async def first_try(self, venue_id: VenueId) -> None:
        """Wait until the venue has been tried once, successfully or not; `FIRST_TRY_MS_MAX` from the start at most."""
        venue = self._venues.get(venue_id)
        left_ms = self._tried_by_ms - self._clock.monotonic_ms()
        if venue is not None and left_ms > 0:
            await venue.first_try.wait_for(left_ms)

    async def first_tries(self) -> None:
        """Wait as `first_try` does, for all venues."""
        for venue_id in self._venues:
            await self.first_try(venue_id)

    async def run(self, venue_id: VenueId) -> None:
        """Start the connector unless it has started, then look after it for ever. Raises what the connector raises, and
        `VenueUnavailable` when it takes too long."""
        venue = self._venues[venue_id]
        while True:
            try:
                if not venue.is_started:
                    await self._start(venue_id, venue)
                await self._look(venue_id, venue)
            except Exception as error:  # any failure takes the venue offline; the supervisor logs and tries again
                known = error if isinstance(error, CadenzaError) else None
                cause, detail = (type(error).__name__, None) if known is None else (known.code, known.message)
                self._note(venue_id, self.status(venue_id), cause, detail)
                raise
            finally:
                venue.is_tried = True
                venue.first_try.resolve(True)
            await self._clock.sleep_ms(LOOK_MS)

    async def _start(self, venue_id: VenueId, venue: _RunningVenue) -> None:
        venue.connector.remember(self._catalogue.instruments_of(venue_id))
        if not await self._concurrency.within(CONNECTOR_START_MS_MAX, _started(venue.connector)):
            raise VenueUnavailable(f"the connector of {venue_id} did not start within {CONNECTOR_START_MS_MAX} ms")
        venue.is_started = True

    async def _look(self, venue_id: VenueId, venue: _RunningVenue) -> None:
        status = venue.connector.status()
        if status is not VenueStatus.ONLINE:
            venue.is_ready = False
        elif not venue.is_ready or self._clock.monotonic_ms() >= venue.refresh_at_ms:
            await self._make_ready(venue_id, venue)
        trouble = None if status is VenueStatus.ONLINE else venue.connector.trouble()
        self._note(venue_id, status, None if trouble is None else VenueUnavailable.code, trouble)

    async def _make_ready(self, venue_id: VenueId, venue: _RunningVenue) -> None:
        """Read the lists, then open the books: an instrument may be new. Old lists are no reason to keep books shut."""
        try:
            await self._refresh(venue_id)
            venue.refresh_at_ms = self._clock.monotonic_ms() + REFRESH_MS
        finally:
            if not venue.is_ready:
                await self._books.venue_is_online(venue_id)
                self._on_online(venue_id)
        venue.is_ready = True

    def _note(self, venue_id: VenueId, status: VenueStatus, cause: str | None, detail: str | None) -> None:
        venue = self._venues[venue_id]
        known = venue.condition
        if (known.status, known.cause, known.detail) == (status, cause, detail):
            return
        since_ms = known.since_ms if known.status is status else self._clock.now_ms()
        venue.condition = VenueCondition(status=status, since_ms=since_ms, cause=cause, detail=detail)
        self._on_change(venue_id, venue.condition)


async def _started(connector: VenueConnector) -> bool:
    await connector.start()
    return True
