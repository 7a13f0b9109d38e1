"""Keeps the feed of one book whole: a snapshot, then the changes that continue it. Pure; time is passed in.

It follows the numbers of the messages and holds no level. The book itself lies behind the sink.
"""

from collections import deque
from enum import Enum

from cadenza.domain.ids import InstrumentId
from cadenza.domain.market.book_messages import BookDelta, BookSnapshot
from cadenza.domain.market.book_rule import BookRule, Continuation, Continuity
from cadenza.domain.market.order_book import DUPLICATES_MAX
from cadenza.ports.venue import MarketSink

BUFFERED_MAX = 2_000
"""Changes that wait for a snapshot. Beyond that the oldest are dropped, so a later snapshot is needed."""

HELD_MAX = 200
HOLD_MS = 3_000
"""A change from a second connection may be ahead of the first one. So many may wait, and for so long."""


class SyncState(Enum):
    LOST = "lost"
    """There is no stream. Nothing is taken."""
    WAITING = "waiting"
    """Changes are buffered until a snapshot comes that they continue."""
    LIVE = "live"
    """The book behind the sink is whole up to the last message."""


class BookSync:
    """Turns a stream of changes and separate snapshots into the feed of one book.

    Law: what the sink gets after a snapshot continues that snapshot without a gap, by the venue's rule. The first
    message that does not continue it makes the book stale at once (`on_stale`), and a new snapshot is needed; changes
    that came meanwhile are buffered and applied after it. A message that the book contains already is dropped. Nothing
    here decides when to ask for a snapshot: the owner looks at `needs_snapshot`.

    `source` is the number of the connection that delivered a change. While one connection replaces another, both
    deliver, and the newer one may be ahead: its changes are held until the older one has caught up, for `HOLD_MS` at
    most. Instants are monotonic ms.
    """

    def __init__(self, instrument_id: InstrumentId, rule: BookRule, sink: MarketSink) -> None:
        self.instrument_id = instrument_id
        self.state = SyncState.LOST
        self.round = 0
        """Grows with each `begin`. A snapshot that was asked for in an earlier round is not taken."""
        self.gaps_total = 0
        """How often a message did not continue the book."""
        self.heard_ms = 0
        """When the stream or a reading last showed that the book is up to date."""
        self._rule = rule
        self._sink = sink
        self._sequence = 0
        self._previous: int | None = None
        self._source: int | None = None
        self._duplicates = 0
        self._buffered: deque[tuple[BookDelta, int]] = deque(maxlen=BUFFERED_MAX)
        self._held: list[tuple[BookDelta, int]] = []
        self._held_since_ms = 0

    @property
    def needs_snapshot(self) -> bool:
        return self.state is SyncState.WAITING

    @property
    def has_buffered(self) -> bool:
        """Whether changes wait for a snapshot."""
        return bool(self._buffered)

    @property
    def sequence(self) -> int:
        """The venue's number of the last message in the book."""
        return self._sequence

    def begin(self) -> None:
        """The stream was subscribed to: from now on no change is missed. A book that was live is stale."""
        self._stop(SyncState.WAITING)
        self.round += 1

    def lose(self) -> None:
        """The stream ended: the book is stale, and nothing is taken until `begin`."""
        self._stop(SyncState.LOST)

    def on_snapshot(self, snapshot: BookSnapshot, round: int, now_ms: int) -> bool:
        """Take a snapshot that was asked for in `round`. Return whether the book is live with it: a snapshot is too
        old when the first buffered change does not continue it."""
        if self.state is not SyncState.WAITING or round != self.round:
            return self.state is SyncState.LIVE
        continued = self._continued(snapshot)
        if continued is None:
            return False
        self.state, self.heard_ms = SyncState.LIVE, now_ms
        self._sequence, self._previous, self._duplicates = snapshot.sequence, None, 0
        self._buffered.clear()
        self._sink.on_snapshot(snapshot)
        for delta, source in continued:
            self._deliver(delta, source, now_ms)
        return True

    def refresh(self, snapshot: BookSnapshot, round: int, now_ms: int) -> bool:
        """Take a newer snapshot of a live book that no change has touched since its last snapshot. It replaces the
        book, whose age begins again. This serves rules under which such a book takes no heartbeat. Return False when
        the snapshot does not fit."""
        is_untouched = self.state is SyncState.LIVE and self._previous is None and round == self.round
        if not is_untouched or snapshot.sequence < self._sequence:
            return False
        self._sequence, self.heard_ms = snapshot.sequence, now_ms
        self._sink.on_snapshot(snapshot)
        return True

    def on_delta(self, delta: BookDelta, source: int, now_ms: int) -> None:
        """Take a change, in the order in which the connection delivered it."""
        if self.state is SyncState.WAITING:
            self._buffered.append((delta, source))
        elif self.state is SyncState.LIVE:
            self._on_live_delta(delta, source, now_ms)

    def heartbeat(self, at_ms: int, now_ms: int) -> bool:
        """A reading has shown that the book is up to date although no change came: publish that as a change without
        levels. `at_ms` is the venue's time. False when the book is not live, or its rule has no such message."""
        if self.state is not SyncState.LIVE or not self._has_heartbeat():
            return False
        self.heard_ms = now_ms
        names_previous = self._rule.continuity is not Continuity.RANGE
        self._sink.on_delta(
            BookDelta(
                instrument_id=self.instrument_id,
                bids=(),
                asks=(),
                sequence=self._sequence,
                first_sequence=None if self._rule.continuity is Continuity.PREVIOUS else self._sequence,
                previous_sequence=self._sequence if names_previous else None,
                at_ms=at_ms,
            )
        )
        return True

    def check(self, now_ms: int) -> None:
        """Give up waiting for an older connection that does not catch up. Call it about once a second."""
        if self._held and now_ms - self._held_since_ms > HOLD_MS:
            self._gap()

    def resync(self) -> None:
        """Something else has shown that the book is wrong: it is stale, and a new snapshot is needed."""
        if self.state is SyncState.LIVE:
            self._gap()

    def _on_live_delta(self, delta: BookDelta, source: int, now_ms: int) -> None:
        match self._rule.continuation(delta, self._sequence, self._previous):
            case Continuation.NEXT:
                self._deliver(delta, source, now_ms)
                if self._held:
                    self._deliver_held(now_ms)
            case Continuation.DUPLICATE:
                self._duplicates += 1
                if self._duplicates > DUPLICATES_MAX:
                    self._gap((delta, source))
            case Continuation.GAP:
                if self._may_be_ahead(source):
                    self._hold(delta, source, now_ms)
                else:
                    self._gap((delta, source))
            case Continuation.REFUSED:
                self._sink.on_delta(delta)  # the book refuses it as well, and counts it
                self._gap()

    def _continued(self, snapshot: BookSnapshot) -> list[tuple[BookDelta, int]] | None:
        """Return the buffered changes that continue the snapshot. When one does not, return None, and keep that one and
        those behind it for a later snapshot."""
        sequence, previous = snapshot.sequence, None
        continued: list[tuple[BookDelta, int]] = []
        for index, (delta, source) in enumerate(self._buffered):
            continuation = self._rule.continuation(delta, sequence, previous)
            if continuation is Continuation.NEXT:
                continued.append((delta, source))
                sequence, previous = delta.sequence, delta.previous_sequence
            elif continuation is not Continuation.DUPLICATE:
                is_refused = continuation is Continuation.REFUSED
                kept = list(self._buffered)[index + is_refused :]
                self._buffered = deque(kept, maxlen=BUFFERED_MAX)
                return None
        return continued

    def _deliver(self, delta: BookDelta, source: int, now_ms: int) -> None:
        self._sequence, self._previous = delta.sequence, delta.previous_sequence
        self._source, self._duplicates, self.heard_ms = source, 0, now_ms
        self._sink.on_delta(delta)

    def _may_be_ahead(self, source: int) -> bool:
        return self._source is not None and source > self._source and len(self._held) < HELD_MAX

    def _hold(self, delta: BookDelta, source: int, now_ms: int) -> None:
        if not self._held:
            self._held_since_ms = now_ms
        self._held.append((delta, source))

    def _deliver_held(self, now_ms: int) -> None:
        """Deliver what the older connection has caught up with."""
        held, self._held = self._held, []
        for index, (delta, source) in enumerate(held):
            continuation = self._rule.continuation(delta, self._sequence, self._previous)
            if continuation is Continuation.NEXT:
                self._deliver(delta, source, now_ms)
            elif continuation is not Continuation.DUPLICATE:
                self._held = held[index:]
                return

    def _gap(self, *found: tuple[BookDelta, int]) -> None:
        self.gaps_total += 1
        kept = [*self._held, *found]
        self._stop(SyncState.WAITING)
        self._buffered.extend(kept)

    def _stop(self, state: SyncState) -> None:
        was_live = self.state is SyncState.LIVE
        self.state = state
        self._buffered.clear()
        self._held = []
        self._source = None
        self._duplicates = 0
        if was_live:
            self._sink.on_stale(self.instrument_id)

    def _has_heartbeat(self) -> bool:
        match self._rule.continuity:
            case Continuity.RANGE | Continuity.PREVIOUS:
                return True
            case Continuity.RANGE_AND_PREVIOUS:
                return self._previous is not None  # the first change after a snapshot is judged by its range alone
            case Continuity.COUNT | Continuity.REPLACE:
                return False
